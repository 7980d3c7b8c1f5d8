"""One update by a rule before it is trusted with a training: what it gets wrong is said in a line."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves

from .sgd import Params
from .unroll import UpdateRule, check_rule

_EXPECTED = "expected (params, state), as in `return new_params, state`"


@torch.no_grad()
def try_rule(rule: UpdateRule, params: Params) -> None:
    """Ask `rule` for one update of copies of `params`, twice, and look at what it does; `check_update_rule` asks more.

    Args:
        rule: the rule. A module that computes in another dtype gets copies in its own.
        params: name -> tensor, those that it is going to train.

    Raises:
        TypeError: if it is no rule, changes its arguments in place, drops a parameter or returns one of another shape,
            returns no state or one that holds anything but tensors, remembers what its state does not hold, or returns
            the two in the wrong order.
    """
    check_rule(rule)
    name = type(rule).__name__
    params = {key: p.detach().clone().to(_dtype_of(rule, p)) for key, p in params.items()}
    grads = {key: torch.full_like(p, 0.01) for key, p in params.items()}
    loss = next(iter(params.values())).new_ones(()) if params else torch.ones(())
    untouched = _versions(params)
    state = rule.init(params)
    check_state(rule, state)
    if _versions(params) != untouched:
        raise TypeError(f"{name}.init changes the params that it is given in place; expected new tensors.")
    given: dict[str, Any] = {"params": params, "grads": grads, "state": state}
    before, results = {what: _versions(tree) for what, tree in given.items()}, []
    for _ in range(2):
        with torch.random.fork_rng(devices=[]):
            result: Any = rule.update(params, grads, state, loss)
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(f"{name}.update returns a {type(result).__name__}; {_EXPECTED}.")
        for what, tree in given.items():
            if _versions(tree) != before[what]:
                raise TypeError(f"{name}.update changes the {what} that it is given in place; expected new tensors.")
        _check_params(rule, result[0], params)
        check_state(rule, result[1])
        results.append(result)
    if _differ(*results):
        raise TypeError(
            f"{name}.update gives another result when it is asked the same again: it remembers something outside of "
            f"its state. Return all of it as the state."
        )
    if is_swapped(rule, params, grads, loss):
        raise TypeError(swapped(rule))


def is_swapped(rule: UpdateRule, params: Params, grads: Params, loss: Tensor) -> bool:
    """Whether a first update gives the same new params for other params, and another state: as (state, params) does.

    Args:
        rule: the rule.
        params: name -> tensor.
        grads: likewise.
        loss: a scalar.
    """
    results = []
    for shift in (0.0, 1.0):
        moved = {name: p + shift for name, p in params.items()}
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            results.append(rule.update(moved, grads, rule.init(moved), loss))
    first, second = results
    return not _differ(first[0], second[0]) and _differ(first[1], second[1])


def swapped(rule: UpdateRule) -> str:
    """What is said of a rule that returns its state first."""
    return (
        f"{type(rule).__name__}.update returns new params that do not depend on the ones it is given, but a state "
        f"that does; {_EXPECTED}."
    )


def reads_loss(rule: UpdateRule, params: Params, grads: Params, state: Any) -> bool:
    """Whether a rule has to be given the loss: it says `needs_loss = True`, or its update differs with the loss.

    One that says `needs_loss = False`, and stays finite with the NaN that stands for no loss, does without.

    Args:
        rule: the rule.
        params: name -> tensor.
        grads: likewise.
        state: the rule's.
    """
    says = getattr(rule, "needs_loss", None)
    if says:
        return True
    zero, results = next(iter(params.values())).new_zeros(()), []
    for loss in (math.nan, 0.01, 1.0, 100.0):
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            results.append(rule.update(params, grads, state, zero + loss))
    if says is False and all(leaf.isfinite().all() for leaf in tree_leaves(results[0][0])):
        return False
    return any(_differ(results[0], other) for other in results[1:])


def check_state(rule: UpdateRule, state: Any) -> None:
    """TypeError, in a line, where a rule's state holds anything but tensors."""
    if others := [type(leaf).__name__ for leaf in tree_leaves(state) if not isinstance(leaf, Tensor)]:
        raise TypeError(
            f"The state of {type(rule).__name__} holds an object of type {others[0]}; expected tensors only. "
            f"Give torch.tensor(0) for a number, and () where there is nothing to remember."
        )


def _check_params(rule: UpdateRule, new: Any, params: Params) -> None:
    name = type(rule).__name__
    if not isinstance(new, dict):
        raise TypeError(f"{name}.update returns params of type {type(new).__name__}; expected a dict, name -> tensor.")
    for key, p in params.items():
        if key not in new:
            raise TypeError(f"{name}.update drops the parameter {key}; expected all of those that it is given.")
        if not isinstance(new[key], Tensor) or new[key].shape != p.shape:
            got = tuple(new[key].shape) if isinstance(new[key], Tensor) else type(new[key]).__name__
            raise TypeError(f"{name}.update turns {key} of shape {tuple(p.shape)} into {got}; expected the same shape.")
    if added := [key for key in new if key not in params]:
        raise TypeError(f"{name}.update adds the parameter {added[0]!r}; expected those that it is given, no others.")


def _dtype_of(rule: UpdateRule, p: Tensor) -> torch.dtype:
    """That of the rule's networks, where it has some: a rate alone multiplies numbers of any kind."""
    own = [q.dtype for q in rule.parameters() if q.ndim > 0] if isinstance(rule, nn.Module) else []
    return own[0] if own else p.dtype


def _versions(tree: Any) -> Any:
    """What changes whenever a tensor of the tree, or the tree itself, is changed in place."""
    leaves, form = tree_flatten(tree)
    return form, [(id(leaf), leaf._version) for leaf in leaves if isinstance(leaf, Tensor)]


def _differ(first: Any, second: Any) -> bool:
    """Whether two results differ in any number; not asked inside vmap, where numbers cannot be looked at."""
    pairs = list(zip(tree_leaves(first), tree_leaves(second), strict=False))
    try:
        return any(not torch.allclose(a, b, rtol=0, atol=0, equal_nan=True) for a, b in pairs if a.shape == b.shape)
    except RuntimeError:
        return False


__all__ = ["check_state", "is_swapped", "reads_loss", "swapped", "try_rule"]
