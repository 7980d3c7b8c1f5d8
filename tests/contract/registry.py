"""Every meta-learner, update rule and estimator of the course, small enough to be held to its contract at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import (
    ANIL,
    MAML,
    NIL,
    PES,
    SGD,
    SNAIL,
    Adam,
    Backpropagation,
    CoordinateRates,
    EvolutionStrategies,
    FineTuned,
    ImplicitMAML,
    InContext,
    LearnedRate,
    LinearAttention,
    LogisticRegression,
    LSTMOptimizer,
    LSTMReader,
    MAMLPlusPlus,
    Matching,
    MemoryAugmented,
    MetaLearner,
    MetaLSTM,
    MetaLSTMGates,
    MetaNetworks,
    MetaSGD,
    MLPOptimizer,
    Momentum,
    NearestNeighbor,
    Nesterov,
    NeuralProcess,
    Prototypical,
    Relation,
    Reptile,
    RMSprop,
    Siamese,
    TrainedBy,
    Truncated,
    TruncatedES,
    UpdateRule,
    ZeroHeadMAML,
    mlp,
)
from metalearn_course.update_rules import Params, StopIfDiverged
from tests.helpers.nets import net as net64


def net() -> nn.Module:
    return net64().float()


def maps() -> nn.Sequential:
    """An encoder of points (n, 4) to feature maps (n, 6, 3, 3), for Relation."""
    return nn.Sequential(nn.Linear(4, 54), nn.Unflatten(1, (6, 3, 3)))


# What compares and what reads, by themselves: other tests have them one by one, too.
COMPARE: dict[str, Callable[[], MetaLearner]] = {
    "Siamese": lambda: Siamese(mlp(4, 8), features=8),
    "Siamese, contrastive": lambda: Siamese(mlp(4, 8), features=8, contrastive=True),
    "Matching": lambda: Matching(mlp(4, 8)),
    "Prototypical": lambda: Prototypical(mlp(4, 8)),
    "Prototypical, euclidean": lambda: Prototypical(mlp(4, 8), "euclidean"),
    "Prototypical, cosine": lambda: Prototypical(mlp(4, 8), "cosine"),
    "Relation": lambda: Relation(maps(), channels=6, hidden=8),
}
READ: dict[str, Callable[[], MetaLearner]] = {
    "LSTMReader": lambda: LSTMReader(4, 3, hidden=16),
    "MemoryAugmented": lambda: MemoryAugmented(4, 3, slots=6, width=8, hidden=16),
    "SNAIL": lambda: SNAIL(4, 3, width=16),
}

# Each takes clusters of 4-dimensional points or, where its loss is F.mse_loss, sinusoids.
META_LEARNERS: dict[str, Callable[[], MetaLearner]] = {
    "FineTuned": lambda: FineTuned(mlp(4, 8), steps=3, lr=0.1, features=8, classes=3),
    "FineTuned, regression": lambda: FineTuned(mlp(1, 8, 1), steps=3, loss=F.mse_loss),
    "NearestNeighbor": NearestNeighbor,
    "NearestNeighbor, embedded": lambda: NearestNeighbor(mlp(4, 8)),
    **COMPARE,
    **READ,
    "LogisticRegression": lambda: LogisticRegression(mlp(4, 8)),
    "InContext": lambda: InContext(1, width=8, heads=2),
    "LinearAttention": lambda: LinearAttention(1),
    "NeuralProcess": lambda: NeuralProcess(width=8),
    "MetaNetworks": lambda: MetaNetworks(4, 3, hidden=6),
    "MAML": lambda: MAML(net(), steps=3, lr=0.1),
    "MAML, kinks": lambda: MAML(mlp(4, 8, 3), steps=2, lr=0.1),
    "MAML, regression": lambda: MAML(mlp(1, 8, 1), steps=2, lr=0.1, loss=F.mse_loss),
    "MAML, first order": lambda: MAML(net(), steps=3, lr=0.1, first_order=True),
    "MAMLPlusPlus": lambda: MAMLPlusPlus(net(), steps=3, lr=0.1),
    "ZeroHeadMAML": lambda: ZeroHeadMAML(net(), steps=3, lr=0.1),
    "ANIL": lambda: ANIL(net(), steps=3, lr=0.1),
    "NIL": lambda: NIL(MAML(net())),
    "Reptile": lambda: Reptile(net(), steps=3, lr=0.1),
    "Reptile, Adam": lambda: Reptile(net(), steps=3, rule=Adam(0.01, beta1=0.0), batch=2),
    "ImplicitMAML": lambda: ImplicitMAML(net(), steps=25, lr=0.05, proximal_weight=10.0, cg_steps=10),
    "MetaSGD": lambda: MetaSGD(net(), steps=3, lr=0.1),
    "MetaLSTM": lambda: MetaLSTM(net(), steps=3, lr=0.1),
    "MetaLSTM, exact": lambda: MetaLSTM(net(), steps=3, lr=0.1, first_order=False),
    "TrainedBy": lambda: TrainedBy(mlp(4, 5, 3), LSTMOptimizer(), 3, fresh_start=False, first_order=False),
}


class Made(NamedTuple):
    """How a rule is made, and for which params where it fits no others."""

    make: Callable[[], UpdateRule]
    params: Params | None = None


def start() -> Params:
    w = torch.tensor([[0.3, -1.2, 2.0], [0.5, 0.1, -0.4]], dtype=torch.float64)
    return {"a.weight": w, "b": torch.tensor([0.7, -0.2], dtype=torch.float64)}


def shaken(rule: Any, by: float = 0.3) -> Any:
    """In float64, with all stars moved away from where they start, so that no part of a rule is at zero."""
    generator = torch.Generator().manual_seed(0)
    for p in rule.double().parameters():
        p.data += by * torch.randn(p.shape, generator=generator, dtype=p.dtype)
    return rule


UPDATE_RULES: dict[str, Made] = {
    "SGD": Made(lambda: SGD(0.1)),
    "SGD, a tensor": Made(lambda: SGD(torch.tensor(0.1))),
    "Momentum": Made(lambda: Momentum(0.1)),
    "Nesterov": Made(lambda: Nesterov(0.1, torch.tensor(0.7))),
    "RMSprop": Made(lambda: RMSprop(0.02)),
    "Adam": Made(lambda: Adam(0.05)),
    "LearnedRate": Made(lambda: shaken(LearnedRate(0.02))),
    "CoordinateRates": Made(lambda: shaken(CoordinateRates(start(), 0.01), by=0.02), start()),
    "MetaLSTMGates": Made(lambda: shaken(MetaLSTMGates())),
    "LSTMOptimizer": Made(LSTMOptimizer),
    "LSTMOptimizer, shaken": Made(lambda: shaken(LSTMOptimizer(hidden=3))),
    "LSTMOptimizer, one layer": Made(lambda: shaken(LSTMOptimizer(hidden=2, layers=1))),
    "MLPOptimizer": Made(MLPOptimizer),
    "MLPOptimizer, shaken": Made(lambda: shaken(MLPOptimizer(hidden=4, lr=0.02))),
    "StopIfDiverged": Made(lambda: StopIfDiverged(Momentum(0.1))),
    "StopIfDiverged, learned": Made(lambda: StopIfDiverged(shaken(LSTMOptimizer(hidden=3)))),
}


class Kind(NamedTuple):
    """How an estimator is made from a sigma and a number of pairs, and after how many inner steps it cuts, if it does.

    blind: whether what earlier segments did to later ones is lost to it. drawn: whether it draws perturbations.
    """

    make: Callable[..., Any]
    truncation: int | None = None
    blind: bool = False
    drawn: bool = True


ESTIMATORS: dict[str, Kind] = {
    "Backpropagation": Kind(lambda sigma, pairs: Backpropagation(), drawn=False),
    "Truncated": Kind(lambda sigma, pairs: Truncated(2), 2, blind=True, drawn=False),
    "Truncated, unequal": Kind(lambda sigma, pairs: Truncated(4), 4, blind=True, drawn=False),
    "EvolutionStrategies": Kind(EvolutionStrategies),
    "TruncatedES": Kind(lambda sigma, pairs: TruncatedES(2, sigma, pairs), 2, blind=True),
    "TruncatedES, unequal": Kind(lambda sigma, pairs: TruncatedES(4, sigma, pairs), 4, blind=True),
    "PES": Kind(lambda sigma, pairs: PES(2, sigma, pairs), 2),
    "PES, unequal": Kind(lambda sigma, pairs: PES(4, sigma, pairs), 4),
}
