"""Print on whatever there is to print on."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Print, on any terminal, pipe or notebook: a character that cannot be shown becomes a plain one."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for fancy, plain in {"✓": "[ok]", "✗": "[x]", "…": "...", "●": "*", "○": "-", "★": "*"}.items():
            text = text.replace(fancy, plain)
        text = text.encode(encoding, "replace").decode(encoding)
    print(text)


__all__ = ["say"]
