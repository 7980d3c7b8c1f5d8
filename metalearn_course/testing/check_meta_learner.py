"""check_meta_learner: what must hold for every meta-learner, in the spirit of scikit-learn's check_estimator."""

from __future__ import annotations

import contextlib
import inspect
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from .._common.console import say
from ..estimators import Backpropagation
from ..evaluation import accuracy, evaluate, mse, predictions
from ..meta_learners.base import MetaLearner
from ..tasks.check import admit
from ..tasks.point_clouds import PointClouds
from ..tasks.sinusoids import Sinusoids
from ..tasks.task import Examples, Task, TaskDistribution, one_task
from ..training import meta_train
from ..update_rules import Params
from .checks import Check, CheckError, expect_equal, named

Make = Callable[[], MetaLearner]


@torch.random.fork_rng(devices=[])
def check_meta_learner(make: Make, tasks: TaskDistribution | None = None) -> None:
    """Test a meta-learner, made anew by calls of `make()`; raise CheckError with the first property it lacks.

    1. vmap over a stack equals a loop over its tasks.   2. `fit` on raw inputs equals the stack.
    3. The same seed gives the same result.              4. An answer does not depend on the order of the queries.
    5. The meta-gradient equals finite differences,      6. A resumed training continues bit for bit.
       unless `exact_gradient` is False.
    7. The order of the support set changes the answers if, and only if, `order_matters` says so.

    `meta_learner_checks` gives them one by one.

    Args:
        make: makes the meta-learner, the same whenever it is called after the same seed.
        tasks: whose inputs it takes; by default 3-way clusters of 4-dimensional points, or sinusoids for a meta-learner
            whose loss is F.mse_loss.

    Raises:
        CheckError: with the first property that it lacks.
    """
    for check in meta_learner_checks(make, tasks):
        check.run()
    say(f"{type(make()).__name__} passes check_meta_learner ✓")


@torch.random.fork_rng(devices=[])
def meta_learner_checks(make: Make, tasks: TaskDistribution | None = None) -> list[Check]:
    """The checks that concern this meta-learner, named, in the order of `check_meta_learner`.

    To make each of them a test of its own:

        @pytest.mark.parametrize("check", meta_learner_checks(make), ids=lambda check: check.name)
        def test_my_method(check):
            check.run()

    Args:
        make: as in `check_meta_learner`.
        tasks: as in `check_meta_learner`.

    Returns:
        A `Check` for each property.
    """
    torch.manual_seed(0)
    meta_learner = make()
    if tasks is None:
        tasks = Sinusoids(shots=5, queries=6) if _for_numbers(meta_learner) else PointClouds()
    admit(tasks)
    on_a_stack = [
        same_loss_whatever_is_drawn,
        vmap_equals_the_loop,
        fit_equals_the_stack,
        order_of_queries_does_not_matter,
        order_of_support_matters_as_declared,
    ]
    checks = [named(check, make, tasks) for check in [*on_a_stack, same_seed_same_result]]
    if any(p.requires_grad for p in meta_learner.parameters()):
        if meta_learner.exact_gradient:
            checks.append(named(meta_gradient_equals_finite_differences, make, tasks))
        checks.append(named(resumed_training_continues_bit_for_bit, make, tasks))
    return checks


def _for_numbers(meta_learner: MetaLearner) -> bool:
    return inspect.unwrap(meta_learner.loss) is F.mse_loss


def _made(make: Make, tasks: TaskDistribution) -> tuple[MetaLearner, Task]:
    """A meta-learner as it answers, and three tasks for it."""
    return make().eval(), tasks.sample(3, torch.Generator().manual_seed(0))


def same_loss_whatever_is_drawn(make: Make, tasks: TaskDistribution) -> None:
    """What draws numbers, even in eval mode, draws others in a loop than under vmap."""
    meta_learner, stack = _made(make, tasks)
    losses = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        losses.append(meta_learner(stack))
    if not torch.allclose(losses[0], losses[1], equal_nan=True):
        raise CheckError(
            f"{type(meta_learner).__name__}: the objective of the same tasks differs with the random numbers, so that "
            f"nothing can be compared. Make it without them here: TrainedBy(..., fresh_start=False), for example."
        )


def vmap_equals_the_loop(make: Make, tasks: TaskDistribution) -> None:
    """The objective of a stack is that of its tasks, one by one."""
    meta_learner, stack = _made(make, tasks)
    singles = [one_task(stack, i) for i in range(len(stack.classes))]
    expect_equal(meta_learner(stack), meta_learner(singles), "the objective under vmap", "a loop over the tasks")


