"""Every meta-learner of the course through the same named checks, each check a test."""

import inspect

import pytest
import torch
import torch.nn.functional as F

from metalearn_course import Examples, MetaLearner, Reader, Task, check_meta_learner, meta_learners
from metalearn_course.evaluation import predictions
from metalearn_course.tasks.task import one_task
from metalearn_course.testing import meta_learner_checks
from tests.contract.registry import META_LEARNERS
from tests.helpers.tasks import clusters, doubled, waves

CHECKS = [(name, check) for name, make in META_LEARNERS.items() for check in meta_learner_checks(make)]


def test_every_meta_learner_of_the_course_is_here():
    kinds = {getattr(meta_learners, name) for name in meta_learners.__all__} - {MetaLearner, Reader}
    act = {meta_learners.Asker, meta_learners.Labeler, meta_learners.RL2}  # and have no exact gradient: see their tests
    methods = {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, MetaLearner)} - act
    assert {type(make()) for make in META_LEARNERS.values()} == methods


@pytest.mark.parametrize("check", [c for _, c in CHECKS], ids=[f"{name}-{c.name}" for name, c in CHECKS])
def test_it_keeps_its_contract(check):
    check.run()


def test_all_of_them_together_say_so_in_a_line(capsys):
    before = torch.get_rng_state()
    check_meta_learner(META_LEARNERS["Prototypical"])
    assert torch.equal(torch.get_rng_state(), before)
    assert capsys.readouterr().out == "Prototypical passes check_meta_learner ✓\n"


def test_who_says_that_the_gradient_is_not_exact_is_not_held_to_it():
    inexact = {name for name, make in META_LEARNERS.items() if not make().exact_gradient}
    assert inexact == {"MAML, first order", "MetaLSTM", "Reptile", "Reptile, Adam"}
    held = {name for name, check in CHECKS if check.name == "meta_gradient_equals_finite_differences"}
    without_phi = {"NearestNeighbor", "NearestNeighbor, embedded", "NIL", "LogisticRegression"}
    assert held == META_LEARNERS.keys() - inexact - without_phi


every_method = pytest.mark.parametrize("make", META_LEARNERS.values(), ids=META_LEARNERS)


def made(make):
    """A method as it answers and three tasks for it, in float64."""
    torch.manual_seed(0)
    method = make().double().eval()
    return method, doubled(waves() if inspect.unwrap(method.loss) is F.mse_loss else clusters())


@every_method
def test_the_answers_under_no_grad_are_those_of_an_adapted_learner(make):
    method, stack = made(make)
    with torch.no_grad():
        without = predictions(method, stack)
        fitted = method.fit(one_task(stack, 0).support)(stack.query.x[0])
    assert not without.requires_grad
    torch.testing.assert_close(without, predictions(method, stack))
    torch.testing.assert_close(fitted, without[0])


@every_method
def test_a_stack_equals_a_loop_that_is_written_out(make):
    """Here, without `over_tasks`: answers, those of `fit`, losses and the meta-gradient, in float64."""
    method, stack = made(make)
    answers, losses, by_hand = predictions(method, stack), method(stack), []
    for i in range(3):
        task = one_task(stack, i)
        support, query = (Examples(method.embed(e.x), e.y) for e in task[:2])
        with method.at_work(stack.classes.shape[-1]):
            torch.testing.assert_close(method.predict(method.adapt(support), query.x), answers[i])
            by_hand.append(method.objective(Task(support, query, task.classes)))
        torch.testing.assert_close(method.fit(task.support)(task.query.x), answers[i])
    torch.testing.assert_close(losses, torch.stack(by_hand))
    if phi := [p for p in method.parameters() if p.requires_grad]:
        gradients = [
            torch.autograd.grad(loss.mean(), phi, materialize_grads=True) for loss in (losses, torch.stack(by_hand))
        ]
        torch.testing.assert_close(*gradients)
