"""The Python side of lesson 07's widget; how it feels to drag the start is tested in a browser."""

from __future__ import annotations

import base64
import io
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from metalearn_course import figures, widgets
from metalearn_course.figures.landscape import shade

LOSS, BOWLS = figures.three_bowls()


@pytest.fixture
def widget() -> widgets.Landscapes:
    return widgets.Landscapes(LOSS, BOWLS, alphas=(0.0, 0.1, 0.2), points=11)


def by_hand(w: list[float], alpha: float) -> tuple[float, list[list[float]]]:
    """The mean loss after one step on each bowl, and where the steps lead."""
    losses, ends = [], []
    for bowl in BOWLS:
        a, c = bowl.curvature.double().numpy(), bowl.bottom.double().numpy()
        end = np.array(w) - alpha * a @ (np.array(w) - c)
        losses.append(0.5 * (end - c) @ a @ (end - c))
        ends.append(end.tolist())
    return float(np.mean(losses)), ends


def test_it_opens_at_the_pooled_start_with_both_starts_as_its_picture(widget: widgets.Landscapes) -> None:
    data, metadata = widget._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    assert widget.start == widget.here["at"] == widget.frames["pooled"]["at"] and widget.at == 2
    assert data["image/png"] and metadata["image/png"]["alt"] == data["text/plain"]
    assert "From the pooled start" in data["text/plain"] and "From the learned start" in data["text/plain"]
    assert "alpha 0.2" in data["text/plain"]


def test_a_dragged_start_is_answered_by_the_closed_form(widget: widgets.Landscapes) -> None:
    widget.start = [-0.63, 1.17]
    assert widget.here["at"] == [-0.63, 1.17]
    assert widget.here["before"] == pytest.approx(by_hand(widget.start, 0.0)[0], rel=1e-4)
    for i, alpha in enumerate(widget.frames["alphas"]):
        after, ends = by_hand(widget.start, alpha)
        assert widget.here["after"][i] == pytest.approx(after, rel=1e-4)
        assert np.array(widget.here["adapted"][i]) == pytest.approx(np.array(ends), abs=1e-4)
    widget.at = 1
    alt = widget.picture().alt
    assert "From this start (-0.60, 1.20)" in alt and "alpha 0.1" in alt  # the nearest of its 11 x 11 points


def pixels(uri: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,")))) as image:
        return np.asarray(image.convert("RGB"), dtype=float)


def test_a_map_comes_shaded_from_white_to_blue_by_the_logarithm_of_its_loss(widget: widgets.Landscapes) -> None:
    low, high = widget.frames["range"]
    for a_map in (widget.frames["before"], *widget.frames["after"]):
        image = pixels(a_map["shades"])
        assert image.shape == (11, 11, 3)
        share = np.log(np.array(a_map["loss"]) / low).clip(0) / math.log(high / low)
        expected = (
            255 + (np.array([0, 114, 178]) - 255) * share.clip(max=1)[::-1, :, None]
        )  # the top row is the highest w2
        assert np.abs(image - expected).max() < 3
    nowhere = shade([[None, low], [high, high]], (low, high))
    assert nowhere[1].tolist() == [[0, 114, 178], [255, 255, 255]]


def test_a_learned_starts_number_stands_away_from_the_pooled_start(widget: widgets.Landscapes) -> None:
    frames = widget.frames
    assert [task["name"] for task in frames["tasks"]] == ["A", "B", "C"]
    assert len({(task["color"], task["marker"]) for task in frames["tasks"]}) == 3
    for side, learned in zip(frames["sides"], frames["learned"], strict=True):
        assert side == (1 if learned["at"][0] > frames["pooled"]["at"][0] else -1)


def test_a_start_and_a_rate_can_be_asked_for() -> None:
    widget = widgets.Landscapes(LOSS, BOWLS, alphas=(0.1, 0.2), points=5, start=(1, -1), alpha=0.1)
    assert widget.here["at"] == [1, -1] and widget.at == 0
    with pytest.raises(ValueError, match=r"alpha=0.3 is not among alphas=\(0.1, 0.2\)"):
        widgets.Landscapes(LOSS, BOWLS, alphas=(0.1, 0.2), points=5, alpha=0.3)


def test_what_is_sent_is_json_and_small(widget: widgets.Landscapes) -> None:
    sent = json.dumps({name: getattr(widget, name) for name in ("frames", "start", "here", "at")}, allow_nan=False)
    assert len(sent) < 100_000
    assert "export default { render }" in widget._esm and "import " not in widget._esm


def test_tasks_may_be_anything_that_the_loss_takes() -> None:
    def loss(params: dict, target: float) -> torch.Tensor:
        return (params["w"] - target).square().sum()

    widget = widgets.Landscapes(loss, [-1.0, 2.0], alphas=(0.25,), points=5)
    assert widget.frames["pooled"]["at"] == pytest.approx([0.5, 0.5], abs=1e-4)
    assert widget.here["adapted"][0][0] == pytest.approx([-0.25, -0.25], abs=1e-4)
