"""The rows of the benchmark: each measures one thing, prints as it goes, and returns what it found."""

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from itertools import chain, repeat
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import peers
import torch
from lines import measure_lines
from mnist_s6.augment import Augmentation
from mnist_s6.datasets import MEAN, STD, load_data
from mnist_s6.files import read_idx, unpack_data
from mnist_s6.fit import OneCycle
from mnist_s6.model import S6Net, model_summary
from mnist_s6.predict import predict
from mnist_s6.scale import silent
from mnist_s6.speed import STEPS, time_step
from mnist_s6.train import MILD, PLAIN, RECIPES, Recipe, run_recipe
from mnist_s6.truth import spread
from mnist_s6.util import History
from mnist_s6.weights import pretrained
from roads import Middle22, Strided
from seal import ROOT, expected, open_test, train
from stress import measure_stress

HERE = Path(__file__).resolve().parent


class Row(NamedTuple):
    """One line of the table."""

    what: str  # Is measured
    unit: str  # Of figure and goal, as in ' times as fast'
    digits: int  # After the point
    goal: float
    more_is_better: bool
    measure: Callable[[], dict]  # Its 'figure', and what it comes from

    def show(self, figure: float) -> str:
        """A figure with its unit."""
        return f"{figure:.{self.digits}f}{self.unit}"


def quietly(recipe: Recipe | str, seed: int, validation: bool | int, threads: int | None = None) -> History:
    """Train by a recipe without a word, evaluated on validation images."""
    if threads:
        torch.set_num_threads(threads)
    with silent():
        return run_recipe(recipe, seed, ROOT, validation, "cpu").history


def varied(recipe: Recipe, changes: dict) -> Recipe:
    """The recipe with other values; those of its schedule are given by their own names too."""
    steps = {field.name for field in fields(OneCycle)}
    schedule = replace(recipe.schedule, **{name: value for name, value in changes.items() if name in steps})
    return replace(recipe, schedule=schedule, **{name: value for name, value in changes.items() if name not in steps})


def mean_and_deviation(accuracies: Iterable[float]) -> dict[str, float]:
    """Over several seeds, as they are kept with a result."""
    found = spread(list(accuracies))
    return {"mean": found.mean, "deviation": found.deviation}


def summed_up(recipe: str, runs: list[dict]) -> dict:
    """What several trainings by one recipe have in common, each of them, and the spread of their accuracies."""
    return {"recipe": recipe, "parameters": model_summary(RECIPES[recipe].build()).parameters, "epochs": RECIPES[recipe].epochs,
            "runs": runs, "accuracy": mean_and_deviation(run["test_accuracy"] for run in runs)}


def accuracy(recipe: str, seeds: int, goal: float) -> dict:
    """Test accuracy over seeds 0, 1, ..., in percent, opened when each training is over.

    Two trainings at once, each on one thread; or five that share a graphics card, where there is one.
    """
    runs, at_once = [], 5 if torch.cuda.is_available() else 2
    with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
        for seed, run in enumerate(pool.map(train, [recipe] * seeds, range(seeds), [1] * seeds, [500] * seeds, [None] * seeds)):
            opened = open_test(run.model, expected(recipe, seed, goal))
            runs.append({"seed": seed, "test_accuracy": opened.correct / opened.images, "train_loss": run.history.train_loss[-1]})
            print(f"  seed {seed}: {runs[-1]['test_accuracy']:.2%}, {sum(run.history.seconds):.0f} s", flush=True)
    found = summed_up(recipe, runs)
    return {"figure": 100 * found["accuracy"]["mean"], **found}


def timed(recipe: str, seed: int, goal: float, device: str = "cpu") -> dict:
    """Wall time and accuracy of a whole training on all threads, the opening of the test images included."""
    start = time.perf_counter()
    opened = open_test(train(recipe, seed, device=device).model, expected(recipe, seed, goal))
    run = {"seed": seed, "test_accuracy": opened.correct / opened.images, "seconds": time.perf_counter() - start}
    print(f"  {recipe}, seed {seed}: {run['test_accuracy']:.2%} in {run['seconds']:.1f} s", flush=True)
    return run


def against(peer: float, recipe: str, runs: list[dict], goal: float) -> dict:
    """How many times as fast as the peer's seconds the median of timed trainings is, if their mean accuracy reaches the goal."""
    seconds = statistics.median(run["seconds"] for run in runs)
    ours = {**summed_up(recipe, runs), "seconds": seconds}
    return {"figure": reached(peer / seconds, ours, goal), "peer_seconds": peer, **ours}


