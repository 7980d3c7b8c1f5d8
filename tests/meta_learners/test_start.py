"""Methods that learn a start: MAML, MAML++, zero head, ANIL, NIL, Reptile, implicit MAML.

The referees are finite differences, closed forms, torch.optim on a copy, dense linear algebra, and, where they are
installed, `higher` and TorchOpt.
"""

import copy
import math
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from metalearn_course import (
    ANIL,
    MAML,
    NIL,
    Adam,
    Examples,
    ImplicitMAML,
    MAMLPlusPlus,
    Matching,
    Reptile,
    Sinusoids,
    Task,
    ZeroHeadMAML,
    compare,
    conv4,
    evaluate,
    linear,
    meta_train,
    mlp,
    mse,
)
from metalearn_course.evaluation import predictions
from metalearn_course.meta_learners.implicit_maml import conjugate_gradient
from metalearn_course.tasks.point_clouds import PointClouds
from metalearn_course.tasks.task import one_task
from tests.helpers.gradients import flat, gradient
from tests.helpers.nets import net, wave_net
from tests.helpers.tasks import clusters64 as clusters
from tests.helpers.tasks import waves64 as waves


def by_torch_optim(learner, support, steps, loss=F.cross_entropy, only="", make=torch.optim.SGD, **options):
    """A copy of `learner`, trained on the support set; `only` the parameters whose names begin so."""
    learner = copy.deepcopy(learner)
    optimizer = make([p for name, p in learner.named_parameters() if name.startswith(only)], **options)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(learner(support.x), support.y).backward()
        optimizer.step()
    return learner


# --- what all of them have


def test_evaluate_adapts_though_it_runs_under_no_grad():
    maml, tasks = MAML(mlp(1, 8, 1), steps=3, lr=0.05, loss=F.mse_loss), Sinusoids(shots=5)
    result = evaluate(maml, tasks, metric=mse, episodes=4, seed=1)
    batch = tasks.sample(4, torch.Generator().manual_seed(1))
    for i, score in enumerate(result.per_task):
        (support, query, _) = one_task(batch, i)
        adapted = by_torch_optim(maml.learner, support, 3, F.mse_loss, lr=0.05)
        torch.testing.assert_close(score, F.mse_loss(adapted(query.x), query.y))


@pytest.mark.parametrize("method", [MAML, MAMLPlusPlus, ANIL, Reptile, ImplicitMAML, ZeroHeadMAML])
def test_without_a_step_the_start_itself_answers(method):
    learner, stack = net(), clusters()
    adapted = method(learner, steps=0).double()
    if method is ZeroHeadMAML:
        nn.init.zeros_(learner[-1].weight)
        nn.init.zeros_(learner[-1].bias)
    torch.testing.assert_close(predictions(adapted, stack), learner(stack.query.x.flatten(0, 1)).unflatten(0, (3, -1)))
    assert adapted(stack).isfinite().all()


@pytest.mark.parametrize("method", [MAML, MAMLPlusPlus, Reptile, ImplicitMAML, ZeroHeadMAML])
def test_running_statistics_are_refused_by_name(method):
    learner = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))
    with pytest.raises(TypeError, match=r"^learner\.1 \(BatchNorm1d\) keeps running statistics"):
        method(learner, steps=1)(PointClouds().sample(2, torch.Generator()))
    assert learner[1].num_batches_tracked == 0


# --- meta-gradients against finite differences


def central_differences(meta_learner, tasks, step=1e-5):
    """Every entry of the meta-gradient from two values of the objective."""
    phi = {name: p.detach() for name, p in meta_learner.named_parameters()}

    def value(name, i, side):
        moved = phi[name].clone()
        moved.view(-1)[i] += side
        with torch.no_grad():
            return functional_call(meta_learner, phi | {name: moved}, (tasks,)).mean()

    return {
        name: torch.stack([(value(name, i, step) - value(name, i, -step)) / (2 * step) for i in range(p.numel())])
        for name, p in phi.items()
    }


