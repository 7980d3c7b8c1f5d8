"""The twenty runs of Lake et al.: what is there, whose drawings they are, that each counts once."""

import os
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from metalearn_course import MAML, NearestNeighbor, check_tasks, conv_strided, evaluate, lake_runs
from metalearn_course.tasks.omniglot import OMNIGLOT, read_archives

OFFICIAL = Path(os.environ.get("METALEARN_DATA", "")) / "omniglot" / "images_evaluation.zip"


@pytest.fixture(scope="module")
def runs():
    return lake_runs()


def test_twenty_runs_of_twenty_characters(runs):
    assert len(runs) == 20
    assert runs.runs.support.x.shape == runs.runs.query.x.shape == (20, 20, 1, 28, 28)
    assert runs.runs.support.y.tolist() == [list(range(20))] * 20
    assert runs.runs.query.y.sort(1).values.tolist() == [list(range(20))] * 20
    assert all(
        y.tolist() != list(range(20)) for y in runs.runs.query.y
    )  # the order of the questions gives nothing away
    check_tasks(runs)


@pytest.mark.skipif(not OFFICIAL.exists(), reason="METALEARN_DATA has no Omniglot")
def test_support_and_query_are_the_same_character_by_two_hands_as_omniglot_itself_says():
    """The referee is the evaluation part of Omniglot: each image is found there, with its character and its drawer."""
    packed = read_archives([OFFICIAL], OMNIGLOT[1:])
    known = {
        image.tobytes(): (character, drawer)
        for character, row in enumerate(packed.images)
        for drawer, image in enumerate(row)
    }
    runs, alphabets = lake_runs().runs, []
    for run in range(20):
        shown, asked = (
            [known[(255 * image).round().byte().numpy().tobytes()] for image in part.x[run, :, 0]]
            for part in (runs.support, runs.query)
        )
        assert [shown[label][0] for label in runs.query.y[run]] == [character for character, _ in asked]
        [first], [second] = {drawer for _, drawer in shown}, {drawer for _, drawer in asked}
        assert first != second
        [alphabet] = {packed.alphabets[character] for character, _ in shown}
        alphabets.append(alphabet)
    assert set(Counter(alphabets).values()) == {2} and len(set(alphabets)) == 10


def test_each_run_counts_once_in_any_order(runs):
    everything = evaluate(NearestNeighbor(), runs, episodes=20, seed=1)
    again = evaluate(NearestNeighbor(), runs, episodes=20, seed=2)
    assert everything.per_task.tolist() != again.per_task.tolist()
    assert everything.per_task.sort().values.tolist() == again.per_task.sort().values.tolist()
    assert everything.mean == pytest.approx(0.21, abs=0.03)  # pixels err on 79 %
    assert "Lake et al.'s 20 runs, 20-way 1-shot" in everything.protocol


def test_more_runs_than_there_are_are_refused(runs):
    with pytest.raises(ValueError, match=r"25 tasks are asked for; there are 20 runs\. Take episodes=20\."):
        evaluate(NearestNeighbor(), runs)


def test_a_method_with_five_outputs_is_told_so(runs):
    with pytest.raises(ValueError, match="MAML has 5 outputs; the tasks have more classes"):
        evaluate(MAML(conv_strided(5)), runs, episodes=20)


def test_they_come_as_large_as_they_were_drawn_and_small():
    large = lake_runs(105).runs.support.x
    assert large.shape == (20, 20, 1, 105, 105) and set(large.unique().tolist()) == {0.0, 1.0}
    assert lake_runs(105).protocol.endswith("within an alphabet, 105 pixels")
    for size in (7, 106):
        with pytest.raises(ValueError, match=rf"size={size}; expected a whole number from 8 to 105"):
            lake_runs(size)


def test_a_package_without_its_file_says_so(monkeypatch, tmp_path):
    module = import_module("metalearn_course.tasks.lake_runs")  # the package has the function by that name
    monkeypatch.setattr(module, "RUNS", tmp_path / "lake_runs.zip")
    with pytest.raises(FileNotFoundError, match=r"lake_runs\.zip is missing from the package"):
        lake_runs()