def time_to_994() -> dict:
    """The first session's 18 epochs, of which one is timed before every second training by the recipe 'fast'; medians."""
    epoch = peers.original_epoch(ROOT)
    epochs, runs = [], []
    for seed in range(5):
        if seed % 2 == 0:
            start = time.perf_counter()
            epoch()
            epochs.append(time.perf_counter() - start)
            print(f"  the first session: {epochs[-1]:.1f} s an epoch", flush=True)
        runs.append(timed("fast", seed, 0.994))
    return {**against(18 * statistics.median(epochs), "fast", runs, 0.994), "peer_epochs": epochs}


def time_to_99() -> dict:
    """train_mnist_fast's step 8 against the recipe 'upright'; every second training has its peer's turn before it."""
    peer_runs, runs = [], []
    for seed in range(10):
        if seed % 2 == 0:
            start = time.perf_counter()
            share = peers.step8(ROOT, seed)
            peer_runs.append({"seed": seed, "test_accuracy": share, "seconds": time.perf_counter() - start})
            print(f"  the peer, seed {seed}: {share:.2%} in {peer_runs[-1]['seconds']:.1f} s", flush=True)
        runs.append(timed("upright", seed, 0.99))
    peer = statistics.median(run["seconds"] for run in peer_runs)
    return {**against(peer, "upright", runs, 0.99), "peer_runs": peer_runs}


def graphics_card() -> dict:
    """'quick' and 'fast' on a graphics card, against what train_mnist_fast published of another card."""
    if not torch.cuda.is_available():
        sys.exit("this row needs a graphics card that PyTorch can use, and there is none")
    train("quick", 0, device="cuda")  # the card's own start
    found = {recipe: [timed(recipe, seed, goal, "cuda") for seed in range(5)] for recipe, goal in (("fast", 0.994), ("quick", 0.99))}
    medians = {recipe: statistics.median(run["seconds"] for run in runs) for recipe, runs in found.items()}
    return {**against(0.76, "quick", found["quick"], 0.99), "fast_runs": found["fast"], "seconds_by_recipe": medians}


def reached(figure: float, ours: dict, goal: float) -> float:
    """The figure, or 0 where the mean accuracy stays below the goal: a speed that leads nowhere is none."""
    print(f"  mean accuracy {ours['accuracy']['mean']:.2%} ± {ours['accuracy']['deviation']:.2%} in {ours['seconds']:.1f} s (median)")
    return figure if ours["accuracy"]["mean"] >= goal else 0.0


def augmentation() -> dict:
    """Images per second: one by one, with two workers, kornia's batches, ours; in turns, medians of five."""
    ways = {
        "one by one": lambda: load_data(128, ROOT, seed=0)[0],
        "2 workers": lambda: load_data(128, ROOT, seed=0, num_workers=2)[0],
        "kornia": kornia_batches,
        "batched": lambda: load_data(128, ROOT, seed=0, batched=True)[0],
    }
    turns: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(5):
        for name, way in ways.items():
            turns[name].append(images_per_second(way()))
        print(f"  turn {turn + 1}/5: " + ", ".join(f"{name} {rates[-1]:,.0f}" for name, rates in turns.items()), flush=True)
    rates = {name: statistics.median(values) for name, values in turns.items()}
    print(f"  {rates['batched'] / rates['kornia']:.1f} times kornia's (goal 3)")
    return {"figure": rates["batched"] / rates["2 workers"], "times_kornia": rates["batched"] / rates["kornia"],
            "images_per_second": rates, "turns": turns}


def images_per_second(loader: Iterable, seconds: float = 4.0) -> float:
    """Take batches for some seconds, as many epochs as they hold, from a loader that is warm."""
    batches = chain.from_iterable(repeat(loader))
    next(batches)
    seen, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        seen += len(next(batches)[0])
    return seen / (time.perf_counter() - start)


def kornia_batches() -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
    """The course's augmentation, a batch at once, by kornia; endlessly."""
    try:
        from kornia import augmentation as K
    except ImportError:
        sys.exit("this row compares with kornia: pip install kornia")
    course = Augmentation()
    steps = K.AugmentationSequential(
        K.CenterCrop((course.crop_size, course.crop_size), p=course.crop_probability, cropping_mode="resample"),
        K.Resize((28, 28)),
        K.RandomRotation(course.degrees, p=1.0),
        data_keys=["input"],
    )
    plain = load_data(128, ROOT, seed=0, batched=True)[0]
    images, labels = plain.images, plain.labels
    while True:
        for indices in torch.randperm(len(images)).split(128):
            yield (steps(images[indices] / 255) - MEAN) / STD, labels[indices]


