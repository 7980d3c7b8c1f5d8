"""Raw inputs of another dtype, another kind, another range than the method was made for: each has its line."""

from __future__ import annotations

import dataclasses
import re
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import (
    MAML,
    SGD,
    Episodes,
    Examples,
    MiniBatches,
    NearestNeighbor,
    Prototypical,
    Sinusoids,
    Task,
    TrainedBy,
    conv_strided,
    curves,
    evaluate,
    meta_train,
    mlp,
)
from metalearn_course.tasks import PointClouds
from tests.helpers.tasks import doubled, one, strokes


class Doubled:
    protocol = "in double precision"

    def __init__(self, kind):
        self.kind = kind

    def sample(self, tasks, generator):
        return doubled(self.kind.sample(tasks, generator))


def one_line(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


# --- dtype


def fitted(method, tasks):
    x, y = tasks.sample(1, torch.Generator()).support
    method.fit(Examples(x[0], y[0]))


@pytest.mark.parametrize(
    ("make", "call"),
    [
        (lambda: MAML(mlp(4, 3)), lambda m, t: meta_train(m, t, 1, progress=False)),
        (lambda: Prototypical(mlp(4, 3)), lambda m, t: evaluate(m, t, episodes=2)),
        (lambda: Prototypical(mlp(4, 3)), fitted),
        (lambda: TrainedBy(mlp(4, 3), SGD(0.1), 2), lambda m, t: curves(m, t, problems=2)),
        (lambda: TrainedBy(mlp(4, 3), SGD(0.1), 2), lambda m, t: m(t.sample(2, torch.Generator()))),
    ],
    ids=["meta_train", "evaluate", "fit", "curves", "a call"],
)
def test_double_precision_meets_single(make, call):
    method = make()
    message = (
        rf"^x is torch.float64; the parameters of {type(method).__name__} are torch.float32\. Convert x .*x.float\(\), "
    )
    one_line(lambda: call(method, Doubled(PointClouds())), TypeError, message)


def test_queries_in_double_precision_and_whole_numbers():
    predictor = Prototypical(mlp(4, 3)).fit(one().support)
    one_line(lambda: predictor(torch.randn(2, 4).double()), TypeError, "^x is torch.float64; the parameters of Prot")
    one_line(lambda: predictor(torch.ones(2, 4).long()), TypeError, r"^x is torch.int64; .* x.float\(\)")


def test_what_converts_inside_is_not_disturbed_and_other_errors_stay():
    class Converts(Prototypical):
        def embed(self, x):
            return super().embed(x.float())

    assert evaluate(Converts(mlp(4, 3)), Doubled(PointClouds()), episodes=2).per_task.shape == (2,)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        Prototypical(nn.Sequential(mlp(4, 8), mlp(5, 3))).fit(one().support)
    assert evaluate(NearestNeighbor(), Doubled(PointClouds()), episodes=2).per_task.shape == (2,)


# --- numpy


def test_numpy_is_taken_as_a_support_set_and_as_queries():
    task, method = one(), Prototypical(mlp(4, 3))
    by_tensors = method.fit(task.support)(task.query.x)
    for kind, whole in ((np.float32, np.int64), (np.float64, np.int32)):
        support = Examples(task.support.x.numpy().astype(kind), task.support.y.numpy().astype(whole))
        assert torch.equal(method.fit(support)(task.query.x.numpy().astype(kind)), by_tensors)
    backwards = Examples(task.support.x.numpy()[::-1], task.support.y.numpy()[::-1])
    torch.testing.assert_close(method.fit(backwards)(task.query.x), by_tensors)


@pytest.mark.parametrize(
    ("support", "message"),
    [
        (
            Examples([[1.0, 2.0]], torch.tensor([0])),
            r"support.x is list; expected a tensor, or a numpy array of numbers",
        ),
        (Examples(torch.zeros(1, 4), np.array(["a"])), r"support.y is ndarray of <U1; expected a tensor, or a numpy"),
        ((torch.zeros(1, 4), torch.tensor([0])), r"support is tuple; expected Examples\(x, y\)\. Make it one"),
    ],
)
def test_a_support_set_of_another_kind(support, message):
    one_line(lambda: Prototypical(mlp(4, 3)).fit(support), TypeError, message)


def test_mini_batches_take_what_scikit_learn_gives():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), np.arange(20, dtype=np.int32) % 4
    mine = MiniBatches(Examples(x, y), "mine", queries=5)
    assert mine.pool.x.dtype == torch.float32 and mine.pool.y.dtype == torch.int64
    torch.testing.assert_close(mine.pool.x, torch.tensor(x, dtype=torch.float32))
    doubles = MiniBatches(Examples(torch.tensor(x), torch.tensor(y)), "mine", queries=np.int64(5))
    assert torch.equal(doubles.pool.x, mine.pool.x) and torch.equal(doubles.pool.y, mine.pool.y)
    assert curves(TrainedBy(mlp(3, 4), SGD(0.1), 2), mine, problems=2).shape == (2, 3)
    one_line(lambda: MiniBatches((x, y), "mine"), TypeError, r"pool is tuple; expected Examples\(x, y\)")


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int32])
def test_numpys_whole_numbers_are_whole_numbers_and_true_is_none(kind):
    episodes = Episodes(strokes(), kind(5), kind(1), kind(2))
    assert episodes.protocol == "5-way 1-shot, 2 queries a class, strokes (alphabets), train split"
    assert type(episodes.ways) is int
    assert Sinusoids(kind(3), kind(4)).protocol == "sinusoids, 3 shots, 4 queries"
    assert PointClouds(kind(3)).ways == 3
    assert evaluate(NearestNeighbor(), PointClouds(), episodes=kind(3)).per_task.shape == (3,)
    for make in (lambda: Episodes(strokes(), 5, True, 1), lambda: Sinusoids(np.bool_(True)), lambda: PointClouds(True)):
        one_line(make, ValueError, r"=(np\.)?True_?; expected at least \d, a whole number")


