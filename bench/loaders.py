"""Augmented images per second: one by one, with two worker processes, and a whole batch at once.

The three take turns in one run; each figure is the median of five. Writes bench/results/loaders.json.
"""

import json
import statistics
import time
from pathlib import Path

from machine import describe_machine
from mnist_s6.datasets import load_data

HERE = Path(__file__).resolve().parent
RESULTS, ROOT = HERE / "results" / "loaders.json", HERE.parent / "data"
WAYS = {"one by one": {}, "2 workers": {"num_workers": 2}, "batched": {"batched": True}}


def images_per_second(options: dict, seconds: float = 4.0) -> float:
    """Take batches of 128 for some seconds, from a loader that is warm."""
    batches = iter(load_data(128, ROOT, seed=0, **options)[0])
    next(batches)
    seen, start = 0, time.perf_counter()
    for images, _ in batches:
        seen += len(images)
        if time.perf_counter() - start > seconds:
            break
    return seen / (time.perf_counter() - start)


def main() -> None:
    """Measure and write the results."""
    rates = {name: [] for name in WAYS}
    for turn in range(5):
        for name, options in WAYS.items():
            rates[name].append(images_per_second(options))
            print(f"turn {turn + 1}/5, {name}: {rates[name][-1]:,.0f} images per second", flush=True)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    RESULTS.write_text(json.dumps({"machine": describe_machine(), "images_per_second": medians, "turns": rates}, indent=1) + "\n")
    ratio = medians["batched"] / medians["2 workers"]
    print(f"loaders: batched is {ratio:.0f} times as fast as 2 workers; wrote {RESULTS.name}")


if __name__ == "__main__":
    main()
