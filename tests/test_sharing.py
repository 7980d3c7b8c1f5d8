"""How tests are shared out between workers."""

from tests.helpers.sharing import Takes, shared_out

SECONDS = {"a": 90, "b": 60, "c": 50, "d": 10, "x1": 30, "x2": 30}


def takes(item):
    return Takes(SECONDS.get(item, 0), "x" if item.startswith("x") else None)


def halves(items, workers=2):
    line = shared_out(items, workers, takes)
    assert sorted(line) == sorted(items)
    return line[: len(line) // 2], line[len(line) // 2 :]


def test_parts_begin_with_the_longest_and_end_with_short_ones_in_their_order():
    items = ["s1", "d", "s2", "c", "s3", "b", "s4", "a", "s5", "s6", "s7", "s8"]
    assert halves(items) == (["a", "d", "s1", "s2", "s3", "s4"], ["b", "c", "s5", "s6", "s7", "s8"])


def test_what_belongs_together_is_one_unit():
    left, right = halves(["x1", "c", "s1", "x2", "s2", "s3", "d", "s4"])
    assert left == ["x1", "x2", "s1", "s2"] and right == ["c", "d", "s3", "s4"]


def test_any_number_of_workers_and_nothing_long_or_nothing_short():
    assert shared_out(["s1", "s2", "s3"], 2, takes) == ["s1", "s2", "s3"]
    assert shared_out(["d", "a", "b"], 1, takes) == ["a", "b", "d"]
    assert shared_out(["d", "a"], 3, takes) == ["a", "d"] and shared_out([], 2, takes) == []
