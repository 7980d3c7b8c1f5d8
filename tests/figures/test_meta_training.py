"""Lesson 06's picture: its numbers against closed forms and loops by hand, then what is drawn of them."""

from __future__ import annotations

import functools
import io
import itertools
import json
import re

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from metalearn_course import SGD, Adam, Momentum, figures
from metalearn_course.figures.meta_picture.picture import _one
from metalearn_course.figures.meta_picture.pieces import state_of
from metalearn_course.figures.meta_picture.scene import meta_scene
from metalearn_course.figures.picture import house_style
from metalearn_course.studies.meta_words import in_words

BOWLS = [(2.0, 1.0), (6.0, 0.5), (3.0, -0.4)]  # curvature and lowest point
QUERY = (4.0, -0.2)
START, RATE, META = 2.0, 0.1, 0.03
X = torch.tensor([-1.0, 0.0, 1.0, 2.0])
POINTS = [(X[:2], 2 * X[:2] + 1), (X[2:], 2 * X[2:] + 1), (X, 2 * X + 1)]


def bowl(params, batch):
    return batch[0] / 2 * (params["w"] - batch[1]) ** 2


def line(params, batch):
    return (params["w"] * batch[0] + params["b"] - batch[1]).square().mean()


def one_weight(steps=2, rule=SGD, rate=RATE):
    start = {"w": torch.tensor(START, dtype=torch.float64)}
    return figures.meta_training_frames(bowl, rule, start, rate, BOWLS[:steps], QUERY, META)


def two_weights(rule=SGD, steps=2):
    start = {"w": torch.tensor(0.5), "b": torch.tensor(-0.2)}
    return figures.meta_training_frames(line, rule, start, RATE, POINTS[:steps], POINTS[2], META)


def many_weights():
    def loss(params, batch):
        return (params["w"] - batch).square().mean()

    start = {"w": torch.linspace(-1, 1, 12).reshape(3, 4)}
    return figures.meta_training_frames(loss, SGD, start, RATE, [0.5, 0.2], 0.0, META)


def trained(start, rate, steps):
    theta = [start]
    for a, c in BOWLS[:steps]:
        theta.append(theta[-1] - rate * a * (theta[-1] - c))
    return theta, QUERY[0] / 2 * (theta[-1] - QUERY[1]) ** 2


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_frames_of_one_weight_equal_the_closed_form(steps: int) -> None:
    frames, (theta, meta_loss) = one_weight(steps), trained(START, RATE, steps)
    slopes = [a * (w - c) for (a, c), w in zip(BOWLS, theta[:-1], strict=False)]
    factors = [1 - RATE * a for a, _ in BOWLS[:steps]]
    last = QUERY[0] * (theta[-1] - QUERY[1])
    g = [last * np.prod(factors[t:]) for t in range(steps + 1)]
    shares = [-g[t + 1] * slopes[t] for t in range(steps)]
    exact = functools.partial(pytest.approx, abs=1e-5)
    assert [values for [values] in frames["theta"]] == exact(theta)
    assert frames["loss"] == exact([a / 2 * (w - c) ** 2 for (a, c), w in zip(BOWLS, theta[:-1], strict=False)])
    assert [values for [values] in frames["grad"]] == exact(slopes)
    assert frames["curvature"] == exact([a for a, _ in BOWLS[:steps]])
    assert frames["factor"] == exact(factors)
    assert frames["meta_loss"] == exact(meta_loss)
    assert [values for [values] in frames["g"]] == exact(g)
    assert frames["share"] == exact(shares) and frames["rate_grad"] == exact(sum(shares))
    moved = frames["moved"]
    assert moved["start"]["theta"] == exact([START - META * g[0]])
    assert moved["rate"]["rate"] == exact(RATE - META * sum(shares))
    assert moved["start"]["meta_loss"] == exact(trained(START - META * g[0], RATE, steps)[1])
    assert moved["rate"]["meta_loss"] == exact(trained(START, RATE - META * sum(shares), steps)[1])


