"""The check of exercise 10.5, memorizes."""

from operator import itemgetter

import torch
from torch import Tensor, tensor

from ..at_random import Draw, at_random
from ..kit import Case, Check, equals, looks, near, relates


def memorizes(seen: Tensor, fresh: Tensor) -> tuple[Tensor, Tensor, bool]:
    gaps = fresh - seen
    gap, half = gaps.mean(), 1.96 * gaps.std() / len(gaps) ** 0.5
    return gap, half, bool(gap > half)


GAP, HALF, BY_HEART = itemgetter(0), itemgetter(1), itemgetter(2)
HARD = torch.arange(100.0)  # some tasks are much harder than others
WIGGLE = tensor([0.0, 1.0]).repeat(50)
KNOWN = Case(seen=HARD, fresh=HARD + WIGGLE)
CHANCE = Case(seen=HARD, fresh=HARD + tensor([2.0, -1.9]).repeat(50))
SMALL, CLOSE, ENOUGH = (  # 0.02 ± 0.002; then, 1.5 and 2.5 standard errors above 0, 0.15 and 0.25, both ± 0.197
    Case(seen=HARD, fresh=HARD + tensor(pair).repeat(50)) for pair in ([0.03, 0.01], [1.15, -0.85], [1.25, -0.75])
)
EASIER = Case(seen=HARD + WIGGLE, fresh=HARD)
FOUR_TIMES = Case(seen=HARD.repeat(4), fresh=(HARD + WIGGLE).repeat(4))


def unpaired(got: tuple[Tensor, Tensor, bool], seen: Tensor, fresh: Tensor) -> bool:
    """The width as if the two sets had nothing to do with each other, which is some twenty times as large."""
    return 0.5 < float(got[1]) / float(1.96 * ((seen.var() + fresh.var()) / len(seen)).sqrt()) < 1.5


def anything(draw: Draw) -> Case:
    count = draw.count(40, 80)
    seen = 4 * draw.normal(count).square()
    return Case(seen=seen, fresh=seen + draw.number(-0.6, 0.6) + draw.normal(count))


def clear(draw: Draw) -> Case:
    """A case whose verdict does not depend on n or n - 1."""
    for _ in range(100):
        case = anything(draw)
        gap, half, _ = memorizes(**case.inputs)
        if abs(gap - half) > 0.1 * half and abs(gap + half) > 0.1 * half:
            return case
    return KNOWN


CHECK = Check(
    memorizes,
    looks(KNOWN, "seen_minus_fresh", lambda got: near(got[0], -0.5)),
    equals(KNOWN, "{known}. The gap", of=GAP),
    looks(KNOWN, "without_pairs", unpaired),
    relates(KNOWN, FOUR_TIMES, "no_sqrt_n", lambda got, then: then[1] <= 0.75 * got[1]),
    looks(KNOWN, "one_standard_error", lambda got, want: near(1.96 * got[1], want[1], rtol=0.03)),
    equals(KNOWN, "{known}. Half the width of the 95% interval (to 3%)", of=HALF, rtol=0.03),
    equals(KNOWN, "{known}. Known by heart", of=BY_HEART),
    looks(CHANCE, "absolute_gaps", lambda got: near(got[0], 1.95, rtol=0.03)),
    looks(CHANCE, "any_gap", lambda got: got[2]),
    looks(EASIER, "either_way", lambda got: got[2]),
    looks(SMALL, "by_size", lambda got: not got[2]),
    looks(CLOSE, "one_standard_error/verdict", lambda got: got[2]),
    equals(ENOUGH, "{enough}. Known by heart", of=BY_HEART),
    at_random(clear, what="{seen.shape} other pairs, (gap, half, by heart) to 3%", rtol=0.03),
)
