"""One meta-step of the LSTM optimizer, this course beside the same step batched by hand on nn.LSTMCell, in one run.

128 quadratics of 10 dimensions, 20 inner steps, two layers of 20 units, forward and backward. The course's code is
written for one task and one state per coordinate, and vmapped; by hand, all 1,280 coordinates are the rows of a
batch for the fused cell, and the quadratics' gradient is written out. `--profile` says where the course's time goes.

    python benchmarks/lstm_speed.py [--rounds 15] [--profile]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from metalearn_course import LSTMOptimizer, Quadratics, TrainedBy, Truncated
from metalearn_course.authoring.results import save
from metalearn_course.tasks import summed_squares
from metalearn_course.update_rules import log_and_sign

TASKS, DIMENSIONS, STEPS, HIDDEN = 128, 10, 20, 20


def course_step() -> Callable[[], None]:
    torch.manual_seed(0)
    learner = nn.Linear(DIMENSIONS, 1, bias=False)
    trained_by = TrainedBy(learner, LSTMOptimizer(HIDDEN), steps=100, loss=summed_squares)
    phi = {name: p for name, p in trained_by.named_parameters() if p.requires_grad}
    tasks = Quadratics(DIMENSIONS).sample(TASKS, torch.Generator().manual_seed(0))
    estimator = Truncated(STEPS)
    carried = estimator.init(trained_by, tasks)

    def step() -> None:
        nonlocal carried
        _, _, carried = estimator.step(trained_by, phi, tasks, carried)

    return step


def by_hand() -> Callable[[], None]:
    torch.manual_seed(0)
    cells = nn.ModuleList([nn.LSTMCell(2, HIDDEN), nn.LSTMCell(HIDDEN, HIDDEN)])
    output = nn.Linear(HIDDEN, 1)
    (w, y), _, _ = Quadratics(DIMENSIONS).sample(TASKS, torch.Generator().manual_seed(0))
    theta = torch.randn(TASKS, DIMENSIONS, 1)
    zeros = theta.new_zeros(TASKS * DIMENSIONS, HIDDEN)
    states = [(zeros, zeros) for _ in cells]
    parameters = [*cells.parameters(), *output.parameters()]

    def step() -> None:
        nonlocal theta, states
        losses: list[Tensor] = []
        for _ in range(STEPS):
            with torch.no_grad():  # the inner gradient is a constant, as in the course's default
                gradient = 2 * w.mT @ (w @ theta - y)
            x, new = log_and_sign(gradient.reshape(-1, 1)).flatten(1), []
            for cell, state in zip(cells, states, strict=True):
                h, c = cell(x, state)
                new.append((h, c))
                x = h
            states = new
            theta = theta + 0.1 * output(x).view(TASKS, DIMENSIONS, 1)
            losses.append((w @ theta - y).square().sum((1, 2)))
        torch.autograd.grad(torch.stack(losses).mean(), parameters)
        theta, states = theta.detach(), [(h.detach(), c.detach()) for h, c in states]

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    steps = {"this course": course_step(), "by hand on nn.LSTMCell": by_hand()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for i in range(options.rounds + 2):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            if i > 1:
                times[name].append(time.perf_counter() - began)
    measured = {name: 1000 * statistics.median(taken) for name, taken in times.items()}
    ours, theirs = measured.values()
    print(", ".join(f"{name}: {ms:.1f} ms" for name, ms in measured.items()) + f"; {ours / theirs:.2f} times as long")
    if options.profile:
        with torch.profiler.profile() as profile:
            steps["this course"]()
        print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=15, max_name_column_width=40))
    save("lstm_speed", {**measured, "ratio": ours / theirs})


if __name__ == "__main__":
    main()