EXACT = {
    "MAML, 1 step": lambda: MAML(wave_net(), steps=1, lr=0.05, loss=F.mse_loss),
    "MAML, 5 steps": lambda: MAML(wave_net(), steps=5, lr=0.05, loss=F.mse_loss),
    "MAML, 20 steps": lambda: MAML(wave_net(), steps=20, lr=0.05, loss=F.mse_loss),
    "MAML++": lambda: MAMLPlusPlus(wave_net(), steps=3, lr=0.05, loss=F.mse_loss, weights=[0.2, 0.3, 0.5]).double(),
    "ZeroHeadMAML": lambda: ZeroHeadMAML(wave_net(), steps=5, lr=0.05, loss=F.mse_loss),
    "ANIL": lambda: ANIL(wave_net(), steps=5, lr=0.05, loss=F.mse_loss),
    "ImplicitMAML": lambda: ImplicitMAML(wave_net(), 40, 0.05, F.mse_loss, proximal_weight=10.0, cg_steps=10),
}


@pytest.mark.parametrize("make", EXACT.values(), ids=EXACT)
def test_the_meta_gradient_equals_finite_differences(make):
    method, tasks = make(), waves()
    got, want = flat(gradient(method, tasks)), flat(central_differences(method, tasks))
    assert (got - want).norm() < 1e-5 * want.norm()


# --- MAML against other libraries


