"""Input that does not fit, for every method that compares or reads: one line that helps, or a defined answer."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.neighbors import NearestCentroid
from torch import nn

from metalearn_course import (
    SNAIL,
    Examples,
    LSTMReader,
    Matching,
    MemoryAugmented,
    MetaNetworks,
    NeuralProcess,
    Prototypical,
    Relation,
    Siamese,
    Task,
    conv4,
    conv_strided,
)
from metalearn_course.learners import whitened
from metalearn_course.meta_learners.memory_augmented import read_weights
from tests.contract.registry import COMPARE, READ

OF_FEATURES = READ | {"MetaNetworks": lambda: MetaNetworks(4, 3, hidden=8)}
CLASSIFY = COMPARE | OF_FEATURES
EVERY = CLASSIFY | {"NeuralProcess": lambda: NeuralProcess(4, 1, width=8)}
classifiers = pytest.mark.parametrize("make", CLASSIFY.values(), ids=CLASSIFY)
every = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
of_features = pytest.mark.parametrize("make", OF_FEATURES.values(), ids=OF_FEATURES)


def points(labels, dimensions=4):
    labels = torch.as_tensor(labels)
    return Examples(torch.randn(len(labels), dimensions), labels)


def stacked(support, query, ways):
    """A stack of one task."""
    support, query = (Examples(e.x[None], e.y[None]) for e in (support, query))
    return Task(support, query, torch.arange(ways)[None])


def refused(call, error, message):
    """Refused in one line."""
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


# --- labels


@classifiers
def test_a_query_label_that_the_support_set_lacks(make):
    """With a class of its own it needs a support example; beyond the classes of the task it is out of range."""
    absent = stacked(points([0, 1, 0, 1]), points([0, 1, 2]), ways=3)
    refused(lambda: make()(absent), ValueError, "Label 2 has no support example in task 0; every one of the 3 classes")
    beyond = stacked(points([0, 1, 0, 1]), points([0, 1, 2]), ways=2)
    refused(lambda: make()(beyond), ValueError, r"query label 2 is out of range; a 2-way episode has labels 0 \.\.\. 1")
    refused(lambda: make().fit(points([0, 2, 2])), ValueError, "Label 1 has no support example .* needs at least one")


@classifiers
def test_labels_that_count_from_1(make):
    says = r"^Label 0 has no support example .* Labels count from 0: give y - 1\.$"
    refused(lambda: make().fit(points([1, 2, 3])), ValueError, says)


@classifiers
@pytest.mark.parametrize("labels", [torch.tensor([0.0, 1.0, 2.0]), torch.eye(3), torch.tensor([[0.0], [1.0], [2.0]])])
def test_float_labels(make, labels):
    """Also in training, with or without classes: not a method but says that it tells classes apart."""
    support = points(labels)
    advice = r"labels have dtype torch\.float32[;.].* torch\.int64.*y\.long\(\)"
    refused(lambda: make().fit(support), TypeError, advice)
    for ways in (0, 3):
        refused(lambda ways=ways: make()(stacked(support, support, ways)), TypeError, advice)


@pytest.mark.parametrize("labels", [[0, 1, 2], [0.5, 1.0, 2.0], [[0.5, 1.0]] * 3])
def test_targets_that_are_no_column_are_refused_by_the_neural_process(labels):
    support = points(labels)
    advice = (
        r"NeuralProcess predicts numbers, float targets of shape \(n, 1\); it got .*\(3.* Give numbers as y\[:, None\]"
    )
    refused(lambda: EVERY["NeuralProcess"]().fit(support), ValueError, advice)
    ways = 0 if support.y.is_floating_point() else 3
    refused(lambda: EVERY["NeuralProcess"]()(stacked(support, support, ways)), ValueError, advice)


@every
def test_an_empty_support_set(make):
    targets = torch.empty(0, 1) if make is EVERY["NeuralProcess"] else torch.empty(0, dtype=torch.int64)
    empty, some = points(targets), points([0, 1, 2])
    refused(lambda: make().fit(empty), ValueError, "The support set is empty.* at least one example")
    refused(lambda: make()(stacked(empty, some, 3)), ValueError, "The support set is empty.* at least one example")


@every
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_support_set_that_is_not_finite(make, number):
    """Its answers would be NaN, whose argmax is class 0."""
    targets = torch.zeros(3, 1) if make is EVERY["NeuralProcess"] else [0, 1, 2]
    support = points(targets)
    support.x[1, 2] = number
    refused(
        lambda: make().fit(support),
        ValueError,
        r"^support\.x holds NaN or infinity in 1 of 3 examples, the first at 1; expected finite numbers\. Leave .*out",
    )


def test_targets_that_are_not_finite():
    support = points([[0.0], [float("nan")], [float("inf")]])
    refused(lambda: EVERY["NeuralProcess"]().fit(support), ValueError, r"support\.y holds NaN .* 2 of 3 .* first at 1")


# --- numbers of classes and of examples


@classifiers
def test_with_one_class_answers_have_one_column_and_losses_and_gradients_are_finite(make):
    method, support, query = make(), points([0, 0]), points([0, 0, 0])
    answers = method.fit(support)(query.x)
    assert answers.shape == (3, 1) and answers.isfinite().all()
    loss = method(stacked(support, query, ways=1))
    assert loss.isfinite().all()
    for p, grad in zip(method.parameters(), torch.autograd.grad(loss.sum(), [*method.parameters()]), strict=True):
        assert grad.shape == p.shape and grad.isfinite().all()


@pytest.mark.parametrize("contrastive", [False, True])
def test_with_one_class_a_siamese_network_has_only_same_pairs(contrastive):
    """Their half of the loss stays, and there is no 0 / 0 for the half of the different ones."""
    method = Siamese(nn.Identity(), features=4, contrastive=contrastive)
    support, query = points([0, 0]), points([0, 0, 0])
    losses = [
        torch.dist(a, b) ** 2 / 2 if contrastive else F.softplus(-method.similarity((a - b).abs())[0])
        for a in query.x
        for b in support.x
    ]
    torch.testing.assert_close(method(stacked(support, query, 1))[0], torch.stack(losses).mean() / 2)


UNEQUAL = [1, 0, 2, 1, 1, 2]  # one, three and two shots


def test_with_unequal_shots_prototypes_are_means_of_what_there_is():
    method, support, x = Prototypical(nn.Identity()), points(UNEQUAL), torch.randn(40, 4)
    predictor = method.fit(support)
    reference = NearestCentroid().fit(support.x.numpy(), support.y.numpy())
    torch.testing.assert_close(predictor.adapted, torch.from_numpy(reference.centroids_).float())
    torch.testing.assert_close(predictor.adapted[1], (support.x[0] + support.x[3] + support.x[4]) / 3)
    assert predictor(x).argmax(-1).tolist() == reference.predict(x.numpy()).tolist()


@torch.no_grad()
@pytest.mark.parametrize("name", COMPARE)
def test_with_unequal_shots_every_comparison_equals_loops_over_examples(name):
    """Siamese: the most similar. Matching: attention summed. Relation: maps summed. Prototypes: means."""
    method, support, x = COMPARE[name](), points(UNEQUAL), torch.randn(5, 4)
    known, asked = method.embed(support.x), method.embed(x)
    of_class = [[k for k, label in zip(known, UNEQUAL, strict=True) if label == c] for c in range(3)]
    means = [sum(members) / len(members) for members in of_class]
    rules = {
        "Siamese": lambda q, c: max(method.similarity((q - k).abs())[0] for k in of_class[c]),
        "Siamese, contrastive": lambda q, c: -min(torch.dist(q, k) for k in of_class[c]),
        "Matching": lambda q, c: (
            sum((10 * F.cosine_similarity(q, k, dim=0)).exp() for k in of_class[c])
            / sum((10 * F.cosine_similarity(q, k, dim=0)).exp() for k in known)
        ).log(),
        "Prototypical": lambda q, c: -(torch.dist(q, means[c]) ** 2),
        "Prototypical, euclidean": lambda q, c: -torch.dist(q, means[c]),
        "Prototypical, cosine": lambda q, c: 10 * F.cosine_similarity(q, means[c], dim=0),
        "Relation": lambda q, c: method.relation(torch.cat([sum(of_class[c]), q])[None])[0, 0],
    }
    expected = torch.stack([torch.stack([rules[name](q, c) for c in range(3)]) for q in asked])
    torch.testing.assert_close(method.fit(support)(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", READ)
def test_for_a_reader_unequal_shots_simply_are_a_sequence(name):
    reader, support, x = READ[name](), points(UNEQUAL), torch.randn(1, 4)
    before = torch.cat([torch.zeros(1, 3), F.one_hot(support.y, 3)])
    answer = reader.read(torch.cat([support.x, x]), before)[-1:]
    torch.testing.assert_close(reader.fit(support)(x), answer)


def test_with_unequal_shots_every_example_of_meta_networks_counts_once():
    """A class shown three times leaves three sets of fast weights; an answer is their sum, weighed by attention."""
    method, support, x = OF_FEATURES["MetaNetworks"](), points(UNEQUAL), torch.randn(5, 4)
    method.scale = 0.0  # attends to all alike: the mean over examples, not over classes
    predictor = method.fit(support)
    _, hidden, answer = (part.mean(0) for part in predictor.adapted)
    h = method.hidden(x).relu() + (x @ hidden.T).relu()
    torch.testing.assert_close(predictor(x), h @ (method.answer.weight + answer).T, rtol=1e-4, atol=1e-5)


@of_features
def test_more_ways_than_a_method_was_built_for(make):
    five, name = points([0, 1, 2, 3, 4]), type(make()).__name__
    advice = f"{name} was built for 3 ways; the episodes have 5. Build it with ways=5"
    refused(lambda: make().fit(five), ValueError, advice)
    refused(lambda: make()(stacked(five, five, 5)), ValueError, advice)


@pytest.mark.parametrize("name", COMPARE)
def test_what_compares_takes_any_number_of_ways(name):
    method, five = COMPARE[name](), points([0, 1, 2, 3, 4])
    assert method.fit(five)(torch.randn(7, 4)).shape == (7, 5)


# --- memory


def test_a_memory_smaller_than_the_ways_is_refused():
    message = "A memory of 4 slots cannot hold 5 classes.* Use slots=5 or more"
    refused(lambda: MemoryAugmented(4, 5, slots=4), ValueError, message)
    MemoryAugmented(4, 5, slots=5)


def test_a_memory_smaller_than_the_support_set_keeps_what_came_last():
    """Reading spread evenly and writing to the least used slot: slot t mod 3 holds key t, the last of its turn."""
    memory, said = MemoryAugmented(4, 3, slots=3, width=5, hidden=8, scale=0.0), []
    with torch.no_grad():
        memory.gate.weight.zero_()
        memory.gate.bias.fill_(-100)
    memory.key.register_forward_hook(lambda *call: said.append(call[2].tanh()))
    predictor = memory.fit(points(torch.arange(8) % 3))
    state, _ = predictor.adapted
    torch.testing.assert_close(state.slots, torch.stack([said[6], said[7], said[5]]))
    torch.testing.assert_close(read_weights(state.slots, said[7], 1e4), torch.tensor([0.0, 1.0, 0.0]))
    assert predictor(torch.randn(2, 4)).isfinite().all()


# --- sizes of inputs

IMAGES = {
    "Siamese": lambda: Siamese(conv_strided(8, (4, 4, 4)), features=8),
    "Matching": lambda: Matching(conv4(None, width=8)),
    "Prototypical": lambda: Prototypical(conv_strided(8, (4, 4, 4), norm="running")),
    "Relation": lambda: Relation(conv_strided(None, (4, 4, 6)), channels=6, hidden=8),
    "LSTMReader": lambda: LSTMReader(8, 3, hidden=16, embedding=conv_strided(8, (4, 4, 4))),
    "SNAIL": lambda: SNAIL(8, 3, width=16, embedding=conv_strided(8, (4, 4, 4))),
    "MemoryAugmented": lambda: MemoryAugmented(
        3, 3, hidden=16, embedding=whitened(conv_strided(8, (4, 4, 4)), torch.rand(20, 1, 28, 28), components=3)
    ),
    "MetaNetworks": lambda: MetaNetworks(8, 3, embedding=conv_strided(8, (4, 4, 4))),
}


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (
            torch.rand(3, 1, 32, 32),
            ValueError,
            r"x of shape \(\d, 1, 32, 32\); .*images \(n, 1, 28, 28\)\. Resize them",
        ),
        (
            torch.rand(3, 28, 28),
            ValueError,
            r"x of shape \(\d, 28, 28\); .*\(n, 1, 28, 28\)\. Give it a batch of images",
        ),
        (
            torch.rand(3, 7),
            ValueError,
            r"x of shape \(\d, 7\); .*\. Features need an encoder .* mlp\(7, 64\), or .* features=7\.",
        ),
        (torch.ones(3, 1, 28, 28, dtype=torch.uint8), TypeError, r"torch\.uint8; .* Convert them: x\.float\(\) / 255"),
    ],
    ids=["another size", "no channel", "features", "bytes"],
)
@pytest.mark.parametrize("make", IMAGES.values(), ids=IMAGES)
def test_images_that_the_encoder_was_not_made_for(make, wrong, error, message):
    """As a support set, as queries of a fitted predictor, and in a stack."""
    method, labels = make(), torch.arange(3)
    good, bad = Examples(torch.rand(3, 1, 28, 28), labels), Examples(wrong, labels)
    predictor = method.fit(good)
    assert predictor(good.x).shape == (3, 3)
    message = f"The encoder got .*{message}"
    refused(lambda: method.fit(bad), error, message)
    refused(lambda: predictor(bad.x), error, message)
    refused(lambda: method(stacked(bad, bad, 3)), error, message)


@of_features
def test_features_of_another_width(make):
    """As a support set, as queries of a fitted predictor, and in a stack."""
    method, good, bad = make(), points([0, 1, 2]), points([0, 1, 2], dimensions=7)
    predictor = method.fit(good)
    message = r"features of shape \(7,\); the method was built for features=4\. Build it with as many"
    refused(lambda: method.fit(bad), ValueError, message)
    refused(lambda: predictor(bad.x), ValueError, message)
    refused(lambda: method(stacked(bad, bad, 3)), ValueError, message)


def test_an_embedding_of_another_width_than_the_readers():
    reader, images = LSTMReader(4, 3, embedding=nn.Sequential(nn.Flatten(), nn.Linear(6, 5))), torch.randn(3, 2, 3)
    message = r"Inputs of shape \(2, 3\) give features of shape \(5,\); the method was built for features=4"
    refused(lambda: reader.fit(Examples(images, torch.arange(3))), ValueError, message)


def test_inputs_of_another_width_than_the_neural_processs():
    method = NeuralProcess(2, 1, width=8)
    good, bad = (Examples(torch.randn(5, width), torch.randn(5, 1)) for width in (2, 3))
    message = r"NeuralProcess got inputs of shape \(3,\); it was built for \(2,\)\. Build it with inputs=3"
    refused(lambda: method.fit(bad), ValueError, message)
    refused(lambda: method.fit(good)(bad.x), ValueError, message)
    refused(lambda: method(stacked(bad, bad, 0)), ValueError, message)
