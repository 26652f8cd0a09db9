"""Train the weights that the package carries, draw what they are to read, and write their model card.

`python bench/weights.py`: about seven minutes; `python bench/weights.py card`: only the card, of the weights as they are.
"""

import sys
from collections import defaultdict

import drawings
import torch
from machine import HERE, describe
from mnist_s6.datasets import MEAN, STD
from mnist_s6.files import unpack_data
from mnist_s6.model import model_summary
from mnist_s6.speed import recorded
from mnist_s6.train import RECIPES
from mnist_s6.truth import Opening, SealedTest, spread, wilson
from mnist_s6.weights import pretrained, save_weights, weights_header
from seal import LEDGER, ROOT, open_test, train

RECIPE, SEED = "handwriting", 0
EXPECTED = f"The network that is shipped (recipe '{RECIPE}', seed {SEED}) reads at least 99.50% of the test images."
FOLDER = HERE.parent / "mnist_s6" / "weights"
GROUPS = ("stroke", "height", "light", "grain", "rim", "box", "side", "mixed")  # Of conditions, by the first word of their names

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
| training | recipe `{recipe}` of `mnist_s6.train.RECIPES`: {epochs} epochs on the 60,000 training images of MNIST, seed {seed}; each image is turned, shifted, scaled and slanted a little, and its strokes are drawn up to {stroke} pixels thicker or thinner on each side |
| test accuracy of these weights | {accuracy:.2%} of the 10,000 test images ({mistakes} mistakes; 95% interval {interval}) |
| test accuracy of the recipe | {seeds} |
| the course's own drawings | {read:,} of {pictures:,} are read ({rows} conditions, below) |
| measured on | {machine} |
| input | (N, 1, 28, 28): white ink on black from 0 to 1, then minus {mean_pixel}, divided by {std_pixel} |
| output | (N, 10) logits; their softmax gives a probability for each digit |

The epoch was not chosen by the test images: it is the last one. Neither were the settings: they were set beforehand.
The file holds numbers and their names, and nothing that can run.

**For**: learning and teaching; reading one clear digit, with a fine pen or a thick one.

**Not for**: anything that hangs on a right answer, such as cheques, addresses, exams or medicine.

## Which pictures it reads

The course draws digits itself, each in three hands and under many conditions (`bench/drawings.py`). `predict` reads, of {each} drawings for each condition:

| condition | variants | read | the worst, if they differ |
|---|---|---|---|
{table}

## Known limits

- It always answers with a digit, for a letter, a face or noise too, and often with a high probability: a probability says which digit, not whether there is one. `predict(picture, refuse=0.01)` refuses a picture of which it is less sure than of 99 digits in 100; [62_unknown](../../nbs/62_unknown.ipynb) shows what gets past.
- It reads one digit. Of a number such as 42 in one picture, it makes one digit; `mnist_s6.numbers.read_number` reads a line of digits, one by one.
- MNIST's digits were written by employees of the US Census Bureau and American high-school students. Other ways to write a digit are rare in it. A hooked 1, a barred 7, an open 4 and a 9 with a foot are read in {european:.0%} of the drawings, but those are one form of each, neatly drawn.
- The drawings are not photos. A shadow with a hard edge, a pattern under the digit, or a second line of writing can still be taken for ink.
- What looks like a stroke or like paper is taken for it: an upright line beside the digit counts as a part of it; so may a dark rim wider than a twentieth of the picture, such as the table around a sheet. White ink on a transparent background is refused: the background counts as white.
"""


def of_several(measured: dict) -> str:
    """The recipe's accuracy over seeds, in words."""
    share = spread([run["test_accuracy"] for run in measured["runs"]])
    return (f"{share.mean:.2%} ± {share.deviation:.2%} over {share.n} seeds (mean and standard deviation; 95% interval of the mean "
            f"{share.interval}; [bench/results/{RECIPE}.json](../../bench/results/{RECIPE}.json))")


def table(rows: dict[str, float]) -> str:
    """The drawings by the first word of their condition: how many conditions, the mean share that is read, and the lowest."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in rows:
        first = name.split()[0]
        groups[first if first in GROUPS and name != "light on dark" else name].append(name)
    lines = []
    for group, names in groups.items():
        worst = min(names, key=rows.get)
        low = f"{worst}: {rows[worst]:.0%}" if rows[worst] < max(map(rows.get, names)) else ""
        lines.append(f"| {group} | {len(names)} | {sum(map(rows.get, names)) / len(names):.1%} | {low} |")
    return "\n".join(lines)


def card(opening: Opening, measured: dict, drawn: dict) -> str:
    """The model card: all figures from what these weights reached on the test images, and from the benchmark's results."""
    recipe, rows, each = RECIPES[RECIPE], drawn["rows"], drawn["drawings_in_each_row"]
    return CARD.format(
        recipe=RECIPE, network=recipe.network.__name__, widths=list(recipe.widths), epochs=recipe.epochs, stroke=recipe.augmentation.stroke,
        parameters=model_summary(recipe.build()).parameters, seed=SEED, accuracy=opening.correct / opening.images,
        mistakes=opening.images - opening.correct, interval=wilson(opening.correct, opening.images), seeds=of_several(measured),
        machine=describe(measured["machine"]), mean_pixel=MEAN, std_pixel=STD, read=round(each * sum(rows.values())),
        pictures=each * len(rows), rows=len(rows), each=each, table=table(rows), european=rows["european"],
    )


def opened() -> Opening:
    """What the shipped weights reached on the test images: the ledger's line, or a new one if there is none yet."""
    digest = weights_header(FOLDER / f"{RECIPE}.safetensors")["sha256"]
    known = SealedTest((), LEDGER).known(digest)
    if known:
        return known
    unpack_data(ROOT)
    return open_test(pretrained(), EXPECTED)


def train_and_save() -> None:
    """Train on one thread, so that the same seed gives the same weights again."""
    run = train(RECIPE, SEED, threads=1)
    for old in FOLDER.glob("*.safetensors"):
        old.unlink()
    save_weights(run.model, FOLDER / f"{RECIPE}.safetensors", {"recipe": RECIPE, "seed": SEED})


def main(only: str = "") -> None:
    """Train, unless `only` is 'card', before `pretrained` reads the package's weights, once; measure the drawings, and write the card."""
    if only != "card":
        train_and_save()
    torch.set_num_threads(1)
    drawings.main()
    text = card(opened(), recorded(RECIPE), recorded("pictures"))
    (FOLDER / "MODEL_CARD.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
