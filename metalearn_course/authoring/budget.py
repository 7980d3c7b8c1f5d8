"""Seconds of a notebook against its budget, on a machine whose speed was measured first."""

from __future__ import annotations

from metalearn_course._common.environment import CourseError
from metalearn_course.authoring.running import measured_together

REFERENCE_SECONDS = 0.7
REPORTED, FAILING = 1.0, 2.0

# What lessons do most: gradients of small nets for a stack of tasks. The best of three passes.
WORKLOAD = """
import time
import torch
from torch.func import grad, vmap

def loss(w, x):
    return (torch.tanh(x @ w) @ w).square().mean()

def work():
    torch.manual_seed(0)
    w, x = 0.1 * torch.randn(40, 40), torch.randn(25, 64, 40)
    for _ in range(400):
        w = w - 0.01 * vmap(grad(loss), (None, 0))(w, x).mean(0)
    return float(w.sum())

def seconds():
    start = time.perf_counter()
    work()
    return time.perf_counter() - start

seconds()
print("ready", flush=True)
input()
print(min(seconds() for _ in range(3)))
"""


def slowness(jobs: int = 1) -> float:
    """How many times slower this machine is than the one that the budgets were set on; never below 1.

    With several notebooks at a time it is the slowest of as many processes, all at work at once. A faster machine does
    not make a budget smaller: starting a kernel takes its time anywhere.
    """
    printed = measured_together(WORKLOAD, jobs)
    try:
        return max(1.0, max(map(float, printed)) / REFERENCE_SECONDS)
    except ValueError:
        raise CourseError(f"The calibration loop failed ({printed[0]}): run `metalearn doctor`.") from None


def ratio(seconds: float, budget: float, slowness: float) -> float:
    """How much of its budget a run of `seconds` took, on a machine `slowness` times as slow: above 1 is too long."""
    return seconds / (budget * slowness)
