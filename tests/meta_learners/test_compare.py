"""Methods that compare: Siamese, Matching, Prototypical, Relation, against closed forms and scikit-learn."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from torch import nn

from metalearn_course import (
    Examples,
    Matching,
    NearestNeighbor,
    Prototypical,
    Relation,
    Siamese,
    Task,
    conv_strided,
    mlp,
)
from metalearn_course.evaluation import predictions
from metalearn_course.meta_learners.prototypical import linear_classifier
from metalearn_course.meta_learners.relation import pairs, squared_error
from metalearn_course.tasks.point_clouds import PointClouds
from tests.contract.registry import COMPARE as METHODS
from tests.helpers.tasks import clusters, one

methods = pytest.mark.parametrize("make", METHODS.values(), ids=METHODS)


# --- what all of them have


@methods
def test_permuted_labels_permute_the_answers_and_nothing_else(make):
    """Label l becomes order[l]. Nothing here is tied to a label, so this holds for every episode, trained or not."""
    method, stack, order = make(), clusters(), torch.tensor([2, 0, 1])
    support, query = (Examples(e.x, order[e.y]) for e in stack[:2])
    relabeled = Task(support, query, stack.classes)
    torch.testing.assert_close(predictions(method, relabeled)[..., order], predictions(method, stack))
    torch.testing.assert_close(method(relabeled), method(stack))


@methods
def test_the_order_of_the_support_set_does_not_matter(make):
    method, task = make(), one(shots=5)
    order = torch.randperm(len(task.support.y))
    shuffled = Examples(task.support.x[order], task.support.y[order])
    assert not method.order_matters
    torch.testing.assert_close(
        method.fit(shuffled)(task.query.x), method.fit(task.support)(task.query.x), rtol=1e-4, atol=1e-5
    )


@methods
def test_a_whole_support_set_given_twice(make):
    """Means, nearest examples and normalized attention stay; Relation's sums double, so it has to be exempt."""
    method, task = make(), one()
    twice = Examples(task.support.x.repeat(2, 1), task.support.y.repeat(2))
    before, after = method.fit(task.support)(task.query.x), method.fit(twice)(task.query.x)
    same = torch.allclose(before, after, rtol=1e-4, atol=1e-5)
    assert same != isinstance(method, Relation)


# --- Prototypical


@pytest.mark.parametrize("distance", ["squared", "euclidean"])
@pytest.mark.parametrize("offset", [0, 1_000])
def test_prototypes_answer_as_scikit_learns_nearest_centroid(distance, offset):
    """Far from the origin too, where |a|^2 - 2ab + |b|^2 could lose the difference to rounding."""
    task = one(ways=5, shots=3, queries=60)
    support, query = task.support.x + offset, task.query.x + offset
    method = Prototypical(nn.Identity(), distance)
    answers = method.fit(Examples(support, task.support.y))(query).argmax(-1)
    reference = NearestCentroid().fit(support.numpy(), task.support.y.numpy())
    np.testing.assert_allclose(method.fit(Examples(support, task.support.y)).adapted, reference.centroids_, rtol=1e-5)
    np.testing.assert_array_equal(answers, reference.predict(query.numpy()))


@pytest.mark.parametrize("distance", ["squared", "euclidean"])
def test_with_one_shot_prototypes_are_nearest_neighbor(distance):
    task, encoder = one(ways=5, shots=1, queries=60), mlp(4, 8)
    method, neighbor = Prototypical(encoder, distance), NearestNeighbor(encoder)
    ours, theirs = (m.fit(task.support)(task.query.x).detach() for m in (method, neighbor))
    assert torch.equal(ours.argmax(-1), theirs.argmax(-1))
    torch.testing.assert_close(ours if distance == "squared" else -ours.square(), theirs, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        known, asked = (encoder(e.x).numpy() for e in (task.support, task.query))
    reference = KNeighborsClassifier(1).fit(known, task.support.y.numpy())
    np.testing.assert_array_equal(ours.argmax(-1), reference.predict(asked))


def test_with_one_shot_cosine_prototypes_are_the_nearest_neighbor_by_angle():
    task = one(ways=5, shots=1, queries=60)
    answers = Prototypical(nn.Identity(), "cosine").fit(task.support)(task.query.x).argmax(-1)
    reference = KNeighborsClassifier(1, metric="cosine").fit(task.support.x.numpy(), task.support.y.numpy())
    np.testing.assert_array_equal(answers, reference.predict(task.query.x.numpy()))


def test_prototypes_and_logits_by_hand():
    support = Examples(torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 4.0]]), torch.tensor([0, 0, 1]))
    x = torch.tensor([[1.0, 4.0]])  # prototypes (1, 0) and (0, 4): 4 and 1 away
    for distance, logits in (("squared", [-16.0, -1.0]), ("euclidean", [-4.0, -1.0])):
        predictor = Prototypical(nn.Identity(), distance).fit(support)
        torch.testing.assert_close(predictor.adapted, torch.tensor([[1.0, 0.0], [0.0, 4.0]]))
        torch.testing.assert_close(predictor(x), torch.tensor([logits]))
    cosines = Prototypical(nn.Identity(), "cosine", scale=3).fit(support)(x)
    torch.testing.assert_close(cosines, 3 * torch.tensor([[1.0, 4.0]]) / math.sqrt(17))


