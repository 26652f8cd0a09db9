"""Train without a look at the test images, and open them once, at the end: each opening is a line of results/ledger.json."""


import torch
from machine import HERE
from mnist_s6.datasets import BatchedLoader, load_data
from mnist_s6.scale import silent
from mnist_s6.train import Recipe, Run, find_recipe, run_on
from mnist_s6.truth import Opening, SealedTest
from mnist_s6.util import get_device
from torch import nn
from torch.utils.data import Subset
from torchvision.datasets import MNIST

ROOT = str(HERE.parent / "data")
LEDGER = HERE / "results" / "ledger.json"


def train(recipe: Recipe | str, seed: int, threads: int | None = None, watched: int = 500, device: str | None = "cpu") -> Run:
    """Train by a recipe without a word, as `run_recipe` does on all images, to the same weights; `device` as for `get_device`.

    `fit` evaluates after each epoch: here on the first `watched` training images, so that nobody peeks at the test images.
    """
    if threads:
        torch.set_num_threads(threads)
    recipe, place = find_recipe(recipe), get_device(device)
    loader = load_data(recipe.batch_size, ROOT, seed=seed, batched=True, augmentation=recipe.augmentation, device=place,
                       share=recipe.share)[0]
    plain = BatchedLoader(Subset(loader.dataset, range(watched)), 500, device=place)
    with silent():
        model, history = run_on(recipe, seed, loader, plain)
    return Run(model.cpu(), history)


def open_test(model: nn.Module, hypothesis: str) -> Opening:
    """Read the 10,000 test images, which `unpack_data` has put there, with a line in the ledger.

    One program at a time: let the parent open, not its workers.
    """
    return SealedTest(BatchedLoader(MNIST(ROOT, train=False), 500), LEDGER).open(model, hypothesis)


def expected(recipe: str, seed: int, goal: float) -> str:
    """What a row expects of a training, in words; the same words whenever the row is measured again, which is marked."""
    return f"Recipe '{recipe}', seed {seed}: its seeds read at least {goal:.2%} of the test images on average."
