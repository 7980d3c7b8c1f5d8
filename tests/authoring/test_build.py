import json

import pytest

from metalearn_course._common.environment import CourseError
from metalearn_course.authoring import build
from metalearn_course.authoring.validate import validate_build
from tests.helpers.cells import check, code, markdown, notebook, solution, write

ANSWER = """def double(x):
    \"\"\"Twice x.\"\"\"
    ### BEGIN SOLUTION
    two = 2
    return two * x
    ### END SOLUTION"""


def course(root, *more, answer=ANSWER):
    cells = [markdown("title", "# Exercises"), solution("double", answer), check("double"), *more]
    write(root / "solutions" / "07_doubling.ipynb", *cells)
    return root


def built_cells(root):
    return json.loads((root / "exercises" / "07_doubling.ipynb").read_bytes())["cells"]


def test_answers_become_stubs_at_their_indentation(tmp_path):
    build.build(course(tmp_path))
    source = "".join(built_cells(tmp_path)[1]["source"])
    assert source == 'def double(x):\n    """Twice x."""\n    # YOUR CODE HERE\n    raise NotImplementedError'
    assert "two" not in source


def test_the_same_bytes_every_time_and_nothing_that_changes_for_no_reason(tmp_path):
    root = course(tmp_path)
    build.build(root)
    first = (root / "exercises" / "07_doubling.ipynb").read_bytes()
    path = root / "solutions" / "07_doubling.ipynb"
    run = json.loads(path.read_bytes())
    run["metadata"] |= {"widgets": {}, "language_info": {"name": "python", "version": "3.12.1"}}
    run["cells"][1] |= {"execution_count": 5, "outputs": [{"output_type": "stream", "name": "stdout", "text": "hi"}]}
    run["cells"][1]["metadata"] |= {"execution": {"iopub.execute_input": "now"}, "collapsed": True}
    path.write_text(json.dumps(run), encoding="utf-8", newline="\r\n")
    assert build.build(root) == []
    assert (root / "exercises" / "07_doubling.ipynb").read_bytes() == first
    assert b"\r" not in first and first.endswith(b"}\n")


def test_differences_are_named_and_the_learners_folder_is_not_looked_at(tmp_path):
    root = course(tmp_path)
    (root / "my_exercises").mkdir()
    (root / "my_exercises" / "07_doubling.ipynb").write_text("not even a notebook", encoding="utf-8")
    assert build.differences(root) == ["exercises/07_doubling.ipynb is missing"]
    build.build(root)
    assert build.differences(root) == []
    path = root / "exercises" / "07_doubling.ipynb"
    path.write_bytes(path.read_bytes().replace(b"Twice", b"Thrice"))
    (root / "exercises" / "99_extra.ipynb").write_bytes(b"{}")
    changed = ["exercises/07_doubling.ipynb differs from what solutions/07_doubling.ipynb makes"]
    assert build.differences(root) == changed
    [line] = build.without_solution(root)
    assert line.startswith("exercises/99_extra.ipynb has no solutions/99_extra.ipynb: `git restore")
    (root / "exercises" / "99_extra.ipynb").unlink()
    assert build.without_solution(root) == []
    assert build.build(root) == changed
    assert build.differences(root) == []


def test_an_exercise_whose_solution_is_gone_is_neither_deleted_nor_advised_to_be_built_away(tmp_path):
    root = course(tmp_path)
    build.build(root)
    kept = (root / "exercises" / "07_doubling.ipynb").read_bytes()
    (root / "solutions" / "07_doubling.ipynb").unlink()
    with pytest.raises(CourseError, match=r"git restore solutions/07_doubling\.ipynb.*delete it by hand"):
        build.build(root)
    assert (root / "exercises" / "07_doubling.ipynb").read_bytes() == kept
    [problem] = validate_build(root).problems
    assert "git restore solutions/07_doubling.ipynb" in problem and "dev build" not in problem


def test_a_full_disk_leaves_the_old_exercise_whole_and_is_one_line(tmp_path, full_disk):
    root = course(tmp_path)
    build.build(root)
    path = root / "exercises" / "07_doubling.ipynb"
    old = path.read_bytes()
    course(tmp_path, markdown("more", "news"))
    full_disk(room=10)
    with pytest.raises(
        CourseError, match=r"07_doubling\.ipynb cannot be written \(No space.*free some space"
    ) as caught:
        build.build(root)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == old and [other.name for other in path.parent.iterdir()] == [path.name]


def test_only_what_changed_is_written(tmp_path, full_disk):
    root = course(tmp_path)
    build.build(root)
    full_disk(room=0)
    assert build.build(root) == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x", "do not pair up"),
        ("def double(x):\n    ### END SOLUTION\n    return 2 * x\n    ### BEGIN SOLUTION", "do not pair up"),
        ("def double(x):\n    return 2 * x", "would be given away"),
        ("def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x ### END SOLUTION", "do not pair up"),
        ("def double(x):\n    ### BEGIN SOLUTION\n    return\n    ### END SOLUTION\ndouble(2)", "learner's `double`"),
    ],
)
def test_a_bad_solution_cell_is_refused(tmp_path, answer, words):
    with pytest.raises(CourseError, match=words):
        build.build(course(tmp_path, answer=answer))


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (code("more", "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"), "needs nbgrader metadata"),
        (code("double", "1"), "id 'double' appears 2 times"),
        (check("triple"), "a check cell is the one line"),
        (code("use", "print(double(2))"), "put that under `if solved_or_skip"),
        (code("use", "if solved_or_skip(double):\n    pass\nelse:\n    double(2)"), "learner's `double`"),
        (code("use", "result = vmap(double)(x)"), "learner's `double`"),
        (code("use", "if solved_or_skip(double) or True:\n    double(2)"), "learner's `double`"),
        (solution("triple", ANSWER.replace("double", "triple")), "'triple' has no check cell"),
        (code("broken", "print('"), "cannot be parsed"),
    ],
)
def test_a_bad_cell_is_named(tmp_path, cell, words):
    with pytest.raises(CourseError, match=words) as caught:
        build.build(course(tmp_path, cell))
    assert "solutions/07_doubling.ipynb" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "if solved_or_skip(double):\n    print(double(2))",
        "if solved_or_skip(double, other) and True:\n    print(double(2))",
        "%matplotlib inline\nx = 2",
    ],
)
def test_a_guarded_use_is_fine(tmp_path, text):
    build.build(course(tmp_path, code("use", text)))


def test_a_later_answer_may_call_an_earlier_one(tmp_path):
    later = (
        "def quadruple(x):\n    ### BEGIN SOLUTION\n    return double(double(x))\n    ### END SOLUTION\n"
        "    assert double(1) == 2"
    )
    build.build(course(tmp_path, solution("quadruple", later), check("quadruple")))


def test_the_form_is_valid_for_nbformat():
    import nbformat

    nbformat.validate(
        nbformat.from_dict(build.without_answers(notebook(markdown("a", "x"), solution("double", ANSWER))))
    )
