"""The benchmark's page says what its results say, and its peers are those that were published."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

import peers  # noqa: E402
import report  # noqa: E402
import rows  # noqa: E402
from mnist_s6.train import RECIPES  # noqa: E402
from mnist_s6.util import History, OneCycle  # noqa: E402
from rows import VARIATIONS, reached, varied  # noqa: E402


def count(model: torch.nn.Module) -> int:
    """The number of parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_page_is_built_from_the_results() -> None:
    """Else somebody measured and did not run bench/report.py, or wrote a figure by hand."""
    assert (ROOT / "bench/README.md").read_text(encoding="utf-8") == report.page(report.results())


def test_every_result_says_where_it_was_measured() -> None:
    """Hardware, versions, threads and commit."""
    found = report.results()
    assert {"s6", "widgets", "steps", "choices", "rates", "time-to-99.4", "time-to-99"} <= set(found)  # notebooks quote these
    for result in found.values():
        assert {"processor", "threads", "torch", "commit"} <= set(result["machine"])


@pytest.mark.parametrize(("network", "parameters"), [(peers.original_network, 15_722), (peers.Step8, 215_194)])
def test_the_peers_have_the_published_number_of_parameters(network: type[torch.nn.Module], parameters: int) -> None:
    """And return ten scores for each image."""
    assert count(network()) == parameters
    assert network()(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_a_speed_that_misses_the_accuracy_counts_as_none() -> None:
    """The mean decides."""
    ours = {"accuracy": {"mean": 0.9939, "deviation": 0.0002}, "seconds": 10.0}
    assert reached(120.0, ours, 0.994) == 0.0
    ours["accuracy"]["mean"] = 0.9941
    assert reached(120.0, ours, 0.994) == 120.0


def test_a_figure_below_its_goal_is_marked() -> None:
    """More is better in one row, less in another."""
    assert "not reached" in report.line("time-to-99", {"figure": 4.9})
    assert "not reached" not in report.line("time-to-99", {"figure": 5.0})
    assert "not reached" in report.line("import", {"figure": 1.2})
    assert "not reached" not in report.line("import", {"figure": 1.0})
    assert "not measured yet" in report.line("import", None)


def test_a_variation_changes_what_it_names_and_nothing_else() -> None:
    """Values of the schedule go into the schedule, the others into the recipe; every variation builds a network."""
    fast = RECIPES["fast"]
    other = varied(fast, {"max_lr": 0.5, "share": 1.0})
    assert (other.schedule, other.share) == (replace(fast.schedule, max_lr=0.5), 1.0)
    assert replace(other, schedule=fast.schedule, share=fast.share) == fast
    assert varied(fast, {}) == fast and isinstance(other.schedule, OneCycle)
    for recipe, variations in VARIATIONS.items():
        for changes in variations.values():
            assert varied(RECIPES[recipe], changes).build()(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


@pytest.mark.parametrize("measured", ["s6", "choices"])
def test_the_trainings_of_a_row_are_those_that_it_names(measured: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job is a recipe, a seed, the images to judge on and one thread; here nothing is trained."""
    jobs = []

    class Pool:
        def __init__(self, processes: int) -> None:
            self.processes = processes

        def __enter__(self) -> "Pool":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def map(self, _: object, *columns: list) -> list[History]:
            jobs.extend(zip(*columns, strict=True))
            return [History(test_accuracy=[0.995], test_loss=[0.1], train_loss=[0.1], seconds=[1.0]) for _ in columns[0]]

    monkeypatch.setattr(rows, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(rows, "quietly", lambda *_: History(seconds=[1.0]))
    found = rows.ROWS[measured].measure()
    assert found["figure"] == pytest.approx({"s6": 99.5, "choices": 0.0}[measured])
    assert len(set(jobs)) == len(jobs) and all(threads == 1 for *_, threads in jobs)