def one_by_one(stack, gradient_of_task):
    return sum(gradient_of_task(one_task(stack, i)) for i in range(len(stack.classes))) / len(stack.classes)


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("first_order", [False, True])
def test_maml_equals_higher(steps, first_order):
    higher = pytest.importorskip("higher", reason="higher is not installed")
    learner, stack = net(), clusters()

    def gradient_of_task(task):
        optimizer = torch.optim.SGD(learner.parameters(), lr=0.1)
        with higher.innerloop_ctx(learner, optimizer, copy_initial_weights=False, track_higher_grads=True) as (
            fast,
            inner,
        ):
            callback = (lambda grads: [g.detach() for g in grads]) if first_order else None
            for _ in range(steps):
                inner.step(F.cross_entropy(fast(task.support.x), task.support.y), grad_callback=callback)
            loss = F.cross_entropy(fast(task.query.x), task.query.y)
            return flat(torch.autograd.grad(loss, list(learner.parameters())))

    got = flat(gradient(MAML(learner, steps, lr=0.1, first_order=first_order), stack))
    torch.testing.assert_close(got, one_by_one(stack, gradient_of_task), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("steps", [1, 5])
def test_maml_equals_torchopt(steps):
    torchopt = pytest.importorskip("torchopt", reason="TorchOpt is not installed")
    learner, stack = net(), clusters()

    def gradient_of_task(task):
        inner, before = torchopt.MetaSGD(learner, lr=0.1), torchopt.extract_state_dict(learner)
        start = list(learner.parameters())
        for _ in range(steps):
            inner.step(F.cross_entropy(learner(task.support.x), task.support.y))
        grads = torch.autograd.grad(F.cross_entropy(learner(task.query.x), task.query.y), start)
        torchopt.recover_state_dict(learner, before)
        return flat(grads)

    want = one_by_one(stack, gradient_of_task)
    torch.testing.assert_close(flat(gradient(MAML(learner, steps, lr=0.1), stack)), want, rtol=1e-6, atol=1e-8)


# --- first order


def slope(predictions, y):
    """A loss without curvature."""
    return (predictions * y).mean()


@pytest.mark.parametrize(("loss", "equal"), [(slope, True), (F.mse_loss, False)])
def test_first_order_is_exact_where_the_support_loss_has_no_curvature(loss, equal):
    learner, tasks = linear(1, 1).double(), waves()
    full, first = (flat(gradient(MAML(learner, 4, 0.1, loss, first_order=f), tasks)) for f in (False, True))
    assert torch.allclose(full, first, rtol=1e-12) == equal


# --- MAML++


@pytest.mark.parametrize("first_order", [False, True])
def test_maml_plus_plus_with_equal_rates_and_all_weight_on_the_last_step_is_maml(first_order):
    learner, tasks = net(), clusters()
    maml = MAML(learner, 3, 0.125, first_order=first_order)
    plus = MAMLPlusPlus(learner, 3, 0.125, first_order=first_order, weights=[0.0, 0.0, 1.0]).double()
    torch.testing.assert_close(plus(tasks), maml(tasks), rtol=1e-12, atol=0)
    got = gradient(plus, tasks)
    assert got.pop("rates").norm() > 0
    torch.testing.assert_close(got, gradient(maml, tasks), rtol=1e-10, atol=1e-12)


def test_the_multi_step_loss_is_the_weighted_sum_of_mamls_with_one_two_three_steps():
    learner, tasks, weights = net(), clusters(), [0.5, 0.125, 0.375]
    plus = MAMLPlusPlus(learner, 3, 0.125, weights=weights).double()
    want = sum(w * MAML(learner, k + 1, 0.125)(tasks) for k, w in enumerate(weights))
    torch.testing.assert_close(plus(tasks), want, rtol=1e-12, atol=0)


def test_each_step_and_parameter_has_its_own_rate():
    """Two steps by hand on y = w x + b: the rates of step 0 and 1, weight and bias, are four different numbers."""
    plus, task = MAMLPlusPlus(nn.Linear(1, 1), 2, loss=F.mse_loss).double(), one_task(waves(), 0)
    with torch.no_grad():
        plus.rates.copy_(torch.tensor([[0.01, 0.2], [0.03, -0.1]]))
    w, b = (p.detach().squeeze() for p in plus.learner.parameters())
    x, y = (t.squeeze(1) for t in task.support)
    for rate_w, rate_b in plus.rates.tolist():
        error = w * x + b - y
        w, b = w - rate_w * 2 * (error * x).mean(), b - rate_b * 2 * error.mean()
    adapted = plus.adapt(task.support)
    torch.testing.assert_close(adapted["weight"].squeeze(), w)
    torch.testing.assert_close(adapted["bias"].squeeze(), b)


def test_steps_beyond_the_last_rate_use_it_again():
    plus, task = MAMLPlusPlus(net(), 1, 0.125).double(), one_task(clusters(), 0)
    plus.steps = 4
    torch.testing.assert_close(plus.adapt(task.support), MAML(plus.learner, 4, 0.125).adapt(task.support))


def test_a_wrong_number_of_weights_is_refused():
    with pytest.raises(ValueError, match="2 weights for steps=3; give 3, one for each inner step"):
        MAMLPlusPlus(net(), 3, weights=[0.5, 0.5])


# --- a head of zeros


def test_the_first_step_from_a_zero_head_is_a_prototype_classifier():
    """alpha / N * (c_k - c) . f: prototypes and their mean, and features at theta_0."""
    method, task = ZeroHeadMAML(net(), steps=1, lr=0.3), one_task(clusters(ways=3, shots=4), 0)
    body = method.learner[:-1]
    known, asked = body(task.support.x), body(task.query.x)
    prototypes = torch.stack([known[task.support.y == k].mean(0) for k in range(3)])
    logits = method.fit(task.support)(task.query.x)
    torch.testing.assert_close(logits, 0.3 / 3 * asked @ (prototypes - known.mean(0)).T)
    assert torch.equal(logits.argmax(1), (asked @ prototypes.T).argmax(1))
    adapted = method.adapt(task.support)
    for name, p in method.learner[:-1].named_parameters():
        assert torch.equal(adapted[name], p)


def test_from_the_second_step_on_the_body_moves_too():
    method, task = ZeroHeadMAML(net(), steps=2, lr=0.3), one_task(clusters(), 0)
    assert not torch.equal(method.adapt(task.support)["1.weight"], method.learner[1].weight)


def test_with_a_zero_head_permuted_labels_permute_the_answers_though_the_start_stays():
    method, task, order = ZeroHeadMAML(net(), steps=3, lr=0.3), one_task(clusters(), 0), torch.tensor([2, 0, 1])
    before = method.fit(task.support)(task.query.x)
    after = method.fit(Examples(task.support.x, order[task.support.y]))(task.query.x)
    torch.testing.assert_close(after[:, order], before)


# --- ANIL and NIL


def test_anil_moves_the_head_and_leaves_the_body():
    method, task = ANIL(net(), steps=5, lr=0.3), one_task(clusters(), 0)
    reference = by_torch_optim(method.learner, task.support, 5, only="3.", lr=0.3)
    adapted = method.adapt(Examples(method.embed(task.support.x), task.support.y))
    assert adapted.keys() == {"weight", "bias"}
    torch.testing.assert_close(adapted, dict(reference[-1].named_parameters()))
    torch.testing.assert_close(method.fit(task.support)(task.query.x), reference(task.query.x))


@pytest.mark.parametrize("first_order", [False, True])
def test_anil_is_maml_whose_body_has_rate_zero(first_order):
    """Its gradient reaches the body in the outer loop, through the features of support and query."""
    learner, tasks = net(), clusters()
    same = MAMLPlusPlus(learner, 4, 0.25, first_order=first_order, weights=[0.0, 0.0, 0.0, 1.0]).double()
    with torch.no_grad():
        same.rates[:, :2] = 0
    want = gradient(same, tasks)
    del want["rates"]
    got = gradient(ANIL(learner, 4, 0.25, first_order=first_order), tasks)
    assert got["learner.1.weight"].norm() > 0
    torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-12)


