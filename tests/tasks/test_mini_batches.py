import re

import numpy as np
import pytest
import torch
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from metalearn_course import MiniBatches, digits, table
from metalearn_course.tasks import Examples, check_tasks
from metalearn_course.tasks.mini_batches import TABLES, _halves

ROWS = {"iris": (75, 75, 4, 3), "wine": (89, 89, 13, 3), "breast_cancer": (285, 284, 30, 2)}


def numbered(each=(5, 5, 5, 5), **options):
    """A pool whose x is the number of the example, classes one after another."""
    y = torch.arange(len(each)).repeat_interleave(torch.tensor(each))
    return MiniBatches(Examples(torch.arange(len(y)).float()[:, None], y), "numbers", **{"queries": 3, **options})


def sample(problem, tasks=4, seed=0):
    return problem.sample(tasks, torch.Generator().manual_seed(seed))


def even(counts, limit):
    """Chi-squared of counts that should be equal, against the 0.1% point of as many degrees of freedom."""
    expected = counts.sum() / counts.numel()
    return ((counts - expected).square() / expected).sum() < limit


def test_support_is_the_whole_pool_shuffled_and_queries_are_different_examples_of_it():
    problem = numbered()
    stack = sample(problem, 50)
    check_tasks(stack)
    for x, y in stack[:2]:
        assert torch.equal(y, x[..., 0].long() // 5)  # every label stays with its example
    support, query = stack.support.x[..., 0], stack.query.x[..., 0]
    assert torch.equal(support.sort(1).values, torch.arange(20.0).repeat(50, 1))
    assert query.shape == (50, 3) and all(len(set(row)) == 3 for row in query.tolist())
    assert torch.equal(stack.classes, torch.arange(4).repeat(50, 1))
    assert len({tuple(row) for row in support.tolist()}) == 50


def test_every_example_is_equally_often_first_and_among_the_queries():
    stack = sample(numbered(), 4000)
    for places in (stack.support.x[:, 0, 0], stack.query.x):
        assert even(torch.bincount(places.flatten().long(), minlength=20).float(), 43.8)  # 19 degrees
    met = (stack.query.x[..., 0] == stack.support.x[:, :1, 0]).any(1).float().mean()
    assert met.item() == pytest.approx(3 / 20, abs=4 * (0.15 * 0.85 / 4000) ** 0.5)  # drawn apart from the order


@pytest.mark.parametrize("size", [4, 6, 20])
def test_a_small_support_set_has_every_class_and_favors_no_example_and_no_place(size):
    stack = sample(numbered(size=size), 4000)
    check_tasks(stack)
    drawn = stack.support.x[..., 0].long()
    assert drawn.shape == (4000, size) and all(len(set(row)) == size for row in drawn.tolist())
    assert even(torch.bincount(drawn.flatten(), minlength=20).float(), 43.8)
    for place in (0, size - 1):
        assert even(torch.bincount(drawn[:, place], minlength=20).float(), 43.8)


def test_only_the_missing_class_is_put_into_a_small_support_set():
    """Classes of 3 and 1, two examples: the lonely one is always in, and each of the others equally often beside it."""
    drawn = sample(numbered((3, 1), size=2), 4000).support.x[..., 0].long()
    assert (drawn == 3).any(1).all()
    assert even(torch.bincount(drawn[drawn != 3]).float(), 13.8)  # 2 degrees


@pytest.mark.parametrize("problem", [digits(), digits(None, size=256), table("iris", size=32)], ids=lambda p: p.name)
def test_the_generator_alone_decides(problem):
    before = torch.get_rng_state()
    first, again, other = sample(problem), sample(problem), sample(problem, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    for (x, y), (x_again, y_again) in zip(first[:2], again[:2], strict=True):
        assert torch.equal(x, x_again) and torch.equal(y, y_again)
    assert not torch.equal(first.support.x, other.support.x)


@pytest.mark.parametrize("split, n", [("train", 899), ("test", 898)])
@pytest.mark.parametrize("components, d", [(16, 16), (None, 64), (1, 1), (64, 64)])
def test_digits_shapes(split, n, components, d):
    stack = sample(digits(components, split, queries=100))
    check_tasks(stack)
    assert stack.support.x.shape == (4, n, d) and stack.query.x.shape == (4, 100, d)
    assert stack.support.y.shape == (4, n) and stack.classes.tolist() == [list(range(10))] * 4
    assert stack.support.x.dtype == torch.float32 and stack.support.x.isfinite().all()


def test_each_digit_is_in_one_split_with_its_label():
    """Both splits together are scikit-learn's set, image for image: none is missing, none is there twice."""
    data = datasets.load_digits()
    pools = [digits(None, split).pool for split in ("train", "test")]
    ours = np.concatenate([np.column_stack([pool.x * 16, pool.y]) for pool in pools])
    theirs = np.column_stack([data.data, data.target])
    assert sorted(map(tuple, ours.tolist())) == sorted(map(tuple, theirs.tolist()))


@pytest.mark.parametrize("name", ["digits", *TABLES])
def test_halves_are_disjoint_fixed_and_cut_every_class_in_two(name):
    labels = getattr(datasets, f"load_{name}")().target
    train, test = _halves(labels, "test")
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(len(labels)))
    counts = [np.bincount(labels[half]) for half in (train, test)]
    assert abs(counts[0] - counts[1]).max() <= 1
    again, chosen = _halves(labels, "train")
    assert torch.equal(again, train) and torch.equal(chosen, train)


def test_components_are_those_of_the_train_split_with_one_common_scale():
    train, test = (digits(None, split).pool.x.double().numpy() for split in ("train", "test"))
    referee = PCA(16, svd_solver="full").fit(train)
    largest = referee.components_[np.arange(16), abs(referee.components_).argmax(1)]
    scale = np.sign(largest) / np.sqrt(referee.transform(train).var(0).mean())
    for split, pixels in (("train", train), ("test", test)):
        np.testing.assert_allclose(digits(16, split).pool.x, referee.transform(pixels) * scale, atol=1e-5)
    variances = digits().pool.x.var(0, correction=0)
    assert variances.mean().item() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(
        variances / variances[0], referee.explained_variance_ / referee.explained_variance_[0], 1e-4
    )


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_standardized_by_their_train_split(name):
    data = getattr(datasets, f"load_{name}")()
    train, test = _halves(data.target, "test")
    referee = StandardScaler().fit(data.data[train])
    for split, rows in (("train", train), ("test", test)):
        pool = table(name, split).pool
        np.testing.assert_allclose(pool.x, referee.transform(data.data[rows]), atol=1e-5)
        assert pool.y.tolist() == data.target[rows].tolist()
    have, judged, columns, ways = ROWS[name]
    stack, held_out = sample(table(name, queries=32)), sample(table(name, "test"))
    check_tasks(stack)
    check_tasks(held_out)
    assert stack.support.x.shape == (4, have, columns) and stack.query.x.shape == (4, 32, columns)
    assert held_out.support.x.shape == (4, judged, columns) and held_out.classes.shape == (4, ways)


@pytest.mark.parametrize(
    "make, least", [(digits, 0.95), *((lambda split, name=name: table(name, split=split), 0.9) for name in TABLES)]
)
def test_what_the_train_split_says_holds_on_the_test_split(make, least):
    """Inputs of both splits are on the same axes and stand beside their own labels, or neighbors could not tell."""
    train, test = make(split="train").pool, make(split="test").pool
    assert KNeighborsClassifier(3).fit(train.x.numpy(), train.y.numpy()).score(test.x.numpy(), test.y.numpy()) > least


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: digits(0), "components=0; expected at least 1, a whole number. Change components."),
        (lambda: digits(65), "components=65; expected 1 to 64, or None for the 64 pixels"),
        (lambda: digits(2.5), "components=2.5; expected at least 1, a whole number"),
        (lambda: digits(split="validation"), "split='validation' is unknown; choose one of 'train', 'test'"),
        (lambda: table("iris", "all"), "split='all' is unknown; choose one of 'train', 'test'"),
        (lambda: table("irises"), "choose one of 'iris', 'wine', 'breast_cancer'"),
        (lambda: digits(queries=900), "queries=900; digits (16 principal components, train split) has 899 examples"),
        (lambda: table("iris", queries=76), "expected a whole number from 1 to 75. Change queries."),
        (lambda: numbered(queries=0), "queries=0; expected at least 1, a whole number. Change queries."),
        (
            lambda: numbered(size=3),
            "size=3; numbers has 20 examples of 4 classes: expected a whole number from 4 to 20",
        ),
        (lambda: numbered(size=21), "size=21; "),
        (lambda: numbered(size=8.0), "size=8.0; "),
        (lambda: numbered((5, 0, 5)), "labels are [0, 2]; expected 0 ... ways-1 without a gap"),
        (
            lambda: MiniBatches(Examples(torch.zeros(4, 2), torch.tensor([-1, 0, 1, 2])), "mine"),
            "labels are [-1, 0, 1, 2]",
        ),
        (lambda: MiniBatches(Examples(torch.zeros(4, 2), torch.zeros(4)), "mine"), "y is torch.float32 of shape (4,)"),
        (lambda: MiniBatches(Examples(torch.zeros(3, 2), torch.zeros(4).long()), "mine"), "x has shape (3, 2)"),
        (lambda: MiniBatches(Examples(torch.zeros(0, 2), torch.zeros(0).long()), "mine"), "n at least 1"),
    ],
)
def test_bad_input_is_named_in_one_line(make, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_the_protocol_says_what_is_trained_on_and_judged():
    assert digits(size=640).protocol == (
        "digits (16 principal components, train split), 640 of 899 examples in random order, 128 of the 899 as queries"
    )
    assert table("wine", "test").protocol == (
        "wine (test split), all 89 examples in random order, 64 of the 89 as queries"
    )
