"""What check_meta_learner says of what it was given in place of a function, and of a method for other inputs."""

import re

import pytest
import torch
from torch import nn

from metalearn_course import MAML, Prototypical, check_meta_learner, conv_strided, mlp
from metalearn_course.testing import CheckError, meta_learner_checks


def made_for_images():
    return Prototypical(conv_strided(8, norm="running"))


@pytest.mark.parametrize(
    ("make", "takes"),
    [
        (lambda: Prototypical(mlp(13, 8)), r"6x4 and 13x8"),
        (lambda: MAML(mlp(13, 3), lr=0.1), r"6x4 and 13x3"),
        (lambda: Prototypical(nn.Sequential(nn.BatchNorm1d(13))), r"4 elements not 13"),
        (lambda: Prototypical(nn.Sequential(nn.Conv2d(1, 4, 3))), r"\[6, 4\]"),
        (made_for_images, r"images \(n, 1, 28, 28\)\. Features need an encoder of features, such as mlp\(4, 64\)"),
    ],
)
def test_a_method_for_other_inputs_is_told_what_the_checks_feed(make, takes):
    with pytest.raises(CheckError, match=takes) as caught:
        check_meta_learner(make)
    assert "\n" not in str(caught.value)
    assert re.match(
        r"\w+ does not take what the checks feed by default, clusters, .*, support x \(6, 4\): .* Build it for 4 "
        r"features, as with mlp\(4, 8\), or hand over tasks that it is made for: check_meta_learner\(make, tasks\)\.$",
        str(caught.value),
    )


def test_a_shape_that_is_wrong_inside_of_a_method_is_not_blamed_on_the_inputs():
    with pytest.raises(Exception, match=r"8.* and 16") as caught:
        check_meta_learner(lambda: Prototypical(nn.Sequential(nn.Linear(4, 8), nn.Linear(16, 3))))
    assert "what the checks feed" not in str(caught.value)


@pytest.mark.parametrize("given", [Prototypical(mlp(4, 8)), 3, None])
def test_a_meta_learner_in_place_of_what_makes_one(given):
    name = type(given).__name__
    with pytest.raises(TypeError) as caught:
        check_meta_learner(given)
    assert str(caught.value) == (
        f"check_meta_learner got {name}; expected a function without arguments that makes a new meta-learner at every "
        f"call. Write check_meta_learner(lambda: {name}(...))."
    )


def test_random_numbers_in_predict_get_advice_that_fits():
    class Draws(Prototypical):
        def predict(self, adapted, x):
            answers = super().predict(adapted, x)
            return answers + 0.01 * torch.randn_like(answers)

    class DrawsInTraining(Prototypical):
        def predict(self, adapted, x):
            answers = super().predict(adapted, x)
            return answers + 0.01 * torch.randn_like(answers) if self.training else answers

    with pytest.raises(CheckError, match=r"differs with the random numbers.*Draw them in train mode only, if self\."):
        check_meta_learner(lambda: Draws(mlp(4, 8)))
    check = next(c for c in meta_learner_checks(lambda: DrawsInTraining(mlp(4, 8))) if c.name.startswith("same_loss"))
    check.run()
