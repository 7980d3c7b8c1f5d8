"""meta_train: the one loop. Sample tasks, get the outer gradient, step."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor
from torch.utils._pytree import tree_leaves, tree_structure, tree_unflatten

from .arguments import number, whole
from .estimators import Backpropagation, Estimator
from .meta_learners.base import MetaLearner
from .seeds import FRESH, stream
from .tasks.task import Task, TaskDistribution, one_task, stack_tasks
from .update_rules import Params
from .update_rules.options import options

_FORMAT = 2
_SAVE_EVERY = 500


@dataclass
class History:
    """What meta-training left behind: the mean meta-loss of every step, the seconds, the snapshots asked for."""

    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    snapshots: dict[int, Params] = field(default_factory=dict)


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

    An estimator of segments takes a fresh batch when its trainings have come to their end. anneal: let the rate `lr`
    fall linearly to 0. clip: the largest norm that the outer gradient may have; longer ones are shortened to it.
    checkpoint: a file to save to, and to resume from when it exists; a resumed run continues bit for bit. snapshots:
    numbers of steps, 0 being the start, after which to keep a copy of the state, for pictures. An interrupt stops
    after the current step and keeps what was learned. A loss or gradient that is not finite raises FloatingPointError
    and leaves everything as of the last good step.
    """
    estimator = Backpropagation() if estimator is None else estimator
    _check_parts(meta_learner, tasks, estimator)
    steps, meta_batch, seed = whole("steps", steps, 0), whole("meta_batch", meta_batch), whole("seed", seed, -(2**63))
    lr, clip = number("lr", lr, above=0), None if clip is None else number("clip", clip, above=0)
    phi: Params = {name: p for name, p in meta_learner.named_parameters() if p.requires_grad}
    name = type(meta_learner).__name__
    if not phi:
        raise ValueError(f"{name} has no parameters to meta-train; use it as it is, in evaluate or curves.")
    if os.environ.get("METALEARN_ABLATE") == "1":
        print(f"{name}: 0 of {steps:,} steps (training is switched off by METALEARN_ABLATE)")
        return History(snapshots={0: _state(meta_learner)} if 0 in snapshots else {})
    run = _Run(
        meta_learner,
        phi,
        optimizer=torch.optim.Adam(phi.values(), lr=lr),
        generator=torch.Generator().manual_seed(seed),
        settings={"seed": seed, "meta_batch": meta_batch, "lr": lr, "tasks": tasks.protocol}
        | {"estimator": _said(estimator)}
        | ({"anneal over steps": steps} if anneal else {})
        | ({} if clip is None else {"clip": clip}),
    )
    path = None if checkpoint is None else Path(checkpoint)
    modes = {module: module.training for module in meta_learner.modules()}
    with torch.random.fork_rng(devices=[]), _deferred_interrupt() as interrupted:
        torch.manual_seed(stream(seed, FRESH))
        if path is not None and path.exists():
            run.load(path)
            if run.step > steps:
                raise ValueError(
                    f"{path} holds {run.step:,} steps; asked for {steps:,}. Ask for more, or another file."
                )
        if path is not None and not path.exists():
            run.save(path)  # a file that cannot be written, or read, is better known before the first step
            _read(path)
        first, began = run.step, time.perf_counter() - run.history.seconds
        meta_learner.train()
        if run.step in snapshots:
            run.history.snapshots[run.step] = _state(meta_learner)
        try:
            for _ in _bar(range(first, steps), name, progress):
                if anneal:
                    run.optimizer.param_groups[0]["lr"] = lr * (1 - run.step / steps)
                with run.unchanged_on_error():
                    batch = tasks.sample(meta_batch, run.generator)
                    carried = run.carried_by(estimator, batch)
                    grads, losses, carried = estimator.step(meta_learner, phi, batch, carried)
                    at_once = not (isinstance(carried, dict) and "tasks" in carried)  # or a segment, of another batch
                    _refuse_nonfinite(meta_learner, phi, batch, grads, losses, run.step, at_once)
                run.carried = carried
                for key, p in phi.items():
                    p.grad = grads[key]
                if clip is not None:
                    torch.nn.utils.clip_grad_norm_(phi.values(), clip)
                run.optimizer.step()
                run.history.losses.append(losses.mean().item())
                run.history.seconds = time.perf_counter() - began
                run.step += 1
                if run.step in snapshots:
                    run.history.snapshots[run.step] = _state(meta_learner)
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
        doubts = getattr(meta_learner, "remark", None)
        remark = doubts(batch) if doubts is not None and run.step > first else ""
    period = _segments(meta_learner, estimator)
    print(_closing_line(name, run, steps, first, interrupted.is_set(), period))
    if remark:
        print(f"{name}: {remark}")
    return run.history


