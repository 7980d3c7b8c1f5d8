"""What does the inner loop move, and what is it worth? Trained starts with parts of them held, without a leak.

Three trained starts answer the same 5-way 1-shot test tasks. MAML and Reptile have batch norm: here each of their
queries is asked beside the support images alone, so that no answer depends on another query. In each, the inner loop
moves everything, the head only (the body is held), the body only (the head is held), or nothing: queries are then
compared with support images by the cosine of their features (NIL; Raghu et al., 2020, arXiv:1909.09157). MAML and
Reptile were trained with a body that moves. The zero head's body stays where it is in the one step that it was trained
for, and moves in the second.

    python benchmarks/reuse.py [--source omniglot] [--tasks 100]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metalearn_course import MAML, Episodes, MetaLearner, characters, evaluate, pretrained
from metalearn_course.authoring.results import save
from metalearn_course.evaluation import Evaluation
from metalearn_course.evaluation.metrics import half_width
from metalearn_course.meta_learners.anil import find_head
from metalearn_course.tasks import Examples, one_task
from metalearn_course.update_rules import Params

STARTS = {"maml": (1, 3), "reptile": (8,), "zero-head maml": (1, 2)}  # with the inner steps to be taken


class OnlyPart(MAML):
    """A trained start whose inner loop moves some parameters and holds the others."""

    def __init__(self, trained: MAML, moves: Callable[[str], bool]) -> None:
        super().__init__(trained.learner, trained.steps, trained.lr)
        self.trained, self.moves = trained, moves

    def start(self) -> Params:
        """The part that moves, by name."""
        return {name: p for name, p in self.trained.start().items() if self.moves(name)}


class Beside(MetaLearner):
    """Each query is answered in a batch of the support images and itself."""

    one_by_one = True

    def __init__(self, trained: MAML) -> None:
        super().__init__()
        self.trained = trained

    def adapt(self, support: Examples) -> tuple[Params, Tensor]:
        """The weights after the inner loop, and who stands beside a query."""
        return self.trained.adapt(support), support.x

    def predict(self, adapted: tuple[Params, Tensor], x: Tensor) -> Tensor:
        """Logits (m, 5)."""
        params, beside = adapted
        return torch.stack([self.trained.predict(params, torch.cat([beside, query[None]]))[-1] for query in x])


class NothingMoves(MetaLearner):
    """NIL, each query in a batch of the support images and itself."""

    one_by_one = True

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def adapt(self, support: Examples) -> Examples:
        """The support set."""
        return support

    def predict(self, support: Examples, x: Tensor) -> Tensor:
        """For each query the cosine to the support image of every class (m, 5): one shot each."""
        both = [F.normalize(self.body(torch.cat([support.x, query[None]])), dim=-1) for query in x]
        return torch.stack([f[:-1][support.y.argsort()] @ f[-1] for f in both])


def moved(start: MAML, tasks: Episodes, count: int) -> dict[str, float]:
    """How far the inner loop moves each weight tensor, as a share of its length: the mean over tasks."""
    stack, total = tasks.sample(count, torch.Generator().manual_seed(1)), dict[str, float]()
    for i in range(count):
        trace = start.trace(one_task(stack, i).support)
        for name, p in trace.steps[0].params.items():
            if p.ndim > 1 and p.norm() > 0:  # a head of zeros has no length
                share = ((trace.params[name] - p).norm() / p.norm()).item()
                total[name] = total.get(name, 0.0) + share / count
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", choices=("omniglot", "glyphs"), default="omniglot")
    parser.add_argument("--tasks", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = characters(options.source)
    test, rows = Episodes(data, ways=5, shots=1, queries=3, split="test"), {}
    for method, all_steps in STARTS.items():
        start = pretrained(method, data)
        assert isinstance(start, MAML) and isinstance(start.learner, nn.Sequential)
        head = find_head(start.learner)
        nothing = evaluate(NothingMoves(start.learner[:-1]), test, episodes=options.tasks, seed=1)
        for start.steps in all_steps:
            parts = {
                "everything": start,
                "head only": OnlyPart(start, lambda name, head=head: name.rpartition(".")[0] == head),
                "body only": OnlyPart(start, lambda name, head=head: name.rpartition(".")[0] != head),
            }
            found = {part: evaluate(Beside(m), test, episodes=options.tasks, seed=1) for part, m in parts.items()}
            found["nothing"] = nothing
            far = moved(start, test, 20)
            name = f"{method}, {start.steps} steps"
            rows[name] = {part: told(result, found["everything"]) for part, result in found.items()} | {"moved": far}
            for part, result in found.items():
                print(f"{name}, {part}: {result}", flush=True)
            print(f"{name}, moved: " + ", ".join(f"{layer} {share:.1%}" for layer, share in far.items()), flush=True)
    save(f"reuse_{options.source}", rows)


def told(result: Evaluation, everything: Evaluation) -> dict[str, float | list[float] | str]:
    """Accuracy, its interval, and the paired difference to an inner loop that moves everything."""
    gap = result.per_task - everything.per_task
    return {
        "accuracy": result.mean,
        "interval": result.interval,
        "minus everything": [gap.mean().item(), half_width(gap)],
        "dependencies": str(result.dependencies),
    }


if __name__ == "__main__":
    main()
