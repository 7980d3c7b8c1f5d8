"""Ways to get the outer gradient, a file each: interchangeable parts of meta_train.

backpropagation.py is exact, truncated.py cuts the way back, evolution_strategies.py needs no way back; truncated_es.py
cuts it as well, and persistent.py (PES) mends what the cut breaks. All of them are an `Estimator` (base.py).
"""

from .backpropagation import Backpropagation
from .base import Divergences, Estimator
from .evolution_strategies import EvolutionStrategies
from .persistent import PES, PESState
from .truncated import Truncated, TruncatedState
from .truncated_es import TruncatedES, TruncatedESState

__all__ = [
    "PES",
    "Backpropagation",
    "Divergences",
    "Estimator",
    "EvolutionStrategies",
    "PESState",
    "Truncated",
    "TruncatedES",
    "TruncatedESState",
    "TruncatedState",
]
