"""Measure the data: seconds to read, pack and load, counts, and how far comparing pixels goes.

python benchmarks/data.py    prints a table and writes benchmarks/results/data.json. Real Omniglot is read from
$METALEARN_DATA; without it those rows are left out.
"""

import contextlib
import io
import os
import tempfile
import time

import torch

from metalearn_course import Characters, Episodes, NearestNeighbor, characters, evaluate
from metalearn_course.authoring.results import save


def timed(source: str) -> tuple[Characters, float]:
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        data = characters(source)
    return data, time.perf_counter() - start


def nearest_pixels(data: Characters, ways: int = 5, within_alphabet: bool = False) -> list[float]:
    """Accuracy of the nearest support image, in percent, and its 95% interval over 2,000 episodes."""
    episodes = Episodes(data, ways, 1, 15, "test", within_alphabet)
    result = evaluate(NearestNeighbor(), episodes, episodes=2_000)
    return [round(100 * result.mean, 2), round(100 * result.interval, 2)]


def measure(data: Characters) -> dict[str, object]:
    episodes, generator = Episodes(data, 5, 1, 15), torch.Generator().manual_seed(0)
    episodes.sample(32, generator)
    start = time.perf_counter()
    for _ in range(50):
        episodes.sample(32, generator)
    return {
        "classes": len(data.images),
        "alphabets": len(set(data.alphabets)),
        "split": {name: len(ids) for name, ids in data.splits.items()},
        "milliseconds for 32 episodes, 5-way 1-shot, 15 queries a class": round(
            1000 * (time.perf_counter() - start) / 50, 1
        ),
        "pixel nearest neighbor, 5-way 1-shot, test, %": nearest_pixels(data),
        "pixel nearest neighbor, 5-way 1-shot within an alphabet, test, %": nearest_pixels(data, within_alphabet=True),
        "pixel nearest neighbor, 20-way 1-shot, test, %": nearest_pixels(data, ways=20),
    }


def main() -> None:
    torch.set_num_threads(1)
    results: dict[str, dict[str, object]] = {}
    if os.environ.get("METALEARN_DATA"):
        with tempfile.TemporaryDirectory() as empty:
            os.environ["METALEARN_CACHE"] = empty
            _, first = timed("omniglot")
            data, later = timed("omniglot")
        results["omniglot"] = {"seconds to read and pack": round(first, 2), "seconds to load": round(later, 3)}
        results["omniglot"] |= measure(data)
    data, seconds = timed("glyphs")
    results["glyphs"] = {"seconds to load": round(seconds, 3)} | measure(data)
    for source, rows in results.items():
        print(source)
        for what, value in rows.items():
            shown = f"{value[0]} ± {value[1]}" if isinstance(value, list) else value
            print(f"    {what:<66} {shown}")
    save("data", results)


if __name__ == "__main__":
    main()
