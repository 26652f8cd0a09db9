"""`python -m small_command` is `python -m mnist_s6.commands` on few images, with a pause after each batch that costs no processor time."""

import sys
import time
from collections.abc import Iterator

import mnist_s6.train
import torch
from helpers import few_images
from mnist_s6.commands import start
from mnist_s6.datasets import BatchedLoader


class Slow(BatchedLoader):
    """Batches that come slowly enough for a signal to find its epoch."""

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for batch in super().__iter__():
            time.sleep(0.05)
            yield batch


def load(*words: object, **options: object) -> tuple[BatchedLoader, BatchedLoader]:
    """In place of `load_data`."""
    train, test = few_images(6000, 500)(*words, **options)
    train.__class__ = Slow
    return train, test


if __name__ == "__main__":
    mnist_s6.train.load_data = load
    sys.exit(start())
