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
    lines = [f"{named.get(row['who'], row['who'])}: {row['now']['words']}" for row in table]
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
        _ring(pen, truth, LEARNED, "right")
        if answer != truth:
            _ring(pen, answer, LOSS, "chosen")
        said = [(player, answer), *((who, theirs[i]) for who, theirs in others.items())]
        for k, (who, label) in enumerate(said):
            line = f"{who}: {letter(label)}, {'right' if label == truth else 'wrong'}"
            color = INK if label == truth else LOSS
            pen.text((x - 50, y + size + 16 + 22 * k), line, font=_font(12, bold=k == 0), fill=color)
        images.append(image)
        if answer != truth:
            told.append(f"question {i + 1} was {letter(truth)}, and {player} answered {letter(answer)}")
    images.append(_end(title, lines, [row["now"] for row in table], images[0].height))
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
        pen.text((x + _CELL + 6, y), letter(label), font=_font(12), fill=QUIET)
    return image


def _end(title: str, lines: Sequence[str], scores: Sequence[dict[str, Any]], height: int) -> Image.Image:
    """The table, a point and an interval for each row, and what the rings were."""
    image = Image.new("RGB", (_WIDTH, height), "white")
    pen = ImageDraw.Draw(image)
    pen.text((_LEFT, 20), f"{title}: right answers, with a 95 % interval", font=_font(17, bold=True), fill=INK)
    for k, (line, score) in enumerate(zip(lines, scores, strict=True)):
        y = 75 + 30 * k
        pen.text((_LEFT, y - 9), line, font=_font(14), fill=INK)
        left, right, here = (440 + 300 * score.get(end, score["share"]) for end in ("low", "high", "share"))
        pen.line((440, y, 740, y), fill=FAINT)
        pen.line((left, y, right, y), fill=QUIET, width=3)
        pen.ellipse((here - 5, y - 5, here + 5, y + 5), fill=INK)
    y = 75 + 30 * len(lines)
    pen.text((432, y - 9), "0 %", font=_font(12), fill=QUIET)
    pen.text((715, y - 9), "100 %", font=_font(12), fill=QUIET)
    for k, (color, words) in enumerate(((LEARNED, "the right example"), (LOSS, "what was chosen instead"))):
        pen.rectangle((_LEFT + 200 * k, y + 20, _LEFT + 14 + 200 * k, y + 34), outline=color, width=3)
        pen.text((_LEFT + 22 + 200 * k, y + 19), words, font=_font(12), fill=INK)
    return image


def _drawing(x: Any, size: int) -> Image.Image:
    """One image (channels, h, w), gray or in color."""
    [bright] = as_drawn(x[None])
    pixels = np.round(255 * bright).astype(np.uint8)
    return Image.fromarray(pixels).convert("RGB").resize((size, size), Image.Resampling.BICUBIC)


def _place(label: int) -> tuple[int, int]:
    return _LEFT + (_CELL + 24) * (label % _ACROSS), _TOP + _STEP * (label // _ACROSS)


def _ring(pen: ImageDraw.ImageDraw, label: int, color: str, word: str) -> None:
    """A frame around an example, with a word beneath, since a color never speaks alone."""
    x, y = _place(label)
    pen.rectangle((x - 3, y - 3, x + _CELL + 3, y + _CELL + 3), outline=color, width=3)
    pen.text((x, y + _CELL + 4), word, font=_font(11), fill=color)


@cache
def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"  # ships with matplotlib
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)
