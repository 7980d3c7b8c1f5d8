"""Choosing which images are labeled: no label is read that was not asked for, and choices are what a rule says."""

import pytest
import torch
from torch import Tensor

from metalearn_course import Labeler, Task
from metalearn_course.meta_learners.labeler import FACTS
from metalearn_course.tasks import Examples, one_task
from metalearn_course.tasks.point_clouds import PointClouds


def pool(ways: int = 3, shots: int = 4) -> Task:
    return one_task(PointClouds(ways=ways, shots=shots, queries=3).sample(1, torch.Generator().manual_seed(0)), 0)


def as_stack(support: Examples) -> Task:
    """A stack of one task, whose queries are the pool itself."""
    same = Examples(support.x[None], support.y[None])
    return Task(same, same, torch.arange(3)[None])


def chosen(learner: Labeler, support: Examples) -> list[int]:
    """Which images of a pool are labeled, in any order."""
    task = as_stack(support)
    found = learner.over_tasks(lambda each: learner.adapt(each.support).chosen, task)
    return found[0].nonzero()[:, 0].tolist()


@pytest.mark.parametrize("budget", [1, 2, 5, 12])
def test_as_many_images_are_labeled_as_may_be(budget: int) -> None:
    torch.manual_seed(0)
    assert len(chosen(Labeler(budget), pool().support)) == budget


def test_far_from_what_is_labeled_is_the_farthest_first_traversal() -> None:
    support = pool().support
    want, x = [0], support.x
    while len(want) < 6:
        distance = torch.stack([(x - x[i]).square().sum(-1) for i in want]).amin(0)
        want.append(int(distance.argmax()))
    assert chosen(Labeler(6, score=lambda facts: facts[:, 0]), support) == sorted(want)


def test_no_label_is_read_that_was_not_asked_for() -> None:
    """Other labels at the images that were not chosen change nothing, also not what is chosen."""
    torch.manual_seed(0)
    for seed in range(5):
        learner, support = Labeler(4), pool().support
        asked = chosen(learner, support)
        others = torch.ones(len(support.x), dtype=torch.bool)
        others[asked] = False
        y = support.y.clone()
        y[others] = (y[others] + 1 + seed % 2) % 3
        assert chosen(learner, Examples(support.x, y)) == asked


def test_facts_by_hand() -> None:
    """Three points on a line, 0, 1 and 3; the first is labeled: distances 0, 1, 9 over their mean, 28/9."""
    x, labeled = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([1.0, 0.0, 0.0])
    labels = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    facts = Labeler(2).facts(x, labeled, labels)
    mean = 28 / 9
    want = torch.tensor([[0, 0, 10 / 3 / mean], [1 / mean, 0, 5 / 3 / mean], [9 / mean, 0, 13 / 3 / mean]])
    assert facts.shape == (3, len(FACTS))
    torch.testing.assert_close(facts, want)


def test_uncertain_is_one_minus_the_largest_probability() -> None:
    """Two labels, at 0 and 2: in the middle both classes are as likely."""
    x, labeled = torch.tensor([[0.0], [2.0], [1.0], [0.5]]), torch.tensor([1.0, 1.0, 0.0, 0.0])
    labels = torch.zeros(4, 3)
    labels[0, 0] = labels[1, 2] = 1
    uncertain: Tensor = Labeler(2).facts(x, labeled, labels)[:, 1]
    torch.testing.assert_close(uncertain[2:], torch.tensor([0.5, 1 / (1 + torch.tensor(2.0).exp().item())]))


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_a_class_without_a_label_is_never_named(scale: float) -> None:
    """However far the images lie from the one that is labeled."""
    learner, support = Labeler(1), pool().support
    support = Examples(scale * support.x, support.y)
    task = as_stack(support)
    logits = learner.over_tasks(lambda each: learner.predict(learner.adapt(each.support), each.query.x), task)[0]
    assert set(logits.argmax(-1).tolist()) == {int(support.y[0])}


def test_more_labels_than_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"budget=13\) has 12 images to choose from. Lower budget"):
        chosen(Labeler(13), pool().support)