def test_anil_takes_images_and_running_statistics_in_its_body():
    method = ANIL(conv4(2, width=8, norm="running"), lr=0.1)
    images, y = Examples(torch.rand(2, 4, 1, 28, 28), torch.tensor([[0, 1, 0, 1]] * 2)), torch.tensor([[4, 5]] * 2)
    assert method(Task(images, images, y)).isfinite().all()


@pytest.mark.parametrize("method", [ANIL, ZeroHeadMAML, lambda learner, head: NIL(MAML(learner), head)])
def test_a_head_that_does_not_exist_is_refused_with_those_that_do(method):
    with pytest.raises(ValueError, match=r"head='fc' is no linear layer of the learner; it has '1', '3'\.$"):
        method(net(), head="fc")
    with pytest.raises(ValueError, match="The learner Flatten has no linear layer that could be its head"):
        method(nn.Flatten(), head=None)


def test_a_head_that_is_not_the_end_is_refused():
    with pytest.raises(ValueError, match="head='1' is not what the learner ends with; something follows it"):
        ANIL(net(), head="1")(clusters())
    with pytest.raises(ValueError, match="head='0' is not what the learner ends with"):
        NIL(MAML(nn.Sequential(nn.Linear(4, 3), nn.Softmax(-1))))(PointClouds().sample(2, torch.Generator()))


def test_a_learner_may_be_a_head_and_nothing_else():
    learner, task = nn.Linear(4, 3).double(), one_task(clusters(), 0)
    answers = [m.fit(task.support)(task.query.x) for m in (ANIL(learner, 2, 0.1), MAML(learner, 2, 0.1))]
    torch.testing.assert_close(*answers)


def test_nil_weights_the_support_labels_by_the_cosines_of_features():
    trained, task = MAML(net()), one_task(clusters(), 0)
    known, asked = (trained.learner[:-1](e.x) for e in task[:2])
    weights = (10 * F.cosine_similarity(asked[:, None], known, dim=-1)).softmax(-1)
    want = torch.stack([weights[:, task.support.y == k].sum(1) for k in range(3)], 1)
    torch.testing.assert_close(NIL(trained).fit(task.support)(task.query.x).softmax(-1), want)
    torch.testing.assert_close(
        NIL(trained).fit(task.support)(task.query.x), Matching(trained.learner[:-1]).fit(task.support)(task.query.x)
    )


def test_nil_is_ready_for_the_table_and_stays_as_it_was_made():
    trained, tasks = ANIL(mlp(4, 8, 3), lr=0.1), PointClouds()
    meta_train(trained, tasks, 2, progress=False)
    without_head = NIL(trained)
    rows = compare({"ANIL": trained, "NIL": without_head}, tasks, episodes=20)
    assert rows[1].seconds == trained.trained_seconds and rows[1].result.mean > 0.5
    before = evaluate(without_head, tasks, episodes=20).per_task
    meta_train(trained, tasks, 20, lr=0.1, progress=False)
    assert torch.equal(evaluate(without_head, tasks, episodes=20).per_task, before)
    with pytest.raises(ValueError, match="NIL has no parameters to meta-train"):
        meta_train(without_head, tasks, 1)


