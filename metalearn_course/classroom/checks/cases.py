"""Cases: the inputs of one call, fresh for every call."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn

Scenario = Callable[..., Any]


def fresh(value: Any) -> Any:
    """A copy that shares no memory: tensors (those that require a gradient as leaves of their own), generators in the
    state they are in, modules, and whatever of these dicts, lists and tuples hold. Anything else is handed on itself.
    """
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, Generator):
        return Generator().set_state(value.get_state())
    if isinstance(value, nn.Module):
        return copy.deepcopy(value)
    if isinstance(value, Mapping):
        return {name: fresh(item) for name, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(fresh, value))
    return type(value)(map(fresh, value)) if type(value) in (list, tuple) else value


class Case:
    """Inputs by name, in the order of the signature; the call is by position.

    With a scenario, `Case(scenario, **inputs)`, what is looked at is not what the exercise's function returns, but what
    `scenario(function, **inputs)` makes of it: several calls in a row, what the function did to an object, gradients.
    """

    def __init__(self, scenario: Scenario | None = None, /, **inputs: Any) -> None:
        self.scenario, self.inputs = scenario, inputs

    def but(self, **changes: Any) -> Case:
        """The same case with some inputs changed."""
        return Case(self.scenario, **(self.inputs | changes))

    def fresh(self) -> dict[str, Any]:
        return {name: fresh(value) for name, value in self.inputs.items()}

    def run(self, function: Callable[..., Any], **themselves: Any) -> Any:
        """What comes out. `themselves` are inputs that are handed on as they are, not as copies."""
        inputs = self.fresh() | themselves
        return self.scenario(function, **inputs) if self.scenario else function(*inputs.values())


class Traced(Case):
    """A case whose tensors at `names` are leaves, and handed on themselves: one can ask for the gradients there."""

    def __init__(self, case: Case, *names: str) -> None:
        super().__init__(case.scenario, **case.fresh())
        self.leaves: dict[str, Tensor] = {}
        for name in names:
            self.inputs[name] = self._traced(self.inputs[name], name)

    def fresh(self) -> dict[str, Any]:
        return self.inputs

    def _traced(self, value: Any, path: str) -> Any:
        if isinstance(value, Tensor):
            self.leaves[path] = value.detach().requires_grad_()
            return self.leaves[path]
        return {name: self._traced(item, f"{path}[{name!r}]") for name, item in value.items()}


def stacked(values: list[Any]) -> Any:
    """Values of one structure as one, each of their tensors a stack."""
    first = values[0]
    if isinstance(first, Tensor):
        return torch.stack(values)
    if isinstance(first, Mapping):
        return {name: stacked([value[name] for value in values]) for name in first}
    parts = [stacked(list(items)) for items in zip(*values, strict=True)]
    return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
