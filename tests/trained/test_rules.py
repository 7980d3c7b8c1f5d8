"""Learned rules as files: what comes back is what was saved, and what is no such file is named."""

from __future__ import annotations

import inspect
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from metalearn_course import (
    SGD,
    CoordinateRates,
    LearnedRate,
    LSTMOptimizer,
    MetaLSTMGates,
    MLPOptimizer,
    StopIfDiverged,
    learned_rule,
    load_rule,
    save_rule,
    unroll,
    update_rules,
)
from metalearn_course.trained.rules import RULES

START = {"layer.weight": torch.tensor([[1.0, -2.0], [0.5, 3.0]]), "layer.bias": torch.tensor([0.1, -0.2])}

# every option of every kind, away from its default
MADE = [
    (LearnedRate, {"lr": 0.2}),
    (CoordinateRates, {"params": START, "lr": 0.03}),
    (MetaLSTMGates, {"forget_bias": 4.0, "input_bias": -3.0, "p": 7.0}),
    (LSTMOptimizer, {"hidden": 3, "layers": 3, "p": 8.0, "scale": 0.3}),
    (
        MLPOptimizer,
        {"hidden": 5, "lr": 0.05, "decays": (0.3, 0.9, 0.99, 0.999), "scales": (2, 7.5), "bound": 2.0, "epsilon": 1e-6},
    ),
]


def trained(kind: type[nn.Module], options: dict) -> nn.Module:
    torch.manual_seed(0)
    rule = kind(**options)
    with torch.no_grad():
        for p in rule.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return rule


def training(rule) -> torch.Tensor:
    """Where five steps down a cone lead."""
    end = unroll(
        lambda params, _: sum((p * p + 1).sqrt().sum() for p in params.values()), rule, START, [None] * 5
    ).params
    return torch.cat([p.flatten() for p in end.values()])


def test_every_learned_rule_of_the_course_can_be_saved_and_every_option_is_tried() -> None:
    kinds = [getattr(update_rules, name) for name in update_rules.__all__]
    learned = [k for k in kinds if isinstance(k, type) and issubclass(k, nn.Module) and k is not StopIfDiverged]
    assert learned == sorted((kind for kind, _ in MADE), key=lambda kind: update_rules.__all__.index(kind.__name__))
    for kind, options in MADE:
        defaults = inspect.signature(kind).parameters
        assert set(options) == set(defaults)
        assert all(options[name] != p.default for name, p in defaults.items() if name != "params")


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_a_rule_that_comes_back_trains_the_same(tmp_path: Path, kind: type, options: dict) -> None:
    rule, path = trained(kind, options), tmp_path / "new folder" / "my rule"
    save_rule(path, rule, "cones", seed=3, notes=["first try"])
    before = torch.get_rng_state()
    again = load_rule(str(path))
    assert torch.equal(before, torch.get_rng_state())
    assert type(again) is kind and not again.training
    assert torch.equal(training(again), training(rule)) and training(rule).isfinite().all()
    assert not torch.equal(training(kind(**options)), training(rule))
    assert again.about["trained_on"] == "cones" and again.about["kind"] == kind.__name__
    assert again.about["seed"] == 3 and again.about["notes"] == ["first try"]
    assert list(path.parent.iterdir()) == [path]
    with np.load(path, allow_pickle=False) as file:
        assert {file[k].dtype for k in file.files if k != "about"} == {np.dtype("float32")}


def test_what_was_trained_in_float64_is_rounded_to_float32(tmp_path: Path) -> None:
    rule = trained(*MADE[4]).double()
    save_rule(tmp_path / "rule.npz", rule, "cones")
    again = load_rule(tmp_path / "rule.npz")
    assert all(torch.equal(v, rule.state_dict()[k].float()) for k, v in again.state_dict().items())
    assert again.decays.tolist() == MLPOptimizer(**MADE[4][1]).decays.tolist()


def test_a_hand_written_rule_and_a_taken_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"SGD is no learned rule of this course; expected one of LearnedRate, "):
        save_rule(tmp_path / "rule.npz", SGD(0.1), "nothing")
    with pytest.raises(ValueError, match=r"'kind' is written by save_rule itself"):
        save_rule(tmp_path / "rule.npz", LearnedRate(), "nothing", kind="mine")
    assert list(tmp_path.iterdir()) == []


def test_remarks_are_numbers_from_anywhere_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "rule.npz"
    given = {"a": np.float32(0.5), "b": torch.tensor(3), "c": [np.int64(2), {"d": torch.tensor([0.25])}], "e": None}
    save_rule(path, LSTMOptimizer(np.int64(4)), "cones", **given)
    about = load_rule(path).about
    assert {k: about[k] for k in given} == {"a": 0.5, "b": 3, "c": [2, {"d": 0.25}], "e": None}
    path.unlink()
    for remark in (torch.zeros(3), np.zeros(2), tmp_path, [{1, 2}], {(1, 2): 3}, 1j, lambda: 0):
        with pytest.raises(TypeError, match=r"^The remark 'curve' \(.*\) is nothing that JSON can hold; .*") as error:
            save_rule(path, LearnedRate(), "nothing", loss=0.1, curve=remark)
        assert "\n" not in str(error.value) and error.value.__cause__ is None
    assert list(tmp_path.iterdir()) == []


