"""What is said at each moment of lesson 06's picture, with its numbers."""

from __future__ import annotations

from typing import Any

WRITTEN = 4  # so many weights get their numbers, more are colored squares only
_LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_BIG, _SMALL = 1e4, 1e-3
_FORWARD = ("ready", "predict", "measure", "update", "query")


def in_words(value: float | None) -> str:
    """A number as the picture writes it: three significant digits and a real minus sign."""
    if value is None:
        return "not finite"
    if value and not _SMALL <= abs(value) < _BIG:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    return f"{float(f'{value:.3g}'):g}".replace("-", "−")


def indexed(letter: str, t: int) -> str:
    """A letter with a subscript: θ₃."""
    return letter + str(t).translate(_LOW)


def moments(f: dict[str, Any]) -> list[dict[str, Any]]:
    """What is to be seen and what is said of it: forward, the meta-loss, backward, the meta-update."""
    steps, count = len(f["loss"]), f["weight_count"]
    alpha, single, was = in_words(f["rate"]), count == 1, in_words(f["meta_loss"])
    theta = [indexed("θ", t) + _values(f["theta"][t], count) for t in range(steps + 1)]
    slope = [_values(f["grad"][t], count) + _length(f["grad_norm"][t], count) for t in range(steps)]
    g = [indexed("g", t) + _values(f["g"][t], count) + _length(f["g_norm"][t], count) for t in range(steps + 1)]
    told: list[dict[str, Any]] = []

    def moment(kind: str, step: int | None, label: str, *every: str, **each: str) -> None:
        """every: sentences that are the same for start, rate and detached; each: one text for each of them."""
        words = each or dict.fromkeys(("start", "rate", "detached"), " ".join(every))
        told.append({"kind": kind, "step": step, "label": label, "words": words, "forward": kind in _FORWARD})

    inside = "" if count <= WRITTEN else f" ({count:,} weights)"
    moment(
        "ready", None, "before",
        f"A training run of {steps} step{'s' * (steps > 1)} is about to begin, from the start {theta[0]}{inside},",
        f"drawn as {'a square' if single else 'squares'}, and with the rate α = {alpha}, drawn as a star.",
    )  # fmt: skip
    for t in range(steps):
        name, here, formula = f"step {t + 1}", indexed("θ", t), ""
        moment(
            "predict", t, f"{name}: predict",
            f"Training step {t + 1}. Batch {t + 1} enters, and the model M predicts with {theta[t]}.",
        )  # fmt: skip
        moment(
            "measure", t, f"{name}: measure",
            f"The loss L measures {in_words(f['loss'][t])}; its gradient is ∇L({here}){slope[t]}.",
        )  # fmt: skip
        if f["plain_sgd"]:
            formula = f" = {here} − α ∇L({here})"
            formula += f" = {in_words(f['theta'][t][0])} − {alpha} · {_signed(f['grad'][t][0])}" if single else ""
        moment(
            "update", t, f"{name}: update",
            f"The optimizer O updates: {indexed('θ', t + 1)}{formula}{_values(f['theta'][t + 1], count)}.",
            f"Nothing is overwritten; {here} is still there.",
        )  # fmt: skip
    moment(
        "query", None, "query",
        f"The training is over. The trained model, {theta[-1]}, meets the query batch, on which it was not trained.",
    )  # fmt: skip
    moment(
        "meta-loss", None, "meta-loss",
        f"The meta-loss is {was}. It says how good this training run was: the lower, the better.",
    )  # fmt: skip
    end = indexed("θ", steps)
    moment(
        "turn", None, "turn back",
        f"Now back. The gradient of the meta-loss with respect to the trained weights {end} is {g[-1]}.",
    )  # fmt: skip
    for t in reversed(range(steps)):
        back = f"Back through step {t + 1}: {_way_back(f, t, g)}"
        moment(
            "back", t, f"back: step {t + 1}", start=back,
            rate=f"{back if t else 'Back at step 1.'} {_share(f, t)}".strip(),
            detached=f"Cut: every update was detached, so {indexed('θ', t + 1)} does not know that it came out of "
            f"step {t + 1}. {indexed('g', t)} is None, and so is this step's share for the rate.",
        )  # fmt: skip
    moment(
        "arrive", None, "arrived",
        start=f"The gradient arrives at the {'square' if single else 'squares'}, the start: {g[0]}.",
        rate=f"The shares arrive at the star, the rate: {_total(f)}.",
        detached=f"Nothing arrives: the gradient of the start and that of the rate are None. Only {end} has one.",
    )  # fmt: skip
    by, start, rate = in_words(f["meta_lr"]), f["moved"]["start"], f["moved"]["rate"]
    worked = f" = {in_words(f['theta'][0][0])} − {by} · {_signed(f['g'][0][0])}" if single else ""
    then = f"The same training run then ends at a meta-loss of {{}} instead of {was}.".format
    moment(
        "meta-update", None, "meta-update",
        start=f"The meta-optimizer updates the start: θ₀ − {by} · g₀{worked}{_values(start['theta'], count)}. "
        f"{then(in_words(start['meta_loss']))}",
        rate=f"The meta-optimizer updates the rate: {alpha} − {by} · {_signed(f['rate_grad'])} = "
        f"{in_words(rate['rate'])}. {then(in_words(rate['meta_loss']))}",
        detached=f"The meta-optimizer has nothing to go by. All forward numbers are the same as without the cut, and "
        f"the meta-loss stays {was} for ever.",
    )  # fmt: skip
    return told


def _values(values: list[float | None], count: int) -> str:
    """= 1.6, or = (1.6, 0.2), or nothing where the weights are too many to be written."""
    if count > WRITTEN:
        return ""
    return " = " + (in_words(values[0]) if count == 1 else f"({', '.join(map(in_words, values))})")


def _length(norm: float | None, count: int) -> str:
    """, of length 1.3, where there are several weights."""
    return f", of length {in_words(norm)}" if count > 1 else ""


def _signed(value: float | None) -> str:
    return f"({in_words(value)})" if value is not None and value < 0 else in_words(value)


def _way_back(f: dict[str, Any], t: int, g: list[str]) -> str:
    if f["factor"][t] is not None:
        return (
            f"the gradient is multiplied by 1 − α L″({indexed('θ', t)}) = 1 − {in_words(f['rate'])} · "
            f"{_signed(f['curvature'][t])} = {in_words(f['factor'][t])}, so {g[t]}."
        )
    how = "multiplied by the matrix I − α L″" if f["plain_sgd"] else "changed by what the optimizer O did there"
    return f"the gradient is {how}; its length goes from {in_words(f['g_norm'][t + 1])} to {in_words(f['g_norm'][t])}."


def _share(f: dict[str, Any], t: int) -> str:
    if f["share"][t] is None:
        return ""
    formula = f"−{indexed('g', t + 1)} · ∇L({indexed('θ', t)}) = " if f["plain_sgd"] else ""
    return f"Its share for the rate: {formula}{in_words(f['share'][t])}."


def _total(f: dict[str, Any]) -> str:
    if None in f["share"] or len(f["share"]) < 2:
        return in_words(f["rate_grad"])
    return " + ".join([in_words(f["share"][-1]), *map(_signed, f["share"][-2::-1])]) + f" = {in_words(f['rate_grad'])}"
