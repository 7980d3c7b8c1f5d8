import pytest


@pytest.fixture(autouse=True)
def learners_folder(tmp_path, monkeypatch):
    """Every test has a learner's folder of its own."""
    monkeypatch.setenv("METALEARN_HOME", str(tmp_path / "home"))
    for name in ("NBGRADER_EXECUTION", "METALEARN_CHECKS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"