def efficiency() -> dict:
    """The arithmetic of an epoch against that of a large matrix product, both per second; the figure is that of the course's best, and beside it stands S6Net in blocks of 16 channels."""
    blocks = replace(RECIPES["best"], widths=(16, 32, 32, 16))
    asked = {"fast": RECIPES["fast"], "s6": RECIPES["s6"], "best": RECIPES["best"], "blocks of 16": blocks}
    products: list[float] = []
    seconds: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(3):  # in turns, as the machine's speed changes by the minute
        for name, recipe in asked.items():
            products.append(product_flops())
            seconds[name] += train(replace(recipe, epochs=2), 0, watched=10_000).history.seconds
    recipes, product = {}, statistics.median(products)
    for name, recipe in asked.items():
        summary, epoch = model_summary(recipe.build()), statistics.median(seconds[name])
        first = next(row.multiply_adds for row in summary.rows if row.multiply_adds)
        # forward, the gradient of the weights, and, but for the first layer, that of the inputs; 2 operations each
        per_image = 2 * (3 * summary.multiply_adds - first)
        rate = (60_000 * recipe.share * per_image + 10_000 * 2 * summary.multiply_adds) / epoch
        recipes[name] = {"widths": recipe.widths, "parameters": summary.parameters, "training_flops": rate, "product_flops": product, "seconds_per_epoch": epoch, "percent": 100 * rate / product}
        print(f"  {name}: {rate / 1e9:.0f} of {product / 1e9:.0f} GFLOP/s, {epoch:.2f} s an epoch", flush=True)
    return {"figure": max(found["percent"] for name, found in recipes.items() if name in RECIPES), "recipes": recipes}


def product_flops(side: int = 2048) -> float:
    """Operations a second of a large matrix product, the median of twelve."""
    a, b, times = torch.randn(side, side), torch.randn(side, side), []
    for _ in range(12):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    return 2 * side**3 / statistics.median(times)


def imports() -> dict:
    """Seconds to import our modules, against torch and torchvision alone; in turns, the medians of seven."""
    ways = {"peer": "import torch, torchvision", "ours": "import mnist_s6.datasets, mnist_s6.model"}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(8):
        for name, code in ways.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    print(f"  ours {medians['ours']:.2f} s, torch and torchvision {medians['peer']:.2f} s")
    return {"figure": medians["ours"] / medians["peer"], "seconds": medians}


def notebooks() -> dict:
    """Minutes that all notebooks take under nbdev_test, two at a time."""
    env = os.environ | {"S6_EPOCHS": "1", "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    subprocess.run([Path(sys.executable).parent / "nbdev_test", "--n_workers", "2"], cwd=HERE.parent, env=env, check=True,
                   capture_output=True)
    return {"figure": (time.perf_counter() - start) / 60}


def s6() -> dict:
    """The session's recipe: candidates on the validation split, then the test accuracy over five seeds."""
    course = RECIPES["s6"]
    changes = {"s6": {}, "half the learning rate": {"max_lr": 0.015}, "no augmentation": {"augmentation": PLAIN},
               "12 epochs of all": {"epochs": 12, "share": 1.0}}
    candidates = {name: varied(course, change) for name, change in changes.items()}
    jobs = [(name, seed) for name in candidates for seed in range(2)]
    validation = []
    with ProcessPoolExecutor(2) as pool:
        histories = pool.map(quietly, [candidates[name] for name, _ in jobs], [seed for _, seed in jobs], [True] * len(jobs), [1] * len(jobs))
        for (name, seed), history in zip(jobs, histories):
            validation.append({"candidate": name, "seed": seed, "validation_accuracy": history.test_accuracy[-1]})
            print(f"  {name}, seed {seed}: {history.test_accuracy[-1]:.2%} on validation images", flush=True)
    found = accuracy("s6", 5, 0.994)
    return {**found, "validation": validation, "seconds_per_epoch": statistics.median(train(course, 0, watched=10_000).history.seconds)}


def steps() -> dict:
    """The ledger of 30_speed: each step timed over all its images, alone on all threads."""
    found = []
    for step in STEPS:
        epoch = time_step(step, root=ROOT)
        found.append({"change": step.change, "seconds_per_epoch": epoch, "epochs": step.epochs, "seconds": epoch * step.epochs})
        print(f"  {step.change}: {epoch:.1f} s an epoch", flush=True)
    return {"figure": found[0]["seconds"] / found[-1]["seconds"], "steps": found}


