"""The wide network: its episodes, its nine copies, and the file that it ships in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from metalearn_course import evaluate, lake_runs, pretrained_wide
from metalearn_course.learners import conv4
from metalearn_course.tasks import Characters
from metalearn_course.trained import wide
from metalearn_course.trained.wide import Shifted, TurnedAlphabets, jittered, save_wide, untrained_wide


@pytest.fixture(scope="module")
def data() -> Characters:
    sizes = {"Small": 6, "Large": 50, "Held out": 30, "Test": 40}
    alphabets = [name for name, size in sizes.items() for _ in range(size)]
    images = torch.randint(1, 256, (len(alphabets), 5, 28, 28), generator=torch.Generator().manual_seed(0))
    ids = {name: torch.tensor([i for i, a in enumerate(alphabets) if a == name]) for name in sizes}
    splits = {"train": torch.cat([ids["Small"], ids["Large"]]), "validation": ids["Held out"], "test": ids["Test"]}
    return Characters(images.to(torch.uint8), alphabets, [str(i) for i in range(len(alphabets))], splits, "test")


def test_episodes_never_have_a_test_class_and_mostly_one_alphabet(data: Characters) -> None:
    tasks, generator = TurnedAlphabets(data), torch.Generator().manual_seed(0)
    within, sizes = 0, set()
    for _ in range(300):
        episode = tasks.sample(1, generator)
        classes = episode.classes[0].tolist()
        alphabets = {data.alphabets[i] for i in classes}
        assert "Test" not in alphabets and len(set(classes)) == len(classes) <= 40
        assert episode.support.y[0].tolist() == list(range(len(classes)))
        assert episode.query.y[0].tolist() == 2 * list(range(len(classes)))
        within += len(alphabets) == 1
        sizes.add((len(alphabets) == 1, len(classes)))
    assert within / 300 == pytest.approx(0.7, abs=0.1)
    assert sizes == {(True, 6), (True, 40), (True, 30), (False, 40)}


def test_drawings_are_of_their_class_and_all_turned_alike(data: Characters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wide, "jittered", lambda images, generator: images)
    tasks, generator, seen = TurnedAlphabets(data), torch.Generator().manual_seed(1), set()
    for _ in range(40):
        episode = tasks.sample(1, generator)
        turns = set()
        for x, y in ((episode.support.x[0], episode.support.y[0]), (episode.query.x[0], episode.query.y[0])):
            for image, label in zip(x, y.tolist(), strict=True):
                own = data.images[int(episode.classes[0, label])].float() / 255
                [turn] = [k for k in range(4) if (own.rot90(k, (1, 2)) == image).flatten(1).all(1).any()]
                turns.add(turn)
        assert len(turns) == 1
        seen |= turns
    assert seen == {0, 1, 2, 3}


def test_support_and_queries_of_a_class_are_different_drawings(data: Characters, monkeypatch) -> None:
    monkeypatch.setattr(wide, "jittered", lambda images, generator: images)
    episode = TurnedAlphabets(data).sample(1, torch.Generator().manual_seed(2))
    drawings = torch.cat([episode.support.x[0], episode.query.x[0]]).flatten(1)
    assert len(drawings.unique(dim=0)) == len(drawings)


def test_a_stack_has_episodes_of_equal_size_and_the_generator_decides(data: Characters) -> None:
    tasks = TurnedAlphabets(data)
    first, again = (tasks.sample(3, torch.Generator().manual_seed(4)) for _ in range(2))
    assert len(first.classes) == 3 and torch.equal(first.support.x, again.support.x)
    assert not torch.equal(first.support.x[0], first.support.x[1])


def test_jitter_is_scipys_resampling_under_the_same_map() -> None:
    images = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    found = jittered(images, torch.Generator().manual_seed(7))
    drawn = torch.rand(6, 5, generator=torch.Generator().manual_seed(7)).double().numpy() - 0.5
    angle, wider, higher, shear, right, down = drawn * np.array([0.35, 0.3, 0.3, 0.4, 0.25, 0.25])[:, None]
    ends = (2 * np.arange(28) + 1) / 28 - 1  # pixel centers, the image being [-1, 1] across
    y, x = np.meshgrid(ends, ends, indexing="ij")
    for i in range(5):
        across = (1 + wider[i]) * np.cos(angle[i]) * x + (shear[i] - np.sin(angle[i])) * y + right[i]
        along = np.sin(angle[i]) * x + (1 + higher[i]) * np.cos(angle[i]) * y + down[i]
        places = [((along + 1) * 28 - 1) / 2, ((across + 1) * 28 - 1) / 2]
        expected = map_coordinates(np.pad(images[i, 0].double().numpy(), 30), np.array(places) + 30, order=1)
        assert np.abs(found[i, 0].numpy() - expected).max() < 1e-4


def test_nine_copies_are_averaged_and_what_comes_in_is_paper() -> None:
    torch.manual_seed(0)
    encoder = conv4(None, 4).eval()
    x = torch.rand(3, 1, 28, 28)
    total = torch.zeros(3, 4)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            moved = np.zeros((3, 1, 28, 28), np.float32)
            rows, columns = range(max(0, down), 28 + min(0, down)), range(max(0, right), 28 + min(0, right))
            for r in rows:
                for c in columns:
                    moved[:, 0, r, c] = x[:, 0, r - down, c - right]
            total += encoder(torch.from_numpy(moved)).detach()
    assert torch.allclose(Shifted(encoder)(x), total / 9, atol=1e-5)


def test_the_shipped_network_reproduces_its_stored_errors_on_the_runs() -> None:
    assert wide.WIDE.stat().st_size < 500_000
    for shifted, name in ((False, "once"), (True, "nine shifted copies")):
        network = pretrained_wide(shifted)
        assert not network.training
        stored = (network.about or {})["measured"][name]
        result = evaluate(network, lake_runs(), episodes=20)
        assert 1 - result.mean == pytest.approx(stored["error"], abs=1 / 400 + 1e-6)
        assert stored["error"] < 0.14, "worse than the shipped prototypical network of width 32"


def test_ablated_the_network_is_untrained(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("METALEARN_ABLATE", "1")
    network = pretrained_wide()
    assert "untrained" in capsys.readouterr().out and network.about is None
    assert not torch.equal(network.encoder[0][1].weight, wide.read_archive(wide.WIDE, 1, "")[0]["encoder.0.1.weight"])


def test_a_bad_file_is_told_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "wide.npz"
    with pytest.raises(FileNotFoundError, match=r"No weights at .*python tools/people\.py"):
        pretrained_wide(path=path)
    path.write_bytes(wide.WIDE.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=r"wide\.npz is damaged"):
        pretrained_wide(path=path)
    save_wide(path, untrained_wide(), {"seconds": 0})
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **{**arrays, "about": np.array(json.dumps({"version": 99}))})
    with pytest.raises(ValueError, match="has version 99; this course reads version 1"):
        pretrained_wide(path=path)
    arrays.pop("encoder.0.1.bias")
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="do not fit the wide network"):
        pretrained_wide(path=path)


def test_what_is_saved_comes_back_in_half_precision(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = untrained_wide()
    save_wide(tmp_path / "wide.npz", network, {"seconds": 5})
    again = pretrained_wide(path=tmp_path / "wide.npz")
    assert again.trained_seconds == 5
    for name, tensor in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor.half().float() if tensor.is_floating_point() else tensor)
