"""The trained learners of lesson 10: they ship, are small, and do what their files say; bad files are named."""

import numpy as np
import pytest
import torch

from metalearn_course import Bandits, evaluate, mse, pretrained_neighbor, studies
from metalearn_course.trained.neighbors import (
    DIVERSITY,
    NEIGHBORS,
    RECIPES,
    REGRESSIONS,
    file_name,
    in_context_name,
    save_neighbor,
)


@pytest.mark.parametrize("name", RECIPES)
def test_it_ships_small_and_says_how_it_was_trained(name):
    learner = pretrained_neighbor(name)
    assert (NEIGHBORS / f"{file_name(name)}.npz").stat().st_size < 250_000
    assert learner.about["training"].startswith(RECIPES[name].tasks.protocol) and not learner.training
    assert learner.trained_seconds == learner.about["seconds"] > 0


@pytest.mark.parametrize("different", DIVERSITY)
def test_in_context_it_errs_as_its_file_says(different):
    learner = pretrained_neighbor(in_context_name(different))
    measured = evaluate(learner, REGRESSIONS, metric=mse, episodes=500, seed=2)
    stored = learner.about["measured"]
    assert abs(measured.mean - stored["new"]) < 1.5 * (measured.interval + stored["interval"])


def test_the_player_of_short_games_is_near_the_best_one():
    games = Bandits(2, 20).sample(4_000, torch.Generator().manual_seed(3))
    means = games.support.y
    best = means.gather(-1, studies.pulls_of(studies.BayesOptimal(20), games)[..., None]).sum((1, 2))
    ours = means.gather(-1, pretrained_neighbor("bandits 2 x 20").pulls(games)[..., None]).sum((1, 2))
    behind, half = (best - ours).mean().item(), 1.96 * (best - ours).std().item() / 4_000**0.5
    assert -half < behind < 0.12


def test_untrained_where_training_is_switched_off(monkeypatch, capsys):
    monkeypatch.setenv("METALEARN_ABLATE", "1")
    learner = pretrained_neighbor("in-context 64")
    assert evaluate(learner, REGRESSIONS, metric=mse, episodes=50, seed=2).mean > 1
    assert "in-context 64: untrained" in capsys.readouterr().out


def test_other_names_and_damaged_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"name='bandits' is no trained learner; choose one of 'in-context 4'"):
        pretrained_neighbor("bandits")
    with pytest.raises(FileNotFoundError, match=r"No weights for 'in-context 4' in .*python tools/neighbors.py"):
        pretrained_neighbor("in-context 4", tmp_path)
    (tmp_path / "in-context_4.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"in-context_4.npz is damaged"):
        pretrained_neighbor("in-context 4", tmp_path)
    save_neighbor(tmp_path / "in-context_4.npz", "in-context 4", pretrained_neighbor("bandits 2 x 20"), {"seconds": 1})
    with pytest.raises(ValueError, match=r"The weights of 'in-context 4' do not fit it"):
        pretrained_neighbor("in-context 4", tmp_path)


def test_weights_of_another_version_are_refused(tmp_path):
    with np.load(NEIGHBORS / "bandits_2_x_20.npz") as file:
        arrays = dict(file)
    arrays["about"] = np.array(str(arrays["about"]).replace('"version": 1', '"version": 99'))
    np.savez(tmp_path / "bandits_2_x_20.npz", **arrays)
    with pytest.raises(ValueError, match="has version 99"):
        pretrained_neighbor("bandits 2 x 20", tmp_path)
