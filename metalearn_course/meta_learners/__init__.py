"""What owns phi: a file a method, each recognizable from its paper's equations.

Six are reduced forms of what their papers have; each file says how:

- `Matching`: without full context embeddings.
- `MemoryAugmented`: one read head, where the authors had four; its cosines have a scale.
- `SNAIL`: two convolutions and two attentions, with labels one step late.
- `MetaNetworks`: fast weights for the base learner, not for the function that represents images.
- `MAMLPlusPlus`: learned rates and the multi-step loss, of the six changes of the paper.
- `MetaLSTM`: its gates read gradient and loss themselves, without an LSTM before them.
"""

from .anil import ANIL, NIL
from .asker import Asker
from .base import MetaLearner
from .fine_tuned import FineTuned
from .implicit_maml import ImplicitMAML
from .in_context import InContext
from .labeler import Labeler
from .linear_attention import LinearAttention
from .logistic import LogisticRegression
from .lstm_reader import LSTMReader
from .maml import MAML
from .maml_plus_plus import MAMLPlusPlus
from .matching import Matching
from .memory_augmented import MemoryAugmented
from .meta_lstm import MetaLSTM
from .meta_networks import MetaNetworks
from .meta_sgd import MetaSGD
from .nearest_neighbor import NearestNeighbor
from .neural_process import NeuralProcess
from .predictor import Predictor
from .prototypical import Prototypical, linear_classifier
from .reader import Reader
from .relation import Relation
from .reptile import Reptile
from .rl2 import RL2
from .siamese import Siamese
from .snail import SNAIL
from .trained_by import TrainedBy
from .zero_head import ZeroHeadMAML

__all__ = [
    "ANIL",
    "MAML",
    "NIL",
    "RL2",
    "SNAIL",
    "Asker",
    "FineTuned",
    "ImplicitMAML",
    "InContext",
    "LSTMReader",
    "Labeler",
    "LinearAttention",
    "LogisticRegression",
    "MAMLPlusPlus",
    "Matching",
    "MemoryAugmented",
    "MetaLSTM",
    "MetaLearner",
    "MetaNetworks",
    "MetaSGD",
    "NearestNeighbor",
    "NeuralProcess",
    "Predictor",
    "Prototypical",
    "Reader",
    "Relation",
    "Reptile",
    "Siamese",
    "TrainedBy",
    "ZeroHeadMAML",
    "linear_classifier",
]
