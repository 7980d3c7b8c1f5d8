"""Everything that a meta-training would need to go on, and the file that holds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator
from torch.utils._pytree import tree_leaves, tree_structure, tree_unflatten

from .._common.files import write_aside
from .._common.options import options
from ..estimators import Estimator
from ..meta_learners.base import MetaLearner
from ..meta_learners.losses import name_of
from ..tasks.task import Task
from ..update_rules import Params
from .fingerprint import Numbers, first_difference
from .history import History

_FORMAT = 3


@dataclass
class Run:
    """A meta-training as it stands: all that a checkpoint holds."""

    meta_learner: MetaLearner
    estimator: Estimator
    phi: Params
    optimizer: torch.optim.Optimizer
    generator: Generator
    settings: dict[str, Any]
    numbers: Numbers = field(default_factory=dict)
    step: int = 0
    carried: Any = None
    loaded: list[Any] | None = None
    history: History = field(default_factory=History)

    def carry(self, batch: Task) -> Any:
        """What the estimator carries from the step before into this one; at the first step, what it begins with.

        A checkpoint holds no classes of its own: of a state with named tuples only the tensors were saved, and `init`
        shows which tuples they belong in.
        """
        if self.carried is None:
            with torch.random.fork_rng(devices=[], enabled=self.loaded is not None):
                self.carried = self.estimator.init(self.meta_learner, batch)
        if self.loaded is not None:
            self.carried = tree_unflatten(self.loaded, tree_structure(self.carried))
            self.loaded = None
        return self.carried

    def snapshot(self) -> None:
        """Keep a copy of the meta-learner's state as it is after this step."""
        self.history.snapshots[self.step] = state_of(self.meta_learner)

    def save(self, path: Path) -> None:
        """Write aside, then rename: an interrupted write never damages the file that was there."""
        content = {
            "format": _FORMAT,
            "model": self._fingerprint(),
            "settings": self.settings,
            "numbers": self.numbers,
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
        try:
            write_aside(path, lambda file: torch.save(content, file))
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            raise OSError(
                f"The checkpoint {path} cannot be written ({error}). What was learned is in the meta-learner still; "
                f"name a file in a folder with room that you may write to."
            ) from None

    def load(self, path: Path) -> None:
        """Take over what `path` holds, if it was made by the same meta-learner with the same settings."""
        saved = read(path)
        if not isinstance(saved, dict) or saved.get("format") != _FORMAT:
            found = saved.get("format") if isinstance(saved, dict) else type(saved).__name__
            raise ValueError(f"{path} has checkpoint format {found}; this version reads {_FORMAT}. Name another file.")
        model = self._fingerprint()
        if "numbers" not in saved:  # of version 0.2.0
            model.pop("frozen")
        for what, mine in (("model", model), ("settings", self.settings)):
            if saved[what] != mine:
                keys = [k for k in {**saved[what], **mine} if saved[what].get(k) != mine.get(k)]
                raise ValueError(
                    f"{path} was made with {keys[0]} = {saved[what].get(keys[0])!r}; this run has "
                    f"{mine.get(keys[0])!r}. Name another file, or delete this one to start anew."
                )
        if "numbers" in saved and (other := first_difference(saved["numbers"], self.numbers)):
            raise ValueError(
                f"{path} was made with the same words and other numbers: {other} differs. "
                f"Name another file, or delete this one to start anew."
            )
        self.meta_learner.load_state_dict(saved["state"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.generator.set_state(saved["generator"])
        torch.set_rng_state(saved["global_rng"])
        self.step, self.carried, self.loaded = saved["step"], saved["carried"], saved["leaves"]
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
        """What has to be the same for a training to go on."""
        shapes = {name: list(t.shape) for name, t in self.meta_learner.state_dict().items()}
        made = {k: v for k, v in options(self.meta_learner).items() if k.rpartition(".")[2] != "trained_seconds"}
        rules = {name: repr(value) for name, value in vars(self.meta_learner).items() if is_dataclass(value)}
        loss = name_of(self.meta_learner.loss)
        frozen = [name for name, p in self.meta_learner.named_parameters() if not p.requires_grad]
        modules = {name: repr(m) for name, m in self.meta_learner.named_modules() if name and not [*m.children()]}
        named = {"meta-learner": type(self.meta_learner).__name__, "loss": loss, "frozen": frozen}
        return {**named, **shapes, **made, **rules, **modules}


def read(path: Path) -> Any:
    """What a checkpoint file holds; ValueError where it is none, or not whole."""
    try:
        return torch.load(path, weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{path} is not a whole checkpoint ({type(error).__name__}); it may have been cut short. "
            f"Delete it to start anew, or name another file."
        ) from None


def _is_plain(tree: Any) -> bool:
    """Whether a state is made of plain dicts, lists and tuples, none of a subclass, and so can be saved as it is."""
    if isinstance(tree, (dict, list, tuple)):
        parts = tree.values() if isinstance(tree, dict) else tree
        return type(tree) in (dict, list, tuple) and all(_is_plain(part) for part in parts)
    return True


def described(estimator: Estimator) -> str:
    """The estimator and its numbers, as far as they change what is computed."""
    numbers = [f"{k}={v}" for k, v in sorted(options(estimator).items()) if v is not False]
    return f"{type(estimator).__name__}{'(' + ', '.join(numbers) + ')' if numbers else ''}"


def state_of(meta_learner: MetaLearner) -> Params:
    """A copy of a meta-learner's parameters and buffers."""
    return {name: tensor.clone() for name, tensor in meta_learner.state_dict().items()}


__all__ = ["Run", "described", "read", "state_of"]
