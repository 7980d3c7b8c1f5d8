"""What torch cannot do inside an inner loop is done another way, or said in a line."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import (
    ANIL,
    MAML,
    SNAIL,
    Backpropagation,
    CoordinateRates,
    Examples,
    LearnedRate,
    Prototypical,
    Task,
    TrainedBy,
    Truncated,
    compare,
    conv4,
    conv_strided,
    evaluate,
    meta_train,
    mlp,
    mse,
)
from metalearn_course.tasks import Sinusoids
from metalearn_course.tasks.point_clouds import PointClouds
from metalearn_course.tasks.task import one_task
from tests.helpers.tasks import clusters, clusters64, one


class Sequences(nn.Module):
    """A point as a sequence of four numbers, read by `core`."""

    def __init__(self, core: nn.Module, read) -> None:
        super().__init__()
        self.up, self.core, self.answer, self.read = nn.Linear(1, 8), core, nn.Linear(8, 3), read

    def forward(self, x):
        return self.answer(self.read(self.core, self.up(x[..., None])).mean(1))


CORES = {
    "encoder": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation="gelu", batch_first=True),
        lambda core, h: core(h),
    ),
    "attention": (lambda: nn.MultiheadAttention(8, 2, batch_first=True), lambda core, h: core(h, h, h)[0]),
    "layer norm": (lambda: nn.LayerNorm(8), lambda core, h: core(h).tanh()),
    "batch norm": (
        lambda: nn.BatchNorm1d(8, track_running_stats=False),
        lambda core, h: core(h.transpose(1, 2)).transpose(1, 2).tanh(),
    ),
    "instance norm": (
        lambda: nn.InstanceNorm1d(8, affine=True),
        lambda core, h: core(h.transpose(1, 2)).transpose(1, 2).tanh(),
    ),
    "GRU": (lambda: nn.GRU(8, 8, batch_first=True), lambda core, h: core(h)[0]),
    "LSTM": (lambda: nn.LSTM(8, 8, batch_first=True), lambda core, h: core(h)[0]),
    "LSTMCell": (lambda: nn.LSTMCell(8, 8), lambda core, h: core(h[:, 0])[0][:, None]),
}


EXACT = {"first_order": False, "fresh_start": False}


@pytest.mark.parametrize("core", CORES)
def test_maml_of_what_torch_fuses_has_the_gradient_of_finite_differences_and_trains(core):
    torch.manual_seed(0)
    make, read = CORES[core]
    method, stack = MAML(Sequences(make(), read).double(), steps=1, lr=0.5), clusters64(2)
    losses = method(stack)
    grads = torch.autograd.grad(losses.sum(), [*method.parameters()])
    directions = [torch.randn_like(p) for p in method.parameters()]
    slope = sum((g * d).sum() for g, d in zip(grads, directions, strict=True))
    sides = []
    for side in (1e-6, -2e-6):
        with torch.no_grad():
            for p, d in zip(method.parameters(), directions, strict=True):
                p.add_(side * d)
        sides.append(method(stack).sum().item())
    assert slope.item() == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-4)
    method = method.float()
    assert torch.tensor(meta_train(method, PointClouds(), 2, meta_batch=2, progress=False).losses).isfinite().all()
    assert 0 <= evaluate(method, PointClouds(), episodes=3).mean <= 1


def slope_of(trainer, stack, phi, directions, estimate):
    """The slope of the mean objective along directions: by an estimator's gradient, and by central differences."""
    grads, _, _ = estimate.step(trainer, phi, stack, ())
    slope = sum((grads[k] * directions[k]).sum() for k in phi)
    sides = []
    for side in (1e-6, -2e-6):
        with torch.no_grad():
            for k, p in phi.items():
                p.add_(side * directions[k])
            sides.append(trainer(stack).mean().item())
    return slope.item(), (sides[0] - sides[1]) / 2e-6


@pytest.mark.parametrize("estimate", [Backpropagation(), Truncated(3)])
@pytest.mark.parametrize("core", ["layer norm", "batch norm", "instance norm"])
def test_the_gradient_to_a_rule_of_learners_with_norms_is_that_of_finite_differences(core, estimate):
    torch.manual_seed(0)
    make, read = CORES[core]
    learner = Sequences(make(), read).double()
    trainer = TrainedBy(learner, CoordinateRates(dict(learner.named_parameters()), 0.4), 3, **EXACT).double()
    phi = dict(trainer.named_parameters())
    phi = {name: p for name, p in phi.items() if p.requires_grad}
    directions = {name: torch.randn_like(p) for name, p in phi.items()}
    by_gradient, by_difference = slope_of(trainer, clusters64(3), phi, directions, estimate)
    assert trainer.one_by_one and by_gradient == pytest.approx(by_difference, rel=1e-5)


