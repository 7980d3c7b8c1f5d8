"""Lesson 06: a whole training run, the gradient that runs back along it, and what it moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import traitlets
from torch import Tensor

from ..figures import Picture, meta_training
from ..figures.meta_picture.pieces import all_states
from ..figures.meta_picture.scene import meta_scene
from ..studies.meta_training import frames_and_moved_start
from ..studies.meta_words import WRITTEN
from ..update_rules import Params, UpdateRule
from .touchable import Touchable, script

_REMEMBERED = 10


class MetaTraining(Touchable):
    """Play a meta-step, moment by moment; cut the chain; send the gradient to the start or to the rate.

    The arguments are those of `figures.meta_training_frames`. The rate's star and the start's squares (up to four) can
    be dragged: the run is then made anew. `history` holds the meta-loss of every run, the last ten.
    """

    _esm = script("meta_training.js")

    frames = traitlets.Dict().tag(sync=True)
    rate = traitlets.Float().tag(sync=True)
    start = traitlets.List(traitlets.Float()).tag(sync=True)
    moment = traitlets.Int(0).tag(sync=True)
    target = traitlets.Enum(["start", "rate"], "start").tag(sync=True)
    detached = traitlets.Bool(False).tag(sync=True)
    history: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(
        self,
        loss: Callable[[Params, Any], Tensor],
        make_rule: Callable[[Tensor], UpdateRule],
        start: Params,
        rate: float,
        batches: Sequence[Any],
        query: Any,
        meta_lr: float = 0.1,
    ) -> None:
        self._setting = {"loss": loss, "make_rule": make_rule, "batches": batches, "query": query, "meta_lr": meta_lr}
        self._params = {name: p.detach().clone() for name, p in start.items()}
        super().__init__(rate=float(rate), start=self._written())
        self._run()
        self.observe(self._start_moved, names="start")
        self.observe(self._run, names="rate")
        self.on_msg(self._asked)

    def picture(self) -> Picture:
        """The last moment, where everything is to be seen."""
        return meta_training(self.frames, len(self.frames["moments"]) - 1, self.target, self.detached)

    def meta_step(self, target: str) -> None:
        """Let the meta-optimizer move the start, or the rate, and train again from there."""
        before = self.frames["run"]
        if target == "rate":
            self.rate = self.frames["moved"]["rate"]["rate"]
        else:
            self._params = self._moved_start
            self.start = self._written()
        if self.frames["run"] == before:  # nothing changed that is observed
            self._run()

    def _written(self) -> list[float]:
        values = torch.cat([p.flatten() for p in self._params.values()])
        return [float(f"{value:.8g}") for value in values.tolist()] if len(values) <= WRITTEN else []

    def _start_moved(self, change: dict[str, Any]) -> None:
        flat = torch.tensor(change["new"])
        sizes = [p.numel() for p in self._params.values()]
        parts = zip(self._params.items(), flat.split(sizes), strict=True)
        self._params = {name: part.to(p.dtype).reshape(p.shape) for (name, p), part in parts}
        self._run()

    def _run(self, change: Any = None) -> None:
        frames, self._moved_start = frames_and_moved_start(start=self._params, rate=self.rate, **self._setting)
        with self.hold_sync():
            scene = meta_scene(frames)
            states = all_states(scene["elements"], len(frames["moments"]))
            self.frames = frames | {"scene": scene, "states": states, "run": self.frames.get("run", 0) + 1}
            self.history = [*self.history, frames["meta_loss"]][-_REMEMBERED:]

    def _asked(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        if content["type"] == "meta-step":
            self.meta_step(content["target"])
