"""The course in a real browser: what nbval cannot see, since sliders, canvases and typing need a page.

Lessons that train for long are opened as they are stored. Then only the cells that make their widgets are run, with the
cells that those need, and their trainings are shorter. That every cell runs is proved under nbval.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from metalearn_course._common.environment import kernel_environment, repository
from metalearn_course.cli.lab import lab_command

pytestmark = [pytest.mark.course, pytest.mark.browser, pytest.mark.takes(30, together="one browser")]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
ARTIFACTS = repository() / "artifacts"
TOKEN = "course"
PLAIN = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}
QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
KEEP = {"@jupyterlab/docmanager-extension:plugin": {"autosave": False}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the pages read and write. Its `course` is a copy, so that nothing reaches the repository."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    """JupyterLab at the course, with settings, workspaces and a learner's folder of its own."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine; on Debian: apt-get install chromium")
    pytest.importorskip("playwright", reason="playwright is not installed")
    settings = folder / "settings"
    for plugin, values in (PLAIN | QUIET | KEEP).items():
        owner, _, name = plugin.partition(":")
        file = settings / owner / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")
    course = folder / "course"
    shutil.copytree(repository() / "notebooks", course / "notebooks")
    home = course / "my_exercises"
    shutil.copytree(repository() / "exercises", home)
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = kernel_environment(
        METALEARN_HOME=str(home),
        JUPYTERLAB_SETTINGS_DIR=str(settings),
        JUPYTERLAB_WORKSPACES_DIR=str(folder / "workspaces"),
        JUPYTER_CONFIG_DIR=str(folder / "config"),
    )
    log = (folder / "server.log").open("w", encoding="utf-8")
    command = [*lab_command(course, browser=False, port=port), f"--IdentityProvider.token={TOKEN}"]
    command += ["--LabApp.expose_app_in_browser=True", "--ServerApp.allow_root=True"]
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=course)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/api/status?token={TOKEN}", timeout=2)
                break
            except OSError:
                time.sleep(0.25)
        else:
            pytest.fail(f"JupyterLab did not answer within a minute: {(folder / 'server.log').read_text()[-2000:]}")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


@pytest.fixture(scope="module")
def browser(server: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


class Lab:
    """One notebook, open in JupyterLab."""

    def __init__(self, browser: Any, server: str, path: str) -> None:
        self.page = browser.new_page(viewport={"width": 1280, "height": 1400})
        self.page.set_default_timeout(60_000)
        self.complaints: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.path = path
        self.page.goto(f"{server}/lab/workspaces/{Path(path).stem}/tree/{path}?token={TOKEN}&reset")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
        )

    def _note(self, message: Any) -> None:
        if message.type == "error" and "favicon" not in message.text:
            self.complaints.append(message.text)

    def run_all(self) -> None:
        self.page.set_default_timeout(600_000)
        for command in ("clear-all-cell-outputs", "run-all-cells"):
            self.page.evaluate("name => window.jupyterapp.commands.execute('notebook:' + name)", command)
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"
        )
        self.page.set_default_timeout(60_000)
        code = (cell for cell in self.cells() if cell["cell_type"] == "code" and "".join(cell["source"]).strip())
        assert all(cell["execution_count"] for cell in code), "a cell did not run"

    def cells(self) -> list[dict[str, Any]]:
        return self.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells")

    def run(self, *words: str) -> None:
        """Run, in this order, the cells whose code contains these words: for each the one cell that does."""
        cells = self.cells()
        for said in words:
            code = (cell["cell_type"] == "code" and said in "".join(cell["source"]) for cell in cells)
            [number] = [index for index, found in enumerate(code) if found]
            self.page.evaluate(
                """async number => {
                    window.jupyterapp.shell.currentWidget.content.activeCellIndex = number;
                    await window.jupyterapp.commands.execute('notebook:run-cell');
                }""",
                number,
            )

    def outputs(self) -> list[dict[str, Any]]:
        """All outputs, each with the source of its cell."""
        code = [cell for cell in self.cells() if cell["cell_type"] == "code"]
        return [output | {"source": "".join(cell["source"])} for cell in code for output in cell["outputs"]]

    def expect_clean(self) -> None:
        bad = [o for o in self.outputs() if o["output_type"] == "error" or o.get("name") == "stderr"]
        assert not bad, bad[:2]
        assert not self.complaints, self.complaints
        mute = self.page.locator(".jp-OutputArea-output img:not([alt]), .jp-OutputArea-output img[alt='']").count()
        assert mute == 0, f"{mute} pictures that a screen reader cannot read"

    def widget(self, label: str) -> Any:
        found = self.page.locator(f'.jp-OutputArea [aria-label^="{label}"]').first
        found.scroll_into_view_if_needed()
        return found

    def screenshot(self, name: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"{name}.png")

    def close(self) -> None:
        self.page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown() }")
        self.page.close()


