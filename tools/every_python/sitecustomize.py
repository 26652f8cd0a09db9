"""What each Python that `make test` starts does first: it sees to it that it ends at once.

At its end, Python would look for garbage among all that PyTorch has made, in vain, which takes half a second.
"""

import atexit
import gc
import sys


def end_at_once() -> None:
    """Tell the collector that all objects stay."""
    if "triton" not in sys.modules:  # it complains about what is left
        gc.freeze()


atexit.register(end_at_once)
