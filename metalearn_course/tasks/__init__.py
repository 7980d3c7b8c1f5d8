"""Distributions over tasks. Everything here has `sample(tasks, generator) -> Task`, a stack of tasks."""

from .characters import Characters, characters
from .episodes import Episodes
from .sinusoids import Sinusoids
from .symbols import my_symbols
from .task import Examples, Task, check_tasks

__all__ = ["Characters", "Episodes", "Examples", "Sinusoids", "Task", "characters", "check_tasks", "my_symbols"]
