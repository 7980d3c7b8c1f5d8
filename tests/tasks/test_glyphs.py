"""The glyphs that ship: enough of them, none empty, none twice, small and quick to load."""

import time

import pytest
import torch

from metalearn_course.tasks import Episodes, characters
from metalearn_course.tasks.characters import GLYPHS


@pytest.fixture(scope="module")
def glyphs():
    return characters("glyphs")


def test_enough_classes_and_alphabets_in_a_small_file(glyphs):
    assert len(glyphs.images) >= 600
    assert glyphs.images.shape[1:] == (20, 28, 28)
    assert len(set(glyphs.alphabets)) >= 18
    assert GLYPHS.stat().st_size < 2_500_000


def test_loads_quickly(glyphs):
    seconds = []
    for _ in range(3):
        start = time.process_time()
        characters("glyphs")
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.3


def test_split_as_omniglot_is(glyphs):
    """Omniglot: 807 / 157 / 659 of 1,623 classes."""
    shares = {name: len(ids) / len(glyphs.images) for name, ids in glyphs.splits.items()}
    assert shares["train"] == pytest.approx(0.50, abs=0.04)
    assert shares["validation"] == pytest.approx(0.10, abs=0.03)
    assert shares["test"] == pytest.approx(0.40, abs=0.04)


def test_related_scripts_are_on_one_side(glyphs):
    side = {glyphs.alphabets[i]: name for name, ids in glyphs.splits.items() for i in ids.tolist()}
    for family in (
        ("Latin", "Greek_Coptic", "Cyrillic", "Old_Cyrillic", "Phonetic", "African_Latin", "Old_Italic", "Fraktur"),
        ("Asomtavruli", "Nuskhuri", "Mkhedruli"),
        ("Armenian_capital", "Armenian_small"),
        ("Cree", "Inuktitut", "Carrier"),
        ("Operators", "Arrows", "Technical"),
    ):
        assert len({side[name] for name in family}) == 1
    assert not {"Braille", "Yijing"} & set(side)


def test_every_drawing_holds_ink_and_paper_and_every_writer_differs(glyphs):
    ink = (glyphs.images > 127).float().mean((2, 3))
    assert ink.min() > 0.005
    assert ink.max() < 0.7
    flat = glyphs.images.flatten(2).float()
    for drawings in flat:
        assert torch.cdist(drawings[None], drawings[None])[0].add(torch.eye(20) * 1e6).min() > 100


def test_no_class_looks_like_another(glyphs):
    """Means over the writers: tofu, or one letter in two scripts, would have the same."""
    means = glyphs.images.float().mean(1).flatten(1)
    unit = torch.nn.functional.normalize(means, dim=1)
    alike = unit @ unit.T - torch.eye(len(unit))
    assert alike.max() < 0.995
    assert (alike > 0.97).sum() / 2 < 0.05 * len(unit)


def test_telling_them_apart_by_pixels_is_neither_easy_nor_hopeless(glyphs):
    tasks = Episodes(glyphs, 5, 1, 5, "test").sample(400, torch.Generator().manual_seed(0))
    nearest = torch.cdist(tasks.query.x.flatten(2), tasks.support.x.flatten(2)).argmin(-1)
    accuracy = (tasks.support.y.gather(1, nearest) == tasks.query.y).float().mean()
    assert 0.45 < accuracy < 0.56
