"""Lesson 09's numbers: the longer a training, the more cliffs in its loss, and which gradients see them coming."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import vmap

from ..estimators import PES, Backpropagation, Estimator, EvolutionStrategies, Truncated, TruncatedES
from ..evaluation import half_width
from ..meta_learners import TrainedBy
from ..tasks.task import Examples, Task
from ..update_rules import Momentum, Params, training_steps

START, MOMENTUM = 5.3, 0.9
LENGTHS = (1, 10, 50, 200)
LOG_RATES = (-3.4, -0.9)  # the ends
SIGMA = 0.05
META_LOSSES = ("mean", "last")
_TAIL = 5  # a normal number this many standard deviations away adds nothing that could be seen


class CliffCurves(NamedTuple):
    """A loss of training against the log (base 10) of its rate; each of the last four is (lengths, rates).

    losses: as they are. slopes: their exact derivative. smoothed: E_z losses(log_rate + sigma * z), z standard normal.
    smoothed_slopes: its derivative.
    """

    lengths: tuple[int, ...]
    log_rates: Tensor
    meta_loss: str
    sigma: float
    losses: Tensor
    slopes: Tensor
    smoothed: Tensor
    smoothed_slopes: Tensor


class Arrows(NamedTuple):
    """Estimates of the slope at one rate: name -> (mean, 95% half-width); half-width 0 where nothing is random.

    loss, smoothed: the curves' values there. smoothed_slope: what evolution strategies estimate.
    """

    log_rate: float
    length: int
    truncation: int
    meta_loss: str
    sigma: float
    particles: int
    loss: float
    smoothed: float
    smoothed_slope: float
    estimates: dict[str, tuple[float, float]]


def ripple(theta: Tensor) -> Tensor:
    """The loss of a single weight: a bowl with ripples, theta^2 / 2 + 2 (1 - cos 3 theta), lowest (0) at 0."""
    return theta**2 / 2 + 2 * (1 - torch.cos(3 * theta))


class LearnedMomentum(nn.Module):
    """Momentum 0.9 with a rate that is learned: phi is `log_rate`, its logarithm to base 10."""

    def __init__(self, log_rate: float) -> None:
        super().__init__()
        self.log_rate = nn.Parameter(torch.tensor(float(log_rate), dtype=torch.float64))

    def init(self, params: Params) -> Params:
        return self._momentum().init(params)

    def update(self, params: Params, grads: Params, state: Params, loss: Tensor) -> tuple[Params, Params]:
        return self._momentum().update(params, grads, state, loss)

    def _momentum(self) -> Momentum:
        return Momentum(10**self.log_rate, MOMENTUM)


class RippledTraining(TrainedBy):
    """The training of one weight by momentum on `ripple`, from 5.3, as the estimators of outer gradients take it.

    At rates up to 1 nothing comes near what a `TrainedBy` stops or caps: the bowl brings every weight back.
    """

    def __init__(self, log_rate: float, steps: int, meta_loss: str = "mean") -> None:
        weight = nn.ParameterDict({"theta": torch.tensor(START, dtype=torch.float64)})
        rule = LearnedMomentum(log_rate)
        super().__init__(weight, rule, steps, first_order=False, meta_loss=meta_loss, fresh_start=False)

    def batch_loss(self, params: Params, batch: Examples) -> Tensor:
        return ripple(params["theta"])


def no_data() -> Task:
    """The task of a training that looks at no examples, as a stack of one."""
    nothing = Examples(*torch.zeros(2, 1, 1, 1, dtype=torch.float64))
    return Task(nothing, nothing, torch.zeros(1, 0, dtype=torch.int64))


def losses_at(log_rates: Tensor, steps: int) -> Tensor:
    """The loss after each step of a training at each of many rates, (steps, *shape of log_rates).

    All of them at once, in the manner of one: the gradient of a sum of losses is to every weight that of its own.
    """
    rule, start = Momentum(10**log_rates, MOMENTUM), {"theta": torch.full_like(log_rates, START)}
    training = training_steps(lambda params, _: ripple(params["theta"]).sum(), rule, start, range(steps))
    return torch.stack([ripple(params["theta"]) for _, params, _ in training])


def cliff_curves(
    lengths: Sequence[int] = LENGTHS, log_rates: Tensor | None = None, sigma: float = SIGMA, meta_loss: str = "mean"
) -> CliffCurves:
    """The loss of training against log10 of the rate, for trainings of several lengths: raw, its slope, and smoothed.

    log_rates: (rates,), by default 1,501 from -3.4 to -0.9. meta_loss: "mean", the mean of the losses after each step,
    or "last", the last of them. Slopes are exact, by backpropagation through the training; the smoothed curve is an
    integral over a grid, without sampling. In the spirit of Metz et al. (2019): a single weight and the rate of its
    training are enough for cliffs.
    """
    if log_rates is None:
        log_rates = torch.linspace(*LOG_RATES, 1501, dtype=torch.float64)
    log_rates = log_rates.detach().double()
    for length in lengths:
        _check(length, sigma, meta_loss, float(log_rates.max()))
    x = log_rates.clone().requires_grad_()
    losses = losses_at(x, max(lengths))
    weight = torch.zeros_like(losses, requires_grad=True)
    (weighted,) = torch.autograd.grad((weight * losses).sum(), x, create_graph=True)  # the sum of weight * slope
    (slopes,) = torch.autograd.grad(weighted.sum(), weight)
    low, reach = float(log_rates.min()), float(log_rates.max() - log_rates.min())
    inner = low + sigma / 50 * torch.arange(math.ceil(reach / sigma * 50) + 1, dtype=torch.float64)
    at_nodes = losses_at(_nodes(inner, sigma, 50), max(lengths))
    raw, slopes, at_nodes = (
        torch.stack([_meta_loss(values, length, meta_loss) for length in lengths])
        for values in (losses.detach(), slopes, at_nodes)
    )
    smooth = _smooth(at_nodes, sigma, 50)
    smoothed, smoothed_slopes = (
        torch.stack([torch.from_numpy(np.interp(log_rates, inner, row)) for row in rows]) for rows in smooth
    )
    return CliffCurves(tuple(lengths), log_rates, meta_loss, sigma, raw, slopes, smoothed, smoothed_slopes)


def gradient_arrows(
    log_rate: float = -1.6,
    length: int = 100,
    truncation: int = 20,
    sigma: float = SIGMA,
    particles: int = 1000,
    seed: int = 0,
    meta_loss: str = "mean",
) -> Arrows:
    """The slope of a training's loss at one rate, by five estimators: d loss / d log10(rate), per tenfold rate.

    particles: antithetic pairs; each is an estimate of its own, and the interval is of their mean. meta_loss: as in
    `cliff_curves`: "mean" is the mean over all steps of the training, "last" the last loss. truncation: the steps in
    a segment; the segments' gradients are added up.

    "exact": `Backpropagation` through the whole training. "truncated": by `Truncated` it stops where a segment begins.
    "ES": `EvolutionStrategies` estimate the slope of the smoothed curve. "truncated ES" (`TruncatedES`) and "PES"
    (Vicol et al., 2021): each of a pair goes on from its own state, and every segment has a perturbation of its own;
    PES alone adds them up. So PES is unbiased for a curve smoothed over one number a segment, where ES has one for
    all: nearly the same, unless a cliff is decided over several segments.
    """
    _check(length, sigma, meta_loss, log_rate)
    if truncation < 1 or particles < 2:
        raise ValueError(f"truncation={truncation}, particles={particles}; expected at least 1 step and 2 particles.")
    x, segment = torch.tensor([float(log_rate)], dtype=torch.float64), min(truncation, length)
    at_nodes = _meta_loss(losses_at(_nodes(x, sigma, 200), length), length, meta_loss)
    smoothed, smoothed_slope = _smooth(at_nodes[None], sigma, 200)
    training = RippledTraining(log_rate, length, meta_loss)
    exact: dict[str, Estimator] = {"exact": Backpropagation(), "truncated": Truncated(segment)}
    sampled: dict[str, Estimator] = {
        "ES": EvolutionStrategies(sigma, pairs=1),
        "truncated ES": TruncatedES(segment, sigma, pairs=1),
        "PES": PES(segment, sigma, pairs=1),
    }
    estimates = {name: (_slope(estimator, training).item(), 0.0) for name, estimator in exact.items()}
    for name, estimator in sampled.items():
        slopes = _slopes(estimator, training, particles, seed)
        estimates[name] = slopes.mean().item(), half_width(slopes)
    return Arrows(
        float(log_rate), length, truncation, meta_loss, sigma, particles, at_nodes[len(at_nodes) // 2].item(),
        smoothed.item(), smoothed_slope.item(), estimates,
    )  # fmt: skip


def astray(arrows: Arrows) -> list[str]:
    """The estimates whose interval lies on the other side of zero than the smoothed curve's slope, 0.00 left out."""
    side = math.copysign(1, arrows.smoothed_slope)
    return [name for name, (mean, half) in arrows.estimates.items() if side * mean < -max(half, 5e-3)]


