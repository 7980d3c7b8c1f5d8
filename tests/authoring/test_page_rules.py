import json

import pytest

from metalearn_course.authoring import page_rules as guards
from tests.helpers.cells import check, code, markdown, solution, write

PRINTED = [{"output_type": "stream", "name": "stdout", "text": "hello\n"}]


def problems(tmp_path, *cells):
    return guards.lesson_problems(write(tmp_path / "notebooks" / "02_x.ipynb", *cells))


def picture(**metadata):
    return [{"output_type": "display_data", "data": {"image/png": "aaaa"}, "metadata": metadata}]


def html(text):
    return [{"output_type": "display_data", "data": {"text/html": [text]}, "metadata": {}}]


@pytest.mark.parametrize(
    "cell",
    [
        code("a", "x = 1", count=1),
        code("a", "print(1)", count=1, outputs=PRINTED),
        code("a", "def f():\n    print(1)", count=1),
        code("a", "if x:\n    print(1)", count=1),
        code("a", "x;", count=1),
        code("a", "picture = figures.curves({})", count=1),
        code("a", "optimizer.step()", count=1),
        code("a", "%matplotlib inline\n%config InlineBackend.figure_format = 'retina'", count=1),
        code("a", "%%time\nx = 1", count=1, outputs=PRINTED),
        code("a", "rest = 10 % known", count=1),
        code("a", "", count=None),
        code("a", "plot()", count=1, outputs=picture(**{"image/png": {"alt": "a falling line"}})),
        code("a", "plot()", count=1, outputs=html('<img src="x" alt="a line">')),
    ],
)
def test_a_complete_cell_passes(tmp_path, cell):
    assert problems(tmp_path, markdown("title", "# x"), cell) == []


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (code("a", "x = 1"), "without an execution count"),
        (code("a", "print(1)", count=1), "it prints, and no output is stored"),
        (code("a", "for i in range(3):\n    print(i)", count=1), "it prints"),
        (code("a", "x.shape", count=1), "it prints"),
        (code("a", "figures.curves({})", count=1), "it prints"),
        (code("a", "widgets.DrawSymbols()", count=1), "it prints"),
        (code("a", "f()", "nbval-check-output", count=1), "nothing would be compared"),
        (code("a", "f()", "raises-exception", count=1), "raises-exception"),
        (code("a", "%matplotlob inline", count=1), "%matplotlob is no magic"),
        (code("a", "%%tme\nx = 1", count=1), "%%tme is no magic"),
        (code("a", "\n".join(["x = 1"] * 21), count=1), "21 lines; at most 20"),
        (code("a", "x =", count=1), "cannot be parsed"),
        (
            code("a", "f()", count=1, outputs=[{"output_type": "error", "ename": "KeyError"}]),
            "a stored error, KeyError",
        ),
        (code("a", "f()", count=1, outputs=[PRINTED[0] | {"name": "stderr"}]), "stored stderr, 'hello'"),
        (code("a", "f()", count=1, outputs=picture()), "a stored image/png has no alt text"),
        (code("a", "f()", count=1, outputs=picture(**{"image/png": {"alt": ""}})), "no alt text"),
        (code("a", "f()", count=1, outputs=html("<p><img src='x'></p>")), "a stored img has no alt text"),
        (
            code("a", "f()", count=1, outputs=[{"output_type": "display_data", "data": {guards.WIDGET: {}}}]),
            "a stored widget view",
        ),
    ],
)
def test_what_nbval_would_let_pass_is_found(tmp_path, cell, words):
    [problem] = problems(tmp_path, markdown("title", "# x"), cell)
    assert words in problem
    assert problem.startswith("notebooks/02_x.ipynb, cell 1 (a): ")


def test_what_an_editor_leaves_behind_is_found(tmp_path):
    folded = code("a", "x = 1", count=1)
    folded["metadata"] |= {"execution": {"iopub.execute_input": "2026-01-01"}, "collapsed": True, "tags": ["training"]}
    path = write(tmp_path / "notebooks" / "02_x.ipynb", folded)
    [problem] = guards.lesson_problems(path)
    assert problem.startswith("notebooks/02_x.ipynb, cell 0 (a): metadata collapsed, execution says nothing")
    stored = json.loads(path.read_text(encoding="utf-8"))
    stored["metadata"] |= {"toc": {}, "kernelspec": {"name": "venv"}}
    path.write_text(json.dumps(stored), encoding="utf-8")
    kernel, toc, _ = guards.metadata_problems(path)
    assert "its metadata 'kernelspec' is not the course's" in kernel and "'toc' is not the course's, none" in toc


def test_a_solution_keeps_nbgraders_marks_and_no_outputs(tmp_path):
    path = write(tmp_path / "solutions" / "02_x.ipynb", solution("f", "def f():\n    ..."), check("f"))
    assert guards.solution_problems(path) == []
    write(path, solution("f", "def f():\n    ..."), code("a", "print(1)", count=1, outputs=PRINTED))
    assert guards.solution_problems(path) == [
        "solutions/02_x.ipynb, cell 1 (a): stored outputs, which no one is shown. "
        "`metalearn dev tidy LESSON` puts it in order."
    ]
    lesson = write(tmp_path / "notebooks" / "02_x.ipynb", solution("f", "def f():\n    ..."))
    [problem] = guards.metadata_problems(lesson)
    assert "cell 0 (f): metadata nbgrader says nothing to a reader" in problem


def test_a_lesson_that_never_ran_is_one_line(tmp_path):
    [problem] = problems(tmp_path, code("a", "x = 1"), code("b", "print(x)"))
    assert "stored without having run" in problem


def test_repeated_ids_and_widget_state_are_found(tmp_path):
    path = write(tmp_path / "notebooks" / "02_x.ipynb", markdown("a", "x"), markdown("a", "y"))
    path.write_bytes(
        path.read_bytes().replace(b'"metadata": {\n  "kernelspec"', b'"metadata": {\n  "widgets": {},\n  "kernelspec"')
    )
    assert len(guards.lesson_problems(path)) == 2
