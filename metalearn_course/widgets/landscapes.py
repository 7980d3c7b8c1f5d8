"""Lesson 07: a start to drag over two maps, and where one step on each task leads from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import traitlets

from ..figures import Picture, landscape_frames, landscapes
from ..figures.landscape import shade, with_looks
from ..studies.landscapes import ALPHAS, Loss, from_start
from .touchable import Touchable, png_uri, script


class Landscapes(Touchable):
    """Drag the start over the mean loss before any step and after one; an arrow for each task shows its step.

    loss, tasks, alphas, extent, points: as in `landscape_frames`. start: two coordinates, by default where the mean
    loss is lowest before any step. alpha: one of `alphas`, by default the last.
    """

    _esm = script("landscapes.js")

    frames = traitlets.Dict().tag(sync=True)
    start = traitlets.List(traitlets.Float()).tag(sync=True)
    here = traitlets.Dict().tag(sync=True)
    at = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        loss: Loss,
        tasks: Sequence[Any],
        alphas: Sequence[float] = ALPHAS,
        extent: tuple[float, float] = (-3.0, 3.0),
        points: int = 41,
        start: Sequence[float] | None = None,
        alpha: float | None = None,
    ) -> None:
        if alpha is not None and alpha not in alphas:
            raise ValueError(f"alpha={alpha} is not among alphas={tuple(alphas)}.")
        self._problem = loss, tasks, alphas
        frames = with_looks(landscape_frames(loss, tasks, alphas, extent, points))
        for a_map in (frames["before"], *frames["after"]):
            a_map["shades"] = png_uri(shade(a_map["loss"], frames["range"]))
        at = len(alphas) - 1 if alpha is None else list(alphas).index(alpha)
        super().__init__(
            frames=frames, at=at, start=list(map(float, frames["pooled"]["at"] if start is None else start))
        )
        self._step()
        self.observe(self._step, names="start")

    def picture(self) -> Picture:
        """Both landscapes at the rate that is chosen, and the start where it was moved to."""
        untouched = self.start == self.frames["pooled"]["at"]
        return landscapes(self.frames, None if untouched else self.start, self.frames["alphas"][self.at])

    def _step(self, change: Any = None) -> None:
        self.here = from_start(*self._problem, self.start)
