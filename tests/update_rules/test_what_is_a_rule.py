"""What unroll takes for an update rule, and what it says to the rest."""

import pytest
import torch

from metalearn_course import SGD, LSTMOptimizer, unroll
from metalearn_course.update_rules import check_rule


class NoBeginning:
    def update(self, params, grads, state, loss):
        return params, state


OF_TORCH = torch.optim.SGD([torch.ones(1)], lr=0.1)


@pytest.mark.parametrize(
    "rule", [SGD, LSTMOptimizer, 0.1, {"lr": 0.1}, {0.1}, None, NoBeginning(), torch.optim.SGD, OF_TORCH]
)
def test_what_is_no_rule_is_refused_in_a_line(rule):
    with pytest.raises(TypeError, match=r"^rule=.* is no update rule; expected one such as SGD\(0\.1\)") as error:
        unroll(lambda params, _: params["w"].sum(), rule, {"w": torch.ones(2)}, [None])
    assert "\n" not in str(error.value)


def test_a_rule_is_what_has_init_and_update():
    class Own(NoBeginning):
        def init(self, params):
            return ()

    check_rule(Own())
    trace = unroll(lambda params, _: params["w"].sum(), Own(), {"w": torch.ones(2)}, [None])
    assert trace.params["w"].tolist() == [1, 1]