# --- Reptile


@pytest.mark.parametrize(
    ("rule", "optimizer", "options"),
    [
        (None, torch.optim.SGD, {"lr": 0.1}),
        (Adam(0.01, beta1=0.0, epsilon=0.0), torch.optim.Adam, {"lr": 0.01, "betas": (0.0, 0.999), "eps": 0.0}),
    ],
)
def test_reptiles_gradient_is_the_start_minus_where_training_ends(rule, optimizer, options):
    method, stack = Reptile(net(), steps=4, lr=0.1, rule=rule), clusters()
    want = 0
    for i in range(3):
        end = by_torch_optim(method.learner, one_task(stack, i).support, 4, make=optimizer, **options)
        apart = flat(list(method.learner.parameters())) - flat(list(end.parameters()))
        torch.testing.assert_close(method(stack)[i], apart.square().sum() / 2, rtol=1e-6, atol=0)
        want = want + apart.detach() / 3
    torch.testing.assert_close(flat(gradient(method, stack)), want, rtol=1e-6, atol=1e-9)


def test_reptile_with_one_step_is_joint_training():
    """theta_0 - theta_1 = lr * gradient: the direction of one learner on all support sets at once."""
    method, stack = Reptile(net(), steps=1, lr=0.3), clusters()
    x, y = stack.support.x.flatten(0, 1), stack.support.y.flatten()
    joint = torch.autograd.grad(F.cross_entropy(method.learner(x), y), list(method.learner.parameters()))
    torch.testing.assert_close(flat(gradient(method, stack)), 0.3 * flat(joint))


def test_reptile_does_not_look_at_the_query_set():
    method, stack = Reptile(net(), steps=3, lr=0.1), clusters()
    other = stack._replace(query=Examples(-stack.query.x, stack.query.y.flip(1)))
    assert torch.equal(method(stack), method(other))


def test_reptiles_batches_are_drawn_anew_from_its_own_support_set_in_training_only():
    method, task = Reptile(net(), steps=2, lr=0.1, batch=2), one_task(clusters(), 0)
    rows = [tuple(row) for row in task.support.x.tolist()]
    drawn = [method.batch_of(task.support) for _ in range(60)]
    for x, y in drawn:
        places = [rows.index(tuple(row)) for row in x.tolist()]
        assert len(set(places)) == 2 and torch.equal(y, task.support.y[places])
    assert len({tuple(map(tuple, x.tolist())) for x, _ in drawn}) > 10
    assert method.eval().batch_of(task.support) is task.support


def test_each_task_draws_its_own_batches():
    stack = clusters()
    twice = Task(*(Examples(e.x[[0, 0]], e.y[[0, 0]]) for e in stack[:2]), stack.classes[[0, 0]])
    method = Reptile(net(), steps=2, lr=0.1, batch=2)
    first, second = method(twice)
    assert first != second
    torch.testing.assert_close(*method.eval()(twice))


def test_a_batch_of_the_whole_support_set_is_the_support_set():
    stack = clusters()
    whole, drawn = Reptile(net(), 3, 0.1), Reptile(net(), 3, 0.1, batch=6)
    drawn.load_state_dict(whole.state_dict())
    torch.testing.assert_close(drawn(stack), whole(stack))


def test_after_training_reptile_adapts_as_maml_does():
    method, task = Reptile(net(), steps=4, lr=0.1, batch=2), one_task(clusters(), 0)
    want = MAML(method.learner, steps=4, lr=0.1).fit(task.support)(task.query.x)
    torch.testing.assert_close(method.fit(task.support)(task.query.x), want)


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match=r"batch=0; expected at least 1, a whole number\. Change batch"):
        Reptile(net(), batch=0)


def test_a_checkpoint_with_another_inner_rule_is_refused(tmp_path):
    makes = [lambda b=b: Reptile(mlp(4, 3), rule=Adam(0.01, beta1=b)) for b in (0.0, 0.9)]
    meta_train(makes[0](), PointClouds(), 1, checkpoint=tmp_path / "run.pt", progress=False)
    with pytest.raises(ValueError, match=r"rule = 'Adam\(lr=0.01, beta1=0.0.*this run has 'Adam\(lr=0.01, beta1=0.9"):
        meta_train(makes[1](), PointClouds(), 2, checkpoint=tmp_path / "run.pt", progress=False)


