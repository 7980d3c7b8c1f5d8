"""Every figure: a PNG of moderate size, the same bytes each time, and words that say what is seen."""

from __future__ import annotations

import base64
import functools
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
import torch

from metalearn_course import InContext, Regressions, figures, studies
from metalearn_course.evaluation import Dependencies, Evaluation
from metalearn_course.evaluation.compare import Row
from metalearn_course.tasks import Characters, Episodes, Sinusoids
from metalearn_course.update_rules import SGD
from tests.helpers.pictured import cloud, generator, pair, remembered, small_trace, starts, wave


def images_in(page: str) -> list[dict[str, str | None]]:
    """The attributes of every `img` of a page, as a browser would read them."""
    found: list[dict[str, str | None]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append(dict(attributes)) if tag == "img" else None
    parser.feed(page)
    return found


@functools.cache
def diverse() -> dict[str, Any]:
    """The frames of task diversity, of two untrained learners."""
    torch.manual_seed(0)
    learners = {count: InContext(3, 8, 1, 2).eval() for count in (4, None)}
    return studies.diversity_frames(learners, Regressions(3, 6, 4, 0.5), count=20)


def drawn_characters() -> Characters:
    images = torch.zeros(6, 6, 28, 28, dtype=torch.uint8)
    for i in range(6):
        images[i, :, 4 : 8 + 2 * i, 4 + i : 20] = 255
    names = [f"Runes/character{i:02}" for i in range(6)]
    return Characters(images, ["Runes"] * 3 + ["Signs"] * 3, names, {"train": torch.arange(6)}, "test")


def episode():
    return Episodes(drawn_characters(), 2, 2, 2).sample(1, generator())


@functools.cache
def bowls():
    return figures.landscape_frames(*figures.three_bowls(), alphas=(0.1, 0.2), points=15)


def meta_frames():
    start = {"w": torch.tensor(2.0)}
    return figures.meta_training_frames(lambda p, a: a / 2 * p["w"] ** 2, SGD, start, 0.1, [2.0, 4.0], 3.0)


RESULT = Evaluation(0.42, 0.02, torch.zeros(2), "5-way 1-shot", Dependencies(True, False, False))

FIGURES: dict[str, Callable[[], figures.Picture]] = {
    "method_map": lambda: figures.method_map({("step", "exact"): "MAML"}),
    "image_grid": lambda: figures.image_grid(
        torch.rand(3, 1, 8, 8, generator=generator()), titles="abc", title="Three"
    ),
    "symbol_sheet": lambda: figures.symbol_sheet(drawn_characters()),
    "alphabets": lambda: figures.alphabets(drawn_characters(), ["Signs"], per=3),
    "training_cycle": lambda: figures.training_cycle(small_trace(), 2, 0.1),
    "curves": lambda: figures.curves({"a": [3, 2, 1], "b": ([1, 10], [1, float("nan")])}, "x", "y", logy=True),
    "comparison": lambda: figures.comparison({"pixels": RESULT, "other": (0.6, 0.01)}, "accuracy", {"chance": 0.2}),
    "by_kind": lambda: figures.by_kind({"near": {"pixels": (0.4, 0.3, 0.5)}, "far": {"pixels": (0.2, 0.1, 0.3)}}, "a"),
    "diversity": lambda: figures.diversity(diverse(), 1),
    "bandit_play": lambda: figures.bandit_play(
        torch.tensor([0.2, 0.7]), torch.tensor([0, 1, 1, 1]), torch.tensor([0.0, 1.0, 0.0, 1.0]), "A game"
    ),
    "wave_bundle": lambda: figures.wave_bundle(Sinusoids(5, 101, grid=True).sample(9, generator())),
    "wave_fit": lambda: figures.wave_fit(wave().query.x, wave().query.y, wave().support, {"zero": torch.zeros(101)}),
    "two_starts": lambda: figures.two_starts(starts(), 10),
    "episode_card": lambda: figures.episode_card(episode(), 0, drawn_characters().names, "S"),
    "matrix": lambda: figures.matrix([[0.25, 0.75], [1, 0]], ["query a", "query b"], [0, 1], "attention"),
    "clusters": lambda: figures.clusters(figures.cluster_frames(*cloud())),
    "memory": lambda: figures.memory(remembered(), torch.rand(15, 28, 28, generator=generator())),
    "landscapes": lambda: figures.landscapes(bowls()),
    "meta_training": lambda: figures.meta_training(meta_frames()),
}
SAID = {
    "method_map": "MAML in row step, column exact",
    "image_grid": "titled a, b, c",
    "symbol_sheet": "6 drawings",
    "alphabets": "Signs",
    "training_cycle": "the rate 0.1",
    "curves": "a goes from 3 at 0 to 1 at 2",
    "by_kind": "near: pixels 0.40; far: pixels 0.20",
    "diversity": "after training on endless",
    "bandit_play": "arm 1 pays 0.2, was pulled 1 times and paid 0 times",
    "comparison": "pixels 0.420 ± 0.020",
    "wave_bundle": "9 sine waves",
    "wave_fit": "zero, mean squared error",
    "two_starts": "After 10 gradient steps".lower(),
    "episode_card": "Lit: the support set",
    "matrix": "query a: 0.25 at 0, 0.75 at 1; query b: 1.00 at 0",
    "clusters": "after 7 steps",
    "memory": "A memory of 6 slots over 15 steps",
    "landscapes": "Before any step the mean loss is lowest at (1.25, 1.18)",
    "meta_training": "multiplied by 1 − α L″(θ₁) = 1 − 0.1 · 4 = 0.6",
}


@pytest.mark.parametrize("name", FIGURES)
def test_picture_has_png_alt_and_stable_bytes(name: str) -> None:
    picture, again = FIGURES[name](), FIGURES[name]()
    data, metadata = picture._repr_mimebundle_()
    png = base64.b64decode(data["image/png"])
    assert png == picture.png == again.png
    assert png.startswith(b"\x89PNG") and len(png) < 80_000
    assert metadata["image/png"]["alt"] == data["text/plain"] == picture.alt == again.alt
    [image] = images_in(data["text/html"])
    assert image["alt"] == picture.alt and image["src"] == "data:image/png;base64," + data["image/png"]
    assert SAID[name] in picture.alt


def test_every_exported_figure_is_tried_here() -> None:
    tables = {"Table", "dependency_table", "leads_table", "losses_table", "method_table", "over_trainings"}
    tables |= {
        "results_table",
        "mean_and_range",
        "accuracy_table",
        "cost_table",
        "memory_by_hand",
        "reads_table",
        "traced_label",
    }
    numbers = {"by_command", "final_losses", "leads", "over_best"}
    frames = {"cluster_frames", "landscape_frames", "memory_frames", "training_frames", "two_starts_frames"}
    elsewhere = {"meta_training_frames", "meta_training_film", "steps", "generalization", "update_responses", "cliffs"}
    elsewhere |= {"cliff_curves", "gradient_arrows", "read_shares", "trace_label"}
    assert set(FIGURES) == set(figures.__all__) - tables - frames - elsewhere - numbers - {"three_bowls", "Picture"}


def test_a_style_set_by_the_learner_changes_nothing() -> None:
    import matplotlib

    plain = FIGURES["curves"]().png
    with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 20, "axes.grid": True}):
        assert FIGURES["curves"]().png == plain


