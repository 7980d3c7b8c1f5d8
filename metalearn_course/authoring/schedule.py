"""Carry out proofs, cheap ones first and notebooks several at a time, and foresee how long the rest will take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import NamedTuple

from metalearn_course._common.environment import CourseError


@dataclass
class Outcome:
    """What was proved: one line, and a line for each problem."""

    what: str
    said: str = ""
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Proof:
    """One thing to prove. `seconds` is a guess, corrected by proofs of the same `kind` once one has run.

    Proofs that share the machine with nobody are `alone`: a calibration, or checks that measure time.
    """

    what: str
    kind: str
    seconds: float
    prove: Callable[[], Outcome]
    alone: bool = True


class Done(NamedTuple):
    """A proof that was carried out, in `seconds`: `number` of `total`, and about `left` seconds until the last."""

    proof: Proof
    outcome: Outcome
    seconds: float
    number: int
    total: int
    left: float


def carry_out(proofs: Sequence[Proof], jobs: int = 1, clock: Callable[[], float] = time.perf_counter) -> Iterator[Done]:
    """Carry out `proofs` in their order, those that need not be alone `jobs` at a time, last."""
    ahead = Ahead(proofs, jobs)
    for proof, outcome in _outcomes(proofs, jobs, ahead, clock):
        taken = ahead.end(proof, clock())
        number = len(proofs) - len(ahead.open)
        yield Done(proof, outcome, taken, number, len(proofs), ahead.seconds(clock()))


def _outcomes(
    proofs: Sequence[Proof], jobs: int, ahead: Ahead, clock: Callable[[], float]
) -> Iterator[tuple[Proof, Outcome]]:
    def prove(proof: Proof) -> Outcome:
        ahead.begin(proof, clock())
        try:
            return proof.prove()
        except CourseError as error:
            return Outcome(proof.what, problems=str(error).splitlines())

    together = [proof for proof in proofs if not proof.alone]
    for proof in proofs if jobs == 1 else [proof for proof in proofs if proof.alone]:
        yield proof, prove(proof)
    if jobs == 1:
        return
    pool = ThreadPoolExecutor(jobs)
    try:
        running: dict[Future[Outcome], Proof] = {pool.submit(prove, proof): proof for proof in together}
        while running:
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(ended), ended.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class Ahead:
    """What is still to be done, and how long that takes, judged by guesses and by what has run."""

    def __init__(self, proofs: Sequence[Proof], jobs: int) -> None:
        self.jobs = jobs
        self.open = list(proofs)
        self.began: dict[str, float] = {}
        self.ran: dict[str, list[tuple[float, float]]] = {}

    def begin(self, proof: Proof, now: float) -> None:
        """Note that `proof` began; `now` is in seconds of any clock, the same one in every call."""
        self.began[proof.what] = now

    def end(self, proof: Proof, now: float) -> float:
        """Note that `proof` ended; returns the seconds that it took."""
        self.open.remove(proof)
        taken = now - self.began.pop(proof.what)
        self.ran.setdefault(proof.kind, []).append((taken, proof.seconds))
        return taken

    def seconds(self, now: float) -> float:
        """About how long the rest takes: what is alone one by one, then the others side by side."""
        alone = sum(self._rest(proof, now) for proof in self.open if proof.alone)
        others = [self._rest(proof, now) for proof in self.open if not proof.alone]
        return alone + max(sum(others) / self.jobs, max(others, default=0.0))

    def _rest(self, proof: Proof, now: float) -> float:
        spent = now - self.began[proof.what] if proof.what in self.began else 0.0
        return max(0.0, proof.seconds * self._pace(proof.kind) - spent)

    def _pace(self, kind: str) -> float:
        """How many times its guess a proof of this kind takes."""
        seen = self.ran.get(kind, [])
        guessed = sum(guess for _, guess in seen)
        return sum(taken for taken, _ in seen) / guessed if guessed else 1.0