def choices() -> dict:
    """Variations of 'quick', and of 'fast' before it chose its images; three seeds each, on 10,000 validation images."""
    bases = {"quick": RECIPES["quick"], "fast": BY_CHANCE}
    jobs = [(recipe, name, variation, seed) for recipe in VARIATIONS for name, variation in VARIATIONS[recipe].items() for seed in range(3)]
    recipes: dict[str, dict[str, dict]] = {recipe: {name: {"accuracies": [], "times": []} for name in VARIATIONS[recipe]} for recipe in VARIATIONS}
    with ProcessPoolExecutor(2) as pool:
        histories = pool.map(quietly, [varied(bases[recipe], variation) for recipe, _, variation, _ in jobs],
                             [seed for *_, seed in jobs], [10_000] * len(jobs), [1] * len(jobs))
        for (recipe, name, _, seed), history in zip(jobs, histories):
            found = recipes[recipe][name]
            found["accuracies"].append(history.test_accuracy[-1])
            found["times"].append(sum(history.seconds))
            if seed == 2:
                found |= {**mean_and_deviation(found["accuracies"]), "seconds": statistics.median(found["times"])}
                print(f"  {recipe}, {name}: {found['mean']:.2%} ± {found['deviation']:.2%}, {found['seconds']:.1f} s", flush=True)
    gains = [found["mean"] - variations["as it is"]["mean"] for variations in recipes.values() for found in variations.values()
             if found["seconds"] <= 1.05 * variations["as it is"]["seconds"]]
    return {"figure": 100 * max(gains), "recipes": recipes}


#: 'fast' before it chose its images
BY_CHANCE = replace(RECIPES["fast"], epochs=3, share=0.8, hard=0.0, settled=0)
CHOSEN = {
    "as it is": {},
    "never settled": {"settled": 0},
    "by chance": {"hard": 0.0},
    "3 epochs of 80%, by chance": {name: getattr(BY_CHANCE, name) for name in ("epochs", "share", "hard", "settled")},
}


def selection() -> dict:
    """'fast', and what it would be without its choice of images; six seeds each, on 10,000 validation images."""
    candidates, seeds = {}, 6
    with ProcessPoolExecutor(2) as pool:
        for name, changes in CHOSEN.items():
            recipe = varied(RECIPES["fast"], changes)
            histories = pool.map(quietly, [recipe] * seeds, range(seeds), [10_000] * seeds, [1] * seeds)
            accuracies = [history.test_accuracy[-1] for history in histories]
            candidates[name] = {"accuracies": accuracies, **mean_and_deviation(accuracies), "passes": recipe.epochs * recipe.share}
            print(f"  {name}: {candidates[name]['mean']:.2%} ± {candidates[name]['deviation']:.2%}", flush=True)
    return {"figure": 100 * (candidates["as it is"]["mean"] - candidates["by chance"]["mean"]), "candidates": candidates}


RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


def rates() -> dict:
    """S6Net as `fit` trains it by itself, in 6 epochs of a tenth of the images, by its highest learning rate; three seeds, 2,000 validation images."""
    jobs = [(rate, seed) for rate in RATES for seed in range(3)]
    short = Recipe("short", S6Net, (16, 24, 24, 32), epochs=6, share=0.1)
    found: dict[float, dict] = {rate: {"losses": [], "accuracies": []} for rate in RATES}
    with ProcessPoolExecutor(2) as pool:
        histories = pool.map(quietly, [varied(short, {"max_lr": rate}) for rate, _ in jobs], [seed for _, seed in jobs],
                             [2_000] * len(jobs), [1] * len(jobs))
        for (rate, seed), history in zip(jobs, histories):
            found[rate]["losses"].append(history.test_loss[-1])
            found[rate]["accuracies"].append(history.test_accuracy[-1])
            if seed == 2:
                print(f"  {rate:g}: {statistics.mean(found[rate]['accuracies']):.2%}", flush=True)
    means = {rate: statistics.mean(found[rate]["accuracies"]) for rate in RATES}
    return {"figure": 100 * (max(means.values()) - means[0.02]), "epochs": 6, "share": 0.1, "rates": found}