@pytest.fixture
def open_notebook(browser: Any, server: str, folder: Path) -> Iterator[Any]:
    """Opens the course's notebook at a path, with what `shorter` says in place of what the notebook says."""
    labs: list[Lab] = []

    def opener(path: str, shorter: Mapping[str, str] | None = None) -> Lab:
        file = folder / "course" / path
        text = file.read_text(encoding="utf-8")
        for long, short in (shorter or {}).items():
            assert text.count(long) == 1, (path, long, text.count(long))
            text = text.replace(long, short)
        file.write_text(text, encoding="utf-8", newline="\n")
        labs.append(Lab(browser, server, path))
        return labs[-1]

    yield opener
    for lab in labs:
        lab.close()


def draw_symbol(lab: Lab, symbol: int) -> None:
    """Draw a zigzag that is different for each symbol, with the mouse, and keep it."""
    widget = lab.widget("Draw five symbols")
    canvas = widget.locator("svg.ml-paper")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    points = [(0.15, 0.2 + 0.12 * symbol), (0.8, 0.85 - 0.1 * symbol), (0.2 + 0.1 * symbol, 0.8), (0.85, 0.15)]
    corners = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    lab.page.mouse.move(*corners[0])
    lab.page.mouse.down()
    for corner in corners[1:]:
        lab.page.mouse.move(*corner, steps=6)
    lab.page.mouse.up()
    before = widget.locator("img.ml-thumb").count()
    widget.get_by_role("button", name="keep as symbol").click()
    lab.page.wait_for_function(
        "n => document.querySelectorAll('.jp-OutputArea img.ml-thumb').length > n", arg=before, timeout=20_000
    )


def expect_undo_and_clear(lab: Lab) -> None:
    """Two strokes, one taken back, then none: by the number of lines on the canvas."""
    widget = lab.widget("Draw five symbols")
    canvas = widget.locator("svg.ml-paper")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    strokes = canvas.locator("polyline")
    for y in (0.3, 0.6):
        lab.page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + y * box["height"])
        lab.page.mouse.down()
        lab.page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + y * box["height"], steps=4)
        lab.page.mouse.up()
    assert strokes.count() == 2
    widget.get_by_role("button", name="undo").click()
    assert strokes.count() == 1
    widget.get_by_role("button", name="clear").click()
    assert strokes.count() == 0


def move_slider(lab: Lab, widget: Any, presses: int) -> None:
    slider = widget.locator("input[type=range]").first
    slider.scroll_into_view_if_needed()
    slider.focus()
    for _ in range(presses):
        lab.page.keyboard.press("ArrowRight")


def test_jupyterlab_opens_at_the_course(browser: Any, server: str) -> None:
    page = browser.new_page()
    page.goto(f"{server}/?token={TOKEN}")
    page.wait_for_url("**/lab/tree/notebooks/00_start_here.ipynb*", timeout=60_000)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.close()


