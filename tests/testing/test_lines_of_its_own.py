"""check_meta_learner says what is wrong in the words of the method: the exact lines, for one mistake each."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from metalearn_course import MAML, Examples, MetaLearner, Prototypical, Task, check_meta_learner, mlp
from metalearn_course.testing import CheckError, meta_learner_checks


def message_of(make, tasks=None):
    torch.manual_seed(0)
    with pytest.raises(CheckError) as caught:
        check_meta_learner(make, tasks)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def line_of(method, text):
    """The number of the only line of this file, within a class, that holds the text."""
    with open(__file__, encoding="utf-8") as file:  # noqa: PTH123
        lines = file.read().splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(f"class {method}("))
    return next(i + 1 for i, line in enumerate(lines) if i > first and text in line)


class Ridge(MetaLearner):
    """Right, in float32 and in float64; the subclasses say which constant is added."""

    def __init__(self):
        super().__init__()
        self.encoder = mlp(4, 8)
        self.log_penalty = nn.Parameter(torch.tensor(0.0))
        self.least = torch.full((1,), 0.37)

    def embed(self, x):
        return self.encoder(x)

    def adapt(self, support):
        x, y = support.x, self.one_hot(support)
        return x.T @ torch.linalg.solve(x @ x.T + self.penalty(x), y)

    def predict(self, weights, x):
        return 10 * x @ weights

    def penalty(self, x):
        return self.log_penalty.exp() * torch.eye(len(x), dtype=x.dtype)


class RidgeOfSingles(Ridge):
    def penalty(self, x):
        return self.log_penalty.exp() * torch.eye(len(x))


class RidgeOfOnes(Ridge):
    def penalty(self, x):
        ones = (torch.arange(len(x)) >= 0).float()
        return (self.log_penalty.exp() * ones).diag()


class RidgeOfAnAttribute(Ridge):
    def penalty(self, x):
        return torch.eye(len(x), dtype=x.dtype) * (self.log_penalty.exp() * self.least)


class RidgeOfTwoKinds(Ridge):
    """torch refuses this one itself."""

    def adapt(self, support):
        x, y = support.x, self.one_hot(support)
        return (
            torch.linalg.solve(x.T @ x + torch.eye(8, dtype=x.dtype), torch.eye(8)) @ x.T @ y * self.log_penalty.exp()
        )


def test_a_ridge_in_the_dtype_of_its_data_passes():
    check_meta_learner(Ridge)


@pytest.mark.parametrize(
    ("make", "text", "advice"),
    [
        (RidgeOfSingles, "torch.eye(len(x))", "Write torch.eye(n, dtype=x.dtype)"),
        (RidgeOfOnes, ".float()", "Write .to(x)"),
        (RidgeOfTwoKinds, "torch.linalg.solve(x.T", "Write torch.eye(n, dtype=x.dtype)"),
    ],
)
def test_a_float32_constant_is_named_with_its_line(make, text, advice):
    said, number = message_of(make), line_of(make.__name__, text)
    assert f"This check works in float64, and line {number} (`" in said and text in said
    assert said.endswith(f"`) gives a torch.float32 tensor. {advice}.")


def test_a_float32_attribute_is_named():
    assert message_of(RidgeOfAnAttribute).endswith(
        "This check works in float64, and self.least is torch.float32. Make it a buffer, which is converted, too: "
        "self.register_buffer('least', ...)."
    )


class Means(MetaLearner):
    """Prototypes, as somebody would write them; right."""

    def __init__(self):
        super().__init__()
        self.encoder = mlp(4, 8)

    def adapt(self, support):
        one_hot = self.one_hot(support)
        return one_hot.T @ self.encoder(support.x) / one_hot.sum(0)[:, None]

    def predict(self, means, x):
        return -(self.encoder(x)[:, None] - means).square().sum(-1)


class WrongByAFactor(Means):
    def objective(self, task):
        loss = super().objective(task)
        bias = self.encoder[1].bias.sum()
        return loss + 0.3 * bias - 0.3 * bias.data


def test_where_no_cause_is_seen_the_parameter_is_named():
    said = message_of(WrongByAFactor)
    assert said.startswith("the meta-gradient and finite differences differ by up to ")
    assert said.endswith("; they should be equal. They differ most for encoder.1.bias.")


class MeansWithoutGradient(Means):
    def adapt(self, support):
        one_hot = self.one_hot(support)
        with torch.no_grad():
            h = self.encoder(support.x)
        return one_hot.T @ h / one_hot.sum(0)[:, None]


class MeansDetached(Means):
    def adapt(self, support):
        return super().adapt(support).detach()


class NothingLearned(MAML):
    @torch.no_grad()
    def adapt(self, support):
        return super().adapt(support)


@pytest.mark.parametrize(
    ("make", "text", "what"),
    [
        (MeansWithoutGradient, "h = self.encoder(support.x)", "is computed without a gradient, under torch.no_grad()"),
        (MeansDetached, "return super().adapt(support).detach()", "cuts the gradient by detach()"),
    ],
)
def test_a_gradient_that_is_switched_off_is_named_with_its_line(make, text, what):
    number = line_of(make.__name__, text)
    assert message_of(make).endswith(
        f"; they should be equal. Line {number} (`{text}`) {what}. Take that out or, in a first-order method, let "
        f"exact_gradient be False."
    )


def test_where_no_gradient_reaches_phi_the_line_is_named_too():
    number = line_of("NothingLearned", "return super")
    assert message_of(lambda: NothingLearned(mlp(4, 3))) == (
        f"NothingLearned: no gradient reaches phi, so nothing is learned. Line {number} (`return super()."
        f"adapt(support)`) is computed without a gradient, under torch.no_grad(). Take that out."
    )


class Stores(Means):
    def adapt(self, support):
        self.means = super().adapt(support)

    def predict(self, _, x):
        return super().predict(self.means, x)


class StoresAsWell(Means):
    def adapt(self, support):
        self.means = super().adapt(support)
        return self.means


class StoresInAList(Means):
    def __init__(self):
        super().__init__()
        self.seen = []

    def adapt(self, support):
        self.seen.append(super().adapt(support))
        return self.seen[-1]


class StoresInABuffer(Means):
    def __init__(self):
        super().__init__()
        self.register_buffer("memory", torch.zeros(3, 8))

    def adapt(self, support):
        self.memory.copy_(super().adapt(support).detach())
        return self.memory


class StoresInAPart(Means):
    def adapt(self, support):
        self.encoder.means = super().adapt(support)
        return self.encoder.means


class KeepsAConstant(Means):
    """The same for every task: not refused."""

    def adapt(self, support):
        self.ones = torch.ones(3, 1)
        return super().adapt(support) * self.ones.to(support.x)


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (Stores, "means"),
        (StoresAsWell, "means"),
        (StoresInAList, "seen"),
        (StoresInABuffer, "memory"),
        (StoresInAPart, "encoder.means"),
    ],
)
def test_what_is_stored_on_self_is_named(make, where):
    assert message_of(make) == (
        f"{make.__name__} stores what it learns of a task in self.{where}, where the next task overwrites it. "
        f"Return it from adapt: predict gets it as its first argument."
    )


def test_a_constant_may_be_stored():
    first, *_ = meta_learner_checks(KeepsAConstant)
    assert first.name == "adapt_returns_what_it_learned"
    first.run()


class ReturnsAFunction(Means):
    def adapt(self, support):
        means = super().adapt(support)
        return {"answer": lambda x: Means.predict(self, means, x)}

    def predict(self, learned, x):
        return learned["answer"](x)


class ReturnsAModule(ReturnsAFunction):
    def adapt(self, support):
        return {"answer": nn.Linear(4, 3)}


class ReturnsNothing(Means):
    def adapt(self, support):
        super().adapt(support)


@pytest.mark.parametrize(("make", "kind"), [(ReturnsAFunction, "a function"), (ReturnsAModule, "a module")])
def test_a_function_is_nothing_that_was_learned(make, kind):
    assert message_of(make) == (
        f"{make.__name__}.adapt returns {kind}; expected the tensors that were learned (one, a tuple, a dict, a "
        f"NamedTuple), which vmap can stack. What is done with x belongs into predict(adapted, x)."
    )


def test_a_forgotten_return_is_named():
    assert message_of(ReturnsNothing) == (
        "ReturnsNothing.adapt returns None, and predict needs something. End adapt with return: what was learned of "
        "the support set."
    )


class PicksByAMask(Means):
    def adapt(self, support):
        h = self.encoder(support.x)
        return torch.stack([h[support.y == label].mean(0) for label in range(self.ways)])


class PicksByNumber(Means):
    def adapt(self, support):
        h = self.encoder(support.x)
        return torch.stack([h[torch.nonzero(support.y == label)[:, 0]].mean(0) for label in range(self.ways)])


class CountsLabels(Means):
    def adapt(self, support):
        ways = int(support.y.max()) + 1
        return super().adapt(support)[:ways]


class Branches(Means):
    def adapt(self, support):
        means = super().adapt(support)
        if means.sum() > 0:
            return means
        return -means


class GoesBackward(MAML):
    def adapt(self, support):
        params = self.start()
        self.support_loss(params, support).backward()
        return params


@pytest.mark.parametrize(
    ("make", "text", "what"),
    [
        (
            PicksByAMask,
            "return torch.stack(",
            "has a size that depends on values, which vmap cannot have. Keep",
        ),
        (
            PicksByNumber,
            "return torch.stack(",
            "has a size that depends on values, which vmap cannot have. Keep",
        ),
        (
            CountsLabels,
            "ways = int",
            "has a number taken out of a tensor, which vmap cannot do. For the number",
        ),
        (Branches, "if means.sum()", "has a branch that depends on values, which vmap cannot take. Write torch.where."),
        (GoesBackward, "self.support_loss", "has backward(), which does not work under vmap. Take gradients by torch."),
    ],
)
def test_what_vmap_cannot_do_is_said_with_the_line(make, text, what):
    number = line_of(make.__name__, text)
    said = message_of((lambda: make(mlp(4, 3))) if make is GoesBackward else make)
    assert said.startswith(f"{make.__name__}: line {number} (`{text}") and f"`) {what}" in said


def test_the_advice_for_a_mask_is_right():
    """Means.adapt is what the line says to write; a mask gives the same numbers outside of vmap."""
    torch.manual_seed(0)
    method, support = Means(), Examples(torch.randn(6, 4), torch.tensor([0, 2, 1, 1, 0, 2]))
    with method.at_work(3):
        by_mask = PicksByAMask.adapt(method, support)
        torch.testing.assert_close(method.adapt(support), by_mask)
    assert "one_hot.T @ x / one_hot.sum(0)[:, None] are means of classes; or use torch.where." in message_of(
        PicksByAMask
    )


class WithoutSuper(Means):
    def __init__(self):
        self.encoder = mlp(4, 8)


class WithoutSuperAndParts(Means):
    def __init__(self):
        self.scale = 3


class OnlyTheModules(Means):
    def __init__(self):
        nn.Module.__init__(self)
        self.encoder = mlp(4, 8)


@pytest.mark.parametrize("make", [WithoutSuper, WithoutSuperAndParts, OnlyTheModules])
def test_a_missing_super_init_is_named(make):
    assert message_of(make) == (
        f"{make.__name__}.__init__ does not call that of MetaLearner. Write super().__init__() as its first line, with "
        f"the loss in brackets where it is not F.cross_entropy."
    )


class Tokens:
    protocol = "rows of four token ids"

    def sample(self, tasks, generator):
        x, y = torch.randint(0, 10, (tasks, 6, 4), generator=generator), torch.arange(3).repeat(tasks, 2)
        return Task(Examples(x, y), Examples(x.flip(1), y.flip(1)), torch.arange(3).repeat(tasks, 1))


def read(outputs):
    return nn.Sequential(nn.Embedding(10, 8), nn.Flatten(), nn.Linear(32, outputs))


@pytest.mark.parametrize("make", [lambda: Prototypical(read(8)), lambda: MAML(read(3), lr=0.5)])
def test_token_ids_stay_whole_numbers(make):
    check_meta_learner(make, Tokens())


class Forgetful(MAML):
    first_order = False

    def adapt(self, support):
        self.first_order = True
        adapted = super().adapt(support)
        del self.first_order
        return adapted


def test_token_ids_do_not_hide_a_wrong_gradient():
    said = message_of(lambda: Forgetful(read(3), lr=0.5), Tokens())
    assert said.startswith("the meta-gradient and finite differences differ")
