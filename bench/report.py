"""bench/README.md and its picture, from bench/results/: `python bench/report.py`."""

import json

from machine import HERE, describe
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mnist_s6.truth import spread
from rows import ROWS

HEAD = """# What was measured

Every figure comes from a run of `make bench` (one row: `make bench ROW=time-to-99`), which writes [results](results) and this page. Two results are no rows: `python bench/targets.py` makes the soft targets and notes how (`targets`), and `time-to-99.4-with-avx512` is the first row on another processor.
Accuracies are final-epoch test accuracies, with mean and standard deviation over the seeds; choices were made on validation images, but for what [30_speed](../nbs/30_speed.ipynb) confesses.
The test images are opened once for each network, when its training is over: during it, `fit` evaluates on training images instead. Each opening is a line of the [ledger](results/ledger.json), with what was expected, which weights it was and what came of it; the same question asked again is marked. (The ledger begins late: figures whose trainings have no line in it are older. For them, the test images were evaluated after each epoch, and only the last epoch was used. Its first line is the network that is shipped, whose result was known before. Peers are evaluated by their own code. The rows `scale` and `widgets` train as a learner does, evaluations included, and only take times.)
Times are wall times from the first line of training, with loading and augmenting the data, to the last evaluation.
Each peer ran in the same run on the same machine; of the first session, single epochs are timed and taken 18 times. A recipe's name leads to `mnist_s6.train.RECIPES`.

| row | what | measured | goal |
|---|---|---|---|
"""
PICTURE = "![Each training as a mark: seconds of training across, test accuracy upwards](results/time.png)\n"


def results() -> dict[str, dict]:
    """What each row found last; rows that never ran are left out."""
    paths = {name: HERE / "results" / f"{name}.json" for name in ROWS}
    return {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}


def line(name: str, found: dict | None) -> str:
    """A row of the table; None where it was never run."""
    row = ROWS[name]
    if found is None:
        return f"| `{name}` | {row.what} | not measured yet | {row.show(row.goal)} |\n"
    met = found["figure"] >= row.goal if row.more_is_better else found["figure"] <= row.goal
    return f"| `{name}` | {row.what} | {row.show(found['figure'])} | {row.show(row.goal)}{'' if met else ': **not reached**'} |\n"


def details(name: str, found: dict) -> str:
    """What stands behind a figure, in words."""
    words = []
    if "accuracy" in found:
        share = found["accuracy"]
        words.append(f"recipe `{found['recipe']}`, {found['parameters']:,} parameters, {found['epochs']} epoch{'s' if found['epochs'] > 1 else ''}: "
                     f"{share['mean']:.2%} ± {share['deviation']:.2%} over {len(found['runs'])} seeds, "
                     f"95% interval of the mean {spread([run['test_accuracy'] for run in found['runs']]).interval}")
    if "peer_seconds" in found:
        words.append(f"{found['seconds']:.1f} s against {found['peer_seconds']:.1f} s")
    if "images_per_second" in found:
        words.append(", ".join(f"{name} {rate:,.0f}" for name, rate in found["images_per_second"].items()) + " images a second, "
                     f"{found['times_kornia']:.1f} times kornia's")
    if name == "efficiency":
        words.append(", ".join(f"`{recipe}` {facts['training_flops']/1e9:.0f} of {facts['product_flops']/1e9:.0f} GFLOP/s ({facts['percent']:.0f}%)"
                               for recipe, facts in found["recipes"].items()))
    if "throughput_share" in found:
        words.append(f"10,000 images at {found['throughput_share']:.1%} of the bare network's speed (goal {found['throughput_goal']:.0%})")
    if "training_view_share" in found:
        words.append(f"the live view of a training takes {found['training_view_share']:.1%} of an epoch (goal 3%)")
    if "touching" in found:
        wrong, pairs = (sum(counts[kind] if kind else sum(counts.values()) for counts in found["touching"].values()) for kind in ("wrong", ""))
        words.append(f"of {pairs} pairs that touch, {wrong} are read wrongly without a warning; a photo of 12 megapixels takes {found['megapixels_12_seconds']:.2f} s")
    if "rerun" in found:
        words.append(f"`{found['rerun']}` was run again; {len(found['flights'])} recordings of {found['bytes']:,} bytes")
    if "all_reduce_seconds_by_bytes" in found:
        words.append(", ".join(f"{seconds:.1f} s by {count}" for count, seconds in found["seconds_per_epoch"].items()) + " processes of one thread each")
        words.append("a step by two, against one: " + ", ".join(
            f"{kind['ratio']:.2f} ({kind['network']} {tuple(kind['widths'])}, batches of {kind['batch_size']})" for kind in found["steps"]))
    return f"- `{name}`: {'; '.join([*words, describe(found['machine'])])}, commit {found['machine']['commit']}\n"


def plot_runs(axes: Axes, runs: list[dict], mark: str, label: str) -> None:
    """A mark for each training."""
    axes.plot([run["seconds"] for run in runs], [100 * run["test_accuracy"] for run in runs], mark, label=label)


def picture(found: dict[str, dict]) -> Figure:
    """Seconds of training against test accuracy: each run a mark, the peers too."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, mark in ("time-to-99", "o"), ("time-to-99.4", "s"):
        if name in found:
            plot_runs(axes, found[name]["runs"], mark, f"recipe {found[name]['recipe']}")
            if "peer_runs" in found[name]:
                plot_runs(axes, found[name]["peer_runs"], "x", "train_mnist_fast, step 8")
            else:
                axes.axvline(found[name]["peer_seconds"], linestyle="--", color="gray", label="the first session (18 epochs)")
    threads = {result["machine"]["threads"] for result in found.values()}
    axes.set(xscale="log", xlabel="seconds of training", ylabel="test accuracy, %", title=f"Accuracy against time, on {max(threads)} CPU threads")
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=8)
    return figure


def page(found: dict[str, dict]) -> str:
    """The whole page."""
    table = "".join(line(name, found.get(name)) for name in ROWS)
    behind = "".join(details(name, result) for name, result in found.items())
    return f"{HEAD}{table}\n{PICTURE}\n## What stands behind the figures\n\n{behind}"


def write() -> None:
    """Build the page and the picture."""
    found = results()
    picture(found).savefig(HERE / "results/time.png", dpi=100)
    (HERE / "README.md").write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    write()
