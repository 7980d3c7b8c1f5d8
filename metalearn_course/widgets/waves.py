"""Lesson 02: five points to drag, two starts that learn from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import traitlets
from torch import Tensor

from ..figures import Picture, two_starts, two_starts_frames
from ..meta_learners import MAML, FineTuned
from ..studies.starts import GRID, INNER_STEPS
from ..tasks import Examples, Sinusoids
from .touchable import Touchable, script

_FAINT = 40
_HIGH_ENOUGH_TO_SEE = (1.5, 5.0)


class TwoStarts(Touchable):
    """Drag five points, scrub the gradient steps: the pooled start bends to the dots, the learned start to the wave.

    points: five pairs (x, y); by default they lie on a sine wave drawn with `seed`, against which errors are shown.
    """

    _esm = script("waves.js")

    points: traitlets.List[Any] = traitlets.List().tag(sync=True)
    frames = traitlets.Dict().tag(sync=True)
    bundle: traitlets.List[Any] = traitlets.List().tag(sync=True)
    at = traitlets.Int(1).tag(sync=True)

    def __init__(
        self,
        pooled: FineTuned | MAML,
        learned: FineTuned | MAML,
        points: Sequence[tuple[float, float]] | None = None,
        seed: int = 0,
    ) -> None:
        self._pair = pooled, learned
        self._generator = torch.Generator().manual_seed(seed)
        faint = Sinusoids(shots=1, queries=51, grid=True).sample(_FAINT, torch.Generator().manual_seed(seed))
        self._truth: Tensor | None = None  # the known wave, for as long as the points lie on it
        self._on_wave: list[list[float]] = []
        super().__init__(bundle=[[round(y, 3) for y in wave] for wave in faint.query.y[..., 0].tolist()])
        if points is None:
            self.new_wave()
        else:
            self.points = [list(map(float, point)) for point in points]
            self._learn()
        self.observe(self._points_moved, names="points")
        self.on_msg(self._asked)

    def picture(self) -> Picture:
        """Both starts after the gradient steps that are chosen."""
        return two_starts(self.frames, INNER_STEPS[self.at])

    def new_wave(self) -> None:
        """Five points on another sine wave, which is then known: errors against all of it are shown."""
        waves = Sinusoids(shots=5, queries=len(GRID), grid=True, amplitudes=_HIGH_ENOUGH_TO_SEE)
        wave = waves.sample(1, self._generator)
        self._truth = wave.query.y[0]
        self._on_wave = [[round(x, 3), round(y, 3)] for x, y in torch.cat(wave.support, -1)[0].tolist()]
        self.points = self._on_wave
        self._learn()

    def _learn(self) -> None:
        x, y = torch.tensor(self.points, dtype=torch.float32)[:, :, None].unbind(1)
        self.frames = two_starts_frames(*self._pair, Examples(x, y), self._truth)

    def _points_moved(self, change: dict[str, Any]) -> None:
        if change["new"] != self._on_wave:
            self._truth = None
            self._learn()

    def _asked(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        if content["type"] == "new wave":
            self.new_wave()
