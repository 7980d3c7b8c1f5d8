import math
import statistics
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import (
    MAML,
    Examples,
    FineTuned,
    LSTMReader,
    MetaLearner,
    NearestNeighbor,
    Reader,
    Sinusoids,
    Task,
    accuracy,
    dependencies,
    evaluate,
    mlp,
    mse,
)
from metalearn_course.evaluation import Dependencies, instance_accuracy, instances
from metalearn_course.tasks import PointClouds, one_task, stack_tasks


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


OWN_SUPPORT_ONLY = Dependencies(True, False, False)
EVERYTHING = Dependencies(True, True, True)


class OneByOne:
    """Draws tasks one at a time, so that the same ones come whatever the chunks."""

    protocol = "clusters one by one"

    def sample(self, tasks, generator):
        return stack_tasks([one_task(PointClouds().sample(1, generator), 0) for _ in range(tasks)])


class Embedded(MetaLearner):
    """Class means of the features of any network: what `dependencies` finds is up to the network."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def embed(self, x):
        return self.network(x)

    def adapt(self, support):
        of_class = F.one_hot(support.y, self.ways).to(support.x.dtype)
        return of_class.T @ support.x / of_class.sum(0)[:, None]

    def predict(self, means, x):
        return -(x[:, None] - means).square().sum(-1)


# --- metrics


def test_accuracy_and_mse_by_hand():
    logits = torch.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0], [1.0, 0.0]])
    assert accuracy(logits, torch.tensor([0, 1, 1, 0])).item() == 0.75
    assert mse(torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0], [0.0]])).item() == 5.0


def test_an_answer_that_is_not_finite_is_wrong_whatever_the_label():
    """One that names its class by minus infinity for the others is right."""
    nan, inf = math.nan, math.inf
    bad = torch.tensor([[nan, 1.0, 2.0], [0.0, nan, 1.0], [inf, 0.0, 0.0], [nan] * 3, [-inf] * 3])
    for label in range(3):
        assert accuracy(bad, torch.full((5,), label)).item() == 0
    fair = torch.tensor([[-inf, 3.0, -inf], [-inf, 1.0, 2.0]])
    assert accuracy(fair, torch.tensor([1, 2])).item() == 1


def test_accuracy_of_a_regression_is_refused():
    with pytest.raises(TypeError, match=r"accuracy needs labels; y is torch.float32.* metric=mse"):
        evaluate(MAML(mlp(1, 1), loss=F.mse_loss), Sinusoids(), episodes=2)


# --- evaluate


def test_adaptation_that_diverges_is_counted_and_said():
    """A rate of 1e30 makes every answer NaN: none is right, and nothing is seen of what they depend on."""
    wild = MAML(mlp(4, 8, 3), steps=3, lr=1e30)
    result = evaluate(wild, PointClouds(), episodes=30)
    assert result.mean == 0 and result.dependencies == Dependencies(False, False, False, known=False)
    assert result.not_finite == 30 and "; 30 tasks with answers that are not finite)" in str(result)
    tame = evaluate(MAML(mlp(4, 3), lr=0.1), PointClouds(), episodes=30)
    assert tame.not_finite == 0 and "not finite" not in str(tame)


class Spoiled:
    """Clusters with a number that is none in each task: in the first query, in all of them, or in the support set."""

    protocol = "spoiled clusters"

    def __init__(self, where, number=math.nan):
        self.where, self.number = where, number

    def sample(self, tasks, generator):
        task = PointClouds().sample(tasks, generator)
        x, y = task.support if self.where == "support" else task.query
        x = x.clone()
        x[:, slice(None) if self.where == "queries" else 0, 0] = self.number
        return task._replace(**{"support" if self.where == "support" else "query": Examples(x, y)})


class Mixing(NearestNeighbor):
    """Depends on the other queries."""

    def predict(self, adapted, x):
        return super().predict(adapted, x - x.mean(0))


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_query_that_is_not_finite_is_wrong_and_no_leak(number):
    """Every task loses exactly its first query, and 1 / queries of its accuracy where that was right."""
    clean, spoiled = (evaluate(NearestNeighbor(), t, episodes=40) for t in (PointClouds(), Spoiled("query", number)))
    batches, generator = [], torch.Generator().manual_seed(1)
    for size in (25, 15):
        batches.append(PointClouds().sample(size, generator))
    rights = []
    for batch in batches:
        for i in range(len(batch.classes)):
            task = one_task(batch, i)
            answer = NearestNeighbor().fit(task.support)(task.query.x[:1]).argmax(-1)
            rights.append((answer == task.query.y[:1]).float().item() / len(task.query.y))
    assert sum(rights) > 0
    assert spoiled.per_task.tolist() == pytest.approx((clean.per_task - torch.tensor(rights)).tolist())
    assert spoiled.not_finite == 40 and spoiled.dependencies == clean.dependencies == OWN_SUPPORT_ONLY


@pytest.mark.parametrize("where", ["query", "queries", "support"])
def test_dependencies_are_those_of_the_method_whatever_the_tasks_hold(where):
    for method in (NearestNeighbor(), Embedded(mlp(4, 8)), Mixing(), Embedded(nn.BatchNorm1d(4))):
        for train_mode in (False, True):
            expected = dependencies(method, PointClouds(), train_mode=train_mode)
            assert dependencies(method, Spoiled(where), train_mode=train_mode) == expected
    assert dependencies(Mixing(), Spoiled(where)) == Dependencies(True, True, False)
    if where == "queries":
        assert evaluate(Embedded(mlp(4, 8)), Spoiled(where), episodes=10).mean == 0


def test_evaluate_equals_a_loop_over_tasks_by_hand():
    """60 tasks go through in chunks of 25, 25 and 10; the mean and 1.96 sd / sqrt(n) are taken by hand."""
    maml = MAML(mlp(1, 8, 1), lr=0.1, loss=F.mse_loss)
    result = evaluate(maml, Sinusoids(), metric=mse, episodes=60, seed=3)
    generator, errors = torch.Generator().manual_seed(3), []
    for chunk in (25, 25, 10):
        stack = Sinusoids().sample(chunk, generator)
        for i in range(chunk):
            task = one_task(stack, i)
            answers = maml.fit(task.support)(task.query.x)
            errors.append((answers - task.query.y).square().mean().item())
    mean = sum(errors) / 60
    deviation = math.sqrt(sum((e - mean) ** 2 for e in errors) / 59)
    assert result.mean == pytest.approx(mean, rel=1e-4)
    assert result.interval == pytest.approx(1.96 * deviation / math.sqrt(60), rel=1e-4)
    assert result.per_task.tolist() == pytest.approx(errors, rel=1e-3)
    assert result.protocol == "sinusoids, 10 shots, 10 queries, 60 tasks"


def test_two_ways_of_chunking_give_the_same_numbers(monkeypatch):
    method, results = NearestNeighbor(), []
    for chunk in (25, 4):
        monkeypatch.setattr(sys.modules["metalearn_course.evaluation.evaluate"], "_TASKS_AT_ONCE", chunk)
        results.append(evaluate(method, OneByOne(), episodes=30).per_task)
    assert torch.equal(*results)


def test_the_seed_alone_decides_which_tasks_are_met():
    class Watched(NearestNeighbor):
        def over_tasks(self, function, tasks):
            seen.append(tasks.query.x.clone())
            return super().over_tasks(function, tasks)

    runs = []
    for seed in (1, 1, 2):
        seen = []
        torch.manual_seed(len(runs))
        evaluate(Watched(), PointClouds(), episodes=5, seed=seed)
        runs.append(seen[0])
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


@pytest.mark.parametrize("train", [True, False])
def test_evaluate_restores_every_mode_and_buffer(train):
    frozen, live = nn.BatchNorm1d(4), nn.BatchNorm1d(4)
    method = Embedded(nn.Sequential(frozen, live, nn.Dropout())).train(train)
    frozen.eval()
    modes = [m.training for m in method.modules()]
    buffers = [b.clone() for b in method.buffers()]
    evaluate(method, PointClouds(), episodes=5)
    dependencies(method, PointClouds(), train_mode=True)
    assert [m.training for m in method.modules()] == modes
    assert all(torch.equal(a, b) for a, b in zip(buffers, method.buffers(), strict=True))


def test_modes_are_restored_after_an_error_too():
    class Broken(NearestNeighbor):
        def predict(self, adapted, x):
            raise RuntimeError("broken")

    method = Broken().train()
    with pytest.raises(RuntimeError, match="broken"):
        evaluate(method, PointClouds(), episodes=5)
    assert method.training


def test_evaluate_is_in_eval_mode_and_leaves_no_gradient():
    method = Embedded(nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.9)))
    first, second = (evaluate(method, PointClouds(), episodes=20).per_task for _ in range(2))
    assert torch.equal(first, second) and not first.requires_grad
    assert all(p.grad is None for p in method.parameters())


def test_a_method_that_throws_dice_is_evaluated_the_same_each_time_and_disturbs_no_one():
    class Dice(NearestNeighbor):
        def predict(self, adapted, x):
            return super().predict(adapted, x) + 5 * torch.rand(len(x), self.ways)

    before = torch.get_rng_state()
    first, second = (evaluate(Dice(), PointClouds(), episodes=30) for _ in range(2))
    assert torch.equal(first.per_task, second.per_task) and torch.equal(torch.get_rng_state(), before)
    assert first.dependencies == OWN_SUPPORT_ONLY


def test_evaluate_works_inside_no_grad():
    with torch.no_grad():
        result = evaluate(MAML(mlp(4, 3), lr=0.1), PointClouds(), episodes=5)
    assert result.dependencies == OWN_SUPPORT_ONLY


@pytest.mark.parametrize("episodes", [0, 1])
def test_an_interval_needs_two_tasks(episodes):
    with pytest.raises(ValueError, match=f"episodes={episodes}; expected at least 2, a whole number. Change episodes"):
        evaluate(NearestNeighbor(), PointClouds(), episodes=episodes)


def test_an_evaluation_prints_everything_needed_to_believe_it():
    result = evaluate(NearestNeighbor(), PointClouds(), episodes=10)
    assert str(result) == (
        f"{result.mean:.3f} ± {result.interval:.3f} (clusters, 3-way 2-shot, 4 queries a class, 10 tasks; "
        "depends on its own support set only)"
    )


# --- dependencies


@pytest.mark.parametrize(
    ("network", "train_mode", "expected"),
    [
        (nn.BatchNorm1d(4), True, EVERYTHING),
        (nn.BatchNorm1d(4), False, OWN_SUPPORT_ONLY),
        (nn.BatchNorm1d(4, track_running_stats=False), False, EVERYTHING),
        (nn.GroupNorm(2, 4), True, OWN_SUPPORT_ONLY),
        (nn.Dropout(0.5), True, OWN_SUPPORT_ONLY),
        (nn.GroupNorm(2, 4), False, OWN_SUPPORT_ONLY),
    ],
)
def test_what_a_norm_in_embed_leaks_is_measured(network, train_mode, expected):
    method = Embedded(nn.Sequential(nn.Linear(4, 4), network))
    assert dependencies(method, PointClouds(), train_mode=train_mode) == expected


@pytest.mark.parametrize(
    ("method", "tasks"),
    [
        (NearestNeighbor(), PointClouds()),
        (MAML(mlp(4, 8, 3), lr=0.1), PointClouds()),
        (MAML(mlp(4, 8, 3), lr=0.1, first_order=True), PointClouds()),
        (MAML(mlp(1, 8, 1), loss=F.mse_loss, first_order=True), Sinusoids()),
        (FineTuned(mlp(4, 8), features=8, classes=3), PointClouds()),
        (FineTuned(mlp(1, 8, 1), loss=F.mse_loss), Sinusoids()),
    ],
)
def test_members_depend_on_their_own_support_set_only(method, tasks):
    assert dependencies(method, tasks) == OWN_SUPPORT_ONLY


def test_batch_statistics_in_the_inner_loop_make_maml_transductive():
    learner = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.ReLU(), nn.Linear(8, 3))
    assert dependencies(MAML(learner, lr=0.1), PointClouds()) == Dependencies(True, True, False)


def test_without_inner_steps_nothing_is_learned_from_the_support_set():
    assert dependencies(MAML(mlp(4, 3), steps=0), PointClouds()) == Dependencies(False, False, False)


def test_a_dependence_without_a_gradient_is_seen():
    class Counts(NearestNeighbor):
        """Looks at other queries through a comparison, which has no gradient."""

        def predict(self, adapted, x):
            return super().predict(adapted, x) + (x.mean() > 0)

    assert dependencies(Counts(), PointClouds()).other_queries


def test_a_dependence_too_small_to_see_is_found_by_its_gradient():
    class Whispers(NearestNeighbor):
        def predict(self, adapted, x):
            return super().predict(adapted, x) + 1e-9 * x.mean()

    assert dependencies(Whispers(), PointClouds()).other_queries


class FirstLabel(NearestNeighbor):
    """Answers with the label of the first support example, whatever the inputs are."""

    def adapt(self, support):
        return self.one_hot(support)[0]

    def predict(self, label, x):
        return label.expand(len(x), -1)


class MeanTarget(MetaLearner):
    """Answers with the mean target."""

    def adapt(self, support):
        return support.y.mean(0)

    def predict(self, mean, x):
        return mean.expand(len(x), -1)


class LabelCount(NearestNeighbor):
    """Knows how often each label comes, by its place alone: balanced episodes teach it nothing."""

    def adapt(self, support):
        return self.one_hot(support).sum(0)

    def predict(self, counts, x):
        return counts.expand(len(x), -1)


class Constant(NearestNeighbor):
    def predict(self, adapted, x):
        return torch.zeros(len(x), self.ways)


@pytest.mark.parametrize(
    ("method", "tasks", "expected"),
    [
        (FirstLabel(), PointClouds(), OWN_SUPPORT_ONLY),
        (MeanTarget(), Sinusoids(), OWN_SUPPORT_ONLY),
        (LabelCount(), PointClouds(), Dependencies(False, False, False)),
        (Constant(), PointClouds(), Dependencies(False, False, False)),
    ],
)
def test_labels_are_looked_at_too(method, tasks, expected):
    assert dependencies(method, tasks) == expected


def test_labels_of_other_tasks_are_looked_at_too():
    class Leaks(NearestNeighbor):
        """Task by task, but keeps the labels of all of them."""

        def over_tasks(self, function, tasks):
            answers = super().over_tasks(function, tasks)
            return answers + (tasks.support.y * torch.arange(tasks.support.y.shape[1])).sum()

    assert dependencies(Leaks(), PointClouds()) == Dependencies(True, False, True)


def test_measuring_leaves_the_tasks_alone():
    stored = PointClouds().sample(2, torch.Generator().manual_seed(0))
    before = stored.support.x.clone()

    class Stored:
        protocol = "two stored tasks"

        def sample(self, tasks, generator):
            return stored

    dependencies(NearestNeighbor(), Stored())
    assert not stored.support.x.requires_grad and not stored.query.x.requires_grad
    assert torch.equal(stored.support.x, before)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Dependencies(True, False, False), "depends on its own support set only"),
        (Dependencies(True, True, False), "transductive: depends on the other queries"),
        (Dependencies(True, True, True), "leaks: depends on other tasks and on the other queries"),
        (Dependencies(True, False, True), "leaks: depends on other tasks"),
        (Dependencies(False, False, False), "depends on no other example"),
        (Dependencies(False, False, False, known=False), "on what it depends is not known: the answer is NaN"),
    ],
)
def test_dependencies_in_words(found, words):
    assert str(found) == words


# --- instance_accuracy

# Labels of four episodes, support | query; every image of a class is the same, so that seeing one again is certain.
EPISODES = [
    ([0, 1, 2, 0], [1, 2, 0, 1, 2]),
    ([2, 1, 0, 0], [0, 0, 0, 1, 2]),
    ([1, 2, 0, 1], [1, 0, 1, 2, 0]),
    ([2, 0, 1, 2], [1, 0, 0, 1, 2]),
]


class Told:
    """The four episodes above, over and over; a label's image is another one in each episode."""

    protocol = "four episodes"

    def __init__(self):
        self.given = 0

    def sample(self, tasks, generator):
        stack = [EPISODES[(self.given + i) % 4] for i in range(tasks)]
        images = torch.stack([torch.eye(3).roll(self.given + i, 0) for i in range(tasks)])
        self.given += tasks
        support, query = (
            Examples(torch.stack([x[labels] for x, labels in zip(images, part, strict=True)]), torch.tensor(part))
            for part in zip(*stack, strict=True)
        )
        return Task(support, query, torch.arange(3).expand(tasks, 3))


