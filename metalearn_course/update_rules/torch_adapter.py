"""Any update rule as a torch.optim.Optimizer: lesson 01's loop around any nn.Module."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils._pytree import keystr, tree_flatten, tree_flatten_with_path, tree_unflatten

from .._common.options import options
from . import Params, UpdateRule, check_rule, check_state, reads_loss, try_rule

_GIVE = "Give it model.named_parameters()."


class TorchOptimizer(torch.optim.Optimizer):
    """Train any module by an update rule, as in `zero_grad(); loss.backward(); step()`. The same numbers as `unroll`.

    One state belongs to all parameters together. So a parameter whose grad is None is not left out, as torch.optim
    would: its gradient is zero, and a learned rule may move it all the same. What is frozen (requires_grad=False)
    stays. There is one group of parameters, and its rate is the rule's. `state_dict` holds the rule's state and not its
    phi, for which there is `save_rule`.

    torch's schedulers change the rate "lr" of the group, and a step takes it from there. There is one for rules with an
    option `lr` (`SGD`, `Momentum`, `Adam`, ...). Other rules have none to schedule: TypeError.

    Args:
        params: `model.named_parameters()`; or plain parameters, which are then named "0", "1", and so on. A rule that
            is made for certain parameters (`CoordinateRates`) has to know them by these names, and refuses others.
        rule: what updates.

    Raises:
        TypeError: if `rule` is no update rule or does in one update what no rule may (`try_rule`), or `params` is no
            iterable of parameters.
        ValueError: for several groups of parameters, two of one name, or a dtype that the rule does not compute in.
    """

    state: Any  # of the rule: the tensors of its tree
    _does_without: UpdateRule | None = None  # a rule that was found not to read the loss

    def __init__(
        self, params: Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Mapping[str, Tensor], rule: UpdateRule
    ) -> None:
        check_rule(rule)
        if isinstance(params, (Tensor, nn.Module)):
            raise TypeError(f"params is a {type(params).__name__}; expected an iterable of parameters. {_GIVE}")
        given = list(params.items() if isinstance(params, Mapping) else params)
        if any(isinstance(p, dict) for p in given):
            raise ValueError(f"TorchOptimizer takes one group of parameters. {_GIVE}")
        named: Any = [p if isinstance(p, tuple) else (str(i), p) for i, p in enumerate(given)]
        names = [name for name, _ in named]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"Two parameters are named {twice[0]!r}. Put both models into one nn.ModuleList.")
        super().__init__(named, {"rule": type(rule).__name__})
        self.rule = rule
        self._offer_rate()
        with torch.no_grad():
            self._remember(rule.init(self._copies()))
        self._refuse_other_dtypes()
        try_rule(rule, self._copies())

    def step(self, closure: Any = None, *, loss: Tensor | float | None = None) -> Any:
        """One update of all parameters, in place.

        Args:
            closure: refused; call `loss.backward()` before.
            loss: its value, a scalar, for rules that read it (`MetaLSTMGates`, `StopIfDiverged`). A first step
                without it finds out whether the rule does.

        Raises:
            ValueError: if no parameter has a gradient, or the rule reads the loss and there is none.
            TypeError: for a closure.
        """
        if closure is not None:
            raise TypeError(
                "step takes no closure. Call zero_grad(), loss.backward() and then step(); a rule that reads the loss "
                "is given it by name, step(loss=loss)."
            )
        mine = self._named()
        if all(p.grad is None for p in mine.values()):
            raise ValueError("No parameter has a gradient. Call loss.backward() before step().")
        self._refuse_other_dtypes()
        first = next(p for p in mine.values() if p.grad is not None)
        with torch.no_grad():
            value = torch.as_tensor(math.nan if loss is None else loss).detach().to(first)
            if value.shape != ():
                raise ValueError(f"loss has shape {tuple(value.shape)}; expected a scalar. Give the mean, loss.mean().")
            grads = {name: _gradient(p) for name, p in mine.items()}
            state, rule = tree_unflatten(self.state["rule"], self._tree), self._at_rate()
            if loss is None and self._does_without is not self.rule:
                if reads_loss(rule, self._copies(), grads, state):
                    raise ValueError(
                        f"{type(rule).__name__} reads the loss, and got none. Call step(loss=loss) after "
                        f"loss.backward()."
                    )
                self._does_without = self.rule
            params, state = rule.update(self._copies(), grads, state, value)
            self._remember(state)
            for name, p in mine.items():
                if p.requires_grad:
                    p.copy_(params[name])

    def __getstate__(self) -> dict[str, Any]:
        """What copy.deepcopy and pickle take along."""
        groups = [dict(group) for group in self.param_groups]
        return super().__getstate__() | {"param_groups": groups, "rule": self.rule, "_tree": self._tree}

    def __setattr__(self, name: str, value: Any) -> None:
        """A new rule comes with a rate of its own."""
        super().__setattr__(name, value)
        if name == "rule" and self.param_groups:
            self._offer_rate()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Refused: one rule, one state, one group."""
        if self.param_groups:
            raise ValueError("TorchOptimizer has one group of parameters. Make another optimizer for the new ones.")
        super().add_param_group(param_group)

    def state_dict(self) -> dict[str, Any]:
        """The rule's state, a list of tensors, and in the group what has to fit where it is loaded."""
        saved = super().state_dict()
        tree = tree_unflatten(self.state["rule"], self._tree)
        saved["param_groups"][0] |= {
            "rule": type(self.rule).__name__,
            "options": options(self.rule, "rule"),
            "tensors": [keystr(path) for path, _ in tree_flatten_with_path(tree)[0]],
        }
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from another run's `state_dict()`, bit for bit. The model's own state is loaded beside it.

        The rule has to be the same, options included: to go on at another rate, set `optimizer.rule` after loading. A
        state to which `update` added tensors does not fit a new optimizer, which has only those of `init`.
        """
        mine = _fingerprint(self.state_dict())
        try:
            its = _fingerprint(state_dict)
        except (AttributeError, LookupError, TypeError):
            kind = type(state_dict).__name__
            raise ValueError(f"This {kind} is no state of an optimizer. Give what state_dict() returned.") from None
        for what in mine:
            if its[what] != mine[what]:
                raise ValueError(
                    f"The saved state has {what} {its[what]}; this optimizer has {mine[what]}. "
                    f"Load what the same rule left behind on the same model."
                )
        super().load_state_dict(state_dict)

    def _offer_rate(self) -> None:
        """Put the rule's rate where schedulers look for it."""
        group = _Group(self.param_groups[0])
        group.pop("lr", None)
        if _has_rate(self.rule):
            rule: Any = self.rule
            group["lr"] = rule.lr if isinstance(rule.lr, float) else float(rule.lr.detach())
        self.param_groups[0] = group

    def _at_rate(self) -> UpdateRule:
        """The rule, at the rate that a scheduler has set."""
        rate, rule = self.param_groups[0].get("lr"), cast(Any, self.rule)
        return replace(rule, lr=rate) if rate is not None and rate != float(rule.lr) else self.rule

    def _refuse_other_dtypes(self) -> None:
        """A rate alone multiplies numbers of any kind; a network reads its own kind only."""
        kinds = {p.dtype for p in self.rule.parameters() if p.ndim > 0} if isinstance(self.rule, nn.Module) else set()
        for name, p in self._named().items() if kinds else ():
            if p.dtype not in kinds:
                raise ValueError(
                    f"{name} is {p.dtype}; {type(self.rule).__name__} computes in {', '.join(map(str, kinds))}. "
                    f"Convert one of them, as in rule.to({p.dtype}) or model.float()."
                )

    def _remember(self, state: Any) -> None:
        """Keep the tensors of a rule's state, and the tree that they are in: it may grow from step to step."""
        check_state(self.rule, state)
        self.state["rule"], self._tree = tree_flatten(state)

    def _named(self) -> Params:
        group = self.param_groups[0]
        return dict(zip(group["param_names"], group["params"], strict=True))

    def _copies(self) -> Params:
        """The parameters as they are now: a rule may keep them in its state, and ours change in place."""
        return {name: p.detach().clone() for name, p in self._named().items()}


