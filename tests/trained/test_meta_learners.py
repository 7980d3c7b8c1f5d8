"""The weights that come with the course: small, whole, of this version, and as good as they say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from metalearn_course import Characters, Episodes, characters, evaluate, pretrained
from metalearn_course.trained.meta_learners import RECIPES, WEIGHTS, WEIGHTS_VERSION, save_weights


@pytest.fixture(scope="module")
def glyphs() -> Characters:
    return characters("glyphs")


@pytest.mark.parametrize("source", ["omniglot", "glyphs"])
@pytest.mark.parametrize("name", RECIPES)
def test_every_method_ships_in_float16_with_its_protocol(name: str, source: str) -> None:
    path = WEIGHTS / source / f"{name.replace(' ', '_')}.npz"
    assert path.stat().st_size < 500_000
    with np.load(path) as file:
        about = json.loads(str(file["about"]))
        assert {file[k].dtype for k in file.files if k != "about"} <= {np.dtype("float16"), np.dtype("int64")}
    assert about["version"] == WEIGHTS_VERSION and about["name"] == name and about["source"] == source
    assert {"seed", "seconds", "training", "package"} <= set(about)
    assert about["accuracy"]["mean"] > 0.5 and "5-way 1-shot" in about["accuracy"]["protocol"]


@pytest.mark.parametrize("name", ["prototypical", "snail", "classification"])
def test_weights_reproduce_their_accuracy_on_some_of_the_episodes(glyphs: Characters, name: str) -> None:
    """60 episodes of 600: within the two intervals together. `tools/weights.py --check` measures all."""
    method = pretrained(name, glyphs)
    result = evaluate(method, Episodes(glyphs, 5, 1, 15, split="test"), episodes=60)
    stored = method.about["accuracy"]
    assert abs(result.mean - stored["mean"]) <= result.interval + stored["interval"]
    assert method.trained_seconds == method.about["seconds"] and not method.training


def test_the_global_generator_is_left_alone(glyphs: Characters) -> None:
    before = torch.get_rng_state()
    pretrained("memory", glyphs)
    assert torch.equal(before, torch.get_rng_state())


def test_without_training_there_is_nothing_to_ship(glyphs: Characters, monkeypatch: pytest.MonkeyPatch) -> None:
    """`validate --ablate` has to see claims about shipped weights fail, too."""
    monkeypatch.setenv("METALEARN_ABLATE", "1")
    method = pretrained("lstm", glyphs)
    assert evaluate(method, Episodes(glyphs, 5, 1, 5, split="test"), episodes=40).mean < 0.35


def changed(tmp_path: Path, **about: object) -> Path:
    folder = tmp_path / "glyphs"
    folder.mkdir()
    with np.load(WEIGHTS / "glyphs" / "prototypical.npz") as file:
        arrays = {k: file[k] for k in file.files if k != "about"}
        words = json.loads(str(file["about"])) | about
    np.savez_compressed(folder / "prototypical.npz", about=np.array(json.dumps(words)), **arrays)
    return tmp_path


def test_another_version_is_refused_by_name(glyphs: Characters, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"prototypical\.npz has version 0; this course reads version 1\..*tools/weights"
    ):
        pretrained("prototypical", glyphs, changed(tmp_path, version=0))


def test_damage_anywhere_is_a_value_error_or_none(glyphs: Characters, tmp_path: Path) -> None:
    folder = tmp_path / "glyphs"
    folder.mkdir()
    whole = (WEIGHTS / "glyphs" / "prototypical.npz").read_bytes()
    refused = 0
    for at in range(0, len(whole) - 8, len(whole) // 40):
        (folder / "prototypical.npz").write_bytes(
            whole[:at] + bytes(255 - b for b in whole[at : at + 8]) + whole[at + 8 :]
        )
        try:
            pretrained("prototypical", glyphs, tmp_path)
        except ValueError as error:
            refused += "prototypical.npz is damaged" in str(error)
    assert refused > 30


def test_a_file_cut_short_or_missing_is_named(glyphs: Characters, tmp_path: Path) -> None:
    folder = tmp_path / "glyphs"
    folder.mkdir()
    whole = (WEIGHTS / "glyphs" / "prototypical.npz").read_bytes()
    (folder / "prototypical.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"prototypical\.npz is damaged"):
        pretrained("prototypical", glyphs, tmp_path)
    with pytest.raises(FileNotFoundError, match="No weights for 'matching' on 'glyphs'"):
        pretrained("matching", glyphs, tmp_path)


def test_what_no_reader_expects_is_damage_too(glyphs: Characters, tmp_path: Path) -> None:
    """An array instead of an archive, an archive encrypted as zip knows it, words that are no dict."""
    path = tmp_path / "glyphs" / "prototypical.npz"
    path.parent.mkdir()
    whole = (WEIGHTS / "glyphs" / "prototypical.npz").read_bytes()
    central = whole.rindex(b"PK\x01\x02")
    encrypted = bytearray(whole)
    for name in range(whole.index(b"PK\x01\x02"), central + 1):
        if whole[name : name + 4] == b"PK\x01\x02":
            encrypted[name + 8] |= 1
    np.save(tmp_path / "array.npy", np.ones(3))
    np.savez(tmp_path / "words.npz", about=np.array("[1, 2]"))
    for content in (
        (tmp_path / "array.npy").read_bytes(),
        bytes(encrypted),
        (tmp_path / "words.npz").read_bytes(),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"^prototypical\.npz is damaged \(\w+\)\. Get the course's own files"):
            pretrained("prototypical", glyphs, tmp_path)


def test_weights_of_another_method_do_not_fit(glyphs: Characters, tmp_path: Path) -> None:
    (tmp_path / "glyphs").mkdir()
    shutil.copy(WEIGHTS / "glyphs" / "relation.npz", tmp_path / "glyphs" / "siamese.npz")
    with pytest.raises(ValueError, match="do not fit"):
        pretrained("siamese", glyphs, tmp_path)


def test_an_unknown_name_and_a_split_that_would_leak_are_refused(glyphs: Characters) -> None:
    with pytest.raises(ValueError, match="name='mlp' is no trained method; choose one of 'classification'"):
        pretrained("mlp", glyphs)
    with pytest.raises(ValueError, match="would have been seen"):
        pretrained("prototypical", characters("glyphs", split="random"))


def test_what_is_saved_comes_back(glyphs: Characters, tmp_path: Path) -> None:
    method = pretrained("siamese", glyphs)
    save_weights(tmp_path / "glyphs" / "siamese.npz", "siamese", method, {"seconds": 1})
    again = pretrained("siamese", glyphs, tmp_path)
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in method.state_dict().items())
