"""The check of exercise 1.3, train."""

from torch import Tensor, eye, tensor, zeros
from torch.func import grad
from torch.nn.functional import cross_entropy

from metalearn_course.tasks.task import Examples

from ..at_random import Draw, at_random
from ..kit import Case, Check, equals, fails, looks, near, rival
from .forward import Params, forward
from .sgd_update import sgd_update


def losses(params: Params, batch: Examples) -> Tensor:
    """The cross-entropy of every example under the network of lesson 01.

    It is given, so that the exercise `train` can be done before the exercise `forward`.

    Args:
        params: "w1", "b1", "w2" and "b2".
        batch: x (n, inputs), y (n,) class numbers.

    Returns:
        One number an example, (n,).
    """
    return cross_entropy(forward(params, batch.x), batch.y, reduction="none")


def gradient(params: Params, batch: Examples) -> Params:
    return grad(lambda params: losses(params, batch).mean())(params)


def train(params: Params, batches: list[Examples], lr: float) -> Params:
    for batch in batches:
        params = sgd_update(params, gradient(params, batch), lr)
    return params


def any_batches(draw: Draw) -> Case:
    start = draw.tree({"w1": (3, 4), "b1": (4,), "w2": (4, 3), "b2": (3,)})
    batches = [Examples(draw.normal(n, 3), draw.labels(3, n)) for n in (3, 5, 4, 6, 3)]
    return Case(params=start, batches=batches, lr=draw.number(0.6, 0.9))


def is_summed(got: Params, want: Params, twice: Params) -> bool:
    return near(got, want) and near(twice, sgd_update(START, OF_FIRST, 2.0))


START = {"w1": eye(2), "b1": zeros(2), "w2": zeros(2, 2), "b2": zeros(2)}
FIRST, SECOND = Examples(tensor([[1.0, 2.0]]), tensor([0])), Examples(tensor([[2.0, 1.0]]), tensor([1]))
OF_FIRST, OF_SECOND = gradient(START, FIRST), gradient(START, SECOND)
AFTER_FIRST = sgd_update(START, OF_FIRST, 0.5)
ONE = Case(params=START, batches=[FIRST], lr=1.0)
TWICE = ONE.but(batches=[Examples(FIRST.x.repeat(2, 1), FIRST.y.repeat(2))])
MIXED = ONE.but(batches=[Examples(tensor([[1.0, 2.0], [2.0, 1.0], [3.0, 0.5]]), tensor([0, 1, 1]))])
BOTH = ONE.but(batches=[FIRST, SECOND], lr=0.5)

CHECK = Check(
    train,
    fails(ONE, "trains_in_place", "changes_inputs", match="`params"),
    looks(ONE, "summed_loss", is_summed, twice=TWICE),
    rival(ONE, "plus_sign", sgd_update(START, OF_FIRST, -1.0)),
    equals(ONE, "{start} and one batch, x = [[1, 2]] of class 0: the trained params"),
    equals(TWICE, "{start} and one batch, x = [[1, 2]] of class 0 twice: the trained params"),
    equals(MIXED, "{start} and one batch of three different examples: the trained params"),
    fails(BOTH, "trains_in_place", "changes_inputs", match="`params"),
    rival(BOTH, "gradient_at_start", sgd_update(AFTER_FIRST, OF_SECOND, 0.5)),
    rival(BOTH, "gradients_pile_up", lambda want: sgd_update(want, OF_FIRST, 0.5)),
    rival(BOTH, "first_batch_only", AFTER_FIRST),
    rival(BOTH, "starts_again_each_batch", sgd_update(START, OF_SECOND, 0.5)),
    rival(BOTH, "one_step_for_all", sgd_update(sgd_update(START, OF_FIRST, 0.25), OF_SECOND, 0.25)),
    equals(BOTH, "{both}: the trained params"),
    at_random(any_batches, what="the params after five batches of 3 to 6 examples, lr = {lr}"),
)
