"""A game of few-shot learning: episodes for a person, what methods answer to the same episodes, and who was right."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import torch

from .._common.arguments import whole
from .._common.seeds import PROBLEMS, stream
from ..evaluation import predictions
from ..evaluation.predictions import in_mode
from ..meta_learners import MetaLearner, NearestNeighbor
from ..tasks import Characters, Episodes, Task, characters, lake_runs
from ..tasks.check import admit, draw
from ..tasks.lake_runs import PEOPLE, PROGRAM, LakeRuns
from ..tasks.task import Examples, TaskDistribution, one_task, stack_tasks
from ..trained.meta_learners import pretrained
from ..trained.wide import pretrained_wide

QUESTIONS = 20  # of a game, as many as a run of Lake et al. has
MOST_WAYS = 20  # a letter each, and what a screen has room for
PAPER = {"people (Lake et al., 2015)": 1 - PEOPLE, "their program": 1 - PROGRAM}  # on all twenty runs


@dataclass(frozen=True)
class Deal:
    """One game, as it is dealt: what is asked, and what the methods answer.

    Args:
        name: "runs", for Lake et al.'s, or "short".
        number: of the game, from 1; it decides what is dealt.
        protocol: of the episodes, in words.
        tasks: a stack of one run with twenty queries, or of twenty episodes with a query each.
        truth: the label of every query, in order.
        answers: of each method to each query.
        remarks: a line for each method that cannot play.
    """

    name: str
    number: int
    protocol: str
    tasks: Task
    truth: list[int]
    answers: dict[str, list[int]]
    remarks: list[str]

    @property
    def ways(self) -> int:
        """How many answers there are to choose from."""
        return self.tasks.classes.shape[-1]


def usual_characters() -> Characters:
    """Omniglot where it can be had, and otherwise glyphs, without a printed line."""
    with contextlib.redirect_stdout(io.StringIO()):
        return characters()


def usual_games(data: Characters) -> dict[str, TaskDistribution]:
    """Lake et al.'s runs, and short games: five ways, 1 shot, within an alphabet of the test split."""
    return {"runs": lake_runs(), "short": Episodes(data, 5, 1, 1, split="test", within_alphabet=True)}


def usual_opponents(data: Characters) -> dict[str, MetaLearner]:
    """Pixels, the shipped prototypical network, and the wide one, which reads nine shifted copies of every drawing."""
    return {
        "pixels": NearestNeighbor(),
        "prototypical": pretrained("prototypical", data),
        "wide network, nine copies": pretrained_wide(shifted=True),
    }


def checked_games(tasks: TaskDistribution | None, data: Characters | None) -> dict[str, TaskDistribution]:
    """What can be played: the usual games, or the one that was given.

    Args:
        tasks: a distribution of labeled images; None for the usual games.
        data: where the usual short games come from; None for `usual_characters`.

    Raises:
        TypeError: for what is no distribution.
        ValueError: for tasks of numbers, of other inputs than images, or of more than 20 ways.
    """
    if tasks is None:
        return usual_games(data or usual_characters())
    admit(tasks)
    if isinstance(tasks, LakeRuns):
        return {"runs": tasks}
    seen = draw(tasks, 1, torch.Generator().manual_seed(0))
    if seen.query.y.is_floating_point() or seen.classes.shape[-1] < 2:
        raise ValueError("tasks has numbers for targets; the game needs images of classes. Give it Episodes(...).")
    if seen.query.x.ndim != 5:
        shape = tuple(seen.query.x.shape[2:])
        raise ValueError(f"tasks has inputs of shape {shape}; the game shows images (channels, height, width).")
    if seen.classes.shape[-1] > MOST_WAYS:
        ways = seen.classes.shape[-1]
        raise ValueError(f"tasks has {ways} ways; the game has room for {MOST_WAYS}. Lower ways.")
    return {"short": tasks}


def checked_opponents(opponents: Mapping[str, MetaLearner]) -> dict[str, MetaLearner]:
    """The opponents by name; TypeError, in a line, for what is no meta-learner."""
    if not isinstance(opponents, Mapping):
        raise TypeError(f"opponents is a {type(opponents).__name__}; expected a dict of a name -> meta-learner.")
    for name, opponent in opponents.items():
        if not isinstance(opponent, MetaLearner):
            kind = type(opponent).__name__
            raise TypeError(f"opponents[{name!r}] is a {kind}; expected a meta-learner, such as Prototypical(encoder).")
        if str(name) in ("you", *PAPER):
            raise ValueError(f"opponents[{name!r}] has a name that is taken. Give it another one.")
    return {str(name): opponent for name, opponent in opponents.items()}


