"""Lesson 01: the training cycle, with its one star to drag."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import traitlets

from ..figures import Picture, training_cycle, training_frames
from ..figures.picture import by_value
from ..update_rules import Trace
from .touchable import Touchable, script


class TrainingCycle(Touchable):
    """Step through a live training run; drag the star, the rate, and the run is made anew.

    make_trace: rate -> the trace of a run with it. rates: the ends of the star's track (log scale).
    """

    _esm = script("training.js")

    rate = traitlets.Float().tag(sync=True)
    rates = traitlets.List(traitlets.Float()).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    frames = traitlets.Dict().tag(sync=True)

    def __init__(
        self, make_trace: Callable[[float], Trace], rate: float = 0.1, rates: tuple[float, float] = (1e-3, 30.0)
    ) -> None:
        if not 0 < rates[0] <= rate <= rates[1]:
            raise ValueError(f"rate={rate} is not within rates={rates}; expected 0 < lowest <= rate <= highest.")
        self._make_trace = make_trace
        super().__init__(rate=rate, rates=list(rates), frames=self._run(rate))
        self.observe(self._rerun, names="rate")

    def picture(self) -> Picture:
        """The cycle at the step and the rate that are chosen."""
        return training_cycle(self._trace, min(self.step, len(self._trace.steps) - 1), self.rate)

    def _run(self, rate: float) -> dict[str, Any]:
        """Train; what is sent of it: loss, verdict, and for each step the colors of the squares, `fills`."""
        self._trace = self._make_trace(rate)
        frames = training_frames(self._trace)
        weights, scale = frames.pop("weights"), frames.pop("scale")
        fills = [[by_value(weight, scale) for weight in step] for step in weights]
        return frames | {"rate": rate, "fills": fills, "verdict": verdict(frames)}

    def _rerun(self, change: dict[str, float]) -> None:
        self.frames = self._run(change["new"])


def verdict(frames: dict[str, Any]) -> str:
    """What a run of `training_frames` came to."""
    if frames["diverged"]:
        return "it explodes"
    return "it crawls" if frames["loss"][-1] > 0.8 * frames["loss"][0] else "it learns"
