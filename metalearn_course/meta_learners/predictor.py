"""A fitted meta-learner, which answers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from .._common.trees import detached
from ..tasks.task import as_tensor
from .inputs import Look, one_dtype

if TYPE_CHECKING:
    from .base import MetaLearner


@contextmanager
def in_eval_mode(module: nn.Module) -> Iterator[None]:
    """Inside, the module and all its parts are in eval mode; afterwards in their own again."""
    trains = [part for part in module.modules() if part.training]
    if trains:
        module.eval()
    try:
        yield
    finally:
        for part in trains:
            part.training = True


@dataclass(repr=False)
class Predictor:
    """A fitted meta-learner: `adapted` is what was learned; call it with raw inputs x (m, ...) for its predictions.

    It can be copied and pickled. The copy holds a meta-learner of its own and the numbers of `adapted`, without the way
    they were computed: no gradient runs from the copy to phi. Of images whose range is not that of the support set, it
    warns, once.
    """

    meta_learner: MetaLearner
    adapted: Any
    ways: int
    shown: Look | None = None  # what the images of the support set are like
    warned: bool = False
    shape: tuple[int, ...] | None = None  # of one input of the support set

    def __call__(self, x: Tensor) -> Tensor:
        """The predictions for raw inputs: (m, ...) -> (m, outputs); ValueError for a single one, without the m."""
        x, name = as_tensor(x), type(self.meta_learner).__name__
        if x.shape == self.shape:
            batch = ", ".join(["m", *map(str, x.shape)])
            raise ValueError(
                f"x has shape {tuple(x.shape)}, as a single query; expected a batch, ({batch}). Give x[None], and take "
                f"the first of the answers."
            )
        found = None if self.shown is None or self.warned else Look.at(x)
        if self.shown is not None and found is not None and (unlike := found.unlike(self.shown, support=True)):
            self.warned = True
            warnings.warn(f"{name}: {unlike}", stacklevel=2)
        with in_eval_mode(self.meta_learner), one_dtype(name, self.meta_learner.parameters(), x):
            embedded = self.meta_learner.embed(x)
            with self.meta_learner.at_work(self.ways):
                return self.meta_learner.predict(self.adapted, embedded)

    def __repr__(self) -> str:
        kind = f"{self.ways} ways" if self.ways else "regression"
        return f"<Predictor: {type(self.meta_learner).__name__}, {kind}>"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "adapted": detached(self.adapted)}


__all__ = ["Predictor", "in_eval_mode"]