def test_figures_load_neither_pyplot_nor_anything_early() -> None:
    code = """
import sys
import metalearn_course.figures, metalearn_course.widgets
assert not {"torch", "matplotlib", "anywidget"} & set(sys.modules), "loaded early"
import metalearn_course.evaluation, metalearn_course.training, metalearn_course.meta_learners
assert not {"matplotlib", "anywidget", "ipywidgets"} & set(sys.modules), "the core draws"
from metalearn_course import figures
for name in figures.__all__:
    getattr(figures, name)
figures.method_map()
assert "matplotlib.pyplot" not in sys.modules, "pyplot"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_tables_say_it_as_html_and_as_text() -> None:
    other = Evaluation(0.6, 0.01, torch.zeros(2), "my <symbols>", Dependencies(True, True, True))
    data = figures.results_table({"pixels": RESULT, "batch norm": other})._repr_mimebundle_()
    for text in ("0.420 ± 0.020", "leaks: depends on other tasks", "5-way 1-shot", "batch norm [2]"):
        assert text in data["text/html"] and text in data["text/plain"]
    assert 'scope="col"' in data["text/html"] and "my &lt;symbols&gt;" in data["text/html"]
    row = repr(figures.dependency_table({"pixels": RESULT.dependencies})).splitlines()[-1]
    assert row.split() == ["pixels", "yes", "no", "no"]
    row = repr(figures.dependency_table({"diverged": Dependencies(True, False, False, known=False)})).splitlines()[-1]
    assert row.split() == ["diverged", "yes", "?", "?"]


def test_losses_are_told_by_mean_and_median_after_each_step_asked() -> None:
    shown = figures.losses_table(
        {"SGD": torch.tensor([[9.0, 1.0, 0.0], [9.0, 2.0, 0.5], [9.0, 6.0, 4.0]])}, (1, 2), "New."
    )
    head, _, row, note = repr(shown).splitlines()
    assert " ".join(head.split()) == "mean at 1 median at 1 mean at 2 median at 2" and note == "New."
    assert row.split() == ["SGD", "3", "2", "1.5", "0.5"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: figures.method_map({("step", "magic"): "MAML"}), "is no cell of the map"),
        (lambda: figures.image_grid(torch.zeros(3, 2, 8, 8)), r"shape \(3, 2, 8, 8\)"),
        (lambda: figures.image_grid(torch.zeros(3, 8, 8), titles="ab"), "2 titles for 3 images"),
        (lambda: figures.alphabets(drawn_characters(), ["Elvish"]), "'Elvish' is no alphabet"),
        (lambda: figures.training_cycle(small_trace(), 5, 0.1), "steps 0 to 4"),
        (lambda: figures.curves({"a": ([1, 2], [1, 2, 3])}, "x", "y"), r"lengths \[2, 3\]"),
        (lambda: figures.two_starts(starts(), 4), "step=4 was not computed"),
        (lambda: figures.episode_card(episode()), "Give index= for a stack"),
        (lambda: figures.episode_card(episode(), 0, highlight="Q"), "highlight='Q'"),
        (lambda: figures.matrix([[1.0]], ["a", "b"], ["c"]), r"shape \(1, 1\)"),
    ],
)
def test_wrong_input_is_named(wrong: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wrong()


def test_a_diverging_run_is_told_in_words() -> None:
    assert "it diverges" in figures.training_cycle(small_trace(1e20, 8), 7, 1e20).alt


def test_points_on_no_known_wave_are_told_in_words() -> None:
    assert "on no known wave" in figures.two_starts(figures.two_starts_frames(*pair(), wave().support), 0).alt


def test_the_method_table_has_a_column_a_method_and_ones_own_symbols_last() -> None:
    leaky = Evaluation(0.6, 0.01, torch.zeros(2), "5-way 1-shot", Dependencies(True, True, False))
    rows = [
        Row("pixels", RESULT, (-0.18, 0.01), 0, None, 0.12, RESULT),
        Row("mine", leaky, None, 93_920, 29.6, 1.5, leaky),
    ]
    table = figures.method_table(rows)
    assert table.header == ["", "pixels", "mine"]
    cells = {row[0]: list(row[1:]) for row in table.rows}
    assert cells["accuracy"] == ["0.420", "0.600"] and cells["minus mine"] == ["-0.180", ""]
    assert cells["parameters"] == ["0", "94k"] and cells["meta-training, s"] == ["–", "30"]
    assert list(cells)[-1] == "your symbols"
    assert any("pixels depends on its own support set only" in note for note in table.notes)
    assert any("mine transductive" in note for note in table.notes)
