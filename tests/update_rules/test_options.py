"""What rules are made with: checked at once, in a line that names the value; and what they tell about themselves."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from metalearn_course import (
    SGD,
    Adam,
    CoordinateRates,
    LearnedRate,
    LSTMOptimizer,
    MetaLSTMGates,
    MLPOptimizer,
    Momentum,
    log_and_sign,
    mlp,
    unroll,
)
from metalearn_course._common.options import options
from metalearn_course.update_rules.log_and_sign import LARGEST_P

PARAMS = {"w": torch.tensor([1.0, -2.0, 0.5])}


def named(value=0.01):
    return CoordinateRates({"w": torch.zeros(2)}, value)


@pytest.mark.parametrize(
    ("rule", "option", "value", "expected"),
    [
        *[(LSTMOptimizer, "p", p, "between 0 and 87") for p in (0, -10, 200, math.nan, "10")],
        *[(MetaLSTMGates, "p", p, "between 0 and 87") for p in (0, -10, 200)],
        (MetaLSTMGates, "input_bias", math.nan, "a finite number"),
        (MetaLSTMGates, "forget_bias", math.inf, "a finite number"),
        (LSTMOptimizer, "scale", math.nan, "between 0 and inf"),
        *[(LSTMOptimizer, "hidden", n, "at least 1") for n in (0, 2.5, "a")],
        *[(LSTMOptimizer, "layers", n, "at least 1") for n in (0, 2.0, None)],
        (MLPOptimizer, "hidden", 0, "at least 1"),
        *[(MLPOptimizer, "bound", x, "between 0 and inf") for x in (0, -5, math.inf, torch.ones(2))],
        *[(MLPOptimizer, "lr", x, "between 0 and inf") for x in (0, -1, math.nan)],
        *[(MLPOptimizer, "epsilon", x, "between 0 and inf") for x in (0.0, None)],
        *[(LearnedRate, "lr", x, "between 0 and inf") for x in (0.0, -0.1, math.nan, math.inf, 10**400, "1", True)],
        *[(named, "value", x, "a finite number") for x in (math.nan, -math.inf, "a")],
    ],
)
def test_an_option_out_of_range_is_refused_by_name(rule, option, value, expected):
    called = "lr" if rule is named else option
    with pytest.raises(ValueError, match=rf"^{called}=.*; expected .*{expected}") as error:
        rule(**{option: value})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"decays": (0.9, 1.0)}, r"decays\[1\]=1\.0; expected a number between 0 and 1, both excluded"),
        ({"decays": (0.9, 2.0)}, r"decays\[1\]=2\.0; expected"),
        ({"decays": (-0.5, 0.9)}, r"decays\[0\]=-0\.5; expected"),
        ({"decays": 0.9}, r"decays=0\.9; expected several numbers"),
        ({"decays": "0.9"}, r"decays\[0\]='0'; expected a number"),
        ({"decays": (0.5, 0.99)}, r"decays=\(0.5, 0.99\); expected 0.9 among them"),
        ({"scales": (0,)}, r"scales\[0\]=0; expected a number between 0 and inf"),
        ({"scales": (3, math.inf)}, r"scales\[1\]=inf; expected"),
    ],
)
def test_decays_and_scales_out_of_range_are_refused_by_place(given, message):
    with pytest.raises(ValueError, match=rf"^{message}"):
        MLPOptimizer(**given)


@pytest.mark.parametrize(
    "params",
    [
        {},
        [],
        mlp(2, 2, 1).parameters(),
        [torch.ones(2, 2)],  # a matrix of two columns looks like pairs
        mlp(2, 2, 1),
        torch.ones(3),
        None,
    ],
)
def test_rates_for_nothing_or_for_parameters_without_names_are_refused(params):
    with pytest.raises(ValueError, match=r"^params \(\w+\) holds no named parameters; .*named_parameters\(\)\)\.$"):
        CoordinateRates(params)


def test_rates_may_be_zero_or_negative():
    assert named(0.0).rates[0].tolist() == [0, 0] and named(-0.5).rates[0].tolist() == [-0.5, -0.5]


@pytest.mark.parametrize("p", [1e-3, 1.0, 80.0, math.nextafter(LARGEST_P, 0)])
def test_every_p_that_is_let_through_reads_all_of_float32(p):
    """Beyond the bound, 0 is read as -inf or NaN: e^88.8 is above 3.4e38, and e^-104 is 0."""
    LSTMOptimizer(2, p=p)
    x = torch.tensor([0.0, 1e-45, 1e-38, 1e-10, 1.0, 3e38], requires_grad=True)
    (slope,) = torch.autograd.grad(log_and_sign(torch.cat([x, -x]), p).sum(), x)
    assert log_and_sign(x, p).isfinite().all() and slope.isfinite().all()
    assert not any(log_and_sign(torch.tensor(0.0), beyond).isfinite().all() for beyond in (88.8, 104.0))


def test_numbers_from_numpy_and_torch_become_pythons_own():
    wide = MLPOptimizer(np.int64(4), np.float32(0.5), np.array([0.5, 0.9]), torch.tensor([3, 10]), bound=np.float64(2))
    deep = LSTMOptimizer(np.int64(4), np.int32(1), p=np.float64(7), scale=np.float32(0.5))
    assert {type(v) for v in options(wide).values()} == {int, float, list}
    assert {type(v) for v in options(deep).values()} == {int, float}
    torch.testing.assert_close(wide.decays, torch.tensor([0.5, 0.9]), rtol=0, atol=0)
    new, _ = wide.update(PARAMS, PARAMS, wide.init(PARAMS), torch.tensor(0.0))
    assert new["w"].dtype == torch.float32
    assert LearnedRate(np.float32(1.0)).log_lr == 0 and named(np.float64(0.5)).rates[0][0] == 0.5


@pytest.fixture
def in_double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("make", [LearnedRate, MetaLSTMGates, lambda: LSTMOptimizer(4), lambda: MLPOptimizer(4)])
def test_rules_are_made_in_the_default_precision(make, in_double):
    trace = unroll(lambda params, _: (params["w"] ** 2).sum(), make(), {"w": torch.ones(3)}, [None] * 2)
    assert trace.params["w"].dtype == torch.float64


@pytest.mark.parametrize("rule", [Adam(0.1), MetaLSTMGates(), LSTMOptimizer(2), MLPOptimizer(2)])
def test_no_parameters_are_refused_in_a_line(rule):
    with pytest.raises(ValueError, match=r"^params=\{\} holds no tensor; expected at least one to update\. Give"):
        rule.init({})


def test_options_are_public_numbers_and_words_and_not_phi():
    assert options(Momentum(0.1)) == {"lr": 0.1, "momentum": 0.9}
    assert options(SGD(torch.tensor(0.5))) == {"lr": 0.5}
    assert options(SGD(torch.tensor(0.5, requires_grad=True))) == {} == options(LearnedRate(0.1))
    assert options(LSTMOptimizer(3, p=7)) == {"hidden": 3, "layers": 2, "p": 7.0, "scale": 0.1}
    given = {"hidden": 4, "lr": 0.01, "bound": 5.0, "epsilon": 1e-12, "adam": 0}
    assert options(MLPOptimizer(4, decays=(0.9, 0.5), scales=(3,))) == given | {
        "decays": torch.tensor([0.9, 0.5]).tolist(),
        "scales": [3.0],
    }

    class Nested(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.word, self._hidden = MetaLSTMGates(), "steep", 3

    assert options(Nested()) == {"word": "steep", "inner.p": 10.0}
    assert options(Nested(), "rule") == {"rule.word": "steep", "rule.inner.p": 10.0}