# --- images


def convolutional():
    torch.manual_seed(0)
    return Prototypical(conv_strided(8, (4, 4)))


def warned(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(w.message) for w in caught if issubclass(w.category, UserWarning)]


def episodes(data):
    return Episodes(data, 3, 1, 2)


def scaled(times):
    support = episodes(strokes()).sample(1, torch.Generator().manual_seed(0)).support
    return Examples(support.x[0] * times, support.y[0])


def test_paper_and_ink_exchanged_are_said_once():
    data, method = strokes(), convolutional()
    inverted = dataclasses.replace(data, images=255 - data.images)
    assert warned(lambda: evaluate(method, episodes(data), episodes=4)) == []
    (said,) = warned(lambda: evaluate(method, episodes(inverted), episodes=60))
    assert re.match(r"Prototypical: the mean of these images is 0\.\d+; .*0\.1\. Paper and ink seem .* 1 - x\.$", said)
    assert warned(lambda: evaluate(method, episodes(inverted), episodes=60)) == []


def test_who_was_trained_on_white_ink_is_warned_of_black_and_not_of_white():
    data, method = strokes(), convolutional()
    inverted = dataclasses.replace(data, images=255 - data.images)
    meta_train(method, episodes(inverted), 1, meta_batch=2, progress=False)
    assert warned(lambda: evaluate(method, episodes(inverted), episodes=4)) == []
    (said,) = warned(lambda: evaluate(method, episodes(data), episodes=4))
    assert "Paper and ink seem exchanged" in said


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (1, None),
        (255, r"Prototypical: these images reach from 0 to 255; it is for 0 to 1, .*, as by x / 255\."),
        (1 / 255, r"these images reach from 0 to 0.00392; it is for 0 to 1, .* or divide them only once"),
    ],
)
def test_images_beyond_their_range_are_said_at_fit(times, says):
    said = warned(lambda: convolutional().fit(scaled(times)))
    assert said == [] if says is None else re.search(says, said[0]) and len(said) == 1


