"""Any update rule as a torch.optim.Optimizer: lesson 01's loop around any nn.Module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from .update_rules import Params, UpdateRule, check_rule


class TorchOptimizer(torch.optim.Optimizer):
    """Train any module by `rule`, as in `zero_grad(); loss.backward(); step()`. The same numbers as `unroll`.

    params: `model.named_parameters()`; or plain parameters, which are then named "0", "1", and so on. A rule that is
    made for certain parameters (`CoordinateRates`) has to know them by these names, and refuses others here.

    One state belongs to all parameters together. So a parameter whose grad is None is not left out, as torch.optim
    would: its gradient is zero, and a learned rule may move it all the same. What is frozen (requires_grad=False)
    stays. There is one group of parameters, and its rate is the rule's. `state_dict` holds the rule's state and not its
    phi, for which there is `save_rule`. torch's schedulers look for a rate in the group, and there is none.
    """

    state: Any  # of the rule: the tensors of its tree

    def __init__(
        self, params: Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Mapping[str, Tensor], rule: UpdateRule
    ) -> None:
        check_rule(rule)
        given = list(params.items() if isinstance(params, Mapping) else params)
        if any(isinstance(p, dict) for p in given):
            raise ValueError("TorchOptimizer takes one group of parameters. Give it model.named_parameters().")
        named: Any = [p if isinstance(p, tuple) else (str(i), p) for i, p in enumerate(given)]
        names = [name for name, _ in named]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"Two parameters are named {twice[0]!r}. Put both models into one nn.ModuleList.")
        super().__init__(named, {"rule": type(rule).__name__})
        self.rule = rule
        with torch.no_grad():
            self.state["rule"], self._tree = tree_flatten(rule.init(self._copies()))
        self._refuse_other_dtypes()

    def step(self, closure: Any = None, *, loss: Tensor | float | None = None) -> Any:
        """One update of all parameters, in place. loss: its value, for rules that read it (`MetaLSTMGates`)."""
        kind = type(self.rule).__name__
        if closure is not None:
            raise TypeError(
                "step takes no closure. Call zero_grad(), loss.backward() and then step(); a rule that reads the loss "
                "is given it by name, step(loss=loss)."
            )
        if loss is None and getattr(self.rule, "needs_loss", False):
            raise ValueError(f"{kind} reads the loss, and got none. Call step(loss=loss) after loss.backward().")
        mine = self._named()
        if all(p.grad is None for p in mine.values()):
            raise ValueError("No parameter has a gradient. Call loss.backward() before step().")
        first = next(iter(mine.values()))
        with torch.no_grad():
            value = first.new_zeros(()) if loss is None else torch.as_tensor(loss).detach().to(first)
            if value.shape != ():
                raise ValueError(f"loss has shape {tuple(value.shape)}; expected a scalar. Give the mean, loss.mean().")
            grads = {name: torch.zeros_like(p) if p.grad is None else p.grad.clone() for name, p in mine.items()}
            state = tree_unflatten(self.state["rule"], self._tree)
            params, state = self.rule.update(self._copies(), grads, state, value)
            for name, p in mine.items():
                if p.requires_grad:
                    p.copy_(params[name])
            self.state["rule"] = tree_leaves(state)

    def __getstate__(self) -> dict[str, Any]:
        """What copy.deepcopy and pickle take along."""
        return super().__getstate__() | {"rule": self.rule, "_tree": self._tree}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Refused: one rule, one state, one group."""
        if self.param_groups:
            raise ValueError("TorchOptimizer has one group of parameters. Make another optimizer for the new ones.")
        super().add_param_group(param_group)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from another run's `state_dict()`, bit for bit. The model's own state is loaded beside it."""
        if not {"state", "param_groups"} <= state_dict.keys():
            raise ValueError(f"{[*state_dict]} are no keys of an optimizer's state. Give what state_dict() returned.")
        mine, its = _fingerprint(self.state_dict()), _fingerprint(state_dict)
        for what in mine:
            if its[what] != mine[what]:
                raise ValueError(
                    f"The saved state has {what} {its[what]}; this optimizer has {mine[what]}. "
                    f"Load what the same rule left behind on the same model."
                )
        super().load_state_dict(state_dict)

    def _refuse_other_dtypes(self) -> None:
        """A rate alone multiplies numbers of any kind; a network reads its own kind only."""
        rule = self.rule if isinstance(self.rule, torch.nn.Module) else torch.nn.Module()
        kinds = {p.dtype for p in rule.parameters() if p.ndim > 0}
        for name, p in self._named().items():
            if kinds and p.dtype not in kinds:
                raise ValueError(
                    f"{name} is {p.dtype}; {type(rule).__name__} computes in {', '.join(map(str, kinds))}. "
                    f"Convert one of them, as in rule.to({p.dtype}) or model.float()."
                )

    def _named(self) -> Params:
        group = self.param_groups[0]
        return dict(zip(group["param_names"], group["params"], strict=True))

    def _copies(self) -> Params:
        """The parameters as they are now: a rule may keep them in its state, and ours change in place."""
        return {name: p.detach().clone() for name, p in self._named().items()}


def _fingerprint(state_dict: dict[str, Any]) -> dict[str, Any]:
    """What has to agree between two runs."""
    group = state_dict["param_groups"][0]
    return {
        "rule": group.get("rule"),
        "parameters": group.get("param_names"),
        "shapes": [tuple(x.shape) for x in state_dict["state"].get("rule", [])],
        "dtypes": [x.dtype for x in state_dict["state"].get("rule", [])],
    }
