"""Smooth small networks in float64, so that finite differences and minima are well defined."""

from __future__ import annotations

from torch import nn

from metalearn_course import mlp


def net() -> nn.Sequential:
    """For clusters."""
    return mlp(4, 5, 3, activation=nn.Tanh).double()


def wave_net() -> nn.Sequential:
    """For waves."""
    return mlp(1, 6, 1, activation=nn.Tanh).double()
