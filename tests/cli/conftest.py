import pytest


@pytest.fixture(autouse=True)
def _folder_of_its_own(learners_folder):
    """Every test has a learner's folder of its own."""
