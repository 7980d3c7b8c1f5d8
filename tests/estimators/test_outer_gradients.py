"""Truncated backpropagation, evolution strategies and PES against closed forms and against each other."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import vmap

from metalearn_course import (
    MAML,
    PES,
    SGD,
    Backpropagation,
    EvolutionStrategies,
    LearnedRate,
    MetaLearner,
    MetaLSTMGates,
    MLPOptimizer,
    Quadratics,
    Sinusoids,
    TrainedBy,
    Truncated,
    TruncatedES,
    meta_train,
    mlp,
)
from metalearn_course.meta_learners import segments
from metalearn_course.tasks import summed_squares
from metalearn_course.tasks.task import Examples, Task, one_task
from metalearn_course.training.diagnosis import divergence_line
from tests.helpers.tasks import waves64
from tests.helpers.trainings import (
    PHI,
    Always,
    Drift,
    LearnedMomentum,
    T,
    drifting,
    interval,
    one_training,
    one_weight,
    phi_of,
    small_network,
    squared,
    truncated_by_hand,
)


def waves(tasks=3):
    return waves64(tasks, shots=4, queries=3)


class DriftInMemory(Drift):
    """The same, where what accumulates is the rule's state."""

    def init(self, params):
        return {name: torch.zeros_like(p) for name, p in params.items()}

    def update(self, params, grads, state, loss):
        state = {name: s + self.phi for name, s in state.items()}
        return {name: s + 0 * params[name] for name, s in state.items()}, state


@pytest.mark.parametrize("rule", [Drift, DriftInMemory])
@pytest.mark.parametrize("truncation", [1, 2, 3, 4, 6])
def test_truncation_cuts_what_earlier_steps_did(rule, truncation):
    """Through the parameters and through the state; with 4 of 6 steps the last segment is shorter."""
    gradient = one_training(Truncated(truncation), drifting(rule()), squared())["rule.phi"].item()
    torch.testing.assert_close(gradient, truncated_by_hand(truncation))


@pytest.mark.parametrize("meta_loss", ["mean", "last"])
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


def test_antithetic_pairs_are_exact_on_a_line():
    """L = phi . a: the estimate is the mean of z (z . a), and its exact value is known from the same z."""

    class Line(MetaLearner):
        def __init__(self):
            super().__init__()
            self.phi = nn.Parameter(torch.tensor(PHI, dtype=torch.float64))

        def objective(self, task):
            return 3 * self.phi

    line = Line()
    line.steps = 1
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
    meta_train(meta_learner, Always(), 150, lr=0.02, meta_batch=1, estimator=Truncated(2), progress=False)
    assert meta_learner.rule.phi.item() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Truncated(0), "truncation=0; expected at least 1"),
        (lambda: Truncated(1.5), "truncation=1.5; expected at least 1, a whole number"),
        (lambda: EvolutionStrategies(sigma=math.inf), "sigma=inf; expected a number between 0 and inf"),
        (lambda: drifting(scaling=-1.0), "scaling=-1.0; expected a number of at least 0. Change scaling."),
        (lambda: drifting(scaling=math.nan), "scaling=nan; expected a number of at least 0. Change scaling."),
        (lambda: drifting().by(Drift(), steps=2.5), "steps=2.5; expected at least 1, a whole number"),
        (lambda: PES(0), "truncation=0; expected at least 1"),
        (lambda: EvolutionStrategies(sigma=0), "sigma=0; expected a number between 0 and inf"),
        (lambda: EvolutionStrategies(pairs=0), "pairs=0; expected at least 1"),
        (lambda: one_training(Truncated(7), drifting(), squared()), "longer than the horizon, steps=6"),
        (lambda: one_training(PES(7), drifting(), squared()), "longer than the horizon, steps=6"),
        (lambda: drifting().by(Drift(), steps=0), "steps=0; expected at least 1, a whole number"),
        (lambda: drifting().by(Drift(), meta_loss="sum"), 'choose "mean" or "last"'),
        (lambda: drifting().by(Drift(), batch=2)(squared()), "the support set has 1 examples. Lower batch"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value) and "\n" not in str(error.value)


def test_what_is_no_rule_is_refused_by_name():
    for rule in (0.1, SGD):
        with pytest.raises(TypeError, match="is no update rule; expected one such as SGD"):
            drifting(rule)


def test_what_has_no_segments_is_refused_by_name():
    maml = MAML(mlp(1, 4, 1), loss=F.mse_loss).double()
    with pytest.raises(TypeError, match="Truncated cuts a training into segments; MAML has none"):
        Truncated(2).init(maml, waves())


FINAL = T * 2 * T * PHI  # the gradient of (T phi)^2 where all T steps are seen; K of them in a segment: 2 T PHI K


