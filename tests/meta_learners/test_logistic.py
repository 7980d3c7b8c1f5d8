import pytest
import torch
import torch.nn.functional as F
from sklearn import linear_model
from torch import nn

from metalearn_course import Examples, Task, mlp
from metalearn_course.meta_learners import LogisticRegression


def clouds(ways, count=6, per_class=4):
    torch.manual_seed(1)
    centers = 2 * torch.randn(count, ways, 1, 4)
    x = (centers + torch.randn(count, ways, 2 * per_class, 4)).transpose(1, 2)
    y = torch.arange(ways).expand(count, per_class, ways).flatten(1)
    support, query = (part.flatten(1, 2) for part in x.split(per_class, 1))
    return Task(Examples(support, y), Examples(query, y), torch.arange(ways).expand(count, ways))


@pytest.mark.parametrize("ways", [2, 5])
def test_answers_are_those_of_scikit_learn(ways):
    method, tasks = LogisticRegression(nn.Identity(), c=0.7), clouds(ways)
    for i in range(6):
        support, x = Examples(tasks.support.x[i], tasks.support.y[i]), tasks.query.x[i]
        theirs = linear_model.LogisticRegression(C=0.7).fit(F.normalize(support.x, dim=-1), support.y)
        ours = method.fit(support)(x).softmax(-1)
        wanted = torch.from_numpy(theirs.predict_proba(F.normalize(x, dim=-1))).float()
        torch.testing.assert_close(ours, wanted, rtol=0, atol=1e-3)


def test_the_gradient_of_what_it_minimizes_is_zero():
    """Of the summed cross-entropy plus half the squared weights over C."""
    c, (support, _, _) = 0.5, clouds(3, count=1)
    x, y = F.normalize(support.x[0], dim=-1).double(), support.y[0]
    method = LogisticRegression(nn.Identity(), c)
    with method.at_work(3):
        head = method.adapt(Examples(x, y))
    w, b = (part.double().requires_grad_() for part in head)
    loss = F.cross_entropy(x @ w.T + b, y, reduction="sum") + w.square().sum() / (2 * c)
    for slope in torch.autograd.grad(loss, (w, b)):
        assert slope.abs().max() < 2e-3


def test_on_the_stack_it_does_what_it_does_alone_and_nothing_of_it_is_trained():
    torch.manual_seed(0)
    method, tasks = LogisticRegression(mlp(4, 8)), clouds(3)
    losses = method(tasks)
    assert losses.shape == (6,) and not [p for p in method.parameters() if p.requires_grad]
    one = method.fit(Examples(tasks.support.x[2], tasks.support.y[2]))(tasks.query.x[2])
    torch.testing.assert_close(F.cross_entropy(one, tasks.query.y[2]), losses[2])
    with pytest.raises(ValueError, match="c"):
        LogisticRegression(mlp(4, 8), c=0)
