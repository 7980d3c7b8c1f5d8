"""Lesson 08's pictures: what their words say, what tells rules apart, and contrast by WCAG."""

from __future__ import annotations

import base64
import json
import math

import numpy as np
import pytest
import torch

from metalearn_course import figures
from metalearn_course.evaluation import curves
from metalearn_course.figures.ratios import cell_color, cell_words, readable_on
from metalearn_course.figures.stepping import with_looks
from metalearn_course.studies.responses import Responses, signed_log
from metalearn_course.studies.step_frames import step_frames
from metalearn_course.tasks import Quadratics
from metalearn_course.update_rules import SGD
from tests.helpers.asked import STEPS, D, answered, asked, learned, losses, trainer


@pytest.fixture(scope="module")
def responses() -> Responses:
    return answered()


def test_rules_differ_in_color_dash_and_marker_and_ticks_stand_at_their_gradients(responses: Responses) -> None:
    frames = with_looks(step_frames(responses, {"SGD": losses()}, horizon=20))
    json.dumps(frames, allow_nan=False)
    looks = [(rule["color"], tuple(rule["dash"]), rule["marker"]) for rule in frames["rules"]]
    assert all(len(set(part)) == 3 for part in zip(*looks, strict=True))
    assert frames["curves"][0]["color"] == frames["rules"][0]["color"]
    ticks = dict(map(reversed, frames["ticks"]))
    assert ticks["100"] == pytest.approx(float(signed_log(100.0))) and ticks["−10⁻²"] == -signed_log(0.01)


def test_the_picture_says_updates_losses_and_the_horizon(responses: Responses) -> None:
    by_rule = {name: losses(end) for name, end in (("SGD", 0.5), ("Adam", 0.2), ("learned LSTM", 0.05))}
    picture = figures.steps(responses, by_rule, 20)
    assert picture.png == figures.steps(responses, by_rule, 20).png and len(picture.png) < 80_000
    data, metadata = picture._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]) == picture.png
    assert metadata["image/png"]["alt"] == picture.alt
    for k in STEPS:
        assert f"Step {k}, updates answering gradients of -100, 0, 100: SGD 1, 0, -1" in picture.alt
    gradient, update = responses.actual("Adam")[1].tolist()
    assert f"and to the gradient that came, {gradient:.3g}, {update:.3g}" in picture.alt
    assert "horizon of meta-training, 20 steps" in picture.alt
    mean = by_rule["Adam"].mean(0)
    assert f"Adam {mean[0]:.3g} after 0, {mean[20]:.3g} after 20, {mean[30]:.3g} after 30" in picture.alt


def test_of_many_steps_three_get_a_panel() -> None:
    many = asked({"SGD": SGD(0.01)}, steps=(1, 2, 5, 19, 24, 60, 75))
    alt = figures.steps(many, {"SGD": losses()}, 20).alt
    assert [k for k in many.steps if f"Step {k}, updates" in alt] == [1, 19, 75]


def test_what_diverges_is_drawn_and_named(responses: Responses) -> None:
    bad = losses()
    bad[2, 11:] = torch.inf
    by_rule = {"SGD": bad, "Adam": torch.full((6, 31), torch.nan), "learned LSTM": losses(end=1e30)}
    alt = figures.steps(responses, by_rule, 20).alt
    assert "not finite after 20" in alt and "(1 of 6 trainings diverged)" in alt and "(6 of 6 trainings" in alt
    wild = asked({"SGD": SGD(1e30)})
    assert not wild.pairs["SGD"].isfinite().all()
    alt = figures.steps(wild, {"SGD": torch.full((2, 5), torch.inf)}, 20).alt
    assert "and to the gradient that came, not finite, not finite" in alt


def test_curves_of_real_trainings_fit_without_a_change(responses: Responses) -> None:
    rules = {"SGD": SGD(0.01), "learned LSTM": learned()}
    by_rule = {name: curves(trainer(rule), Quadratics(D), problems=8) for name, rule in rules.items()}
    alt = figures.steps(responses, by_rule, 5).alt
    assert f"{by_rule['SGD'][:, 5].mean():.3g} after 5" in alt and f"{by_rule['SGD'][:, 7].mean():.3g} after 7" in alt


