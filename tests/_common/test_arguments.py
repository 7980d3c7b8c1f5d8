"""Every public constructor takes numbers of numpy as it takes Python's, and refuses what is no number, by name."""

import inspect
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import metalearn_course as course
from metalearn_course._common.arguments import number, numbers, whole
from metalearn_course.tasks import PointClouds

COURSE = {name: getattr(course, name) for name in course.__all__ if name != "claim"}
C = SimpleNamespace(**COURSE)


def net():
    return C.mlp(4, 3, 2)


def images():
    ink = torch.full((6, 5, 28, 28), 255, dtype=torch.uint8)
    return C.Characters(ink, ["A"] * 6, list("abcdef"), {"train": torch.arange(6)}, "ink")


def pool():
    return C.Examples(torch.zeros(20, 2), torch.arange(20) % 4)


def whole_of(make, **good):
    return [(make, name, value, "whole") for name, value in good.items()]


def real_of(make, **good):
    return [(make, name, value, "number") for name, value in good.items()]


def readers():
    for reader in (C.Reader, C.LSTMReader, C.MemoryAugmented, C.SNAIL, C.MetaNetworks):
        own = {
            C.LSTMReader: {"hidden": 3},
            C.MemoryAugmented: {"slots": 4, "width": 3, "hidden": 3},
            C.SNAIL: {"width": 3},
            C.MetaNetworks: {"hidden": 3},
        }.get(reader, {})
        yield from whole_of(lambda reader=reader, **o: reader(**{"features": 4, "ways": 2} | o), features=5, ways=3)
        yield from whole_of(lambda reader=reader, **o: reader(features=4, ways=2, **o), **own)


def inner_loops():
    for method in (C.MAML, C.ANIL, C.ZeroHeadMAML, C.MAMLPlusPlus, C.MetaSGD, C.MetaLSTM, C.Reptile, C.ImplicitMAML):
        yield from whole_of(lambda method=method, **o: method(net(), **o), steps=3)
        yield from real_of(lambda method=method, **o: method(net(), **o), lr=0.25)