@pytest.mark.parametrize("place", ["first", "last"])  # in the table of `progress()`, and at the end of the lesson
def test_a_stored_link_opens_the_next_lesson(open_notebook: Any, place: str) -> None:
    lab = open_notebook("notebooks/00_start_here.ipynb")
    links = lab.page.locator(".jp-OutputArea a", has_text="upervised")
    {"first": links.first, "last": links.last}[place].click()
    lab.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.context?.path === 'notebooks/01_supervised_training.ipynb'"
    )
    assert not lab.complaints


def test_lesson_00_a_drawn_symbol_arrives_in_the_support_set(open_notebook: Any) -> None:
    lab = open_notebook("notebooks/00_start_here.ipynb")
    lab.run_all()
    lab.expect_clean()
    assert any("shipped symbols" in json.dumps(o) for o in lab.outputs())
    expect_undo_and_clear(lab)
    for i in range(10):
        draw_symbol(lab, i % 5)
    status = lab.widget("Draw five symbols").locator(".ml-status")
    assert "Saved: 2 drawings" in status.inner_text()
    lab.screenshot("00_drawn")
    code = (
        "from metalearn_course import my_symbols, Episodes; import torch\n"
        "task = Episodes(my_symbols(), 5, 1, 1, 'test').sample(1, torch.Generator().manual_seed(0))\n"
        "print(my_symbols().source, tuple(task.support.x.shape), float(task.support.x.amax()) > 0.5)"
    )
    said = lab.page.evaluate(
        """async code => {
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({ code });
            let text = '';
            future.onIOPub = m => { text += m.content.text ?? m.content.evalue ?? '' };
            await future.done;
            return text;
        }""",
        code,
    )
    assert said.strip() == "my symbols (1, 5, 1, 28, 28) True"
    lab.run_all()
    assert any("my symbols" in json.dumps(o) for o in lab.outputs()), "the table still shows the shipped symbols"
    lab.screenshot("00_my_symbols")
    lab.expect_clean()


def test_lesson_01_the_picture_steps_and_the_star_moves(open_notebook: Any) -> None:
    lab = open_notebook("notebooks/01_supervised_training.ipynb")
    lab.run_all()
    lab.expect_clean()
    widget = lab.widget("Training cycle")
    before = widget.locator("svg").first.inner_html()
    move_slider(lab, widget, 3)
    lab.page.wait_for_timeout(300)
    assert widget.locator("svg").first.inner_html() != before
    rate = widget.locator("input[type=range]").nth(1)
    rate.focus()
    said = widget.locator(".ml-status").inner_text()
    lab.page.keyboard.press("End")  # the largest rate
    lab.page.wait_for_function(
        "said => document.querySelector('[aria-label=\"Training cycle\"] .ml-status').innerText !== said",
        arg=said,
        timeout=20_000,
    )
    assert "explodes" in widget.locator(".ml-status").inner_text()
    lab.screenshot("01_training_cycle")
    lab.expect_clean()


def test_lesson_02_the_steps_are_scrubbed_and_a_point_is_dragged(open_notebook: Any) -> None:
    lab = open_notebook("notebooks/02_many_tasks.ipynb", shorter={"steps=1_500": "steps=30", "steps=2_000": "steps=30"})
    lab.run("import time", "pooled = FineTuned(", "learned = MAML(", "widgets.TwoStarts(")
    lab.expect_clean()
    widget = lab.widget("Two starts")
    before = widget.locator("svg").first.inner_html()
    move_slider(lab, widget, 3)
    lab.page.wait_for_timeout(300)
    scrubbed = widget.locator("svg").first.inner_html()
    assert scrubbed != before
    point = widget.locator(".ml-handle").first
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    lab.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    lab.page.mouse.down()
    lab.page.mouse.move(box["x"] + 20, box["y"] + 60, steps=5)
    lab.page.mouse.up()
    lab.page.wait_for_timeout(4000)
    assert widget.locator("svg").first.inner_html() != scrubbed
    lab.screenshot("02_two_starts")
    lab.expect_clean()


