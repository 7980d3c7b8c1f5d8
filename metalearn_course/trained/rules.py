"""Learned update rules as files: what phi is, how the rule is made, and what it was trained on."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .._common.files import write_aside
from ..update_rules import CoordinateRates, LearnedRate, LSTMOptimizer, MetaLSTMGates, MLPOptimizer, try_rule
from .archives import read_archive

LearnedRule = LearnedRate | CoordinateRates | MetaLSTMGates | LSTMOptimizer | MLPOptimizer

RULES_VERSION = 1
RULES = Path(__file__).parent / "weights" / "rules"
_KEYS = ("version", "kind", "own", "options", "trained_on")
_TRIED = {"layer.weight": (2, 3), "layer.bias": (2,)}  # what a rule of one's own updates once before it is saved
_ADVICE = "Write it anew with save_rule; if it came with the course, get the course's own files again."


def _rates_for(params: dict[str, list[int]]) -> CoordinateRates:
    return CoordinateRates({name: torch.zeros(shape) for name, shape in params.items()})


# For every kind: how to make such a rule, and the options of a given one, which its weights do not hold.
_KINDS: dict[str, tuple[Callable[..., LearnedRule], Callable[[Any], dict[str, Any]]]] = {
    "LearnedRate": (LearnedRate, lambda rule: {}),
    "CoordinateRates": (
        _rates_for,
        lambda rule: {"params": {k: list(p.shape) for k, p in zip(rule.names, rule.rates, strict=True)}},
    ),
    "MetaLSTMGates": (MetaLSTMGates, lambda rule: {"p": rule.p}),
    "LSTMOptimizer": (LSTMOptimizer, lambda rule: {k: getattr(rule, k) for k in ("hidden", "layers", "p", "scale")}),
    "MLPOptimizer": (
        MLPOptimizer,
        lambda rule: (
            {k: getattr(rule, k) for k in ("hidden", "lr", "bound", "epsilon")}
            | {k: _numbers(getattr(rule, k)) for k in ("decays", "scales")}
        ),
    ),
}


def save_rule(path: str | os.PathLike[str], rule: nn.Module, trained_on: str, **about: Any) -> None:
    """Write a learned rule into one npz file: phi in float32, and remarks about it, as JSON.

    A rule of one's own is an nn.Module. The file names its class and keeps what it was made with: every argument of the
    constructor is looked up as an attribute of the same name, so write `self.hidden = hidden`.

    Args:
        path: the file; what is there is replaced.
        rule: one of the course's learned rules, or one of your own.
        trained_on: in words, the distribution of training problems. It is not optional: how a rule that was trained on
            quadratics does elsewhere is not known.
        about: further remarks by name, anything that JSON can hold; numbers may come from numpy or torch.

    Raises:
        TypeError: for what is no learned rule, for one that cannot be made anew by what it keeps of its arguments or
            does in one update what no rule may (`try_rule`), and for a remark that JSON cannot hold.
        ValueError: without words in `trained_on`, for numbers that are not finite, and for a remark of a name that is
            taken.
        OSError: if the file cannot be written.
    """
    kind = type(rule).__name__
    own = not isinstance(rule, LearnedRule) or kind not in _KINDS
    if own and not (isinstance(rule, nn.Module) and rule.state_dict()):
        raise TypeError(
            f"{kind} is no learned rule of this course; expected one of {', '.join(_KINDS)}, or a rule of your own "
            f"that is an nn.Module with something learned in it."
        )
    options = _own_options(rule) if own else _KINDS[kind][1](rule)
    if not _words(trained_on):
        raise ValueError(f"trained_on={trained_on!r}; say in words on which problems the rule was trained.")
    arrays = {name: v.detach().float().cpu() for name, v in rule.state_dict().items()}
    if broken := _not_finite(arrays):
        raise ValueError(
            f"{broken} of this {kind} holds numbers that are not finite in float32. Save one that was trained well."
        )
    if taken := [name for name in about if name in _KEYS]:
        raise ValueError(f"{taken[0]!r} is written by save_rule itself. Give your remark another name.")
    words = {"version": RULES_VERSION, "kind": kind, "options": options, "trained_on": trained_on}
    words |= {"own": True} if own else {}
    for name, value in about.items():
        try:
            words[name] = json.loads(json.dumps(value, default=lambda number: number.item()))
        except (AttributeError, TypeError, ValueError, RuntimeError):  # of item(), for several numbers, or of json
            raise TypeError(
                f"The remark {name!r} ({type(value).__name__}) is nothing that JSON can hold; expected words, numbers, "
                f"or lists of them. Convert it, as in x.tolist()."
            ) from None
    text = json.dumps(words)  # keys unsorted: the order of parameters is one of the options
    numbers = {name: v.numpy() for name, v in arrays.items()}
    write_aside(Path(path), lambda file: np.savez_compressed(file, about=np.array(text), **numbers))


def load_rule(path: str | os.PathLike[str], kind: type[nn.Module] | None = None) -> Any:
    """The rule that `save_rule` wrote, in eval mode; `rule.about` says what it was trained on. Nothing is unpickled.

    Args:
        path: the file.
        kind: the class of a rule of your own. No code is looked up by a name that stands in a file.

    Returns:
        The rule.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for a damaged one, and for a rule of another version or kind.
    """
    path = Path(path)
    arrays, about = _read(path, kind)
    rule = _made(path, arrays, about, kind)
    rule.load_state_dict(arrays)
    return rule


def learned_rule(name: str, folder: Path = RULES) -> LearnedRule:
    """A meta-trained rule that comes with the course, in eval mode; `about` says what it was trained on.

    Args:
        name: of the rule; a wrong one is answered with the names that there are.
        folder: where the rules lie; the course's own by default.

    Returns:
        The rule.

    Raises:
        ValueError: for another name, and for a damaged file.
        FileNotFoundError: if there are no rules in the folder.
    """
    names = sorted(path.stem for path in folder.glob("*.npz"))
    if not names:
        raise FileNotFoundError(f"There are no rules in {folder}. Get the course's own files again.")
    if name not in names:
        raise ValueError(
            f"name={name!r} is no rule that comes with the course; choose one of {', '.join(map(repr, names))}."
        )
    path = folder / f"{name}.npz"
    if os.environ.get("METALEARN_ABLATE") == "1":
        print(f"{name}: untrained (training is switched off by METALEARN_ABLATE)")
        return _made(path, *_read(path))
    return load_rule(path)


def _own_options(rule: nn.Module) -> dict[str, Any]:
    """What a rule of one's own was made with, by the names of the constructor's arguments, and made anew by them."""
    kind, found = type(rule), {}
    for name, argument in inspect.signature(kind).parameters.items():
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            continue
        if name not in vars(rule) and name not in dict(rule.named_buffers(recurse=False)):
            raise TypeError(
                f"{kind.__name__} does not keep its argument {name}, so that it could not be made anew. Write "
                f"self.{name} = {name} in its __init__."
            )
        value = getattr(rule, name)
        try:
            found[name] = json.loads(json.dumps(value, default=lambda x: x.tolist()))
        except (AttributeError, TypeError, ValueError):
            raise TypeError(
                f"{kind.__name__} was made with {name} of type {type(value).__name__}, which a file of numbers and "
                f"words cannot hold. Give its constructor numbers, words, or lists of them."
            ) from None
    _try_own(rule)
    try:
        with torch.random.fork_rng(devices=[]):
            again = kind(**found)
    except Exception as error:
        raise TypeError(f"{kind.__name__} cannot be made anew with {found}: {error}") from error
    if {k: v.shape for k, v in again.state_dict().items()} != {k: v.shape for k, v in rule.state_dict().items()}:
        raise TypeError(f"{kind.__name__}, made anew with {found}, has learned numbers of other names or shapes.")
    return found


def _try_own(rule: Any) -> None:
    """One update on params of two shapes; nothing for a rule that is made for other ones."""
    try:
        try_rule(rule, {name: torch.zeros(shape) for name, shape in _TRIED.items()})
    except (LookupError, ValueError, RuntimeError):
        return


def _read(path: Path, own: type[nn.Module] | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The arrays, as float32 tensors, and the `about` of a rule's file, both checked."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Write one with save_rule, or ask for another.")
    arrays, about = read_archive(path, RULES_VERSION, _ADVICE)
    if about.get("own"):
        if own is None or own.__name__ != about.get("kind"):
            given = "" if own is None else f", not a {own.__name__}"
            raise ValueError(
                f"{path.name} holds a {about.get('kind')}, a rule of your own{given}. Give its class: "
                f"load_rule({path.name!r}, {about.get('kind')})."
            )
    elif about.get("kind") not in _KINDS:
        raise ValueError(
            f"{path.name} holds a rule of the unknown kind {about.get('kind')!r}; known are {', '.join(_KINDS)}. "
            f"{_ADVICE}"
        )
    if not _words(about.get("trained_on")):
        raise ValueError(f"{path.name} does not say what its rule was trained on. {_ADVICE}")
    if broken := _not_finite(arrays):
        raise ValueError(f"{broken} in {path.name} holds numbers that are not finite. {_ADVICE}")
    return arrays, about


def _made(path: Path, arrays: dict[str, Tensor], about: dict[str, Any], own: Callable[..., Any] | None = None) -> Any:
    """An untrained rule of the kind and with the options that a file names, after a check that its weights fit."""
    kind: str = about["kind"]
    options: Any = about.get("options")
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            rule = own(**options) if own is not None and about.get("own") else _KINDS[kind][0](**options)
    except Exception:
        raise ValueError(f"{path.name} names options that {kind} does not take: {options}.") from None
    if {k: v.shape for k, v in rule.state_dict().items()} != {k: v.shape for k, v in arrays.items()}:
        raise ValueError(f"The weights in {path.name} do not fit {kind} with options {options}.")
    rule.__dict__["about"] = about
    return rule.eval()


def _words(text: Any) -> bool:
    return isinstance(text, str) and bool(text.strip())


def _not_finite(arrays: dict[str, Tensor]) -> str | None:
    """The name of the first tensor that holds a NaN or an infinity."""
    return next((name for name, x in arrays.items() if not x.isfinite().all()), None)


def _numbers(x: Tensor) -> list[float]:
    """float32 numbers as they were typed: 0.9, and not 0.8999999762."""
    return [float(str(number)) for number in x.float().numpy()]
