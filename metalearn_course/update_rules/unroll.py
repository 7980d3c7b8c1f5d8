"""The meta-forward pass: several training steps in a row, as one function that a gradient can run through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from torch import Tensor
from torch.func import grad_and_value

from .sgd import Params


class UpdateRule(Protocol):
    """An optimizer without hidden state: `update` takes what it remembers and returns it anew.

    `init` gives the state before the first step, `update` the next params and the next state; both leave their
    arguments unchanged. params, grads: name -> tensor. state: a tree of tensors, that is, tuples, lists and dicts that
    hold tensors, `()` where there is nothing to remember. loss: what the loss was at `params`, a scalar.

    A rule that reads the loss may say so with an attribute `needs_loss = True`; `TorchOptimizer`, which also finds out,
    refuses a step without the loss. Other rules get NaN in its place, also one that can do without the loss and says
    so, `needs_loss = False`.
    """

    def init(self, params: Params) -> Any:
        """The state before the first step."""
        ...

    def update(self, params: Params, grads: Params, state: Any, loss: Tensor) -> tuple[Params, Any]:
        """The params and the state after one step."""
        ...


def check_rule(rule: Any) -> None:
    """TypeError, in a line, for what is no update rule: a number, a dict, or a class that was not called."""
    if isinstance(rule, type) or not (hasattr(rule, "init") and hasattr(rule, "update")):
        shown = repr(rule) if "\n" not in repr(rule) else type(rule).__name__
        raise TypeError(f"rule={shown} is no update rule; expected one such as SGD(0.1) or LSTMOptimizer().")


class Step(NamedTuple):
    """One training step, as it was before the update: the parameters, their loss and its gradient."""

    params: Params
    loss: Tensor
    grads: Params


class Trace(NamedTuple):
    """What a training run leaves behind: final `params` and `state`, and every step on the way."""

    params: Params
    state: Any
    steps: list[Step]


def training_steps(
    loss: Callable[[Params, Any], Tensor],
    rule: UpdateRule,
    params: Params,
    batches: Iterable[Any],
    state: Any = None,
    first_order: bool = False,
) -> Iterator[tuple[Step, Params, Any]]:
    """The one loop of training: predict and measure on each of `batches`, take the gradient, let `rule` update.

    After every update it yields the step that was taken, and the params and the state that the update led to: all that
    is needed to go on from there. The arguments are those of `unroll`.
    """
    check_rule(rule)
    state = rule.init(params) if state is None else state
    for batch in batches:
        if not params:
            raise ValueError(
                "There are no parameters that a step could move: all of them are frozen (requires_grad=False), or "
                "there are none. Unfreeze some, as in learner[-1].requires_grad_(); steps=0 takes no step."
            )
        grads, value = grad_and_value(loss)(params, batch)
        if first_order:
            grads = {name: g.detach() for name, g in grads.items()}
        step = Step(params, value, grads)
        params, state = rule.update(params, grads, state, value.detach() if first_order else value)
        yield step, params, state


def unroll(
    loss: Callable[[Params, Any], Tensor],
    rule: UpdateRule,
    params: Params,
    batches: Iterable[Any],
    state: Any = None,
    first_order: bool = False,
) -> Trace:
    """Train on each of `batches` in turn, and keep every step: the meta-forward pass.

    A gradient runs through all of it, to the first params and to whatever `rule` is made of.

    Args:
        loss: (params, batch) -> scalar. Pure: `params` stay as they are.
        rule: what updates.
        params: name -> tensor, before the first step.
        batches: one for each step, whatever `loss` takes.
        state: the rule's, to go on from an earlier trace; `rule.init(params)` by default.
        first_order: whether inner gradients and losses are constants (Finn et al., 2017, arXiv:1703.03400,
            section 5.2).

    Returns:
        A `Trace`: the last params and state, and the params, loss and gradient of every step.

    Raises:
        TypeError: if `rule` is no update rule.
        ValueError: if there are steps to take, and `params` is empty.
    """
    check_rule(rule)
    state = rule.init(params) if state is None else state
    steps: list[Step] = []
    for step, *after in training_steps(loss, rule, params, batches, state, first_order):
        steps.append(step)
        params, state = after
    return Trace(params, state, steps)


__all__ = ["Params", "Step", "Trace", "UpdateRule", "check_rule", "training_steps", "unroll"]