# --- implicit MAML


def with_ones(x):
    return torch.cat([x, torch.ones_like(x[:, :1])], 1)


def implicit_closed_form(learner, stack, weight):
    """Linear regression: theta* = (H + lambda)^-1 (H theta_S + lambda theta_0), and the mean of (I + H/lambda)^-1 g."""
    start = torch.cat([learner[-1].weight[0], learner[-1].bias]).detach()
    grads, losses = [], []
    for i in range(len(stack.classes)):
        (x_s, y_s), (x_q, y_q), _ = one_task(stack, i)
        a, b = with_ones(x_s), with_ones(x_q)
        hessian = 2 / len(a) * a.T @ a
        identity = torch.eye(len(start), dtype=start.dtype)
        theta = torch.linalg.solve(hessian + weight * identity, 2 / len(a) * a.T @ y_s[:, 0] + weight * start)
        g = 2 / len(b) * b.T @ (b @ theta - y_q[:, 0])
        grads.append(torch.linalg.solve(identity + hessian / weight, g))
        losses.append((b @ theta - y_q[:, 0]).square().mean())
    return torch.stack(grads).mean(0), torch.stack(losses)


def test_implicit_maml_approaches_the_exact_meta_gradient_as_its_inner_solver_converges():
    learner, stack, errors = linear(1, 1).double(), waves(), []
    want, want_losses = implicit_closed_form(learner, stack, weight=2.0)
    for steps in (1, 10, 40, 400):
        method = ImplicitMAML(learner, steps, 0.05, F.mse_loss, proximal_weight=2.0, cg_steps=2)
        errors.append(((flat(gradient(method, stack)) - want).norm() / want.norm()).item())
    assert errors == sorted(errors, reverse=True) and errors[0] > 0.01 and errors[-1] < 1e-10
    torch.testing.assert_close(method(stack), want_losses, rtol=1e-10, atol=1e-10)


def test_at_the_minimum_the_implicit_gradient_is_the_one_through_all_the_steps():
    """Backpropagation through the same inner loop, whose path must not matter once it has converged."""
    learner, stack = wave_net(), waves()
    method = ImplicitMAML(learner, 100, 0.05, F.mse_loss, proximal_weight=10.0, cg_steps=20)

    class ThroughThePath(ImplicitMAML):
        forward, objective = MAML.forward, MAML.objective

    through = ThroughThePath(learner, 100, 0.05, F.mse_loss, proximal_weight=10.0)
    torch.testing.assert_close(flat(gradient(method, stack)), flat(gradient(through, stack)), rtol=1e-6, atol=1e-8)


def spd(size, seed=0):
    a = torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return a @ a.T + torch.eye(size, dtype=torch.float64)


@pytest.mark.parametrize("steps", [6, 50])
def test_conjugate_gradient_solves_in_as_many_steps_as_there_are_unknowns_and_stays_there(steps):
    a, b = spd(6), torch.arange(6.0, dtype=torch.float64)

    def times(v):
        image = a @ torch.cat([v["p"], v["q"]])
        return {"p": image[:2], "q": image[2:]}

    x = conjugate_gradient(times, {"p": b[:2], "q": b[2:]}, steps)
    torch.testing.assert_close(flat(x), torch.linalg.solve(a, b), rtol=1e-8, atol=1e-10)


def test_conjugate_gradient_of_nothing_is_nothing():
    x = conjugate_gradient(lambda v: {"p": spd(3) @ v["p"]}, {"p": torch.zeros(3, dtype=torch.float64)}, 4)
    assert x["p"].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("diagonal", "b", "x"),
    [([1, -1], [1, 2], [0, 0]), ([1, -1], [2, 1], [10 / 3, 5 / 3]), ([3, 1, -1], [1, 1, 1], [1, 1, 1])],
)
def test_conjugate_gradient_stops_for_good_where_the_matrix_is_not_positive_definite(diagonal, b, x):
    """By hand: no step; one of length 5 / 3; one of length 1, though what is left then would curve upwards again."""
    a, b = torch.tensor(diagonal), torch.tensor(b, dtype=torch.float64)
    got = conjugate_gradient(lambda v: {"p": a * v["p"]}, {"p": b}, 5)["p"]
    assert got.tolist() == pytest.approx(x)


