"""Ways to get the outer gradient: `init(meta_learner, tasks) -> s` and `step(...) -> (grads, losses, s)`."""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.utils._pytree import tree_map

from .arguments import whole
from .meta_learners.base import MetaLearner
from .meta_learners.trained_by import TrainedBy
from .tasks.task import Task, check_tasks, one_task, stack_tasks
from .update_rules import Params


class Estimator(Protocol):
    """What it carries from one meta-step to the next (particles, rule state) goes through `s`, and into checkpoints."""

    def init(self, meta_learner: MetaLearner, tasks: Task) -> Any: ...

    def step(self, meta_learner: MetaLearner, phi: Params, tasks: Task, s: Any) -> tuple[Params, Tensor, Any]: ...


class Backpropagation:
    """The exact gradient of the mean objective, through everything `adapt` did. Carries nothing.

    A parameter that plays no part has gradient zero; RuntimeError where none of them plays one. compile: by
    torch.compile, which needs a C++ compiler and some ten seconds, and makes steps of small networks several times
    faster; it draws other random numbers, and trainings of a `TrainedBy` that diverge are not counted. A meta-learner
    that goes `one_by_one` gets its gradient task by task, in the memory of one.
    """

    def __init__(self, compile: bool = False) -> None:
        self.compile = compile
        self._compiled = torch.compile(_by_transformation) if compile else None

    def init(self, meta_learner: MetaLearner, tasks: Task) -> Any:
        return ()

    def _gradients(self, meta_learner: MetaLearner, phi: Params, tasks: Task) -> tuple[Params, Tensor]:
        if self._compiled is None:
            return _by_backward(meta_learner, phi, tasks)
        values = {name: p.detach() for name, p in phi.items()}  # or a second gradient is prepared that nobody asks for
        return self._compiled(meta_learner, values, tasks)

    def step(self, meta_learner: MetaLearner, phi: Params, tasks: Task, s: Any) -> tuple[Params, Tensor, Any]:
        if self.compile:
            check_tasks(tasks)
        if not meta_learner.one_by_one:
            grads, losses = self._gradients(meta_learner, phi, tasks)
        else:
            count = len(tasks.classes)
            each = [self._gradients(meta_learner, phi, stack_tasks([one_task(tasks, i)])) for i in range(count)]
            grads = {name: torch.stack([grads[name] for grads, _ in each]).mean(0) for name in phi}
            losses = torch.cat([losses for _, losses in each])
        if self.compile and not any(g.any() for g in grads.values()):
            _by_backward(meta_learner, phi, tasks)  # zero because nothing reaches phi? It says so
        return grads, losses, s


def _by_backward(meta_learner: MetaLearner, phi: Params, tasks: Task) -> tuple[Params, Tensor]:
    losses = functional_call(meta_learner, phi, (tasks,))
    return _gradient(meta_learner, phi, losses.mean()), losses.detach()


def _gradient(meta_learner: MetaLearner, phi: Params, loss: Tensor) -> Params:
    grads = torch.autograd.grad(loss, [*phi.values()], allow_unused=True) if loss.requires_grad else ()
    if all(g is None for g in grads):
        raise RuntimeError(
            f"{type(meta_learner).__name__}: no gradient reaches phi, so nothing is learned. Take detach() and "
            f"no_grad() out of the way from phi to the objective; first-order methods detach inner gradients only."
        )
    reached = zip(phi.items(), grads, strict=True)
    return {name: torch.zeros_like(p) if g is None else g for (name, p), g in reached}


def _by_transformation(meta_learner: MetaLearner, phi: Params, tasks: Task) -> tuple[Params, Tensor]:
    def mean_loss(phi: Params) -> tuple[Tensor, Tensor]:
        losses = functional_call(meta_learner, phi, (tasks,))
        return losses.mean(), losses

    grads, losses = grad(mean_loss, has_aux=True)(phi)
    return grads, losses.detach()


