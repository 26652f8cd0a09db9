"""How sure the shipped network must be for `predict(..., refuse=share)` to answer, so that it refuses such a share of new digits.

`python bench/unknown.py`: about five minutes. A training that was stopped goes on where it stood.

The shipped network has learned from all 60,000 training images, and is surer of them than of new ones. A limit that refuses 1% of
them would refuse more of others. So a twin is trained by the same recipe without 10,000 of them: it says which share of *learned* images
lies below the limit that refuses 1% of *new* ones. That share of the shipped network's own training images gives its limit.
"""

import json
import shutil

import torch
from machine import HERE, machine
from mnist_s6.datasets import MEAN, STD, stratified_split
from mnist_s6.files import read_idx, unpack_data
from mnist_s6.train import train_in_folder
from mnist_s6.truth import network_digest, wilson
from mnist_s6.util import classify
from mnist_s6.weights import pretrained
from seal import ROOT

RECIPE, SEED, HELD_OUT = "handwriting", 0, 10_000
SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
FILE = HERE.parent / "mnist_s6" / "weights" / "refusal.json"


def sureness(model: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:  # (N, 28, 28) bytes → (N,)
    """The largest probability for each image."""
    batches = (((part / 255 - MEAN) / STD)[:, None] for part in images.split(500))
    logits, _ = classify(model, ((batch, torch.zeros(len(batch), dtype=torch.long)) for batch in batches))
    return logits.softmax(1).amax(1)


def trained_twin() -> torch.nn.Module:
    """The recipe's network, without the images that are held out; on one thread, so that it comes out the same again."""
    torch.set_num_threads(1)
    folder = HERE.parent / "_out" / "unknown"
    resume = (folder / "checkpoint.safetensors").exists()
    twin = train_in_folder(RECIPE, folder, SEED, ROOT, HELD_OUT, "cpu", resume).model
    shutil.rmtree(folder)
    return twin


def main() -> None:
    """Train the twin, find the limits, and write them down with the digest of the weights that they are for."""
    raw = unpack_data(ROOT)
    images, labels = (read_idx(raw / f"train-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
    learned, new = stratified_split(labels, HELD_OUT)
    twin = trained_twin()
    of_learned, of_new = sureness(twin, images[learned]), sureness(twin, images[new])
    own = sureness(pretrained(), images)
    found = []
    for share in SHARES:
        limit = of_new.quantile(share)
        below = (of_learned < limit).double().mean().item()
        refused = int((of_new < limit).sum())
        found.append({"share": share, "lowest": own.double().quantile(below).item(), "twin_lowest": limit.item(), "twin_learned_share": below,
                      "interval": wilson(refused, len(new))})
        print(f"{share:6.1%} of new digits: below {limit:.3f} for the twin, as are {below:.2%} of those it learned; {found[-1]['lowest']:.3f} for ours")
    result = {"network": network_digest(pretrained()), "recipe": RECIPE, "seed": SEED, "held_out": HELD_OUT, "limits": found, "machine": machine()}
    FILE.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
