"""Truncated backpropagation, evolution strategies and PES against closed forms and against each other."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import (
    MAML,
    PES,
    SGD,
    Backpropagation,
    EvolutionStrategies,
    LSTMOptimizer,
    Momentum,
    Sinusoids,
    TrainedBy,
    Truncated,
    TruncatedES,
    check_meta_learner,
    meta_train,
    mlp,
)
from metalearn_course.tasks.task import Examples, Task

PHI, T = 0.3, 6


class Drift(nn.Module):
    """theta <- theta + phi: after t steps theta is t phi, whatever the gradient says."""

    def __init__(self):
        super().__init__()
        self.phi = nn.Parameter(torch.tensor(PHI, dtype=torch.float64))

    def init(self, params):
        return ()

    def update(self, params, grads, state, loss):
        return {name: p + self.phi for name, p in params.items()}, state


class DriftInMemory(Drift):
    """The same, where what accumulates is the rule's state."""

    def init(self, params):
        return {name: torch.zeros_like(p) for name, p in params.items()}

    def update(self, params, grads, state, loss):
        state = {name: s + self.phi for name, s in state.items()}
        return {name: s + 0 * params[name] for name, s in state.items()}, state


def one_weight():
    learner = nn.Linear(1, 1, bias=False).double()
    nn.init.zeros_(learner.weight)
    return learner


def squared(tasks=1):
    """The loss of theta is theta^2."""
    one, zero = torch.ones(tasks, 1, 1, dtype=torch.float64), torch.zeros(tasks, 1, 1, dtype=torch.float64)
    examples = Examples(one, zero)
    return Task(examples, examples, torch.empty(tasks, 0, dtype=torch.int64))


class Always:
    """A distribution over tasks that has one."""

    protocol = "theta squared"

    def sample(self, tasks, generator):
        return squared(tasks)


def drifting(rule=None, **options):
    return TrainedBy(one_weight(), rule or Drift(), T, loss=F.mse_loss, fresh_start=False, **options)


def one_training(estimator, meta_learner, tasks):
    """The sum of the gradients of all segments of one training."""
    phi = {name: p for name, p in meta_learner.named_parameters() if p.requires_grad}
    truncation = getattr(estimator, "truncation", None) or meta_learner.steps
    s, total = estimator.init(meta_learner, tasks), None
    for _ in range(math.ceil(meta_learner.steps / truncation)):
        grads, _, s = estimator.step(meta_learner, phi, tasks, s)
        total = grads if total is None else {name: g + grads[name] for name, g in total.items()}
    return total


EXACT = sum(2 * t**2 * PHI for t in range(1, T + 1)) / T  # of the mean over t of (t phi)^2


def truncated_by_hand(truncation):
    """Where theta = t phi = (constant) + (steps since the cut) phi."""
    return sum(2 * t * PHI * ((t - 1) % truncation + 1) for t in range(1, T + 1)) / T


def test_backpropagation_through_a_training_is_exact():
    torch.testing.assert_close(one_training(Backpropagation(), drifting(), squared())["rule.phi"].item(), EXACT)


@pytest.mark.parametrize("rule", [Drift, DriftInMemory])
@pytest.mark.parametrize("truncation", [1, 2, 3, 4, 6])
def test_truncation_cuts_what_earlier_steps_did(rule, truncation):
    """Through the parameters and through the state; with 4 of 6 steps the last segment is shorter."""
    gradient = one_training(Truncated(truncation), drifting(rule()), squared())["rule.phi"].item()
    torch.testing.assert_close(gradient, truncated_by_hand(truncation))


def small_network(rule=None, **options):
    torch.manual_seed(0)
    return TrainedBy(mlp(1, 4, 1), rule or LearnedMomentum(), 6, loss=F.mse_loss, **options).double()


class LearnedMomentum(nn.Module):
    def __init__(self):
        super().__init__()
        self.lr, self.beta = nn.Parameter(torch.tensor(0.05)), nn.Parameter(torch.tensor(0.7))

    def init(self, params):
        return Momentum(self.lr, self.beta).init(params)

    def update(self, params, grads, state, loss):
        return Momentum(self.lr, self.beta).update(params, grads, state, loss)


def waves(tasks=3):
    sampled = Sinusoids(shots=4, queries=3).sample(tasks, torch.Generator().manual_seed(0))
    support, query = (Examples(e.x.double(), e.y.double()) for e in sampled[:2])
    return sampled._replace(support=support, query=query)


@pytest.mark.parametrize("meta_loss", ["sum", "final"])
def test_a_truncation_as_long_as_the_horizon_is_the_whole(meta_loss):
    meta_learner = small_network(meta_loss=meta_loss, fresh_start=False)
    whole = one_training(Backpropagation(), meta_learner, waves())
    torch.testing.assert_close(one_training(Truncated(6), meta_learner, waves()), whole)