def test_the_gradient_of_the_rate_is_what_finite_differences_say() -> None:
    up, down = (trained(START, RATE + d, 3)[1] for d in (1e-5, -1e-5))
    assert one_weight(3)["rate_grad"] == pytest.approx((up - down) / 2e-5, rel=1e-5)


def loop_by_hand(momentum: float):
    """Two weights, two steps, with nothing of the course: autograd through a loop."""
    w = torch.tensor([0.5, -0.2], requires_grad=True)
    alpha = torch.tensor(RATE, requires_grad=True)
    thetas, velocity = [w], torch.zeros(2)
    for x, y in POINTS[:2]:
        here = thetas[-1]
        (slope,) = torch.autograd.grad((here[0] * x + here[1] - y).square().mean(), here, create_graph=True)
        velocity = momentum * velocity + slope
        thetas.append(here - alpha * velocity)
    x, y = POINTS[2]
    meta_loss = (thetas[-1][0] * x + thetas[-1][1] - y).square().mean()
    *g, rate = torch.autograd.grad(meta_loss, [*thetas, alpha])
    return thetas, meta_loss, g, rate


@pytest.mark.parametrize(("rule", "momentum"), [(SGD, 0.0), (Momentum, 0.9)])
def test_frames_of_two_weights_equal_autograd_on_a_loop_by_hand(rule, momentum: float) -> None:
    frames, (thetas, meta_loss, g, rate) = two_weights(rule), loop_by_hand(momentum)
    for found, expected in zip(frames["theta"] + frames["g"], thetas + g, strict=True):
        assert found == pytest.approx(expected.tolist(), abs=1e-5)
    assert frames["g_norm"] == pytest.approx([float(d.norm()) for d in g], abs=1e-5)
    assert frames["meta_loss"] == pytest.approx(meta_loss.item(), abs=1e-5)
    assert frames["rate_grad"] == pytest.approx(rate.item(), rel=1e-5)
    assert sum(frames["share"]) == pytest.approx(rate.item(), rel=1e-4)
    assert frames["factor"] == [None, None] and frames["plain_sgd"] == (momentum == 0)


def test_a_factor_is_printed_only_where_the_gradient_was_multiplied_by_it() -> None:
    """Momentum: the last step is 1 - rate L'' like any other; before it the velocity passes a gradient back, too."""
    frames = one_weight(3, Momentum)
    assert frames["factor"] == [None, None, pytest.approx(1 - RATE * BOWLS[2][0])]
    assert sum(frames["share"]) == pytest.approx(frames["rate_grad"])
    assert "changed by what the optimizer O did there" in figures.meta_training(frames, 15).alt


def test_the_start_stays_as_it_was_and_needs_no_gradient() -> None:
    start = {"w": torch.tensor(START)}
    figures.meta_training_frames(bowl, SGD, start, RATE, BOWLS, QUERY)
    assert start["w"].item() == START and not start["w"].requires_grad


def test_a_run_that_explodes_is_json_and_can_be_drawn() -> None:
    frames = figures.meta_training_frames(bowl, SGD, {"w": torch.tensor(START)}, 1e25, BOWLS, QUERY)
    assert "NaN" not in json.dumps(frames, allow_nan=False) and frames["meta_loss"] is None
    assert "meta-loss is not finite" in figures.meta_training(frames, 17).alt


@pytest.mark.parametrize("count", [0, 4])
def test_too_few_or_too_many_steps_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} batches: the picture has room for 1 to 3"):
        figures.meta_training_frames(bowl, SGD, {"w": torch.tensor(START)}, RATE, [BOWLS[0]] * count, QUERY)


def test_moments_come_forward_then_backward() -> None:
    frames = one_weight(2)
    order = [(m["kind"], m["step"]) for m in frames["moments"]]
    steps = [(kind, t) for t in (0, 1) for kind in ("predict", "measure", "update")]
    ends = [("query", None), ("meta-loss", None), ("turn", None)]
    assert order == [("ready", None), *steps, *ends, ("back", 1), ("back", 0), ("arrive", None), ("meta-update", None)]
    for moment in frames["moments"]:
        assert set(moment["words"]) == {"start", "rate", "detached"} and all(moment["words"].values())


