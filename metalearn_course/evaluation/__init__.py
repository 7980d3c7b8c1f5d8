"""How good is it, and how do we know: one yardstick, with intervals, protocols and measured dependencies."""

from .compare import Row, compare
from .curves import curves
from .dependencies import Dependencies, dependencies
from .evaluate import Evaluation, evaluate
from .instances import InstanceAccuracy, instance_accuracy
from .metrics import accuracy, half_width, mse
from .predictions import in_mode, predictions
from .tune import Tuned, tune

__all__ = [
    "Dependencies",
    "Evaluation",
    "InstanceAccuracy",
    "Row",
    "Tuned",
    "accuracy",
    "compare",
    "curves",
    "dependencies",
    "evaluate",
    "half_width",
    "in_mode",
    "instance_accuracy",
    "mse",
    "predictions",
    "tune",
]
