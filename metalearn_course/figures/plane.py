"""Lesson 04's picture: classes that were never trained on fall apart into clusters."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..meta_learners import Prototypical
from ..tasks.task import Task
from .palette import INK, LABEL_MARKERS, LABELS, QUIET
from .picture import Picture, house_style, new_figure

_SHOWN = 4


def cluster_frames(meta_learner: Prototypical, snapshots: Mapping[int, Mapping[str, Tensor]], task: Task) -> Any:
    """For each snapshot of a training: where one task's images lie in a plane, and how each query is classified.

    The plane is the one on which the prototypes lie farthest apart, by principal components of the prototypes, in each
    snapshot; it is turned, and where needed mirrored, so that points move as little as possible from one snapshot to
    the next. Lengths are divided by the root mean square distance of the prototypes from their mean, so that the axes
    stay fixed while the embedding grows. `edges` are the borders, in that plane, of what the method answers there.
    Ready for JSON: a list of dicts.
    """
    frames: list[dict[str, Any]] = []
    before: Tensor | None = None
    for step, state in sorted(snapshots.items()):
        network = copy.deepcopy(meta_learner).eval()
        network.load_state_dict(dict(state))
        with torch.no_grad():
            predictor = network.fit(task.support)
            points = network.embed(torch.cat([task.support.x, task.query.x]))
            answers = predictor(task.query.x).argmax(-1)
        prototypes = predictor.adapted
        center = prototypes.mean(0)
        axes = torch.linalg.svd(prototypes - center, full_matrices=False).Vh[:2]
        scale = (prototypes - center).square().sum(-1).mean().sqrt()
        flat = (torch.cat([points, prototypes]) - center) @ axes.T / scale
        if before is not None:
            u, _, v = torch.linalg.svd(flat.T @ before)
            flat = flat @ (u @ v)
            axes = (u @ v).T @ axes
        before = flat
        places = (prototypes - center) @ axes.T / scale
        heights = ((prototypes - center).square().sum(-1) / scale**2) - places.square().sum(-1)
        supports = len(task.support.y)
        frames.append(
            {
                "step": step,
                "support": _rounded(flat[:supports]),
                "query": _rounded(flat[supports : len(points)]),
                "prototypes": _rounded(places),
                "edges": _edges(places.double().numpy(), heights.double().numpy()),
                "support_y": task.support.y.tolist(),
                "query_y": task.query.y.tolist(),
                "wrong": (answers != task.query.y).tolist(),
                "accuracy": float((answers == task.query.y).float().mean()),
            }
        )
    return frames


def reach(frames: list[dict[str, Any]]) -> float:
    """Half the width of a square around 0 that holds nearly all points of all frames."""
    points = np.concatenate([np.abs(np.array(f["support"] + f["query"])).max(1) for f in frames])
    return float(1.05 * np.quantile(points, 0.98))


@house_style()
def clusters(frames: list[dict[str, Any]]) -> Picture:
    """Up to four of the frames side by side, on the same axes: the first, the last, and some between."""
    chosen = [frames[i] for i in sorted({round(i) for i in np.linspace(0, len(frames) - 1, _SHOWN)})]
    fig = new_figure(7.4, 2.45)
    half, told = reach(frames), []
    for i, frame in enumerate(chosen):
        ax = fig.add_subplot(1, len(chosen), i + 1)
        _draw(ax, frame, half)
        ax.set_title(f"step {frame['step']}", pad=14)
        ax.text(0, 1.03, f"{frame['accuracy']:.0%} right", transform=ax.transAxes, fontsize=8.5, color=QUIET)
        told.append(
            f"after {frame['step']} steps {frame['accuracy']:.0%} of the queries are right, {sum(frame['wrong'])} wrong"
        )
    ways = len(frames[0]["prototypes"])
    return Picture(
        fig,
        f"Embeddings of {ways} classes never trained on, on the plane of their prototypes, with the straight borders "
        f"of what the method answers there: {'; '.join(told)}. Filled marks are the support set, hollow ones queries, "
        f"crosses prototypes; rings are around wrong queries.",
    )


def _draw(ax: Axes, frame: dict[str, Any], half: float) -> None:
    for x, y in frame["edges"]:
        ax.plot(x, y, color="#B0B0B0", linewidth=1, zorder=1)
    for kind, filled in (("query", False), ("support", True)):
        for label in range(len(frame["prototypes"])):
            of_class = [p for p, y in zip(frame[kind], frame[f"{kind}_y"], strict=True) if y == label]
            x, y = np.array(of_class).T
            color = LABELS[label % len(LABELS)]
            ax.scatter(
                x, y, s=20 if filled else 13, marker=LABEL_MARKERS[label % len(LABEL_MARKERS)],
                facecolors=color if filled else "none", edgecolors=color, linewidths=0.9, zorder=3,
            )  # fmt: skip
    wrong = np.array([p for p, bad in zip(frame["query"], frame["wrong"], strict=True) if bad]).reshape(-1, 2)
    ax.scatter(*wrong.T, s=60, facecolors="none", edgecolors=INK, linewidths=0.9, zorder=4)
    ax.scatter(*np.array(frame["prototypes"]).T, s=42, marker="x", color=INK, linewidths=1.6, zorder=5)
    ax.set(xlim=(-half, half), ylim=(-half, half), aspect="equal")
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(True)
        spine.set_color("#CCCCCC")


def _edges(places: np.ndarray, heights: np.ndarray, far: float = 40.0) -> list[list[list[float]]]:
    """The borders between the regions of points p for which |p - place|^2 + height is smallest: straight pieces.

    On the line where classes i and j tie, every other class k cuts away the half where it is nearer: what remains is
    one piece [[x0, x1], [y0, y1]], or nothing. Pieces that go on for ever end at a distance of `far`.
    """
    pieces = []
    for i in range(len(places)):
        for j in range(i + 1, len(places)):
            normal = 2 * (places[j] - places[i])
            offset = places[j] @ places[j] + heights[j] - places[i] @ places[i] - heights[i]
            length = normal @ normal
            if length < 1e-12:
                continue
            start, along = offset * normal / length, np.array([-normal[1], normal[0]]) / np.sqrt(length)
            low, high = -far, far
            for k in set(range(len(places))) - {i, j}:
                slope = 2 * along @ (places[i] - places[k])
                at_start = (places[k] @ places[k] + heights[k] - 2 * start @ places[k]) - (
                    places[i] @ places[i] + heights[i] - 2 * start @ places[i]
                )
                # class k is farther than class i where at_start + t * slope > 0
                if abs(slope) < 1e-12:
                    low, high = (low, high) if at_start > 0 else (1.0, 0.0)
                elif slope > 0:
                    low = max(low, -at_start / slope)
                else:
                    high = min(high, -at_start / slope)
            if low < high:
                ends = np.stack([start + low * along, start + high * along])
                pieces.append([[round(float(v), 4) for v in axis] for axis in ends.T])
    return pieces


def _rounded(points: Tensor) -> list[list[float]]:
    return [[round(v, 4) for v in point] for point in points.tolist()]
