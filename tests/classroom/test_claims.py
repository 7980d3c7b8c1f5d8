import io
import json
import sys

import pytest
import torch

from metalearn_course import claim
from metalearn_course.classroom.claims import ClaimError
from metalearn_course.evaluation import Dependencies, Evaluation


def measured(mean):
    return Evaluation(mean, 0.0312, torch.tensor([mean, mean]), "sinusoids", Dependencies(True, False, False))


@pytest.mark.parametrize(
    ("value", "bounds", "line"),
    [
        (0.58, {"below": 0.8}, "MAML: 0.58 (claimed below 0.8) ✓\n"),
        (measured(0.58), {"below": 0.8}, "MAML: 0.58 ± 0.031 (claimed below 0.8) ✓\n"),
        (2.5, {"above": 2}, "MAML: 2.5 (claimed above 2) ✓\n"),
        (torch.tensor(0.25), {"above": 0, "below": 1}, "MAML: 0.25 (claimed between 0 and 1) ✓\n"),
    ],
)
def test_a_claim_that_holds_is_printed_with_its_bounds(value, bounds, line, capsys):
    claim("MAML", value, **bounds)
    assert capsys.readouterr().out == line


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        (0.9, {"below": 0.8}),
        (0.8, {"below": 0.8}),
        (0.1, {"above": 0.2}),
        (1.5, {"above": 0.0, "below": 1.0}),
        (float("nan"), {"below": 0.8}),
        (float("nan"), {"above": 0.8}),
        (measured(0.9), {"below": 0.8}),
    ],
)
def test_a_claim_that_does_not_hold_raises(value, bounds, capsys):
    with pytest.raises(ClaimError, match=r"MAML: .* [(]claimed"):
        claim("MAML", value, **bounds)
    assert capsys.readouterr().out.endswith("✗\n")


def test_bounds_may_differ_between_data_sources():
    bounds = {"omniglot": 0.4, "glyphs": 0.5}
    claim("pixels", 0.45, above=bounds, source="omniglot")
    with pytest.raises(ClaimError, match=r"claimed above 0\.5"):
        claim("pixels", 0.45, above=bounds, source="glyphs")
    claim("pixels", 0.45, above=bounds, below=0.6, source="omniglot")


@pytest.mark.parametrize("source", [None, "digits"])
def test_an_unknown_source_is_named(source):
    with pytest.raises(ValueError, match=f"has bounds for omniglot, glyphs; source={source!r}. Name one of them."):
        claim("pixels", 0.45, above={"omniglot": 0.4, "glyphs": 0.5}, source=source)


def test_a_claim_without_bounds_claims_nothing():
    with pytest.raises(ValueError, match="claims nothing; give below=, above= or both"):
        claim("MAML", 0.5)


def test_without_training_a_learned_claim_fails_quietly_and_another_one_loudly(monkeypatch, capsys):
    monkeypatch.setenv("METALEARN_ABLATE", "1")
    claim("MAML", 3.0, below=0.8)
    assert "✗" in capsys.readouterr().out
    with pytest.raises(ClaimError):
        claim("pixels", 3.0, below=0.8, learned=False)


def test_every_claim_is_recorded(monkeypatch, tmp_path):
    file = tmp_path / "claims.jsonl"
    monkeypatch.setenv("METALEARN_CLAIMS", str(file))
    claim("Größe", 0.5, below=0.8)
    with pytest.raises(ClaimError):
        claim("pixels", measured(0.3), above=0.4, learned=False)
    assert [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] == [
        {"claim": "Größe", "value": 0.5, "bounds": "below 0.8", "holds": True, "learned": True},
        {"claim": "pixels", "value": 0.3, "bounds": "above 0.4", "holds": False, "learned": False},
    ]


def test_a_claim_can_be_printed_where_its_mark_cannot(monkeypatch):
    """A pipe on Windows often has cp1252, which knows no check mark."""
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", pipe)
    claim("one", 1.0, above=0.5)
    pipe.flush()
    assert pipe.buffer.getvalue().decode("cp1252").strip() == "one: 1 (claimed above 0.5) [ok]"