ARGUMENTS = [
    # tasks
    *whole_of(lambda **o: C.Sinusoids(**o), shots=3, queries=4),
    *whole_of(lambda **o: PointClouds(**o), ways=3, shots=3, queries=4, dimensions=2),
    *whole_of(lambda **o: C.Quadratics(**o), dimensions=3),
    *whole_of(lambda **o: C.Regressions(**o), dimensions=3, shots=3, queries=4, different=5, seed=6),
    *real_of(lambda **o: C.Regressions(**o), noise=0.25),
    *whole_of(lambda **o: C.Bandits(**o), arms=3, pulls=4),
    *whole_of(lambda **o: C.Episodes(**{"characters": images(), "ways": 2, "shots": 1, "queries": 1} | o), ways=3),
    *whole_of(lambda **o: C.Episodes(**{"characters": images(), "ways": 2, "shots": 1, "queries": 1} | o), shots=2),
    *whole_of(lambda **o: C.Episodes(**{"characters": images(), "ways": 2, "shots": 1, "queries": 1} | o), queries=2),
    *whole_of(lambda **o: C.MiniBatches(pool(), "mine", **{"queries": 2} | o), queries=3, size=8),
    *whole_of(lambda **o: C.digits(**o), components=3, queries=5, size=20),
    *whole_of(lambda **o: C.table("iris", **{"queries": 5} | o), queries=6, size=20),
    # learners
    *whole_of(lambda **o: C.linear(**{"inputs": 4, "outputs": 2} | o), inputs=3, outputs=3),
    *whole_of(lambda **o: C.conv4(**{"outputs": 2, "width": 8} | o), outputs=3, width=9),
    *whole_of(lambda **o: C.conv_strided(**{"outputs": 2} | o), outputs=3, channels=3, size=9),
    # update rules
    *real_of(lambda **o: C.SGD(**o), lr=0.25),
    *real_of(lambda **o: C.Momentum(**{"lr": 0.5} | o), lr=0.25, momentum=0.25),
    *real_of(lambda **o: C.Nesterov(**{"lr": 0.5} | o), lr=0.25, momentum=0.25),
    *real_of(lambda **o: C.RMSprop(**{"lr": 0.5} | o), lr=0.25, decay=0.25, epsilon=0.25),
    *real_of(lambda **o: C.Adam(**{"lr": 0.5} | o), lr=0.25, beta1=0.25, beta2=0.25, epsilon=0.25),
    *real_of(lambda **o: C.LearnedRate(**o), lr=0.25),
    *real_of(lambda **o: C.CoordinateRates({"w": torch.zeros(2)}, **o), lr=0.25),
    *real_of(lambda **o: C.MetaLSTMGates(**o), forget_bias=0.25, input_bias=0.25, p=2.5),
    *whole_of(lambda **o: C.LSTMOptimizer(**{"hidden": 4, "layers": 1} | o), hidden=3, layers=2),
    *real_of(lambda **o: C.LSTMOptimizer(4, 1, **o), p=2.5, scale=0.25),
    *whole_of(lambda **o: C.MLPOptimizer(**o), hidden=3),
    *real_of(lambda **o: C.MLPOptimizer(4, **o), lr=0.25, bound=2.5, epsilon=0.25),
    # meta-learners
    *inner_loops(),
    *whole_of(lambda **o: C.FineTuned(net(), **o), steps=3),
    *real_of(lambda **o: C.FineTuned(net(), **o), lr=0.25),
    *whole_of(lambda **o: C.FineTuned(net(), **{"features": 2, "classes": 5} | o), features=3, classes=6),
    *whole_of(lambda **o: C.Reptile(net(), **o), batch=2),
    *whole_of(lambda **o: C.ImplicitMAML(net(), **o), cg_steps=2),
    *real_of(lambda **o: C.ImplicitMAML(net(), **o), proximal_weight=0.25),
    *whole_of(lambda **o: C.Siamese(net(), **o), features=3),
    *real_of(lambda **o: C.Siamese(net(), 2, **o), margin=0.25),
    *real_of(lambda **o: C.Matching(net(), **o), scale=0.25),
    *real_of(lambda **o: C.NIL(C.MAML(net()), **o), scale=0.25),
    *real_of(lambda **o: C.Prototypical(net(), **o), scale=0.25),
    *whole_of(lambda **o: C.Relation(net(), **o), channels=3, hidden=9),
    *readers(),
    *real_of(lambda **o: C.MemoryAugmented(4, 2, **o), scale=0.25, decay=0.25),
    *real_of(lambda **o: C.MetaNetworks(4, 2, **o), scale=0.25),
    *real_of(lambda **o: C.LogisticRegression(net(), **o), c=0.25),
    *whole_of(lambda **o: C.InContext(**{"inputs": 3} | o), inputs=2, width=8, layers=1, heads=2),
    *whole_of(lambda **o: C.LinearAttention(**o), inputs=3),
    *whole_of(lambda **o: C.Labeler(**o), budget=3, hidden=4),
    *whole_of(lambda **o: C.Asker(**o), questions=3, hidden=4),
    *whole_of(lambda **o: C.RL2(**o), arms=3, hidden=4),
    *real_of(lambda **o: C.RL2(**o), entropy=0.25, discount=0.25),
    *whole_of(lambda **o: C.NeuralProcess(**{"width": 4} | o), inputs=2, outputs=2, width=3),
    *whole_of(lambda **o: C.TrainedBy(net(), C.SGD(0.1), **o), steps=3, batch=2),
    *real_of(lambda **o: C.TrainedBy(net(), C.SGD(0.1), **o), scaling=0.25),
    # estimators
    *whole_of(lambda **o: C.Truncated(**o), truncation=3),
    *whole_of(lambda **o: C.EvolutionStrategies(**o), pairs=3),
    *real_of(lambda **o: C.EvolutionStrategies(**o), sigma=0.25),
    *[case for e in (C.TruncatedES, C.PES) for case in whole_of(lambda e=e, **o: e(**{"truncation": 2} | o), pairs=3)],
    *[case for e in (C.TruncatedES, C.PES) for case in whole_of(lambda e=e, **o: e(**o), truncation=3)],
    *[case for e in (C.TruncatedES, C.PES) for case in real_of(lambda e=e, **o: e(2, **o), sigma=0.25)],
]
FUNCTIONS = {
    "meta_train": lambda **o: C.meta_train(C.MAML(net()), PointClouds(ways=2), **{"steps": 1} | o),
    "evaluate": lambda **o: C.evaluate(C.NearestNeighbor(), PointClouds(), **o),
    "compare": lambda **o: C.compare({"nearest": C.NearestNeighbor()}, PointClouds(), **o),
    "instance_accuracy": lambda **o: C.instance_accuracy(C.LSTMReader(4, 3), PointClouds(), **o),
    "curves": lambda **o: C.curves(C.TrainedBy(net(), C.SGD(0.1)), PointClouds(), **o),
    "tune": lambda **o: C.tune(C.SGD, (0.1, 1), PointClouds(), C.TrainedBy(net(), C.SGD(0.1)), **o),
    "log_and_sign": lambda **o: C.log_and_sign(torch.ones(2), **o),
    "digits": lambda **o: C.digits(**o),
    "table": lambda **o: C.table("iris", **o),
    "images_from_folder": lambda **o: C.images_from_folder("nowhere", **o),
    "lake_runs": lambda **o: C.lake_runs(**o),
    "linear": lambda **o: C.linear(**{"inputs": 4, "outputs": 2} | o),
    "conv4": lambda **o: C.conv4(**{"outputs": 2} | o),
    "conv_strided": lambda **o: C.conv_strided(**{"outputs": 2} | o),
}
NUMBER = re.compile(r"(int|float)( \| (None|Tensor))?")  # what a signature says of a number


