import shutil

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import ANIL, MAML, Backpropagation, conv_strided, mlp
from tests.helpers.tasks import waves64


def maml():
    torch.manual_seed(0)
    return MAML(mlp(1, 8, 1), steps=2, lr=0.05, loss=F.mse_loss).double()


def stack():
    return waves64(shots=4, queries=3)


def test_backpropagation_is_the_gradient_of_the_mean_loss_over_tasks():
    meta_learner, tasks = maml(), stack()
    phi = dict(meta_learner.named_parameters())
    grads, losses, _ = Backpropagation().step(meta_learner, phi, tasks, ())
    meta_learner(tasks).mean().backward()
    assert losses.shape == (3,) and not losses.requires_grad
    for name, p in meta_learner.named_parameters():
        torch.testing.assert_close(grads[name], p.grad)


def test_the_gradient_is_taken_at_phi_not_at_the_modules_own_weights():
    """Every entry against a central difference, at a point that the module does not hold."""
    meta_learner, tasks = maml(), stack()
    phi = {name: (p + 0.1).detach().requires_grad_() for name, p in meta_learner.named_parameters()}
    grads, _, _ = Backpropagation().step(meta_learner, phi, tasks, ())
    for name, p in phi.items():
        for i in range(p.numel()):
            sides = []
            for side in (1e-6, -1e-6):
                moved = p.detach().clone()
                moved.view(-1)[i] += side
                sides.append(torch.func.functional_call(meta_learner, phi | {name: moved}, (tasks,)).mean())
            torch.testing.assert_close(grads[name].view(-1)[i], (sides[0] - sides[1]) / 2e-6, rtol=1e-6, atol=1e-7)


def test_a_parameter_that_plays_no_part_has_gradient_zero():
    meta_learner = maml()
    meta_learner.idle = nn.Parameter(torch.ones(2, dtype=torch.float64))
    grads, _, _ = Backpropagation().step(meta_learner, dict(meta_learner.named_parameters()), stack(), ())
    assert grads["idle"].tolist() == [0, 0]


def test_tasks_one_by_one_are_the_tasks_under_vmap():
    meta_learner, tasks = maml(), stack()
    phi, results = dict(meta_learner.named_parameters()), []
    for meta_learner.one_by_one in (False, True):
        results.append(Backpropagation().step(meta_learner, phi, tasks, ()))
        torch.testing.assert_close(meta_learner(tasks), results[-1][1])
    torch.testing.assert_close(*results)


def test_what_adapts_convolutions_goes_one_by_one():
    assert MAML(conv_strided(5)).one_by_one and not MAML(mlp(784, 5)).one_by_one
    assert not ANIL(conv_strided(5)).one_by_one  # its convolutions are the same for every task


@pytest.mark.course
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_is_the_same_gradient():
    meta_learner, tasks = maml(), stack()
    phi = dict(meta_learner.named_parameters())
    compiled = Backpropagation(compile=True).step(meta_learner, phi, tasks, ())
    torch.testing.assert_close(compiled, Backpropagation().step(meta_learner, phi, tasks, ()))


@pytest.mark.course
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_says_too_when_nothing_reaches_phi():
    class Detached(MAML):
        def start(self):
            return {name: p.detach() for name, p in super().start().items()}

    meta_learner = Detached(nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1)).double(), loss=F.mse_loss)
    with pytest.raises(RuntimeError, match="no gradient reaches phi"):
        Backpropagation(compile=True).step(meta_learner, dict(meta_learner.named_parameters()), stack(), ())