class Recalls(Reader):
    """Answers the label that followed the same image, once it has come; and label 0 before."""

    def read(self, x, y_before):
        same = (x @ x.T > 0.5).tril(-1).to(x)
        return same[:, :-1] @ y_before[1:]


class Echoes(Reader):
    """Answers the label of the step before, and label 0 at the first."""

    def read(self, x, y_before):
        return y_before


def built(reader, length):
    reader = reader(3, 3)
    reader.length = length
    return reader


def by_loops(answers, length):
    """For every instance, the accuracy of each episode that has it: answers are `answers(labels so far)`."""
    of_instance = {}
    for support, query in EPISODES:
        labels, right = (support + query)[:length], {}
        for t, y in enumerate(labels):
            right.setdefault(labels[:t].count(y), []).append(answers(labels[:t], y) == y)
        for instance, answered in right.items():
            of_instance.setdefault(instance, []).append(sum(answered) / len(answered))
    return [of_instance[i] for i in range(len(of_instance))]


@pytest.mark.parametrize("length", [9, 6, 3, 1])
@pytest.mark.parametrize(
    ("reader", "answers"),
    [
        (Recalls, lambda before, y: y if y in before else 0),
        (Echoes, lambda before, y: before[-1] if before else 0),
    ],
)
def test_accuracy_by_instance_equals_loops_over_the_sequences(reader, answers, length):
    """An instance that fewer than half of the episodes have is left out, and so are all after it."""
    result = instance_accuracy(built(reader, length), Told(), episodes=4)
    expected = [each for each in by_loops(answers, length) if len(each) >= 2]
    assert result.mean == pytest.approx([statistics.mean(each) for each in expected])
    half_widths = [1.96 * statistics.stdev(each) / math.sqrt(len(each)) for each in expected]
    assert result.interval == pytest.approx(half_widths, abs=1e-6)
    assert result.chance == pytest.approx(1 / 3)


