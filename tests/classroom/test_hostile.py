"""Answers that hang, end Python, or leave something behind: each is called what it is, and nothing of it stays."""

import itertools
import os
import queue
import sys
import threading
import time
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from IPython.core.autocall import ExitAutocall, ZMQExitAutocall
from torch import tensor
from torch.func import grad

from metalearn_course.classroom import judge
from metalearn_course.classroom.answer import Answer
from metalearn_course.classroom.mistakes import Mistake, NotYet
from metalearn_course.classroom.places import is_cell
from metalearn_course.classroom.register import find


def mistake_of(function, *args, seconds=5.0, **kwargs):
    with pytest.raises(Mistake) as caught:
        Answer(function, seconds)(*args, **kwargs)
    return caught.value


def wait_for_a_lock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


@pytest.mark.skipif(sys.platform == "win32", reason="there, no signal reaches a thread that waits")
@pytest.mark.parametrize(
    "wait", [lambda: time.sleep(10**6), wait_for_a_lock, lambda: queue.Queue().get(), threading.Event().wait]
)
def test_waiting_is_stopped(wait):
    assert mistake_of(wait, seconds=0.1).name == "timeout"


@pytest.mark.parametrize(
    "consume",
    [
        lambda: sum(itertools.repeat(0)),
        lambda: any(itertools.repeat(0)),
        lambda: all(map(abs, itertools.repeat(1))),
        lambda: max(itertools.repeat(0)),
        lambda: min(zip(itertools.repeat(0), strict=True)),
    ],
)
def test_an_endless_iterator_is_stopped(consume):
    assert mistake_of(consume, seconds=0.1).name == "timeout"


def test_consumers_give_what_they_always_give_and_are_put_back():
    def consume():
        return sum(iter([1, 2]), 3), sum([[1]], [2]), max(1, 2), max(iter("ab"), key=ord), any(iter([0])), all([])

    before = sum, any, all, max, min
    assert Answer(consume)() == (6, [2, 1], 2, "b", False, True)
    assert (sum, any, all, max, min) == before


def leave(code):
    raise SystemExit(code)


@pytest.mark.parametrize("end", [sys.exit, lambda: sys.exit("stop"), lambda: leave(0)])
def test_ending_python_ends_the_answer_only(end):
    mistake = mistake_of(end)
    assert mistake.name == "raised" and "ends Python" in mistake.message


@pytest.mark.parametrize("kind", [ExitAutocall, ZMQExitAutocall])
@pytest.mark.parametrize("end", [lambda: os._exit(3), lambda: os.abort(), None])
def test_leaving_at_once_and_a_notebooks_exit_end_the_answer_only(kind, end):
    """`None` is IPython's `exit`: it ends the answer, and the shell is not asked to end."""
    asked = []
    shell = SimpleNamespace(ask_exit=lambda: asked.append("exit"), keepkernel_on_exit=None)
    before = os._exit, os.abort, ExitAutocall.__call__, ZMQExitAutocall.__call__
    mistake = mistake_of(end or kind(shell))
    assert mistake.name == "raised" and "ends Python" in mistake.message and not asked
    assert (os._exit, os.abort, ExitAutocall.__call__, ZMQExitAutocall.__call__) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on Windows")
def test_a_child_of_an_answer_still_ends():
    def forks():
        child = os.fork()
        if child == 0:
            os._exit(7)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert Answer(forks)() == 7


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Deaf(BaseException):
    pass


def throw(error):
    raise error


@pytest.mark.parametrize("error", [Mute(), Deaf("gone"), GeneratorExit()])
def test_any_exception_is_told(error):
    mistake = mistake_of(throw, error)
    assert mistake.name == "raised" and f"raised {type(error).__name__}" in mistake.message


async def later(losses):
    return losses


async def yields_later(losses):
    yield losses


def yields(losses):
    yield losses


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (later, "begins with `async`"),
        (yields_later, "begins with `async`"),
        (yields, "a generator"),
        (lambda losses: (loss for loss in losses), "a generator"),
    ],
)
def test_what_computes_nothing_when_it_is_called_is_named(answer, words):
    verdict = judge("expected_risk", answer)
    assert verdict.mistake == "wrong_type" and words in verdict.message


def patch(space, name, value):
    setattr(space, name, value)


LEFT = {
    "default dtype": (lambda: torch.set_default_dtype(torch.float64), torch.get_default_dtype),
    "device": (lambda: torch.set_default_device("meta"), lambda: torch.ones(1).device.type),
    "gradients": (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled),
    "anomaly mode": (lambda: torch.autograd.set_detect_anomaly(True), torch.is_anomaly_enabled),
    "filters": (lambda: warnings.simplefilter("error"), lambda: list(warnings.filters)),
    "folder": (lambda: os.chdir(os.sep), os.getcwd),
    "environment": (lambda: os.environ.update(ANSWER="left"), lambda: os.environ.get("ANSWER")),
    "screen": (lambda: patch(sys, "stdout", None), lambda: sys.stdout),
    "isclose": (lambda: patch(torch, "isclose", lambda *a, **k: tensor(True)), lambda: torch.isclose),
    "mean": (lambda: patch(torch.Tensor, "mean", lambda self: 0), lambda: torch.Tensor.mean),
    "new on tensors": (lambda: patch(torch.Tensor, "size", lambda self: 0), lambda: "size" in vars(torch.Tensor)),
    "abs": (
        lambda: patch(__builtins__ if not isinstance(__builtins__, dict) else __import__("builtins"), "abs", id),
        lambda: abs,
    ),
    "numpy": (lambda: patch(np, "isclose", None), lambda: np.isclose),
}


