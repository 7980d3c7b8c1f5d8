"""What a check may find: a named mistake, or nothing to look at yet."""

from __future__ import annotations

SECONDS = 5.0  # for one call of a learner's function

GENERIC = {
    "timeout": "ran longer than the time limit",
    "raised": "raised an exception",
    "changes_inputs": "changed its arguments in place",
    "returned_nothing": "returned None",
    "wrong_type": "returned another type",
    "wrong_structure": "returned other keys or another number of parts",
    "wrong_shape": "returned another shape",
    "wrong_dtype": "returned another dtype",
    "not_finite": "returned NaN or infinity",
    "wrong_value": "is wrong in a way that has no name of its own",
    "frees_graph": "used up the way back that gradients need",
    "check_error": "confused the check itself",
}


class Mistake(Exception):
    """A wrong answer: `name` says which one, `message` says it in words about this learner's values.

    `seen_as` is the general name of what was seen, where a misconception explains it better.
    """

    def __init__(self, name: str, message: str, seen_as: str | None = None) -> None:
        super().__init__(name, message)
        self.name = name
        self.message = message
        self.seen_as = seen_as or name


class NotYet(Exception):
    """The learner's function, or one that it calls, is still a stub; `function` is its name."""

    def __init__(self, function: str) -> None:
        super().__init__(function)
        self.function = function
