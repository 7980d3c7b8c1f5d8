"""One game of a bandit: what was pulled, what it paid, and what was known after each pull."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from ..studies.bandits import beliefs
from .palette import FAINT, INK, strokes
from .picture import WIDTH, Picture, brief, house_style, new_figure


@house_style()
def bandit_play(means: Tensor, pulled: Tensor, paid: Tensor, title: str = "") -> Picture:
    """Above, a mark for each pull in the row of its arm, filled where it paid; below, what is known of every arm.

    Below are the mean and the middle 90% of each arm's Beta distribution; a dotted line is what the arm really pays.

    Args:
        means: of the arms (arms,).
        pulled: which arm, int64 (pulls,).
        paid: what each pull paid, 0 or 1 (pulls,).
        title: above all.
    """
    arms, count = len(means), len(pulled)
    mean, low, high = beliefs(pulled, paid, arms)
    fig = new_figure(WIDTH, 1.9 + 0.28 * arms + 0.5)
    above, below = fig.subplots(2, 1, sharex=True, height_ratios=[0.28 * arms + 0.3, 1.9])
    names = [f"arm {arm + 1}" for arm in range(arms)]
    size = 7 if count <= 30 else 3.5
    pull = np.arange(1, count + 1)
    for arm, stroke in enumerate(strokes(names)):
        for won, face in ((1, stroke.color), (0, "white")):
            here = pull[((pulled == arm) & (paid == won)).numpy()]
            above.plot(here, [arm] * len(here), "o", color=stroke.color, markerfacecolor=face, markersize=size)
        known = np.arange(count + 1)
        below.fill_between(known, low[:, arm], high[:, arm], color=stroke.color, alpha=0.13, linewidth=0, step="post")
        below.plot(known, mean[:, arm], color=stroke.color, linestyle=stroke.dash, drawstyle="steps-post")
        below.axhline(means[arm].item(), color=stroke.color, linewidth=1, linestyle=(0, (1, 3)))
    above.set(ylim=(arms - 0.4, -0.6), title=title)
    above.set_yticks(range(arms), [f"arm {arm + 1} pays {means[arm]:.2f}" for arm in range(arms)], color=INK)
    above.tick_params(length=0)
    above.spines[["left", "bottom"]].set_visible(False)
    above.hlines(range(arms), 0, count + 0.5, color=FAINT, linewidth=0.8, zorder=0)
    below.set(xlabel="pulls so far", ylabel="known of the mean", ylim=(0, 1), xlim=(0, count + 0.5))
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    told = [
        f"{name} pays {brief(means[arm].item())}, was pulled {int((pulled == arm).sum())} times and paid "
        f"{int(paid[pulled == arm].sum())} times; at the end its mean is held to be {brief(float(mean[-1, arm]))}, "
        f"between {brief(float(low[-1, arm]))} and {brief(float(high[-1, arm]))}"
        for arm, name in enumerate(names)
    ]
    order = "".join(str(arm + 1) for arm in pulled.tolist()) if count <= 30 else ""
    lead = f"{title}. " if title else ""
    pulls = f" Arms in the order of the pulls: {order}." if order else ""
    return Picture(fig, f"{lead}One game of {count} pulls. {'; '.join(told)}.{pulls}")
