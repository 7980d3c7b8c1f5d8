"""The Python side of lesson 09's widget; how its sliders feel is tested in a browser."""

from __future__ import annotations

import json
import math
import re
import time

import pytest
import traitlets

from metalearn_course import figures, widgets
from metalearn_course.figures.cliff import arrow_end, arrow_label

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def widget() -> widgets.Cliffs:
    return widgets.Cliffs(particles=200)


def estimates(widget: widgets.Cliffs) -> dict[str, tuple[float, float]]:
    return {told["name"]: (told["mean"], told["half"]) for told in widget.arrows["estimates"]}


def test_it_shows_itself_and_its_arrows_where_no_kernel_runs(widget: widgets.Cliffs) -> None:
    data, metadata = widget._repr_mimebundle_()
    assert data[VIEW]["model_id"] == widget.model_id
    assert data["image/png"] and metadata["image/png"]["alt"] == data["text/plain"]
    assert "mean loss over the 100 steps" in data["text/plain"] and "At the rate 0.0251" in data["text/plain"]


def test_sliders_are_answered_by_the_pure_functions(widget: widgets.Cliffs) -> None:
    for at, log_rate, meta_loss in ((11, -1.6, "mean"), (11, -2.3, "mean"), (13, -2.3, "mean"), (13, -2.3, "last")):
        widget.at, widget.log_rate, widget.meta_loss = at, log_rate, meta_loss
        length = widget.frames["lengths"][at]
        arrows = figures.gradient_arrows(log_rate, length, particles=200, meta_loss=meta_loss)
        for name, (mean, half) in arrows.estimates.items():
            assert estimates(widget)[name] == (pytest.approx(mean, rel=1e-4), pytest.approx(half, rel=1e-4))
        assert widget.arrows["slope"] == pytest.approx(arrows.smoothed_slope, rel=1e-4)
        assert (widget.arrows["at"], widget.arrows["log_rate"]) == (at, log_rate)
    assert "loss after 200 steps" in widget.picture().alt and "At the rate 0.00501" in widget.picture().alt


def test_what_is_said_is_said_in_the_pictures_words(widget: widgets.Cliffs) -> None:
    alt = widget.picture().alt
    assert widget.frames["measures"]["mean"]["titles"][widget.at] == "Mean loss over the 100 steps"
    assert widget.frames["measures"]["last"]["titles"][0] == "Loss after 1 step"
    numbers = re.search(r"At the rate [\d.]+ it is (.*), smoothed (.*?)\. Arrows", alt).groups()
    slope, astray = re.search(r"smoothed curve, (.*?)\. (Pointing the other way: .*\.)$", alt).groups()
    measured = f"the mean loss over the 100 steps is {numbers[0]}, smoothed {numbers[1]}, with a slope of {slope}"
    assert widget.arrows["told"] == f"At α = 0.025 {measured}. {astray}"
    assert widget.arrows["title"] == "Gradients at α = 0.025, K = 20"
    reach = widget.arrows["limit"]
    for arrow in widget.arrows["estimates"]:
        beyond = abs(arrow["mean"]) > reach
        assert arrow["label"].startswith(f"{arrow['name']}  ") and arrow["label"].endswith(", cut") == beyond
        assert arrow["label"].removesuffix(", cut").split("  ")[1] in alt
        assert arrow["end"] == pytest.approx(math.copysign(min(abs(arrow["mean"]), reach), arrow["mean"]), rel=1e-4)
    for mean, end, label in ((5.0, 3.0, "5.00, cut"), (-5.0, -3.0, "−5.00, cut"), (math.nan, 0.0, "nan, cut")):
        assert arrow_end(mean, 3.0) == end and arrow_label("exact", mean, 0.0, 3.0) == f"exact  {label}"
    looks = [(arrow["screen"], arrow["dashed"]) for arrow in widget.arrows["estimates"]]
    blue, green = "var(--ml-weight)", "var(--ml-learned)"
    assert looks == [(blue, False), (blue, True), (green, False), (green, True), (green, False)]


def test_the_curves_sent_are_those_of_the_figure_and_come_when_asked_for(widget: widgets.Cliffs) -> None:
    assert "mean" in widget.frames and "last" not in widget.frames
    widget.meta_loss = "last"
    for meta_loss in ("mean", "last"):
        lengths, sent = widget.frames["lengths"], widget.frames[meta_loss]
        curves = figures.cliff_curves(lengths, meta_loss=meta_loss)  # 1,501 rates, of which 501 fall on the 1,001 sent
        for i in (0, 5, 9):
            calm = 400  # beyond it, at high rates, the last bit of a rate decides
            assert sent["losses"][i][: 2 * calm : 2] == pytest.approx(
                curves.losses[i, : 3 * calm : 3].tolist(), abs=2e-3
            )
            assert sent["smoothed"][i] == pytest.approx(curves.smoothed[i, ::6].tolist(), abs=1e-2)


def test_what_is_sent_is_json_and_of_moderate_size(widget: widgets.Cliffs) -> None:
    widget.meta_loss = "last"
    names = ("frames", "at", "log_rate", "meta_loss", "arrows")
    sent = json.dumps({name: getattr(widget, name) for name in names}, allow_nan=False)
    assert len(sent) < 350_000
    script = widget._esm.replace("http://www.w3.org/2000/svg", "")
    assert "export default { render }" in script
    assert not any(word in script for word in ("import ", "fetch(", "http"))


def test_a_place_seen_before_is_remembered(widget: widgets.Cliffs) -> None:
    before = widget.arrows
    widget.log_rate = -2.0
    begun = time.process_time()
    widget.log_rate = -1.6
    assert time.process_time() - begun < 0.25 and widget.arrows == before


def test_it_opens_within_a_moment() -> None:
    begun = time.process_time()  # of computing, whatever else the machine does
    widgets.Cliffs()
    assert time.process_time() - begun < 5


def test_length_rate_and_measure_can_be_asked_for() -> None:
    widget = widgets.Cliffs(length=10, log_rate=-2.5, truncation=5, sigma=0.1, particles=50, meta_loss="last", seed=3)
    expected = figures.gradient_arrows(-2.5, 10, 5, 0.1, 50, 3, "last").estimates["PES"]
    assert estimates(widget)["PES"] == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ValueError, match="length=11 has no stop; expected one of 1, 2, 3"):
        widgets.Cliffs(length=11)
    with pytest.raises(ValueError, match=r"log_rate=0\.1 is not from -3\.4 to -0\.9"):
        widgets.Cliffs(log_rate=0.1)
    with pytest.raises(traitlets.TraitError, match="meta_loss"):
        widget.meta_loss = "sum"
