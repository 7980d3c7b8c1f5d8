"""The Python side of lesson 06's widget; how it feels is tested in a browser."""

from __future__ import annotations

import json

import pytest
import torch
import traitlets

from metalearn_course import SGD, Adam, figures, widgets
from metalearn_course.figures.meta_picture.scene import meta_scene

VIEW = "application/vnd.jupyter.widget-view+json"
BOWLS = [(2.0, 1.0), (6.0, 0.5)]


def bowl(params, batch):
    return batch[0] / 2 * (params["w"] - batch[1]).square().sum()


def meta_training(weights=1, rule=SGD, rate=0.1, **options):
    return widgets.MetaTraining(bowl, rule, {"w": torch.linspace(2, 1, weights)}, rate, BOWLS, (4.0, 0.0), **options)


def fresh_frames(start, rate, meta_lr=0.1):
    frames = figures.meta_training_frames(bowl, SGD, {"w": torch.tensor(start)}, rate, BOWLS, (4.0, 0.0), meta_lr)
    return json.loads(json.dumps(frames))


def as_sent(widget):
    return {k: v for k, v in widget.frames.items() if k not in ("scene", "states", "run")}


def test_it_shows_itself_and_everything_where_no_kernel_runs() -> None:
    widget = meta_training()
    data, metadata = widget._repr_mimebundle_()
    assert data[VIEW]["model_id"] == widget.model_id
    assert data["image/png"] and metadata["image/png"]["alt"] == data["text/plain"]
    assert data["text/plain"] == figures.meta_training(widget.frames, 13).alt
    widget.target = "rate"
    assert "The meta-optimizer updates the rate" in widget.picture().alt
    widget.detached = True
    assert "The meta-optimizer has nothing to go by" in widget.picture().alt


def test_what_is_sent_is_json_with_the_scene_of_these_numbers() -> None:
    widget = meta_training(weights=12, rate=1e30)
    values = {name: getattr(widget, name) for name in widget.keys if name[0] != "_" and name != "layout"}
    assert len(json.dumps(values, allow_nan=False)) < 80_000
    assert widget.frames["scene"] == meta_scene(as_sent(widget))


def test_the_script_loads_nothing_and_exports_a_view() -> None:
    script = meta_training()._esm.replace("http://www.w3.org/2000/svg", "")
    assert "export default { render }" in script
    assert not any(word in script for word in ("import ", "fetch(", "http"))


def test_a_moved_star_and_a_moved_square_train_again() -> None:
    widget = meta_training()
    widget.rate = 0.25
    assert as_sent(widget) == fresh_frames([2.0], 0.25)
    widget.start = [-1.5]
    assert as_sent(widget) == fresh_frames([-1.5], 0.25)
    assert widget.history == [fresh_frames(*run)["meta_loss"] for run in (([2.0], 0.1), ([2.0], 0.25), ([-1.5], 0.25))]


@pytest.mark.parametrize("weights", [1, 3, 12])
@pytest.mark.parametrize("target", ["start", "rate"])
def test_a_meta_step_arrives_where_the_picture_said_it_would(weights: int, target: str) -> None:
    widget = meta_training(weights, meta_lr=0.001)
    for _ in range(3):
        promised = widget.frames["moved"][target]["meta_loss"]
        widget._asked(widget, {"type": "meta-step", "target": target}, None)
        assert widget.frames["meta_loss"] == pytest.approx(promised, rel=1e-5)
    assert len(widget.history) == 4 and widget.history == sorted(widget.history, reverse=True)
    assert (widget.rate == 0.1) == (target == "start")
    assert len(widget.start) == (0 if weights == 12 else weights)


def test_a_meta_step_that_moves_nothing_is_a_run_all_the_same() -> None:
    widget = widgets.MetaTraining(bowl, SGD, {"w": torch.zeros(1)}, 0.1, [(1.0, 0.0)], (1.0, 0.0))
    for target in ("start", "rate"):
        run = widget.frames["run"]
        widget.meta_step(target)
        assert widget.frames["run"] == run + 1 and widget.frames["meta_loss"] == 0


def test_shapes_and_types_of_the_start_stay_as_they_are() -> None:
    def loss(params, batch):
        assert params["a"].shape == (1, 2) and params["b"].dtype == torch.float64
        return (params["a"].sum() + params["b"] - batch) ** 2

    start = {"a": torch.tensor([[1.0, 2.0]]).double(), "b": torch.tensor(0.5, dtype=torch.float64)}
    widget = widgets.MetaTraining(loss, Adam, start, 0.01, [1.0], 0.0)
    widget.start = [1.0, -2.0, 0.25]
    widget.meta_step("start")
    assert start["a"].tolist() == [[1.0, 2.0]] and widget.frames["names"] == ["a", "a", "b"]


def test_ten_runs_are_remembered() -> None:
    widget = meta_training()
    for i in range(15):
        widget.rate = 0.01 * i
    assert len(widget.history) == 10 and widget.history[-1] == widget.frames["meta_loss"]


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(traitlets.TraitError, match="target"):
        meta_training().target = "phi"
