"""For all tests: Ctrl-C stops what they start, also where it was ignored when they were started, as by `nohup`."""

import gc
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import light_jsonschema  # noqa: E402, F401  # before any test imports nbformat
from run_tests import unignore_ctrl_c  # noqa: E402

unignore_ctrl_c()


def pytest_collection_finish() -> None:
    """What is there now stays: the collector need not look at it again, and so copy it in each process that a test forks."""
    gc.freeze()