def changed(path: Path, weights: dict | None = None, **about: object) -> Path:
    """The same file with other words or weights."""
    with np.load(path) as file:
        arrays = {k: file[k] for k in file.files if k != "about"}
        words = json.loads(str(file["about"])) | about
    np.savez_compressed(path, about=np.array(json.dumps(words)), **(arrays if weights is None else weights))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save_rule(tmp_path / "mine.npz", trained(LSTMOptimizer, {"hidden": 3}), "cones")
    return tmp_path / "mine.npz"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 0}, r"^mine\.npz has version 0; this course reads version 1\. .*save_rule"),
        ({"kind": "Oracle"}, r"^mine\.npz holds a rule of the unknown kind 'Oracle'; known are LearnedRate, "),
        ({"options": {"width": 3}}, r"^mine\.npz names options that LSTMOptimizer does not take: \{'width': 3\}"),
        ({"options": None}, r"names options that LSTMOptimizer does not take: None"),
        (
            {"options": {"hidden": 4}},
            r"^The weights in mine\.npz do not fit LSTMOptimizer with options \{'hidden': 4\}",
        ),
        ({"kind": "LearnedRate", "options": {}}, r"do not fit LearnedRate"),
        ({"weights": {"gates.0.weight": np.zeros(3)}}, r"do not fit LSTMOptimizer"),
        ({"options": {"hidden": 3, "p": 0}}, r"names options that LSTMOptimizer does not take: .*'p': 0"),
        ({"trained_on": " "}, r"^mine\.npz does not say what its rule was trained on\. Write it anew"),
        ({"trained_on": None}, r"^mine\.npz does not say what its rule was trained on"),
        ({"trained_on": ["cones"]}, r"^mine\.npz does not say what its rule was trained on"),
        ({"weights": {"w": np.array([0, np.nan])}}, r"^w in mine\.npz holds numbers that are not finite\. Write"),
        ({"weights": {"w": np.array([np.inf])}}, r"^w in mine\.npz holds numbers that are not finite"),
    ],
)
def test_what_does_not_belong_together_is_named(file: Path, changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        load_rule(changed(file, **changes))
    assert "\n" not in str(error.value)


def test_a_file_that_is_missing_or_damaged_is_named(file: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no file .*other\.npz"):
        load_rule(file.with_name("other.npz"))
    with pytest.raises(FileNotFoundError, match="There is no file"):
        load_rule(file.parent)
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 3] ^= 255
    for damaged in (whole[: len(whole) // 2], whole[:3], b"", bytes(flipped), b"hidden=20"):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"^mine\.npz is damaged \(\w+\)\. Write it anew") as error:
            load_rule(file)
        assert "\n" not in str(error.value)
    np.savez_compressed(file, weight=np.zeros(3))
    with pytest.raises(ValueError, match=r"^mine\.npz is damaged"):
        load_rule(file)
    np.savez_compressed(file, about=np.array("[1, 2]"))
    with pytest.raises(ValueError, match=r"^mine\.npz is damaged"):
        load_rule(file)


class Harm:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def test_nothing_is_ever_unpickled(file: Path) -> None:
    trap = file.parent / "sprung"
    array = np.array([Harm(trap)], dtype=object)
    with np.load(file) as whole:
        about = whole["about"]
    for write in (
        lambda: file.write_bytes(pickle.dumps(Harm(trap))),
        lambda: np.savez_compressed(file, about=about, weight=array),
        lambda: np.savez_compressed(file, about=array),
        lambda: torch.save({"about": Harm(trap)}, file),
    ):
        write()
        with pytest.raises(ValueError, match=r"^mine\.npz is damaged"):
            load_rule(file)
    assert not trap.exists()


def test_rules_that_ship_are_found_by_name(file: Path) -> None:
    rule = learned_rule("mine", file.parent)
    assert torch.equal(training(rule), training(load_rule(file))) and rule.about["trained_on"] == "cones"
    with pytest.raises(ValueError, match=r"name='yours' is no rule that comes with the course; choose one of 'mine'\."):
        learned_rule("yours", file.parent)
    with pytest.raises(ValueError, match="is no rule that comes with the course"):
        learned_rule("../mine", file.parent)
    with pytest.raises(FileNotFoundError, match=r"There are no rules in .*nowhere\. Get the course's own files again"):
        learned_rule("mine", file.parent / "nowhere")


@pytest.mark.parametrize("path", sorted(RULES.glob("*.npz")), ids=lambda path: path.stem)
def test_every_shipped_rule_is_whole_and_small(path: Path) -> None:
    rule = learned_rule(path.stem)
    assert path.stat().st_size < 500_000 and training(rule).isfinite().all() and rule.about["trained_on"]


def test_without_training_there_is_nothing_to_ship(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`validate --ablate` has to see claims about learned rules fail, too."""
    monkeypatch.setenv("METALEARN_ABLATE", "1")
    rule = learned_rule("mine", file.parent)
    assert capsys.readouterr().out == "mine: untrained (training is switched off by METALEARN_ABLATE)\n"
    assert isinstance(rule, LSTMOptimizer) and rule.hidden == 3 and not rule.training and rule.about
    assert not torch.equal(training(rule), training(load_rule(file)))
    assert torch.equal(training(rule), training(learned_rule("mine", file.parent)))


def test_an_empty_description_and_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    for nothing in (" ", None, 3):
        with pytest.raises(ValueError, match=f"^trained_on={nothing!r}; say in words"):
            save_rule(tmp_path / "r.npz", LSTMOptimizer(3), nothing)
    rule = LSTMOptimizer(3)
    with torch.no_grad():
        next(rule.parameters()).fill_(torch.nan)
    with pytest.raises(ValueError, match="of this LSTMOptimizer holds numbers that are not finite"):
        save_rule(tmp_path / "r.npz", rule, "cones")
    large = CoordinateRates({"w": torch.zeros(2, dtype=torch.float64)}, lr=1e39)  # float32 ends at 3.4e38
    with pytest.raises(ValueError, match=r"^rates\.0 of this CoordinateRates holds numbers that are not finite in fl"):
        save_rule(tmp_path / "r.npz", large, "cones")
    assert not [*tmp_path.iterdir()]
