"""Make metalearn_course/tasks/symbols.npz: five invented symbols, each drawn six times as by an unsteady hand.

python tools/symbols.py           writes the file (the same bytes every time)
python tools/symbols.py --check   compares the stored file with what would be written
"""

import argparse
import io
import sys

import numpy as np

from metalearn_course.tasks.symbols import SHIPPED, strokes_to_image

DRAWINGS = 6
TURNS = np.linspace(0.0, 1.0, 13)
SPIRAL = np.stack([np.cos(9.5 * TURNS), np.sin(9.5 * TURNS)], 1) * (0.08 + 0.3 * TURNS)[:, None] + (0.5, 0.45)
CIRCLE = np.stack([np.cos(6.6 * TURNS), np.sin(6.6 * TURNS)], 1) * 0.1

# Strokes through these points, (x, y) with y down, as smooth curves.
SYMBOLS: list[list[np.ndarray]] = [
    [SPIRAL, np.array([(0.1, 0.9), (0.5, 0.84), (0.9, 0.9)])],
    [
        np.array([(0.1, 0.2), (0.25, 0.42), (0.4, 0.2), (0.55, 0.42), (0.7, 0.2), (0.88, 0.42)]),
        np.array([(0.55, 0.42), (0.52, 0.72)]),
        CIRCLE + np.array((0.5, 0.82)),
    ],
    [
        np.array([(0.2, 0.9), (0.2, 0.45), (0.35, 0.15), (0.65, 0.15), (0.8, 0.45), (0.8, 0.9)]),
        np.array([(0.08, 0.6), (0.92, 0.52)]),
        np.array([(0.5, 0.56), (0.48, 0.92)]),
    ],
    [
        np.array([(0.75, 0.1), (0.35, 0.3), (0.2, 0.55), (0.4, 0.75), (0.6, 0.55), (0.45, 0.4), (0.3, 0.9)]),
        np.array([(0.6, 0.85), (0.85, 0.6)]),
    ],
    [
        np.array([(0.4, 0.12), (0.16, 0.4), (0.22, 0.78), (0.5, 0.88)]),
        np.array([(0.55, 0.3), (0.82, 0.48), (0.84, 0.9)]),
        np.array([(0.3, 0.62), (0.62, 0.5), (0.94, 0.14)]),
        CIRCLE * 0.7 + np.array((0.7, 0.14)),
    ],
]


def curve(points: np.ndarray) -> np.ndarray:
    """A smooth line through `points` (Catmull-Rom)."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0.0, 1.0, 12)[:, None]
    a, b, c, d = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    parts = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return parts.reshape(-1, 2)


def draw(symbol: list[np.ndarray], hand: np.random.RandomState) -> np.ndarray:
    turn, slant = hand.normal(0, 0.12), hand.normal(0, 0.12)
    scale = hand.uniform(0.68, 0.92) * hand.uniform(0.92, 1.08, 2)
    matrix = np.array([(np.cos(turn), np.sin(turn)), (slant - np.sin(turn), np.cos(turn))]) * scale
    center = 0.5 + hand.uniform(-0.04, 0.04, 2)
    strokes = []
    for points in symbol:
        shaky = points + hand.normal(0, 0.012, points.shape) + hand.normal(0, 0.015, 2)
        strokes.append([(x, y) for x, y in ((curve(shaky) - 0.5) @ matrix + center).tolist()])
    return strokes_to_image(strokes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments = parser.parse_args()
    hand = np.random.RandomState(0)
    images = np.stack([np.stack([draw(symbol, hand) for _ in range(DRAWINGS)]) for symbol in SYMBOLS])
    if arguments.check:
        with np.load(SHIPPED, allow_pickle=False) as stored:
            same = np.array_equal(stored["images"], images)
        print(f"{SHIPPED.name} is {'what this script makes' if same else 'NOT what this script makes: run it again'}")
        sys.exit(0 if same else 1)
    file = io.BytesIO()
    np.savez_compressed(file, images=images)
    SHIPPED.write_bytes(file.getvalue())
    print(f"{len(images)} symbols x {DRAWINGS} drawings, {len(file.getvalue()):,} bytes")


if __name__ == "__main__":
    main()
