"""What lesson 04's picture is made of: classes that were never trained on, in the plane of their prototypes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..meta_learners import Prototypical
from ..tasks.task import Task


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