@pytest.mark.parametrize("batch", [None, 2])
def test_the_meta_gradient_equals_finite_differences_with_the_switch_off(batch):
    """Constant inner gradients make it another number: the switch does something."""
    exact, cut = (small_network(first_order=f, fresh_start=False, batch=batch) for f in (False, True))
    grads, shortcut = (one_training(Backpropagation(), m, waves()) for m in (exact, cut))
    for name, p in exact.named_parameters():
        if p.requires_grad:
            sides = []
            for side in (1e-6, -1e-6):
                phi = {name: p.detach() + side}
                sides.append(torch.func.functional_call(exact, phi, (waves(),)).mean().item())
            difference = (sides[0] - sides[1]) / 2e-6
            torch.testing.assert_close(grads[name].item(), difference, rtol=1e-6, atol=1e-9)
            assert abs(shortcut[name].item() - difference) > 1e-3 * abs(difference)


def interval(estimates):
    return estimates.mean().item(), 1.96 * estimates.std().item() / math.sqrt(len(estimates))


def many(estimator, repeats=40):
    torch.manual_seed(0)
    meta_learner = drifting()
    return torch.stack([one_training(estimator, meta_learner, squared())["rule.phi"] for _ in range(repeats)])


@pytest.mark.parametrize("estimator", [EvolutionStrategies(0.1, 500), PES(2, 0.1, 500), PES(4, 0.1, 500)])
def test_unbiased_on_a_quadratic(estimator):
    """The meta-loss is quadratic in phi, so smoothing leaves its gradient as it is."""
    mean, half = interval(many(estimator))
    assert abs(mean - EXACT) < 1.5 * half and half < 0.05 * EXACT


def test_truncated_es_is_biased_as_truncated_backpropagation_is():
    mean, half = interval(many(TruncatedES(2, 0.1, 500)))
    assert abs(mean - truncated_by_hand(2)) < 1.5 * half
    assert EXACT - mean > 10 * half


def test_antithetic_pairs_are_exact_on_a_line():
    """L = phi . a: the estimate is the mean of z (z . a), and its exact value is known from the same z."""

    class Line(TrainedBy):
        def forward(self, tasks):
            return (3 * self.rule.phi).expand(2)

    line = Line(one_weight(), Drift(), T, fresh_start=False)
    torch.manual_seed(3)
    (gradient,) = one_training(EvolutionStrategies(0.05, 1000), line, squared()).values()
    torch.manual_seed(3)
    z = torch.randn(1000)
    torch.testing.assert_close(gradient.item(), 3 * z.square().mean().item(), rtol=1e-5, atol=0)


def test_evolution_strategies_take_any_meta_learner():
    """On a smooth meta-loss and with a small sigma they point where backpropagation points."""
    torch.manual_seed(0)
    maml = MAML(mlp(1, 4, 1), lr=0.05, loss=F.mse_loss).double()
    exact = torch.cat([g.flatten() for g in one_training_of(maml, Backpropagation())])
    estimate = torch.cat([g.flatten() for g in one_training_of(maml, EvolutionStrategies(1e-3, 4000))])
    assert F.cosine_similarity(exact, estimate, dim=0) > 0.99
    torch.testing.assert_close(estimate.norm(), exact.norm(), rtol=0.1, atol=0)


def one_training_of(meta_learner, estimator):
    phi = dict(meta_learner.named_parameters())
    return estimator.step(meta_learner, phi, waves(), estimator.init(meta_learner, waves()))[0].values()


@pytest.mark.parametrize("estimator", [Truncated(2), TruncatedES(2, 0.01, 3), PES(2, 0.01, 3)])
def test_resumed_within_a_training_bit_for_bit(estimator, tmp_path):
    """Two of three segments, then the rest from the file: particles, rule state and sums are in it."""
    phi = []
    for stops in ((5,), (2, 5)):
        meta_learner = small_network().float()
        for steps in stops:
            meta_train(
                meta_learner,
                Sinusoids(),
                steps,
                meta_batch=2,
                estimator=estimator,
                checkpoint=tmp_path / f"{len(stops)}.pt",
                progress=False,
            )
        phi.append([p.clone() for p in meta_learner.parameters()])
    for one, two in zip(*phi, strict=True):
        assert torch.equal(one, two)


def test_a_checkpoint_of_another_truncation_is_refused(tmp_path):
    options = {"meta_batch": 2, "checkpoint": tmp_path / "c.pt", "progress": False}
    meta_train(small_network().float(), Sinusoids(), 1, estimator=Truncated(2), **options)
    with pytest.raises(ValueError, match=r"Truncated\(truncation=2\)"):
        meta_train(small_network().float(), Sinusoids(), 2, estimator=Truncated(3), **options)