def test_who_recalls_guesses_at_the_first_instance_and_is_right_from_the_second_on():
    """Label 0 is right for one of three new classes. Four of a class come in two of four episodes, five in one."""
    assert instance_accuracy(built(Recalls, 9), Told(), episodes=4) == ([pytest.approx(1 / 3), 1, 1, 1], [0] * 4, 1 / 3)


def test_the_interval_of_instances_by_hand():
    """Of the first two images 1/2, 0, 0 and 1/2 are right: mean 1/4, deviation 1 / sqrt(12)."""
    mean, interval, _ = instance_accuracy(built(Recalls, 2), Told(), episodes=4)
    assert mean == [0.25] and interval == [pytest.approx(1.96 / math.sqrt(12) / 2)]


def test_instances_of_all_chunks_count(monkeypatch):
    results = []
    for chunk in (25, 3):
        monkeypatch.setattr(instances, "_EPISODES_AT_ONCE", chunk)
        results.append(instance_accuracy(built(Recalls, 2), Told(), episodes=8))
    assert results[0] == results[1]


def test_instances_are_judged_in_eval_mode_and_modes_and_random_numbers_stay():
    class Drops(Recalls):
        def read(self, x, y_before):
            modes.append(self.training)
            return super().read(x, y_before)

    modes, reader, before = [], built(Drops, 9).train(), torch.get_rng_state()
    instance_accuracy(reader, Told(), episodes=30)
    assert modes == [False, False] and reader.training and torch.equal(torch.get_rng_state(), before)


