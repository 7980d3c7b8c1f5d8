"""check_meta_learner: what must hold for every meta-learner, in the spirit of scikit-learn's check_estimator."""

from __future__ import annotations

import contextlib
import inspect
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from .._common.console import say
from ..estimators import Backpropagation
from ..evaluation import accuracy, evaluate, mse, predictions
from ..meta_learners.base import MetaLearner
from ..meta_learners.trained_by import TrainedBy
from ..tasks.check import admit
from ..tasks.point_clouds import PointClouds
from ..tasks.sinusoids import Sinusoids
from ..tasks.task import Examples, Task, TaskDistribution, one_task
from ..training import meta_train
from ..update_rules import Params
from .causes import Watch, built, own_words
from .checks import Check, CheckError, expect_equal, named, refuse_made
from .defaults import expect_to_take
from .double import Doubled, InDouble, but_for_rounding, default_dtype

Make = Callable[[], MetaLearner]


@torch.random.fork_rng(devices=[])
def check_meta_learner(make: Make, tasks: TaskDistribution | None = None) -> None:
    """Test a meta-learner, made anew by calls of `make()`; raise CheckError with the first property it lacks.

    `adapt` returns what it learned, tensors: no function, and nothing is left on `self`. Then:

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
        TypeError: for a meta-learner in place of what makes one.
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
    refuse_made(make, "check_meta_learner", "meta-learner")
    torch.manual_seed(0)
    meta_learner = _built(make)
    if tasks is None:
        tasks = Sinusoids(shots=5, queries=6) if _for_numbers(meta_learner) else PointClouds()
        expect_to_take(meta_learner, tasks)
    admit(tasks)
    on_a_stack = [
        adapt_returns_what_it_learned,
        same_loss_whatever_is_drawn,
        vmap_equals_the_loop,
        fit_equals_the_stack,
        order_of_queries_does_not_matter,
        order_of_support_matters_as_declared,
    ]
    checks = [named(but_for_rounding(check), make, tasks) for check in on_a_stack]
    checks.append(named(same_seed_same_result, make, tasks))
    if any(p.requires_grad for p in meta_learner.parameters()):
        if meta_learner.exact_gradient:
            checks.append(named(meta_gradient_equals_finite_differences, make, tasks))
        checks.append(named(resumed_training_continues_bit_for_bit, make, tasks))
    return checks


def _for_numbers(meta_learner: MetaLearner) -> bool:
    return inspect.unwrap(meta_learner.loss) is F.mse_loss


def _made(make: Make, tasks: TaskDistribution) -> tuple[MetaLearner, Task]:
    """A meta-learner as it answers, and three tasks for it."""
    return _built(make).eval(), tasks.sample(3, torch.Generator().manual_seed(0))


def _built(make: Make) -> MetaLearner:
    return cast(MetaLearner, built(make))


def adapt_returns_what_it_learned(make: Make, tasks: TaskDistribution) -> None:
    """Tensors, and no function; nothing of one task is left on the meta-learner when the next one comes."""
    meta_learner, stack = _made(make, tasks)
    name, kept = type(meta_learner).__name__, []
    for i in range(2):
        adapted = _fitted(meta_learner, one_task(stack, i))
        if functions := [leaf for leaf in tree_leaves(adapted) if callable(leaf)]:
            kind = "a module" if isinstance(functions[0], nn.Module) else "a function"
            raise CheckError(
                f"{name}.adapt returns {kind}; expected the tensors that were learned (one, a tuple, a dict, a "
                f"NamedTuple), which vmap can stack. What is done with x belongs into predict(adapted, x)."
            )
        kept.append(_tensors_on(meta_learner))
    for where, tensors in kept[1].items():
        if not _same(tensors, kept[0].get(where, [])):
            raise CheckError(
                f"{name} stores what it learns of a task in self.{where}, where the next task overwrites it. Return "
                f"it from adapt: predict gets it as its first argument."
            )


def _fitted(meta_learner: MetaLearner, task: Task) -> Any:
    """What `adapt` returns for one task of raw inputs, after `predict` was asked, too."""
    with meta_learner.at_work(len(task.classes)):
        adapted = meta_learner.adapt(Examples(meta_learner.embed(task.support.x), task.support.y))
        try:
            meta_learner.predict(adapted, meta_learner.embed(task.query.x))
        except (TypeError, AttributeError) as error:
            if adapted is None:
                raise CheckError(
                    f"{type(meta_learner).__name__}.adapt returns None, and predict needs something. End adapt with "
                    f"return: what was learned of the support set."
                ) from error
            raise
    return adapted


def _tensors_on(module: nn.Module) -> dict[str, list[Tensor]]:
    """Copies of the tensors that are attributes or buffers, also in lists and dicts, by name."""
    found = {}
    for path, part in module.named_modules():
        for name, value in [*vars(part).items(), *part.named_buffers(recurse=False)]:
            held = [leaf.clone() for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
            if held and not (name.startswith("_") and name in vars(nn.Module())):
                found[f"{path}.{name}" if path else name] = held
    return found


def _same(some: list[Tensor], others: list[Tensor]) -> bool:
    return len(some) == len(others) and all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


def same_loss_whatever_is_drawn(make: Make, tasks: TaskDistribution) -> None:
    """What draws numbers, even in eval mode, draws others in a loop than under vmap."""
    meta_learner, stack = _made(make, tasks)
    losses = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        with own_words(type(meta_learner).__name__):
            losses.append(meta_learner(stack))
    if not torch.allclose(losses[0], losses[1], equal_nan=True):
        raise CheckError(
            f"{type(meta_learner).__name__}: the objective of the same tasks differs with the random numbers, so that "
            f"nothing can be compared. {_without_random_numbers(meta_learner)}"
        )


def _without_random_numbers(meta_learner: MetaLearner) -> str:
    if isinstance(meta_learner, TrainedBy):
        return "Make it without them here: TrainedBy(..., fresh_start=False)."
    return "Draw them in train mode only, if self.training, or once, in __init__."


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
            _train(make, meta_learner, tasks, steps=3)
        metric = mse if _for_numbers(meta_learner) else accuracy
        results.append(evaluate(meta_learner, tasks, metric=metric, episodes=4).per_task)
    if not torch.equal(*results):
        raise CheckError(f"Two runs with the same seed differ: {results[0].tolist()} and {results[1].tolist()}.")


def meta_gradient_equals_finite_differences(make: Make, tasks: TaskDistribution) -> None:
    """Along one random direction, in float64."""
    exact, stack = _in_double(make, tasks)
    try:
        expect_equal(*_slopes(exact, stack), "the meta-gradient", "finite differences")
    except (CheckError, RuntimeError) as error:
        if cause := _cause(make, tasks, " Take that out or, in a first-order method, let exact_gradient be False."):
            raise CheckError(f"{str(error).rstrip('.')}. {cause}") from error
        if not isinstance(error, CheckError):
            raise
        apart = {name: abs(float.__sub__(*map(float, _slopes(exact, stack, name)))) for name in _phi(exact)}
        raise CheckError(f"{error} They differ most for {max(apart, key=lambda name: apart[name])}.") from error


def _in_double(make: Make, tasks: TaskDistribution) -> tuple[MetaLearner, Task]:
    """A meta-learner as it answers and three tasks, in float64."""
    return _made(lambda: _built(make).double(), InDouble(tasks))


def _phi(meta_learner: MetaLearner) -> Params:
    return {name: p for name, p in meta_learner.named_parameters() if p.requires_grad}


def _slopes(exact: MetaLearner, stack: Task, only: str = "") -> tuple[Tensor, Tensor]:
    """The slope along a random direction, or along its part for one parameter: by gradient, and by difference."""
    phi = _phi(exact)
    grads, _, _ = Backpropagation().step(exact, phi, stack, ())
    generator = torch.Generator().manual_seed(0)
    direction = {k: torch.randn(p.shape, generator=generator, dtype=p.dtype) for k, p in phi.items()}
    direction = {k: d for k, d in direction.items() if only in ("", k)}
    by_gradient = torch.stack([(grads[k] * d).sum() for k, d in direction.items()]).sum()

    def loss_at(distance: float) -> Tensor:
        with torch.no_grad():
            moved = {k: phi[k] + distance * d for k, d in direction.items()}
            return torch.func.functional_call(exact, moved, (stack,)).mean()

    return by_gradient, (loss_at(1e-7) - loss_at(-1e-7)) / 2e-7


def _cause(make: Make, tasks: TaskDistribution, advice: str) -> str:
    """Why the meta-gradient is not that of the objective, with `advice` for a gradient that is cut; empty if unseen."""
    exact, stack = _in_double(make, tasks)
    task = one_task(stack, 0)
    with Watch(exact) as watch, contextlib.suppress(RuntimeError), exact.at_work(len(task.classes)):
        support, query = (Examples(exact.embed(e.x), e.y) for e in task[:2])
        exact.objective(Task(support, query, task.classes))
    if watch.float32 and _right_in_float64(make, tasks):
        return f"This check works in float64, and {watch.float32}."
    return f"{watch.cut}.{advice}" if watch.cut else ""


def _right_in_float64(make: Make, tasks: TaskDistribution) -> bool:
    """Whether nothing is wrong where every value is float64 from the start."""
    with default_dtype(torch.float64), contextlib.suppress(CheckError, RuntimeError):
        exact, stack = _in_double(make, tasks)
        with Doubled():
            slopes = _slopes(exact, stack)
        expect_equal(*slopes, "the meta-gradient", "finite differences")
        return True
    return False


def resumed_training_continues_bit_for_bit(make: Make, tasks: TaskDistribution) -> None:
    """Four steps in one run end where two and two do, from a checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pt"
        runs = []
        for stops in ([4], [2, 4]):
            for stop in stops:
                torch.manual_seed(0)
                meta_learner = make()
                _train(make, meta_learner, tasks, steps=stop, checkpoint=None if stops == [4] else path)
            runs.append(meta_learner.state_dict())
        for name, whole in runs[0].items():
            if not torch.equal(whole, runs[1][name]):
                raise CheckError(f"{name} differs between 4 steps in one run and 2 + 2 resumed from a checkpoint.")


def _train(
    make: Make, meta_learner: MetaLearner, tasks: TaskDistribution, steps: int, checkpoint: Path | None = None
) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            meta_train(meta_learner, tasks, steps, meta_batch=3, checkpoint=checkpoint, progress=False)
        except RuntimeError as error:
            if "no gradient reaches phi" not in str(error):
                raise
            raise CheckError(
                f"{str(error).partition('.')[0]}. {_cause(make, tasks, ' Take that out.')}".strip()
            ) from error
