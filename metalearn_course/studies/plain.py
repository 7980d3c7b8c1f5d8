"""Numbers as JSON can say them."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor


def plain(values: Tensor, digits: int = 5) -> Any:
    """Nested lists of numbers of at most `digits` significant digits; None for what is not finite."""
    if values.ndim:
        return [plain(value, digits) for value in values]
    value = values.item()
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None
