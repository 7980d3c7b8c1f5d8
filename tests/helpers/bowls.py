"""What a gradient step makes of bowls, in closed form.

With curvature A and bottom c, one step leads to w - alpha A (w - c), and the loss there is again a bowl around c, of
curvature (I - alpha A) A (I - alpha A). The minimum of a mean of bowls solves (sum of A) w = sum of A c.
"""

from __future__ import annotations

import numpy as np

from metalearn_course.studies.landscapes import Bowl


def after_step(tasks: list[Bowl], alpha: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """The bowls that one step makes of the tasks: curvature and bottom of each."""
    pairs = [(task.curvature.double().numpy(), task.bottom.double().numpy()) for task in tasks]
    return [((eye - alpha * a) @ a @ (eye - alpha * a), c) for a, c in pairs for eye in (np.eye(2),)]


def mean_of(bowls: list[tuple[np.ndarray, np.ndarray]], w: np.ndarray) -> float:
    return float(np.mean([0.5 * (w - c) @ a @ (w - c) for a, c in bowls]))


def lowest_of(bowls: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    return np.linalg.solve(sum(a for a, _ in bowls), sum(a @ c for a, c in bowls))