@pytest.mark.parametrize("core", ["layer norm", "batch norm"])
def test_with_constants_for_gradients_norms_are_right_under_vmap(core):
    """The same gradients as in a loop, so that nothing is lost by going fast."""
    torch.manual_seed(0)
    make, read = CORES[core]
    learner = Sequences(make(), read).double()
    trainer = TrainedBy(learner, LearnedRate(0.4), 3, fresh_start=False).double()
    assert not trainer.one_by_one
    phi = {name: p for name, p in trainer.named_parameters() if p.requires_grad}
    found = []
    for trainer.one_by_one in (False, True):
        grads, losses, _ = Backpropagation().step(trainer, phi, clusters64(3), ())
        found.append((grads, losses))
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-12)


def test_trainings_one_by_one_end_as_under_vmap():
    """Of a learner that torch differentiates rightly in both: losses, where one diverged, and the gradient."""
    torch.manual_seed(0)
    trainer = TrainedBy(mlp(4, 6, 3).double(), LearnedRate(0.4), 4, first_order=False, fresh_start=False).double()
    phi, stack = {name: p for name, p in trainer.named_parameters() if p.requires_grad}, clusters64(3)
    stack.support.x[1] *= 1e9  # the second training diverges
    found = []
    for trainer.one_by_one in (False, True):
        grads, losses, s = Backpropagation().step(trainer, phi, stack, ())
        found.append((grads, losses, s.stopped, trainer.outcomes(stack)))
    assert found[0][2] == 1
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-12)


def test_the_switches_for_fused_kernels_are_put_back():
    switches = [
        torch.backends.mha.get_fastpath_enabled,
        lambda: torch.backends.mkldnn.set_flags()[0],
        torch.backends.cuda.flash_sdp_enabled,
    ]
    before = [switch() for switch in switches]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with MAML(nn.Sequential(nn.LSTMCell(4, 3))).at_work(3):
            assert [switch() for switch in switches] == [False, False, False]
    assert [switch() for switch in switches] == before == [True, True, True]


def test_the_switches_are_put_back_by_the_last_of_several_threads():
    """A enters, B enters, A leaves, B leaves: what B found is not what was."""
    first, second = (MAML(nn.Sequential(nn.LSTMCell(4, 3))).at_work(3) for _ in range(2))
    switches = torch.backends.mha.get_fastpath_enabled, torch.backends.cuda.flash_sdp_enabled
    with ThreadPoolExecutor(1) as other:
        first.__enter__()
        other.submit(second.__enter__).result()
        first.__exit__(None, None, None)
        assert [switch() for switch in switches] == [False, False]  # the other is still at work
        other.submit(second.__exit__, None, None, None).result()
    assert [switch() for switch in switches] == [True, True]


def test_a_recurrent_learner_of_trained_by_is_named():
    learner = Sequences(nn.GRU(8, 8, batch_first=True), CORES["GRU"][1])
    with pytest.raises(
        RuntimeError, match=r"^learner\.core \(nn\.GRU\) does not run under vmap: .* write the steps out"
    ) as e:
        meta_train(TrainedBy(learner, LearnedRate(), 2), PointClouds(), 1, progress=False)
    assert "\n" not in str(e.value)


class Tokens:
    """Three words of four tokens, a class each; the query set is the support set."""

    protocol = "tokens"

    def sample(self, tasks, generator):
        x, y = torch.randint(0, 10, (tasks, 3, 4), generator=generator), torch.arange(3).repeat(tasks, 1)
        return Task(Examples(x, y), Examples(x, y), y)


@pytest.mark.parametrize("make", [lambda net: MAML(net(3), lr=0.5), lambda net: Prototypical(net(8))])
def test_token_ids_are_evaluated_and_their_dependencies_measured(make):
    torch.manual_seed(0)
    net = lambda outputs: nn.Sequential(nn.Embedding(10, 8), nn.Flatten(), nn.Linear(32, outputs))  # noqa: E731
    method = make(net)
    result = evaluate(method, Tokens(), episodes=4)
    by_hand = []
    stack = Tokens().sample(4, torch.Generator().manual_seed(1))
    for i in range(4):
        task = one_task(stack, i)
        by_hand.append((method.fit(task.support)(task.query.x).argmax(-1) == task.query.y).float().mean())
    torch.testing.assert_close(result.per_task, torch.stack(by_hand))
    assert str(result.dependencies) == "depends on its own support set only"


