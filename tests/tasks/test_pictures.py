"""The color pictures that ship: what is there, how it is split, that another hand's drawing of a thing is like it."""

import numpy as np
import pytest
import torch
from PIL import Image

from metalearn_course import Episodes, NearestNeighbor, evaluate, pictures
from metalearn_course.tasks.pictures import ARTISTS, PICTURES


@pytest.fixture(scope="module")
def data():
    return pictures()


def test_766_things_by_six_artists_in_a_small_file(data):
    assert data.images.shape == (766 * 6, 3, 32, 32)
    assert data.counts.tolist() == [6] * 766 and len(set(data.names)) == 766
    assert PICTURES.stat().st_size < 3_000_000
    assert str(data) == (
        "pictures by six artists; 6 images a class; classes by split: train 466, validation 100, test 200"
    )
    assert sorted(torch.cat([*data.splits.values()]).tolist()) == list(range(766))


def test_the_colors_are_those_of_the_things(data):
    """The mean color of what is not white, by the names that one would expect: layout and channels are in order."""
    for name, channel in {
        "strawberry": 0,
        "tomato": 0,
        "green-apple": 1,
        "four-leaf-clover": 1,
        "blue-heart": 2,
    }.items():
        x = data.of_class(name)
        inked = (x.min(1).values < 0.9).flatten()
        mean = x.movedim(1, -1).reshape(-1, 3)[inked].mean(0)
        assert mean.argmax() == channel, name
    for image in data.images.float():  # no picture is empty: there is white, and something on it
        assert image.std() > 10


def test_no_picture_is_there_twice(data):
    assert len(data.images.flatten(1).unique(dim=0)) == len(data.images)


def test_artists_are_a_second_split_of_the_same_things(data):
    two = pictures(["openmoji", "noto"])
    assert two.images.shape == (766 * 2, 3, 32, 32) and two.names == data.names
    assert all(two.splits[name].equal(ids) for name, ids in data.splits.items())
    for name in ("cat", "pizza"):
        both = data.of_class(name)[[ARTISTS.index("openmoji"), ARTISTS.index("noto")]]
        assert two.of_class(name).equal(both)
    assert (
        Episodes(two, 5, 1, 1).protocol
        == "5-way 1-shot, 1 query a class, pictures by openmoji, noto (things), train split"
    )


def test_within_a_kind(data):
    classes = Episodes(data, 5, 1, 1, within_alphabet=True).sample(50, torch.Generator().manual_seed(0)).classes
    assert all(len({data.kinds[i] for i in row}) == 1 for row in classes.tolist())


def test_another_hands_drawing_is_nearer_than_another_thing(data):
    """By pixels alone: 0.59 measured, chance is 0.2."""
    result = evaluate(NearestNeighbor(), Episodes(data, 5, 1, 5, "test"), episodes=100)
    assert 0.5 < result.mean < 0.7


@pytest.mark.parametrize(
    ("artists", "says"),
    [
        (["noto", "apple"], "There is no artist 'apple'; choose from 'noto', 'noto-v1', 'twemoji'"),
        ("noto", r"artists=\['noto'\]; expected at least 2 different ones"),
        (["noto", "noto"], "expected at least 2 different ones"),
        ([], r"artists=\[\]; expected at least 2"),
    ],
)
def test_other_artists(artists, says):
    with pytest.raises(ValueError, match=says):
        pictures(artists)


def test_in_gray_they_are_ink_on_paper(data):
    """Against Pillow's own box filter, of the mean of the three colors; a method for characters takes them."""
    gray = pictures(gray=True)
    assert gray.images.shape == (766 * 6, 1, 28, 28) and gray.source == "gray pictures by six artists"
    assert all(gray.splits[name].equal(ids) for name, ids in data.splits.items())
    for i in (0, 1000, 4000):
        light = Image.fromarray(data.images[i].float().mean(0).numpy(), "F")
        want = 255 - torch.from_numpy(np.asarray(light.resize((28, 28), Image.Resampling.BOX)).copy())
        # area interpolation weighs whole pixels, Pillow's box parts of them
        assert (gray.images[i, 0].float() - want).abs().mean() < 12
    corners = gray.images[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]].float().mean()
    assert corners < 0.3 * gray.images.float().mean()  # paper is 0
    assert evaluate(NearestNeighbor(), Episodes(gray, 5, 1, 5, "test"), episodes=20).mean > 0.3
