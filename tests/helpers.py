"""What several test files share."""

import functools
import socket
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot  # noqa: F401  # once here, and not in each process that a test forks
from torch.utils.data import Subset
from torchvision.datasets import MNIST

from mnist_s6.datasets import BatchedLoader

DATA = Path(__file__).resolve().parent.parent / "data"


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@functools.cache
def mnist(train: bool) -> MNIST:
    """All images, read once, also for all processes that a test forks."""
    return MNIST(str(DATA), train=train)


def few_images(training: int, testing: int) -> Callable[..., tuple[BatchedLoader, BatchedLoader]]:
    """In place of `load_data`: so few images that a run takes a moment."""

    def load(batch_size, root, *, seed, validation, batched, augmentation, share):
        return (
            BatchedLoader(Subset(mnist(True), range(training)), batch_size, augmentation, seed, share=share),
            BatchedLoader(Subset(mnist(False), range(testing)), batch_size),
        )

    return load
