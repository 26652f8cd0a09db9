"""MNIST, noise and a small network for several test files; MNIST is read once, also for the processes that tests fork."""

import functools
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot  # noqa: F401  # once here, and not in each process that a test forks
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import Subset
from torchvision.datasets import MNIST

from mnist_s6.datasets import BatchedLoader
from mnist_s6.files import unpack_data

DATA = Path(__file__).resolve().parent.parent / "data"


def small_net() -> nn.Module:
    """Quick to train."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def batches(count: int = 5) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Noise with labels."""
    generator = torch.Generator().manual_seed(0)
    return [(torch.randn(8, 1, 28, 28, generator=generator), torch.arange(8)) for _ in range(count)]


@functools.cache
def mnist(train: bool) -> MNIST:
    """All images, unpacked if they have to be, and read once, also for all processes that a test forks."""
    return MNIST(unpack_data(DATA).parent.parent, train=train)


def few_images(training: int, testing: int) -> Callable[..., tuple[BatchedLoader, BatchedLoader]]:
    """In place of `load_data`: so few images that a run takes a moment."""

    def load(batch_size, root, *, seed=0, validation=False, batched, augmentation=None, device="cpu", share=1.0):
        return (
            BatchedLoader(Subset(mnist(True), range(training)), batch_size, augmentation, seed, device, share),
            BatchedLoader(Subset(mnist(False), range(testing)), batch_size, device=device),
        )

    return load


class Asked(TorchDispatchMode):
    """Counts how often a number is fetched from a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.times += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))
