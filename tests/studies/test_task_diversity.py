"""The best answers by heart and by ridge regression, against enumeration, scikit-learn and sampled weights."""

import pytest
import torch
from sklearn import linear_model

from metalearn_course import InContext, Regressions, evaluate, mse
from metalearn_course.studies.task_diversity import POINTS, ByHeart, Ridge, diversity, diversity_frames
from metalearn_course.tasks import one_task

NOISE = 0.5


def task(seed=0, **options):
    tasks = Regressions(3, shots=6, queries=4, noise=NOISE, **options)
    return one_task(tasks.sample(1, torch.Generator().manual_seed(seed)), 0)


def test_ridge_is_scikit_learns():
    one = task()
    theirs = linear_model.Ridge(alpha=NOISE**2, fit_intercept=False).fit(one.support.x.numpy(), one.support.y.numpy())
    want = torch.from_numpy(theirs.coef_).flatten().float()
    torch.testing.assert_close(Ridge(NOISE).adapt(one.support), want, rtol=1e-4, atol=1e-5)


def test_ridge_is_the_posterior_mean_of_normal_weights():
    """By importance sampling: weights from the prior, each as heavy as it fits."""
    one = task()
    weights = torch.randn(400_000, 3, generator=torch.Generator().manual_seed(1))
    sampled = ByHeart(weights, NOISE).adapt(one.support)
    assert (sampled - Ridge(NOISE).adapt(one.support)).abs().max() < 0.02


def test_by_heart_is_bayes_rule_over_the_known_weights():
    one, weights = task(), Regressions(3, different=5).weights()
    likelihood = torch.ones(5, dtype=torch.float64)
    for x, y in zip(one.support.x.double(), one.support.y.double(), strict=True):
        density = torch.distributions.Normal(weights.double() @ x, NOISE).log_prob(y).exp()
        likelihood = likelihood * density
    want = (likelihood / likelihood.sum()) @ weights.double()
    torch.testing.assert_close(ByHeart(weights, NOISE).adapt(one.support).double(), want, rtol=1e-4, atol=1e-4)


def test_each_is_the_best_on_its_own_tasks():
    endless, few = (Regressions(3, 6, 4, NOISE, different) for different in (None, 5))
    heart, ridge = ByHeart(few.weights(), NOISE), Ridge(NOISE)
    errors = {
        (name, kind): evaluate(learner, tasks, metric=mse, episodes=1_000, seed=2).mean
        for name, learner in {"heart": heart, "ridge": ridge}.items()
        for kind, tasks in {"few": few, "endless": endless}.items()
    }
    assert NOISE**2 * 0.9 < errors["heart", "few"] < errors["ridge", "few"] < errors["heart", "endless"]
    assert errors["ridge", "endless"] < 0.5 * errors["heart", "endless"]


def test_errors_and_answers_have_a_place_for_every_number_of_tasks():
    torch.manual_seed(0)
    learners = {4: InContext(3, 8, 1, 2).eval(), None: InContext(3, 8, 1, 2).eval()}
    tasks = Regressions(3, 6, 4, NOISE)
    found, frames = diversity(learners, tasks, count=50), diversity_frames(learners, tasks, count=50)
    assert found.different == frames["different"] == [4, None]
    want = evaluate(learners[4], tasks, metric=mse, episodes=50, seed=1).mean
    assert found.new["transformer"][0].mean == want == frames["errors"]["transformer"][0][0]
    assert found.new["by heart"][1] is None and frames["answers"]["by heart"][1] is None
    assert len(found.seen) == 2 and all(len(line) == POINTS for line in frames["answers"]["transformer"])


def test_everybody_answers_linearly_but_the_transformer_and_ridge_is_near_the_truth():
    torch.manual_seed(0)
    frames = diversity_frames({4: InContext(3, 8, 1, 2).eval()}, Regressions(3, 30, 4, 0.05), count=10)
    truth, ridge, heart = (
        torch.tensor(line) for line in (frames["truth"], frames["ridge"], frames["answers"]["by heart"][0])
    )
    for line in (truth, ridge, heart):
        assert line.diff().std() < 1e-3 * line.diff().abs().max() + 1e-4
    assert (truth - ridge).abs().max() < 0.1 < truth.abs().max()
    assert (truth - heart).abs().max() > 0.3


@pytest.mark.parametrize("count", [1, 0])
def test_too_few_tasks_are_refused(count):
    with pytest.raises(ValueError, match="count"):
        diversity({}, Regressions(), count=count)