def fit_equals_the_stack(make: Make, tasks: TaskDistribution) -> None:
    """The answers of `fit` to raw inputs are those for the stack."""
    meta_learner, stack = _made(make, tasks)
    answers = predictions(meta_learner, stack)
    for i in range(len(answers)):
        task = one_task(stack, i)
        expect_equal(meta_learner.fit(task.support)(task.query.x), answers[i], f"fit on task {i}", "the stack")


def order_of_queries_does_not_matter(make: Make, tasks: TaskDistribution) -> None:
    """Queries in reverse order get the same answers, in reverse order."""
    meta_learner, stack = _made(make, tasks)
    task = one_task(stack, 0)
    predictor, backwards = meta_learner.fit(task.support), torch.arange(len(task.query.x)).flip(0)
    expect_equal(
        predictor(task.query.x[backwards]),
        predictor(task.query.x)[backwards],
        "the answers to reversed queries",
        "the reversed answers",
    )


def order_of_support_matters_as_declared(make: Make, tasks: TaskDistribution) -> None:
    """A support set in reverse order gives other answers if, and only if, `order_matters` says so."""
    meta_learner, stack = _made(make, tasks)
    x, y = stack.support
    before = predictions(meta_learner, stack)
    after = predictions(meta_learner, stack._replace(support=Examples(x.flip(1), y.flip(1))))
    if not meta_learner.order_matters:
        expect_equal(after, before, "the answers after a reversed support set", "those before")
    elif torch.allclose(after, before, rtol=1e-5, atol=1e-7):
        name = type(meta_learner).__name__
        raise CheckError(f"{name} has order_matters = True; its answers stay the same in reverse order.")


def same_seed_same_result(make: Make, tasks: TaskDistribution) -> None:
    """Two trainings and evaluations from one seed agree bit for bit."""
    results = []
    for _ in range(2):
        torch.manual_seed(0)
        meta_learner = make()
        if any(p.requires_grad for p in meta_learner.parameters()):
            _train(meta_learner, tasks, steps=3)
        metric = mse if _for_numbers(meta_learner) else accuracy
        results.append(evaluate(meta_learner, tasks, metric=metric, episodes=4).per_task)
    if not torch.equal(*results):
        raise CheckError(f"Two runs with the same seed differ: {results[0].tolist()} and {results[1].tolist()}.")


def meta_gradient_equals_finite_differences(make: Make, tasks: TaskDistribution) -> None:
    """Along one random direction, in float64."""
    meta_learner, stack = _made(make, tasks)
    exact = meta_learner.double()
    support, query = (Examples(e.x.double(), e.y.double() if e.y.is_floating_point() else e.y) for e in stack[:2])
    stack = Task(support, query, stack.classes)
    phi: Params = {name: p for name, p in exact.named_parameters() if p.requires_grad}
    grads, _, _ = Backpropagation().step(exact, phi, stack, ())
    generator = torch.Generator().manual_seed(0)
    direction = {k: torch.randn(p.shape, generator=generator, dtype=p.dtype) for k, p in phi.items()}
    by_gradient = sum((grads[k] * direction[k]).sum() for k in phi)

    def loss_at(distance: float) -> Tensor:
        with torch.no_grad():
            moved = {k: p + distance * direction[k] for k, p in phi.items()}
            return torch.func.functional_call(exact, moved, (stack,)).mean()

    by_difference = (loss_at(1e-7) - loss_at(-1e-7)) / 2e-7
    expect_equal(torch.as_tensor(by_gradient), by_difference, "the meta-gradient", "finite differences")


def resumed_training_continues_bit_for_bit(make: Make, tasks: TaskDistribution) -> None:
    """Four steps in one run end where two and two do, from a checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pt"
        runs = []
        for stops in ([4], [2, 4]):
            for stop in stops:
                torch.manual_seed(0)
                meta_learner = make()
                _train(meta_learner, tasks, steps=stop, checkpoint=None if stops == [4] else path)
            runs.append(meta_learner.state_dict())
        for name, whole in runs[0].items():
            if not torch.equal(whole, runs[1][name]):
                raise CheckError(f"{name} differs between 4 steps in one run and 2 + 2 resumed from a checkpoint.")


def _train(meta_learner: MetaLearner, tasks: TaskDistribution, steps: int, checkpoint: Path | None = None) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        meta_train(meta_learner, tasks, steps, meta_batch=3, checkpoint=checkpoint, progress=False)
