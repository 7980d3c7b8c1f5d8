"""The picture and the widget of task diversity, and the play of a bandit."""

import json

import pytest
import torch
from matplotlib.figure import Figure

from metalearn_course import Bandits, InContext, Regressions, figures, studies, widgets
from metalearn_course.studies.bandits import beliefs

TASKS = Regressions(3, 6, 4, 0.5)


@pytest.fixture
def axes(monkeypatch):
    """What figures draw: [(label, color, marker face, xs, ys), ...] for each of their axes."""
    drawn = []

    def keep(figure, *args, **options):
        drawn[:] = [
            [
                (x.get_label(), x.get_color(), x.get_markerfacecolor(), list(x.get_xdata()), list(x.get_ydata()))
                for x in ax.lines
            ]
            for ax in figure.axes
        ]
        return savefig(figure, *args, **options)

    savefig = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", keep)
    return drawn


def learners():
    torch.manual_seed(0)
    return {count: InContext(3, 8, 1, 2).eval() for count in (4, 64, None)}


@pytest.fixture(scope="module")
def frames():
    return studies.diversity_frames(learners(), TASKS, count=20)


def test_its_words_say_every_error_and_the_answers_of_the_chosen_number(frames):
    picture = figures.diversity(frames, 1)
    for name, errors in frames["errors"].items():
        for error in errors:
            assert error is None or f"{name} {error[0]:.3g}" in picture.alt
    assert "after training on 64: at the right end the truth is" in picture.alt
    assert f"transformer {frames['answers']['transformer'][1][-1]:.3g}" in picture.alt
    assert "endless: transformer" in picture.alt and "by heart" not in picture.alt.split("endless: ")[1].split(". ")[0]


def test_the_lines_are_the_numbers(frames, axes):
    figures.diversity(frames, 0)
    lines = {label: (xs, ys) for label, _, _, xs, ys in axes[0]}
    assert lines["transformer"][1] == [error[0] for error in frames["errors"]["transformer"]]
    assert lines["by heart"][0] == [0, 1]  # none for endless tasks
    with pytest.raises(ValueError, match=r"at=3; expected 0 to 2"):
        figures.diversity(frames, 3)


def test_the_widget_shows_what_it_stands_at():
    widget = widgets.Diversity(learners(), TASKS, count=20)
    assert widget.frames["counts"] == ["4", "64", "endless"]
    before = widget.picture().alt
    widget.at = 2
    assert widget.picture().alt != before and "after training on endless" in widget.picture().alt
    assert len(json.dumps(widget.frames)) < 20_000
    assert [len(said) > 30 for said in widget.frames["said"]] == [True] * 3


def test_beliefs_are_quantiles_of_the_beta_distribution():
    """Against a density that is summed up on a grid."""
    pulled, paid = torch.tensor([0, 1, 0, 0]), torch.tensor([1.0, 0.0, 1.0, 0.0])
    found = beliefs(pulled, paid, 2)
    assert found.mean.shape == (5, 2) and found.mean[0].tolist() == [0.5, 0.5]
    grid = torch.linspace(0, 1, 200_001, dtype=torch.float64)
    for pulls, arm, wins, losses in ((0, 0, 0, 0), (1, 0, 1, 0), (4, 0, 2, 1), (4, 1, 0, 1)):
        density = grid**wins * (1 - grid) ** losses
        share = density.cumsum(0) / density.sum()
        low, high = (grid[(share < level).sum()].item() for level in (0.05, 0.95))
        assert found.mean[pulls, arm] == pytest.approx((wins + 1) / (wins + losses + 2))
        assert found.low[pulls, arm] == pytest.approx(low, abs=1e-4)
        assert found.high[pulls, arm] == pytest.approx(high, abs=1e-4)


@pytest.mark.parametrize(("arms", "pulls"), [(2, 20), (10, 100)])
def test_a_play_has_a_mark_for_every_pull_filled_where_it_paid(arms, pulls, axes):
    game = Bandits(arms, pulls).sample(1, torch.Generator().manual_seed(0))
    pulled = studies.pulls_of(studies.thompson, game)[0]
    paid = game.support.x[0].gather(1, pulled[:, None])[:, 0]
    picture = figures.bandit_play(game.support.y[0, 0], pulled, paid, "Thompson")
    filled = sum(len(xs) for _, _, face, xs, _ in axes[0] if face != "white")
    assert sum(len(xs) for *_, xs, _ in axes[0]) == pulls and filled == int(paid.sum())
    assert picture.alt.startswith(f"Thompson. One game of {pulls} pulls. arm 1 pays ")
    assert f"arm {arms} pays" in picture.alt


def test_dots_by_kind_stand_where_their_numbers_are(axes):
    rows = {"near": {"pixels": (0.4, 0.3, 0.5), "trained": (0.9, 0.8, 1.0)}, "far": {"pixels": (0.5, 0.45, 0.55)}}
    picture = figures.by_kind(rows, "accuracy", chance=0.2)
    dots = {label: xs for label, _, _, xs, _ in axes[0]}
    assert dots["pixels"] == [0.4, 0.5] and dots["trained"] == [0.9]
    assert "near: pixels 0.40, trained 0.90; far: pixels 0.50" in picture.alt
    with pytest.raises(ValueError, match="has no rows"):
        figures.by_kind({}, "accuracy")
