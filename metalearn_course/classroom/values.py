"""Compare what came back with what was expected, and say the first difference in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metalearn_course.classroom.mistakes import Mistake


def show(value: Any, digits: int = 4) -> str:
    """A value as a sentence can hold it: numbers and small tensors whole, larger ones by shape."""
    if isinstance(value, Tensor | np.ndarray):
        if math.prod(value.shape) > 12:
            return f"{describe(value)}"
        return str(_rounded(value.tolist(), digits))
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    try:
        text = repr(value)
    except Exception:  # it is a learner's object, and may do what it likes
        return describe(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, list):
        return [_rounded(item, digits) for item in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def describe(value: Any) -> str:
    """A value's kind: `a float32 tensor of shape (5,)`, `a dict`, `a float`."""
    if isinstance(value, Tensor):
        return f"a {str(value.dtype).removeprefix('torch.')} tensor of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"a NumPy array of shape {value.shape}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def parts(value: Any) -> Iterator[tuple[str, Any]]:
    """The direct parts of a container, each with the way to write it: `["w1"]`, `[0]`, `.x`."""
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from ((f".{field}", item) for field, item in zip(value._fields, value, strict=True))
    elif isinstance(value, list | tuple):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))


def expect_kind(got: Any, like: Any, what: str = "the result") -> None:
    """Raise the Mistake that says how `got` differs from `like` in type, keys, length, shape, dtype or finiteness."""
    if got is None and like is not None:
        advice = "" if what.endswith("]") else " Is a `return` missing?"
        raise Mistake("returned_nothing", f"{what} is None; expected {describe(like)}.{advice}")
    _expect_type(got, like, what)
    if isinstance(like, Mapping):
        missing, extra = [key for key in like if key not in got], [key for key in got if key not in like]
        if missing or extra:
            wrong = f"lacks {missing[0]!r}" if missing else f"has {extra[0]!r}, which was not asked for"
            raise Mistake("wrong_structure", f"{what} {wrong}; expected the keys {show(list(like))}.")
        for key in like:
            expect_kind(got[key], like[key], f"{what}[{key!r}]")
    elif isinstance(like, list | tuple):
        if len(got) != len(like):
            raise Mistake("wrong_structure", f"{what} has {len(got)} parts; expected {len(like)}.")
        for (path, item), (_, reference) in zip(parts(got), parts(like), strict=True):
            expect_kind(item, reference, what + path)
    elif isinstance(like, Tensor | np.ndarray):
        _expect_tensor(got, like, what)
    elif isinstance(like, float) and math.isfinite(like) and not math.isfinite(got):
        raise Mistake("not_finite", f"{what} is {got}; expected a finite number.")


def _expect_type(got: Any, like: Any, what: str) -> None:
    """By `type(got)`: what `isinstance` believes, an object can say of itself."""
    kind = type(got)
    if isinstance(like, bool):
        right = issubclass(kind, bool | np.bool_)
    elif isinstance(like, float | int):
        accepted: tuple[type, ...] = (float, int, np.number) if isinstance(like, float) else (int, np.integer)
        right = issubclass(kind, accepted) and not issubclass(kind, bool)
    elif isinstance(like, tuple) and not hasattr(like, "_fields"):
        right = issubclass(kind, tuple)
    elif isinstance(like, Mapping):
        right = issubclass(kind, Mapping)
    elif callable(like) and not isinstance(like, torch.nn.Module):
        right = callable(got)
    else:
        right = issubclass(kind, type(like))
    if not right:
        raise Mistake("wrong_type", f"{what} is {describe(got)}; expected {describe(like)}.")


def _expect_tensor(got: Any, like: Any, what: str) -> None:
    if tuple(got.shape) != tuple(like.shape):
        raise Mistake("wrong_shape", f"{what} has shape {tuple(got.shape)}; expected {tuple(like.shape)}.")
    if got.dtype != like.dtype and not _scalars_of_either_precision(got, like):
        raise Mistake("wrong_dtype", f"{what} has dtype {got.dtype}; expected {like.dtype}.")
    here, reference = torch.as_tensor(got).detach(), torch.as_tensor(like).detach()
    broken = ~torch.isfinite(here) & torch.isfinite(reference).all()
    if broken.any():
        kind = "NaN" if here.isnan().any() else "infinity"
        count = f"{int(broken.sum())} of {here.numel()} values are {kind}" if here.numel() > 1 else f"is {kind}"
        raise Mistake("not_finite", f"{what}: {count}; expected finite numbers.")


def _scalars_of_either_precision(got: Any, like: Any) -> bool:
    """Whether both are single numbers, of 32 or 64 bits: beside any other tensor these count alike.

    A tensor with axes does not: float64 parameters and float32 inputs cannot be multiplied.
    """
    either = (torch.float32, torch.float64, np.dtype("float32"), np.dtype("float64"))
    return not got.shape and got.dtype in either and like.dtype in either


def near(got: Any, want: Any, rtol: float = 1e-4, atol: float = 1e-5) -> bool:
    """Whether two values of the same kind agree everywhere: the test a check makes for one misconception."""
    return difference(got, want, "", rtol, atol) is None


def expect_close(got: Any, want: Any, what: str, rtol: float = 1e-4, atol: float = 1e-5) -> None:
    """Raise `wrong_value` at the first difference. `what` says what was asked, on which input."""
    wrong = difference(got, want, what, rtol, atol)
    if wrong is not None:
        raise Mistake("wrong_value", wrong)


def _in_the_order_of(want: Mapping[Any, Any] | list[Any] | tuple[Any, ...], got: Any) -> list[Any] | None:
    """The parts of `got` that belong to those of `want`: by key, or by position, whatever a NamedTuple calls them."""
    if isinstance(want, Mapping):
        same = isinstance(got, Mapping) and got.keys() == want.keys()
        return [got[key] for key in want] if same else None
    return list(got) if isinstance(got, list | tuple) and len(got) == len(want) else None


def difference(got: Any, want: Any, what: str, rtol: float, atol: float) -> str | None:
    """The first difference between two values, or None."""
    if isinstance(want, Mapping | list | tuple):
        inside = list(parts(want))
        found = _in_the_order_of(want, got)
        if found is None:
            return f"{what}: got {show(got)}, expected {show(want)}."
        wrong = (
            difference(mine, item, what + path, rtol, atol) for mine, (path, item) in zip(found, inside, strict=True)
        )
        return next((text for text in wrong if text is not None), None)
    if not isinstance(want, Tensor | np.ndarray | float | int) or isinstance(want, bool):
        return None if got == want else f"{what}: got {show(got)}, expected {show(want)}."
    if got is None:  # a gradient that does not arrive, say
        return f"{what}: got None, expected {show(want)}."
    here = torch.as_tensor(got).detach().to(torch.float64)
    there = torch.as_tensor(want).detach().to(torch.float64)
    if here.shape != there.shape:
        return f"{what}: got shape {tuple(here.shape)}, expected {tuple(there.shape)}."
    close = torch.isclose(here, there, rtol=rtol, atol=atol, equal_nan=True)
    if close.all():
        return None
    if here.numel() <= 12:
        return f"{what}: got {show(got)}, expected {show(want)}."
    index = tuple((~close).nonzero()[0].tolist())
    place = f"{int((~close).sum())} of {here.numel()} values differ, first at {list(index)}"
    return f"{what}: {place}: got {here[index].item():.4g}, expected {there[index].item():.4g}."
