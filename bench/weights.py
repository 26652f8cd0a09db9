"""Train the weights that the package carries, and write their model card: `python bench/weights.py`, about two minutes."""

import json

import safetensors
import torch
from machine import HERE, describe, machine
from mnist_s6.datasets import MEAN, STD
from mnist_s6.model import model_summary
from mnist_s6.train import RECIPES, Run, run_recipe
from mnist_s6.weights import save_weights

RECIPE, SEED = "s6", 0
ROWS = {"s6": "s6", "best": "accuracy-20k"}  # Where a recipe's accuracy over seeds was measured
FOLDER = HERE.parent / "mnist_s6" / "weights"

CARD = """---
license: apache-2.0
tags: [image-classification, mnist]
---
# {recipe}.safetensors

Reads one handwritten digit, 0 to 9, from a grey image of 28×28 pixels. `mnist_s6.predict` loads it, and prepares any other image for it.
This page is written by `make weights`.

| | |
|---|---|
| network | `{network}`, widths {widths}, {parameters:,} parameters |
| training | recipe `{recipe}` of `mnist_s6.train.RECIPES`: {epochs} epochs on the 60,000 training images of MNIST, seed {seed} |
| test accuracy of these weights | {accuracy:.2%} of the 10,000 test images ({mistakes} mistakes) |
| test accuracy of the recipe | {mean:.2%} ± {deviation:.2%} over {seeds} seeds (mean and standard deviation, [bench/results/{row}.json](../../bench/results/{row}.json)) |
| trained on | {machine}, safetensors {safetensors} |
| input | (N, 1, 28, 28): white ink on black from 0 to 1, then minus {mean_pixel}, divided by {std_pixel} |
| output | (N, 10) logits; their softmax gives a probability for each digit |

The epoch was not chosen by the test images: it is the last one. The file holds numbers and their names, and nothing that can run.

**For**: learning and teaching; reading one clear digit on an even background.

**Not for**: anything that hangs on a right answer, such as cheques, addresses, exams or medicine.

## Known limits

- It always answers with a digit, for a letter, a face or noise too, and often with a high probability: a probability says which digit, not whether there is one.
- It reads one digit. Of a number such as 42 it makes one digit.
- MNIST's digits were written by employees of the US Census Bureau and American high-school students. Other ways to write a digit, such as a 1 with a long upstroke or a crossed 7, are rare in it, and read less well.
- It was never tested on photos: strong shadows, lined paper or a frame around the digit can be taken for ink.
"""


def card(run: Run, found: dict) -> str:
    """The model card: all figures from this run and the benchmark's result."""
    recipe, accuracy = RECIPES[RECIPE], run.history.test_accuracy[-1]
    return CARD.format(
        recipe=RECIPE, row=ROWS[RECIPE], network=recipe.network.__name__, widths=list(recipe.widths), epochs=recipe.epochs,
        parameters=model_summary(recipe.build()).parameters, seed=SEED, accuracy=accuracy, mistakes=round(10_000 * (1 - accuracy)),
        **found["accuracy"], seeds=len(found["runs"]), machine=describe(machine()), safetensors=safetensors.__version__,
        mean_pixel=MEAN, std_pixel=STD,
    )


def main() -> None:
    """Train on one thread, so that the same seed gives the same weights again."""
    path = HERE / "results" / f"{ROWS[RECIPE]}.json"
    if not path.exists():
        raise SystemExit(f"the accuracy of {RECIPE!r} over seeds is not known yet: run `make bench ROW={ROWS[RECIPE]}` first")
    torch.set_num_threads(1)
    run = run_recipe(RECIPE, SEED, HERE.parent / "data", device="cpu")
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.safetensors"):
        old.unlink()
    save_weights(run.model, FOLDER / f"{RECIPE}.safetensors", {"recipe": RECIPE, "seed": SEED})
    (FOLDER / "MODEL_CARD.md").write_text(card(run, json.loads(path.read_text())), encoding="utf-8")


if __name__ == "__main__":
    main()
