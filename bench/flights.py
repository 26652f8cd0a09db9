"""The recorded trainings of 33_recorder: what each is, and how they are recorded in mnist_s6/flights."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import torch
from mnist_s6.augment import Augmentation
from mnist_s6.datasets import BatchedLoader, load_data
from mnist_s6.fit import OneCycle, fit
from mnist_s6.model import S6Net
from mnist_s6.recorder import FLIGHTS, Flight, Recorder, find_flight, save_flight
from mnist_s6.scale import silent
from mnist_s6.train import PLAIN, run_recipe
from mnist_s6.util import set_seed
from torch import nn
from torch.utils.data import Subset

FOLDER = Path(__file__).resolve().parent.parent / "mnist_s6/flights"
RERUN = "sound"  # is trained twice


class SoftmaxTwice(S6Net):
    """Room 3 of the museum: it returns probabilities, of which the loss makes probabilities once more."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images).softmax(1)


class ReLUAtTheEnd(S6Net):
    """Room 4: it can't speak against a digit, and doesn't learn one that is at 0 for all images."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images).relu()


class NotShuffled(BatchedLoader):
    """Room 5: all zeros come first, then all ones, and so on."""

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for indices in self.labels.argsort(stable=True).split(self.batch_size):
            yield self.make(indices), self.labels[indices]


def session(seed: int, root: str, recorder: Recorder) -> None:
    """The session's recipe, on all images but the 5,000 for validation."""
    run_recipe("s6", seed, root, True, "cpu", [recorder])


def small(
    root: str,
    recorder: Recorder,
    network: type[nn.Module] = S6Net,
    loader: type[BatchedLoader] = BatchedLoader,
    augmentation: Augmentation = Augmentation(),
    images: int = 3000,
    epochs: int = 6,
    max_lr: float = 0.02,
    seed: int = 6,  # with which the ReLU at the end costs three digits
) -> None:
    """A training on few images, in batches of 50."""
    train, validation = load_data(500, root, validation=True, batched=True)
    set_seed(seed)
    learn = loader(Subset(train.dataset, range(images)), 50, augmentation, seed)
    fit(network(), learn, validation, epochs, OneCycle(max_lr, warm_up=0.1), [recorder])


PLAN: dict[str, tuple[str, Callable[[str, Recorder], None]]] = {
    **{f"s6-seed-{seed}": (f"The session’s recipe on 55,000 images, seed {seed}.", partial(session, seed)) for seed in range(5)},
    "sound": ("S6Net on 3,000 images: nothing is wrong.", small),
    "softmax-twice": ("As sound, with a softmax after the last layer.", partial(small, network=SoftmaxTwice)),
    "relu-at-the-end": ("As sound, with a ReLU after the last layer.", partial(small, network=ReLUAtTheEnd)),
    "not-shuffled": ("As sound, but the images come sorted by digit.", partial(small, loader=NotShuffled)),
    "by-heart": ("S6Net on 300 images, without augmentation.", partial(small, augmentation=PLAIN, images=300, epochs=12)),
    "too-high-a-rate": ("As sound, with 150 times the learning rate.", partial(small, max_lr=3.0)),
}


def record(name: str, root: str) -> Flight:
    """Train as planned, on one thread and without a word."""
    torch.set_num_threads(1)
    about, train = PLAN[name]
    with silent():
        recorder = Recorder(name, load_data(500, root, validation=True, batched=True)[1], about)
        train(root, recorder)
    return recorder.flight()


def differing(flight: Flight, other: Flight) -> int:
    """In how many answers two recordings differ, after the epoch in which they differ most."""
    return int((flight.predictions != other.predictions).sum(1).max())


def measure(root: str) -> dict:
    """Record all, two at a time; the figure is by how many answers one that is trained again differs."""
    FOLDER.mkdir(exist_ok=True)
    found = {}
    with ProcessPoolExecutor(2) as pool:
        again = pool.submit(record, RERUN, root)
        for flight in pool.map(record, FLIGHTS, [root] * len(FLIGHTS)):
            path = FOLDER / f"{flight.name}.flight"
            save_flight(path, flight)
            found[flight.name] = {"epochs": flight.epochs, "bytes": path.stat().st_size, "validation_accuracy": flight.accuracy(flight.epochs)}
            print(f"  {flight.name}: {flight.accuracy(flight.epochs):.2%} after {flight.epochs} epochs, {path.stat().st_size:,} bytes", flush=True)
        differ = differing(find_flight(RERUN), again.result())
    return {"figure": differ, "rerun": RERUN, "bytes": sum(facts["bytes"] for facts in found.values()), "flights": found}
