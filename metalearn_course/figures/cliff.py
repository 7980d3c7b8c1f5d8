"""Lesson 09's picture: the longer a training, the more cliffs in its loss, and which gradients see them coming."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from torch import Tensor

from ..evaluation import half_width
from .palette import INK, LEARNED, LOSS, QUIET, STAR, WEIGHT
from .picture import Picture, brief, house_style, new_figure

START, MOMENTUM = 5.3, 0.9
LENGTHS = (1, 10, 50, 200)
LOG_RATES = (-3.4, -0.9)  # the ends
SIGMA = 0.05
TOP = 20.0  # losses above it are cut in the picture
MEASURES = {"mean": "mean loss over the {} steps", "last": "loss after {} steps"}
_REACH = 5  # a normal number this many standard deviations away adds nothing that could be seen
_WHITE = [withStroke(linewidth=3, foreground="white")]

State = tuple[Tensor, Tensor]  # theta and velocity, of any shape


class Curves(NamedTuple):
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


def train(log_rate: Tensor, steps: int, state: State | None = None) -> tuple[Tensor, State]:
    """`steps` of momentum on `ripple`, for every rate of any shape at once; begun at theta = 5.3, or at `state`.

    What `unroll` does with `Momentum`, with ripple's gradient written out. Returns the loss after each step,
    (steps, *shape), and the state after the last. A gradient runs through all of it to `log_rate` and `state`.
    """
    rate = 10**log_rate
    theta, velocity = (torch.full_like(rate, START), torch.zeros_like(rate)) if state is None else state
    losses = []
    for _ in range(steps):
        velocity = MOMENTUM * velocity + theta + 6 * torch.sin(3 * theta)
        theta = theta - rate * velocity
        losses.append(ripple(theta))
    return torch.stack(losses), (theta, velocity)


def cliff_curves(
    lengths: Sequence[int] = LENGTHS, log_rates: Tensor | None = None, sigma: float = SIGMA, meta_loss: str = "mean"
) -> Curves:
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
    losses, _ = train(x, max(lengths))
    weight = torch.zeros_like(losses, requires_grad=True)
    (weighted,) = torch.autograd.grad((weight * losses).sum(), x, create_graph=True)  # the sum of weight * slope
    (slopes,) = torch.autograd.grad(weighted.sum(), weight)
    low, reach = float(log_rates.min()), float(log_rates.max() - log_rates.min())
    inner = low + sigma / 50 * torch.arange(math.ceil(reach / sigma * 50) + 1, dtype=torch.float64)
    at_nodes, _ = train(_nodes(inner, sigma, 50), max(lengths))
    raw, slopes, at_nodes = (
        torch.stack([_measured(values, length, meta_loss) for length in lengths])
        for values in (losses.detach(), slopes, at_nodes)
    )
    smooth = _smooth(at_nodes, sigma, 50)
    smoothed, smoothed_slopes = (
        torch.stack([torch.from_numpy(np.interp(log_rates, inner, row)) for row in rows]) for rows in smooth
    )
    return Curves(tuple(lengths), log_rates, meta_loss, sigma, raw, slopes, smoothed, smoothed_slopes)


def gradient_arrows(
    log_rate: float = -1.6,
    length: int = 100,
    truncation: int = 20,
    sigma: float = SIGMA,
    particles: int = 1000,
    seed: int = 0,
    meta_loss: str = "mean",
) -> Arrows:
    """The slope of a training's loss at one rate, by five ways: d loss / d log10(rate), per tenfold rate.

    particles: antithetic pairs; each is an estimate of its own, and the interval is of their mean. meta_loss: as in
    `cliff_curves`: "mean" is the mean over all steps of the training, "last" the last loss. truncation: the steps in
    a segment; the segments' gradients are added up.

    "exact": backpropagation through the whole training. "truncated": it stops where a segment begins. "ES": estimates
    the slope of the smoothed curve. "truncated ES": every segment begins where the unperturbed training has come to.
    "PES" (Vicol et al., 2021): each of a pair goes on from its own state, and the perturbations add up. It perturbs
    every segment anew, and so it is unbiased for a curve smoothed over one number a segment, where ES has one for all:
    nearly the same, unless a cliff is decided over several segments.
    """
    _check(length, sigma, meta_loss, log_rate)
    if truncation < 1 or particles < 2:
        raise ValueError(f"truncation={truncation}, particles={particles}; expected at least 1 step and 2 particles.")
    x = torch.tensor(float(log_rate), dtype=torch.float64)
    parts = _weights(length, meta_loss).split(truncation)
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(len(parts), particles, generator=generator, dtype=torch.float64)
    at_nodes = _measured(train(_nodes(x[None], sigma, 200), length)[0], length, meta_loss)
    smoothed, smoothed_slope = _smooth(at_nodes[None], sigma, 200)
    loss = _measured(train(x, length)[0], length, meta_loss)
    estimates = {
        "exact": backpropagation(x, [_weights(length, meta_loss)]),
        "truncated": backpropagation(x, parts),
        "ES": evolution_strategies(x, [_weights(length, meta_loss)], sigma, z),
        "truncated ES": evolution_strategies(x, parts, sigma, z),
        "PES": persistent_evolution_strategies(x, parts, sigma, z),
    }
    return Arrows(
        float(log_rate), length, truncation, meta_loss, sigma, particles, loss.item(), smoothed.item(),
        smoothed_slope.item(), {name: _interval(estimate) for name, estimate in estimates.items()},
    )  # fmt: skip


def backpropagation(log_rate: Tensor, parts: Sequence[Tensor]) -> Tensor:
    """The gradients of all segments, added up; none runs from a segment into the one before. Returns a scalar.

    parts: for each segment the weights of its losses in the objective, (steps,). A single one: the exact gradient.
    """
    total, state = torch.zeros_like(log_rate), None
    for weights in parts:
        x = log_rate.clone().requires_grad_()
        losses, (theta, velocity) = train(x, len(weights), state)
        total = total + torch.autograd.grad(weights @ losses, x)[0]
        state = theta.detach(), velocity.detach()
    return total


def evolution_strategies(log_rate: Tensor, parts: Sequence[Tensor], sigma: float, z: Tensor) -> Tensor:
    """Estimates from antithetic pairs, both of which begin each segment where the unperturbed training is.

    parts: as in `backpropagation`; a single one: evolution strategies, not truncated. z: (segments or more, particles),
    standard normal. Returns (particles,).
    """
    total, state = torch.zeros_like(z[0]), None
    for weights, noise in zip(parts, sigma * z, strict=False):
        above, _ = train(log_rate + noise, len(weights), state)
        below, _ = train(log_rate - noise, len(weights), state)
        total = total + (weights @ above - weights @ below) / (2 * sigma**2) * noise
        _, state = train(log_rate, len(weights), state)
    return total


def persistent_evolution_strategies(log_rate: Tensor, parts: Sequence[Tensor], sigma: float, z: Tensor) -> Tensor:
    """Estimates from antithetic pairs, each of which keeps its own state, with the noise of all segments so far.

    parts, z: as in `evolution_strategies`. Returns (particles,). Vicol et al. (2021).
    """
    total = accumulated = torch.zeros_like(z[0])
    state_above = state_below = None
    for weights, noise in zip(parts, sigma * z, strict=True):
        accumulated = accumulated + noise
        above, state_above = train(log_rate + noise, len(weights), state_above)
        below, state_below = train(log_rate - noise, len(weights), state_below)
        total = total + (weights @ above - weights @ below) / (2 * sigma**2) * accumulated
    return total


@house_style()
def cliffs(curves: Curves, arrows: Arrows | None = None) -> Picture:
    """The loss against the rate for every length of `curves`; or for one length, with arrows beside it.

    arrows: of one rate, for one of the curves' lengths, with the same meta_loss and sigma.
    """
    if arrows is None:
        return _panels(curves)
    if (arrows.meta_loss, arrows.sigma) != (curves.meta_loss, curves.sigma) or arrows.length not in curves.lengths:
        raise ValueError(
            f"The arrows are of length={arrows.length}, meta_loss={arrows.meta_loss!r}, sigma={arrows.sigma}; the "
            f"curves have lengths={curves.lengths}, meta_loss={curves.meta_loss!r}, sigma={curves.sigma}."
        )
    fig = new_figure(7.8, 3.9)
    left, right = fig.subplots(1, 2, width_ratios=[1.45, 1])
    _draw_curve(left, curves, curves.lengths.index(arrows.length))
    left.set_title(_measure(curves.meta_loss, arrows.length).capitalize(), fontsize=10)
    left.axvline(arrows.log_rate, color=STAR, linewidth=1, linestyle=(0, (2, 2)), zorder=1)
    for value, color in ((arrows.loss, INK), (arrows.smoothed, LOSS)):
        left.plot(arrows.log_rate, value, "o", color=color, markersize=6, markeredgecolor="white", zorder=6)
    left.plot(arrows.log_rate, left.get_ylim()[0], "*", color=STAR, markersize=16, markeredgecolor="white",
              zorder=7, clip_on=False)  # fmt: skip
    _draw_arrows(right, arrows)
    _key(fig, curves.sigma, Line2D([], [], color=STAR, marker="*", markersize=11, linestyle="", label="the rate"))
    return Picture(fig, f"{_told_curve(curves, arrows.length)} {_told_arrows(arrows)}")


def limit(arrows: Arrows) -> float:
    """How far the picture of the arrows reaches on both sides; what is 3 times the dashed line, ES and PES is cut."""
    ends = {name: abs(mean) + half for name, (mean, half) in arrows.estimates.items()}
    least = max(abs(arrows.smoothed_slope), ends["ES"], ends["PES"], 1e-3)
    return 1.12 * max(least, *(end for end in ends.values() if end < 3 * least))


def astray(arrows: Arrows) -> list[str]:
    """The estimates whose interval lies on the other side of zero than the smoothed curve's slope, 0.00 left out."""
    side = math.copysign(1, arrows.smoothed_slope)
    return [name for name, (mean, half) in arrows.estimates.items() if side * mean < -max(half, 5e-3)]