@pytest.mark.parametrize(("truncation", "seen"), [(2, 2), (4, 2), (6, 6)])
def test_by_the_final_loss_only_the_last_segment_has_a_gradient(truncation, seen):
    """With 4 of 6 steps the last segment has 2."""
    meta_learner = drifting(meta_loss="last")
    gradient = one_training(Truncated(truncation), meta_learner, squared())["rule.phi"].item()
    torch.testing.assert_close(gradient, FINAL * seen / T)
    _, losses, _ = Truncated(6).step(meta_learner, phi_of(meta_learner), squared(), ())
    torch.testing.assert_close(losses.item(), (T * PHI) ** 2)  # what is reported is what is minimized


def test_pes_is_unbiased_for_the_final_loss():
    torch.manual_seed(0)
    meta_learner, estimator = drifting(meta_loss="last"), PES(4, 0.1, 500)
    each = [one_training(estimator, meta_learner, squared())["rule.phi"] for _ in range(40)]
    mean, half = interval(torch.stack(each))
    assert abs(mean - FINAL) < 1.5 * half and half < 0.05 * FINAL


@pytest.mark.parametrize("trainings", [1, 2, 5])
def test_the_sum_of_perturbations_begins_again_with_every_training(trainings):
    """After its 3 segments its standard deviation is sigma times the root of 3, in whichever training."""
    torch.manual_seed(0)
    meta_learner, estimator = drifting(), PES(2, 0.1, 5000)
    s, phi = estimator.init(meta_learner, squared()), phi_of(meta_learner)
    for _ in range(3 * trainings):
        _, _, s = estimator.step(meta_learner, phi, squared(), s)
    assert s.accumulated["rule.phi"].std().item() == pytest.approx(0.1 * math.sqrt(3), rel=0.05)


def test_mini_batches_go_on_across_segments():
    meta_learner = small_network(SGD(0.05), batch=2, fresh_start=False)
    runs, tasks = segments.begin(meta_learner, waves()), waves()
    whole, _ = segments.segment(meta_learner, runs, tasks, 0, 5)
    first, runs = segments.segment(meta_learner, runs, tasks, 0, 3)
    second, _ = segments.segment(meta_learner, runs, tasks, 3, 2)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)


class StartsAtPhi(Drift):
    """What accumulates begins at phi itself: theta is (1 + t) phi after t steps."""

    def init(self, params):
        return {name: torch.zeros_like(p) + self.phi for name, p in params.items()}

    def update(self, params, grads, state, loss):
        state = {name: s + self.phi for name, s in state.items()}
        return {name: s + 0 * params[name] for name, s in state.items()}, state


@pytest.mark.parametrize("estimator", [EvolutionStrategies(0.1, 2000), TruncatedES(6, 0.1, 2000), PES(2, 0.1, 2000)])
def test_evolution_strategies_see_a_rule_that_begins_at_its_phi(estimator):
    torch.manual_seed(0)
    exact = sum(2 * (1 + t) ** 2 * PHI for t in range(1, T + 1)) / T
    each = [one_training(estimator, drifting(StartsAtPhi()), squared())["rule.phi"] for _ in range(20)]
    mean, half = interval(torch.stack(each))
    assert abs(mean - exact) < 1.5 * half and half < 0.05 * exact


def test_truncation_begins_at_the_phi_it_is_given():
    meta_learner = drifting(StartsAtPhi())
    phi = {"rule.phi": torch.tensor(0.5, dtype=torch.float64, requires_grad=True)}
    grads, losses, _ = Truncated(1).step(meta_learner, phi, squared(), ())
    torch.testing.assert_close((losses.item(), grads["rule.phi"].item()), (1.0, 2 * 1 * 2 / T))


class Explodes(Drift):
    """Throws the weight far away at the step after its loss went over 0.3: at theta = 0.6, after two steps of 0.3."""

    def update(self, params, grads, state, loss):
        jump = torch.where(loss > 0.3, 1e30, 0.0)
        return {name: p + self.phi + jump * grads[name] for name, p in params.items()}, state


@pytest.mark.parametrize(
    "estimator",
    [Backpropagation(), Truncated(3), EvolutionStrategies(0.01, 4), TruncatedES(3, 0.01, 4), PES(3, 0.01, 4)],
)
def test_a_divergent_optimizee_is_counted_and_leaves_no_nan(estimator, capsys):
    meta_learner = drifting(Explodes(), first_order=False)
    history = meta_train(meta_learner, Always(), 6, meta_batch=2, estimator=estimator, progress=False)
    assert meta_learner.rule.phi.isfinite() and history.diverged > 0
    assert "trainings diverged and were stopped, the earliest at inner step 2" in capsys.readouterr().out


