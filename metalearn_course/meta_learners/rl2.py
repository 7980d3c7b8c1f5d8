"""RL^2: a recurrent network that learns to explore, so that its state learns from what it tries."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._common.arguments import number, whole
from ..tasks.task import Examples, Task
from .base import MetaLearner
from .lstm_reader import State, lstm_cell, lstm_gates


class Game(NamedTuple):
    """One game of a bandit, pull by pull.

    log_policy: logarithms of the probabilities of the arms (pulls, arms). pulled: the arm pulled, as a row with a
    single one (pulls, arms). worth: what the rest of the game was expected to be worth (pulls,).
    """

    log_policy: Tensor
    pulled: Tensor
    worth: Tensor


class RL2(MetaLearner):
    """An LSTM that plays bandits: it reads the arm it pulled and what that paid, and says which arm comes next.

    Duan et al. (2016, arXiv:1611.02779) and Wang et al. (2016, arXiv:1611.05763). The task is a bandit. What is adapted
    is the state (h, c); the weights, phi, stay while it plays. The meta-gradient is the policy gradient of the whole
    game (Williams, 1992): probabilities of pulls rise with what the game brings after them. A second output, trained to
    foretell that, is subtracted as a baseline.

    The pulled arm's mean, less the mean of all arms, stands for what was paid. Its expectation is the same up to a
    constant, so the gradient is, too, with less noise. The network reads payments only.

    Args:
        arms: how many the bandits have.
        hidden: how many numbers each of h and c has.
        entropy: how much a policy is worth that is not sure of itself yet; without it exploring can end too early.
        discount: by what a payment counts less for every pull between it and the pull that gets the credit, 0 to 1.
            Below 1 there is less noise in long games, and a bias (Schulman et al., 2016, arXiv:1506.02438).

    Raises:
        ValueError: if a number is out of range.
    """

    order_matters = True
    baseline_weight = 0.05  # of the squared error of what is foretold

    def __init__(self, arms: int = 2, hidden: int = 32, entropy: float = 0.02, discount: float = 1.0) -> None:
        super().__init__(F.mse_loss)
        self.arms, self.hidden = whole("arms", arms, 2), whole("hidden", hidden)
        self.entropy, self.discount = number("entropy", entropy, least=0), number("discount", discount, least=0)
        if self.discount > 1:
            raise ValueError(f"discount={discount} would make late payments count more; expected 0 to 1.")
        self.gates = lstm_gates(self.arms + 2, self.hidden)
        self.policy, self.worth = nn.Linear(self.hidden, self.arms), nn.Linear(self.hidden, 1)

    @property
    def exact_gradient(self) -> bool:
        """No: the objective's value is what was paid, and its gradient an estimate."""
        return False

    def play(self, pays: Tensor, greedy: bool = False) -> Game:
        """One game, pays (pulls, arms). Each pull is drawn from the policy, or is its likeliest arm."""
        if pays.shape[-1] != self.arms:
            raise ValueError(f"RL2 was built for {self.arms} arms; the bandits have {pays.shape[-1]}.")
        state, seen, moments = self.start(), pays.new_zeros(self.arms + 2), []
        for pull, pay in enumerate(pays, 1):
            state = lstm_cell(self.gates, seen, state)
            log_policy = self.policy(state[0]).log_softmax(-1)
            arm = F.one_hot(_drawn(log_policy.detach(), greedy), self.arms).to(pays)
            moments.append(Game(log_policy, arm, self.worth(state[0])[0]))
            seen = torch.cat([arm, (arm * pay).sum()[None], pays.new_full((1,), pull / len(pays))])
        return Game(*(torch.stack(part) for part in zip(*moments, strict=True)))

    def start(self) -> State:
        """Zeros for h and c."""
        zeros = self.gates.weight.new_zeros(self.hidden)
        return zeros, zeros

    def objective(self, task: Task) -> Tensor:
        """Minus what the pulled arms pay on average, with the policy gradient as its gradient."""
        pays, means = task.support
        game = self.play(pays)
        gained = (means * game.pulled).sum(-1)
        ahead = self.from_here_on(gained - means.mean(-1))
        chosen = (game.log_policy * game.pulled).sum(-1)
        policy = -(chosen * (ahead - game.worth).detach()).mean()
        unsure = -(game.log_policy.exp() * game.log_policy).sum(-1).mean()
        surrogate = policy + self.baseline_weight * F.mse_loss(game.worth, ahead) - self.entropy * unsure
        return surrogate - surrogate.detach() - gained.sum()

    def from_here_on(self, gained: Tensor) -> Tensor:
        """What each pull and those after it brought, discounted (pulls,)."""
        apart = torch.arange(len(gained))[None] - torch.arange(len(gained))[:, None]
        weights = torch.where(apart < 0, 0.0, self.discount ** apart.clamp_min(0).to(gained))
        return weights @ gained

    def pulls(self, tasks: Task, greedy: bool = True) -> Tensor:
        """The arms pulled in each game of a stack, int64 (tasks, pulls)."""
        with torch.no_grad():
            return self.over_tasks(lambda task: self.play(task.support.x, greedy).pulled, tasks).argmax(-1)

    def adapt(self, support: Examples) -> State:
        """The state after a game."""
        raise NotImplementedError("RL2 plays a game, play(pays), where other methods adapt and predict.")


def _drawn(log_policy: Tensor, greedy: bool) -> Tensor:
    """An arm: the likeliest, or one drawn by the Gumbel trick, which vmap can do."""
    if greedy:
        return log_policy.argmax()
    noise = torch.rand_like(log_policy).clamp_min(1e-9)
    return (log_policy - (-noise.log()).log()).argmax()
