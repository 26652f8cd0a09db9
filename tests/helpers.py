"""What several test files share."""

import fcntl
import functools
import hashlib
import html
import platform
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import matplotlib.pyplot  # noqa: F401  # once here, and not in each process that a test forks
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import Subset
from torchvision.datasets import MNIST

from mnist_s6.datasets import BatchedLoader
from mnist_s6.files import unpack_data

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
SITE = ROOT / "_out/site-tested"
STILL = re.compile(r'<div class="course-explorer" id="([^"]+)".*?<p>(.*?)</p>', re.DOTALL)  # its name, its sentence


class Asked(TorchDispatchMode):
    """Counts how often a number is fetched from a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.times += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@functools.cache
def mnist(train: bool) -> MNIST:
    """All images, unpacked if they have to be, and read once, also for all processes that a test forks."""
    return MNIST(unpack_data(DATA).parent.parent, train=train)


def few_images(training: int, testing: int) -> Callable[..., tuple[BatchedLoader, BatchedLoader]]:
    """In place of `load_data`: so few images that a run takes a moment."""

    def load(batch_size, root, *, seed, validation, batched, augmentation, device="cpu", share=1.0):
        return (
            BatchedLoader(Subset(mnist(True), range(training)), batch_size, augmentation, seed, device, share),
            BatchedLoader(Subset(mnist(False), range(testing)), batch_size, device=device),
        )

    return load


def built_site() -> Path:
    """The web site's folder: built once for all processes that test it, and again when what it is made of changes."""
    SITE.parent.mkdir(exist_ok=True)
    with SITE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark, state = SITE / "made-of", site_sources()
        if not mark.exists() or mark.read_text() != state:
            command = [sys.executable, "tools/build_site.py", "--out", str(SITE)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0, f"the site did not build:\n{done.stdout}{done.stderr}"
            mark.write_text(state)
    return SITE / "html"


def stills(page: Path) -> list[tuple[str, str]]:
    """Of each explorer on a page of the site that a cell has shown: its name, and the sentence of its still."""
    return [(name, html.unescape(sentence)) for name, sentence in STILL.findall(page.read_text("utf-8"))]


def site_sources() -> str:
    """A digest of all that the site is made of: the project's files, and the packages that build it."""
    digest = hashlib.sha256(platform.python_version().encode())
    for name in ("sphinx", "myst_nb", "furo", "docutils", "pygments"):
        digest.update(f"{name} {version(name)}".encode())
    paths = [path for folder in ("nbs", "site", "mnist_s6") for path in (ROOT / folder).rglob("*") if path.is_file()]
    paths += [ROOT / name for name in ("settings.ini", "tools/build_site.py", "tools/addresses.py")]
    for path in sorted(paths):
        place = path.relative_to(ROOT)
        if path.suffix not in {".pyc", ".xz"} and not any(part.startswith(".") for part in place.parts):
            digest.update(place.as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
