"""Tests keep to themselves: a cache and a learner's folder of their own, no network, one thread."""

import os
import tempfile
from pathlib import Path

_HOME = tempfile.TemporaryDirectory(prefix="metalearn-tests-", ignore_cleanup_errors=True)

os.environ["METALEARN_CACHE"] = str(Path(__file__).parents[1] / ".cache" / "tests")
os.environ["METALEARN_HOME"] = _HOME.name
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
if "METALEARN_DATA" not in os.environ:
    os.environ["METALEARN_OFFLINE"] = "1"
for name in ("METALEARN_ABLATE", "METALEARN_CLAIMS"):
    os.environ.pop(name, None)

import torch  # noqa: E402  (it reads OMP_WAIT_POLICY when it is imported)

torch.set_num_threads(1)