@pytest.mark.parametrize("first_order", [True, False])
@pytest.mark.parametrize("estimator", [Backpropagation(), Truncated(2)])
def test_a_loss_that_overflows_leaves_the_gradient_of_the_others(estimator, first_order):
    """Of two trainings one has a loss of e^theta that becomes infinite, and with it every derivative of it."""

    def exponential(prediction, y):
        return (prediction.exp() - y).square().mean()

    def gradient(start):
        learner = nn.Linear(1, 1, bias=False).double()
        nn.init.constant_(learner.weight, 1.0)
        trained_by = TrainedBy(learner, LearnedRate(0.01), 6, None, exponential, first_order, fresh_start=False)
        x = torch.tensor(start, dtype=torch.float64)[:, None, None]
        both = Examples(x, torch.ones_like(x))
        tasks = Task(both, both, torch.empty(len(start), 0, dtype=torch.int64))
        return one_training(estimator, trained_by.double(), tasks)["rule.log_lr"]

    assert gradient([0.5, 400.0]).isfinite()
    torch.testing.assert_close(gradient([0.5, 400.0]), gradient([0.5]) / 2)


def test_trainings_that_diverge_are_counted_once():
    """Each diverges in its third step: in the second segment of two steps."""
    counts = []
    for estimator in (Backpropagation(), Truncated(6), Truncated(2), EvolutionStrategies(1e-9, 2), PES(2, 1e-9, 2)):
        meta_learner = drifting(ExplodesOnce(), first_order=False)
        phi, s = phi_of(meta_learner), ()
        for _ in range(estimator.period(meta_learner)):
            _, _, s = estimator.step(meta_learner, phi, squared(), s)
        counts.append(int(estimator.divergences(s).stopped))
        assert estimator.divergences(s).earliest == 2
    assert counts == [1, 1, 1, 4, 4]  # of evolution strategies two pairs


@pytest.mark.parametrize("estimator", [EvolutionStrategies(0.1, 1), TruncatedES(2, 0.1, 1), PES(2, 0.1, 1)])
def test_trainings_of_many_phi_may_be_vmapped_what_diverges_included(estimator):
    """As one by one with the same random numbers; the last phi leads beyond every bound."""
    meta_learner = drifting(first_order=False)

    def estimated(phi):
        torch.manual_seed(0)
        s, total = (), 0.0
        for _ in range(estimator.period(meta_learner)):
            grads, _, s = estimator.step(meta_learner, {"rule.phi": phi}, squared(), s)
            total = total + grads["rule.phi"]
        return total, *estimator.divergences(s)

    phis = torch.tensor([0.1, -0.7, 4e3], dtype=torch.float64)
    at_once, singly = vmap(estimated, randomness="same")(phis), [estimated(phi) for phi in phis]
    for found, expected in zip(at_once, zip(*singly, strict=True), strict=True):
        torch.testing.assert_close(found, torch.stack(expected))
    assert at_once[1].tolist() == [0, 0, 2] and at_once[2].tolist() == [-1, -1, 2]


def test_losses_at_their_bound_are_remarked_on():
    meta_learner = drifting()
    tasks = squared()
    tasks.query.y.add_(1e4)
    _, _, s = Truncated(2).step(meta_learner, phi_of(meta_learner), tasks, ())
    said = divergence_line(Truncated(2).divergences(s))
    assert said == "losses above 1,000,000 counted as 1,000,000; if that is common, change their unit"


class ExplodesOnce(Drift):
    """At its third step; what it would do afterwards is harmless."""

    def init(self, params):
        return torch.zeros(())

    def update(self, params, grads, state, loss):
        jump = torch.where(state == 2, 1e30, 0.0)
        return {name: p + self.phi + jump for name, p in params.items()}, state + 1


def test_a_stopped_training_stays_where_it_was_and_has_no_gradient():
    """theta is 0.3, 0.6, and 0.6 for good: nothing of later losses runs back."""
    meta_learner = drifting(ExplodesOnce(), first_order=False)
    losses, runs = segments.segment(meta_learner, segments.begin(meta_learner, squared()), squared(), 0, T)
    torch.testing.assert_close(losses[0].detach(), torch.tensor([0.09, *[0.36] * 5], dtype=torch.float64))
    assert runs.state.stopped.tolist() == [2]
    gradient = one_training(Backpropagation(), meta_learner, squared())["rule.phi"].item()
    torch.testing.assert_close(gradient, (2 * PHI + 2 * 4 * PHI) / T)


def test_what_a_rule_makes_of_a_huge_gradient_does_not_run_back():
    """Its square overflows: on the way back infinity times zero would be NaN."""

    class Squares(Drift):
        def update(self, params, grads, state, loss):
            return {name: p + self.phi * (1 + grads[name].square()) for name, p in params.items()}, state

    def steep(prediction, y):
        return 1e200 * F.mse_loss(prediction, y)

    meta_learner = TrainedBy(one_weight(), Squares(), T, loss=steep, fresh_start=False)
    losses, runs = segments.segment(meta_learner, segments.begin(meta_learner, squared()), squared(), 0, T)
    assert runs.state.stopped.tolist() == [1] and runs.params["weight"].item() == PHI and losses.max() == 1e6
    assert one_training(Backpropagation(), meta_learner, squared())["rule.phi"].item() == 0


