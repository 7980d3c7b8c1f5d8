"""Lesson 08: a slider over the steps of a training; what each rule answers to a gradient moves with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets

from ..figures import Picture
from ..figures.stepping import panels, steps_picture, with_looks
from ..studies.responses import Responses
from ..studies.step_frames import step_frames
from .touchable import Touchable, script


class Steps(Touchable):
    """Scrub the training step: response curves move, and a mark runs along the loss curves, past the horizon.

    responses, curves, horizon: as in `figures.steps`. Every one of the responses' steps is a place of the slider; a
    dozen, the last of them beyond the horizon, show enough.
    """

    _esm = script("steps.js")

    frames = traitlets.Dict().tag(sync=True)
    at = traitlets.Int(0).tag(sync=True)

    def __init__(self, responses: Responses, curves: Mapping[str, Any], horizon: int) -> None:
        frames = with_looks(step_frames(responses, curves, horizon))
        shown = panels(frames["steps"])
        super().__init__(frames=frames, at=shown[len(shown) // 2])
        self._opened_at = self.at

    def picture(self) -> Picture:
        """A row of training steps; only the chosen one once the slider was moved."""
        return steps_picture(self.frames, None if self.at == self._opened_at else [self.at])
