"""Networks under stress: eight ways to spoil images at five strengths, for recipes and for augmentations that differ in one thing."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace

import torch
from mnist_s6.datasets import stratified_split
from mnist_s6.files import read_idx, unpack_data
from mnist_s6.model import FastNet
from mnist_s6.scale import silent
from mnist_s6.stress import Stress, stress_test
from mnist_s6.train import PLAIN, RECIPES, Recipe, run_recipe
from mnist_s6.weights import pretrained
from seal import ROOT

HELD_OUT, IMAGES, SEEDS = 5_000, 1_000, 3
EPOCHS = {"quick": 1, "fast": 7, "s6": 5, "best": 3}  # Recipes of many epochs are shortened, so that a row takes minutes
#: Augmentations that differ from none in one thing
ONE_THING = {"plain": PLAIN, "turns": replace(PLAIN, degrees=15), "shifts": replace(PLAIN, shift=2), "strokes": replace(PLAIN, stroke=0.8)}


def recipes() -> dict[str, Recipe]:
    """The course's recipes, shortened, and one network with each augmentation of ONE_THING."""
    short = {name: replace(RECIPES[name], epochs=epochs, soft=0.0) for name, epochs in EPOCHS.items()}  # teachers saw all images
    base = replace(RECIPES["quick"], network=FastNet, epochs=2, share=1.0)
    return short | {name: with_augmentation(base, name) for name in ONE_THING}


def with_augmentation(base: Recipe, name: str) -> Recipe:
    """The recipe with one augmentation of ONE_THING."""
    return replace(base, name=name, augmentation=ONE_THING[name])


def validation_images() -> tuple[torch.Tensor, torch.Tensor]:  # (IMAGES, 28, 28), 0 to 1, and (IMAGES,)
    """The first of the training images that `load_data(validation=HELD_OUT)` holds out."""
    raw = unpack_data(ROOT)
    images, labels = (read_idx(raw / f"train-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
    chosen = stratified_split(labels, HELD_OUT)[1][torch.arange(IMAGES) * HELD_OUT // IMAGES]
    return images[chosen] / 255, labels[chosen].long()


def under_stress(recipe: Recipe | None, seed: int) -> Stress:
    """Train by a recipe on one thread, without the images that are held out, and spoil some of those; None is the shipped network."""
    torch.set_num_threads(1)
    with silent():
        model = pretrained() if recipe is None else run_recipe(recipe, seed, ROOT, HELD_OUT, "cpu").model
    return stress_test(model, *validation_images())


def measure_stress() -> dict:
    """Every recipe with every seed, two trainings at once; the figure is what turning in training buys on turned digits, in points."""
    jobs = [(name, recipe, seed) for name, recipe in recipes().items() for seed in range(SEEDS)] + [("shipped", None, 0)]
    networks: dict[str, list[dict]] = {}
    with ProcessPoolExecutor(2) as pool:
        found = pool.map(under_stress, [recipe for _, recipe, _ in jobs], [seed for *_, seed in jobs])
        for (name, _, seed), stress in zip(jobs, found):
            networks.setdefault(name, []).append(asdict(stress))
            print(f"  {name}, seed {seed}: {stress.untouched / stress.n:.1%} untouched, {stress.overall:.1%} under stress", flush=True)
    turned = {name: sum(Stress(**each).accuracy("rotation") for each in networks[name]) / SEEDS for name in ("plain", "turns")}
    return {"figure": 100 * (turned["turns"] - turned["plain"]), "images": IMAGES, "networks": networks,
            "shortened_to": EPOCHS, "augmentations": {name: asdict(augmentation) for name, augmentation in ONE_THING.items()}}
