"""One outer step of MAML on images, this course beside `higher`, in one run.

16 tasks, 5-way 1-shot, 15 queries a class, Conv4 of width 64 with batch statistics, one inner step, exact second
derivatives. `higher` gets the same function as it is usually written, and the very module of the course, by which it
gains as much. The course is timed task by task (which it chooses itself where convolutions are adapted), compiled,
under vmap, and in bfloat16, which a processor may or may not compute in. The share of the machine's own convolution
rate: the step's floating-point operations in convolutions, beside the rate of the largest one alone.

    python benchmarks/conv4_speed.py [--threads 2] [--rounds 7]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import MAML, Backpropagation, conv4
from metalearn_course.authoring.results import save
from metalearn_course.tasks.task import Examples, Task

TASKS, WAYS, QUERIES, WIDTH = 16, 5, 75, 64


def tasks() -> Task:
    generator = torch.Generator().manual_seed(0)
    support_x, query_x = (torch.rand(TASKS, n, 1, 28, 28, generator=generator) for n in (WAYS, QUERIES))
    labels = torch.arange(WAYS).expand(TASKS, WAYS)
    return Task(Examples(support_x, labels), Examples(query_x, labels.repeat(1, QUERIES // WAYS)), labels)


def course_step(
    batch: Task, one_by_one: bool = True, bfloat16: bool = False, compile: bool = False
) -> Callable[[], None]:
    torch.manual_seed(0)
    maml = MAML(conv4(WAYS, norm="batch"), lr=0.4)
    maml.one_by_one = one_by_one
    phi, estimator = dict(maml.named_parameters()), Backpropagation(compile)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16) if bfloat16 else nullcontext():
            estimator.step(maml, phi, batch, ())

    return step


def usual_conv4() -> nn.Module:
    """The same function as it is usually written: the norm a module of its own, pooling last, the default layout."""
    blocks: list[nn.Module] = []
    for inputs in (1, WIDTH, WIDTH, WIDTH):
        norm = nn.BatchNorm2d(WIDTH, track_running_stats=False)
        blocks += [nn.Conv2d(inputs, WIDTH, 3, padding=1), norm, nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(WIDTH, WAYS))


def higher_step(batch: Task, model: nn.Module) -> Callable[[], None]:
    import higher

    inner = torch.optim.SGD(model.parameters(), lr=0.4)
    (support_x, support_y), (query_x, query_y), _ = batch

    def step() -> None:
        model.zero_grad()
        for i in range(TASKS):
            with higher.innerloop_ctx(model, inner, copy_initial_weights=False) as (learner, differentiable):
                differentiable.step(F.cross_entropy(learner(support_x[i]), support_y[i]))
                (F.cross_entropy(learner(query_x[i]), query_y[i]) / TASKS).backward()

    return step


def convolution_rate(repeats: int = 20) -> float:
    """GFLOP/s of the largest convolution, forward and backward, on one task's queries."""
    layer = nn.Conv2d(WIDTH, WIDTH, 3, padding=1).to(memory_format=torch.channels_last)
    x = torch.rand(QUERIES, WIDTH, 14, 14).to(memory_format=torch.channels_last).requires_grad_()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        layer(x).sum().backward()
        times.append(time.perf_counter() - began)
    return 3 * flops(14, WIDTH, QUERIES) / statistics.median(times) / 1e9


def flops(size: int, channels: int, images: int) -> float:
    """Of one forward convolution to WIDTH channels; a backward pass has twice as many."""
    return 2.0 * images * size**2 * 9 * channels * WIDTH


def step_flops() -> float:
    """Queries: forward and backward. Support: forward, backward, and backward through both again: 1 + 2 + 6."""
    layers = ((28, 1), (14, WIDTH), (7, WIDTH), (3, WIDTH))
    return TASKS * sum(3 * flops(*layer, QUERIES) + 9 * flops(*layer, WAYS) for layer in layers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    batch = tasks()
    steps = {
        "this course": course_step(batch),
        "this course, compiled": course_step(batch, compile=True),
        "this course, bfloat16": course_step(batch, bfloat16=True),
        "this course, vmap": course_step(batch, one_by_one=False),
    }
    try:
        torch.manual_seed(0)
        steps["higher, Conv4 as usually written"] = higher_step(batch, usual_conv4())
        steps["higher, the module of this course"] = higher_step(batch, conv4(WAYS, norm="batch"))
    except ImportError:
        print("higher is not installed: timing the course alone")
    times: dict[str, list[float]] = {name: [] for name in steps}
    for round in range(options.rounds + 1):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            if round:
                times[name].append(time.perf_counter() - began)
    measured = {name: 1000 * statistics.median(taken) for name, taken in times.items()}
    rate = convolution_rate()
    share = step_flops() / (measured["this course"] / 1000) / 1e9 / rate
    for name, ms in measured.items():
        print(f"{name}: {ms:.0f} ms, {ms / measured['this course']:.2f} times this course")
    print(f"the machine's convolution rate: {rate:.0f} GFLOP/s; the step runs at {100 * share:.0f}% of it")
    save("conv4_speed", {**measured, "GFLOP/s alone": rate, "share": share})


if __name__ == "__main__":
    main()