def test_instance_accuracy_needs_a_reader_and_two_episodes():
    with pytest.raises(TypeError, match="follows a Reader along a sequence; NearestNeighbor is none"):
        instance_accuracy(NearestNeighbor(), PointClouds())
    with pytest.raises(ValueError, match="episodes=1; expected at least 2, a whole number"):
        instance_accuracy(LSTMReader(4, 3), PointClouds(), episodes=1)


class InOrder:
    """Nothing to read: x is 0. Labels come in an order that tells them to who knows it."""

    protocol = "in order"

    def __init__(self, kind, ways=3, shots=4):
        self.kind, self.ways, self.shots = kind, ways, shots

    def sample(self, tasks, generator):
        first = torch.rand(tasks, self.ways, generator=generator).argsort(1) if self.kind == "blocks" else None
        classes = torch.arange(self.ways).repeat(tasks, 1) if first is None else first
        sets = []
        for n in (self.shots, 2):
            y = classes.repeat_interleave(n, 1) if self.kind != "round" else classes.repeat(1, n)
            sets.append(Examples(torch.zeros(tasks, n * self.ways, 3), y))
        return Task(*sets, classes)


class Counts(Reader):
    """Answers from the place in the sequence alone, as an LSTM learns to: the next label after so many of one kind."""

    def __init__(self, answers):
        super().__init__(3, 3)
        self.answers, self.length = answers, 18

    def read(self, x, y_before):
        if self.answers == "the last again":
            return y_before
        labels = {"class after class": [0] * 4 + [1] * 4 + [2] * 4 + [0, 0, 1, 1, 2, 2], "round": [0, 1, 2] * 6}
        return F.one_hot(torch.tensor(labels[self.answers]), 3).to(x)