@pytest.mark.parametrize("what", LEFT)
def test_what_an_answer_leaves_behind_is_put_back(what):
    leave_behind, look = LEFT[what]
    before = look()
    Answer(leave_behind)()
    assert look() == before


def test_the_screen_cannot_be_closed_and_shows_no_endless_text(capsys):
    def close():
        print("said")
        sys.stdout.close()
        sys.stderr.close()

    def talk():
        for _ in range(10_000):
            print("and so on")

    Answer(close)()
    Answer(talk)()
    print("still open")
    out = capsys.readouterr().out
    assert out.startswith("said\n") and out.endswith("still open\n")
    assert "more was printed" in out and len(out) < 25_000


def test_a_patched_comparison_lets_no_wrong_answer_pass():
    def cheat(first, second):
        torch.isclose = lambda *args, **kwargs: tensor(True)
        return first - second

    assert judge("add_stars", cheat).mistake == "wrong_value"


class Liar(torch.Tensor):
    @property
    def shape(self):
        return torch.Size([2])

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function in (torch.isclose, torch.allclose):
            return tensor(True)
        return super().__torch_function__(function, types, args, kwargs or {})


def test_a_tensor_that_lies_about_its_shape_and_value_passes_nothing():
    lie = judge("add_stars", lambda first, second: torch.zeros(1).as_subclass(Liar))
    assert lie.mistake == "wrong_shape" and "(1,)" in lie.message
    assert judge("add_stars", lambda first, second: (first - second).as_subclass(Liar)).mistake == "wrong_value"
    assert judge("add_stars", lambda first, second: (first + second).as_subclass(Liar)).status == "solved"


def test_a_notebook_on_another_device_is_judged_as_others_are():
    torch.set_default_device("meta")
    try:
        right, wrong = (judge("add_stars", answer) for answer in (torch.add, torch.sub))
        assert torch.get_default_device().type == "meta"
    finally:
        torch.set_default_device(None)
    assert (right.status, wrong.mistake) == ("solved", "wrong_value")


def marks(x):
    x.requires_grad_()


def goes_back(x):
    (x * 1).sum().backward()


@pytest.mark.parametrize("mark", [marks, goes_back])
def test_what_functorch_says_is_said_in_words(mark):
    def loss(x):
        mark(x)
        return x.sum()

    with pytest.raises(Mistake, match=r"`torch\.func\.grad\(loss\)\(params\)` gives the gradient") as caught:
        Answer(loss).within(lambda function: grad(function)(torch.ones(2)))
    assert "functorch" not in caught.value.message and "of test_hostile.py: `" in caught.value.message


@pytest.mark.parametrize(
    "name",
    [
        "/tmp/ipykernel_12/345.py",
        "<ipython-input-3-0a1b2c>",
        "/tmp/ipython-input-3-2718281828.py",
        "/tmp/ipython-input-2718281828.py",
        "vscode-notebook-cell:/home/me/02_many_tasks.ipynb#X10sZmlsZQ%3D%3D",
        "/tmp/xpython_42/3141.py",
    ],
)
def test_cells_are_known_by_the_names_of_all_notebooks(name):
    assert is_cell(name)
    scope = {}
    exec(compile("def stub(x):\n    raise NotImplementedError", name, "exec"), scope)
    exec(compile("def caller(x):\n    return stub(x)", name.replace("3", "7"), "exec"), scope)
    with pytest.raises(NotYet) as caught:
        Answer(scope["caller"])(tensor(1.0))
    assert caught.value.function == "stub"
    assert judge("add_stars", lambda first, second: scope["caller"](first)).status == "not_yet"


def test_a_stub_in_a_file_of_the_learners_is_still_to_be_written(tmp_path, monkeypatch):
    (tmp_path / "my_helpers.py").write_text("def helper(x):\n    raise NotImplementedError\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    helper = __import__("my_helpers").helper
    verdict = judge("add_stars", lambda first, second: helper(first))
    assert verdict.status == "not_yet" and "calls `helper`" in verdict.message
    unsupported = judge("add_stars", lambda first, second: torch.nn.Module()(first))
    assert unsupported.mistake == "raised"
    library = judge("add_stars", lambda first, second: torch.optim.Optimizer([first], {}).step())
    assert library.mistake == "raised"


def test_a_backward_inside_an_answer_is_named():
    def used_up(x):
        loss = (x * x).sum()
        loss.backward()
        return loss

    def asks(answer):
        x = tensor([1.0, 2.0], requires_grad=True)
        torch.autograd.grad(answer(x), x)
        return "right"

    exercise = find("add_stars")
    verdict = type(exercise)(**{**vars(exercise), "check": asks}).judge(used_up)
    assert verdict.mistake == "frees_graph" and "`torch.func.grad`" in verdict.message
    assert type(exercise)(**{**vars(exercise), "check": asks}).judge(lambda x: (x * x).sum()).status == "solved"


def test_only_a_check_that_fails_by_itself_says_so():
    exercise = find("add_stars")
    broken = type(exercise)(**{**vars(exercise), "check": lambda answer: 1 / 0})
    assert broken.judge(plus).mistake == "check_error"


def plus(first, second):
    return first + second


@pytest.mark.parametrize("numbers", [np.array([11.0, 22.0]), [11.0, 22.0], "stars", object(), {"w": 1}, np.float32(3)])
def test_what_is_no_tensor_is_called_so(numbers):
    verdict = judge("add_stars", lambda first, second: numbers)
    assert verdict.mistake == "wrong_type", verdict.message
