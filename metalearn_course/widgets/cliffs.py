"""Lesson 09: lengthen the training until its loss has cliffs, and see which gradients still point downhill."""

from __future__ import annotations

from typing import Any

import torch
import traitlets

from ..figures import Picture, cliff_curves, cliffs, gradient_arrows
from ..figures.cliff import MEASURES, TOP, arrow_end, arrow_label, arrow_look, heading, limit, measure, said
from ..figures.palette import on_screen
from ..figures.picture import brief
from ..studies.cliffs import LOG_RATES, SIGMA, Arrows, CliffCurves, astray
from ..studies.plain import plain
from .touchable import Touchable, script

LENGTHS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 140, 200)
_RATES, _EVERY = 1001, 4
_CHOICES = {"mean": "mean loss over all steps", "last": "loss after the last step"}
# For each measure: its name among the choices, and for each length what is drawn.
_MEASURED = {
    name: {"choice": choice, "titles": [measure(name, length).capitalize() for length in LENGTHS]}
    for name, choice in _CHOICES.items()
}


class Cliffs(Touchable):
    """Slide the length of the training and its rate: the loss, smoothed and not, and the arrows of five gradients.

    truncation, sigma, particles, seed: as in `gradient_arrows`. length: one of 1, 2, 3, 5, 7, 10, ... 200. log_rate:
    from -3.4 to -0.9, log10. meta_loss: "mean" or "last".
    """

    _esm = script("cliffs.js")

    frames = traitlets.Dict().tag(sync=True)
    at = traitlets.Int(0).tag(sync=True)
    log_rate = traitlets.Float().tag(sync=True)
    meta_loss = traitlets.Enum([*MEASURES], "mean").tag(sync=True)
    arrows = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        length: int = 100,
        log_rate: float = -1.6,
        truncation: int = 20,
        sigma: float = SIGMA,
        particles: int = 1000,
        meta_loss: str = "mean",
        seed: int = 0,
    ) -> None:
        if length not in LENGTHS:
            raise ValueError(f"length={length} has no stop; expected one of {', '.join(map(str, LENGTHS))}.")
        if not LOG_RATES[0] <= log_rate <= LOG_RATES[1]:
            raise ValueError(f"log_rate={log_rate} is not from {LOG_RATES[0]} to {LOG_RATES[1]}.")
        self._setting = {"truncation": truncation, "sigma": sigma, "particles": particles, "seed": seed}
        self._curves: dict[str, CliffCurves] = {}
        self._known: dict[tuple[float, int, str], Arrows] = {}
        frames = {"lengths": list(LENGTHS), "ends": list(LOG_RATES), "top": TOP, "sigma": sigma, "measures": _MEASURED}
        super().__init__(frames=frames, at=LENGTHS.index(length), log_rate=float(log_rate), meta_loss=meta_loss)
        self._point()
        self.observe(self._point, names=["at", "log_rate", "meta_loss"])

    def picture(self) -> Picture:
        """The curves and the arrows at the length, the rate and the measure that are chosen."""
        return cliffs(self._curves[self.meta_loss], self._arrows())

    def _draw(self) -> None:
        """The curves of a measure are computed when it is first asked for."""
        if self.meta_loss not in self._curves:
            rates = torch.linspace(*LOG_RATES, _RATES, dtype=torch.float64)
            curves = cliff_curves(LENGTHS, rates, self._setting["sigma"], self.meta_loss)
            shown = {"losses": curves.losses, "smoothed": curves.smoothed[:, ::_EVERY]}
            sent = {name: values.round(decimals=3).tolist() for name, values in shown.items()}
            self._curves[self.meta_loss] = curves
            self.frames = self.frames | {self.meta_loss: sent}

    def _arrows(self) -> Arrows:
        """Those of the present rate and length: computed once, then remembered."""
        place = self.log_rate, LENGTHS[self.at], self.meta_loss
        if place not in self._known:
            self._known[place] = gradient_arrows(place[0], place[1], meta_loss=place[2], **self._setting)
        return self._known[place]

    def _point(self, change: Any = None) -> None:
        self._draw()
        arrows = self._arrows()
        reach = limit(arrows)
        told = [_told(name, mean, half, reach) for name, (mean, half) in arrows.estimates.items()]
        self.arrows = {
            "log_rate": arrows.log_rate,
            "at": self.at,
            "meta_loss": arrows.meta_loss,
            "slope": _plain(arrows.smoothed_slope),
            "limit": reach,
            "estimates": told,
            "title": heading(arrows),
            "told": _status(arrows),
        }


def _told(name: str, mean: float, half: float, reach: float) -> dict[str, Any]:
    """One arrow: what it estimates, where it ends, what is written at it, its color on a screen and its dash."""
    color, dashed = arrow_look(name)
    numbers = {"mean": _plain(mean), "half": _plain(half), "end": _plain(arrow_end(mean, reach))}
    looks = {"screen": on_screen(color), "dashed": dashed}
    return {"name": name, "label": arrow_label(name, mean, half, reach)} | numbers | looks


def _status(arrows: Arrows) -> str:
    return (
        f"At α = {10**arrows.log_rate:.2g} the {measure(arrows.meta_loss, arrows.length)} is {brief(arrows.loss)}, "
        f"smoothed {brief(arrows.smoothed)}, with a slope of {said(arrows.smoothed_slope)}. "
        f"Pointing the other way: {', '.join(astray(arrows)) or 'none'}."
    )


def _plain(value: float) -> float | None:
    return plain(torch.tensor(value))
