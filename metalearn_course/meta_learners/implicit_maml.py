"""The meta-gradient from the end of the inner loop alone: implicit MAML.

Rajeswaran et al. (2019, arXiv:1909.04630).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import grad, grad_and_value, vjp

from .._common.arguments import number, whole
from ..tasks.task import Examples, Task
from ..update_rules import SGD, Params, Trace, unroll
from .base import Loss
from .maml import MAML

_TOLERATED = 0.1  # of |g|: where H has no negative eigenvalue, the meta-gradient is off by no more than the residual


class ImplicitMAML(MAML):
    """MAML that stays near its start, so that the meta-gradient needs no way back through the inner loop.

    Rajeswaran et al. (2019, arXiv:1909.04630). phi is theta_0. Inner loop: `steps` steps of gradient descent on the
    support loss + lambda/2 |theta - theta_0|^2 (equation 3), with lambda called `proximal_weight`. At the minimum
    theta* of that, the meta-gradient is

        v = (I + H/lambda)^-1 g,    H the Hessian of the support loss at theta*, g the gradient of the query loss there

    (lemma 1). Conjugate gradient finds v in `cg_steps` steps, by products of H with vectors, without H itself. If H has
    negative eigenvalues, lambda has to exceed the size of the lowest.

    v is exact where both solvers have converged: conjugate gradient to `residuals` of zero, the inner loop to a
    gradient of zero (in the last of `trace(support).steps`). With ReLUs that may end on a kink, which has no gradient:
    take nn.Tanh to be exact.

    Args:
        learner: the model that is adapted; its parameters are theta_0.
        steps: inner steps, 0 or more.
        lr: the rate of the inner loop.
        loss: (predictions, y) -> scalar, for support and query set.
        proximal_weight: lambda, above 0: how strongly the inner loop is held near theta_0.
        cg_steps: steps of conjugate gradient.

    Raises:
        ValueError: for numbers out of range.
    """

    def __init__(
        self,
        learner: nn.Module,
        steps: int = 16,
        lr: float = 0.01,
        loss: Loss = F.cross_entropy,
        proximal_weight: float = 2.0,
        cg_steps: int = 5,
    ) -> None:
        super().__init__(learner, steps, lr, loss)
        self.proximal_weight = number("proximal_weight", proximal_weight, above=0)
        self.cg_steps = whole("cg_steps", cg_steps)

    def trace(self, support: Examples) -> Trace:
        """The inner loop, on the support loss with the proximal term."""
        start = self.start()

        def near_start(params: Params, support: Examples) -> Tensor:
            apart = plus(params, -1, start)
            return self.support_loss(params, support) + self.proximal_weight / 2 * dot(apart, apart)

        return unroll(near_start, SGD(self.lr), start, [support] * self.steps)

    def system(self, task: Task) -> tuple[Callable[[Params], Params], Params, Tensor]:
        """One task's v -> (I + H/lambda) v, its g, and its query loss."""
        adapted, support, (x, y) = self.adapt(task.support), task.support, task.query
        g, query_loss = grad_and_value(lambda params: self.loss(self.predict(params, x), y))(adapted)
        hessian_times = vjp(lambda params: grad(self.support_loss)(params, support), adapted)[1]
        return lambda v: plus(v, 1 / self.proximal_weight, hessian_times(v)[0]), g, query_loss

    def objective(self, task: Task) -> Tensor:
        """The query loss as a constant, plus a zero whose gradient is v."""
        with torch.no_grad():
            matrix_times, g, query_loss = self.system(task)
            v = conjugate_gradient(matrix_times, g, self.cg_steps)
        zero = {name: p - p.detach() for name, p in self.start().items()}
        return query_loss + dot(v, zero)

    @torch.no_grad()
    def residuals(self, tasks: Task) -> Tensor:
        """What conjugate gradient leaves unsolved of each task, |g - (I + H/lambda) v| / |g|: shape (tasks,)."""

        def residual(task: Task) -> Tensor:
            matrix_times, g, _ = self.system(task)
            left = plus(g, -1, matrix_times(conjugate_gradient(matrix_times, g, self.cg_steps)))
            return (dot(left, left) / dot(g, g).clamp_min(1e-30)).sqrt()

        return self.over_tasks(residual, tasks)

    def remark(self, tasks: Task) -> str:
        """A line for meta_train to print where conjugate gradient has not converged."""
        worst = self.residuals(tasks).max().item()
        if worst <= _TOLERATED:
            return ""
        return (
            f"conjugate gradient has not converged: its relative residual is up to {worst:.2g}. "
            f"Raise proximal_weight={self.proximal_weight} or cg_steps={self.cg_steps}."
        )


def conjugate_gradient(matrix_times: Callable[[Params], Params], b: Params, steps: int) -> Params:
    """Solve A x = b by products with A, symmetric and positive definite (Hestenes and Stiefel, 1952).

    It stops at a direction along which A turns out not to be positive: the residual then shows what is left unsolved.

    Args:
        matrix_times: v -> A v.
        b: name -> tensor.
        steps: how many at most.

    Returns:
        x, as `b`.
    """
    x = {name: torch.zeros_like(entry) for name, entry in b.items()}
    left = direction = b
    size = dot(b, b)
    going = size > 0
    for _ in range(steps):
        image = matrix_times(direction)
        curvature = dot(direction, image)
        going = going & (curvature > 0)
        length = torch.where(going, size / curvature, 0)
        x, left = plus(x, length, direction), plus(left, -length, image)
        size, before = dot(left, left), size
        direction = plus(left, torch.where(going, size / before, 0), direction)
    return x


def plus(a: Params, scale: Tensor | float, b: Params) -> Params:
    """The sum a + scale * b, by name."""
    return {name: entry + scale * b[name] for name, entry in a.items()}


def dot(a: Params, b: Params) -> Tensor:
    """The sum of all products of entries: a scalar."""
    return torch.stack([(entry * b[name]).sum() for name, entry in a.items()]).sum()
