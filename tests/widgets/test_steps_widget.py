"""The Python side of lesson 08's widget; that the curves move with the slider is seen in a browser."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from metalearn_course import figures, widgets
from metalearn_course.evaluation import curves
from metalearn_course.figures import palette
from metalearn_course.meta_learners import TrainedBy
from metalearn_course.tasks import Quadratics, summed_squares
from metalearn_course.update_rules import SGD, Adam

RULES = {"SGD": SGD(0.02), "Adam": Adam(0.1)}
STEPS = (1, 2, 5, 9, 14)


@pytest.fixture(scope="module")
def given():
    trainer = TrainedBy(nn.Linear(3, 1, bias=False), RULES["SGD"], steps=12, loss=summed_squares)
    responses = figures.update_responses(RULES, trainer, Quadratics(3), STEPS, problems=4)
    return responses, {name: curves(trainer.by(rule), Quadratics(3), problems=4) for name, rule in RULES.items()}


@pytest.fixture
def widget(given) -> widgets.Steps:
    return widgets.Steps(*given, horizon=6)


def test_it_opens_in_the_middle_with_the_figure_as_its_picture(widget: widgets.Steps, given) -> None:
    data, metadata = widget._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    assert data["image/png"] and metadata["image/png"]["alt"] == data["text/plain"]
    assert data["text/plain"] == figures.steps(*given, 6).alt
    assert STEPS[widget.at] == 14  # of 1 and 14, the panels nearest to 1, 20 and 80


def test_scrubbed_it_shows_the_step_it_stands_at(widget: widgets.Steps) -> None:
    for at, step in enumerate(STEPS):
        if at == widget._opened_at:
            continue
        widget.at = at
        alt = widget.picture().alt
        assert [k for k in STEPS if f"Step {k}, updates answering" in alt] == [step]


def test_every_step_has_its_own_curves(widget: widgets.Steps) -> None:
    sgd, adam = widget.frames["rules"]
    assert sgd["name"] == "SGD" and len(sgd["updates"]) == len(STEPS)
    assert all(updates == sgd["updates"][0] for updates in sgd["updates"])
    assert all(updates != adam["updates"][0] for updates in adam["updates"][1:])
    for line in widget.frames["curves"]:
        assert {1, 2, 5, 6, 9} <= set(line["steps"]) and line["steps"][-1] == 12


def test_a_line_has_a_color_that_every_theme_shows(widget: widgets.Steps) -> None:
    assert [line["screen"] for line in widget.frames["rules"]] == ["var(--ml-weight)", "var(--ml-loss)"]
    assert palette.on_screen("#56B4E9") == "#56B4E9"


def test_what_is_sent_is_json_and_small(widget: widgets.Steps, given) -> None:
    sent = json.dumps({name: getattr(widget, name) for name in ("frames", "at")}, allow_nan=False)
    assert len(sent) < 60_000
    assert "export default { render }" in widget._esm and "import " not in widget._esm
    broken = widgets.Steps(given[0], {"SGD": torch.full((3, 9), torch.nan)}, horizon=6)
    json.dumps(broken.frames, allow_nan=False)
    assert "(3 of 3 trainings diverged)" in broken.picture().alt
