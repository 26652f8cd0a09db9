"""Choose S6's recipe on the validation split, then measure its test accuracy over several seeds.

Writes bench/results/s6.json. Two trainings run at once, each on one thread; the last one runs
alone on all threads, for the time per epoch.
"""

import argparse
import io
import json
import statistics
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import torch
from machine import describe_machine
from mnist_s6.datasets import Augmentation, load_data
from mnist_s6.model import S6Net, model_summary
from mnist_s6.util import History, fit, set_seed

HERE = Path(__file__).resolve().parent
RESULTS, ROOT = HERE / "results" / "s6.json", HERE.parent / "data"
CANDIDATES = {
    "course": {},
    "no augmentation": {"augmentation": Augmentation(crop_probability=0, crop_size=28, degrees=0)},
    "max_lr 0.01": {"max_lr": 0.01},
}


def run(candidate: str, seed: int, epochs: int, validation: bool, threads: int) -> History:
    """Train once, as S6.ipynb does; evaluate on the validation or on the test images."""
    torch.set_num_threads(threads)
    options = dict(CANDIDATES[candidate])
    augmentation = options.pop("augmentation", Augmentation())
    set_seed(seed)
    loaders = load_data(128, ROOT, seed=seed, validation=validation, batched=True, augmentation=augmentation)
    set_seed(seed)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return fit(S6Net(), *loaders, epochs=epochs, device="cpu", **options)


def main() -> None:
    """Run all trainings and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12, help="of each training (default 12)")
    parser.add_argument("--seeds", type=int, default=5, help="trainings for the test accuracy (default 5)")
    parser.add_argument("--choice-seeds", type=int, default=2, help="trainings of each candidate on the validation split (default 2)")
    args = parser.parse_args()
    jobs = [(name, seed, args.epochs, True, 1) for name in CANDIDATES for seed in range(args.choice_seeds)]
    jobs += [("course", seed, args.epochs, False, 1) for seed in range(args.seeds)]
    histories = []
    with ProcessPoolExecutor(2) as pool:
        for job, history in zip(jobs, pool.map(run, *zip(*jobs))):
            histories.append(history)
            print(f"{len(histories)}/{len(jobs)} {job[0]}, seed {job[1]}: {'validation' if job[3] else 'test'} accuracy "
                  f"{history.test_accuracy[-1]:.2%}, {sum(history.seconds):.0f} s", flush=True)
    timed = run("course", 0, min(3, args.epochs), False, torch.get_num_threads())
    results = {
        "epochs": args.epochs,
        "parameters": model_summary(S6Net()).parameters,
        "seconds_per_epoch": statistics.median(timed.seconds),
        "machine": describe_machine(),
        "validation": [{"candidate": job[0], "seed": job[1], "validation_accuracy": history.test_accuracy[-1]}
                       for job, history in zip(jobs, histories) if job[3]],
        "runs": [{"seed": job[1], "test_accuracy": history.test_accuracy[-1], "test_loss": history.test_loss[-1],
                  "train_loss": history.train_loss[-1]} for job, history in zip(jobs, histories) if not job[3]],
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    accuracies = [r["test_accuracy"] for r in results["runs"]]
    print(f"s6: {statistics.mean(accuracies):.4%} mean of {len(accuracies)} seeds, {results['seconds_per_epoch']:.1f} s an epoch; wrote {RESULTS.name}")


if __name__ == "__main__":
    main()
