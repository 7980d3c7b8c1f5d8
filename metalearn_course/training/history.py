"""What a meta-training leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..update_rules import Params


@dataclass
class History:
    """What meta-training left behind.

    Args:
        losses: the mean meta-loss of every step.
        seconds: how long it took, resumed runs added up.
        snapshots: the states asked for, by step.
        diverged: how many inner trainings were stopped because they diverged.
    """

    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    snapshots: dict[int, Params] = field(default_factory=dict)
    diverged: int = 0