def deal(
    name: str, distribution: TaskDistribution, number: int, opponents: Mapping[str, MetaLearner], seed: int = 0
) -> Deal:
    """Deal a game, and let the methods answer it beforehand.

    Args:
        name: "runs" or "short".
        distribution: where the game comes from.
        number: of the game, from 1; of the run, up to as many as there are.
        opponents: a name -> the method.
        seed: decides, with the number, which episodes a short game has.

    Returns:
        The `Deal`. A method that cannot answer these episodes has a line among its remarks, and no answers.

    Raises:
        ValueError: for a number out of range.
    """
    whole("number", number, 1)
    if isinstance(distribution, LakeRuns):
        if number > len(distribution):
            raise ValueError(f"number={number}; there are {len(distribution)} runs. Take one from 1.")
        tasks = stack_tasks([one_task(distribution.runs, number - 1)])
    else:
        generator = torch.Generator().manual_seed(stream(seed + number * 2**32, PROBLEMS))
        tasks = draw(distribution, QUESTIONS, generator)
        tasks = tasks._replace(query=Examples(tasks.query.x[:, :1], tasks.query.y[:, :1]))
    answers: dict[str, list[int]] = {}
    remarks = []
    for who, opponent in opponents.items():
        try:
            answers[who] = answers_of(opponent, tasks)
        except (ValueError, TypeError, IndexError, RuntimeError) as error:
            remarks.append(f"{who} sits out: {str(error).strip().splitlines()[0]}")
    return Deal(name, number, distribution.protocol, tasks, tasks.query.y.flatten().tolist(), answers, remarks)


def answers_of(meta_learner: MetaLearner, tasks: Task) -> list[int]:
    """The label that a method gives to every query, task after task, in eval mode."""
    with in_mode(meta_learner), torch.no_grad():
        return predictions(meta_learner, tasks).argmax(-1).flatten().tolist()


def judge(truth: Sequence[int], answers: Sequence[int], ways: int) -> list[bool]:
    """Which answers are right.

    Args:
        truth: the label of every question.
        answers: to the first of them, or to all.
        ways: how many labels there are, from 0.

    Returns:
        Whether each answer is its question's label.

    Raises:
        ValueError: for more answers than questions, and for one that is no label.
    """
    if len(answers) > len(truth):
        raise ValueError(f"There are {len(answers)} answers to {len(truth)} questions; expected one each at most.")
    for i, answer in enumerate(answers):
        check_answer(answer, ways, i)
    return [answer == label for answer, label in zip(answers, truth, strict=False)]


def check_answer(answer: Any, ways: int, question: int) -> None:
    """Raise ValueError, in a line, for an answer to a question (counted from 0) that is no label from 0."""
    if type(answer) is not int or not 0 <= answer < ways:
        raise ValueError(f"Answer {question + 1} is {answer!r}; expected a label from 0 to {ways - 1}. Choose again.")


def wilson(right: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of a share, by Wilson (1927): of use also where all answers are right, or few were given.

    Args:
        right: how many of the answers were.
        total: how many there are, 1 or more.
        level: of confidence.

    Returns:
        The ends, in [0, 1].
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, spread = right / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / total + spread / (4 * total))
    return max(0.0, middle - half), min(1.0, middle + half)


def score(right: int, total: int) -> dict[str, Any]:
    """How many were right of how many, the share and its 95 % interval, and these in words: "95 % (76 to 99)"."""
    low, high = wilson(right, total)
    words = f"{percent(right / total)} ({100 * low:.0f} to {100 * high:.0f})"
    return {"right": right, "of": total, "share": right / total, "low": low, "high": high, "words": words}


def percent(share: float) -> str:
    """A share in words, with one decimal where there is one: "95 %", "96.7 %"."""
    return f"{f'{100 * share:.1f}'.removesuffix('.0')} %"


def rows(game: Deal, answers: Sequence[int], before: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """The table at the end of a game: the learner, the methods on the same questions, and people in the paper.

    Args:
        game: that was played.
        answers: of the learner, to all its questions.
        before: games of the same kind that were played earlier, each {"right", "of", "methods": name -> right}.

    Returns:
        Rows {"who", "now", "all"}, the best share first. "now" is a `score`, "all" one over this game and those before,
        of a method over those that it played. The rows of the paper have a share and words, and no interval.
    """
    right = {"you": sum(judge(game.truth, answers, game.ways))}
    right |= {who: sum(judge(game.truth, theirs, game.ways)) for who, theirs in game.answers.items()}
    total = len(game.truth)
    table: list[dict[str, Any]] = []
    for who, count in right.items():
        earlier = [(play["right"] if who == "you" else play["methods"].get(who), play["of"]) for play in before]
        played = [(done, of) for done, of in earlier if done is not None]
        whole_count, whole_total = count + sum(done for done, _ in played), total + sum(of for _, of in played)
        table.append({"who": who, "now": score(count, total), "all": score(whole_count, whole_total)})
    if game.name == "runs":
        table += [
            {"who": who, "now": {"share": share, "words": percent(share)}, "all": None} for who, share in PAPER.items()
        ]
    return sorted(table, key=lambda row: -row["now"]["share"])
