"""Lesson 00: a canvas for five symbols of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import traitlets

from ..figures import Picture, symbol_sheet
from ..tasks.symbols import LINE, SHIPPED, SYMBOLS, my_symbols, save_symbols, strokes_to_image, symbols_path
from .touchable import Touchable, data_uri, script

_LEAST = 2


class DrawSymbols(Touchable):
    """Draw five symbols, a few times each. From two drawings of each on they are kept in the learner's folder.

    home: that folder; see `my_symbols`, which gives them as episodes. Nothing of it leaves the machine.
    """

    _esm = script("draw_symbols.js")

    line = traitlets.Float(LINE).tag(sync=True)
    thumbnails: traitlets.List[Any] = traitlets.List().tag(sync=True)
    chosen = traitlets.Int(0).tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)

    def __init__(self, home: str | Path | None = None) -> None:
        self._home = home
        self.images: list[list[np.ndarray]] = [[] for _ in range(SYMBOLS)]
        trouble = ""
        if symbols_path(home).exists():
            try:
                self.images = [list(symbol) for symbol in my_symbols(home).images.numpy()]
            except ValueError as error:
                trouble = str(error)
        super().__init__()
        self._show(trouble or status_line(self.images))
        self.on_msg(self._asked)

    def picture(self) -> Picture:
        """The sheet of the symbols that were kept; of the shipped ones until there are enough."""
        return symbol_sheet(my_symbols(self._home if min(map(len, self.images)) >= _LEAST else SHIPPED.parent))

    def keep(self, symbol: int, strokes: list[list[tuple[float, float]]]) -> None:
        """Add a drawing, as strokes of points in [0, 1]^2, to symbol 0 ... 4."""
        image = strokes_to_image(strokes)
        if image.max() == 0:
            self._show("Nothing is drawn yet. Draw on the canvas, then keep.")
            return
        self.images[symbol].append(image)
        self.chosen = min(range(SYMBOLS), key=lambda i: (len(self.images[i]), i))
        self._save()

    def take_back(self, symbol: int) -> None:
        """Remove the last drawing kept for a symbol."""
        if self.images[symbol]:
            self.images[symbol].pop()
            self._save()

    def _save(self) -> None:
        have = min(map(len, self.images))
        try:
            if have >= _LEAST:
                save_symbols(np.stack([symbol[:have] for symbol in self.images]), self._home)
            self._show(status_line(self.images))
        except OSError as error:
            self._show(f"The symbols could not be saved: {error}. They stay here as long as the kernel runs.")

    def _show(self, status: str) -> None:
        self.thumbnails = [[data_uri(image) for image in symbol] for symbol in self.images]
        self.status = status

    def _asked(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        if content["type"] == "keep":
            self.keep(content["symbol"], content["strokes"])
        elif content["type"] == "take back":
            self.take_back(content["symbol"])


def status_line(images: list[list[np.ndarray]]) -> str:
    """What is still missing, or what was saved."""
    missing = [f"symbol {i + 1}: {_LEAST - len(kept)} more" for i, kept in enumerate(images) if len(kept) < _LEAST]
    if missing:
        return f"Still to draw: {', '.join(missing)}."
    have = min(map(len, images))
    more = sum(map(len, images)) - have * len(images)
    extra = f" {more} more will be saved once every symbol has as many." if more else ""
    return f"Saved: {have} drawings of each of your {len(images)} symbols.{extra}"
