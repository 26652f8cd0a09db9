"""The benchmark's page says what its results say, and its peers are those that were published."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

import luck  # noqa: E402
import peers  # noqa: E402
import report  # noqa: E402
import rows  # noqa: E402
import seal  # noqa: E402
from machine import describe, machine  # noqa: E402
from mnist_s6.files import unpack_data  # noqa: E402
from mnist_s6.fit import OneCycle  # noqa: E402
from mnist_s6.train import PLAIN, RECIPES, Recipe, Run, run_recipe  # noqa: E402
from mnist_s6.truth import Opening, SealedTest, network_digest  # noqa: E402
from mnist_s6.util import History  # noqa: E402
from mnist_s6.weights import pretrained, weights_digest  # noqa: E402
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
    here = machine()
    assert f"{here['processor']} with {torch.backends.cpu.get_cpu_capability()}, {here['cores']} cores" in describe(here)


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
    assert "not reached" in report.line("time-to-99", {"figure": 7.9})
    assert "not reached" not in report.line("time-to-99", {"figure": 8.0})
    assert "not reached" in report.line("import", {"figure": 0.46})
    assert "not reached" not in report.line("import", {"figure": 0.45})
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
        def __init__(self, processes: int, context: object = None) -> None:
            self.processes = processes

        def __enter__(self) -> "Pool":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def map(self, act: object, *columns: list) -> list[History] | list[Run]:
            jobs.extend(zip(*columns, strict=True))
            history = History(test_accuracy=[0.995], test_loss=[0.1], train_loss=[0.1], seconds=[1.0])
            return [history if act is rows.quietly else Run(None, history) for _ in columns[0]]

    def opening(_: object, hypothesis: str) -> Opening:
        opened.append(hypothesis)
        return Opening("2026-01-01 12:00", hypothesis, 64 * "0", 1, 9950, 10_000)

    opened: list[str] = []
    monkeypatch.setattr(rows, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(rows, "quietly", lambda *_: History(seconds=[1.0]))
    monkeypatch.setattr(rows, "train", lambda *_, **__: Run(None, History(seconds=[1.0])))
    monkeypatch.setattr(rows, "open_test", opening)
    found = rows.ROWS[measured].measure()
    assert found["figure"] == pytest.approx({"s6": 99.5, "choices": 0.0}[measured])
    assert len(set(jobs)) == len(jobs) and all(job[2 if job[-1] is None else 3] == 1 for job in jobs)
    assert opened == [seal.expected("s6", seed, 0.994) for seed in range(5)] * (measured == "s6")  # once each


def test_a_sealed_training_is_the_recipe_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same weights as `run_recipe`, without a look at a test image."""
    tiny = Recipe("tiny", RECIPES["fast"].network, (2, 2, 2), 3, batch_size=100, augmentation=PLAIN, share=0.01, hard=0.5, settled=1)
    ours = seal.train(tiny, 3)
    theirs = run_recipe(tiny, 3, seal.ROOT, validation=False, device="cpu")
    assert weights_digest(ours.model.state_dict()) == weights_digest(theirs.model.state_dict())
    assert (ours.history.test_name, ours.history.test_images) == ("validation", 500)  # of the training file


def test_the_ledger_tells_what_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The committed one is whole, each line is finished, and it begins with the network that is shipped."""
    lines = SealedTest([], seal.LEDGER).openings
    assert lines and lines[0].network == network_digest(pretrained()) and all(line.images == 10_000 for line in lines)
    monkeypatch.setattr(seal, "LEDGER", tmp_path / "ledger.json")
    torch.manual_seed(0)
    unpack_data(seal.ROOT)
    model = RECIPES["quick"].build()
    numbers = [seal.open_test(model, seal.expected("quick", seed, 0.99)).number for seed in (0, 1, 0)]
    assert numbers == [1, 1, 2]  # the third is marked


def test_luck_is_what_theory_says_of_equal_tries() -> None:
    """50 rows that differ by chance only; and places are noted and read again."""
    torch.manual_seed(0)
    table = (torch.rand(50, luck.HELD_OUT) < 0.99).float()
    words = [" ".join(map(str, (row == 0).nonzero()[:, 0].tolist())) for row in table]
    assert torch.equal(luck.right(words), table)
    assert luck.against_theory(table, splits=40) == pytest.approx(1, abs=0.1)