@pytest.mark.parametrize("estimator", [Backpropagation(), Truncated(5), EvolutionStrategies(0.01, 4), PES(5, 0.01, 4)])
@pytest.mark.parametrize("rule", [lambda: MLPOptimizer(lr=30.0), lambda: MetaLSTMGates(input_bias=4.0)])
def test_a_gradient_too_large_to_square_does_not_end_meta_training(estimator, rule, capsys):
    """Three layers and steps of 30: losses of 1e20 and gradients whose square no float32 can hold."""
    torch.manual_seed(0)
    meta_learner = TrainedBy(mlp(1, 40, 40, 40, 1), rule(), 10, loss=F.mse_loss)
    history = meta_train(meta_learner, Sinusoids(), 3, meta_batch=4, estimator=estimator, progress=False)
    assert all(p.isfinite().all() for p in meta_learner.parameters())
    assert history.diverged > 0 and max(history.losses) <= 1e6


def test_the_objective_of_one_task_is_what_is_minimized():
    for meta_loss in ("mean", "last"):
        meta_learner = small_network(meta_loss=meta_loss, fresh_start=False)
        one_by_one = [meta_learner.objective(one_task(waves(), i)) for i in range(3)]
        torch.testing.assert_close(meta_learner(waves()), torch.stack(one_by_one))


def test_images_in_bytes_are_trained_on_like_the_same_numbers_in_float():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x):
            return self.layer(x.float())

    x, y = torch.arange(24, dtype=torch.uint8).reshape(1, 6, 4) % 5, torch.tensor([[0, 1, 0, 1, 1, 0]])
    losses = []
    for kind in (torch.uint8, torch.float32):
        torch.manual_seed(0)
        task = Task(Examples(x.to(kind), y), Examples(x.to(kind), y), torch.tensor([[0, 1]]))
        meta_learner = TrainedBy(Reads(), SGD(0.1), 5, fresh_start=False)
        losses.append(segments.segment(meta_learner, segments.begin(meta_learner, task), task, 0, 5)[0])
    assert torch.equal(*losses) and losses[0][0, -1] < losses[0][0, 0]


def test_running_statistics_are_refused_by_name_and_dropout_is_drawn():
    learner = nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    with pytest.raises(TypeError, match="keeps running statistics, which belong to no single"):
        TrainedBy(learner, SGD(0.01), 3, loss=F.mse_loss).double()(waves())
    learner = nn.Sequential(nn.Linear(1, 4), nn.Dropout(0.5), nn.Linear(4, 1))
    for estimator in (Backpropagation(), PES(2, 0.01, 3)):
        dropped = TrainedBy(learner, LearnedMomentum(), 4, loss=F.mse_loss).double()
        assert one_training(estimator, dropped, waves())["rule.lr"].isfinite()


def test_noise_is_not_the_problems_over_again():
    """One seed for the problems and for everything else must not mean one stream of numbers."""
    drawn = {}

    class Spy(EvolutionStrategies):
        def step(self, meta_learner, phi, tasks, s):
            drawn.setdefault("W", tasks.support.x.flatten()[:16].clone())
            drawn.setdefault("z", torch.randn(16))
            return super().step(meta_learner, phi, tasks, s)

    torch.manual_seed(0)
    meta_learner = TrainedBy(nn.Linear(10, 1, bias=False), LearnedMomentum(), 2, loss=summed_squares)
    meta_train(meta_learner, Quadratics(), 1, meta_batch=4, estimator=Spy(0.01, 2), seed=0, progress=False)
    assert not drawn["W"].eq(drawn["z"]).any()


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
    runs = segments.begin(scaled, tasks)
    for name, p in start.items():
        torch.testing.assert_close(runs.params[name] * runs.scales[name], p.expand_as(runs.scales[name]))
        assert (runs.scales[name].log().abs() <= 1.5).all() and runs.scales[name].log().std() > 0.3
    _, after = segments.segment(scaled, runs, tasks, 0, 1)
    _, unscaled = segments.segment(plain, segments.begin(plain, tasks), tasks, 0, 1)
    for name, p in start.items():
        moved = after.params[name] * after.scales[name] - p
        torch.testing.assert_close(moved, runs.scales[name] ** 2 * (unscaled.params[name] - p))
    support = one_task(tasks, 0).support
    torch.testing.assert_close(scaled.adapt(support), plain.adapt(support))  # in use there is no scaling
