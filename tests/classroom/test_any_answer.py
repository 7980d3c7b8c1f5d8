"""Whatever a learner's function returns, no check of the course fails by itself."""

import numpy as np
import pytest
import torch

from metalearn_course.classroom.register import all_exercises


class Strange:
    """Answers to nothing."""

    __hash__ = None

    def __eq__(self, other):
        raise RuntimeError("not comparable")

    def __repr__(self):
        raise RuntimeError("no words")

    def __len__(self):
        return -1

    def __getattr__(self, name):
        raise RuntimeError(f"no {name}")


def uses_up(*args, **kwargs):
    """Calls `backward` on whatever of the inputs can have a gradient, and returns one number."""
    leaves = [value for value in args if isinstance(value, torch.Tensor) and value.is_floating_point()]
    loss = sum(((leaf * leaf).sum() for leaf in leaves), torch.ones((), requires_grad=True) * 1.0)
    loss.backward()
    return loss


ODD = {
    "an array": lambda *args: np.ones(2),
    "a text": lambda *args: "words",
    "a number": lambda *args: 3.5,
    "a truth": lambda *args: True,
    "a list": lambda *args: [None],
    "a tuple": lambda *args: (torch.ones(2), None),
    "a dict": lambda *args: {"w": "words"},
    "nothing in a tensor": lambda *args: torch.ones(0),
    "a tensor of five axes": lambda *args: torch.ones(1, 2, 1, 2, 1),
    "a complex tensor": lambda *args: torch.ones(2, dtype=torch.complex64),
    "a sparse tensor": lambda *args: torch.eye(3).to_sparse(),
    "a tensor without numbers": lambda *args: torch.ones(2, device="meta"),
    "itself": lambda *args: ODD,
    "its inputs": lambda *args: args,
    "something strange": lambda *args: Strange(),
    "strange things inside": lambda *args: (Strange(), {"w": Strange()}),
    "a used up graph": uses_up,
}


@pytest.mark.parametrize("name", list(all_exercises()))
def test_no_check_fails_by_itself(name):
    for what, answer in ODD.items():
        verdict = all_exercises()[name].judge(answer, seconds=2)
        assert verdict.mistake not in (None, "check_error"), f"{what}: {verdict}"
