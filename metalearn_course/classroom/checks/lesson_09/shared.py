"""What several checks of lesson 09 work with."""

from __future__ import annotations

from torch import tensor

PHI, SIGMA, Z = tensor([1.0, 2.0]), 0.25, tensor([[1.0, 1.0], [1.0, -1.0]])
