"""meta_train: the one loop. Sample tasks, get the outer gradient, step."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path

import torch

from .._common.arguments import number, whole
from .._common.interrupts import deferred_interrupt, progress_bar
from .._common.seeds import FRESH, stream
from ..estimators import Backpropagation, Estimator
from ..meta_learners.base import MetaLearner
from ..tasks.check import admit, draw
from ..tasks.task import Task, TaskDistribution
from ..update_rules import Params
from .checkpoint import Run, described, read, state_of
from .diagnosis import check_parts, closing_line, divergence_line, refuse_nonfinite
from .fingerprint import numbers_of
from .history import History

_SAVE_EVERY = 500


def meta_train(
    meta_learner: MetaLearner,
    tasks: TaskDistribution,
    steps: int,
    *,
    seed: int = 0,
    meta_batch: int = 25,
    lr: float = 1e-3,
    anneal: bool = False,
    clip: float | None = None,
    estimator: Estimator | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    snapshots: Collection[int] = (),
    progress: bool = True,
) -> History:
    """Minimize the mean objective over `tasks` by `steps` steps of Adam, each on a fresh batch of `meta_batch` tasks.

    An interrupt stops after the current step and keeps what was learned.

    Args:
        meta_learner: whose phi is trained, in place.
        tasks: where tasks come from; an estimator of segments takes a fresh batch when its trainings have ended.
        steps: how many in all, including those before a resumed run.
        seed: of the tasks, and of whatever else is drawn.
        meta_batch: tasks a step.
        lr: Adam's rate.
        anneal: whether the rate falls linearly to 0.
        clip: the largest norm that the outer gradient may have; longer ones are shortened to it.
        estimator: how the outer gradient is computed, `Backpropagation()` by default.
        checkpoint: a file to save to, and to resume from when it exists; a resumed run continues bit for bit.
        snapshots: numbers of steps, 0 being the start, after which to keep a copy of the state, for pictures.
        progress: whether to show a bar.

    Returns:
        The `History`: the mean meta-loss of every step, the seconds, the snapshots, what diverged.

    Raises:
        FloatingPointError: if a loss or gradient is not finite; everything stays as of the last good step.
        ValueError: for numbers out of range, a meta-learner without parameters, a checkpoint of another training,
            and as of `check_tasks`.
        TypeError: for what is no meta-learner, distribution of tasks or estimator, and as of `check_tasks`.
    """
    estimator = Backpropagation() if estimator is None else estimator
    check_parts(meta_learner, tasks, estimator)
    steps, meta_batch, seed = whole("steps", steps, 0), whole("meta_batch", meta_batch), whole("seed", seed, -(2**63))
    lr, clip = number("lr", lr, above=0), None if clip is None else number("clip", clip, above=0)
    admit(tasks)
    phi: Params = {name: p for name, p in meta_learner.named_parameters() if p.requires_grad}
    name = type(meta_learner).__name__
    if not phi:
        raise ValueError(f"{name} has no parameters to meta-train; use it as it is, in evaluate or curves.")
    if os.environ.get("METALEARN_ABLATE") == "1":
        print(f"{name}: 0 of {steps:,} steps (training is switched off by METALEARN_ABLATE)")
        return History(snapshots={0: state_of(meta_learner)} if 0 in snapshots else {})
    settings = {"seed": seed, "meta_batch": meta_batch, "lr": lr, "tasks": tasks.protocol}
    settings |= {"estimator": described(estimator)}
    settings |= ({"anneal over steps": steps} if anneal else {}) | ({} if clip is None else {"clip": clip})
    adam, generator = torch.optim.Adam(phi.values(), lr=lr), torch.Generator().manual_seed(seed)
    path = None if checkpoint is None else Path(checkpoint).expanduser()
    numbers = {} if path is None else numbers_of(meta_learner, tasks)
    run = Run(meta_learner, estimator, phi, adam, generator, settings, numbers)
    modes = {module: module.training for module in meta_learner.modules()}
    with torch.random.fork_rng(devices=[]), deferred_interrupt() as interrupted:
        torch.manual_seed(stream(seed, FRESH))
        _open(run, path, steps)
        first, began = run.step, time.perf_counter() - run.history.seconds
        meta_learner.train()
        if run.step in snapshots:
            run.snapshot()
        try:
            for _ in progress_bar([1] * (steps - first), name, progress, steps - first):
                if anneal:
                    adam.param_groups[0]["lr"] = lr * (1 - run.step / steps)
                batch = _step(run, tasks, meta_batch, clip)
                run.history.seconds = time.perf_counter() - began
                if run.step in snapshots:
                    run.snapshot()
                if path is not None and run.step % _SAVE_EVERY == 0:
                    run.save(path)
                if interrupted.is_set():
                    break
        finally:
            for module, mode in modes.items():
                module.training = mode
            meta_learner.zero_grad(set_to_none=True)
            meta_learner.trained_seconds = run.history.seconds
            if path is not None and run.step > first:
                run.save(path)
        remarks = _remarks(run, batch) if run.step > first else []
    period = estimator.period(meta_learner)
    print(closing_line(name, run.history, steps, first, run.step, interrupted.is_set(), period))
    for remark in remarks:
        print(f"{name}: {remark}")
    return run.history


def _open(run: Run, path: Path | None, steps: int) -> None:
    """Go on from the checkpoint at `path` if there is one; otherwise make sure that one can be written and read."""
    if path is not None and path.exists():
        run.load(path)
        if run.step > steps:
            raise ValueError(f"{path} holds {run.step:,} steps; asked for {steps:,}. Ask for more, or another file.")
    elif path is not None:
        run.save(path)
        read(path)


def _step(run: Run, tasks: TaskDistribution, meta_batch: int, clip: float | None) -> Task:
    """One meta-step. Returns the batch of tasks that was drawn for it."""
    with run.unchanged_on_error():
        batch = draw(tasks, meta_batch, run.generator)
        grads, losses, carried = run.estimator.step(run.meta_learner, run.phi, batch, run.carry(batch))
        whole_trainings = run.estimator.period(run.meta_learner) == 1
        refuse_nonfinite(run.meta_learner, run.phi, batch, grads, losses, run.step, whole_trainings)
    run.carried = carried
    for key, p in run.phi.items():
        p.grad = grads[key]
    if clip is not None:
        torch.nn.utils.clip_grad_norm_(run.phi.values(), clip)
    run.optimizer.step()
    run.history.losses.append(losses.mean().item())
    run.step += 1
    return batch


def _remarks(run: Run, batch: Task) -> list[str]:
    """What is to be said of trainings that diverged, and by the method itself."""
    divergences = run.estimator.divergences(run.carried)
    run.history.diverged = int(divergences.stopped)
    return [line for line in (divergence_line(divergences), run.meta_learner.remark(batch)) if line]


__all__ = ["History", "meta_train"]
