"""The snippets of docs/your-own.md and of the README's section of the same name run, and say what the page says."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[1]
SHAPES = ("ellipse", "rectangle", "line")
COLORS = ("red", "green", "blue", "orange", "purple")


def snippets(page, section=""):
    """The Python blocks of a page, or of one of its sections."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if section:
        text = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def my_images(tmp_path, monkeypatch):
    """Fifteen classes, each a shape of one color, 4 to 6 images of it in different places and sizes."""
    hand = np.random.RandomState(0)
    for color in COLORS:
        for shape in SHAPES:
            folder = tmp_path / "my_images" / f"{color} {shape}"
            folder.mkdir(parents=True)
            for i in range(hand.randint(4, 7)):
                image = Image.new("RGB", (60 + 10 * i, 60), "white")
                x, y, side = hand.randint(4, 20), hand.randint(4, 20), hand.randint(20, 32)
                draw = getattr(ImageDraw.Draw(image), shape)
                draw((x, y, x + side, y + side), fill=color, **({"width": 5} if shape == "line" else {}))
                image.save(folder / f"{i}.png")
    monkeypatch.chdir(tmp_path)


def run(blocks):
    names = {"__name__": "__main__"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for block in blocks:
            exec(compile(block, "snippet", "exec"), names)
    return names


@pytest.mark.takes(22)
def test_docs_your_own(my_images, capsys):
    blocks = snippets("docs/your-own.md")
    assert len(blocks) == 15
    names = run(blocks)
    printed = capsys.readouterr().out
    # tasks: far better than the best constant, and the curve that was given is followed
    tasks = names["Decays"]().sample(1000, torch.Generator().manual_seed(5))
    assert 0.33 < tasks.query.y.var() < 0.39  # "a variance of 0.36"
    assert names["decays"].mean < 0.1
    between = names["predictor"](torch.tensor([[0.25], [1.25]])).flatten()
    assert between.tolist() == pytest.approx([2 * 0.6**0.5, 2 * 0.6**2.5], abs=0.35)
    # images: 9, 3 and 3 classes; chance is a third
    assert "15 classes, 32x32 color; 4 to 6 images a class; classes by split: train 9, validation 3, test 3." in printed
    assert len(names["answers"]) >= 3 and set(names["answers"]) <= set(names["names"])
    assert "Ridge passes check_meta_learner ✓" in printed
    rows = {row.name: row for row in names["rows"]}
    assert rows["prototypical"].result.mean > 0.5 and rows["ridge"].result.mean > 0.5
    assert rows["nearest pixels"].difference is None and len(rows["ridge"].difference) == 2
    # saved and loaded: the same answers; a run that went on
    x = names["support"].x
    assert names["loaded"].embed(x).equal(names["ridge"].eval().embed(x))
    assert "20 steps" in printed and Path("run.pt").exists()
    # a rule of one's own: checked, learned, saved, and the same when it is loaded
    assert "MyRule passes check_update_rule ✓" in printed
    assert "digits, 16 components, 20 steps of 64" in printed and "nothing: a rate by hand" in printed
    learned = names["trainer"].rule.state_dict()
    assert learned["memory"] != 0 and learned["log_lr"] != torch.tensor(0.1).log()
    assert all(torch.equal(value, learned[name]) for name, value in names["mine"].state_dict().items())
    # the loop: at least half of the loss is gone
    assert np.mean(names["losses"][-10:]) < 0.5 * names["losses"][0]


@pytest.mark.takes(5)
def test_readme(my_images, capsys):
    blocks = snippets("README.md", "Use it on your own")
    assert blocks
    run(blocks)
    assert "3-way 1-shot" in capsys.readouterr().out
