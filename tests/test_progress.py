"""Where a bar of progress is a widget, and where it is text."""

import builtins
import sys
from types import SimpleNamespace

import pytest
from tqdm import tqdm
from tqdm.notebook import tqdm as notebook_tqdm

from mnist_s6.progress import progress_bar


def pretend(monkeypatch: pytest.MonkeyPatch, shell: object) -> None:
    """Let `get_ipython` give this shell."""
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


def kernel(content: dict[str, object]) -> SimpleNamespace:
    """A shell in a kernel that was asked to run a cell with such a message."""
    return SimpleNamespace(kernel=SimpleNamespace(get_parent=lambda: {"content": content}))


def test_a_bar_that_goes_on_counts_what_is_done() -> None:
    with progress_bar(10, done=4) as bar:
        bar.update(3)
        assert (bar.n, bar.total, bar.initial) == (7, 10, 4)
    assert progress_bar(3).n == 0


def test_it_vanishes_when_closed(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(2) as bar:
        bar.update(2)
    assert capsys.readouterr().err.endswith("\r")  # an empty line, and back to its start


@pytest.mark.parametrize(
    "shell", [None, SimpleNamespace(), SimpleNamespace(kernel=None), kernel({}), kernel({"allow_stdin": False})]
)
def test_it_is_text_where_nobody_looks(monkeypatch: pytest.MonkeyPatch, shell: object) -> None:
    """In plain Python, in a terminal's IPython, and in a kernel that a program runs."""
    pretend(monkeypatch, shell)
    assert type(progress_bar(3)) is tqdm


def test_it_is_text_where_ipython_was_never_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert type(progress_bar(3)) is tqdm


def test_it_is_a_widget_where_a_person_runs_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ipywidgets")
    monkeypatch.setattr(notebook_tqdm, "__init__", lambda self, **options: self.__dict__.update(options, disable=True))
    pretend(monkeypatch, kernel({"allow_stdin": True}))
    bar = progress_bar(3, done=1)
    assert type(bar) is notebook_tqdm and bar.total == 3 and bar.initial == 1


def test_it_is_text_without_ipywidgets(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_widgets(self: notebook_tqdm, **options: object) -> None:
        self.disable = True  # so that it can be thrown away
        raise ImportError("IProgress not found. Please update jupyter and ipywidgets.")

    monkeypatch.setattr(notebook_tqdm, "__init__", no_widgets)
    pretend(monkeypatch, kernel({"allow_stdin": True}))
    assert type(progress_bar(3)) is tqdm


def test_it_is_text_without_the_notebook_part_of_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def none_of_it(name: str, *rest: object) -> object:
        if name == "tqdm.notebook":
            raise ImportError(name)
        return real(name, *rest)

    pretend(monkeypatch, kernel({"allow_stdin": True}))
    monkeypatch.setattr(builtins, "__import__", none_of_it)
    assert type(progress_bar(3)) is tqdm


def test_it_draws_nothing_where_there_is_nothing_to_draw_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with progress_bar(3) as bar:
        bar.update()
        bar.set_description("epoch 1")
        bar.clear()
    assert bar.disable
