"""One outer step of MAML on sinusoids, this course beside `higher` and TorchOpt, in one run.

25 tasks, 10 shots, 10 queries, a 40-40 network, with 1 and 5 inner steps, on one thread; the sampling of tasks and the
outer Adam step are included on all sides. `pip install higher==0.2.1 torchopt==0.7.3` for the comparison; what is not
installed is left out. "compiled" needs a C++ compiler, and compiles for a while before the clock starts.

    python benchmarks/sinusoid_speed.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

from metalearn_course import MAML, Backpropagation, Sinusoids, mlp
from metalearn_course.authoring.results import save

ROUNDS, STEPS = 7, 40


def course_step(inner_steps: int, compile: bool = False) -> Callable[[], None]:
    torch.manual_seed(0)
    maml = MAML(mlp(1, 40, 40, 1), steps=inner_steps, loss=F.mse_loss)
    phi = dict(maml.named_parameters())
    optimizer = torch.optim.Adam(phi.values())
    generator, tasks, estimator = torch.Generator().manual_seed(0), Sinusoids(), Backpropagation(compile=compile)

    def step() -> None:
        grads, _, _ = estimator.step(maml, phi, tasks.sample(25, generator), ())
        for name, p in phi.items():
            p.grad = grads[name]
        optimizer.step()

    return step


def higher_step(inner_steps: int) -> Callable[[], None]:
    import higher

    torch.manual_seed(0)
    model = mlp(1, 40, 40, 1)
    optimizer, inner = torch.optim.Adam(model.parameters()), torch.optim.SGD(model.parameters(), lr=0.01)
    generator, tasks = torch.Generator().manual_seed(0), Sinusoids()

    def step() -> None:
        (support_x, support_y), (query_x, query_y), _ = tasks.sample(25, generator)
        optimizer.zero_grad()
        for i in range(25):
            with higher.innerloop_ctx(model, inner, copy_initial_weights=False) as (learner, differentiable):
                for _ in range(inner_steps):
                    differentiable.step(F.mse_loss(learner(support_x[i]), support_y[i]))
                (F.mse_loss(learner(query_x[i]), query_y[i]) / 25).backward()
        optimizer.step()

    return step


def torchopt_step(inner_steps: int) -> Callable[[], None]:
    import torchopt

    torch.manual_seed(0)
    model = mlp(1, 40, 40, 1)
    optimizer, inner = torch.optim.Adam(model.parameters()), torchopt.MetaSGD(model, lr=0.01)
    generator, tasks = torch.Generator().manual_seed(0), Sinusoids()

    def step() -> None:
        (support_x, support_y), (query_x, query_y), _ = tasks.sample(25, generator)
        optimizer.zero_grad()
        start = [torchopt.extract_state_dict(part, by="reference") for part in (model, inner)]
        for i in range(25):
            for _ in range(inner_steps):
                inner.step(F.mse_loss(model(support_x[i]), support_y[i]))
            (F.mse_loss(model(query_x[i]), query_y[i]) / 25).backward()
            for part, state in zip((model, inner), start, strict=True):
                torchopt.recover_state_dict(part, state)
        optimizer.step()

    return step


CONTENDERS: dict[str, Callable[[int], Callable[[], None]]] = {
    "this course": course_step,
    "this course, compiled": lambda inner_steps: course_step(inner_steps, compile=True),
    "higher 0.2.1": higher_step,
    "TorchOpt 0.7.3": torchopt_step,
}


def milliseconds(steps: dict[str, Callable[[], None]]) -> dict[str, float]:
    """The median over rounds in which every contender takes its turn, so that a slow moment hits them all."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            step()
            repeats = STEPS if name.startswith("this course") else STEPS // 8
            began = time.perf_counter()
            for _ in range(repeats):
                step()
            times[name].append((time.perf_counter() - began) / repeats)
    return {name: 1000 * statistics.median(values) for name, values in times.items()}


def main() -> None:
    torch.set_num_threads(1)
    rows = {}
    for inner_steps in (1, 5):
        steps = {}
        for name, make in CONTENDERS.items():
            try:
                steps[name] = make(inner_steps)
                steps[name]()
            except Exception as error:  # not installed, or no compiler
                print(f"{name} is left out: {type(error).__name__}")
                steps.pop(name, None)
        rows[f"{inner_steps} inner steps"] = measured = milliseconds(steps)
        print(f"outer step, {inner_steps} inner: " + ", ".join(f"{name} {ms:.2f} ms" for name, ms in measured.items()))
        for other in measured.keys() - {"this course", "this course, compiled"}:
            ratios = [f"{name} {measured[other] / measured[name]:.1f}" for name in measured if "course" in name]
            print(f"  times as fast as {other}: {', '.join(ratios)}")
    save("sinusoid_speed", rows)


if __name__ == "__main__":
    main()