@pytest.mark.parametrize(
    ("kind", "answers"), [("sorted", "class after class"), ("round", "round"), ("blocks", "the last again")]
)
def test_labels_in_order_give_a_reader_nothing(kind, answers):
    """By the place alone one is right every time, or nearly; shuffled, one time in three. A label of 4 among 12 comes
    again at once 3 times in 11: the last label is no better than that.
    """
    result = instance_accuracy(Counts(answers), InOrder(kind), episodes=600)
    right = 3 / 11 if answers == "the last again" else 1 / 3
    assert sum(result.mean) / len(result.mean) == pytest.approx(right, abs=0.06)
    assert result == instance_accuracy(Counts(answers), InOrder(kind), episodes=600)


@pytest.mark.parametrize("length", [15, 6])
def test_shuffling_keeps_every_example_with_its_label_and_the_support_set_first(length):
    stack = PointClouds(ways=3, shots=4, queries=2).sample(7, torch.Generator().manual_seed(0))
    assert instances._in_order(stack)
    mixed = instances._shuffled(stack, torch.Generator().manual_seed(0))
    for before, after in zip(stack[:2], mixed[:2], strict=True):
        for i in range(7):
            pairs = ({(*x.tolist(), y.item()) for x, y in zip(e.x[i], e.y[i], strict=True)} for e in (before, after))
            assert len(set(map(frozenset, pairs))) == 1
    assert not instances._in_order(mixed)


def test_episodes_that_are_shuffled_already_are_left_as_they_are():
    assert not instances._in_order(Told().sample(4, None))