TABLE = [[0.06, 0.05, math.inf, 0.2], [0.08, 0.04, math.inf, 0.4], [0.03, 0.4, 1.5, math.nan], [0.09, math.inf, 5, 50]]
NAMES = ["SGD", "Adam", "learned LSTM", "learned MLP"], ["as trained", "10 times the steps", "ReLU", "wider"]


def test_the_matrix_says_every_loss_and_its_ratio_to_the_best_tuned() -> None:
    picture = figures.generalization(TABLE, *NAMES, references=["SGD", "Adam"], title="Final loss")
    assert picture.png == figures.generalization(TABLE, *NAMES, ["SGD", "Adam"], "Final loss").png
    for said in (
        "SGD, as trained: 0.06, best tuned; 10 times the steps: 0.05, 1.25×; ReLU: diverged; wider: 0.2, best tuned",
        "Adam, as trained: 0.08, 1.33×; 10 times the steps: 0.04, best tuned; ReLU: diverged; wider: 0.4, 2×",
        "learned LSTM, as trained: 0.03, 0.5×; 10 times the steps: 0.4, 10×; ReLU: 1.5, tuned diverged",
        "wider: not measured",
        "learned MLP, as trained: 0.09, 1.5×; 10 times the steps: diverged; ReLU: 5, tuned diverged; wider: 50, 250×",
    ):
        assert said in picture.alt
    assert cell_words(2.0, 1e-4, False) == ("2", "over 1000×") and cell_words(0.0, 0.0, False) == ("0", "1×")


def test_rows_of_few_trainings_stand_below_the_table_and_change_nothing_in_it() -> None:
    few = {"learned LSTM, 16 runs": dict(zip(NAMES[1], [0.003, 0.4, math.inf, 0.1], strict=True))}
    plain = figures.generalization(TABLE, *NAMES, ["SGD", "Adam"])
    apart = figures.generalization(TABLE, *NAMES, ["SGD", "Adam"], beneath=few)
    beneath = (
        " Below the table, without color: learned LSTM, 16 runs, as trained: 0.003, 0.05×; "
        "10 times the steps: 0.4, 10×; ReLU: diverged; wider: 0.1, 0.5×."
    )
    assert apart.alt == plain.alt + beneath
    assert apart.png != plain.png
    with pytest.raises(KeyError):
        figures.generalization(TABLE, *NAMES, ["SGD"], beneath={"learned LSTM, 16 runs": {"ReLU": 1.0}})


def test_lower_is_blue_higher_is_orange_and_every_cell_can_be_read() -> None:
    def light(color) -> float:
        linear = np.where(
            np.array(color) <= 0.04045, np.array(color) / 12.92, ((np.array(color) + 0.055) / 1.055) ** 2.4
        )
        return float(linear @ [0.2126, 0.7152, 0.0722])

    for ratio in np.geomspace(1e-3, 1e3, 201):
        color = cell_color(ratio, 1.0)
        if abs(math.log(ratio)) > 0.05:
            assert (color[2] > color[0]) == (ratio < 1)
        ink = {"white": (1, 1, 1), "black": (0, 0, 0)}[readable_on(color)]
        high, low = sorted((light(color), light(ink)), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5
    assert len({cell_color(ratio, 1.0) for ratio in (0.1, 0.3, 1, 3, 10)}) == 5
    assert cell_color(math.inf, 1.0) == (cell_color(math.inf, math.inf)) != cell_color(10.0, 1.0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: figures.generalization(TABLE, NAMES[0], ["a"], ["SGD"]), r"shape \(4, 4\); the names say \(4, 1\)"),
        (lambda: figures.generalization(TABLE, *NAMES, ["Momentum"]), r"got \['Momentum'\]"),
        (lambda: figures.generalization(TABLE, *NAMES, []), "expected some of the rows"),
        (lambda: figures.generalization([[-1.0]], ["a"], ["b"], ["a"]), "A loss is -1"),
    ],
)
def test_wrong_input_is_named(wrong, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wrong()
