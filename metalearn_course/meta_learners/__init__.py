"""What owns phi: a file a method, each recognizable from its paper's equations."""

from .base import MetaLearner, Predictor
from .fine_tuned import FineTuned
from .lstm_reader import LSTMReader
from .maml import MAML
from .matching import Matching
from .memory_augmented import MemoryAugmented
from .meta_networks import MetaNetworks
from .nearest_neighbor import NearestNeighbor
from .neural_process import NeuralProcess
from .prototypical import Prototypical
from .reader import Reader
from .relation import Relation
from .siamese import Siamese
from .snail import SNAIL

__all__ = [
    "MAML",
    "SNAIL",
    "FineTuned",
    "LSTMReader",
    "Matching",
    "MemoryAugmented",
    "MetaLearner",
    "MetaNetworks",
    "NearestNeighbor",
    "NeuralProcess",
    "Predictor",
    "Prototypical",
    "Reader",
    "Relation",
    "Siamese",
]
