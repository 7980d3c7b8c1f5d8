"""Where everything stands in lesson 06's picture, and when it is to be seen. Drawn by `meta_drawing`, and in a browser.

Time runs to the right through the upper level, the meta-forward pass, and back to the left through the lower one, the
meta-backward pass. Inside a training step everything runs downward: predict, measure, update.
"""

from __future__ import annotations

from typing import Any

from ...studies.meta_words import WRITTEN, indexed
from .pieces import Pieces, written

LEFT, PAD, HEIGHT = 146, 14, 520  # the levels begin at LEFT; before them stands what can be learned
UPPER, LOWER = (8, 316), (328, 512)
SHEETS, MODEL, LOSS_AT, OPTIMIZER, BUS = 70, 118, 182, 249, 304
BACK, SHARES = 402, 474
_WIDTHS = {1: (64, 200, 176), 2: (58, 161, 150), 3: (50, 103, 128)}  # a gap, a step, the query's column


def meta_scene(frames: dict[str, Any]) -> dict[str, Any]:
    """The picture as a dict of width, height and elements.

    An element is a dict of a `kind`, its place and color, and when it is to be seen. since: the moment at which it
    appears; before it, it is hidden, or faint if it is a `ghost`. till: hidden from this moment on. now: the moments at
    which it is what happens. of: "start" or "rate", what it leads to; it is dim while the other is learned. behind: it
    lies behind the cut: gray when detached, with `none` as its text. where: only while all of these words hold. token:
    what travels along an arrow. part: what can be dragged, or shows its value.
    """
    return _Scene(frames).whole()


