"""check_meta_learner: what must hold for every meta-learner, in the spirit of scikit-learn's check_estimator."""

from __future__ import annotations

import copy
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
from ..tasks.point_clouds import PointClouds
from ..tasks.sinusoids import Sinusoids
from ..tasks.task import Examples, Task, TaskDistribution, one_task
from ..training import meta_train
from ..update_rules import Params


class CheckError(AssertionError):
    """A property that every meta-learner has, and this one lacks."""


@torch.random.fork_rng(devices=[])
def check_meta_learner(make: Callable[[], MetaLearner], tasks: TaskDistribution | None = None) -> None:
    """Test a meta-learner, made anew by each call of `make()`; raise CheckError with the first property it lacks.

    It has to take the inputs of `tasks`. By default these are 3-way clusters of 4-dimensional points, or sinusoids
    for a meta-learner whose loss is F.mse_loss.

    1. vmap over a stack equals a loop over its tasks.   2. `fit` on raw inputs equals the stack.
    3. The same seed gives the same result.              4. An answer does not depend on the order of the queries.
    5. The meta-gradient equals finite differences,      6. A resumed training continues bit for bit.
       unless `exact_gradient` says that it is not to.
    7. The order of the support set changes the answers if, and only if, `order_matters` says so.
    """
    torch.manual_seed(0)
    meta_learner = make()
    if tasks is None:
        tasks = Sinusoids(shots=5, queries=6) if meta_learner.loss is F.mse_loss else PointClouds()
    stack = tasks.sample(3, torch.Generator().manual_seed(0))
    meta_learner.eval()
    _vmap_equals_loop(meta_learner, stack)
    _fit_equals_stack(meta_learner, stack)
    _order_of_queries(meta_learner, stack)
    _order_of_support(meta_learner, stack)
    _same_seed_same_result(make, tasks)
    if any(p.requires_grad for p in meta_learner.parameters()):
        _meta_gradient(meta_learner, stack)
        _resume(make, tasks)
    say(f"{type(meta_learner).__name__} passes check_meta_learner ✓")


def _vmap_equals_loop(meta_learner: MetaLearner, stack: Task) -> None:
    singles = [one_task(stack, i) for i in range(len(stack.classes))]
    _not_random(meta_learner, stack)
    _equal(meta_learner(stack), meta_learner(singles), "the objective under vmap", "a loop over the tasks")


def _not_random(meta_learner: MetaLearner, stack: Task) -> None:
    """What draws numbers, even in eval mode, draws others in a loop than under vmap."""
    losses = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        losses.append(meta_learner(stack))
    if not torch.allclose(losses[0], losses[1], equal_nan=True):
        raise CheckError(
            f"{type(meta_learner).__name__}: the objective of the same tasks differs with the random numbers, so that "
            f"nothing can be compared. Make it without them here: TrainedBy(..., fresh_start=False), for example."
        )


def _fit_equals_stack(meta_learner: MetaLearner, stack: Task) -> None:
    answers = predictions(meta_learner, stack)
    for i in range(len(answers)):
        task = one_task(stack, i)
        _equal(meta_learner.fit(task.support)(task.query.x), answers[i], f"fit on task {i}", "the stack")


def _order_of_queries(meta_learner: MetaLearner, stack: Task) -> None:
    task = one_task(stack, 0)
    predictor, backwards = meta_learner.fit(task.support), torch.arange(len(task.query.x)).flip(0)
    _equal(
        predictor(task.query.x[backwards]),
        predictor(task.query.x)[backwards],
        "the answers to reversed queries",
        "the reversed answers",
    )


def _order_of_support(meta_learner: MetaLearner, stack: Task) -> None:
    x, y = stack.support
    before = predictions(meta_learner, stack)
    after = predictions(meta_learner, stack._replace(support=Examples(x.flip(1), y.flip(1))))
    if not meta_learner.order_matters:
        _equal(after, before, "the answers after a reversed support set", "those before")
    elif torch.allclose(after, before, rtol=1e-5, atol=1e-7):
        name = type(meta_learner).__name__
        raise CheckError(f"{name} has order_matters = True; its answers stay the same in reverse order.")


def _same_seed_same_result(make: Callable[[], MetaLearner], tasks: TaskDistribution) -> None:
    results = []
    for _ in range(2):
        torch.manual_seed(0)
        meta_learner = make()
        if any(p.requires_grad for p in meta_learner.parameters()):
            _train(meta_learner, tasks, steps=3)
        metric = mse if meta_learner.loss is F.mse_loss else accuracy
        results.append(evaluate(meta_learner, tasks, metric=metric, episodes=4).per_task)
    if not torch.equal(*results):
        raise CheckError(f"Two runs with the same seed differ: {results[0].tolist()} and {results[1].tolist()}.")


def _meta_gradient(meta_learner: MetaLearner, stack: Task) -> None:
    """Along one random direction, in float64; who says that `exact_gradient` is not meant, is exempt."""
    if not meta_learner.exact_gradient:
        return
    exact = copy.deepcopy(meta_learner).double()
    support, query = (Examples(e.x.double(), e.y.double() if e.y.is_floating_point() else e.y) for e in stack[:2])
    tasks = Task(support, query, stack.classes)
    phi: Params = {name: p for name, p in exact.named_parameters() if p.requires_grad}
    grads, _, _ = Backpropagation().step(exact, phi, tasks, ())
    generator = torch.Generator().manual_seed(0)
    direction = {k: torch.randn(p.shape, generator=generator, dtype=p.dtype) for k, p in phi.items()}
    by_gradient = sum((grads[k] * direction[k]).sum() for k in phi)

    def loss_at(distance: float) -> Tensor:
        with torch.no_grad():
            moved = {k: p + distance * direction[k] for k, p in phi.items()}
            return torch.func.functional_call(exact, moved, (tasks,)).mean()

    by_difference = (loss_at(1e-7) - loss_at(-1e-7)) / 2e-7
    _equal(torch.as_tensor(by_gradient), by_difference, "the meta-gradient", "finite differences", tolerance=1e-4)


def _resume(make: Callable[[], MetaLearner], tasks: TaskDistribution) -> None:
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
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()):
        meta_train(meta_learner, tasks, steps, meta_batch=3, checkpoint=checkpoint, progress=False)


def _equal(got: Tensor, want: Tensor, what: str, other: str, tolerance: float = 1e-4) -> None:
    if got.shape != want.shape:
        raise CheckError(f"{what} has shape {tuple(got.shape)}; {other} has {tuple(want.shape)}.")
    if not torch.allclose(got, want, rtol=tolerance, atol=tolerance * 0.1):
        worst = (got - want).abs().max().item()
        raise CheckError(f"{what} and {other} differ by up to {worst:.2g}; they should be equal.")
