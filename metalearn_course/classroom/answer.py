"""Run a learner's function so that whatever it does can be said in one sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from metalearn_course.classroom.mistakes import SECONDS, Mistake, NotYet
from metalearn_course.classroom.places import files_of, learners_place, stub_in
from metalearn_course.classroom.snapshot import Snapshot
from metalearn_course.classroom.surroundings import Surroundings
from metalearn_course.classroom.time_limit import TimeLimit, limited
from metalearn_course.classroom.values import describe, expect_kind

UNSET: Any = object()

_FUNCTIONAL = (
    "Where `vmap` or `grad` runs a function, no tensor can be marked with `requires_grad_()`, and no `backward()` can "
    "be called: `torch.func.grad(loss)(params)` gives the gradient of a function `loss` that returns one number"
)
_INSTEAD = {  # part of what torch says, in words for those who know its inside -> what to say instead
    "inside of a function being transformed": _FUNCTIONAL,
    "called inside a functorch transform": _FUNCTIONAL,
    "(graph leaves) support the deepcopy protocol": "A tensor that was computed cannot be deep-copied: make new ones "
    "by a computation, or copy it with `.clone()`",
}
_ADVICE = {  # part of what an exception says -> what to say after it
    "with more than one value is ambiguous": "An `if` cannot ask about many numbers at once: let `torch.where` choose "
    "for each",
    "backward through the graph a second time": "A `backward()` uses up what it walks through: ask for each gradient "
    "once, by `torch.func.grad` or `torch.autograd.grad`",
}


class Answer:
    """The learner's function under guard: what a check calls.

    `answer(*inputs, like=reference)` returns what the function returns, or raises the Mistake or NotYet that says what
    went wrong. `like` is a value of the type, keys, shape and dtype that is expected. `returned` is what came last.
    """

    def __init__(self, function: Callable[..., Any], seconds: float = SECONDS, name: str | None = None) -> None:
        self.function = function
        self.seconds = seconds
        self.name: str = str(name or getattr(function, "__name__", "your function"))
        self.returned = UNSET
        self.files = files_of(function)
        self.surroundings = Surroundings()

    def __call__(self, *args: Any, like: Any = UNSET, **kwargs: Any) -> Any:
        """Call the function on these inputs; see the class."""
        inputs = {name: Snapshot(value) for name, value in _named(self.function, args, kwargs).items()}
        try:
            result = self._run(lambda function: function(*args, **kwargs))
            for name, before in inputs.items():
                path = before.change()
                if path is not None:
                    raise Mistake(
                        "changes_inputs",
                        f"`{self.name}` changes its argument `{name}{path}` in place. Whoever called it still needs "
                        "the old value: make a new one.",
                    )
        finally:
            for before in inputs.values():
                before.restore()
        if like is not UNSET:
            expect_kind(result, like, f"the result of `{self.name}`")
        return result

    def within(self, expression: Callable[[Callable[..., Any]], Any], like: Any = UNSET) -> Any:
        """Run `expression(function)` under the same guard, inputs unwatched: for `vmap(function)` and the like."""
        result = self._run(expression)
        if like is not UNSET:
            expect_kind(result, like, f"what `{self.name}` gives")
        return result

    def _run(self, expression: Callable[[Callable[..., Any]], Any]) -> Any:
        try:
            with self.surroundings.kept():
                result = limited(lambda: expression(self.function), self.seconds, self.files)
        except TimeLimit:
            message = (
                f"`{self.name}` was still running after {self.seconds:g} s and was stopped. Does a loop never end?"
            )
            raise Mistake("timeout", message) from None
        except SystemExit:
            message = f"`{self.name}` ends Python (`exit`, `quit` or `sys.exit`). A function ends with `return`."
            raise Mistake("raised", message) from None
        except KeyboardInterrupt:  # by the learner, who wants all of it to stop
            raise
        except BaseException as error:
            stub = stub_in(error)
            if stub is not None:
                raise NotYet(stub) from None
            raise Mistake("raised", self._said(error)) from None
        self._expect_returned(result)
        self.returned = result = plain(result)
        return result

    def unusable(self, error: Exception) -> Mistake:
        """The mistake where a check stumbled over what the function returned."""
        if "backward through the graph a second time" in str(error):
            return Mistake(
                "frees_graph",
                f"The result of `{self.name}` has no gradient any more: a `backward()` in it, or a gradient without "
                "`create_graph=True`, used up the way back. Leave the gradient to whoever calls, or ask "
                "`torch.func.grad`.",
            )
        found = f"{type(error).__name__}: {words_of(error)[:300]}"
        if self.returned is UNSET:
            return Mistake("check_error", f"the check of `{self.name}` failed by itself ({found}).")
        given = describe(self.returned)
        return Mistake("wrong_type", f"`{self.name}` returns {given}, which is not what was asked for ({found}).")

    def _said(self, error: BaseException) -> str:
        text, place = words_of(error), learners_place(error, self.function)
        where = "" if place is None else f" ({place.text})"
        kind = f"`{self.name}` raised {type(error).__name__}"
        instead = next((said for part, said in _INSTEAD.items() if part in text), None)
        if instead is not None:
            return f"{kind}{where}. {instead}"
        advice = next((f". {said}" for part, said in _ADVICE.items() if part in text), "")
        return f"{kind}: {text if len(text) <= 300 else text[:297] + '...'}{where}{advice}"

    def _expect_returned(self, result: Any) -> None:
        """Raise where the function's own code did not run to its `return`."""
        if inspect.iscoroutine(result):
            result.close()
        elif not inspect.isgenerator(result) and not inspect.isasyncgen(result):
            return
        if inspect.isgenerator(result):
            wrong = "a generator: with `yield`, or a `for` in round brackets, nothing is computed yet"
        else:
            wrong = "something to wait for: a function that begins with `async` computes nothing when it is called"
        raise Mistake("wrong_type", f"`{self.name}` gives {wrong}. Write `def`, and give the result back by `return`.")


def words_of(error: BaseException) -> str:
    """What an exception says, on one line; nothing, where asking it raises another one."""
    try:
        return " ".join(str(error).split())
    except Exception:
        return "(what it says cannot be shown)"


def plain(value: Any) -> Any:
    """The same value, its tensors without a class of their own, which could say anything of itself."""
    if isinstance(value, Tensor) and issubclass(type(value), Tensor) and type(value) not in (Tensor, nn.Parameter):
        with torch._C.DisableTorchFunctionSubclass():
            return Tensor.as_subclass(value, Tensor)
    if issubclass(type(value), dict):
        inside = {key: plain(item) for key, item in value.items()}
        return inside if any(inside[key] is not value[key] for key in value) else value
    if type(value) in (list, tuple) or (issubclass(type(value), tuple) and hasattr(type(value), "_make")):
        items = [plain(item) for item in value]
        if all(one is other for one, other in zip(items, value, strict=True)):
            return value
        return type(value)._make(items) if hasattr(type(value), "_make") else type(value)(items)
    return value


def _named(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by the names that the learner's signature gives them."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
        return dict(bound.arguments)
    except Exception:  # a builtin has none, and a learner's object may raise anything
        return {f"argument {index + 1}": value for index, value in enumerate(args)} | kwargs