def _slope(estimator: Estimator, training: RippledTraining) -> Tensor:
    """The estimate from one whole training: the gradients of its segments, added up."""
    phi: Params = {name: p for name, p in training.named_parameters() if p.requires_grad}
    carried: Any = ()
    total = torch.zeros((), dtype=torch.float64)
    for _ in range(estimator.period(training)):
        grads, _, carried = estimator.step(training, phi, no_data(), carried)
        total = total + grads["rule.log_rate"]
    return total


def _slopes(estimator: Estimator, training: RippledTraining, particles: int, seed: int) -> Tensor:
    """Independent estimates, (particles,), each with random numbers of its own; the same for a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return vmap(lambda _: _slope(estimator, training), randomness="different")(torch.arange(particles))


def _meta_loss(losses: Tensor, length: int, meta_loss: str) -> Tensor:
    """Of a training of so many steps, from the losses after each of them (steps, ...)."""
    return losses[:length].mean(0) if meta_loss == "mean" else losses[length - 1]


def _nodes(inner: Tensor, sigma: float, fine: int) -> Tensor:
    """A grid `inner` of spacing sigma / fine, continued on both sides as far as the normal density reaches."""
    outside = sigma / fine * torch.arange(1, _TAIL * fine + 1, dtype=torch.float64)
    return torch.cat([inner[0] - outside.flip(0), inner, inner[-1] + outside])


def _smooth(losses: Tensor, sigma: float, fine: int) -> tuple[Tensor, Tensor]:
    """Losses (lengths, nodes) under a normal density around each inner node, and the slope; (lengths, inner nodes)."""
    z = np.arange(-_TAIL * fine, _TAIL * fine + 1) / fine
    density = np.exp(-(z**2) / 2)
    density /= density.sum()
    smoothed, slopes = (
        torch.from_numpy(np.stack([np.correlate(row, kernel) for row in losses.numpy()]))
        for kernel in (density, density * z / sigma)
    )
    return smoothed, slopes


def _check(length: int, sigma: float, meta_loss: str, log_rate: float) -> None:
    if length < 1 or not sigma > 0:
        raise ValueError(f"length={length}, sigma={sigma}; expected at least 1 step and a sigma above 0.")
    if meta_loss not in META_LOSSES:
        raise ValueError(f"meta_loss={meta_loss!r}; expected one of {', '.join(map(repr, META_LOSSES))}.")
    if not log_rate <= 0:
        raise ValueError(f"log_rate={log_rate} is a rate of {10**log_rate:.3g}; expected a log (base 10) of at most 0.")


__all__ = ["Arrows", "CliffCurves", "astray", "cliff_curves", "gradient_arrows", "ripple"]
