"""Distributions over tasks. Everything here has `sample(tasks, generator) -> Task`, a stack of tasks."""

from .characters import Characters, characters
from .check import check_tasks
from .episodes import Episodes
from .mini_batches import MiniBatches, digits, table
from .point_clouds import PointClouds
from .quadratics import Quadratics, summed_squares
from .sinusoids import Sinusoids
from .symbols import my_symbols
from .task import Examples, Task, TaskDistribution, one_task, stack_tasks

__all__ = [
    "Characters",
    "Episodes",
    "Examples",
    "MiniBatches",
    "PointClouds",
    "Quadratics",
    "Sinusoids",
    "Task",
    "TaskDistribution",
    "characters",
    "check_tasks",
    "digits",
    "my_symbols",
    "one_task",
    "stack_tasks",
    "summed_squares",
    "table",
]
