"""A checkpoint of other tasks, of another loss or of other frozen weights is refused, whatever the words say."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import (
    MAML,
    Episodes,
    Examples,
    Frozen,
    MetaLearner,
    MiniBatches,
    Prototypical,
    Sinusoids,
    meta_train,
    mlp,
)
from metalearn_course.tasks import PointClouds
from metalearn_course.training.checkpoint import read
from metalearn_course.training.fingerprint import first_difference, numbers_of
from tests.helpers.tasks import strokes


def maml(loss=F.mse_loss, frozen=()):
    torch.manual_seed(0)
    learner = mlp(1, 8, 1)
    for i in frozen:
        learner[i].requires_grad_(False)
    return MAML(learner, lr=0.05, loss=loss)


def run(method, tasks, steps, path):
    return meta_train(method, tasks, steps, meta_batch=3, progress=False, checkpoint=path)


class Own:
    """Waves under words that say nothing of their numbers."""

    protocol = "my waves"

    def __init__(self, **options):
        self.waves = Sinusoids(**options)

    def sample(self, tasks, generator):
        return self.waves.sample(tasks, generator)


class Reversed(Own):
    """The same points, the other way round."""

    def sample(self, tasks, generator):
        stack = super().sample(tasks, generator)
        return stack._replace(query=Examples(stack.query.x.flip(1), stack.query.y.flip(1)))


def clouds(times):
    torch.manual_seed(0)
    x = times * torch.randn(30, 4)
    return MiniBatches(Examples(x, torch.arange(30) % 3), "mine", queries=6)


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        (
            Sinusoids(amplitudes=(0.1, 0.5)),
            Sinusoids(amplitudes=(4, 5)),
            r"tasks = '.*, amplitudes 0.1 to 0.5'; this run has '.*, amplitudes 4 to 5'",
        ),
        (Sinusoids(), Sinusoids(grid=True), "this run has 'sinusoids, 10 shots, 10 queries on a grid'"),
        (Sinusoids(), Sinusoids(phases=(0, 6.283)), "this run has '.*, phases 0 to 6.283'"),
        (Sinusoids(), Sinusoids(interval=(-1, 1)), "this run has '.*, interval -1 to 1'"),
        (Own(), Own(amplitudes=(4, 5)), "same words and other numbers: tasks: support.y differs"),
        (Own(), Own(interval=(-5, 4.9)), "other numbers: tasks: support.x differs"),
        (Own(), Reversed(), "other numbers: tasks: query.x differs"),
    ],
)
def test_a_checkpoint_of_other_waves_is_refused(first, then, message, tmp_path):
    run(maml(), first, 2, tmp_path / "c")
    content = (tmp_path / "c").read_bytes()
    with pytest.raises(ValueError, match=message) as caught:
        run(maml(), then, 4, tmp_path / "c")
    assert "Name another file, or delete this one" in str(caught.value) and "\n" not in str(caught.value)
    assert (tmp_path / "c").read_bytes() == content
    assert len(run(maml(), first, 4, tmp_path / "c").losses) == 4


def test_a_pool_of_the_same_name_with_other_numbers_is_refused(tmp_path):
    run(Prototypical(mlp(4, 3)), clouds(1), 1, tmp_path / "c")
    with pytest.raises(ValueError, match=r"tasks: support.x differs"):
        run(Prototypical(mlp(4, 3)), clouds(2), 2, tmp_path / "c")


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (lambda p, y: (p - y).square().mean(), lambda p, y: (p - y).abs().mean()),
        (*(lambda p, y, times=times: times * (p - y).square().mean() for times in (1, 2)),),
    ],
)
def test_another_lambda_is_refused_and_the_same_one_goes_on(first, then, tmp_path):
    run(maml(first), Sinusoids(), 1, tmp_path / "c")
    with pytest.raises(ValueError, match="other numbers: loss differs"):
        run(maml(then), Sinusoids(), 2, tmp_path / "c")
    assert len(run(maml(first), Sinusoids(), 2, tmp_path / "c").losses) == 2


def test_another_frozen_layer_is_refused(tmp_path):
    run(maml(frozen=[0]), Sinusoids(), 1, tmp_path / "c")
    with pytest.raises(
        ValueError, match=r"frozen = \['learner.0.weight', .*\]; this run has \['learner.2.weight', .*\]"
    ):
        run(maml(frozen=[2]), Sinusoids(), 2, tmp_path / "c")
    assert len(run(maml(frozen=[0]), Sinusoids(), 2, tmp_path / "c").losses) == 2


def test_another_frozen_encoder_is_refused_and_not_overwritten_in_silence(tmp_path):
    def method(seed):
        torch.manual_seed(seed)
        return Prototypical(nn.Sequential(Frozen(nn.Linear(4, 6)), nn.Linear(6, 3)))

    run(method(0), PointClouds(), 1, tmp_path / "c")
    other = method(1)
    before = other.encoder[0].module.weight.clone()
    with pytest.raises(ValueError, match=r"other numbers: frozen: encoder.0.weight differs"):
        run(other, PointClouds(), 2, tmp_path / "c")
    assert torch.equal(other.encoder[0].module.weight, before)
    assert len(run(method(0), PointClouds(), 2, tmp_path / "c").losses) == 2


def test_a_checkpoint_from_before_these_numbers_goes_on(tmp_path):
    run(maml(), Sinusoids(), 1, tmp_path / "c")
    content = read(tmp_path / "c")
    del content["numbers"], content["model"]["frozen"]
    torch.save(content, tmp_path / "c")
    assert len(run(maml(), Sinusoids(), 2, tmp_path / "c").losses) == 2


def test_numbers_disturb_nothing_and_a_loss_of_any_kind_is_let_be():
    class Odd(MetaLearner):
        def __init__(self):
            super().__init__(lambda p, y: {}["no"])

    before = torch.get_rng_state()
    assert numbers_of(Odd(), Sinusoids())["loss"] == []
    assert torch.equal(torch.get_rng_state(), before)


def test_last_digits_are_no_difference_and_nan_is_itself():
    mine = numbers_of(maml(), Sinusoids())
    near = {what: [x * (1 + 1e-5) for x in values] for what, values in mine.items()}
    assert first_difference(mine, near) == ""
    assert first_difference({"a": [float("nan")]}, {"a": [float("nan")]}) == ""
    assert first_difference(mine, {**mine, "loss": [2 * x for x in mine["loss"]]}) == "loss"
    assert first_difference(mine, {}) == next(iter(mine))


def test_embedded_characters_and_dimensions_are_in_the_protocol():
    plain = strokes()
    seen = plain.embedded(nn.Sequential(nn.Flatten(), nn.Linear(784, 6)))
    said = [Episodes(data, 3, 1, 2).protocol for data in (plain, seen)]
    assert said[1] == said[0].replace("(alphabets)", "(alphabets), embedded as 6 features") != said[0]
    assert PointClouds(dimensions=5).protocol.endswith(", 5 dimensions") and "dimensions" not in PointClouds().protocol
