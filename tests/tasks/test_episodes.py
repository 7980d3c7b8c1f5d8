"""Episodes: shapes, the draws without replacement, labels that say nothing about classes, sizes that do not fit."""

import time

import pytest
import torch

from metalearn_course.tasks import Characters, Episodes, check_tasks


def numbered(classes=12, examples=20):
    """Every image tells its class (first pixel) and its number (second pixel)."""
    images = torch.zeros(classes, examples, 28, 28, dtype=torch.uint8)
    images[..., 0, 0] = torch.arange(classes)[:, None].to(torch.uint8)
    images[..., 0, 1] = torch.arange(examples).to(torch.uint8)
    images[..., 0, 2] = 255
    alphabets = [f"alphabet{i // 4}" for i in range(classes)]
    ids = torch.arange(classes)
    splits = {"train": ids[:8], "validation": ids[8:10], "test": ids[10:]}
    return Characters(images, alphabets, [f"c{i}" for i in range(classes)], splits, "numbered")


def drawn(tasks):
    """Classes and example numbers behind the images of a set, from the pixels."""
    pixels = (tasks.x[:, :, 0, 0] * 255).round().long()
    return pixels[..., 0], pixels[..., 1]


def sample(tasks=200, seed=0, **changes):
    arguments = {"ways": 5, "shots": 2, "queries": 3, "split": "train"} | changes
    return Episodes(numbered(), **arguments).sample(tasks, torch.Generator().manual_seed(seed))


def test_shapes_ranges_and_types():
    tasks = sample(7)
    assert tasks.support.x.shape == (7, 10, 1, 28, 28)
    assert tasks.query.x.shape == (7, 15, 1, 28, 28)
    assert tasks.classes.shape == (7, 5)
    assert tasks.support.x.dtype == torch.float32
    assert tasks.support.y.dtype == tasks.classes.dtype == torch.int64
    assert tasks.support.x.min() == 0
    assert tasks.support.x.max() == 1
    check_tasks(tasks)


def test_labels_point_at_the_classes_and_every_class_has_its_share():
    tasks = sample()
    for examples, share in ((tasks.support, 2), (tasks.query, 3)):
        assert tasks.classes.gather(1, examples.y).equal(drawn(examples)[0])
        assert (torch.nn.functional.one_hot(examples.y, 5).sum(1) == share).all()


def test_classes_and_examples_are_drawn_without_replacement():
    tasks = sample(shots=8, queries=12)
    assert (tasks.classes.sort(1).values.diff(dim=1) > 0).all()
    classes, numbers = (torch.cat(both, 1) for both in zip(drawn(tasks.support), drawn(tasks.query), strict=True))
    both = (classes * 20 + numbers).sort(1).values
    assert (both.diff(dim=1) > 0).all()  # 100 different images: no query repeats a support image


def test_only_classes_of_the_split():
    assert set(sample(split="validation", ways=2).classes.flatten().tolist()) == {8, 9}


def test_labels_are_independent_of_class_ids():
    """Every one of 8 classes takes every one of 5 labels equally often: chi-squared with 7 * 4 = 28 degrees."""
    classes = sample(4000).classes
    counts = torch.stack([(classes == c).sum(0) for c in range(8)]).float()
    expected = 4000 / 8
    chi_squared = ((counts - expected).square() / expected).sum()
    assert chi_squared < 56.9  # p = 0.001


def test_every_example_is_drawn_equally_often_and_places_are_shuffled():
    tasks = sample(2000, shots=1, queries=1)
    numbers = torch.cat([drawn(tasks.support)[1], drawn(tasks.query)[1]], 1)
    counts = torch.bincount(numbers.flatten(), minlength=20).float()
    assert ((counts - 1000).square() / 1000).sum() < 43.8  # 19 degrees, p = 0.001
    for examples in (tasks.support, tasks.query):
        places = torch.stack([(examples.y == label).sum(0) for label in range(5)]).float()
        assert ((places - 400).square() / 400).sum() < 39.3  # 16 degrees, p = 0.001
    assert not tasks.support.y.equal(tasks.query.y)


def test_the_same_generator_gives_the_same_episodes():
    first, again, other = sample(), sample(), sample(seed=1)
    assert first.query.x.equal(again.query.x)
    assert first.classes.equal(again.classes)
    assert not first.classes.equal(other.classes)


def test_within_an_alphabet():
    classes = sample(400, ways=4, within_alphabet=True).classes
    assert (classes // 4 == classes[:, :1] // 4).all()
    assert 150 < (classes[:, 0] < 4).sum() < 250
    assert (classes.sort(1).values.diff(dim=1) > 0).all()


def test_protocol():
    episodes = Episodes(numbered(), 5, 1, 15)
    assert episodes.protocol == "5-way 1-shot, 15 queries a class, numbered (alphabets), train split"
    within = Episodes(numbered(), 4, 1, 1, within_alphabet=True)
    assert within.protocol == "4-way 1-shot, 1 query a class, numbered (alphabets), train split, within an alphabet"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"split": "validation"},
            "5-way episodes need 5 classes; the 'validation' split has 2. Lower ways.",
        ),
        ({"ways": 20}, "20-way episodes need 20 classes; the 'train' split has 8. Lower ways."),
        (
            {"shots": 15, "queries": 6},
            "15 shots and 6 queries need 21 examples of a class; there are 20. Lower shots or queries.",
        ),
        ({"split": "trian"}, "split='trian' is unknown; expected one of 'train', 'validation', 'test'."),
        ({"shots": 0}, "shots=0; expected at least 1, a whole number. Change shots."),
        ({"ways": 1}, "ways=1; expected at least 2, a whole number. Change ways."),
        ({"queries": 1.5}, "queries=1.5; expected at least 1, a whole number. Change queries."),
        (
            {"within_alphabet": True},
            "5-way episodes within an alphabet need 5 classes of one; no alphabet of the 'train' split has so many. "
            "Lower ways, or set within_alphabet=False.",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_named(changes, says):
    with pytest.raises(ValueError) as caught:
        sample(**changes)
    assert str(caught.value) == says


def test_a_batch_is_drawn_without_a_loop_over_tasks():
    episodes, generator = Episodes(numbered(), 5, 1, 15), torch.Generator().manual_seed(0)
    seconds = []
    for _ in range(10):
        start = time.process_time()
        episodes.sample(32, generator)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.015
