"""Print on whatever there is to print on, and show HTML where there is something to show it in."""

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


def show(html: str, text: str) -> None:
    """Show `html` in a notebook, with `text` for those who cannot see it; outside of one, print `text`."""
    if "IPython" in sys.modules:
        from IPython import get_ipython
        from IPython.display import display

        if get_ipython() is not None:
            display({"text/html": html, "text/plain": text}, raw=True)
            return
    say(text)


__all__ = ["say", "show"]
