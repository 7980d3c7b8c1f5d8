"""Every update rule of the course through the same named checks, each check a test."""

import pytest

from metalearn_course import update_rules
from metalearn_course.testing import update_rule_checks
from tests.contract.registry import UPDATE_RULES

CHECKS = [(name, check) for name, made in UPDATE_RULES.items() for check in update_rule_checks(*made)]


def test_every_update_rule_of_the_course_is_here():
    kinds = [getattr(update_rules, name) for name in update_rules.__all__ if name != "UpdateRule"]
    rules = {kind for kind in kinds if isinstance(kind, type) and hasattr(kind, "init") and hasattr(kind, "update")}
    rules.discard(dict)  # Params
    assert {type(made.make()) for made in UPDATE_RULES.values()} == rules


@pytest.mark.parametrize("check", [c for _, c in CHECKS], ids=[f"{name}-{c.name}" for name, c in CHECKS])
def test_it_keeps_its_contract(check):
    check.run()