def number_arguments(public):
    parameters = inspect.signature(public).parameters.values()
    return [p.name for p in parameters if NUMBER.fullmatch(str(p.annotation)) and p.kind is not p.VAR_POSITIONAL]


def of(case):
    made = case[0](**{case[1]: case[2]})
    return f"{type(made).__name__} {case[1]}"


def looks(made):
    """All that a number can have gone into: plain attributes with their types, and tensors with their values."""
    torch_ones = made.state_dict() if isinstance(made, nn.Module) else {}
    found = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in torch_ones.items()}
    for owner in made.modules() if isinstance(made, nn.Module) else [made]:
        for name, value in vars(owner).items():
            if not name.startswith("_") and (
                isinstance(value, (bool, int, float, str, np.generic)) or type(value) is tuple
            ):
                found[f"{type(owner).__name__}.{name}"] = (type(value), value)
    return found


@pytest.mark.parametrize("case", ARGUMENTS, ids=of)
def test_a_number_of_numpy_is_taken_as_pythons(case):
    make, name, value, kind = case
    kinds = (np.int64, np.uint8) if kind == "whole" else (np.float64, np.float32)
    for numpys in kinds:
        torch.manual_seed(0)
        ours = make(**{name: value})
        torch.manual_seed(0)
        theirs = make(**{name: numpys(value)})
        assert looks(theirs) == looks(ours), numpys
        if isinstance(ours, nn.Module):
            torch.testing.assert_close(theirs.state_dict(), ours.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("case", ARGUMENTS, ids=of)
@pytest.mark.parametrize("wrong", [True, np.True_, math.nan, -math.inf, "3"], ids=str)
def test_what_is_no_number_is_refused_by_name(case, wrong):
    make, name, _, _ = case
    with pytest.raises(ValueError, match=rf"^{name}=.*{re.escape(str(wrong))}.*; expected .*{name}\.$") as error:
        make(**{name: wrong})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("case", [case for case in ARGUMENTS if case[3] == "whole"], ids=of)
@pytest.mark.parametrize("wrong", [2.0, -1], ids=str)
def test_a_whole_number_is_no_float_and_not_negative(case, wrong):
    make, name, _, _ = case
    with pytest.raises(
        ValueError, match=rf"^{name}={wrong}; expected at least [012], a whole number\. Change {name}\.$"
    ):
        make(**{name: wrong})


@pytest.mark.parametrize(
    ("function", "name"), [(f, name) for f in FUNCTIONS for name in number_arguments(getattr(course, f))]
)
@pytest.mark.parametrize("wrong", [True, math.nan, "3"], ids=str)
def test_functions_refuse_it_too(function, name, wrong):
    with pytest.raises(ValueError, match=rf"^{name}=.*; expected .* Change {name}\.$"):
        FUNCTIONS[function](**{name: wrong})


@pytest.mark.parametrize("sizes", [(True, 2), (2, 2.0), (2, "3"), (0, 2)])
def test_sizes_of_layers_are_named_by_their_place(sizes):
    at = next(i for i, size in enumerate(sizes) if size != 2 or isinstance(size, float))
    with pytest.raises(ValueError, match=rf"^sizes\[{at}\]={sizes[at]!r}; expected at least 1"):
        C.mlp(*sizes)
    assert [p.shape for p in C.mlp(*map(np.int64, (3, 2))).parameters()] == [(2, 3), (2,)]


def test_rates_that_are_tensors_stay_what_they_are():
    for make in (C.SGD, C.Momentum, C.Nesterov, C.RMSprop, C.Adam):
        rate = torch.tensor(0.25, requires_grad=True)
        assert make(rate).lr is rate
    assert C.Momentum(0.1, momentum=(half := torch.tensor(0.5, requires_grad=True))).momentum is half
    assert C.MAML(net(), lr=half).lr is half


@pytest.mark.parametrize("ends", [(1.0,), (0.0, 1.0, 2.0), (0.0, math.nan), 3, (False, 1)])
@pytest.mark.parametrize("name", ["amplitudes", "phases", "interval"])
def test_a_range_is_two_numbers(name, ends):
    with pytest.raises(ValueError, match=rf"^{name}.*; expected"):
        C.Sinusoids(**{name: ends})


def test_every_number_that_a_public_signature_asks_for_is_in_a_table():
    listed = {(type(make(**{name: value})).__name__, name) for make, name, value, _ in ARGUMENTS}
    made_by_the_course = {"Evaluation", "Tuned", "History"}
    for public in set(course.__all__) - made_by_the_course:
        if inspect.isclass(getattr(course, public)):
            missing = {(public, name) for name in number_arguments(getattr(course, public))} - listed
            assert not missing
        elif callable(getattr(course, public)) and number_arguments(getattr(course, public)):
            assert public in FUNCTIONS


@pytest.mark.parametrize("value", [True, np.True_, torch.tensor(True), None, "3", b"3", 2.5, torch.tensor(2.5), [3]])
def test_whole_refuses(value):
    with pytest.raises(ValueError, match=r"^n=.*; expected at least 1, a whole number\. Change n\.$"):
        whole("n", value)


@pytest.mark.parametrize("value", [True, np.True_, torch.tensor(True), None, "3", b"3", math.nan, 10**400, [3], 1j])
def test_number_refuses(value):
    with pytest.raises(ValueError, match=r"^x=.*; expected a finite number\. Change x\.$"):
        number("x", value)


def test_numbers_are_pythons_afterwards():
    for value in (3, np.int16(3), torch.tensor(3)):
        assert whole("n", value) == 3 and type(whole("n", value)) is int
        assert number("x", value) == 3.0 and type(number("x", value)) is float
    assert numbers("xs", np.array([1.0, 0.5])) == (1.0, 0.5)
    assert number("x", 0, least=0) == 0.0 and number("x", 5e-324, above=0) == 5e-324


@pytest.mark.parametrize(
    ("bounds", "value", "says"),
    [
        ({"above": 0}, 0, "a number between 0 and inf, both excluded"),
        ({"above": 0, "below": 1}, 1.0, "a number between 0 and 1, both excluded"),
        ({"least": 0}, -0.1, "a number of at least 0"),
        ({"least": 0, "below": 1}, 1.0, "a number of at least 0 and below 1"),
        ({"least": 0}, math.inf, "a number of at least 0"),
    ],
)
def test_a_range_is_said(bounds, value, says):
    with pytest.raises(ValueError, match=rf"^x={value}; expected {says}\. Change x\.$"):
        number("x", value, **bounds)