def test_the_loss_is_minus_the_log_of_a_softmax_over_minus_distances():
    """Snell et al. (2017), equation 2, with sums written out."""
    method, task = Prototypical(mlp(4, 8)), one()
    embedded, centers = method.encoder(task.query.x), []
    for label in range(3):
        centers.append(method.encoder(task.support.x)[task.support.y == label].mean(0))
    losses = []
    for f, label in zip(embedded, task.query.y.tolist(), strict=True):
        weights = [math.exp(-((f - c) ** 2).sum().item()) for c in centers]
        losses.append(-math.log(weights[label] / sum(weights)))
    assert method([task]).item() == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def test_the_squared_distance_is_a_linear_classifier():
    """Weights 2c and biases -|c|^2 (Snell et al., section 2.4): the same probabilities, and no other distance's."""
    method, task = Prototypical(mlp(4, 8)), one(ways=5, queries=60)
    prototypes = method.fit(task.support).adapted
    weights, biases = linear_classifier(prototypes)
    layer = nn.Linear(8, 5)
    with torch.no_grad():
        layer.weight.copy_(weights)
        layer.bias.copy_(biases)
    torch.testing.assert_close(weights, torch.stack([2 * c for c in prototypes]))
    torch.testing.assert_close(biases, torch.stack([-(c @ c) for c in prototypes]))
    logits, features = method.fit(task.support)(task.query.x), method.embed(task.query.x)
    torch.testing.assert_close(layer(features).softmax(-1), logits.softmax(-1), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(layer(features) - features.square().sum(-1, keepdim=True), logits, rtol=1e-4, atol=1e-4)
    method.distance = "euclidean"
    curved = method.fit(task.support)(task.query.x)
    steps = method.predict(prototypes, torch.linspace(-3, 3, 4)[:, None].expand(-1, 8))  # along a straight line
    assert not torch.allclose(layer(features).softmax(-1), curved.softmax(-1), atol=1e-2)
    assert (steps[:, 0] - steps[:, 1]).diff(n=2).abs().max() > 1e-3


def test_scikit_learn_reads_the_linear_classifier_as_its_own():
    prototypes = torch.randn(4, 6)
    weights, biases = linear_classifier(prototypes)
    reference = LogisticRegression()
    reference.classes_, reference.coef_, reference.intercept_ = np.arange(4), weights.numpy(), biases.numpy()
    x = torch.randn(30, 6)
    ours = Prototypical(nn.Identity()).predict(prototypes, x)
    np.testing.assert_allclose(reference.predict_proba(x.numpy()), ours.softmax(-1), rtol=1e-3, atol=1e-5)


def test_a_query_on_a_prototype_has_a_finite_gradient():
    """The square root of 0 has an infinite slope; the euclidean distance must not divide by it."""
    for distance in ("squared", "euclidean", "cosine"):
        x = torch.zeros(1, 3, requires_grad=True)
        method = Prototypical(nn.Identity(), distance)
        method.predict(torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), x).sum().backward()
        assert x.grad.isfinite().all()


def test_an_unknown_distance_is_refused_by_name():
    with pytest.raises(ValueError, match="distance='manhattan' is unknown; choose one of 'squared', 'euclidean', 'cos"):
        Prototypical(nn.Identity(), distance="manhattan")


# --- Matching