VARIATIONS: dict[str, dict[str, dict]] = {
    "quick": {
        "as it is": {},
        "no label smoothing": {"label_smoothing": 0.0},
        "usual betas (0.9, 0.999)": {"betas": (0.9, 0.999)},
        "mild augmentation": {"augmentation": MILD},
        "half the learning rate": {"max_lr": 0.015},
        "batches of 512": {"batch_size": 512, "max_lr": 0.03},
        "16 channels first": {"widths": (16, 32, 32)},
        "32 channels last": {"widths": (8, 32, 32)},
        "S6Net": {"network": S6Net, "widths": (16, 24, 24, 32)},
        "a first convolution in steps of 2": {"network": Strided, "widths": (16, 32, 32)},
        "22×22 pixels": {"network": Middle22},
        "all images": {"share": 1.0},
        "60% of the images": {"share": 0.6},
        "50% of the images": {"share": 0.5},
    },
    "fast": {
        "as it is": {},
        "no label smoothing": {"label_smoothing": 0.0},
        "usual betas (0.9, 0.999)": {"betas": (0.9, 0.999)},
        "no augmentation": {"augmentation": PLAIN},
        "the course's augmentation": {"augmentation": Augmentation()},
        "8 channels first": {"widths": (8, 32, 44)},
        "32 channels last": {"widths": (16, 32, 32)},
        "S6Net": {"network": S6Net, "widths": (16, 24, 24, 32)},
        "a first convolution in steps of 2": {"network": Strided},
        "22×22 pixels": {"network": Middle22},
        "all images": {"share": 1.0},
        "2 epochs": {"epochs": 2},
        "4 epochs": {"epochs": 4},
    },
}


def smallest_99() -> dict:
    """The parameters of the recipe 'tiny', if its mean test accuracy over five seeds reaches 99%."""
    found = accuracy("tiny", 5, 0.99)
    print(f"  mean accuracy {found['accuracy']['mean']:.2%} ± {found['accuracy']['deviation']:.2%}")
    if found["accuracy"]["mean"] < 0.99:
        sys.exit("'tiny' does not reach 99%: train longer, or take a larger network")
    return {**found, "figure": found["parameters"]}


def widgets() -> dict:
    """Milliseconds that Python takes to answer an explorer, of the slowest."""
    import explorers

    return explorers.measure(ROOT)


def luck() -> dict:
    """How much the best of 50 seeds gains on the images it was chosen on, over what theory expects."""
    import luck

    return luck.measure(ROOT)


def predict_costs() -> dict:
    """What `predict` costs beyond the bare network: milliseconds for one image, and the throughput of 10,000; in turns, medians."""
    images = read_idx(unpack_data(ROOT) / "t10k-images-idx3-ubyte")
    network, normalised = pretrained(), ((images / 255 - MEAN) / STD)[:, None]

    def bare(batch: torch.Tensor) -> None:
        with torch.no_grad():
            torch.cat([network(part) for part in batch.split(500)])

    found = {}
    for count, turns in (1, 301), (10_000, 31):
        given = images[0] if count == 1 else images
        ways = {"bare": lambda: bare(normalised[:count]), "predict": lambda: predict(given)}
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(turns):
            for name, way in ways.items():
                start = time.perf_counter()
                way()
                times[name].append(1000 * (time.perf_counter() - start))
        found[count] = {name: statistics.median(values[1:]) for name, values in times.items()}
        print(f"  {count:,} images: network {found[count]['bare']:.2f} ms, predict {found[count]['predict']:.2f} ms", flush=True)
    return {"figure": found[1]["predict"] - found[1]["bare"], "throughput_share": found[10_000]["bare"] / found[10_000]["predict"],
            "throughput_goal": 0.95, "milliseconds": found}


def recorder() -> dict:
    """Record the trainings that 33_recorder replays, and train one of them again."""
    import flights

    return flights.measure(ROOT)


def torchrun(processes: int, *words: str | Path) -> str:
    """What several processes of one thread each print."""
    command = [sys.executable, "-m", "torch.distributed.run", "--master-addr=127.0.0.1", "--master-port=29517", f"--nproc-per-node={processes}"]
    return subprocess.run([*command, *words], env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True, text=True, capture_output=True).stdout


def by_processes(turns: tuple[tuple[dict, ...], ...]) -> dict:
    """One kind of step, and its seconds by 1 and 2 processes: the medians of several turns."""
    alone, shared = (statistics.median(turn["seconds"] for turn in one) for one in turns)
    return {**turns[0][0], "seconds": {1: alone, 2: shared}, "ratio": shared / alone}


