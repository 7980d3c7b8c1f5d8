"""Every estimator of the outer gradient through the same named checks."""

import pytest

from metalearn_course import estimators
from tests.contract.estimator_checks import CHECKS
from tests.contract.registry import ESTIMATORS


def test_every_estimator_of_the_course_is_here():
    kinds = {getattr(estimators, name) for name in estimators.__all__ if name != "Estimator"}
    made = {type(kind.make(0.1, 1)) for kind in ESTIMATORS.values()}
    assert made == {kind for kind in kinds if hasattr(kind, "period")}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", ESTIMATORS.values(), ids=ESTIMATORS)
def test_it_keeps_its_contract(kind, check):
    check(kind)