def test_standardized_images_are_as_good_as_any_where_training_had_them():
    class Standardized:
        protocol = "standardized"

        def sample(self, tasks, generator):
            stack = episodes(strokes()).sample(tasks, generator)
            support, query = (Examples((e.x - 0.1) / 0.3, e.y) for e in stack[:2])
            return Task(support, query, stack.classes)

    method = convolutional()
    meta_train(method, Standardized(), 1, meta_batch=2, progress=False)
    assert warned(lambda: evaluate(method, Standardized(), episodes=4)) == []


def test_without_an_encoder_of_images_nothing_is_known_before_training():
    assert warned(lambda: NearestNeighbor().fit(scaled(255))) == []
    method = Prototypical(nn.Sequential(nn.Flatten(), nn.Linear(784, 4)))
    assert warned(lambda: method.fit(scaled(255))) == []
    meta_train(method, episodes(strokes()), 1, meta_batch=2, progress=False)
    assert len(warned(lambda: method.fit(scaled(255)))) == 1


@pytest.mark.parametrize(
    ("shape", "advice"),
    [
        ((2, 3, 28, 28), r"28\)\. Average the colors: x.mean\(1, keepdim=True\)\. Or build"),
        ((2, 3, 84, 84), r"Average the colors: .*\. Resize them\. Or build one .*channels=3, size=84\)\.$"),
        ((2, 28, 28, 3), r"Put the channels first: x.permute\(0, 3, 1, 2\)\. Average the colors"),
        ((2, 1, 32, 32), r"images \(n, 1, 28, 28\)\. Resize them\. Or build"),
        ((2, 28, 28, 1), r"Put the channels first: x.permute\(0, 3, 1, 2\)\.$"),
        ((2, 2, 28, 28), r"Give it 1 channel\. Or build"),
    ],
)
def test_color_is_not_told_to_resize(shape, advice):
    support = Examples(torch.rand(shape), torch.tensor([0, 1]))
    one_line(lambda: convolutional().fit(support), ValueError, advice)


def test_a_regression_in_double_precision_is_named_too():
    method = MAML(mlp(1, 8, 1), loss=F.mse_loss)
    one_line(lambda: meta_train(method, Doubled(Sinusoids()), 1, progress=False), TypeError, "^x is torch.float64; ")


QUERIES = [
    (1.0, lambda x: x, None),
    (1.0, lambda x: 0.9 * x, None),
    (1.0, lambda x: x[:1] * 0, None),  # a blank sheet
    (
        1.0,
        lambda x: 255 * x,
        "these queries reach from 0 to 255; the support set reaches from 0 to 1, and .* x / 255[.]",
    ),
    (
        255.0,
        lambda x: x / 255,
        "these queries reach from 0 to 1; the support set reaches from 0 to 255, .* Multiply them",
    ),
    (
        1.0,
        lambda x: 1 - x,
        r"the mean of these queries is 0[.]\d+; of the support set, 0[.]\d+[.] Paper and ink .* 1 - x[.]",
    ),
    (255.0, lambda x: 255 - x, "Paper and ink seem exchanged, which costs accuracy[.] Exchange them, as by 255 - x[.]"),
]


@pytest.mark.parametrize(("times", "change", "says"), QUERIES)
@pytest.mark.parametrize("make", [convolutional, NearestNeighbor])
def test_queries_unlike_the_support_set_are_said_once_and_answered(make, times, change, says):
    task = episodes(strokes()).sample(1, torch.Generator().manual_seed(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of support sets of 0 to 255, which is another line
        predictor = make().fit(scaled(times))
    queries = change(times * task.query.x[0])
    said = warned(lambda: predictor(queries))
    assert (
        said == [] if says is None else len(said) == 1 and re.search(f"^{make().__class__.__name__}: .*{says}", said[0])
    )
    assert warned(lambda: predictor(queries)) == [] and len(predictor(queries)) == len(queries)
    again = make().fit(scaled(1.0))
    assert warned(lambda: again(255 * task.query.x[0]))  # once for each support set


def test_queries_that_are_no_images_have_no_range():
    predictor = Prototypical(mlp(4, 3)).fit(one().support)
    assert predictor.shown is None and warned(lambda: predictor(1000 * torch.randn(3, 4))) == []
