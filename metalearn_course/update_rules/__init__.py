"""The optimizers O: an update rule is a pair `init(params) -> state`, `update(params, grads, state, loss)`.

A rule is written for one task. Hand-written rules are dataclasses; learned ones are modules, whose parameters are what
meta-training learns.
"""

from .adam import Adam
from .coordinate_rates import CoordinateRates
from .learned_rate import LearnedRate
from .log_and_sign import log_and_sign
from .lstm_optimizer import LSTMOptimizer
from .meta_lstm_gates import MetaLSTMGates
from .mlp_optimizer import MLPOptimizer
from .momentum import Momentum
from .nesterov import Nesterov
from .rmsprop import RMSprop
from .sgd import SGD
from .stop_if_diverged import StopIfDiverged
from .trial import check_state, reads_loss, try_rule
from .unroll import Params, Step, Trace, UpdateRule, check_rule, training_steps, unroll

__all__ = [
    "SGD",
    "Adam",
    "CoordinateRates",
    "LSTMOptimizer",
    "LearnedRate",
    "MLPOptimizer",
    "MetaLSTMGates",
    "Momentum",
    "Nesterov",
    "Params",
    "RMSprop",
    "Step",
    "StopIfDiverged",
    "Trace",
    "UpdateRule",
    "check_rule",
    "check_state",
    "log_and_sign",
    "reads_loss",
    "training_steps",
    "try_rule",
    "unroll",
]
