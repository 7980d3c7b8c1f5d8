"""The optimizers O: an update rule is a pair `init(params) -> state`, `update(params, grads, state, loss)`."""

from .adam import Adam
from .momentum import Momentum
from .sgd import SGD
from .unroll import Params, Step, Trace, UpdateRule, unroll

__all__ = ["SGD", "Adam", "Momentum", "Params", "Step", "Trace", "UpdateRule", "unroll"]