def dense_system(method, task):
    """I + H/lambda and g of one task from torch.func.hessian, at the adapted weights."""
    adapted = {name: p.detach() for name, p in method.adapt(task.support).items()}
    shapes = {name: p.shape for name, p in adapted.items()}

    def loss(vector, examples):
        parts = vector.split([math.prod(s) for s in shapes.values()])
        params = {name: part.view(s) for (name, s), part in zip(shapes.items(), parts, strict=True)}
        return method.loss(functional_call(method.learner, params, (examples.x,)), examples.y)

    vector = flat(adapted)
    hessian = torch.func.hessian(loss)(vector, task.support)
    return torch.eye(len(vector), dtype=vector.dtype) + hessian / method.proximal_weight, torch.func.grad(loss)(
        vector, task.query
    )


def test_the_residual_is_that_of_dense_algebra():
    method, stack = ImplicitMAML(net(), 20, 0.1, proximal_weight=0.5, cg_steps=2), clusters()
    residuals = method.residuals(stack)
    assert residuals.shape == (3,) and residuals.max() > 0.01
    for i, residual in enumerate(residuals):
        task = one_task(stack, i)
        matrix, g = dense_system(method, task)
        loss = method.objective(task)
        v = flat(torch.autograd.grad(loss, list(method.parameters())))
        torch.testing.assert_close(residual, (g - matrix @ v).norm() / g.norm(), rtol=1e-6, atol=1e-10)


def test_meta_train_says_when_conjugate_gradient_has_not_converged_by_how_much_and_what_to_do(capsys):
    class Once:
        protocol = "one stack of clusters"

        def sample(self, tasks, generator):
            return clusters(tasks)

    method = ImplicitMAML(net(), 5, 0.1, proximal_weight=0.01, cg_steps=1)
    meta_train(method, Once(), 1, meta_batch=3, lr=1e-12, progress=False)
    worst = method.residuals(clusters()).max().item()
    assert worst > 0.1
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"ImplicitMAML: conjugate gradient has not converged: its relative residual is up to {worst:.2g}. "
        f"Raise proximal_weight=0.01 or cg_steps=1."
    ]
    meta_train(ImplicitMAML(net(), 5, 0.1, proximal_weight=10.0, cg_steps=20), Once(), 1, progress=False)
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_lambda_below_the_lowest_eigenvalue_is_found_out():
    """A loss that curves downwards by 1 in one of two directions: I + H/lambda is definite from lambda > 1 on only."""

    def saddle(predictions, y):
        return (predictions[0, 0].square() - predictions[0, 1].square()) / 2 + predictions.sum()

    x = torch.ones(1, 1, 1, dtype=torch.float64)
    task = Task(Examples(x, x), Examples(x, x), torch.empty(1, 0, dtype=torch.int64))
    learner = nn.Linear(1, 2, bias=False).double()
    for proximal_weight, definite in ((2.0, True), (0.9, False)):
        method = ImplicitMAML(learner, 1, 0.1, saddle, proximal_weight=proximal_weight, cg_steps=2)
        matrix, _ = dense_system(method, one_task(task, 0))
        assert bool((torch.linalg.eigvalsh(matrix) > 0).all()) == definite
        assert (method.remark(task) == "") == definite


@pytest.mark.parametrize("options", [{"proximal_weight": 0.0}, {"proximal_weight": -1.0}, {"cg_steps": 0}])
def test_no_proximal_weight_and_no_steps_are_refused(options):
    [(name, value)] = options.items()
    with pytest.raises(ValueError, match=rf"{name}={value}; expected (a number between 0 and inf|at least 1)"):
        ImplicitMAML(net(), **options)


# --- what must not be trained on


