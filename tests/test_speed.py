"""What the room about speed promises beyond its examples."""

import itertools
import json
from dataclasses import replace

import pytest

from mnist_s6 import speed
from mnist_s6.speed import STEPS, plot_ledger, recorded, time_step


def test_a_steps_seconds_are_those_of_its_share_of_all_images(monkeypatch):
    """By a clock that goes on by one second each time it is read."""
    monkeypatch.setattr(speed.time, "perf_counter", itertools.count().__next__)
    assert time_step(STEPS[-2], 256) == 60_000 / 256
    assert time_step(STEPS[-1], 256) == pytest.approx(0.8 * 60_000 / 256)  # of 80% of the images


def test_a_step_with_another_optimizer_is_refused():
    """The message names it."""
    with pytest.raises(KeyError, match="Adam"):
        time_step(replace(STEPS[-1], optimizer="Adam"), 256)
    with pytest.raises(ValueError, match="images is 60001; expected a whole number from 256 to 60,000"):
        time_step(STEPS[-1], 60_001)


def test_the_ledger_draws_the_first_step_on_top():
    """A bar for each, labelled, on a scale of factors."""
    (axes,) = plot_ledger({"a": 100.0, "b": 5.0}).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert axes.yaxis_inverted() and axes.get_xscale() == "log" and axes.get_xlabel() and axes.get_title()
    assert [bar.get_width() for bar in axes.patches] == [100.0, 5.0]
    with pytest.raises(ValueError):
        plot_ledger({})


def test_a_result_is_read_where_it_is_and_told_where_it_is_not(tmp_path, capsys):
    """A missing one is one printed line, which says what to do."""
    assert recorded("steps", tmp_path) is None
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'steps.json'} is not here: see bench/README.md")
    (tmp_path / "steps.json").write_text(json.dumps({"figure": 2}))
    assert recorded("steps", tmp_path) == {"figure": 2}
    assert capsys.readouterr().out == ""


def test_results_are_found_from_any_folder(tmp_path, monkeypatch):
    """The clone of the course is looked for where the package is, not where the program was started."""
    monkeypatch.chdir(tmp_path)
    assert recorded("steps")["row"] == "steps"
    monkeypatch.setattr(speed, "course_folder", lambda: None)
    assert recorded("steps") is None
