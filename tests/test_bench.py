"""The benchmark's page says what its results say, and its peers are those that were published."""

import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

import peers  # noqa: E402
import report  # noqa: E402
from rows import ROWS, reached  # noqa: E402


def count(model: torch.nn.Module) -> int:
    """The number of parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_page_is_built_from_the_results() -> None:
    """Else somebody measured and did not run bench/report.py, or wrote a figure by hand."""
    assert (ROOT / "bench/README.md").read_text(encoding="utf-8") == report.page(report.results())


def test_every_result_says_where_it_was_measured() -> None:
    """Hardware, versions, threads and commit."""
    found = report.results()
    assert {"s6", "widgets", "steps", "choices", "time-to-99.4", "time-to-99"} <= set(found)  # notebooks quote these
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
