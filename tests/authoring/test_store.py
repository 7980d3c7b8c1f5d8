import pytest

from metalearn_course._common.environment import CourseError
from tests.helpers.cells import code, markdown, notebook, write


def test_a_full_disk_leaves_the_stored_lesson_whole_and_is_one_line(tmp_path, full_disk):
    import nbformat  # which takes seconds, and so is no business of other tests

    from metalearn_course.authoring import store

    path = write(tmp_path / "notebooks" / "02_x.ipynb", markdown("title", "# x"))
    old = path.read_bytes()
    new = nbformat.from_dict(notebook(markdown("title", "# y"), code("print", "print(1)", count=1)))
    full_disk(room=100)
    with pytest.raises(CourseError, match=r"02_x\.ipynb cannot be written \(No space.*free some space") as caught:
        store.write(new, path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == old and [other.name for other in path.parent.iterdir()] == [path.name]
