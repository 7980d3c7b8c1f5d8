"""The base of all widgets: live where a kernel runs, and a picture of the same state where none does."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
from PIL import Image

from ..figures.picture import Picture

STATIC = Path(__file__).parent / "static"


def script(name: str) -> str:
    """The JavaScript of a widget, after what all of them share: one module, since it cannot load another."""
    return "\n".join((STATIC / part).read_text(encoding="utf-8") for part in ("kit.js", name))


class Touchable(anywidget.AnyWidget):
    """A widget whose output also holds the PNG and the words of `picture()`.

    A subclass says `_esm = script("its.js")`; all have one style sheet.
    """

    _css = (STATIC / "touchable.css").read_text(encoding="utf-8")

    def picture(self) -> Picture:
        """The widget as it now is, as a figure with alt text."""
        raise NotImplementedError(f"{type(self).__name__} needs picture(): what to show where no kernel runs.")

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        live, live_metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        still, still_metadata = self.picture()._repr_mimebundle_()
        return live | still, live_metadata | still_metadata


def data_uri(image: Any) -> str:
    """An image (28, 28) with ink 255 or 1 as a small PNG for the browser, dark ink on white."""
    array = np.asarray(image)
    ink = array if array.dtype == np.uint8 else np.round(255 * array).astype(np.uint8)
    with io.BytesIO() as file:
        Image.fromarray(255 - ink).save(file, format="PNG")
        return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
