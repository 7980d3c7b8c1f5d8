import subprocess

import pytest

from metalearn_course._common.environment import CourseError
from metalearn_course.authoring.changed import changed_files, sort_out, touched

KNOWN = ["01", "02", "03"]


@pytest.mark.parametrize(
    ("name", "lesson"),
    [
        ("notebooks/02_many_tasks.ipynb", "02"),
        ("solutions/02_many_tasks.ipynb", "02"),
        ("exercises/02_many_tasks.ipynb", "02"),
        ("metalearn_course/classroom/checks/lesson_02/expected_risk.py", "02"),
        ("metalearn_course/classroom/texts/lesson_02.toml", "02"),
        ("tests/answers/lesson_02.py", "02"),
        ("metalearn_course/training.py", "all"),
        ("metalearn_course/classroom/checks/__init__.py", "all"),
        ("metalearn_course/weights/maml.npz", "all"),
        ("tests/answers/__init__.py", "all"),
        ("notebooks/picture.png", "all"),
        ("README.md", "none"),
        ("tests/test_cli.py", "none"),
        ("notebooks/09_gone.ipynb", "none"),
    ],
)
def test_each_file_touches_its_lesson_all_or_none(name, lesson):
    lessons, why = sort_out([name], KNOWN, "HEAD")
    assert lessons == {"all": KNOWN, "none": []}.get(lesson, [lesson])
    assert (name in why) == (lesson != "none")


def test_why_names_every_lesson_and_its_files():
    files = [
        "tests/answers/lesson_03.py",
        *(f"{folder}/01_x.ipynb" for folder in ("exercises", "notebooks", "solutions")),
    ]
    assert sort_out(files, KNOWN, "main") == (
        ["01", "03"],
        "since main: 01 (exercises/01_x.ipynb, notebooks/01_x.ipynb and 1 more); 03 (tests/answers/lesson_03.py)",
    )


@pytest.fixture
def clone(tmp_path):
    """A clone inside another one's folder, with a commit and a tag."""
    root = tmp_path / "outer" / "clone"
    for name in ("notebooks/01_ä.ipynb", "notebooks/02_b.ipynb", "notebooks/03_c.ipynb", "README.md"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("old", encoding="utf-8")
    (root / ".gitignore").write_text("my_exercises/\n", encoding="utf-8")

    def git(*arguments):
        about = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *about, *arguments], cwd=tmp_path / "outer", check=True, capture_output=True)

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "one")
    git("tag", "first")
    return root, git


def test_the_working_tree_is_compared_with_head_and_new_and_deleted_files_count(clone):
    root, git = clone
    assert touched(KNOWN, None, root) == ([], "since HEAD, no lesson is touched")
    (root / "notebooks" / "01_ä.ipynb").write_text("new", encoding="utf-8")
    (root / "notebooks" / "02_b.ipynb").unlink()
    (root / "my_exercises").mkdir()
    (root / "my_exercises" / "03_c.ipynb").write_text("a learner's", encoding="utf-8")
    (root / "exercises").mkdir()
    (root / "exercises" / "03_c.ipynb").write_text("untracked", encoding="utf-8")
    assert changed_files("HEAD", root) == ["exercises/03_c.ipynb", "notebooks/01_ä.ipynb", "notebooks/02_b.ipynb"]
    git("add", "-A")
    assert touched(KNOWN, None, root).lessons == KNOWN


def test_a_revision_counts_what_was_committed_since(clone):
    root, git = clone
    (root / "notebooks" / "02_b.ipynb").write_text("new", encoding="utf-8")
    git("commit", "-qam", "two")
    assert touched(KNOWN, None, root).lessons == []
    found = touched(KNOWN, "first", root)
    assert found == (["02"], "since first: 02 (notebooks/02_b.ipynb)")


@pytest.mark.parametrize("since", ["no-such", "--output=x", "HEAD~9"])
def test_an_unknown_revision_is_one_line(clone, since):
    root, _ = clone
    with pytest.raises(CourseError, match="git knows no revision") as caught:
        touched(KNOWN, since, root)
    assert "\n" not in str(caught.value)


def test_without_git_another_way_is_said(clone, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CourseError, match="name a lesson instead"):
        touched(KNOWN, None, clone[0])
