"""A finished game as a film: every question, who answered what, and the table at the end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..studies.game import Deal, rows
from ..tasks.task import one_task
from .images import as_drawn
from .palette import FAINT, INK, LEARNED, LOSS, QUIET
from .picture import Film

_CELL, _STEP, _TOP, _LEFT = 62, 82, 78, 24  # pixels
_WIDTH, _ACROSS = 770, 5
_ASKED = (520, 120, 130)  # where the drawing in question is, and its size


def letter(label: int) -> str:
    """What an answer is called: A for label 0."""
    return chr(ord("A") + label)


def percent(score: dict[str, Any]) -> str:
    """A share, and its interval where it has one: "95 % (76 to 99)"."""
    share = f"{100 * score['share']:.1f}".removesuffix(".0")
    interval = f" ({100 * score['low']:.0f} to {100 * score['high']:.0f})" if "low" in score else ""
    return f"{share} %{interval}"


def game_film(game: Deal, answers: Sequence[int], player: str) -> Film:
    """A game that plays by itself: question after question, then the table.

    Args:
        game: as it was dealt, with the answers of the methods.
        answers: of the player, to all questions.
        player: who that was, such as "you".
    """
    table = rows(game, answers)
    named = {"you": player}
    others = {who: theirs for who, theirs in game.answers.items() if who not in player}
    table = [row for row in table if row["who"] in ("you", *others) or row["all"] is None]
    lines = [f"{named.get(row['who'], row['who'])}: {percent(row['now'])}" for row in table]
    title = f"Run {game.number} of Lake et al." if game.name == "runs" else f"Short game {game.number}"
    images, told = [], []
    tasks = [one_task(game.tasks, i) for i in range(len(game.tasks.classes))]
    asked = [(task, x) for task in tasks for x in task.query.x]
    for i, ((task, query), answer, truth) in enumerate(zip(asked, answers, game.truth, strict=True)):
        image = _sheet(task, game.ways)
        pen = ImageDraw.Draw(image)
        pen.text((_LEFT, 20), title, font=_font(17, bold=True), fill=INK)
        pen.text((_LEFT, 46), f"Question {i + 1} of {len(asked)}: which is it?", font=_font(14), fill=QUIET)
        x, y, size = _ASKED
        image.paste(_drawing(query, size), (x, y))
        pen.rectangle((x, y, x + size, y + size), outline=QUIET)
        _ring(pen, truth, LEARNED, 3)
        if answer != truth:
            _ring(pen, answer, LOSS, 3)
        said = [(player, answer), *((who, theirs[i]) for who, theirs in others.items())]
        for k, (who, label) in enumerate(said):
            verdict = "right" if label == truth else f"wrong, it is {letter(truth)}"
            line = f"{who}: {letter(label)}, {verdict}"
            color = INK if label == truth else LOSS
            pen.text((x - 40, y + size + 16 + 22 * k), line, font=_font(13, bold=k == 0), fill=color)
        images.append(image)
        if answer != truth:
            told.append(f"question {i + 1} was {letter(truth)}, and {player} answered {letter(answer)}")
    images.append(_end(title, lines, images[0].height))
    alt = (
        f"A game to replay: {title}, {len(asked)} drawings, each to be matched with one of {game.ways} examples, "
        f"played by {player}. {'Wrong: ' + '; '.join(told) if told else 'All answers are right'}. "
        f"Accuracy, with its 95 % interval: {'; '.join(lines)}."
    )
    return Film(images, [2.0] * len(asked) + [8.0], alt)


def _sheet(task: Any, ways: int) -> Image.Image:
    """The examples with their letters, on white."""
    image = Image.new("RGB", (_WIDTH, _TOP + max(4, -(-ways // _ACROSS)) * _STEP + 10), "white")
    pen = ImageDraw.Draw(image)
    for label in range(ways):
        x, y = _place(label)
        example = task.support.x[int((task.support.y == label).nonzero()[0])]
        image.paste(_drawing(example, _CELL), (x, y))
        pen.rectangle((x, y, x + _CELL, y + _CELL), outline=FAINT)
        pen.text((x + _CELL + 3, y), letter(label), font=_font(12), fill=QUIET)
    return image


def _end(title: str, lines: Sequence[str], height: int) -> Image.Image:
    image = Image.new("RGB", (_WIDTH, height), "white")
    pen = ImageDraw.Draw(image)
    pen.text((_LEFT, 20), f"{title}: right answers, with a 95 % interval", font=_font(17, bold=True), fill=INK)
    for k, line in enumerate(lines):
        pen.text((_LEFT, 66 + 30 * k), line, font=_font(15), fill=INK)
    return image


def _drawing(x: Any, size: int) -> Image.Image:
    """One image (channels, h, w), gray or in color."""
    [bright] = as_drawn(x[None])
    pixels = np.round(255 * bright).astype(np.uint8)
    return Image.fromarray(pixels).convert("RGB").resize((size, size), Image.Resampling.BICUBIC)


def _place(label: int) -> tuple[int, int]:
    return _LEFT + (_CELL + 24) * (label % _ACROSS), _TOP + _STEP * (label // _ACROSS)


def _ring(pen: ImageDraw.ImageDraw, label: int, color: str, width: int) -> None:
    x, y = _place(label)
    pen.rectangle((x - width, y - width, x + _CELL + width, y + _CELL + width), outline=color, width=width)


@cache
def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"  # ships with matplotlib
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)
