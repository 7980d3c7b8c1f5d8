import contextlib
import signal
import time

import pytest
import torch
from torch import tensor
from torch.func import vmap

from metalearn_course.classroom.answer import Answer
from metalearn_course.classroom.mistakes import Mistake, NotYet


def mistake_of(function, *args, seconds=5.0, **kwargs):
    with pytest.raises(Mistake) as caught:
        Answer(function, seconds)(*args, **kwargs)
    return caught.value


def plain_loop():
    while True:
        pass


def swallowing_loop():
    while True:
        try:
            time.perf_counter()
        except:  # noqa: E722
            print(end="")


def swallowing_base_exception():
    while True:
        try:
            while True:
                torch.ones(10).sum()
        except BaseException:
            continue


def loop_three_deep():
    def inner():
        while True:
            try:
                while True:
                    with contextlib.suppress(BaseException):
                        time.perf_counter()
            except:  # noqa: E722
                continue

    while True:
        try:
            inner()
        except BaseException:
            inner()


def backward_loop():
    x = torch.ones(3, requires_grad=True)
    while True:
        (x * 2).sum().backward()


def loop_under_vmap():
    def one(x):
        while True:
            try:
                x = x + 1
            except:  # noqa: E722
                print(end="")

    return vmap(one)(torch.ones(4))


def generator_loop():
    return sum(1 for _ in iter(int, 1))


@pytest.mark.parametrize(
    "loop",
    [
        plain_loop,
        swallowing_loop,
        swallowing_base_exception,
        loop_three_deep,
        backward_loop,
        loop_under_vmap,
        generator_loop,
    ],
)
def test_an_endless_loop_is_stopped(loop):
    start = time.perf_counter()
    mistake = mistake_of(loop, seconds=0.1)
    assert mistake.name == "timeout"
    assert "0.1 s" in mistake.message
    assert time.perf_counter() - start < 5


def test_an_interrupt_at_the_last_moment_hits_nobody_else():
    handler = signal.getsignal(signal.SIGINT)
    ended = {"in time": 0, "timeout": 0}

    def busy(seconds):
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            pass

    for step in range(60):
        try:
            Answer(busy, 0.01)(0.01 + 0.001 * step)
            ended["in time"] += 1
        except Mistake as mistake:
            ended[mistake.name] += 1
    assert sum(ended.values()) == 60
    assert ended["timeout"] > 0
    assert signal.getsignal(signal.SIGINT) is handler


def test_stopping_a_loop_leaves_torchs_switches_as_they_were():
    def without_gradients():
        with torch.no_grad():
            while True:
                try:
                    torch.ones(2).sum()
                except BaseException:
                    continue

    for loop in (without_gradients, loop_under_vmap):
        assert mistake_of(loop, seconds=0.1).name == "timeout"
        assert torch.is_grad_enabled()
        torch.ones(1).requires_grad_()


def test_a_real_interrupt_still_interrupts(request):
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job may ignore it
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, previous))

    def function():
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        Answer(function)()


def test_an_exception_is_reported_with_its_line():
    def divide(x):
        return x / [0]

    mistake = mistake_of(divide, tensor(1.0))
    assert mistake.name == "raised"
    assert "`divide` raised TypeError" in mistake.message
    assert "of test_guard.py: `return x / [0]`" in mistake.message


def test_a_stub_is_no_mistake_but_a_missing_torch_feature_is():
    def stub():
        raise NotImplementedError

    def caller():
        return stub()

    with pytest.raises(NotYet) as caught:
        Answer(caller)()
    assert caught.value.function == "stub"

    def unsupported():
        return torch.sparse_coo_tensor([[0]], [1.0], (2,)).view(1, 2)

    assert mistake_of(unsupported).name == "raised"


def test_changes_are_named_by_the_learners_argument_and_taken_back():
    def update(params, rates):
        params["w"] -= 1
        return params

    params = {"w": torch.zeros(2), "b": torch.ones(1)}
    mistake = mistake_of(update, params, [1.0])
    assert mistake.name == "changes_inputs"
    assert "`params['w']`" in mistake.message
    assert params["w"].tolist() == [0, 0]


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.append(1),
        lambda values: values.pop(),
        lambda values: values[0].add_(1),
        lambda values: values.__setitem__(0, torch.zeros(2)),
        lambda values: values.reverse(),
    ],
)
def test_every_change_of_a_list_is_seen_and_taken_back(change):
    values = [torch.zeros(2), torch.ones(2), tensor([float("nan")])]
    before = list(values)
    assert mistake_of(lambda given: change(given), values).name == "changes_inputs"
    assert all(one is other for one, other in zip(values, before, strict=True))
    assert values[0].tolist() == [0, 0]


def test_gradients_reach_the_checks_own_tensors_and_leave_no_trace():
    start = torch.ones(2, requires_grad=True)

    def loss(x):
        (x * 5).sum().backward()
        return (3 * x).sum()

    result = Answer(loss)(start, like=tensor(0.0))
    assert start.grad is None
    assert torch.autograd.grad(result, start)[0].tolist() == [3, 3]


def test_drawing_from_a_generator_is_no_change():
    generator = torch.Generator().manual_seed(0)
    draw = Answer(lambda generator: torch.rand(2, generator=generator))
    assert not torch.equal(draw(generator), draw(generator))


def test_within_guards_any_expression():
    assert Answer(lambda x: 2 * x).within(lambda f: vmap(f)(torch.ones(3)), like=torch.ones(3)).tolist() == [2, 2, 2]
    with pytest.raises(Mistake, match="wrong_shape"):
        Answer(lambda x: 2 * x).within(lambda f: vmap(f)(torch.ones(3)), like=torch.ones(4))