class Loud:
    """Sinusoids; in one step, of three tasks, the waves of one are `times` as high. A look at two tasks is no step."""

    protocol = "sinusoids, one of them loud"

    def __init__(self, step, task, times):
        self.step, self.task, self.times, self.drawn = step, task, times, 0

    def sample(self, tasks, generator):
        stack = Sinusoids().sample(tasks, generator)
        if tasks == 3 and self.drawn == self.step:
            stack.support.y[self.task] *= self.times
        self.drawn += tasks == 3
        return stack


def train(method, tasks, steps):
    return meta_train(method, tasks, steps, meta_batch=3, progress=False)


@pytest.mark.parametrize("method", [MAML, MAMLPlusPlus, Reptile, ImplicitMAML, ZeroHeadMAML])
def test_a_diverging_inner_loop_is_named_by_task_and_inner_step_and_not_trained_on(method):
    learner = mlp(1, 8, 1)
    ours, twin = (method(copy.deepcopy(learner), steps=6, lr=0.05, loss=F.mse_loss) for _ in range(2))
    with pytest.raises(FloatingPointError) as caught:
        train(ours, Loud(2, task=1, times=100), 10)
    train(twin, Loud(2, task=1, times=1), 2)
    for p, q in zip(ours.parameters(), twin.parameters(), strict=True):
        assert torch.equal(p, q)
    found = re.search(
        r"step 2, from task 1 of the batch, whose support loss is (\w+) after (\d) of 6 inner steps", str(caught.value)
    )
    assert found and found[1] in ("inf", "nan") and "\n" not in str(caught.value)
    if method is MAML:
        tasks, generator = Loud(2, task=1, times=100), torch.Generator().manual_seed(0)
        for _ in range(3):
            support = one_task(tasks.sample(3, generator), 1).support
        losses = []
        for steps in range(7):
            adapted = by_torch_optim(twin.learner, support, steps, F.mse_loss, lr=0.05)
            losses.append(F.mse_loss(adapted(support.x), support.y).item())
        first = next(k for k, loss in enumerate(losses) if not math.isfinite(loss))
        assert (found[1], int(found[2])) == (str(losses[first]), first) and first > 1


def test_a_query_set_that_is_not_finite_blames_no_inner_step():
    class Spoiled(Loud):
        def sample(self, tasks, generator):
            stack = Sinusoids().sample(tasks, generator)
            stack.query.y[2:] = torch.nan
            return stack

    with pytest.raises(FloatingPointError, match=r"from task 2 of the batch\. The parameters"):
        train(MAML(mlp(1, 8, 1), loss=F.mse_loss), Spoiled(0, 0, 1), 1)


class Detached(MAML):
    """The mistake: the parameters are detached, where the inner gradient should be."""

    def start(self):
        return {name: p.detach() for name, p in super().start().items()}


class Unrecorded(MAML):
    """The mistake: the inner loop is run under no_grad."""

    def adapt(self, support):
        with torch.no_grad():
            return super().adapt(support)


@pytest.mark.parametrize("method", [Detached, Unrecorded])
def test_an_objective_without_a_gradient_is_refused_in_a_line(method):
    ours = method(mlp(1, 8, 1), lr=0.05, loss=F.mse_loss)
    before = copy.deepcopy(ours)
    message = rf"^{method.__name__}: no gradient reaches phi, so nothing is learned\. .* inner gradients only\.$"
    with pytest.raises(RuntimeError, match=message):
        train(ours, Sinusoids(), 3)
    assert all(torch.equal(p, q) for p, q in zip(ours.parameters(), before.parameters(), strict=True))


def test_a_gradient_that_reaches_something_else_only_is_refused_too():
    class Elsewhere(MAML):
        other = torch.ones((), requires_grad=True)

        def objective(self, task):
            return self.other * super().objective(task).detach()

    with pytest.raises(RuntimeError, match="Elsewhere: no gradient reaches phi"):
        train(Elsewhere(mlp(1, 1), loss=F.mse_loss), Sinusoids(), 1)


def test_meta_training_under_no_grad_is_refused_in_a_line():
    with torch.no_grad(), pytest.raises(RuntimeError, match="MAML: no gradient reaches phi"):
        train(MAML(mlp(1, 1), loss=F.mse_loss), Sinusoids(), 1)
