"""The widgets' JavaScript: its rules, its unit tests, and that it agrees with Python where both can be asked.

All of it needs node; the linter also `npm ci` in tests/widgets/js. What a page does is tested in a browser.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from metalearn_course import SGD, figures
from metalearn_course.figures import palette
from metalearn_course.figures.landscape import nearest
from metalearn_course.figures.meta_picture.pieces import State, all_states, state_of
from metalearn_course.figures.meta_picture.scene import meta_scene
from metalearn_course.studies.meta_words import in_words
from metalearn_course.widgets.touchable import SHARED, STATIC, script

JS = Path(__file__).parent / "js"
REPOSITORY = JS.parents[2]
NODE = shutil.which("node")
ESLINT = JS / "node_modules/eslint/bin/eslint.js"
WIDGETS = sorted(file.name for file in STATIC.glob("*.js") if file.name not in SHARED)

needs_node = pytest.mark.skipif(NODE is None, reason="no node on this machine")


def run(*command: str | Path, **options: Any) -> str:
    done = subprocess.run(
        [str(NODE), *map(str, command)], capture_output=True, text=True, encoding="utf-8", timeout=120, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_node(expression: str, given: Any) -> Any:
    """What an expression in `logic` (the module) and `given` comes to."""
    program = (
        f"const logic = await import({json.dumps((STATIC / 'logic.js').as_uri())});"
        "let text = ''; for await (const part of process.stdin) text += part;"
        f"const given = JSON.parse(text); console.log(JSON.stringify({expression}));"
    )
    return json.loads(run("--input-type=module", "--eval", program, input=json.dumps(given, allow_nan=False)))


@needs_node
def test_unit_tests_pass() -> None:
    run("--test", *sorted(JS.glob("*.test.mjs")))


@needs_node
@pytest.mark.parametrize("name", WIDGETS)
def test_a_widget_with_what_it_shares_is_one_module_without_a_clash(name: str, tmp_path: Path) -> None:
    file = tmp_path / "widget.mjs"
    file.write_text(script(name), encoding="utf-8")
    run("--check", file)
    assert not re.findall(r"^(?:import\b.*|export (?!default).*)", script(name), re.MULTILINE)


@needs_node
@pytest.mark.skipif(not ESLINT.exists(), reason="eslint is not installed; run npm ci in tests/widgets/js")
def test_the_linter_has_nothing_to_say() -> None:
    rules = "tests/widgets/js/eslint.config.js"
    run(ESLINT, "--config", rules, "--max-warnings", "0", STATIC, JS, cwd=REPOSITORY)


def test_what_is_shared_is_used() -> None:
    text = {file.name: file.read_text(encoding="utf-8") for file in STATIC.glob("*.js")}
    for part in SHARED:
        used = {
            name.strip()
            for other in text.values()
            for names in re.findall(rf'^import {{([^}}]*)}} from "\./{part}";$', other, re.MULTILINE)
            for name in names.split(",")
        }
        exported = set(re.findall(r"^export (?:const|function) (\w+)", text[part], re.MULTILINE))
        assert exported == used, exported ^ used


def test_colors_come_from_the_palette_alone() -> None:
    colors = {
        value.lower()
        for name, values in vars(palette).items()
        if name.isupper()
        for value in re.findall(r"#[0-9A-Fa-f]{6}", str(values))
    } - {"#ffffff"}
    assert len(colors) > 20
    for file in STATIC.iterdir():
        written = {color.lower() for color in re.findall(r"#[0-9A-Fa-f]{3,8}\b", file.read_text(encoding="utf-8"))}
        assert not written & colors, (file.name, written & colors)
        assert file.suffix != ".js" or not written, (file.name, written)


def test_every_color_that_is_asked_for_is_defined() -> None:
    sheet = (STATIC / "touchable.css").read_text(encoding="utf-8")
    defined = {f"--ml-{name}" for name in palette.THEMED} | {f"--ml-on-white-{name}" for name in palette.ON_WHITE}
    defined |= set(re.findall(r"^ *(--ml-[\w-]+):", sheet, re.MULTILINE))
    for file in STATIC.iterdir():
        asked = set(re.findall(r"var\((--ml-[\w-]+)", file.read_text(encoding="utf-8"))) - {"--ml-", "--ml-on-white-"}
        assert asked <= defined, (file.name, asked - defined)
    scene = meta_scene(one_weight())["elements"]
    assert {f"--ml-{e[look]}" for e in scene for look in ("color", "fill") if e.get(look, "#")[0] != "#"} <= defined


@needs_node
def test_labels_look_as_in_pictures() -> None:
    given = {"labels": list(range(19)), "palette": palette.sent()}
    looks = in_node("given.labels.map((label) => logic.labelLook(given.palette, label))", given)
    for label, look in enumerate(looks):
        assert (look["color"], look["ink"]) == palette.label_colors(label)
        assert look["marker"] == palette.LABEL_MARKERS[label % len(palette.LABEL_MARKERS)]
    markers = [*palette.LABEL_MARKERS, *palette.TASK_MARKERS]
    assert all(in_node("given.map((name) => logic.marker(name, 5))", markers))


@needs_node
def test_numbers_are_written_as_in_lesson_06s_picture() -> None:
    generator = np.random.default_rng(0)
    values = [float(v) for v in generator.choice([-1, 1], 400) * 10 ** generator.uniform(-12, 12, 400)]
    values += [0.0, 1.0, -0.001, 0.000999, 9999.0, 10000.0, -2e-7, 0.1, 1e30, 123.0]
    assert in_node("given.map(logic.say)", [*values, None]) == [in_words(v) for v in [*values, None]]


def one_weight(weights: int = 1) -> dict[str, Any]:
    def bowl(params: dict[str, torch.Tensor], batch: tuple[float, float]) -> torch.Tensor:
        return batch[0] / 2 * (params["w"] - batch[1]).square().sum()

    start = {"w": torch.linspace(2, 1, weights)}
    return figures.meta_training_frames(bowl, SGD, start, 0.1, [(2.0, 1.0), (6.0, 0.5)], (4.0, 0.0))


@needs_node
@pytest.mark.parametrize("weights", [1, 3, 12])
def test_what_is_visible_at_a_moment_is_what_the_picture_shows(weights: int) -> None:
    frames = one_weight(weights)
    elements, moments = meta_scene(frames)["elements"], len(frames["moments"])
    states = all_states(elements, moments)
    choices = [(target, chain) for target in ("start", "rate") for chain in ("attached", "detached")]
    found = in_node(
        "given.choices.map((choice) => given.states.of[choice].map((_, i) => "
        "[...Array(given.moments).keys()].map((moment) => logic.stateOf(given.states, choice, i, moment))))",
        {"choices": [" ".join(choice) for choice in choices], "states": states, "moments": moments},
    )
    for choice, of_choice in zip(choices, found, strict=True):
        for element, track in zip(elements, of_choice, strict=True):
            expected = [state_of(element, moment, {*choice, "live"}) for moment in range(moments)]
            assert [State(**state) for state in track] == expected
    assert len(json.dumps(states)) < 5_000 and len(states["tracks"]) < len(elements) / 2


@needs_node
def test_on_its_grid_a_map_says_between_points_what_python_says_at_them() -> None:
    frames = figures.landscape_frames(*figures.three_bowls(), alphas=(0.0, 0.2), points=7)
    starts = [[-3, -3], [0, 1], [2, -1], [3, 3]]
    found = in_node("given.starts.map((w) => logic.between(given.frames, w))", {"frames": frames, "starts": starts})
    for start, record in zip(starts, found, strict=True):
        expected = nearest(frames, start)
        assert record["at"] == start and record["before"] == pytest.approx(expected["before"])
        assert record["after"] == pytest.approx(expected["after"])
        assert np.array(record["adapted"]) == pytest.approx(np.array(expected["adapted"]))
    off = [[0.4, -2.7], [1.6, 0.49], [-2.4, 2.51]]
    found = in_node("given.off.map((w) => logic.nearest(given.axis, w))", {"off": off, "axis": frames["axis"]})
    assert found == [nearest(frames, start)["at"] for start in off]
