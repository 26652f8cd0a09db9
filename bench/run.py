"""Measure what the course says about speed and accuracy: `python bench/run.py [ROW ...]`, all rows without one.

Each row writes bench/results/ROW.json; at the end bench/README.md is built from all of them.
"""

import argparse
import json
import time

import report
from machine import HERE, machine
from mnist_s6.files import unpack_data
from rows import ROOT, ROWS

RESULTS = HERE / "results"


def last_seconds(name: str) -> float:
    """How long a row took the last time; a minute if that isn't known."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text())["measured_in_seconds"] if path.exists() else 60.0


def main() -> None:
    """Run the rows that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}")
    names = parser.parse_args().rows or list(ROWS)
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        parser.error(f"there is no row {unknown[0]!r}; expected some of {', '.join(ROWS)}")
    unpack_data(ROOT)
    for number, name in enumerate(names, start=1):
        left = sum(last_seconds(other) for other in names[number - 1 :])
        print(f"[{number}/{len(names)}] {name}: about {left / 60:.0f} min left", flush=True)
        start, row = time.perf_counter(), ROWS[name]
        found = row.measure()
        result = {"row": name, "goal": row.goal, **found, "machine": machine(), "measured_in_seconds": time.perf_counter() - start}
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
        report.write()
        print(f"{name}: {found['figure']:.{row.digits}f} (goal {row.goal:g})", flush=True)


if __name__ == "__main__":
    main()
