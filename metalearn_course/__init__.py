"""Meta-learning by hand: tasks, learners, update rules and meta-learners that are read to be understood.

Names load on first use (PEP 562), so that `metalearn --help` need not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

_HOME = {
    "tasks": [
        "Task",
        "Examples",
        "TaskDistribution",
        "check_tasks",
        "Sinusoids",
        "Episodes",
        "Characters",
        "characters",
        "my_symbols",
        "ImageClasses",
        "images_from_folder",
        "pictures",
        "lake_runs",
        "Quadratics",
        "Regressions",
        "Bandits",
        "Thresholds",
        "regret",
        "MiniBatches",
        "digits",
        "table",
    ],
    "learners": ["linear", "mlp", "conv4", "conv_strided", "Frozen"],
    "update_rules": [
        "SGD",
        "Momentum",
        "Nesterov",
        "RMSprop",
        "Adam",
        "LearnedRate",
        "CoordinateRates",
        "MetaLSTMGates",
        "LSTMOptimizer",
        "MLPOptimizer",
        "log_and_sign",
        "StopIfDiverged",
        "UpdateRule",
        "unroll",
        "Trace",
    ],
    "meta_learners": [
        "MetaLearner",
        "FineTuned",
        "NearestNeighbor",
        "MAML",
        "MAMLPlusPlus",
        "ZeroHeadMAML",
        "ANIL",
        "NIL",
        "Reptile",
        "ImplicitMAML",
        "Siamese",
        "Matching",
        "Prototypical",
        "Relation",
        "Reader",
        "LSTMReader",
        "LinearAttention",
        "InContext",
        "RL2",
        "Asker",
        "Labeler",
        "LogisticRegression",
        "MemoryAugmented",
        "SNAIL",
        "NeuralProcess",
        "MetaNetworks",
        "MetaSGD",
        "MetaLSTM",
        "TrainedBy",
        "linear_classifier",
    ],
    "estimators": ["Backpropagation", "Truncated", "EvolutionStrategies", "TruncatedES", "PES"],
    "training": ["meta_train", "History"],
    "evaluation": [
        "evaluate",
        "curves",
        "instance_accuracy",
        "dependencies",
        "accuracy",
        "mse",
        "predictions",
        "Evaluation",
        "compare",
        "tune",
        "Tuned",
    ],
    "update_rules.torch_adapter": ["TorchOptimizer"],
    "trained.rules": ["save_rule", "load_rule", "learned_rule"],
    "trained.meta_learners": ["pretrained", "shared_embedding"],
    "trained.neighbors": ["pretrained_neighbor"],
    "trained.wide": ["pretrained_wide"],
    "trained.saved": ["save_meta_learner", "load_meta_learner"],
    "classroom.claims": ["claim"],
    "testing": ["check_meta_learner", "check_update_rule"],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["__version__", *sorted(_MODULE_OF)]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    if name in _HOME:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
