"""A learned rate for every single weight: Meta-SGD's rule (Li et al., 2017, arXiv:1707.09835)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .._common.arguments import number
from .sgd import Params


class CoordinateRates(nn.Module):
    """theta <- theta - rate * gradient, coordinate by coordinate (Li et al., 2017, arXiv:1707.09835).

    phi: `rates`, a tensor for each of `params`. A rate may take any sign: where it is negative, a coordinate climbs. So
    the rates decide on direction as well as length of a step.

    Args:
        params: the parameters that the rates are for, as in `dict(learner.named_parameters())`. The rule fits these
            names and shapes only.
        lr: every rate before meta-training.

    Raises:
        ValueError: if `params` are without names, or `lr` is no number.
    """

    def __init__(self, params: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]], lr: float = 0.01) -> None:
        super().__init__()
        try:
            made_for = dict(params)
        except (TypeError, ValueError):  # not pairs of a name and a tensor
            made_for = {}
        if not made_for or not all(isinstance(name, str) for name in made_for):
            raise ValueError(
                f"params ({type(params).__name__}) holds no named parameters; expected a name and a tensor for each. "
                f"Give dict(learner.named_parameters())."
            )
        lr = number("lr", lr)
        self.names = list(made_for)  # a list: names have dots, which nn.ParameterDict refuses
        self.rates = nn.ParameterList(torch.full_like(p, lr, requires_grad=False) for p in made_for.values())

    def by_name(self, params: Params) -> Params:
        """The rates for `params`, after a check that they fit."""
        rates = dict(zip(self.names, self.rates, strict=True))
        for name in {**params, **rates}:
            has, fits = (tuple(d[name].shape) if name in d else None for d in (params, rates))
            if has != fits:
                found = "is missing" if has is None else f"has shape {has}"
                raise ValueError(
                    f"Parameter {name} {found}; these CoordinateRates were made for "
                    f"{'no parameter of that name' if fits is None else f'shape {fits}'}. "
                    f"Make new ones: CoordinateRates(dict(learner.named_parameters()))."
                )
        return rates

    def among(self, params: Params) -> FixedRates | CoordinateRates:
        """The rule for `params` that are only some of those that the rates are for; ValueError for any others."""
        if list(params) == self.names:
            return self
        rates = dict(zip(self.names, self.rates, strict=True))
        return FixedRates(self.by_name({name: params.get(name, rate) for name, rate in rates.items()} | params))

    def init(self, params: Params) -> Any:
        """Nothing to remember; ValueError where the rates do not fit `params`."""
        self.by_name(params)
        return ()

    def update(self, params: Params, grads: Params, state: Any, loss: Tensor) -> tuple[Params, Any]:
        """One step against the gradient, every coordinate at its own rate."""
        rates = self.by_name(params)
        return {name: p - rates[name] * grads[name] for name, p in params.items()}, state


@dataclass(frozen=True)
class FixedRates:
    """theta <- theta - rate * gradient, by the rates of these names; others are not used."""

    rates: Params

    def init(self, params: Params) -> Any:
        """Nothing to remember."""
        return ()

    def update(self, params: Params, grads: Params, state: Any, loss: Tensor) -> tuple[Params, Any]:
        """One step against the gradient, every coordinate at its own rate."""
        return {name: p - self.rates[name] * grads[name] for name, p in params.items()}, state
