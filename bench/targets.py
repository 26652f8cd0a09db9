"""What three larger networks say of the 60,000 training images: the soft targets that the recipes `small` and `best` learn from.

`python bench/targets.py`: about a minute on a graphics card, and hours without one. The three train at once, a process each. They see
training images only. `--epochs` and `--images` make it short, to try it; then `--output` says where the file goes.
"""

import argparse
import hashlib
import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import torch
from machine import HERE, machine
from mnist_s6.datasets import BatchedLoader, load_data
from mnist_s6.distillation import ask_teachers, pack_targets, unpack_targets
from mnist_s6.files import unpack_data
from mnist_s6.fit import OneCycle
from mnist_s6.model import model_summary
from mnist_s6.train import MILD, Recipe
from mnist_s6.util import get_device
from roads import Teacher
from seal import ROOT, train

FILE = HERE.parent / "mnist_s6" / "weights" / "soft_targets.xz"
SEEDS = (100, 101, 102)
TEACHER = Recipe("teacher", Teacher, (32, 32, 64, 64, 128), 15, augmentation=MILD,
                 schedule=OneCycle(max_lr=0.004, weight_decay=0.05, betas=(0.9, 0.99), warm_up=0.2, label_smoothing=0.05))


def right(probabilities: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of images whose label is the most probable digit."""
    return (probabilities.argmax(1) == labels).double().mean().item()


def main() -> None:
    """Train the teachers, ask them, and write the file and bench/results/targets.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=TEACHER.epochs, help="passes over the training images (default %(default)s)")
    parser.add_argument("--images", type=int, default=60_000, help="drawn anew for each pass (default %(default)s)")
    parser.add_argument("--output", type=Path, default=FILE, help="default: the file in the package")
    options = parser.parse_args()
    recipe = replace(TEACHER, epochs=options.epochs, share=options.images / 60_000)
    unpack_data(ROOT)
    start, place = time.perf_counter(), get_device()
    with ProcessPoolExecutor(len(SEEDS), get_context("spawn")) as pool:
        runs = list(pool.map(train, [recipe] * 3, SEEDS, [1] * 3, [500] * 3, [place] * 3))
    trained = time.perf_counter() - start
    plain = BatchedLoader(load_data(500, ROOT, batched=True)[0].dataset, 500, device=place)
    said = [ask_teachers([run.model.to(place)], plain) for run in runs]
    together, labels = torch.stack(said).mean(0), plain.labels.cpu()
    data = pack_targets(together)
    options.output.write_bytes(data)
    found = {
        "epochs": recipe.epochs, "images_in_an_epoch": options.images, "parameters": model_summary(recipe.build()).parameters,
        "seeds": SEEDS, "seconds": trained, "train_loss": [run.history.train_loss[-1] for run in runs],
        "training_accuracy_of_each": [right(one, labels) for one in said], "training_accuracy": right(together, labels),
        "training_accuracy_rounded": right(unpack_targets(data), labels), "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(), "machine": machine(),
    }
    print(json.dumps(found, indent=1))
    if options.output == FILE:
        (HERE / "results" / "targets.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