class _Scene(Pieces):
    def __init__(self, frames: dict[str, Any]) -> None:
        largest = [max((abs(v) for t in frames[k] for v in t if v is not None), default=0) for k in ("theta", "g")]
        super().__init__(frames["weight_count"], *(size or 1.0 for size in largest))
        self.f, self.steps, self.single = frames, len(frames["loss"]), frames["weight_count"] == 1
        self.at = {(m["kind"], m["step"]): i for i, m in enumerate(frames["moments"])}
        self.gap, self.wide, self.query = _WIDTHS[self.steps]
        self.narrow = self.wide < 120
        self.columns = [LEFT + PAD + t * (self.wide + self.gap) for t in range(self.steps + 1)]
        self.centers = [x + self.wide / 2 for x in self.columns[:-1]] + [self.columns[-1] + self.query / 2]
        self.right = self.columns[-1] + self.query + PAD

    def moment(self, kind: str, step: int | None = None) -> int:
        return self.at[kind, step]

    def whole(self) -> dict[str, Any]:
        self.levels()
        for t in range(self.steps):
            self.training_step(t)
            self.update(t)
        self.test()
        for t in reversed(range(self.steps)):
            self.way_back(t)
            self.share(t)
        self.learned()
        self.arrivals()
        self.meta_optimizer()
        return {"width": self.right + 4, "height": HEIGHT, "elements": self.elements}

    def levels(self) -> None:
        for (top, bottom), name, words in (
            (UPPER, "meta-forward", "a whole training run, left to right"),
            (LOWER, "meta-backward", "the gradient runs back along it, right to left"),
        ):
            self.add("ground", x=LEFT, y=top, width=self.right - LEFT, height=bottom - top)
            self.text(LEFT + 14, top + 14, name, 13, bold=True, anchor="start", small=20)
            self.text(LEFT + 26 + 9.2 * len(name), top + 14, words, 11.5, "quiet", anchor="start")
        more = 5 if self.narrow else 0
        for t in range(self.steps):
            now = [self.moment(kind, t) for kind in ("predict", "measure", "update")]
            self.add("frame", x=self.columns[t] - more, y=34, width=self.wide + 2 * more, height=254, now=now)

    def training_step(self, t: int) -> None:
        """Exactly lesson 01's: a batch enters, M predicts, L measures, O has its star."""
        x, width, middle, f = self.columns[t], self.wide, self.centers[t], self.f
        predict, measure, update = (self.moment(kind, t) for kind in ("predict", "measure", "update"))
        self.text(middle, 48, f"training step {t + 1}", 11.5, "quiet")
        self.example_sheets(t, f"batch {t + 1}", "quiet", predict)
        self.model(t, self.moment("update", t - 1) if t else predict, predict)
        self.box(x + 14, LOSS_AT - 16, width - 28, 32, "loss", ghost=True, since=measure, now=[measure])
        self.text(x + 27, LOSS_AT, "L", 14, "loss", bold=True, small=23)
        self.text(middle + 8, LOSS_AT, written(f["loss"][t]), 14, "loss", since=measure, small=23)
        way = [(middle, LOSS_AT + 16), (middle, OPTIMIZER - 26)]
        self.arrow(*way, token="gradient", ghost=True, since=measure, now=[measure])
        self.note(middle + 7, LOSS_AT + 28, "measure", anchor="start")
        self.box(x + 8, OPTIMIZER - 26, width - 16, 52, "star-edge", ghost=True, since=update, now=[update])
        self.text(x + 21, OPTIMIZER - 12, "O", 14, "star-edge", bold=True, small=20)
        self.add("star", x=x + 42, y=OPTIMIZER - 12, size=10, color="star-edge", fill="star")
        self.text(x + 56, OPTIMIZER - 12, written(f["rate"]), 12, anchor="start")
        slope = f"∇L = {written(f['grad'][t][0])}" if self.single else f"|∇L| = {written(f['grad_norm'][t])}"
        self.text(x + 16, OPTIMIZER + 12, slope, 11, anchor="start", since=measure)
        self.arrow((134, BUS), (middle, BUS), (middle, OPTIMIZER + 27), color="star-edge", now=[update])

    def update(self, t: int) -> None:
        """From O to the next column's M: the weights after the step are other weights, and the old ones stay."""
        gap, update = self.columns[t + 1] - self.gap / 2, self.moment("update", t)
        ends = (self.columns[t] + self.wide - 8, OPTIMIZER), (self.columns[t + 1] + 8, MODEL)
        way = [ends[0], (gap, OPTIMIZER), (gap, MODEL), ends[1]]
        self.arrow(*way, token="weight", ghost=True, since=update, now=[update])
        self.note(gap, LOSS_AT, "update", halo=True)
        self.add("cut", x=gap, y=LOSS_AT + 22, where=["detached"])
        self.text(gap, LOSS_AT + 41, "detach", 10.5, "red", halo=True, where=["detached"])

    def example_sheets(self, t: int, name: str, color: str, moment: int) -> None:
        middle = self.centers[t]
        when: dict[str, Any] = {"ghost": True, "since": moment}
        self.add("sheets", x=middle, y=SHEETS, color=color, **when)
        self.note(middle + (14 if self.narrow else 18), SHEETS, name, anchor="start", **when)
        self.arrow((middle, SHEETS + 13), (middle, MODEL - 24), token="sheet", now=[moment], **when)
        self.arrow((middle, MODEL + 24), (middle, LOSS_AT - 16), now=[moment], **when)
        self.note(middle + 7, MODEL + 35, "predict", anchor="start")

    def model(self, t: int, since: int, moment: int) -> None:
        x, width = self.columns[t], self.query if t == self.steps else self.wide
        self.box(x + 8, MODEL - 24, width - 16, 48, "weight", ghost=True, since=moment, now=[moment])
        self.text(x + 23, MODEL - 9, "M", 14, "weight", bold=True, small=23)
        self.text(x + 23, MODEL + 11, indexed("θ", t), 12, "weight", since=since)
        self.weights(x + 39, MODEL, width - 52, self.f["theta"][t], since=since)

    def test(self) -> None:
        """The query's column: the trained model meets it, and from its loss the way leads down and back."""
        x, middle, end = self.columns[-1], self.centers[-1], self.steps
        query, measured, turn = self.moment("query"), self.moment("meta-loss"), self.moment("turn")
        self.text(middle, 48, "its test", 11.5, "quiet")
        self.example_sheets(end, "query", "query", query)
        self.model(end, self.moment("update", end - 1), query)
        big = {"ghost": True, "since": measured, "now": [measured], "heavy": True}
        self.box(x + 8, LOSS_AT - 16, self.query - 16, 54, "loss", **big)
        self.text(middle, LOSS_AT - 3, "meta-loss", 12, "loss", bold=True, small=19)
        self.text(middle, LOSS_AT + 20, written(self.f["meta_loss"]), 18, "loss", bold=True, since=measured, small=25)
        way = [(middle, LOSS_AT + 38), (middle, BACK - 15)]
        self.arrow(*way, color="loss", token="gradient", ghost=True, since=turn, now=[turn])
        self.note(middle + 9, 276, "turn back", anchor="start")
        self.slope(middle, BACK, self.f["g"][end], since=turn)
        value = f"{indexed('g', end)} = {written(self.f['g'][end][0])}" if self.single else self.length(end)
        self.text(middle, BACK + 27, value, 13, "loss", since=turn, small=21)
        self.note(middle, BACK + 47, f"the gradient at {indexed('θ', end)}", ghost=True, since=turn)
        for target in ("start", "rate"):
            move = self.moment("meta-update")
            then = {"since": move, "now": [move], "where": [target, "attached"], "anchor": "end"}
            self.note(middle - 9, 242, "after the move", **then)
            self.text(middle - 9, 260, written(self.f["moved"][target]["meta_loss"]), 14, "loss", bold=True, **then)

    def length(self, t: int) -> str:
        return f"|{indexed('g', t)}| = {written(self.f['g_norm'][t])}"

    def way_back(self, t: int) -> None:
        """One step back along the weights: what the gradient is multiplied by."""
        x, width, middle, f, here = self.columns[t], self.wide, self.centers[t], self.f, indexed("θ", t)
        moment, last = self.moment("back", t), t == self.steps - 1
        into: dict[str, Any] = {"since": moment, "now": [moment], "behind": True}
        seen = into if t else into | {"of": "start"}  # the first step's factor is of use to the start only
        source = self.centers[-1] - 16 if last else x + width + self.gap / 2 - 14
        self.arrow((source, BACK), (x + width, BACK), color="loss", token="gradient", ghost=True, **into)
        if last:
            self.add("cut", x=x + width + self.gap / 2, y=BACK, where=["detached"])
            self.text(x + width + self.gap / 2, BACK - 22, "cut", 11, "red", halo=True, where=["detached"])
        self.box(x, BACK - 46, width, 90, "loss", ghost=True, **into)
        self.text(middle, BACK - 31, f"back{':' if self.narrow else ' through'} step {t + 1}", 11, "quiet")
        formula = seen | {"where": ["attached"]}
        if f["factor"][t] is not None:
            curvature = written(f["curvature"][t])
            worked = f"= 1 − {written(f['rate'])} · {f'({curvature})' if '−' in curvature else curvature}"
            self.text(middle, BACK - 13, f"1 − α L″({here})", 11.5, **formula)
            self.text(middle, BACK + 3, worked, 11.5, **formula)
            factor = f"× {written(f['factor'][t])}"
            result: dict[str, Any] = {"text": factor} | (
                {"size": 13, "small": 16} if len(factor) > 7 else {"size": 19, "small": 30}
            )
        else:
            how = f"I − α L″({here})" if f["plain_sgd"] else "through O"
            self.text(middle, BACK - 13, how, 11.5, **formula)
            self.note(middle, BACK + 3, "length" if self.narrow else "length of the gradient", **formula)
            change = f"{written(f['g_norm'][t + 1])} → {written(f['g_norm'][t])}"
            result = {"text": change} | ({"size": 11, "small": 13} if self.narrow else {"size": 14, "small": 20})
        self.text(middle, BACK + 26, color="loss", bold=True, none="None", **result, **seen)
        if t:
            out = x - self.gap / 2
            self.arrow((x, BACK), (out + 13, BACK), color="loss", ghost=True, **seen)
            self.slope(out, BACK, f["g"][t], **seen)
            self.text(out, BACK - 23, indexed("g", t) if self.single else f"|{indexed('g', t)}|", 12, "loss", **seen)
            value = written(f["g"][t][0] if self.single else f["g_norm"][t])
            self.text(out, BACK + 24, value, 11.5, "loss", none="None", small=min(20, 85 // len(value)), **seen)

    def share(self, t: int) -> None:
        """Down from the box: what this step adds to the gradient of the rate."""
        middle, moment, arrive = self.centers[t], self.moment("back", t), self.moment("arrive")
        share: dict[str, Any] = {"behind": True, "of": "rate", "since": moment, "now": [moment]}
        self.arrow((middle, BACK + 44), (middle, SHARES - 9), color="star-edge", token="star", ghost=True, **share)
        self.add("star", x=middle, y=SHARES, size=10, color="star-edge", fill="paper", ghost=True, **share)
        if self.f["share"][t] is not None:
            look = {"bold": True, "halo": True, "anchor": "start", "none": "None", "small": 20}
            self.text(middle + 15, SHARES - 10, written(self.f["share"][t]), 12.5, "star-edge", **look, **share)
            plain = f"−{indexed('g', t + 1)} · ∇L({indexed('θ', t)})"
            self.note(middle, SHARES + 20, plain if self.f["plain_sgd"] else "its share", **share)
        stop = self.centers[t - 1] + 11 if t else 134
        way = share | {"since": arrive, "now": [arrive], "ghost": True, "token": "star"}
        self.arrow((middle - 11, SHARES), (stop, SHARES), color="star-edge", kind="line" if t else "arrow", **way)

    def learned(self) -> None:
        """On the left: the start and the rate. A meta-step moves one of them."""
        f, move, left, width = self.f, self.moment("meta-update"), 22, 112
        self.text(78, 22, "what can be", 11.5, "quiet")
        self.text(78, 37, "learned", 11.5, "quiet")
        for of, other, top, height, name, color in (
            ("start", "rate", MODEL - 38, 76, "start θ₀", "weight"),
            ("rate", "start", OPTIMIZER - 38, 101, "rate α", "star-edge"),
        ):
            self.box(left, top, width, height, color, where=[other])
            self.box(left, top, width, height, color, where=[of, "attached"], heavy=True, now=[0, move])
            self.box(left, top, width, height, color, where=[of, "detached"], heavy=True, now=[0])
            self.text(left + 8, top + 13, name, 11.5, color, anchor="start", bold=True, small=19)
            self.text(left + width - 7, top + 13, "learned", 10, anchor="end", where=[of])
            self.note(left + width - 7, top + 13, "fixed", anchor="end", where=[other])
            unmoved = ({"till": move}, {"since": move, "where": [other]}, {"since": move, "where": [of, "detached"]})
            moved: dict[str, Any] = {"since": move, "now": [move], "where": [of, "attached"]}
            if of == "start":
                for when in unmoved:
                    self.weights(left + 10, MODEL + 4, width - 14, f["theta"][0], part="start", **when)
                self.weights(left + 10, MODEL + 4, width - 14, f["moved"]["start"]["theta"], part="start", **moved)
                if self.single:
                    self.note(left + 10, MODEL + 28, f"was {written(f['theta'][0][0])}", anchor="start", **moved)
                if self.count <= WRITTEN:
                    self.note(left + width - 7, MODEL + 29, "drag ↔", anchor="end", where=["live"], till=move)
            else:
                self.add("star", x=left + 22, y=OPTIMIZER + 4, size=13, color="star-edge", fill="star", part="rate")
                value_look: dict[str, Any] = {"size": 14, "anchor": "start", "small": 23, "part": "rate"}
                for when in unmoved:
                    self.text(left + 41, OPTIMIZER + 4, written(f["rate"]), **value_look, **when)
                self.text(left + 41, OPTIMIZER + 4, written(f["moved"]["rate"]["rate"]), **value_look, **moved)
                self.note(left + width - 7, OPTIMIZER + 52, "drag ↔", anchor="end", where=["live"], till=move)
                self.note(left + 10, OPTIMIZER + 28, f"was {written(f['rate'])}", anchor="start", **moved)
        right = left + width
        first: dict[str, Any] = {"token": "weight", "now": [self.moment("predict", 0)]}
        self.arrow((right, MODEL), (self.columns[0] + 8, MODEL), **first)

    def arrivals(self) -> None:
        """Beneath them: the gradients that arrive."""
        f, arrive, left, width = self.f, self.moment("arrive"), 22, 112
        for of, y, name, color in (("start", BACK, "θ₀", "loss"), ("rate", SHARES, "α", "star-edge")):
            when: dict[str, Any] = {"of": of, "behind": True, "since": arrive, "now": [arrive]}
            self.box(left, y - 30, width, 58, "loss", ghost=True, **when)
            self.note(left + width / 2, y - 18, f"∂meta-loss/∂{name}", of=of, behind=True)
            if of == "start":
                self.slope(left + 20, y + 7, f["g"][0], **when)
            else:
                self.add("star", x=left + 20, y=y + 7, size=12, color=color, fill="paper", **when)
            value = written(f["rate_grad"] if of == "rate" else f["g"][0][0])
            look: dict[str, Any] = {"text": value, "size": 14, "small": 21}
            if of == "start" and not self.single:
                look = {"text": self.length(0).replace(" = ", " "), "size": 11, "small": 14}
            self.text(left + 38, y + 7, color=color, anchor="start", none="None", **look, **when)
        way: dict[str, Any] = {"of": "start", "behind": True, "since": self.moment("back", 0), "now": [arrive]}
        self.arrow((self.columns[0], BACK), (left + width, BACK), color="loss", token="gradient", ghost=True, **way)

    def meta_optimizer(self) -> None:
        top, bottom, lane, left, middle, move = 326, 360, 9, 22, 78, self.moment("meta-update")
        self.box(2, top, 132, bottom - top, "ink", ghost=True, since=move, now=[move], behind=True)
        self.text(68, top + 11, "meta-optimizer", 11.5, bold=True, behind=True)
        self.text(68, top + 17, "meta-O", 0, bold=True, behind=True, where=["strip"], small=21)
        self.note(68, top + 25, f"rate {written(self.f['meta_lr'])}", behind=True)
        for of, color, up, away, token in (
            ("start", "loss", [(middle, BACK - 30), (middle, bottom + 1)],
             [(lane, top), (lane, MODEL), (left - 1, MODEL)], "weight"),
            ("rate", "star-edge", [(left, SHARES), (lane, SHARES), (lane, bottom + 1)],
             [(middle, top), (middle, OPTIMIZER + 64)], "star"),
        ):  # fmt: skip
            when: dict[str, Any] = {"ghost": True, "since": move, "now": [move], "of": of, "behind": True}
            self.arrow(*up, color=color, **when)
            self.arrow(*away, color="ink", token=token, **when)