def test_attention_by_hand():
    """Cosines 1, 0 and 3/5 at scale 2; two of the three examples are of class 1."""
    support = Examples(torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 4.0]]), torch.tensor([0, 1, 1]))
    method = Matching(nn.Identity(), scale=2)
    predictor, x = method.fit(support), torch.tensor([[7.0, 0.0]])
    weights = [math.exp(2), math.exp(0), math.exp(1.2)]
    attention = torch.tensor([[w / sum(weights) for w in weights]])
    torch.testing.assert_close(method.attention(predictor.adapted, x), attention)
    torch.testing.assert_close(predictor(x).exp(), torch.tensor([[attention[0, 0], attention[0, 1:].sum()]]))


@pytest.mark.parametrize("scale", [1, 10, 1_000])
def test_attention_and_class_probabilities_sum_to_one(scale):
    method, task = Matching(mlp(4, 8), scale=scale), one(ways=5, shots=3)
    predictor = method.fit(task.support)
    attention = method.attention(predictor.adapted, method.embed(task.query.x))
    torch.testing.assert_close(attention.sum(-1), torch.ones(len(task.query.y)))
    assert attention.shape == (20, 15) and (attention >= 0).all()
    torch.testing.assert_close(predictor(task.query.x).exp().sum(-1), torch.ones(20))
    assert predictor(task.query.x).isfinite().all()


def test_matching_attention_is_that_of_torch_on_unit_vectors():
    method, task = Matching(nn.Identity(), scale=10), one(ways=5, shots=3)
    q, k = (F.normalize(e.x, dim=-1) for e in (task.query, task.support))
    values = F.one_hot(task.support.y).float()
    expected = F.scaled_dot_product_attention(q[None], k[None], values[None], scale=10.0)[0]
    torch.testing.assert_close(method.fit(task.support)(task.query.x).exp(), expected, rtol=1e-4, atol=1e-6)


def test_very_sharp_matching_is_the_nearest_neighbor_by_angle():
    task = one(ways=5, shots=3, queries=60)
    answers = Matching(nn.Identity(), scale=1e4).fit(task.support)(task.query.x).argmax(-1)
    reference = KNeighborsClassifier(1, metric="cosine").fit(task.support.x.numpy(), task.support.y.numpy())
    np.testing.assert_array_equal(answers, reference.predict(task.query.x.numpy()))


# --- Siamese

A, B = torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.tensor([[0.6, 0.8], [3.0, 4.0]])  # 1, 5; 4, 0 apart
PAIRS = Task(Examples(B, torch.tensor([0, 1])), Examples(A, torch.tensor([0, 1])), torch.arange(2))


@pytest.mark.parametrize(("margin", "different"), [(1.0, [0, 0]), (6.0, [1 / 2, 4 / 2])])
def test_the_contrastive_loss_by_hand(margin, different):
    """D^2 / 2 for the two same pairs, max(0, margin - D)^2 / 2 for the two different ones; each kind half."""
    method = Siamese(nn.Identity(), features=2, contrastive=True, margin=margin)
    torch.testing.assert_close(-method.similarities(A, B), torch.tensor([[1.0, 5.0], [4.0, 1e-6]]))
    assert method.objective(PAIRS).item() == pytest.approx((1 / 2 + 0) / 2 / 2 + sum(different) / 2 / 2, rel=1e-5)
    assert not list(method.parameters())


def test_the_cross_entropy_of_pairs_by_hand():
    """Weights 1 and -1 and bias 1/2 on |a - b| = (.6, .8), (3, 4), (2.4, 3.2), (0, 0)."""
    method = Siamese(nn.Identity(), features=2)
    with torch.no_grad():
        method.similarity.weight.copy_(torch.tensor([[1.0, -1.0]]))
        method.similarity.bias.fill_(0.5)
    torch.testing.assert_close(method.similarities(A, B), torch.tensor([[0.3, -0.5], [-0.3, 0.5]]))
    sigmoid = [1 / (1 + math.exp(-z)) for z in (0.3, -0.5, -0.3, 0.5)]
    same = -(math.log(sigmoid[0]) + math.log(sigmoid[3])) / 2
    different = -(math.log(1 - sigmoid[1]) + math.log(1 - sigmoid[2])) / 2
    assert method.objective(PAIRS).item() == pytest.approx((same + different) / 2, rel=1e-5)


