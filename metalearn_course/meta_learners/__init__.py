"""What owns phi: a file a method, each recognizable from its paper's equations."""

from .base import MetaLearner, Predictor
from .fine_tuned import FineTuned
from .maml import MAML
from .nearest_neighbor import NearestNeighbor

__all__ = ["MAML", "FineTuned", "MetaLearner", "NearestNeighbor", "Predictor"]