@pytest.mark.parametrize("make", [lambda: MAML(mlp(4, 8, 3), steps=2, lr=0.5), lambda: Prototypical(mlp(4, 8))])
def test_inference_mode_gives_the_same_numbers(make):
    method, task = make(), one()
    answers, result = method.fit(task.support)(task.query.x), evaluate(method, PointClouds(), episodes=3)
    with torch.inference_mode():
        support = Examples(task.support.x.clone(), task.support.y.clone())
        inside, again = method.fit(support)(task.query.x), evaluate(method, PointClouds(), episodes=3)
    torch.testing.assert_close(inside.clone(), answers.detach())
    assert again.per_task.tolist() == result.per_task.tolist() and again.dependencies == result.dependencies


def test_over_tasks_gives_dicts_and_traces_one_by_one_as_under_vmap():
    stack, method = clusters(), MAML(mlp(4, 3), steps=2, lr=0.5)
    found = {}
    for method.one_by_one in (True, False):
        found[method.one_by_one] = (
            method.over_tasks(lambda task: method.adapt(task.support), stack),
            method.over_tasks(lambda task: method.trace(task.support), stack),
            method.over_tasks(lambda task: {"a": (task.query.x.sum(), [task.classes])}, stack),
        )
    assert type(found[True][1]) is type(found[False][1]) and len(found[True][1].steps) == 2
    torch.testing.assert_close(*(torch.utils._pytree.tree_leaves(found[key]) for key in (True, False)))
    images = Examples(torch.rand(2, 3, 1, 28, 28), torch.arange(3).repeat(2, 1))
    conv = MAML(conv4(3, width=8), lr=0.1)
    adapted = conv.over_tasks(lambda task: conv.adapt(task.support), Task(images, images, images.y))
    assert {name: p.shape for name, p in adapted.items()} == {k: (2, *p.shape) for k, p in conv.start().items()}


@pytest.mark.parametrize("steps", [0, 1])
@pytest.mark.parametrize("kind", [MAML, ANIL])
def test_more_classes_than_outputs_are_refused_in_a_line(kind, steps):
    method = kind(mlp(4, 8, 5), steps=steps)
    for call in (lambda m: evaluate(m, PointClouds(ways=7), episodes=2), lambda m: m(clusters(ways=7))):
        with pytest.raises(
            ValueError, match=rf"^{kind.__name__} has 5 outputs; the tasks have more classes\. Build it with"
        ):
            call(method)
    assert method(clusters(ways=3)).isfinite().all()  # fewer are welcome


def test_a_loss_of_ones_own_may_do_with_fewer_outputs():
    method = MAML(mlp(4, 1), loss=lambda out, y: F.mse_loss(out[:, 0], y.float()), lr=0.1)
    assert method(clusters(ways=4)).isfinite().all()


@pytest.mark.parametrize(
    ("width", "groups"), [(28, 2), (44, 4), (50, 5), (100, 10), (64, 8), (8, 1), (7, 1), (20, 2), (47, 1)]
)
def test_any_width_has_a_group_norm_of_equal_groups(width, groups):
    for network in (conv4(3, width=width), conv_strided(3, widths=(width, width))):
        norms = [m for m in network.modules() if isinstance(m, nn.GroupNorm)]
        assert {m.num_groups for m in norms} == {groups} and network(torch.rand(2, 1, 28, 28)).shape == (2, 3)


@pytest.mark.parametrize(("ways", "shots"), [(16, 1), (20, 1)])
def test_a_reader_whose_sequence_meets_no_class_twice_says_so(ways, shots):
    reader = SNAIL(4, ways, width=4)
    tasks = PointClouds(ways=ways, shots=shots, queries=1)
    line = rf"^SNAIL reads 15 examples of a task \(length=15\) with {ways} classes and meets none of them twice"
    with pytest.raises(ValueError, match=line):
        meta_train(reader, tasks, 1, progress=False)
    reader.length = 2 * ways
    assert len(meta_train(reader, tasks, 1, meta_batch=2, progress=False).losses) == 1


def test_compare_takes_a_metric_for_regression():
    methods = {f"{steps} steps": MAML(mlp(1, 8, 1), steps=steps, lr=0.1, loss=F.mse_loss) for steps in (3, 0)}
    rows = compare(methods, Sinusoids(), metric=mse, episodes=20)
    scores = {name: evaluate(m, Sinusoids(), metric=mse, episodes=20).per_task for name, m in methods.items()}
    assert [row.result.per_task.tolist() for row in rows] == [s.tolist() for s in scores.values()]
    assert rows[0].difference[0] == pytest.approx((scores["3 steps"] - scores["0 steps"]).mean().item(), rel=1e-5)
    with pytest.raises(TypeError, match=r"Evaluate with metric=mse"):
        compare(methods, Sinusoids(), episodes=2)