def test_words_carry_the_numbers() -> None:
    frames = one_weight(2)
    told = {(m["kind"], m["step"]): m["words"] for m in frames["moments"]}
    assert "θ₁ = θ₀ − α ∇L(θ₀) = 2 − 0.1 · 2 = 1.8." in told["update", 0]["start"]
    factor = "multiplied by 1 − α L″(θ₁) = 1 − 0.1 · 6 = 0.4"
    assert factor in told["back", 1]["start"] and factor in told["back", 1]["rate"]
    assert f"−g₂ · ∇L(θ₁) = {in_words(frames['share'][1])}." in told["back", 1]["rate"]
    assert "share" not in told["back", 1]["start"] and "g₁ is None" in told["back", 1]["detached"]
    for target in ("start", "rate"):
        after = in_words(frames["moved"][target]["meta_loss"])
        assert f"{after} instead of {in_words(frames['meta_loss'])}" in told["meta-update", None][target]
    assert in_words(frames["meta_loss"]) in told["meta-update", None]["detached"]


def test_numbers_as_they_are_written() -> None:
    assert [in_words(v) for v in (0.0, -1.2345, 1234.5, 28124.5, -2e-7, None)] == [
        "0", "−1.23", "1230", "2.8e4", "−2.0e−7", "not finite",
    ]  # fmt: skip


def shown(frames, moment, *words):
    elements = meta_scene(frames)["elements"]
    return [(e, s) for e in elements if (s := state_of(e, moment, set(words))).shown]


def texts(frames, moment, *words):
    return [e.get("none", e["text"]) if s.cut else e["text"] for e, s in shown(frames, moment, *words) if "text" in e]


def test_a_number_is_there_from_its_moment_on_and_not_before() -> None:
    frames = one_weight(2)
    for kind, step, number in (
        ("measure", 0, in_words(frames["loss"][0])), ("meta-loss", None, in_words(frames["meta_loss"])),
        ("back", 1, "× 0.4"), ("back", 0, "× 0.8"), ("arrive", None, in_words(frames["rate_grad"])),
    ):  # fmt: skip
        at = [(m["kind"], m["step"]) for m in frames["moments"]].index((kind, step))
        assert number not in texts(frames, at - 1, "start", "attached")
        assert number in texts(frames, at, "start", "attached")


def test_detached_everything_behind_the_cut_is_gray_and_says_none() -> None:
    frames = one_weight(2)
    last = len(frames["moments"]) - 1
    seen = texts(frames, last, "start", "detached")
    assert seen.count("None") == 2 + 1 + 2 + 2  # two boxes, g1, two shares, two arrivals
    assert f"g₂ = {in_words(frames['g'][2][0])}" in seen and "× 0.4" not in seen
    for moment in range(last + 1):
        lit = [e for e, s in shown(frames, moment, "rate", "detached") if s.now]
        assert not any(e.get("behind") for e in lit)
    forward = [e["text"] for e, s in shown(frames, last, "start", "attached") if "text" in e and not e.get("behind")]
    after = {
        "after the move",
        in_words(frames["moved"]["start"]["meta_loss"]),
        in_words(frames["moved"]["start"]["theta"][0]),
    }
    assert {t for t in forward if not t.startswith(("was", "1 −", "= 1"))} - set(seen) <= after


@pytest.mark.parametrize(("target", "other"), [("start", "rate"), ("rate", "start")])
def test_the_target_is_bright_and_moves_the_other_is_dim_and_stays(target: str, other: str) -> None:
    frames = one_weight(2)
    last = len(frames["moments"]) - 1
    for element, state in shown(frames, last, target, "attached"):
        assert state.dim == (element.get("of") == other)
    seen = [
        e["text"] for e, _ in shown(frames, last, target, "attached") if "text" in e and e["x"] < 140 > e["y"] - 150
    ]
    moved = {"start": in_words(frames["moved"]["start"]["theta"][0]), "rate": in_words(frames["moved"]["rate"]["rate"])}
    assert moved[target] in seen and moved[other] not in seen
    assert in_words(frames["moved"][target]["meta_loss"]) in texts(frames, last, target, "attached")