def test_lesson_03_draw_again_gives_another_card(open_notebook: Any) -> None:
    lab = open_notebook("notebooks/03_few_shot_episodes.ipynb")
    lab.run("import torch", "data = characters()", "widgets.EpisodeCard(")
    lab.expect_clean()
    widget = lab.widget("Episode card")
    before = widget.inner_html()
    widget.get_by_role("button", name="draw again").click()
    lab.page.wait_for_timeout(2000)
    assert widget.inner_html() != before
    lab.screenshot("03_episode_card")
    lab.expect_clean()


def test_lesson_04_classes_fall_apart_while_the_step_is_scrubbed(open_notebook: Any) -> None:
    lab = open_notebook(
        "notebooks/04_learning_to_compare.ipynb", shorter={"steps=900,": "steps=20,", "80, 160, 320, 900]": "20]"}
    )
    lab.run("import torch", "data = characters()", "prototypical = Prototypical(conv_strided")
    lab.run("history = meta_train(", "widgets.Clusters(")
    lab.expect_clean()
    widget = lab.widget("Clusters")
    assert "After 20 training steps" in widget.locator(".ml-status").first.inner_text()
    slider = widget.locator("input[type=range]").first
    slider.scroll_into_view_if_needed()
    slider.focus()
    lab.page.keyboard.press("Home")
    assert "After 0 training steps" in widget.locator(".ml-status").first.inner_text()
    rings = widget.locator("svg g circle[visibility=visible]").count()
    lab.page.keyboard.press("End")
    assert widget.locator("svg g circle[visibility=visible]").count() < rings
    widget.locator("svg g[role=img]").last.focus()
    assert widget.locator("svg image").get_attribute("visibility") == "visible"
    lab.screenshot("04_clusters")
    lab.expect_clean()


def test_lesson_05_a_step_lights_the_slot_it_reads(open_notebook: Any) -> None:
    lab = open_notebook("notebooks/05_learning_to_read.ipynb")
    lab.run("import torch", "data = characters()", "fifteen = Episodes(", "widgets.Memory(")
    lab.expect_clean()
    widget = lab.widget("Memory")
    step = widget.locator("g.ml-cell").nth(6)
    step.scroll_into_view_if_needed()
    step.click()
    assert widget.locator(".ml-status").first.inner_text().startswith("Step 6:")
    assert widget.locator("g.ml-cell[aria-pressed=true]").count() == 1
    lab.page.keyboard.press("ArrowRight")
    assert widget.locator(".ml-status").first.inner_text().startswith("Step 7:")
    lab.screenshot("05_memory")
    lab.expect_clean()


def test_lesson_07_the_start_is_dragged_and_the_rate_moves_the_minimum(open_notebook: Any) -> None:
    lab = open_notebook(
        "notebooks/07_learning_where_to_start.ipynb",
        shorter={
            "training_waves, 1_000,": "training_waves, 20,",
            "maml, training_waves, 2_000,": "maml, training_waves, 20,",
        },
    )
    lab.run(
        "import inspect", "from metalearn_course import", "pooled = FineTuned(", "maml = MAML(", "widgets.TwoStarts(",
        "widgets.Landscapes(",
    )  # fmt: skip
    lab.expect_clean()
    widget = lab.widget("Landscapes")
    said, both = widget.locator(".ml-status").first, widget.locator(".ml-status").last
    arrows = widget.locator("svg g[pointer-events=none] path")
    handle = widget.locator("g.ml-handle").last  # on the right map
    handle.scroll_into_view_if_needed()
    before, words = handle.bounding_box(), said.inner_text()
    x, y = before["x"] + before["width"] / 2, before["y"] + before["height"] / 2
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    lab.page.mouse.move(x - 60, y + 60, steps=5)
    lab.page.mouse.up()
    lab.page.wait_for_timeout(2500)  # past the moment when, without an answer, it would move to the grid
    after = handle.bounding_box()
    assert abs(after["x"] - before["x"] + 60) < 2 and abs(after["y"] - before["y"] - 60) < 2
    assert said.inner_text() != words and arrows.count() > 0
    handle.focus()
    words = said.inner_text()
    lab.page.keyboard.press("ArrowLeft")
    assert said.inner_text() != words
    widget.get_by_role("button", name="to the learned start").click()
    place = said.inner_text().split(" with ")[0].removeprefix("From ")
    assert f"from {place}" in both.inner_text()
    lab.screenshot("07_landscapes")
    rate = widget.locator("input[type=range]").first
    rate.focus()
    words = both.inner_text()
    lab.page.keyboard.press("Home")
    assert both.inner_text() != words
    lab.expect_clean()


