"""The base of all widgets: live where a kernel runs, and a picture of the same state where none does."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from PIL import Image

from ..figures import palette
from ..figures.picture import Picture

STATIC = Path(__file__).parent / "static"
SHARED = ("logic.js", "kit.js")
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(?:logic|kit)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const |function )", re.MULTILINE)


def script(name: str) -> str:
    """The JavaScript of a widget, after what all of them share: one module, since it cannot load another.

    In their files they are modules that import each other, which is how they are linted and tested.
    """
    parts = ((STATIC / part).read_text(encoding="utf-8") for part in (*SHARED, name))
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", part)) for part in parts)


def style() -> str:
    """The style sheet of all widgets, after the colors of the palette: --ml-NAME and --ml-on-white-NAME."""
    light = [f"--ml-{name}: {on_light};" for name, (on_light, _) in palette.THEMED.items()]
    dark = [f"--ml-{name}: {on_dark};" for name, (_, on_dark) in palette.THEMED.items()]
    fixed = [f"--ml-on-white-{name}: {color};" for name, color in palette.ON_WHITE.items()]
    colors = f'.ml {{ {" ".join(light + fixed)} }}\n[data-jp-theme-light="false"] .ml {{ {" ".join(dark)} }}\n'
    return colors + (STATIC / "touchable.css").read_text(encoding="utf-8")


class Touchable(anywidget.AnyWidget):
    """A widget whose output also holds the PNG and the words of `picture()`.

    A subclass says `_esm = script("its.js")`; all have one style sheet.
    """

    _css = style()

    def picture(self) -> Picture:
        """The widget as it now is, as a figure with alt text."""
        raise NotImplementedError(f"{type(self).__name__} needs picture(): what to show where no kernel runs.")

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        live, live_metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        still, still_metadata = self.picture()._repr_mimebundle_()
        return live | still, live_metadata | still_metadata


class Labeled(Touchable):
    """A widget with labels in it: their colors and markers are sent once."""

    palette = traitlets.Dict(palette.sent()).tag(sync=True)


def data_uri(image: Any, ink: bool = True) -> str:
    """An image as a small PNG for the browser.

    Args:
        image: (h, w), (1, h, w) or, in color, (3, h, w), of 0-255 (uint8) or 0-1.
        ink: whether large numbers of gray images are ink, drawn dark. Colors are drawn as they are.
    """
    array = np.asarray(image)
    pixels = array if array.dtype == np.uint8 else np.round(255 * array).astype(np.uint8)
    if pixels.ndim == 3 and pixels.shape[0] == 3:
        return png_uri(np.ascontiguousarray(np.moveaxis(pixels, 0, -1)))
    pixels = pixels.reshape(pixels.shape[-2:])
    return png_uri(255 - pixels if ink else pixels)


def png_uri(pixels: np.ndarray) -> str:
    """Bytes (rows, columns), gray, or (rows, columns, 3) as a PNG for the browser."""
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, format="PNG")
        return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