SETTINGS = {
    "one": one_weight, "one step": lambda: one_weight(1), "three steps": lambda: one_weight(3),
    "two weights": two_weights, "two weights, three steps": lambda: two_weights(steps=3), "many": many_weights,
    "momentum": lambda: one_weight(3, Momentum), "adam": lambda: one_weight(2, Adam, 0.01),
}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("words", [("start", False), ("rate", False), ("start", True)])
def test_no_text_covers_another_or_leaves_the_picture(name: str, words: tuple[str, bool]) -> None:
    frames = SETTINGS[name]()
    with house_style():
        fig = _one(frames, len(frames["moments"]) - 1, *words)
        canvas = FigureCanvasAgg(fig)
        canvas.draw()
        boxes = {
            text: text.get_window_extent(canvas.get_renderer()).padded(-1.5)
            for text in fig.findobj(Text)
            if text.get_text().strip()
        }
        for (a, one), (b, other) in itertools.combinations(boxes.items(), 2):
            assert not one.overlaps(other), (a.get_text(), b.get_text())
        for text, box in boxes.items():
            assert box.x0 >= 0 and box.x1 <= fig.bbox.x1 and box.y0 >= 0, text.get_text()


def test_every_moment_tells_all_so_far_and_is_drawn_the_same_each_time() -> None:
    frames = one_weight(2)
    drawn = [figures.meta_training(frames, moment, "rate") for moment in range(len(frames["moments"]))]
    for moment, picture in enumerate(drawn):
        so_far = [m["words"]["rate"] for m in frames["moments"][: moment + 1]]
        assert picture.alt.endswith(" ".join(so_far)) and len(picture.png) < 60_000
    for moment in (0, len(drawn) // 2, len(drawn) - 1):
        assert figures.meta_training(frames, moment, "rate").png == drawn[moment].png
    strip = figures.meta_training(frames, target="rate")
    assert strip.alt == drawn[-1].alt and strip.png != drawn[-1].png and len(strip.png) < 80_000
    assert "None" in figures.meta_training(frames, 11, detached=True).alt


def test_what_is_not_in_the_picture_is_named() -> None:
    with pytest.raises(ValueError, match="moment=14 is not in the picture; it has moments 0 to 13"):
        figures.meta_training(one_weight(2), 14)
    for draw in (figures.meta_training, figures.meta_training_film):
        with pytest.raises(ValueError, match="target='phi'"):
            draw(one_weight(2), target="phi")


def test_the_film_plays_for_ever_and_shows_its_end_where_it_cannot() -> None:
    frames = one_weight(1)
    film = figures.meta_training_film(frames, "rate")
    assert film.alt == figures.meta_training(frames, 9, "rate").alt
    assert len(film.png) < 400_000
    data, metadata = film._repr_mimebundle_()
    assert data["text/plain"] == metadata["image/png"]["alt"] == film.alt and "image/png" in data
    with Image.open(io.BytesIO(film.png)) as image:
        still, loop, count = np.asarray(image.convert("RGB")), image.info["loop"], image.n_frames
        shots, seconds = [], []
        for i in range(1, count):
            image.seek(i)
            shots.append(np.asarray(image.convert("RGB")))
            seconds.append(image.info["duration"] / 1000)
    assert loop == 0 and np.array_equal(still, shots[-1]) and tuple(still[0, 0]) == (255, 255, 255)
    assert sum(s >= 0.9 for s in seconds) == 10 and 10 < sum(seconds) < 25
    assert len({shot.tobytes() for shot in shots}) == len(shots)
    assert figures.meta_training_film(frames, "rate").png == film.png


def test_frames_hold_no_infinity_and_no_tensor() -> None:
    for name, make in SETTINGS.items():
        frames = make()
        text = json.dumps(frames | {"scene": meta_scene(frames)}, allow_nan=False)
        assert not re.search("tensor|Infinity", text), name
        assert len(text) < 80_000