class Truncated:
    """Backpropagation through `truncation` inner steps at a time (Williams and Peng, 1990; Andrychowicz et al., 2016).

    Each call goes on where the one before left a stack of trainings, detached, and begins anew on fresh tasks when
    their horizon is reached. The gradients of all segments add up to the exact one, but for all that an early step does
    to later segments: that is the bias. With a "final" meta-loss only the last segment has a gradient.
    """

    def __init__(self, truncation: int) -> None:
        self.truncation = whole("truncation", truncation)

    def init(self, meta_learner: MetaLearner, tasks: Task) -> Any:
        """The form of what is carried; the trainings themselves begin with the first step."""
        trains = _trains(self, meta_learner, self.truncation)
        return {"tasks": tasks, "runs": trains.begin(tasks), "step": torch.tensor(0)}

    def step(self, meta_learner: MetaLearner, phi: Params, tasks: Task, s: Any) -> tuple[Params, Tensor, Any]:
        trains, first = _trains(self, meta_learner, self.truncation), int(s["step"])
        if first == 0:
            s = {"tasks": tasks, "runs": _with(trains, phi, "begin", tasks)}
        steps = min(self.truncation, trains.steps - first)
        losses, runs = _with(trains, phi, "segment", s["runs"], s["tasks"], first, steps)
        grads = _gradient(trains, phi, trains.share(losses, first).mean())
        after = (first + steps) % trains.steps
        trains.count(losses, s["runs"], runs)
        s = {"tasks": s["tasks"], "runs": _detached(runs), "step": torch.tensor(after)}
        return grads, trains.meta_losses(losses.detach()), s


class EvolutionStrategies:
    """The gradient of the smoothed meta-loss, from values alone (Rechenberg, 1973; Salimans et al., 2017).

    phi is perturbed by d = sigma z, z standard normal, and by -d, `pairs` times; the estimate is the mean of
    d (L(phi + d) - L(phi - d)) / (2 sigma^2). Unbiased for the gradient of E[L(phi + d)]; no derivative of anything is
    asked for, so it makes no difference how long a training is or how rough. Both members of a pair meet the same tasks
    and the same random numbers. Trainings of a `TrainedBy` that diverge are stopped and counted, as ever.
    """

    truncation: int | None = None
    persistent = False

    def __init__(self, sigma: float = 0.01, pairs: int = 8) -> None:
        if not 0 < sigma < math.inf:
            raise ValueError(f"sigma={sigma}; perturbations need a size above 0. Raise sigma, 0.01 for example.")
        self.sigma = float(sigma)
        self.pairs = whole("pairs", pairs)

    def init(self, meta_learner: MetaLearner, tasks: Task) -> Any:
        if self.truncation is None:
            return ()
        trains = _trains(self, meta_learner, self.truncation)
        phi = {name: p.detach() for name, p in trains.named_parameters() if p.requires_grad}
        return self._begin(trains, {name: p.expand(2 * self.pairs, *p.shape) for name, p in phi.items()}, tasks)

    def step(self, meta_learner: MetaLearner, phi: Params, tasks: Task, s: Any) -> tuple[Params, Tensor, Any]:
        d = {name: self.sigma * torch.randn(self.pairs, *p.shape).to(p) for name, p in phi.items()}
        members = {name: torch.cat([p + d[name], p - d[name]]).detach() for name, p in phi.items()}
        with torch.no_grad():
            if isinstance(meta_learner, TrainedBy):
                return self._segment(meta_learner, members, d, tasks, s)
            losses = vmap(lambda phi: functional_call(meta_learner, phi, (tasks,)), randomness="same")(members)
            return self._estimate(losses, d), losses.mean(0), s

    def _segment(
        self, trains: TrainedBy, members: Params, d: Params, tasks: Task, s: Any
    ) -> tuple[Params, Tensor, Any]:
        """The next `truncation` inner steps of all members' trainings; without a truncation, all of them."""
        length = self.truncation or trains.steps
        _trains(self, trains, length)
        if not s or s["step"] == 0:
            s = self._begin(trains, members, tasks)
        first = int(s["step"])
        steps = min(length, trains.steps - first)

        def segment(phi: Params, runs: Any) -> tuple[Tensor, Any]:
            return _with(trains, phi, "segment", runs, s["tasks"], first, steps)

        losses, runs = vmap(segment, randomness="same")(members, s["runs"])
        total = {name: s["sum"][name] + d[name] for name in d} if self.persistent else d
        grads = self._estimate(trains.share(losses, first), total)
        trains.count(losses, s["runs"], runs)
        after = (first + steps) % trains.steps
        s = {"tasks": s["tasks"], "runs": runs, "step": torch.tensor(after), "sum": total}
        return grads, trains.meta_losses(losses).mean(0), () if self.truncation is None else s

    def _begin(self, trains: TrainedBy, members: Params, tasks: Task) -> dict[str, Any]:
        """Runs of shape (members, tasks, ...): all begin from the same fresh weights, and go their ways."""
        runs = vmap(lambda phi: _with(trains, phi, "begin", tasks), randomness="same")(members)
        zeros = {name: torch.zeros_like(each[: self.pairs]) for name, each in members.items()}
        return {"tasks": tasks, "runs": runs, "step": torch.tensor(0), "sum": zeros}

    def _estimate(self, losses: Tensor, d: Params) -> Params:
        """losses: (2 * pairs, tasks); d: perturbations (pairs, ...)."""
        plus, minus = losses.mean(1).split(self.pairs)
        slope = (plus - minus) / (2 * self.sigma**2 * self.pairs)
        return {name: torch.einsum("p,p...->...", slope, each) for name, each in d.items()}


