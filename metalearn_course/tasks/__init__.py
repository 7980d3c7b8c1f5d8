"""Distributions over tasks. Everything here has `sample(tasks, generator) -> Task`, a stack of tasks."""

from .bandits import Bandits, regret
from .characters import Characters, characters
from .check import check_tasks
from .episodes import Episodes
from .folders import images_from_folder
from .image_classes import ImageClasses
from .lake_runs import lake_runs
from .mini_batches import MiniBatches, digits, table
from .pictures import pictures
from .point_clouds import PointClouds
from .quadratics import Quadratics, summed_squares
from .regressions import Regressions
from .sinusoids import Sinusoids
from .symbols import my_symbols
from .task import Examples, Task, TaskDistribution, one_task, stack_tasks
from .thresholds import Thresholds

__all__ = [
    "Bandits",
    "Characters",
    "Episodes",
    "Examples",
    "ImageClasses",
    "MiniBatches",
    "PointClouds",
    "Quadratics",
    "Regressions",
    "Sinusoids",
    "Task",
    "TaskDistribution",
    "Thresholds",
    "characters",
    "check_tasks",
    "digits",
    "images_from_folder",
    "lake_runs",
    "my_symbols",
    "one_task",
    "pictures",
    "regret",
    "stack_tasks",
    "summed_squares",
    "table",
]