@dataclass
class _Run:
    """Everything that a checkpoint holds."""

    meta_learner: MetaLearner
    phi: Params
    optimizer: torch.optim.Optimizer
    generator: Generator
    settings: dict[str, Any]
    step: int = 0
    carried: Any = None
    loaded: list[Any] | None = None
    history: History = field(default_factory=History)

    def carried_by(self, estimator: Estimator, batch: Task) -> Any:
        """What the estimator left behind at the step before; anew at the first one.

        A checkpoint holds no classes, so of a state with named tuples in it only the leaves; `init` gives them a form.
        """
        if self.carried is None:
            with torch.random.fork_rng(devices=[], enabled=self.loaded is not None):
                self.carried = estimator.init(self.meta_learner, batch)
        if self.loaded is not None:
            self.carried = tree_unflatten(self.loaded, tree_structure(self.carried))
            self.loaded = None
        return self.carried

    def save(self, path: Path) -> None:
        """Write aside, then rename: an interrupted write never damages the file that was there."""
        content = {
            "format": _FORMAT,
            "model": self._fingerprint(),
            "settings": self.settings,
            "step": self.step,
            "state": self.meta_learner.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "global_rng": torch.get_rng_state(),
            "carried": self.carried if _is_plain(self.carried) else None,
            "leaves": self.loaded if _is_plain(self.carried) else tree_leaves(self.carried),
            "losses": self.history.losses,
            "seconds": self.history.seconds,
        }
        aside = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as file:
                torch.save(content, file)
            aside.replace(path)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            raise OSError(
                f"The checkpoint {path} cannot be written ({error}). What was learned is in the meta-learner still; "
                f"name a file in a folder with room that you may write to."
            ) from None

    def load(self, path: Path) -> None:
        saved = _read(path)
        if not isinstance(saved, dict) or saved.get("format") != _FORMAT:
            found = saved.get("format") if isinstance(saved, dict) else type(saved).__name__
            raise ValueError(f"{path} has checkpoint format {found}; this version reads {_FORMAT}. Name another file.")
        for what, mine in (("model", self._fingerprint()), ("settings", self.settings)):
            if saved[what] != mine:
                keys = [k for k in {**saved[what], **mine} if saved[what].get(k) != mine.get(k)]
                raise ValueError(
                    f"{path} was made with {keys[0]} = {saved[what].get(keys[0])!r}; this run has "
                    f"{mine.get(keys[0])!r}. Name another file, or delete this one to start anew."
                )
        self.meta_learner.load_state_dict(saved["state"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.generator.set_state(saved["generator"])
        torch.set_rng_state(saved["global_rng"])
        self.step, self.carried, self.loaded = saved["step"], saved["carried"], saved.get("leaves")
        self.history = History(saved["losses"], saved["seconds"])

    @contextmanager
    def unchanged_on_error(self) -> Iterator[None]:
        """A step that fails leaves buffers and random numbers where they were, so that it can be tried again."""
        buffers = [(b, b.clone()) for b in self.meta_learner.buffers()]
        drawn, global_rng = self.generator.get_state(), torch.get_rng_state()
        try:
            yield
        except BaseException:
            with torch.no_grad():
                for b, before in buffers:
                    b.copy_(before)
            self.generator.set_state(drawn)
            torch.set_rng_state(global_rng)
            raise

    def _fingerprint(self) -> dict[str, Any]:
        shapes = {name: list(t.shape) for name, t in self.meta_learner.state_dict().items()}
        made = {
            k: v
            for k, v in options(self.meta_learner).items()
            if k.rpartition(".")[2] not in ("ways", "trained_seconds")
        }
        rules = {name: repr(value) for name, value in vars(self.meta_learner).items() if is_dataclass(value)}
        loss = getattr(self.meta_learner.loss, "__name__", type(self.meta_learner.loss).__name__)
        modules = {name: repr(m) for name, m in self.meta_learner.named_modules() if name and not [*m.children()]}
        return {"meta-learner": type(self.meta_learner).__name__, "loss": loss, **shapes, **made, **rules, **modules}


def _check_parts(meta_learner: Any, tasks: Any, estimator: Any) -> None:
    """TypeError, in a line, for what was given in the wrong place."""
    for what, value, fits, expected in (
        ("meta_learner", meta_learner, isinstance(meta_learner, MetaLearner), "a MetaLearner, such as TrainedBy(...)"),
        ("tasks", tasks, hasattr(tasks, "sample"), "a distribution of tasks with a sample method, such as Sinusoids()"),
        ("estimator", estimator, hasattr(estimator, "step"), "an estimator such as Backpropagation()"),
    ):
        if isinstance(value, type) or not fits:
            kind = value.__name__ if isinstance(value, type) else type(value).__name__
            raise TypeError(f"{what} is {'the class ' * isinstance(value, type)}{kind}; expected {expected}.")


def _read(path: Path) -> Any:
    try:
        return torch.load(path, weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{path} is not a whole checkpoint ({type(error).__name__}); it may have been cut short. "
            f"Delete it to start anew, or name another file."
        ) from None


def _is_plain(tree: Any) -> bool:
    """Whether a state is made of dicts, lists, tuples and what is in them, with no class of its own."""
    if isinstance(tree, (dict, list, tuple)):
        parts = tree.values() if isinstance(tree, dict) else tree
        return type(tree) in (dict, list, tuple) and all(_is_plain(part) for part in parts)
    return True


def _said(estimator: Estimator) -> str:
    """The estimator and its numbers, as far as they change what is computed."""
    numbers = [f"{k}={v}" for k, v in sorted(options(estimator).items()) if v is not False]
    return f"{type(estimator).__name__}{'(' + ', '.join(numbers) + ')' if numbers else ''}"


def _state(meta_learner: MetaLearner) -> Params:
    return {name: tensor.clone() for name, tensor in meta_learner.state_dict().items()}


def _refuse_nonfinite(
    meta_learner: MetaLearner, phi: Params, tasks: Task, grads: Params, losses: Tensor, step: int, at_once: bool
) -> None:
    """Stop before the update that would spread a NaN, and name the step, the task and the inner step it came from.

    at_once: whether a step is the whole work on `tasks`, so that it can be done again to look closer.
    """
    what, bad = "loss", (~losses.isfinite()).nonzero().flatten().tolist()
    if not bad and torch.nn.utils.get_total_norm(list(grads.values())).isfinite():
        return
    if not bad:
        what, tried = "gradient", range(len(losses)) if at_once else ()
        bad = [i for i in tried if not _finite_gradient(meta_learner, phi, tasks, i)]
    where = "no single task" if at_once else "a segment of its trainings"
    if bad:
        where = f"task {bad[0]} of the batch{_inner_step(meta_learner, tasks, bad[0]) if at_once else ''}"
    advice = (
        "The parameters of the step before are kept. Lower the inner or the outer rate, or look at that task's data"
    )
    if spoiled := [key for key, p in phi.items() if not p.isfinite().all()]:
        advice = f"{spoiled[0]} itself is not finite since the step before. Lower the outer rate, lr"
    raise FloatingPointError(
        f"{type(meta_learner).__name__}: the {what} is not finite at step {step}, from {where}. {advice}."
    )


def _inner_step(meta_learner: MetaLearner, tasks: Task, index: int) -> str:
    """After how many inner steps a task's support loss is first not finite, for a method that has a `trace`."""
    trace = getattr(meta_learner, "trace", None)
    if trace is None:
        return ""

    def support_losses(task: Task) -> Tensor:
        (x, y), run = task.support, trace(task.support)
        after = meta_learner.loss(meta_learner.predict(run.params, x), y)
        return torch.stack([*(step.loss for step in run.steps), after])

    losses = meta_learner.over_tasks(support_losses, tasks)[index].tolist()
    for steps, loss in enumerate(losses):
        if not math.isfinite(loss):
            return f", whose support loss is {loss} after {steps} of {len(losses) - 1} inner steps"
    return ""


def _finite_gradient(meta_learner: MetaLearner, phi: Params, tasks: Task, index: int) -> bool:
    grads, _, _ = Backpropagation().step(meta_learner, phi, stack_tasks([one_task(tasks, index)]), ())
    return bool(torch.nn.utils.get_total_norm(list(grads.values())).isfinite())


@contextmanager
def _deferred_interrupt() -> Iterator[threading.Event]:
    """A first Ctrl-C or "stop" sets the event, to be obeyed between steps; a second one interrupts at once."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    previous = signal.getsignal(signal.SIGINT)

    def note(signum: int, frame: Any) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, previous)


def _bar(steps: range, name: str, progress: bool) -> Iterator[int]:
    """The steps, under a progress bar that vanishes when it is done."""
    if not progress:
        yield from steps
        return
    import sys

    from tqdm import tqdm

    yield from tqdm(steps, name, leave=False, file=sys.stdout, mininterval=0.5, dynamic_ncols=False, ncols=80)


def _segments(meta_learner: MetaLearner, estimator: Estimator) -> int:
    """How many steps of an estimator make a whole training."""
    truncation, horizon = getattr(estimator, "truncation", None), getattr(meta_learner, "steps", None)
    return math.ceil(horizon / truncation) if truncation and horizon else 1


def _closing_line(name: str, run: _Run, steps: int, first: int, interrupted: bool, period: int) -> str:
    """What was done, and how the meta-loss fell: over whole trainings, for segments of one differ by their place."""
    resumed = f", resumed at step {first:,}" if first else ""
    stopped = f" of {steps:,} (interrupted; what was learned is kept)" if interrupted else ""
    losses = run.history.losses[: len(run.history.losses) // period * period]
    tenth = max(1, len(losses) // 10 // period) * period
    fell = f", meta-loss {_mean(losses[:tenth]):.3g} -> {_mean(losses[-tenth:]):.3g}" if losses else ""
    return f"{name}: {run.step:,} steps{stopped} in {run.history.seconds:.0f} s{resumed}{fell}"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