def test_training_by_truncated_backpropagation_learns_a_rate():
    """Of one weight on theta^2: the best single step is rate 1/2."""

    class Rate(Drift):
        def update(self, params, grads, state, loss):
            return SGD(self.phi).update(params, grads, state, loss)

    learner = one_weight()
    nn.init.ones_(learner.weight)
    meta_learner = TrainedBy(learner, Rate(), 4, loss=F.mse_loss, fresh_start=False)
    meta_train(meta_learner, Always(), 400, lr=0.01, meta_batch=1, estimator=Truncated(2), progress=False)
    assert meta_learner.rule.phi.item() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Truncated(0), "truncation=0; expected at least 1"),
        (lambda: PES(0), "truncation=0; expected at least 1"),
        (lambda: EvolutionStrategies(sigma=0), "sigma=0; perturbations need a size above 0"),
        (lambda: EvolutionStrategies(pairs=0), "pairs=0; expected at least 1"),
        (lambda: one_training(Truncated(7), drifting(), squared()), "longer than the horizon, steps=6"),
        (lambda: one_training(PES(7), drifting(), squared()), "longer than the horizon, steps=6"),
        (lambda: drifting().by(Drift(), steps=0), "a training needs a horizon of at least 1"),
        (lambda: drifting().by(Drift(), meta_loss="mean"), 'choose "sum" or "final"'),
        (lambda: drifting().by(Drift(), batch=2)(squared()), "the support set has 1 examples. Lower batch"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value) and "\n" not in str(error.value)


def test_what_has_no_segments_is_refused_by_name():
    maml = MAML(mlp(1, 4, 1), loss=F.mse_loss).double()
    with pytest.raises(TypeError, match="Truncated cuts a training into segments; MAML has none"):
        Truncated(2).init(maml, waves())


class Explodes(Drift):
    """Multiplies the weight by 1e3 from step 2 on where the support label says so."""

    def update(self, params, grads, state, loss):
        jump = torch.where(loss > 0.5, 1e30, 0.0)
        return {name: p + self.phi + jump * grads[name] for name, p in params.items()}, state


@pytest.mark.parametrize("estimator", [Backpropagation(), Truncated(3), PES(3, 0.01, 4)])
def test_a_divergent_optimizee_is_counted_and_leaves_no_nan(estimator, capsys):
    meta_learner = drifting(Explodes(), first_order=False)
    meta_train(meta_learner, Always(), 6, meta_batch=2, estimator=estimator, progress=False)
    assert meta_learner.rule.phi.isfinite() and meta_learner.diverged > 0
    assert "trainings diverged and were stopped, the earliest at inner step" in capsys.readouterr().out


def test_with_a_fixed_start_it_is_a_meta_learner_like_any_other(capsys):
    check_meta_learner(lambda: TrainedBy(mlp(4, 5, 3), LSTMOptimizer(), 3, fresh_start=False, first_order=False))
    assert capsys.readouterr().out == "TrainedBy passes check_meta_learner ✓\n"


@pytest.mark.parametrize("estimator", [EvolutionStrategies(0.01, 3), TruncatedES(2, 0.01, 3), PES(2, 0.01, 3)])
def test_both_of_a_pair_begin_from_the_same_fresh_weights(estimator):
    """A rule that does nothing: without a common start the losses of a pair would differ, and the estimate not be 0."""

    class Rests(Drift):
        def update(self, params, grads, state, loss):
            return {name: p + 0 * self.phi for name, p in params.items()}, state

    torch.manual_seed(0)
    gradient = one_training(estimator, TrainedBy(mlp(1, 4, 1), Rests(), 6, loss=F.mse_loss).double(), waves())
    assert gradient["rule.phi"].item() == 0


def test_random_scaling_measures_each_weight_in_a_unit_of_its_own():
    """theta = c theta': the loss is the same, gradient descent moves theta' by c times as much, theta by c^2."""
    plain, scaled = (small_network(SGD(0.01), scaling=s, fresh_start=False) for s in (0.0, 1.5))
    tasks, start = waves(), dict(plain.learner.named_parameters())
    torch.manual_seed(0)
    runs = scaled.begin(tasks)
    for name, p in start.items():
        torch.testing.assert_close(runs.params[name] * runs.scales[name], p.expand_as(runs.scales[name]))
        assert (runs.scales[name].log().abs() <= 1.5).all() and runs.scales[name].log().std() > 0.3
    _, after = scaled.segment(runs, tasks, 0, 1)
    _, unscaled = plain.segment(plain.begin(tasks), tasks, 0, 1)
    for name, p in start.items():
        moved = after.params[name] * after.scales[name] - p
        torch.testing.assert_close(moved, runs.scales[name] ** 2 * (unscaled.params[name] - p))
    torch.testing.assert_close(scaled.adapt(one(tasks)), plain.adapt(one(tasks)))  # in use there is no scaling


def one(tasks):
    return Examples(tasks.support.x[0], tasks.support.y[0])
