"""What checks ask beyond the numbers, by answers that are known to keep or to break it."""

import pytest
import torch
from torch import tensor
from torch.func import vmap

from metalearn_course.classroom.answer import Answer
from metalearn_course.classroom.flow import expect_gradients, expect_under_vmap, gradient_at, gradients_at
from metalearn_course.classroom.mistakes import Mistake


def test_the_gradient_of_many_numbers_weighs_each_differently():
    leaf = tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    assert gradient_at(leaf.square(), leaf).tolist() == [-2.0, 0.0, 6.0, 16.0]  # weights -1, 0, 1, 2
    assert gradient_at(leaf.square().sum(), leaf).tolist() == [2.0, 4.0, 6.0, 8.0]


def test_no_way_back_is_none():
    leaf, other = tensor(1.0, requires_grad=True), tensor(1.0, requires_grad=True)
    assert gradient_at(leaf.detach() * 2, leaf) is None
    assert gradients_at(leaf * 2, {"leaf": leaf, "other": other}) == {"leaf": tensor(2.0), "other": None}


def test_a_value_that_was_written_over_is_named():
    leaf = tensor([1.0, 2.0], requires_grad=True)
    result = leaf.exp()
    result /= 2
    with pytest.raises(Mistake, match="a tensor was written into") as caught:
        gradient_at(result, leaf)
    assert caught.value.name == "overwrites"


@pytest.mark.parametrize(
    ("cut", "says"), [(lambda x: x.detach(), "no gradient arrives at `x`"), (lambda x: 2 * x, "another gradient")]
)
def test_a_gradient_that_does_not_arrive_whole_is_a_mistake(cut, says):
    x = tensor([1.0, 2.0], requires_grad=True)
    expect_gradients(x.square(), x * x, {"x": x}, "The encoder learns")
    with pytest.raises(Mistake, match=f"{says}.*The encoder learns: no `detach`") as caught:
        expect_gradients(cut(x), x, {"x": x}, "The encoder learns")
    assert caught.value.name == "cuts_gradient"


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda x: x[x > 1].sum(), "a mask such as"),
        (lambda x: torch.nn.functional.one_hot(x.long()).sum(0), "Give it the number of classes"),
        (lambda x: x.sum() if x.sum() > 0 else -x.sum(), "no `if` can ask about a number"),
    ],
)
def test_what_vmap_cannot_run_is_told_why(function, says):
    stack = tensor([[1.0, 2.0], [3.0, 0.0]])
    with pytest.raises(Mistake, match=says) as caught:
        expect_under_vmap(Answer(function, 5), lambda f: vmap(f)(stack), tensor([3.0, 3.0]))
    assert (caught.value.name, caught.value.seen_as) == ("breaks_under_vmap", "raised")


def test_advice_of_the_exercise_and_values_under_vmap():
    stack = tensor([[1.0, 2.0], [3.0, 0.0]])
    expect_under_vmap(Answer(torch.sum, 5), lambda f: vmap(f)(stack), tensor([3.0, 3.0]))
    with pytest.raises(Mistake, match=r"for three rows\. Take the mean\. What happened there"):
        expect_under_vmap(
            Answer(lambda x: x.item(), 5), lambda f: vmap(f)(stack), stack, "three rows", "Take the mean."
        )
    with pytest.raises(Mistake, match="`vmap` of `sum` for a stack of two tasks"):
        expect_under_vmap(Answer(torch.sum, 5), lambda f: vmap(f)(stack), tensor([3.0, 4.0]))