def test_lesson_08_the_step_of_training_is_scrubbed(open_notebook: Any) -> None:
    lab = open_notebook(
        "notebooks/08_learning_how_to_step.ipynb",
        shorter={
            "problems, 200,": "problems, 1,",
            "learned, problems=128": "learned, problems=16",
        },
    )
    lab.run("import inspect", "import summed_squares", "problems = Quadratics()", "tuned = {}", "losses = {}")
    lab.run("widgets.Steps(")
    lab.expect_clean()
    widget = lab.widget("Steps")
    said = widget.locator(".ml-status")
    words = said.inner_text()
    move_slider(lab, widget, 3)
    assert said.inner_text() != words
    lab.screenshot("08_steps")
    lab.expect_clean()


def test_lesson_09_training_grows_until_its_loss_has_cliffs(open_notebook: Any) -> None:
    lab = open_notebook("notebooks/09_when_you_cannot_backpropagate.ipynb")
    lab.run("import torch", "widgets.Cliffs(")
    lab.expect_clean()
    widget = lab.widget("Cliffs")
    said = widget.locator(".ml-status")
    length, rate = (widget.locator("input[type=range]").nth(i) for i in (0, 1))
    for slider, key in ((length, "Home"), (length, "End"), (rate, "Home")):
        words = said.inner_text()
        slider.scroll_into_view_if_needed()
        slider.focus()
        lab.page.keyboard.press(key)
        lab.page.wait_for_function(
            "([element, words]) => element.innerText !== words", arg=[said.element_handle(), words]
        )
    lab.screenshot("09_cliffs")
    lab.expect_clean()


TEXTS_OF_ALL_MOMENTS = """
import json
from metalearn_course.figures.meta_picture.pieces import state_of
from metalearn_course.widgets import MetaTraining
[*_, shown] = [value for value in Out.values() if isinstance(value, MetaTraining)]
all_texts = []
for moment in range(len(shown.frames["moments"])):
    texts = [(e, state_of(e, moment, words)) for e in shown.frames["scene"]["elements"] if e["kind"] == "text"]
    all_texts.append(sorted(e.get("none", e["text"]) if s.cut else e["text"] for e, s in texts if s.shown))
print(json.dumps(all_texts))
"""


def expect_the_texts_that_python_draws(lab: Lab, widget: Any, *words: str) -> None:
    """At every moment the browser shows the words and numbers that the drawing does."""
    expected = lab.page.evaluate(
        """async code => {
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({ code });
            let text = '';
            future.onIOPub = m => { text += m.content.text ?? m.content.evalue ?? '' };
            await future.done;
            return text;
        }""",
        f"words = {set(words) | {'live'}}" + TEXTS_OF_ALL_MOMENTS,
    )
    found = widget.evaluate(
        """root => {
            const scrub = root.querySelector('input[type=range]');
            return [...Array(Number(scrub.max) + 1).keys()].map(moment => {
                scrub.value = moment;
                scrub.dispatchEvent(new Event('input'));
                const texts = [...root.querySelectorAll('svg text')].filter(text => text.style.display !== 'none');
                return texts.map(text => text.textContent);
            });
        }"""
    )
    assert [sorted(texts) for texts in found] == json.loads(expected)


