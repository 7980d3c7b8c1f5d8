"""Tasks are checked at the door: what code for one task cannot see under vmap, and what a sampler has to keep to."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Generator, Tensor

from .task import Examples, Task, TaskDistribution

_HERE = f"{__name__.rpartition('.')[0]}."
_ASKED = 2  # tasks that are drawn to look at a distribution
_passed: dict[int, weakref.ref[Any]] = {}  # distributions that have been looked at, by id, for as long as they live


def check_tasks(tasks: Task | TaskDistribution) -> None:
    """Refuse, in a line, tasks that would give a wrong result in silence.

    A stack is looked at as it is: under vmap the label 7 of a 5-way task would become a row of zeros, and a class
    without an example 0/0, NaN. A distribution is asked for two tasks, and again with the same seed: as many have to
    come, they have to be the same, and they have to form a stack as above.

    `meta_train`, `evaluate`, `compare`, `curves` and `check_meta_learner` do this once for a distribution of yours, and
    count the tasks of every stack that they draw.

    Args:
        tasks: a stack, classes (tasks, ways), or a distribution.

    Raises:
        ValueError: for shapes that do not fit, an empty set, a label out of range, a class without a support example;
            for more or fewer tasks than were asked for, and for other ones from the same seed.
        TypeError: for labels that are not int64, for what is no stack of tensors, and for what is no distribution.
    """
    if isinstance(tasks, type) or hasattr(tasks, "sample"):
        check_distribution(tasks)
        _look_at(cast(TaskDistribution, tasks))
    else:
        _check_stack(cast(Task, tasks))


def check_distribution(tasks: Any) -> None:
    """Raise TypeError, in a line, for what is no distribution of tasks."""
    if isinstance(tasks, type) or not hasattr(tasks, "sample"):
        kind = f"the class {tasks.__name__}" if isinstance(tasks, type) else type(tasks).__name__
        raise TypeError(f"tasks is {kind}; expected a distribution of tasks with a sample method, such as Sinusoids().")
    if not hasattr(tasks, "protocol") or not isinstance(tasks.protocol, str):
        raise TypeError(
            f"{type(tasks).__name__} has no protocol in words; expected a line that says what is drawn, for "
            f'evaluations and checkpoints. Give the class one: protocol = "my tasks, 5 shots".'
        )


def admit(tasks: Any, *, kinds: bool = False) -> None:
    """`check_tasks` for a distribution, unless that has been done, or its `sample` is one of this course's.

    Args:
        tasks: the distribution.
        kinds: whether a `sample` is taken at its word that overrides one of this course's, and may note what it draws.
    """
    check_distribution(tasks)
    samples = [kind for kind in type(tasks).__mro__ if "sample" in vars(kind)]
    trusted = any(kind.__module__.startswith(_HERE) for kind in (samples if kinds else samples[:1]))
    known = _passed.get(id(tasks))
    if not trusted and (known is None or known() is not tasks):
        check_tasks(tasks)


def draw(tasks: TaskDistribution, count: int, generator: Generator) -> Task:
    """`count` tasks, after a look at whether they are a stack, and as many.

    Raises:
        ValueError: for more or fewer.
        TypeError: for what is no stack of tensors.
    """
    drawn = tasks.sample(count, generator)
    name = f"{type(tasks).__name__}.sample({count}, generator)"
    _check_kind(drawn, f"{name} gave ")
    for what, part in (("support.y", drawn.support.y), ("query.y", drawn.query.y), ("classes", drawn.classes)):
        if part.ndim == 0 or len(part) != count:
            raise ValueError(
                f"{name} gave {what} of shape {tuple(part.shape)}; expected a stack of {count} tasks, ({count}, ...). "
                f"Draw as many as are asked for; stack_tasks(list) makes a stack of single ones."
            )
    return drawn


def refuse_not_finite(examples: Examples, name: str) -> None:
    """ValueError, in a line, where the inputs or the targets of examples hold NaN or infinity.

    Args:
        examples: x (n, ...) and y.
        name: the word for them in the message.
    """
    for what, values in (("x", examples.x), ("y", examples.y)):
        broken = ~values.isfinite().reshape(len(values), -1).all(1) if values.ndim and len(values) else None
        if broken is not None and broken.any():
            raise ValueError(
                f"{name}.{what} holds NaN or infinity in {int(broken.sum())} of {len(values)} examples, the first at "
                f"{int(broken.nonzero()[0])}; expected finite numbers. Leave these examples out, or fill in what is "
                f"missing, as by {what}.nan_to_num()."
            )


def _look_at(tasks: TaskDistribution) -> None:
    """Draw twice with one seed, and compare."""
    with torch.random.fork_rng(devices=[]):
        first, again = (draw(tasks, _ASKED, torch.Generator().manual_seed(0)) for _ in range(2))
    _check_stack(first)
    for a, b in zip(_tensors(first), _tensors(again), strict=True):
        if a.shape != b.shape or not ((a == b) | ((a != a) & (b != b))).all():
            raise ValueError(
                f"{type(tasks).__name__}.sample draws other tasks when it is asked again with the same seed; expected "
                f"the generator alone to decide. Hand it to every draw: torch.randn(..., generator=generator)."
            )
    key = id(tasks)
    with contextlib.suppress(TypeError):  # where no weak reference can be had, it is looked at each time
        _passed[key] = weakref.ref(tasks, lambda _: _passed.pop(key, None))


def _tensors(tasks: Task) -> list[Tensor]:
    return [*tasks.support, *tasks.query, tasks.classes]


def _check_kind(tasks: Any, who: str = "") -> None:
    """Raise TypeError where this is no stack made of tensors."""
    if isinstance(tasks, Sequence) and not isinstance(tasks, Task):
        raise TypeError(
            f"{who}a {type(tasks).__name__} of {len(tasks)} tasks; expected a stack, one Task with a dimension (tasks, "
            f"...) in front. stack_tasks makes it of tasks of equal size; a list of unequal ones goes through "
            f"meta_learner(tasks) only."
        )
    if not isinstance(tasks, Task):
        raise TypeError(
            f"{who}{'' if who else 'tasks is '}{type(tasks).__name__}; expected a stack, "
            f"Task(Examples(x, y), Examples(x, y), classes)."
        )
    parts: list[tuple[str, Any]] = [("classes", tasks.classes)]
    for name, part in (("support", tasks.support), ("query", tasks.query)):
        if not isinstance(part, Examples):
            raise TypeError(f"{who}{name} is {_kind(part)}; expected Examples(x, y). Make it one.")
        parts += [(f"{name}.x", part.x), (f"{name}.y", part.y)]
    for name, value in parts:
        if isinstance(value, Tensor):
            continue
        if name == "classes":
            advice = "Give the global ids (tasks, ways) or, in regression, torch.empty(tasks, 0, dtype=torch.int64)."
        else:
            advice = "Convert it: torch.as_tensor(...), float32 for x, int64 for labels."
        raise TypeError(f"{who}{name} is {_kind(value)}; expected a torch.Tensor. {advice}")


def _kind(value: Any) -> str:
    return "None" if value is None else f"{type(value).__module__}.{type(value).__name__}".removeprefix("builtins.")


def _check_stack(tasks: Task) -> None:
    """What `check_tasks` says of a stack."""
    _check_kind(tasks)
    for name, (x, y) in (("support", tasks.support), ("query", tasks.query)):
        if y.ndim < 2 or x.shape[:2] != y.shape[:2]:
            raise ValueError(
                f"{name}: x has shape {tuple(x.shape)} and y {tuple(y.shape)}; a stack needs (tasks, n, ...) and "
                f"(tasks, n). Use stack_tasks([task]) for a single task."
            )
        if y.shape[1] == 0:
            raise ValueError(f"The {name} set is empty, shape {tuple(y.shape)}; it needs at least one example.")
    count, ways = len(tasks.support.y), tasks.classes.shape[-1] if tasks.classes.ndim else 0
    if ways == 0 and not tasks.support.y.is_floating_point():
        raise ValueError(
            "Integer labels need Task.classes, the global ids of labels 0 ... ways-1; it is empty. "
            "For regression, use float targets."
        )
    if tasks.classes.shape != (count, ways) or len(tasks.query.y) != count:
        raise ValueError(
            f"classes have shape {tuple(tasks.classes.shape)} and query.y {tuple(tasks.query.y.shape)}; {count} tasks "
            f"need (tasks, ways), in regression (tasks, 0), and (tasks, n). Give every task a row of global ids."
        )
    if ways:
        if tasks.classes.is_floating_point() or tasks.classes.is_complex():
            raise TypeError(
                f"classes have dtype {tasks.classes.dtype}; expected global ids, torch.int64. Convert them with "
                f"classes.long()."
            )
        _check_labels(tasks, ways)


def _check_labels(tasks: Task, ways: int) -> None:
    for name, (_, y) in (("support", tasks.support), ("query", tasks.query)):
        if y.dtype != torch.int64:
            raise TypeError(f"{name} labels have dtype {y.dtype}; expected torch.int64. Convert them with y.long().")
        if y.ndim != 2:
            column = " Labels of one column: y[..., 0]." if y.ndim == 3 and y.shape[2] == 1 else ""
            raise ValueError(
                f"{name} labels have shape {tuple(y.shape)}; expected (tasks, n).{column} If they are the targets of a "
                f"regression, give numbers: y.float()."
            )
        if y.min() < 0 or y.max() >= ways:
            bad, least = y[(y < 0) | (y >= ways)][0].item(), int(y.min())
            shifted = least > 0 and y.max() - least < ways
            advice = f" Labels count from 0: give y - {least}." if shifted else ""
            raise ValueError(
                f"{name} label {bad} is out of range; a {ways}-way episode has labels 0 ... {ways - 1}.{advice}"
            )
    present = torch.zeros(len(tasks.classes), ways, dtype=torch.bool).scatter_(1, tasks.support.y, True)
    if not present.all():
        task, label = (~present).nonzero()[0].tolist()
        least = int(tasks.support.y.min())
        advice = f" Labels count from 0: give y - {least}." if least else ""
        raise ValueError(
            f"Label {label} has no support example in task {task}; every one of the {ways} classes needs at least one."
            f"{advice}"
        )


__all__ = ["admit", "check_distribution", "check_tasks", "draw", "refuse_not_finite"]
