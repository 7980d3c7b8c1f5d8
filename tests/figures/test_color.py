"""Images of one channel and of three are drawn right: looked at in the pixels."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from metalearn_course import Episodes, pictures, widgets
from metalearn_course.figures import episode_card, image_grid
from metalearn_course.figures.images import as_drawn
from metalearn_course.tasks import Characters, Examples, ImageClasses, Task
from metalearn_course.widgets.touchable import data_uri

RED, GREEN, BLUE, GRAY = (230, 20, 20), (20, 170, 40), (30, 40, 220), (128, 128, 128)


def plain(*colors):
    """Images of one color each, (n, 3, 8, 8) in [0, 1]."""
    return torch.tensor(colors).float()[:, :, None, None].expand(-1, -1, 8, 8) / 255


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def of_uri(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def area(picture, color, tolerance=8):
    """How many pixels of the picture have a color, and where their center is, (row, column)."""
    near = (np.abs(pixels(picture.png) - np.array(color)).max(-1) <= tolerance).nonzero()
    return len(near[0]), (near[0].mean() if len(near[0]) else 0, near[1].mean() if len(near[1]) else 0)


def test_a_grid_shows_each_color_in_its_place():
    grid = image_grid(plain(RED, GREEN, BLUE), columns=3)
    counts, centers = zip(*(area(grid, color) for color in (RED, GREEN, BLUE)), strict=True)
    assert min(counts) > 1000 and max(counts) < 1.05 * min(counts)
    assert centers[0][1] < centers[1][1] < centers[2][1]
    assert "in color" in grid.alt and "dark on white" not in grid.alt


@pytest.mark.parametrize(
    "kind", [lambda x: x, lambda x: (255 * x).round().to(torch.uint8), lambda x: (255 * x).round()]
)
def test_bytes_and_fractions_are_the_same_colors(kind):
    drawn = as_drawn(kind(plain(RED, BLUE, (255, 255, 255))))
    np.testing.assert_allclose(drawn[:, 0, 0] * 255, [RED, BLUE, (255, 255, 255)], atol=1e-4)


@pytest.mark.parametrize("shape", [(2, 8, 8), (2, 1, 8, 8)])
def test_gray_is_ink_or_light(shape):
    values = torch.tensor([0.1, 1.0]).reshape(2, *[1] * (len(shape) - 1)).expand(shape)
    np.testing.assert_allclose(as_drawn(values)[:, 0, 0], [0.9, 0.0], atol=1e-6)
    np.testing.assert_allclose(as_drawn(values, ink=False)[:, 0, 0], [0.1, 1.0], atol=1e-6)
    values = values / values.max() * 0.2  # a dark gray, 51 of 255, where it is light
    assert area(image_grid(values, ink=False), (51, 51, 51))[0] > 1000
    assert area(image_grid(values), (204, 204, 204))[0] > 1000


@pytest.mark.parametrize("shape", [(3, 2, 8, 8), (3, 8), (3, 0, 8, 8)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"images have shape .*in color, \(n, 3, height, width\)"):
        as_drawn(torch.zeros(shape))


def test_the_card_of_an_episode_shows_support_and_query_in_color():
    task = Task(
        Examples(plain(RED, GREEN), torch.tensor([0, 1])), Examples(plain(BLUE), torch.tensor([0])), torch.arange(2)
    )
    card = episode_card(task)
    (red, at_red), (green, at_green), (blue, at_blue) = (area(card, color) for color in (RED, GREEN, BLUE))
    assert min(red, green, blue) > 500
    assert at_red[0] < at_green[0] and abs(at_red[1] - at_green[1]) < 3 and at_blue[1] > at_red[1] + 50


def test_the_browser_gets_the_colors():
    image = torch.randint(0, 256, (3, 5, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    expected = image.permute(1, 2, 0).numpy()
    assert np.array_equal(of_uri(data_uri(image)), expected)
    assert np.array_equal(of_uri(data_uri(image.float() / 255)), expected)
    gray = image[:1]
    for form in (gray, gray[0], gray.float() / 255):
        assert np.array_equal(of_uri(data_uri(form)), 255 - gray[0].numpy())
        assert np.array_equal(of_uri(data_uri(form, ink=False)), gray[0].numpy())


def sources(card):
    return [image["src"] for row in card["rows"] for image in row["images"]] + [q["src"] for q in card["queries"]]


def test_the_widget_shows_pictures_as_they_are():
    widget = widgets.EpisodeCard(Episodes(pictures(), 3, 1, 2))
    task = widget._task
    shown = [of_uri(src) for src in sources(widget.card)]
    order = [int((task.support.y == label).nonzero()[0]) for label in range(3)]
    expected = torch.cat([task.support.x[order], task.query.x]).mul(255).round().permute(0, 2, 3, 1).numpy()
    assert np.array_equal(np.stack(shown), expected) and expected.shape == (9, 32, 32, 3)
    widget.draw_again()
    assert len(widget.card["labels"]) == 2
    big = pixels(widget.picture().png).reshape(-1, 3)
    assert (np.ptp(big, axis=1) > 60).mean() > 0.02  # there is color in it, beside that of the labels


def test_gray_photographs_stay_and_drawings_are_dark_on_white():
    images = torch.randint(0, 256, (8, 1, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    names, splits = list("abcd"), {"train": torch.arange(4)}
    photographs = ImageClasses(images, torch.full((4,), 2), names, splits, "photographs")
    drawings = Characters(images[:, 0].reshape(4, 2, 6, 6), ["A"] * 4, [f"A/{n}" for n in names], splits, "test")
    for data, ink in ((photographs, False), (drawings, True)):
        widget = widgets.EpisodeCard(Episodes(data, 2, 1, 1))
        first = widget._task.support.x[int((widget._task.support.y == 0).nonzero()[0])]
        expected = first[0].mul(255).round().numpy()
        assert np.array_equal(of_uri(sources(widget.card)[0]), 255 - expected if ink else expected)
