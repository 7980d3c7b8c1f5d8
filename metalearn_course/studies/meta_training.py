"""What lesson 06's picture is made of: one live `unroll`, and what autograd says about it. Numbers and words only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..update_rules import Params, Trace, UpdateRule, unroll
from .meta_words import WRITTEN, moments
from .plain import plain

MOST_STEPS = 3
SQUARES = 8


def meta_training_frames(
    loss: Callable[[Params, Any], Tensor],
    make_rule: Callable[[Tensor], UpdateRule],
    start: Params,
    rate: float,
    batches: Sequence[Any],
    query: Any,
    meta_lr: float = 0.1,
) -> dict[str, Any]:
    """One meta-step, all its numbers, ready for JSON (what is not finite becomes None).

    loss: (params, batch) -> scalar. make_rule: a rate -> the update rule. batches: one to three, a training step each.
    theta, g: T+1 lists, the weights after t steps and the meta-loss's gradient with respect to them; g_norm: T+1.
    loss, grad, grad_norm: of each training step. curvature, factor: L'' and 1 - rate L'' at each step, for a single
    weight; None where the weights are several or where a step passes back more than that (a rule with a memory).
    share: what each step adds to rate_grad, the gradient with respect to the rate: -g_{t+1} . grad L(theta_t).
    moved: what one step of gradient descent with rate `meta_lr` makes of the start, or of the rate, and the meta-loss
    then. moments: what is to be seen, in order, in words (one text for each of "start", "rate", "detached"), and
    whether it belongs to the way forward.
    """
    return frames_and_moved_start(loss, make_rule, start, rate, batches, query, meta_lr)[0]


def frames_and_moved_start(
    loss: Callable[[Params, Any], Tensor],
    make_rule: Callable[[Tensor], UpdateRule],
    start: Params,
    rate: float,
    batches: Sequence[Any],
    query: Any,
    meta_lr: float,
) -> tuple[dict[str, Any], Params]:
    """The same, and all weights of the start that the meta-optimizer moved."""
    if not 1 <= len(batches) <= MOST_STEPS:
        raise ValueError(f"{len(batches)} batches: the picture has room for 1 to {MOST_STEPS} training steps.")
    leaves = {name: p.detach().clone().requires_grad_() for name, p in start.items()}
    star = torch.tensor(float(rate), dtype=next(iter(leaves.values())).dtype, requires_grad=True)
    trace = unroll(loss, make_rule(star), leaves, batches)
    meta_loss = loss(trace.params, query)
    thetas = [*(step.params for step in trace.steps), trace.params]
    every = [p for theta in thetas for p in theta.values()]
    *by_params, by_rate = torch.autograd.grad(meta_loss, [*every, star], retain_graph=True, materialize_grads=True)
    theta, grad = [_flat(t) for t in thetas], [_flat(step.grads) for step in trace.steps]
    g = [_flat(dict(enumerate(by_params[i : i + len(start)]))) for i in range(0, len(by_params), len(start))]
    curvature = [_curvature(trace, t) for t in range(len(batches))]
    picked = torch.linspace(0, len(theta[0]) - 1, min(len(theta[0]), SQUARES)).round().long()
    if len(theta[0]) <= WRITTEN:
        picked = torch.arange(len(theta[0]))

    def after(params: Params, star: Tensor) -> Any:
        return _plain(loss(unroll(loss, make_rule(star), params, batches).params, query))

    with torch.no_grad():
        moved_start = {name: p - meta_lr * d for (name, p), d in zip(leaves.items(), by_params, strict=False)}
        moved_rate = star - meta_lr * by_rate
        moved = {
            "start": {"theta": _plain(_flat(moved_start)[picked]), "meta_loss": after(moved_start, star)},
            "rate": {"rate": _plain(moved_rate), "meta_loss": after(leaves, moved_rate)},
        }
    frames = {
        "rate": float(rate),
        "meta_lr": float(meta_lr),
        "names": [name for name, p in start.items() for _ in range(p.numel())] if len(theta[0]) <= WRITTEN else [],
        "weight_count": len(theta[0]),
        "theta": [_plain(t[picked]) for t in theta],
        "loss": [_plain(step.loss.detach()) for step in trace.steps],
        "grad": [_plain(d[picked]) for d in grad],
        "grad_norm": [_plain(d.norm()) for d in grad],
        "curvature": curvature,
        "factor": [_factor(c, rate, g[t], g[t + 1]) for t, c in enumerate(curvature)],
        "plain_sgd": all(_close(theta[t + 1], theta[t] - rate * d) for t, d in enumerate(grad)),
        "meta_loss": _plain(meta_loss.detach()),
        "g": [_plain(d[picked]) for d in g],
        "g_norm": [_plain(d.norm()) for d in g],
        "share": _shares(theta, grad, g, rate, by_rate),
        "rate_grad": _plain(by_rate),
        "moved": moved,
    }
    return frames | {"moments": moments(frames)}, moved_start


def _flat(params: dict[Any, Tensor]) -> Tensor:
    return torch.cat([p.detach().flatten() for p in params.values()])


def _plain(values: Tensor) -> Any:
    return plain(values, digits=8)


def _close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-3, atol=1e-6, equal_nan=True)


def _curvature(trace: Trace, t: int) -> float | None:
    """The second derivative of a step's loss, where there is a single weight."""
    [(name, weight), *others] = trace.steps[t].params.items()
    if others or weight.numel() > 1:
        return None
    slope = trace.steps[t].grads[name].sum()
    if not slope.requires_grad:
        return 0.0
    return _plain(torch.autograd.grad(slope, weight, retain_graph=True, materialize_grads=True)[0].sum())


def _factor(curvature: float | None, rate: float, before: Tensor, behind: Tensor) -> float | None:
    """1 - rate L'', if that is what the gradient was really multiplied by on its way back."""
    if curvature is None or not _close(before, (1 - rate * curvature) * behind):
        return None
    return _plain(torch.tensor(1 - rate * curvature, dtype=torch.float64))


def _shares(theta: list[Tensor], grad: list[Tensor], g: list[Tensor], rate: float, total: Tensor) -> list[float | None]:
    """What each step adds to the rate's gradient: -g . grad L; for a rule with a memory, g . (step taken / rate)."""
    shares = torch.stack([-(g[t + 1] @ d) for t, d in enumerate(grad)])
    if not _close(shares.sum(), total):
        shares = torch.stack([g[t + 1] @ (theta[t + 1] - theta[t]) / rate for t in range(len(grad))])
    return _plain(shares) if _close(shares.sum(), total) else [None] * len(grad)