class _Group(dict[str, Any]):
    """A group of parameters that says why it has no rate."""

    def __missing__(self, key: str) -> Any:
        if key == "lr":
            raise TypeError(
                f"{self['rule']} has no rate `lr` that a scheduler could change: its steps are learned. Schedulers "
                f"take rules such as SGD(0.1) or Adam(0.001)."
            )
        raise KeyError(key)


def _has_rate(rule: Any) -> bool:
    return is_dataclass(rule) and any(option.name == "lr" for option in fields(rule))


def _gradient(p: Tensor) -> Tensor:
    """A copy of its gradient, for a rule may keep it: dense, and zero where there is none."""
    if p.grad is None:
        return torch.zeros_like(p)
    return p.grad.to_dense() if p.grad.is_sparse else p.grad.clone()


def _fingerprint(state_dict: dict[str, Any]) -> dict[str, Any]:
    """What has to agree between two runs."""
    group = state_dict["param_groups"][0]
    return {
        "rule": group.get("rule"),
        "options": group.get("options"),
        "parameters": group.get("param_names"),
        "tensors": group.get("tensors"),
        "shapes": [tuple(x.shape) for x in state_dict["state"].get("rule", [])],
        "dtypes": [x.dtype for x in state_dict["state"].get("rule", [])],
    }