class TruncatedES(EvolutionStrategies):
    """Evolution strategies on a segment of `truncation` inner steps at a time, with fresh perturbations for each.

    Cheaper than whole trainings and less noisy; and biased as truncated backpropagation is: what an early step does to
    later segments is not seen. Each member goes on from its own training, so that `PES` differs in one line. (In
    algorithm 1 of Vicol et al., 2021, all go on from one unperturbed training: less noise, and the same mean but for a
    term of order sigma^2.)
    """

    def __init__(self, truncation: int, sigma: float = 0.01, pairs: int = 8) -> None:
        super().__init__(sigma, pairs)
        self.truncation = whole("truncation", truncation)


class PES(TruncatedES):
    """Persistent evolution strategies (Vicol et al., 2021, algorithm 2): truncated, and yet unbiased.

    Each member of a pair goes on from its own training. Its losses are the work of all its perturbations so far, so
    they are multiplied by their sum, which starts again at 0 with every new training. Unbiased for the meta-loss as it
    is smoothed by a perturbation of every segment (`EvolutionStrategies`: one of the whole training), as long as phi
    stays the same during a training.
    """

    persistent = True


class _Method(nn.Module):
    def __init__(self, owner: nn.Module) -> None:
        super().__init__()
        self.owner = owner

    def forward(self, name: str, *arguments: Any) -> Any:
        return getattr(self.owner, name)(*arguments)


def _with(meta_learner: MetaLearner, phi: Params, method: str, *arguments: Any) -> Any:
    """`meta_learner.method(*arguments)` with `phi` in place of its parameters."""
    return functional_call(_Method(meta_learner), {f"owner.{k}": p for k, p in phi.items()}, (method, *arguments))


def _detached(tree: Any) -> Any:
    return tree_map(lambda t: t.detach(), tree)


def _trains(estimator: Any, meta_learner: MetaLearner, truncation: int) -> TrainedBy:
    name = type(estimator).__name__
    if not isinstance(meta_learner, TrainedBy):
        raise TypeError(
            f"{name} cuts a training into segments; {type(meta_learner).__name__} has none to cut. Use a TrainedBy, "
            f"or an estimator of whole objectives: Backpropagation() or EvolutionStrategies()."
        )
    if truncation > meta_learner.steps:
        raise ValueError(
            f"{name}(truncation={truncation}) is longer than the horizon, steps={meta_learner.steps}. Lower the "
            f"truncation, or use Backpropagation() for the whole."
        )
    return meta_learner
