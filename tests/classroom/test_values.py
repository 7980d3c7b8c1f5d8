from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import tensor

from metalearn_course.classroom.mistakes import Mistake
from metalearn_course.classroom.values import expect_close, expect_kind, near, show


class Pair(NamedTuple):
    x: torch.Tensor
    y: torch.Tensor


NAN = float("nan")


@pytest.mark.parametrize(
    ("got", "like", "name", "words"),
    [
        (None, tensor(1.0), "returned_nothing", "`return`"),
        (1.0, tensor(1.0), "wrong_type", "a float; expected a float32 tensor of shape ()"),
        (tensor([1.0]), tensor(1.0), "wrong_shape", "(1,); expected ()"),
        (tensor(1), tensor(1.0), "wrong_dtype", "torch.int64; expected torch.float32"),
        (tensor(NAN), tensor(1.0), "not_finite", "is NaN"),
        (tensor([1.0, NAN, NAN]), torch.zeros(3), "not_finite", "2 of 3 values are NaN"),
        (tensor([1.0, -float("inf")]), torch.zeros(2), "not_finite", "infinity"),
        ({"w": tensor(1.0)}, {"w": tensor(1.0), "b": tensor(1.0)}, "wrong_structure", "lacks 'b'"),
        ({"w": 1.0, "v": 1.0}, {"w": 1.0}, "wrong_structure", "has 'v'"),
        ({"w": tensor([1.0])}, {"w": tensor(1.0)}, "wrong_shape", "result['w']"),
        ((1.0,), (1.0, 2.0), "wrong_structure", "1 parts; expected 2"),
        ([1.0], (1.0,), "wrong_type", "a list; expected a tuple"),
        (Pair(tensor(1.0), tensor(1.0)), Pair(tensor(1.0), tensor(1)), "wrong_dtype", "result.y"),
        ((tensor(1.0), tensor(1)), Pair(tensor(1.0), tensor(1)), "wrong_type", "a tuple; expected a Pair"),
        (True, 1, "wrong_type", "a bool"),
        (1, True, "wrong_type", "an int"),
        (NAN, 1.0, "not_finite", "is nan"),
        (np.ones(2), np.ones(3), "wrong_shape", "(2,)"),
        ("x", lambda: 0, "wrong_type", "a str"),
        (torch.zeros(2).double(), torch.zeros(2), "wrong_dtype", "torch.float64; expected torch.float32"),
        (tensor(1.0).half(), tensor(1.0), "wrong_dtype", "torch.float16; expected torch.float32"),
    ],
)
def test_every_difference_in_kind_has_its_name(got, like, name, words):
    with pytest.raises(Mistake) as caught:
        expect_kind(got, like)
    assert caught.value.name == name
    assert words in caught.value.message.replace("the result", "result")


@pytest.mark.parametrize(
    ("got", "like"),
    [
        (1, 1.0),
        (np.float64(1), 1.0),
        (np.int64(1), 1),
        (tensor([0.0, -float("inf")]), tensor([0.0, -float("inf")])),
        (Pair(tensor(1.0), tensor(1)), Pair(tensor(2.0), tensor(3))),
        ({"a": [1, 2]}, {"a": [3, 4]}),
        (None, None),
        (Pair(tensor(1.0), tensor(1)), (tensor(2.0), tensor(3))),
        (tensor(1.0).double(), tensor(1.0)),
        (tensor(1.0), tensor(1.0).double()),
    ],
)
def test_what_is_of_the_same_kind_passes(got, like):
    expect_kind(got, like)


def test_a_wrong_value_is_shown_small_whole_and_large_at_its_first_difference():
    with pytest.raises(Mistake, match=r"the mean of 1 and 3: got 4\.0, expected 2\.0"):
        expect_close(tensor(4.0), tensor(2.0), "the mean of 1 and 3")
    large = torch.zeros(5, 5)
    large[2, 3] = 7
    with pytest.raises(Mistake, match=r"1 of 25 values differ, first at \[2, 3\]: got 7, expected 0"):
        expect_close(large, torch.zeros(5, 5), "zeros")
    with pytest.raises(Mistake, match=r"params\['w'\]"):
        expect_close({"w": tensor(1.0)}, {"w": tensor(2.0)}, "params")


def test_near_sees_through_containers_and_shapes():
    assert near({"w": [tensor(1.0)]}, {"w": [tensor(1.0)]})
    assert not near({"w": [tensor(1.0)]}, {"w": [tensor(1.1)]})
    assert not near(torch.ones(3), torch.ones(1))
    assert not near({"w": 1.0}, {"v": 1.0})
    assert near("abc", "abc")
    assert near(None, None) and not near(None, tensor(0.0)) and not near(None, 0.0) and not near(tensor(0.0), None)


class Other(NamedTuple):
    params: torch.Tensor
    state: torch.Tensor


@pytest.mark.parametrize(
    ("got", "want", "agree"),
    [
        (Other(tensor(1.0), tensor(2.0)), (tensor(1.0), tensor(2.0)), True),
        (Other(tensor(2.0), tensor(1.0)), (tensor(1.0), tensor(2.0)), False),
        (Other(tensor(1.0), tensor(2.0)), Pair(tensor(1.0), tensor(2.0)), True),
        ({"w": Other(tensor(1.0), tensor(2.0))}, {"w": (tensor(1.0), tensor(2.0))}, True),
        ((tensor(1.0),), (tensor(1.0), tensor(2.0)), False),
        ({"b": tensor(2.0), "w": tensor(1.0)}, {"w": tensor(1.0), "b": tensor(2.0)}, True),
        (tensor([1.0, 2.0]), [1.0, 2.0], False),
    ],
)
def test_a_named_tuple_is_a_tuple_whatever_its_fields_are_called(got, want, agree):
    assert near(got, want) is agree


def test_a_difference_inside_is_told_with_the_way_there():
    with pytest.raises(Mistake, match=r"the step\[1\]: got 3\.0, expected 2\.0"):
        expect_close(Other(tensor(1.0), tensor(3.0)), (tensor(1.0), tensor(2.0)), "the step")


class Liar:
    """Says of itself that it is a tensor."""

    shape, dtype = torch.Size([2]), torch.float32

    @property
    def __class__(self):
        return torch.Tensor

    def __repr__(self):
        raise RuntimeError("no words for it")


def test_what_an_object_says_of_itself_does_not_count():
    with pytest.raises(Mistake, match="wrong_type"):
        expect_kind(Liar(), torch.ones(2))


def test_an_object_that_cannot_be_shown_is_described():
    class Mute:
        def __repr__(self):
            raise RuntimeError("no words for it")

    assert show(Mute()) == "a Mute"


def test_show_keeps_sentences_short():
    assert show(tensor([1.23456, 2.0])) == "[1.235, 2.0]"
    assert show(torch.zeros(20, 20)) == "a float32 tensor of shape (20, 20)"
    assert show(2.0 / 3) == "0.6667"