def scale() -> dict:
    """Seconds per epoch of 's6', shared by 1, 2 and 4 processes of one thread each; in turns, the median of all epochs.

    And seconds a step of smaller and larger networks and batches, by 1 and 2 processes, in turns.
    """
    found: dict[int, dict[str, list[float]]] = {processes: {"seconds": [], "train_loss": [], "validation_loss": []} for processes in (1, 2, 4)}
    steps: dict[int, list[list[dict]]] = {1: [], 2: []}
    for _ in range(3):
        for processes, columns in found.items():
            with tempfile.TemporaryDirectory() as folder:
                torchrun(processes, "-m", "mnist_s6.commands", "train", "s6", "--data", ROOT, "--output", folder)
                epochs = list(csv.DictReader((Path(folder) / "history.csv").open()))
            for name in columns:
                columns[name].extend(float(epoch[name]) for epoch in epochs)
            print(f"  {processes} processes: {statistics.median(columns['seconds']):.2f} s an epoch", flush=True)
        for processes, turns in steps.items():
            turns.append(json.loads(torchrun(processes, HERE / "shared.py")))
    medians = {processes: statistics.median(columns["seconds"]) for processes, columns in found.items()}
    recipe = RECIPES["s6"]
    return {"figure": medians[2] / medians[1], "recipe": recipe.name, "parameters": model_summary(recipe.build()).parameters,
            "batch_size": recipe.batch_size, "seconds_per_epoch": medians, "epochs": found,
            "steps": [by_processes(kinds) for kinds in zip(*(zip(*turns) for turns in steps.values()))],
            **{f"{name}_seconds_by_bytes": seconds for name, seconds in json.loads(torchrun(2, HERE / "allreduce.py")).items()}}


ROWS = {
    "time-to-99.4": Row("a mean of 99.40%, against the first session", " times as fast", 1, 160, True, time_to_994),
    "time-to-99": Row("a mean of 99.00%, against train_mnist_fast's step 8", " times as fast", 1, 8, True, time_to_99),
    "graphics-card": Row("a mean of 99% on a graphics card, against the 0.76 s published for train_mnist_fast on a GTX 1660 Ti", " times as fast", 1, 1, True, graphics_card),
    "augmentation": Row("augmented images a second, against 2 workers", " times as many", 1, 60, True, augmentation),
    "accuracy-20k": Row("accuracy with under 20,000 parameters in 40 epochs", "%", 2, 99.66, True, lambda: accuracy("best", 10, 0.9966)),
    "accuracy-8k": Row("accuracy with under 8,000 parameters in 30 epochs", "%", 2, 99.53, True, lambda: accuracy("small", 10, 0.9953)),
    "smallest-99": Row("fewest parameters with a mean of 99%", "", 0, 550, False, smallest_99),
    "efficiency": Row("arithmetic a second in a training, against a matrix product: the best of three recipes", "%", 0, 40, True, efficiency),
    "steps": Row("the ledger of 30_speed, from its first step to its last", " times as fast", 1, 100, True, steps),
    "choices": Row("points that a variation no slower gains", "", 2, 0.05, False, choices),
    "selection": Row("points that `fast` gains by choosing images for their loss", "", 2, 0.05, True, selection),
    "rates": Row("points that another learning rate gains in a short training", "", 2, 0.2, False, rates),
    "import": Row("import, against torch and torchvision alone", " times as long", 2, 0.45, False, imports),
    "notebooks": Row("all notebooks under nbdev_test", " minutes", 1, 3, False, notebooks),
    "handwriting": Row("accuracy of the network that is shipped, by its recipe", "%", 2, 99.55, True, lambda: accuracy("handwriting", 5, 0.9955)),
    "s6": Row("accuracy of the session's own recipe", "%", 2, 99.45, True, s6),
    "widgets": Row("an answer of Python to an explorer, the slowest", " ms", 0, 150, False, widgets),
    "predict": Row("one image by `predict`, beyond the bare network", " ms", 2, 0.5, False, predict_costs),
    "numbers": Row("drawn lines of 2 to 10 digits that are read from end to end", "%", 1, 95, True, measure_lines),
    "luck": Row("what the best of 50 seeds gains where it was chosen, against theory", " times as much", 2, 1.10, False, luck),
    "recorder": Row("answers that differ where a recorded training is run again, of 5,000", "", 0, 1, False, recorder),
    "stress": Row("points that turning in training buys on turned digits", "", 1, 5, True, measure_stress),
    "scale": Row("an epoch of `s6` by two processes, against one", " times as long", 2, 1, False, scale),
}
