"""Characters: splits that do not leak, rotations, and images that cannot be used."""

import pytest
import torch

from metalearn_course.tasks import Characters, characters


def test_alphabets_stay_on_one_side(tiny):
    for data in (characters("glyphs"), characters(root=tiny.root, archives=tiny.archives)):
        sides = {name: {data.alphabets[i] for i in ids.tolist()} for name, ids in data.splits.items()}
        assert not sides["train"] & sides["test"]
        assert not sides["train"] & sides["validation"]
        assert not sides["validation"] & sides["test"]
        assert sum(len(ids) for ids in data.splits.values()) == len(data.images)


def test_random_split_keeps_a_class_and_its_rotations_together():
    base, data = characters("glyphs"), characters("glyphs", split="random")
    count = len(base.images)
    assert len(data.images) == 4 * count
    side = {i: name for name, ids in data.splits.items() for i in ids.tolist()}
    assert len(side) == 4 * count
    for i in range(count):
        assert len({side[i + k * count] for k in range(4)}) == 1
    train = len(data.splits["train"]) / 4
    assert train == pytest.approx(count * 1028 / 1623, abs=1)
    assert len(data.splits["test"]) / 4 == pytest.approx(count * 423 / 1623, abs=1)
    again = characters("glyphs", split="random")
    assert all(again.splits[name].equal(ids) for name, ids in data.splits.items())


def test_omniglots_proportions_are_1028_172_423():
    from metalearn_course.tasks.characters import RANDOM_SPLIT

    assert sum(RANDOM_SPLIT.values()) == 1623


def test_a_rotated_class_is_the_whole_class_turned_by_one_angle():
    base, data = characters("glyphs"), characters("glyphs", split="random")
    count = len(base.images)
    assert data.images[:count].equal(base.images)
    for k in (1, 2, 3):
        corner = base.images[7, 3]
        for _ in range(k):
            corner = corner.T.flip(0)  # counter-clockwise by 90 degrees
        assert data.images[7 + k * count, 3].equal(corner)
        assert data.names[7 + k * count] == f"{base.names[7]} rotated {90 * k}"


def test_says_in_one_line_what_it_is_and_how_to_get_the_other(capsys, monkeypatch):
    monkeypatch.setenv("METALEARN_OFFLINE", "1")
    characters()
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("glyphs: ")
    assert "METALEARN_DATA" in line


@pytest.mark.parametrize(("key", "value"), [("source", "mnist"), ("split", "folds")])
def test_unknown_arguments_are_named(key, value):
    with pytest.raises(ValueError, match=rf"{key}='{value}' is unknown; expected"):
        characters(**{key: value})


def made(images=None, splits=None, alphabets=None):
    images = torch.full((3, 4, 28, 28), 9, dtype=torch.uint8) if images is None else images
    names = [f"c{i}" for i in range(len(images))]
    splits = {"train": torch.tensor([0]), "test": torch.tensor([1, 2])} if splits is None else splits
    return Characters(images, ["A"] * len(images) if alphabets is None else alphabets, names, splits, "mine")


def test_good_images_of_ones_own_are_taken():
    assert str(made()) == "mine: 3 classes x 4 drawings, 1 alphabet; classes by split: train 1, test 2"


def blank_one():
    images = torch.full((3, 4, 28, 28), 9, dtype=torch.uint8)
    images[2, 1] = 0
    return images


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"images": torch.zeros(3, 4, 28, 28)}, r"images are torch.float32 of shape \(3, 4, 28, 28\); expected uint8"),
        ({"images": torch.ones(3, 28, 28, dtype=torch.uint8)}, r"of shape \(3, 28, 28\); expected"),
        ({"images": torch.ones(0, 4, 28, 28, dtype=torch.uint8)}, r"\(0, 4, 28, 28\) are empty"),
        ({"images": torch.ones(3, 0, 28, 28, dtype=torch.uint8)}, r"\(3, 0, 28, 28\) are empty"),
        ({"images": torch.ones(3, 4, 28, 30, dtype=torch.uint8)}, "are 28x30; expected square ones"),
        ({"images": torch.ones(1, 4, 28, 28, dtype=torch.uint8)}, "hold 1 class; .* needs at least 2"),
        ({"images": blank_one()}, r"example 1 of class 2 \('c2'\) is empty"),
        ({"alphabets": ["A"]}, "1 alphabets for 3 classes"),
        ({"splits": {"train": torch.tensor([0, 3])}}, "split 'train' names class 3; the classes are 0 to 2"),
        ({"splits": {"train": torch.tensor([0.0])}}, "expected a row of int64"),
        (
            {"splits": {"train": torch.tensor([0, 1]), "test": torch.tensor([1])}},
            r"class 1 \('c1'\) is in split 'train' and again in 'test'",
        ),
    ],
)
def test_unusable_images_and_splits_are_named(arguments, says):
    with pytest.raises(ValueError, match=says) as caught:
        made(**arguments)
    assert "\n" not in str(caught.value)
