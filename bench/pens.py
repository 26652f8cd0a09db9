"""Which pens should a network train with that is to read anybody's digits? Measured on validation images and on drawings.

`python bench/pens.py [SEEDS]` trains the recipe `handwriting` with each set of pens on 55,000 images, prints how many of the other
5,000 training images and of the course's own drawings each network reads, and writes results/pens.json. No test image is read.
"""

import json
import sys
from dataclasses import replace

import drawings
import torch
from machine import HERE, machine
from mnist_s6.scale import silent
from mnist_s6.train import RECIPES, run_recipe
from seal import ROOT

PENS = {"MNIST's own": (0.0, 0.0), "a little": (0.2, 0.4), "the recipe's": (0.2, 0.8), "a lot": (0.3, 1.0)}  # Slant and stroke


def trained(slant: float, stroke: float, seed: int) -> dict:
    """One training with these pens: the last epoch's validation accuracy and loss, and what it reads of the drawings."""
    recipe = RECIPES["handwriting"]
    recipe = replace(recipe, augmentation=replace(recipe.augmentation, slant=slant, stroke=stroke))
    with silent():
        run = run_recipe(recipe, seed, ROOT, validation=True, device="cpu")
    rows = drawings.accuracies(run.model)
    return {"slant": slant, "stroke": stroke, "seed": seed, "valid_accuracy": run.history.test_accuracy[-1],
            "valid_loss": run.history.test_loss[-1], "drawings": sum(rows.values()) / len(rows), "worst": min(rows.values())}


def main(seeds: int = 1) -> None:
    """All pens with each seed in turn, so that a run that is stopped has compared what it has."""
    torch.set_num_threads(1)
    runs = []
    for seed in range(seeds):
        for name, (slant, stroke) in PENS.items():
            runs.append({"pens": name, **trained(slant, stroke, seed)})
            print("{pens:12} seed {seed}: {valid_accuracy:.2%} of the validation images, {drawings:.1%} of the drawings, "
                  "of the worst row {worst:.0%}".format(**runs[-1]), flush=True)
            result = {"runs": runs, "machine": machine()}
            (HERE / "results" / "pens.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
