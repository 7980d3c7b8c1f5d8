import pytest
import torch

from metalearn_course import Examples, Task
from metalearn_course.tasks.check import check_tasks
from metalearn_course.tasks.task import one_task, stack_tasks


def episodes(support_y=((0, 1), (1, 0)), query_y=((0, 1, 1), (1, 1, 0)), classes=((7, 3), (2, 9))):
    support_y, query_y, classes = map(torch.tensor, (support_y, query_y, classes))
    return Task(
        Examples(torch.randn(*support_y.shape[:2], 4), support_y),
        Examples(torch.randn(*query_y.shape[:2], 4), query_y),
        classes,
    )


def test_a_stack_taken_apart_and_put_together_is_the_same():
    stack = episodes()
    again = stack_tasks([one_task(stack, 0), one_task(stack, 1)])
    for whole, part in ((stack.support, again.support), (stack.query, again.query)):
        assert torch.equal(whole.x, part.x) and torch.equal(whole.y, part.y)
    assert torch.equal(stack.classes, again.classes)


def test_one_task_is_the_row_of_every_tensor():
    stack = episodes()
    task = one_task(stack, 1)
    assert torch.equal(task.query.x, stack.query.x[1])
    assert task.support.y.tolist() == [1, 0] and task.query.y.tolist() == [1, 1, 0] and task.classes.tolist() == [2, 9]


def test_good_tasks_pass():
    check_tasks(episodes())
    points = Examples(torch.randn(2, 5, 1), torch.randn(2, 5, 1))
    check_tasks(Task(points, points, torch.empty(2, 0, dtype=torch.int64)))


@pytest.mark.parametrize(
    ("tasks", "error", "message"),
    [
        (episodes(support_y=((0, 1), (2, 0))), ValueError, "support label 2 is out of range; a 2-way episode"),
        (episodes(query_y=((0, 1), (1, -1))), ValueError, "query label -1 is out of range; .* labels 0 ... 1"),
        (
            episodes(support_y=((0, 1), (1, 1))),
            ValueError,
            "Label 0 has no support example in task 1; every one of the 2",
        ),
        (
            episodes(support_y=((0.0, 1.0), (1.0, 0.0))),
            TypeError,
            "support labels have dtype torch.float32; .*y.long()",
        ),
        (episodes(query_y=((0.0, 1.0), (1.0, 0.0))), TypeError, "query labels have dtype torch.float32"),
        (episodes(support_y=((), ())), ValueError, r"The support set is empty, shape \(2, 0\)"),
        (episodes(query_y=((), ())), ValueError, r"The query set is empty, shape \(2, 0\)"),
        (episodes(classes=((), ())), ValueError, "Integer labels need Task.classes"),
        (one_task(episodes(), 0), ValueError, r"y \(2,\); a stack needs .* Use stack_tasks\(\[task\]\)"),
        (
            episodes()._replace(query=Examples(torch.zeros(2, 4, 1), torch.zeros(2, 3))),
            ValueError,
            r"query: x has shape",
        ),
        (episodes()._replace(classes=torch.tensor([[7, 3]])), ValueError, r"classes have shape \(1, 2\)"),
        (
            episodes(support_y=(((0,), (1,)), ((1,), (0,)))),
            ValueError,
            r"support labels have shape \(2, 2, 1\); .* y\[\.\.\., 0\]\. If .* regression, give numbers: y\.float\(\)",
        ),
        (
            episodes(support_y=((1, 2), (2, 1))),
            ValueError,
            r"support label 2 is out of range; .* 0 \.\.\. 1\. Labels count from 0: give y - 1\.$",
        ),
        (episodes(support_y=((0, 1), (1, 1))), ValueError, r"needs at least one\.$"),
        (
            episodes()._replace(classes=torch.tensor([[7.0, 3.0], [2.0, 9.0]])),
            TypeError,
            r"classes have dtype torch\.float32; expected global ids, torch\.int64\. Convert .* classes\.long\(\)",
        ),
    ],
)
def test_bad_tasks_are_refused_on_the_stack(tasks, error, message):
    with pytest.raises(error, match=message) as caught:
        check_tasks(tasks)
    assert "\n" not in str(caught.value)


def test_without_the_check_vmap_turns_a_wrong_label_into_nothing_at_all():
    """Why the check exists: inside vmap, one_hot of a label out of range does not raise."""
    one_hot = torch.vmap(lambda y: torch.nn.functional.one_hot(y, 2))(torch.tensor([[0, 7]]))
    assert one_hot.sum().item() != 2