@pytest.mark.parametrize("contrastive", [False, True])
def test_same_and_different_pairs_weigh_the_same_whatever_the_ways(contrastive):
    """As binary cross-entropy with a weight a pair that makes both kinds one half, over all pairs in a loop."""
    method, task = Siamese(mlp(4, 8), features=8, contrastive=contrastive), one(ways=5, shots=2)
    kinds = {True: [], False: []}
    for query, label in zip(task.query.x, task.query.y, strict=True):
        for example, other in zip(task.support.x, task.support.y, strict=True):
            a, b, same = method.encoder(query[None])[0], method.encoder(example[None])[0], bool(label == other)
            if contrastive:
                distance = torch.dist(a, b)
                loss = distance**2 / 2 if same else F.relu(1 - distance) ** 2 / 2
            else:
                logit = method.similarity((a - b).abs())[0]
                loss = F.softplus(-logit if same else logit)
            kinds[same].append(loss)
    expected = sum(torch.stack(losses).mean() for losses in kinds.values()) / 2
    torch.testing.assert_close(method([task])[0], expected, rtol=1e-4, atol=1e-6)


def test_contrastive_siamese_answers_as_the_nearest_neighbor():
    task = one(ways=5, shots=3, queries=60)
    logits = Siamese(nn.Identity(), features=4, contrastive=True).fit(task.support)(task.query.x)
    reference = KNeighborsClassifier(1).fit(task.support.x.numpy(), task.support.y.numpy())
    np.testing.assert_array_equal(logits.argmax(-1), reference.predict(task.query.x.numpy()))


def test_the_similarity_of_a_pair_is_symmetric():
    for contrastive in (False, True):
        method, a, b = Siamese(nn.Identity(), 4, contrastive=contrastive), torch.randn(5, 4), torch.randn(3, 4)
        torch.testing.assert_close(method.similarities(a, b), method.similarities(b, a).T)


def test_the_distance_of_an_image_to_itself_has_a_finite_gradient():
    method, x = Siamese(nn.Identity(), 4, contrastive=True), torch.zeros(1, 4, requires_grad=True)
    method.similarities(x, torch.zeros(1, 4)).sum().backward()
    assert x.grad.isfinite().all()


# --- Relation


def test_pairs_are_class_then_query_and_all_classes_of_a_query_in_turn():
    classes, x = torch.arange(3.0).view(3, 1, 1, 1), 10 + torch.arange(2.0).view(2, 1, 1, 1)
    assert pairs(classes, x).flatten(1).tolist() == [[0, 10], [1, 10], [2, 10], [0, 11], [1, 11], [2, 11]]


def test_a_score_is_that_of_its_own_pair():
    """Every class beside every query in two loops: a score lands at [query, class]."""
    method, task = METHODS["Relation"](), one()
    predictor = method.fit(task.support)
    scores, x = predictor(task.query.x), method.embed(task.query.x)
    for q in range(len(x)):
        for c in range(3):
            beside = torch.cat([predictor.adapted[c], x[q]])[None]
            torch.testing.assert_close(method.relation(beside)[0, 0], scores[q, c])


def test_shots_are_summed():
    method, task = METHODS["Relation"](), one(shots=3)
    embedded = method.embed(task.support.x)
    expected = torch.stack([embedded[task.support.y == label].sum(0) for label in range(3)])
    torch.testing.assert_close(method.fit(task.support).adapted, expected)


def test_scores_lie_between_0_and_1_and_their_loss_is_the_squared_error():
    method, task = METHODS["Relation"](), one()
    scores = method.fit(task.support)(task.query.x)
    assert scores.shape == (12, 3) and (scores > 0).all() and (scores < 1).all()
    targets = torch.tensor([[float(c == label) for c in range(3)] for label in task.query.y.tolist()])
    torch.testing.assert_close(method([task])[0], F.mse_loss(scores, targets))
    assert squared_error(torch.tensor([[0.5, 0.0], [0.0, 1.0]]), torch.tensor([0, 0])).item() == (0.25 + 0 + 1 + 1) / 4


def test_relation_compares_maps_of_images():
    """conv_strided without a head leaves 4 x 4 maps for the relation module."""
    stack = PointClouds(ways=2, dimensions=784).sample(2, torch.Generator().manual_seed(0))
    support, query = (Examples(e.x.unflatten(2, (1, 28, 28)), e.y) for e in stack[:2])
    method = Relation(conv_strided(None, widths=(8, 8, 8)), channels=8, hidden=8)
    assert predictions(method, Task(support, query, stack.classes)).shape == (2, 8, 2)
