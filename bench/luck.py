"""What the best of many tries gains where it was chosen: 50 seeds of one recipe, and 18 epochs of one training.

All on the same 10,000 validation images. Which of them each network misreads is kept, so 07_truth can choose on some and look at
the others. The test images stay closed.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from statistics import mean

import torch
from mnist_s6.datasets import load_data
from mnist_s6.fit import Training
from mnist_s6.scale import silent
from mnist_s6.train import RECIPES, Recipe, run_recipe
from mnist_s6.truth import expected_best
from mnist_s6.util import classify

SEEDS, TRAININGS, HELD_OUT = 50, 2, 10_000
LONG = replace(RECIPES["fast"], epochs=18, share=0.1, hard=0.0, settled=0)  # as many epochs as the first session had


def misread(recipe: Recipe, seed: int, root: str) -> list[str]:
    """Which validation images the network misreads after each epoch, in words as short as can be: their places."""
    torch.set_num_threads(1)
    loader, epochs = load_data(500, root, validation=HELD_OUT, batched=True, seed=0)[1], []

    def note(training: Training) -> None:
        if len(training.history):  # the first call comes before the first epoch
            logits, labels = classify(training.model, loader)
            epochs.append(" ".join(map(str, (logits.argmax(1) != labels).nonzero()[:, 0].tolist())))

    with silent():
        run_recipe(recipe, seed, root, HELD_OUT, "cpu", [note])
    return epochs


def right(wrong: list[str]) -> torch.Tensor:
    """(k, n) 1 where an image is read, from the places of those that aren't."""
    table = torch.ones(len(wrong), HELD_OUT)
    for row, places in zip(table, wrong):
        row[[int(place) for place in places.split()]] = 0
    return table


def against_theory(table: torch.Tensor, splits: int = 200) -> float:
    """How much the best is above the mean of all on the half that it is chosen on, over what theory expects of equal tries."""
    generator, gains, theory = torch.Generator().manual_seed(0), [], []
    for _ in range(splits):
        seen = table[:, torch.randperm(HELD_OUT, generator=generator)[: HELD_OUT // 2]].mean(1)  # (k,)
        gains.append((seen.max() - seen.mean()).item())
        theory.append(seen.std().item() * expected_best(len(seen)))
    return mean(gains) / mean(theory)


def measure(root: str) -> dict:
    """Train them all, two at once, each on one thread."""
    jobs = [(RECIPES["quick"], seed) for seed in range(SEEDS)] + [(LONG, seed) for seed in range(TRAININGS)]
    recipes, seeds = zip(*jobs)
    found = []
    with ProcessPoolExecutor(2) as pool:
        for (recipe, seed), epochs in zip(jobs, pool.map(misread, recipes, seeds, [root] * len(jobs))):
            found.append(epochs)
            print(f"  {recipe.name}, seed {seed}: {len(epochs[-1].split())} of {HELD_OUT:,} misread", flush=True)
    seeds_wrong = [epochs[-1] for epochs in found[:SEEDS]]
    return {"figure": against_theory(right(seeds_wrong)), "images": HELD_OUT, "seeds": {"recipe": "quick", "misread": sorted(seeds_wrong)},
            "epochs": {"recipe": "fast", "epochs": LONG.epochs, "share": LONG.share, "misread": found[SEEDS:]}}
