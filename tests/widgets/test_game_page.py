"""The game's view in a real browser, without Jupyter: its own script, its own state, and a model of a few lines."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from metalearn_course import NearestNeighbor, widgets
from metalearn_course.tasks import Characters, Episodes

pytestmark = [pytest.mark.course, pytest.mark.browser, pytest.mark.takes(30, together="one browser")]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TRAITS = ("choices", "deal", "result", "stored", "status")
MODEL = """(state) => {
  const heard = {};
  window.sent = [];
  window.model = {
    get: (name) => state[name],
    on: (event, react) => (heard[event] ??= []).push(react),
    off: () => {},
    send: (content) => window.sent.push(content),
    become: (changed) => {
      const other = (name) => JSON.stringify(changed[name]) !== JSON.stringify(state[name]);
      const names = Object.keys(changed).filter(other);
      Object.assign(state, changed);
      names.forEach((name) => (heard[`change:${name}`] ?? []).forEach((react) => react()));
    },
  };
  window.render({ model: window.model, el: document.getElementById("here") });
}"""


class Page:
    """The widget's view, and the widget that answers it."""

    def __init__(self, page: Any, widget: widgets.Game, dark: bool = False) -> None:
        self.page, self.widget, self.complaints = page, widget, []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        module = widget._esm.replace("export default { render };", "window.render = render;")
        theme = "false" if dark else "true"
        page.set_content(
            f'<!doctype html><html lang="en"><title>game</title><body data-jp-theme-light="{theme}">'
            f'<style>{widget._css}</style><main id="here"></main><script>{module}</script></body></html>'
        )
        page.evaluate(MODEL, self.state())

    def state(self) -> dict[str, Any]:
        return {name: getattr(self.widget, name) for name in TRAITS}

    def answer(self) -> list[dict[str, Any]]:
        """Hand over what the page sent, and the widget's state back."""
        sent = self.page.evaluate("window.sent.splice(0)")
        for content in sent:
            self.widget._asked(self.widget, content, None)
        self.page.evaluate("(changed) => window.model.become(changed)", self.state())
        return sent

    def told(self) -> str:
        return self.page.locator(".ml-status").first.inner_text()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine; on Debian: apt-get install chromium")
    pytest.importorskip("playwright", reason="playwright is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


def game(home: Path) -> widgets.Game:
    images = torch.randint(1, 256, (8, 5, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    data = Characters(images, ["Runes"] * 8, [f"Runes/{i}" for i in range(8)], {"test": torch.arange(8)}, "test")
    return widgets.Game(Episodes(data, 3, 1, 1, split="test"), {"pixels": NearestNeighbor()}, home=home)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (400, True)])
def test_a_game_is_played_by_keys_and_by_mouse(browser: Any, tmp_path: Path, width: int, dark: bool) -> None:
    shown = Page(browser.new_page(viewport={"width": width, "height": 800}), game(tmp_path), dark)
    shown.page.get_by_role("button", name="play short game 1").focus()
    shown.page.keyboard.press("Enter")
    shown.answer()
    truth = shown.widget._now.truth
    for i, label in enumerate(truth):
        assert f"question {i + 1} of 20" in shown.told()
        chosen = (label + 1) % 3 if i == 4 else label
        if i % 2:
            shown.press(f"example {'ABC'[chosen]}")
        else:
            shown.page.keyboard.press("abc"[chosen])
        [sent] = shown.answer()
        assert (sent["question"], sent["label"]) == (i, chosen) and 0 <= sent["seconds"] < 60
    assert "right 19 times of 20" in shown.told()
    assert shown.page.get_by_role("row", name="you").inner_text().split("\t")[1] == "95 % (76 to 99)"
    shown.press("look at your answers")
    for _ in range(4):
        shown.page.keyboard.press("ArrowRight")
    assert f"Question 5 of 20: {'ABC'[(truth[4] + 1) % 3]}, wrong, it is {'ABC'[truth[4]]}" in shown.told()
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
    assert shown.complaints == []


def test_other_keys_answer_nothing_and_an_answer_can_be_taken_back(browser: Any, tmp_path: Path) -> None:
    shown = Page(browser.new_page(), game(tmp_path))
    shown.press("play short game 1")
    shown.answer()
    for key in ("d", "4", "0", "Enter", "Control+a", "Escape"):
        shown.page.keyboard.press(key)
    assert shown.answer() == [] and "question 1 of 20" in shown.told()
    shown.page.keyboard.press("a")
    shown.press("back")
    shown.page.keyboard.press("2")
    assert [(c["question"], c["label"]) for c in shown.answer()] == [(0, 0), (0, 1)]
    assert shown.widget._answers == [1] and "question 2 of 20" in shown.told()
    shown.press("stop, and go on later")
    shown.answer()
    shown.press("go on with short game 1")
    shown.answer()
    assert "question 2 of 20" in shown.told() and shown.complaints == []


def test_without_a_kernel_the_stored_game_is_replayed(browser: Any, tmp_path: Path) -> None:
    shown = Page(browser.new_page(), game(tmp_path))
    shown.press("watch a stored game")
    stored = shown.widget.stored
    for i in range(20):
        answer = chr(65 + stored["answers"][i])
        assert f"Question {i + 1} of 20: {answer}, " in shown.told()
        assert shown.page.get_by_role("img", name=f"example {chr(65 + stored['truth'][i])}, ").count() == 1
        if i < 19:
            shown.press("next")
    assert shown.page.get_by_role("button", name="next").is_disabled() and shown.complaints == []
    assert json.loads(shown.page.evaluate("JSON.stringify(window.sent)")) == []
