"""For all tests: Ctrl-C stops what they start, also where it was ignored when they were started, as by `nohup`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

from run_tests import unignore_ctrl_c  # noqa: E402

unignore_ctrl_c()