def said(mean: float, half: float = 0.0) -> str:
    """A slope and its half-width as labels and alt text say them."""
    digits = 2 if abs(mean) < 100 else 0
    written = f"{mean:.{digits}f}" if abs(mean) < 1e5 else f"{mean:.1e}"
    return written.replace("-", "−") + (f" ± {half:.2f}" if half else "")


def _panels(curves: Curves) -> Picture:
    """A panel for each length, in rows of two."""
    rows = -(-len(curves.lengths) // 2)
    fig = new_figure(7.4, 0.7 + 2.2 * rows)
    axes = fig.subplots(rows, 2 if len(curves.lengths) > 1 else 1, sharex=True, sharey=True, squeeze=False)
    for row, line in enumerate(axes):
        for column, ax in enumerate(line):
            i = row * len(line) + column
            if i >= len(curves.lengths):
                ax.set_axis_off()
                continue
            _draw_curve(ax, curves, i, xlabel=row == rows - 1, ylabel=column == 0)
            ax.set_title(f"T = {curves.lengths[i]} step{'s'[: curves.lengths[i] != 1]}", pad=4)
    _key(fig, curves.sigma)
    return Picture(fig, " ".join(_told_curve(curves, length) for length in curves.lengths))


def _draw_curve(ax: Axes, curves: Curves, i: int, xlabel: bool = True, ylabel: bool = True) -> None:
    top = min(TOP, 1.08 * max(float(curves.losses.max()), float(curves.smoothed.max())))
    ax.plot(curves.log_rates, curves.losses[i].clamp(max=2 * top), color=INK, linewidth=0.7, zorder=3)
    ax.plot(curves.log_rates, curves.smoothed[i], color=LOSS, linewidth=2.6, alpha=0.85, zorder=2)
    low, high = float(curves.log_rates.min()), float(curves.log_rates.max())
    ax.set(xlim=(low, high), ylim=(-0.02 * top, top))
    decades = range(int(np.ceil(low)), int(np.floor(high)) + 1)
    ax.set_xticks(list(decades), [f"{10.0**decade:g}" for decade in decades])
    ax.grid(True, axis="y")
    if xlabel:
        ax.set_xlabel("rate α (log scale)")
    if ylabel:
        ax.set_ylabel("mean loss" if curves.meta_loss == "mean" else "final loss")


def _draw_arrows(ax: Axes, arrows: Arrows) -> None:
    reach = limit(arrows)
    ax.axvline(0, color=QUIET, linewidth=1, zorder=1)
    ax.axvline(arrows.smoothed_slope, color=LOSS, linewidth=1.6, linestyle=(0, (4, 2)), zorder=1)
    for row, (name, (mean, half)) in enumerate(arrows.estimates.items()):
        color = LEARNED if "ES" in name else WEIGHT
        cut = not abs(mean) <= reach
        end = float(np.clip(np.nan_to_num(mean), -reach, reach))
        head = f"-|>,head_width={min(0.28, 3 * abs(end) / reach + 0.05):.3f},head_length=0.45"
        look = {"color": color, "linewidth": 2.2, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 13}
        dash = (0, (2, 1)) if "truncated" in name else "-"
        if abs(end) < 0.08 * reach:  # no room for an arrow's head
            ax.plot(end, row, "o", color=color, markersize=6, zorder=4)
        else:
            ax.annotate("", (end, row), (0, row), arrowprops={"arrowstyle": head, "linestyle": dash, **look}, zorder=4)
        if half:
            ax.errorbar(mean, row, xerr=half, fmt="none", ecolor=INK, elinewidth=1.3, capsize=4, zorder=5)
        ax.annotate(
            f"{name}  {said(mean, half)}{', cut' if cut else ''}", (0.01, row), xytext=(0, 12),
            xycoords=("axes fraction", "data"), textcoords="offset points", va="center", fontsize=9, color=INK,
            path_effects=_WHITE, zorder=6,
        )  # fmt: skip
    ax.set(xlim=(-reach, reach), ylim=(len(arrows.estimates) - 0.6, -0.85), yticks=[])
    ax.set_xlabel("slope per tenfold rate\n◂ says: raise the rate     says: lower it ▸")
    ax.set_title(f"Gradients at α = {10**arrows.log_rate:.2g}, K = {arrows.truncation}", fontsize=10)
    ax.spines["left"].set_visible(False)


def _key(fig: Figure, sigma: float, *more: Line2D) -> None:
    lines = [
        Line2D([], [], color=INK, linewidth=0.9, label="as it is"),
        Line2D([], [], color=LOSS, linewidth=2.6, alpha=0.85, label=f"smoothed, σ = {sigma:g}"),
    ]
    if more:
        lines.append(Line2D([], [], color=LOSS, linewidth=1.6, linestyle=(0, (4, 2)), label="slope of the smoothed"))
        lines.append(Line2D([], [], color=INK, marker="|", linewidth=1.3, label="95% interval"))
    fig.legend(handles=[*lines, *more], loc="outside lower center", ncols=5, handlelength=2.2, columnspacing=1.5)


def _told_curve(curves: Curves, length: int) -> str:
    i = curves.lengths.index(length)
    smooth, rates = curves.smoothed[i], 10**curves.log_rates
    jump = curves.losses[i].diff().abs().max().item()
    ends = [brief(value.item()) for value in (rates[0], rates[-1], smooth[0], smooth[-1])]
    return (
        f"The {_measure(curves.meta_loss, length)} against the rate, from {ends[0]} to {ends[1]} (log scale): between "
        f"two neighbors of {len(rates)} rates it changes by at most {brief(jump)}. Smoothed with sigma "
        f"{curves.sigma:g} it goes from {ends[2]} to {ends[3]} and is lowest, {brief(round(smooth.min().item(), 3))}, "
        f"at a rate of {brief(rates[smooth.argmin()].item())}."
    )


def _told_arrows(arrows: Arrows) -> str:
    told = "; ".join(f"{name} {said(mean, half)}" for name, (mean, half) in arrows.estimates.items())
    wrong = ", ".join(astray(arrows)) or "none"
    return (
        f"At the rate {10**arrows.log_rate:.3g} it is {brief(arrows.loss)}, smoothed {brief(arrows.smoothed)}. "
        f"Arrows show its slope per tenfold rate, with 95% intervals over {arrows.particles} pairs; what is truncated "
        f"has segments of K = {arrows.truncation} steps: {told}. A dashed line marks the slope of the smoothed curve, "
        f"{said(arrows.smoothed_slope)}. Pointing the other way: {wrong}."
    )


def _measure(meta_loss: str, length: int) -> str:
    return "loss after 1 step" if length == 1 else MEASURES[meta_loss].format(length)


def _weights(length: int, meta_loss: str) -> Tensor:
    """How much the loss after each step counts, (length,)."""
    if meta_loss == "mean":
        return torch.full((length,), 1 / length, dtype=torch.float64)
    return torch.eye(length, dtype=torch.float64)[-1]


def _measured(losses: Tensor, length: int, meta_loss: str) -> Tensor:
    return torch.tensordot(_weights(length, meta_loss), losses[:length], 1)


def _nodes(inner: Tensor, sigma: float, fine: int) -> Tensor:
    """A grid `inner` of spacing sigma / fine, continued on both sides as far as the normal density reaches."""
    outside = sigma / fine * torch.arange(1, _REACH * fine + 1, dtype=torch.float64)
    return torch.cat([inner[0] - outside.flip(0), inner, inner[-1] + outside])


def _smooth(losses: Tensor, sigma: float, fine: int) -> tuple[Tensor, Tensor]:
    """Losses (lengths, nodes) under a normal density around each inner node, and the slope; (lengths, inner nodes)."""
    z = np.arange(-_REACH * fine, _REACH * fine + 1) / fine
    density = np.exp(-(z**2) / 2)
    density /= density.sum()
    smoothed, slopes = (
        torch.from_numpy(np.stack([np.correlate(row, kernel) for row in losses.numpy()]))
        for kernel in (density, density * z / sigma)
    )
    return smoothed, slopes


def _interval(estimates: Tensor) -> tuple[float, float]:
    """The mean of independent estimates and the half-width of its 95% interval; a scalar has none."""
    if estimates.ndim == 0:
        return estimates.item(), 0.0
    return estimates.mean().item(), half_width(estimates)


def _check(length: int, sigma: float, meta_loss: str, log_rate: float) -> None:
    if length < 1 or not sigma > 0:
        raise ValueError(f"length={length}, sigma={sigma}; expected at least 1 step and a sigma above 0.")
    if meta_loss not in MEASURES:
        raise ValueError(f"meta_loss={meta_loss!r}; expected one of {', '.join(map(repr, MEASURES))}.")
    if not log_rate <= 0:
        raise ValueError(f"log_rate={log_rate} is a rate of {10**log_rate:.3g}; expected a log (base 10) of at most 0.")


__all__ = ["Arrows", "Curves", "cliff_curves", "cliffs", "gradient_arrows"]
