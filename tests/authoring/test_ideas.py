from metalearn_course.authoring.ideas import IDEAS, coverage
from tests.helpers.cells import markdown, write


def test_an_idea_is_taught_when_each_of_its_lessons_tags_it(tmp_path):
    ideas = [f"idea:{name}" for name, idea in IDEAS.items() if "02" in idea.lessons]
    path = write(tmp_path / "02_x.ipynb", markdown("a", "x", *ideas))
    found = coverage([path])
    assert found.problems == []
    assert found.taught == ["simple-view"]
    assert found.open["why"] == ["00"]
    assert found.open["fine-tuning"] == ["03"]


def test_a_lesson_that_exists_must_tag_its_ideas_and_no_unknown_ones(tmp_path):
    path = write(tmp_path / "01_x.ipynb", markdown("a", "x", "idea:training-pictures"))
    wrong = coverage([path]).problems
    assert len(wrong) == 2
    assert "idea:training-pictures is not known" in wrong[0]
    assert "lesson 01 has no cell tagged idea:training-picture" in wrong[1]