def test_lesson_06_the_gradient_runs_back_is_cut_and_moves_what_is_learned(open_notebook: Any) -> None:
    lab = open_notebook("notebooks/06_learner_and_meta_learner.ipynb")
    lab.run("import torch", "def squared_error", "theta_0, phi =", "widgets.MetaTraining(")
    lab.expect_clean()
    widget = lab.widget("Meta-training")
    said = widget.locator(".mt-status")
    scrub = widget.locator("input[type=range]").first
    scrub.scroll_into_view_if_needed()
    scrub.focus()
    lab.page.keyboard.press("Home")
    assert "is about to begin" in said.inner_text()
    step = widget.get_by_role("button", name="step", exact=True)
    for words in ("Training step 1. Batch 1 enters", "The loss L measures", "The optimizer O updates"):
        step.click()
        assert words in said.inner_text()
    scrub.focus()
    lab.page.keyboard.press("End")
    assert "The meta-optimizer updates the start" in said.inner_text()
    assert widget.locator("svg text:visible", has_text="None").count() == 0
    widget.get_by_label("detach").check()
    assert "nothing to go by" in said.inner_text()
    assert widget.locator("svg text:visible", has_text="None").count() >= 4
    expect_the_texts_that_python_draws(lab, widget, "start", "detached")
    widget.get_by_label("detach").uncheck()
    widget.get_by_label("the star: learn the rate").check()
    assert "The meta-optimizer updates the rate" in said.inner_text()
    expect_the_texts_that_python_draws(lab, widget, "rate", "attached")
    lab.screenshot("06_meta_training")
    history = widget.locator("p.ml-status").nth(1)
    for press in ("button", "arrow key"):
        before = history.inner_text()
        if press == "button":
            widget.get_by_role("button", name="take this meta-step").click()
        else:
            scrub.focus()
            lab.page.keyboard.press("Home")
            widget.locator("[data-part=rate]:visible").focus()
            lab.page.keyboard.press("ArrowRight")
        lab.page.wait_for_function(
            "before => document.querySelectorAll('[aria-label=\"Meta-training\"] p.ml-status')[1].innerText !== before",
            arg=before,
            timeout=20_000,
        )
    assert history.inner_text().count(",") == 3, history.inner_text()  # three runs by now
    widget.get_by_role("button", name="play").click()
    lab.page.wait_for_timeout(2000)
    assert "about to begin" not in said.inner_text()
    widget.get_by_role("button", name="pause").click()
    lab.expect_clean()


def test_an_exercise_is_solved_by_typing_and_its_check_turns_green(open_notebook: Any) -> None:
    lab = open_notebook("my_exercises/00_start_here.ipynb")
    lab.run_all()
    assert "not yet" in json.dumps([o for o in lab.outputs() if o["source"].startswith("check.")])
    cell = lab.page.locator(".jp-CodeCell", has_text="def add_stars").first
    cell.locator(".cm-content").click()
    lab.page.keyboard.press("Control+A")
    lab.page.keyboard.type("def add_stars(first, second):\nreturn first + second")
    lab.page.keyboard.press("Shift+Enter")
    lab.run_all()
    said = [o for o in lab.outputs() if o["source"].startswith("check.add_stars")]
    assert any("✓" in json.dumps(o, ensure_ascii=False) for o in said), said
    lab.screenshot("exercise_solved")
    lab.expect_clean()


def test_lesson_10_few_tasks_or_many(open_notebook: Any) -> None:
    lab = open_notebook(
        "notebooks/10_neighbors.ipynb",
        shorter={"Diversity(transformers, kind, count=400)": "Diversity(transformers, kind, count=50)"},
    )
    lab.run("from dataclasses import replace", "widgets.Diversity(")
    lab.expect_clean()
    widget = lab.widget("Few tasks or many")
    said = widget.locator(".ml-status")
    words = said.inner_text()
    assert "Trained on 4 tasks, error on new ones" in words
    move_slider(lab, widget, 5)
    assert "Trained on endless tasks" in said.inner_text() != words
    lab.screenshot("10_diversity")
    lab.expect_clean()
