"""The Python side of the widgets; what they look like and how they feel is tested in a browser."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from metalearn_course import widgets
from metalearn_course.figures import palette
from metalearn_course.learners import conv_strided, mlp
from metalearn_course.meta_learners import MAML, FineTuned, MemoryAugmented, Prototypical
from metalearn_course.tasks import Characters, Episodes, Examples, Task, my_symbols
from metalearn_course.tasks.task import one_task
from metalearn_course.update_rules import SGD, unroll
from metalearn_course.widgets.draw_symbols import status_line
from metalearn_course.widgets.episode import with_image
from metalearn_course.widgets.touchable import STATIC

STROKES = [[(0.2, 0.2), (0.8, 0.8)]]
VIEW = "application/vnd.jupyter.widget-view+json"


def make_trace(rate: float):
    return unroll(lambda p, batch: (p["w"] - batch).square().sum(), SGD(rate), {"w": torch.ones(20)}, [0.0] * 6)


def two_starts(**options):
    torch.manual_seed(0)
    pair = FineTuned(mlp(1, 8, 1), loss=F.mse_loss), MAML(mlp(1, 8, 1), loss=F.mse_loss)
    return widgets.TwoStarts(*pair, **options)


def runes():
    images = torch.randint(1, 256, (8, 5, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    return Characters(images, ["Runes"] * 8, [f"Runes/{i}" for i in range(8)], {"train": torch.arange(8)}, "test")


def episode_card(**options):
    return widgets.EpisodeCard(Episodes(runes(), 3, 2, 2), **options)


def rune_task():
    return one_task(Episodes(runes(), 3, 2, 2).sample(1, torch.Generator().manual_seed(0)), 0)


def clusters():
    torch.manual_seed(0)
    method = Prototypical(conv_strided(8, widths=(4, 4, 4)))
    return widgets.Clusters(method, {step: method.state_dict() for step in (0, 5)}, rune_task())


def memory():
    torch.manual_seed(0)
    return widgets.Memory(MemoryAugmented(784, 3, slots=5, width=4, hidden=8), rune_task())


@pytest.fixture(scope="module")
def each(tmp_path_factory):
    return [
        widgets.DrawSymbols(tmp_path_factory.mktemp("home")),
        widgets.TrainingCycle(make_trace),
        two_starts(),
        episode_card(),
        clusters(),
        memory(),
        widgets.Game(Episodes(runes(), 3, 1, 1), {}, home=tmp_path_factory.mktemp("home")),
    ]


def test_every_widget_shows_itself_and_its_picture(each) -> None:
    for widget in each:
        data, metadata = widget._repr_mimebundle_()
        assert data[VIEW]["model_id"] == widget.model_id
        assert data["image/png"] and metadata["image/png"]["alt"] == data["text/plain"]
        assert len(data["text/plain"]) > 40


def test_what_is_sent_to_the_browser_is_json(each) -> None:
    for widget in each:
        json.dumps(
            {name: getattr(widget, name) for name in widget.keys if name[0] != "_" and name != "layout"},
            allow_nan=False,
        )


def test_scripts_load_nothing_and_export_a_view(each) -> None:
    for widget in each:
        assert "export default { render }" in widget._esm
        assert "import " not in widget._esm and "fetch(" not in widget._esm
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http" not in text, file.name


def test_a_new_rate_makes_a_new_run() -> None:
    cycle = widgets.TrainingCycle(make_trace, rate=0.1)
    slow = cycle.frames["loss"]
    cycle.rate = 0.4
    assert cycle.frames["loss"][0] == slow[0] and cycle.frames["loss"][-1] < slow[-1]
    assert "the rate 0.4" in cycle.picture().alt
    cycle.rate, cycle.step = 30.0, 3
    assert cycle.frames["diverged"] and "step 3" in cycle.picture().alt


def test_a_run_comes_with_the_colors_of_its_squares_and_its_verdict() -> None:
    def decaying(rate: float):
        return unroll(
            lambda p, batch: (p["w"] ** 2).sum() / 2, SGD(rate), {"w": torch.tensor([1.0, -1.0, 0.0])}, [0] * 4
        )

    frames = widgets.TrainingCycle(decaying, rate=0.5).frames
    below, zero, above = (tuple(int(color[i : i + 2], 16) for i in (1, 3, 5)) for color in palette.BY_VALUE)
    for step, fills in enumerate(frames["fills"]):
        for fill, end in zip(fills, (above, below, zero), strict=True):
            share = 0.5**step  # a straight line from white, in 128 shades on each side
            expected = [white + (color - white) * share for white, color in zip(zero, end, strict=True)]
            assert [int(fill[i : i + 2], 16) for i in (1, 3, 5)] == pytest.approx(expected, abs=3)
    verdicts = {rate: widgets.TrainingCycle(decaying, rate=rate).frames["verdict"] for rate in (0.01, 0.5, 5.0)}
    assert verdicts == {0.01: "it crawls", 0.5: "it learns", 5.0: "it explodes"}
    broken = widgets.TrainingCycle(
        lambda rate: unroll(lambda p, batch: (p["w"] ** 4).sum(), SGD(rate), {"w": torch.ones(2)}, [0] * 9), rate=20.0
    ).frames
    assert broken["fills"][-1] == [palette.NOT_FINITE] * 2 and broken["verdict"] == "it explodes"


def test_labels_have_the_palettes_colors_sent_once(each) -> None:
    labeled = [widget for widget in each if "palette" in widget.keys]
    assert [type(widget).__name__ for widget in labeled] == ["EpisodeCard", "Clusters", "Memory"]
    for widget in labeled:
        assert [tuple(pair) for pair in widget.palette["labels"]] == [palette.label_colors(i) for i in range(8)]
        assert len(json.dumps(widget.palette)) < 400


def test_a_rate_off_the_track_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rate=50 is not within"):
        widgets.TrainingCycle(make_trace, rate=50)


def test_moved_points_leave_the_known_wave_and_a_new_wave_brings_one() -> None:
    starts = two_starts()
    assert starts.frames["truth"] and starts.frames["pooled"]["error"]
    first = starts.points
    starts.points = [[0.0, 5.0], *first[1:]]
    assert starts.frames["support"]["y"][0] == 5 and starts.frames["truth"] is None
    starts._asked(starts, {"type": "new wave"}, None)
    assert starts.frames["truth"] and starts.points != first
    assert two_starts(points=[(0, 1), (1, 2)]).frames["truth"] is None


def test_the_followed_image_stays_and_its_label_changes() -> None:
    card = episode_card(seed=3)
    labels = [card.card["labels"][-1]]
    for _ in range(6):
        card._asked(card, {"type": "draw again"}, None)
        followed = [image["followed"] for row in card.card["rows"] for image in row["images"]]
        assert followed.count(True) == 1
        labels.append(card.card["labels"][-1])
        assert any(image["followed"] for image in card.card["rows"][labels[-1]]["images"])
    assert all(a != b for a, b in pairwise(labels))


def test_an_image_that_was_a_query_changes_places_and_stays_alone() -> None:
    x = torch.arange(4.0)[:, None, None, None].expand(4, 1, 2, 2)
    y, classes = torch.tensor([0, 1]), torch.tensor([7, 9])
    task = with_image(Task(Examples(x[:2], y), Examples(x[2:], y), classes), x[3], 9)
    assert task.support.x[:, 0, 0, 0].tolist() == [0, 3] and task.query.x[:, 0, 0, 0].tolist() == [2, 1]


def test_symbols_are_kept_from_two_drawings_of_each_on_and_reloaded(tmp_path) -> None:
    desk = widgets.DrawSymbols(tmp_path)
    assert "symbol 5: 2 more" in desk.status
    for drawing in range(10):
        assert not (tmp_path / "symbols.npz").exists()
        assert desk.chosen == drawing % 5
        desk._asked(desk, {"type": "keep", "symbol": desk.chosen, "strokes": STROKES}, None)
    assert desk.status == "Saved: 2 drawings of each of your 5 symbols."
    assert my_symbols(tmp_path).images.shape == (5, 2, 28, 28)
    again = widgets.DrawSymbols(tmp_path)
    assert np.array_equal(again.images, desk.images) and again.status == desk.status
    assert "2 drawings" in again.picture().alt
    again._asked(again, {"type": "take back", "symbol": 3}, None)
    assert again.status == "Still to draw: symbol 4: 1 more." and len(again.thumbnails[3]) == 1


def test_an_empty_drawing_is_not_kept(tmp_path) -> None:
    desk = widgets.DrawSymbols(tmp_path)
    desk.keep(0, [])
    assert "Nothing is drawn yet" in desk.status and desk.thumbnails[0] == []


def test_a_damaged_file_is_told_and_does_not_stop_the_drawing(tmp_path) -> None:
    (tmp_path / "symbols.npz").write_bytes(b"not a zip")
    desk = widgets.DrawSymbols(tmp_path)
    assert "holds no symbols" in desk.status and desk.picture().alt
    for i in range(10):
        desk.keep(i % 5, STROKES)
    assert my_symbols(tmp_path).source == "my symbols"


def test_symbols_that_cannot_be_saved_are_told(tmp_path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    desk = widgets.DrawSymbols(tmp_path / "file" / "home")
    for i in range(10):
        desk.keep(i % 5, STROKES)
    assert "could not be saved" in desk.status and len(desk.thumbnails[4]) == 2


def test_the_status_counts_what_is_more_than_the_least() -> None:
    image = np.zeros((28, 28), np.uint8)
    assert "1 more will be saved" in status_line([[image] * 3, *([[image] * 2] * 4)])


def test_clusters_show_the_last_step_first_and_an_image_for_every_point() -> None:
    widget = clusters()
    assert widget.at == 1 and [frame["step"] for frame in widget.frames] == [0, 5]
    assert (
        widget.frames[1]["told"].startswith("After 5 training steps: ")
        and " of 6 queries right" in widget.frames[1]["told"]
    )
    assert f", {sum(widget.frames[1]['wrong'])} ringed." in widget.frames[1]["told"]
    assert {kind: len(uris) for kind, uris in widget.images.items()} == {"support": 6, "query": 6}
    with pytest.raises(ValueError, match="no snapshots"):
        widgets.Clusters(Prototypical(mlp(2, 2)), {}, rune_task())


def test_the_memory_opens_at_the_first_class_seen_before() -> None:
    widget = memory()
    assert widget.frames["seen"][widget.at] == 1 and 0 not in widget.frames["seen"][widget.at : widget.at + 1]
    assert len(widget.images) == len(widget.frames["labels"]) == 12
