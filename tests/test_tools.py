"""The project's own tools: each check turns red on what it is there to catch."""

import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import check_notebooks  # noqa: E402
import readme  # noqa: E402
import run_notebook  # noqa: E402
import run_tests  # noqa: E402

SETTINGS = """[DEFAULT]
user = someone
repo = course
branch = trunk
git_url = https://example.org/%(user)s/%(repo)s
nbs_path = nbs
"""
MAP = """## The map

| notebook | makes | teaches |
|---|---|---|
| [data](00_data.ipynb) | `data.py` | loading |
| later | nothing | patience |

| no | notebooks |
|---|---|
| 1 | 2 |
"""


def printed(text: str, name: str = "stdout") -> nbformat.NotebookNode:
    """What a cell printed, as a notebook keeps it."""
    return new_output("stream", name=name, text=text)


def good_notebook() -> nbformat.NotebookNode:
    """A small notebook with nothing to object to."""
    cell = new_code_cell("print(1)", outputs=[printed("1\n")])
    return new_notebook(cells=[new_markdown_cell("# Title\n\n> One sentence."), cell])


# ---------------------------------------------------------------- readme.py


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of two notebooks, and the README that they give."""
    (tmp_path / "settings.ini").write_text(SETTINGS)
    (tmp_path / "nbs").mkdir()
    cells = [
        new_markdown_cell("# Course\n\n> See [the code]({{git_url}}) and [data](00_data.ipynb#the-end)."),
        new_code_cell("#| hide\nimport os"),
        new_markdown_cell(MAP),
        new_code_cell("#| echo: true\nprint(1)", outputs=[printed("1\n")]),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "nbs/index.ipynb")
    nbformat.write(good_notebook(), tmp_path / "nbs/00_data.ipynb")
    assert readme.main([], root=tmp_path) == 0
    return tmp_path


def test_readme_is_built_from_the_index(project: Path) -> None:
    """Links hold from the root, each notebook's row has a badge, nbdev's machinery is gone."""
    text = (project / "README.md").read_text()
    badge = f"[![Open in Colab]({readme.BADGE})]"
    colab = "https://colab.research.google.com/github/someone/course/blob/trunk/nbs/00_data.ipynb"
    lines = text.splitlines()
    assert lines[0].startswith("<!-- Built from nbs/index.ipynb by `make readme`")
    assert "> See [the code](https://example.org/someone/course) and [data](nbs/00_data.ipynb#the-end)." in lines
    assert "| notebook | makes | teaches | try it |" in lines
    assert f"| [data](nbs/00_data.ipynb) | `data.py` | loading | {badge}({colab}) |" in lines
    assert "| later | nothing | patience |  |" in lines
    assert "| no | notebooks |" in lines, "a table without notebooks stays as it was"
    assert "```python\nprint(1)\n```\n\n    1\n" in text
    assert "import os" not in text and "#|" not in text


def test_readme_check_catches_a_change(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` is green on what was built, red after an edit, and names the remedy."""
    assert readme.main(["--check"], root=project) == 0
    (project / "README.md").write_text("edited by hand")
    assert readme.main(["--check"], root=project) == 1
    assert "make readme" in capsys.readouterr().out
    assert (project / "README.md").read_text() == "edited by hand", "a check writes nothing"


def test_readme_check_catches_a_leftover_figure(project: Path) -> None:
    """A figure that no cell draws any more is reported, then removed."""
    leftover = project / readme.FIGURES / "old.png"
    leftover.parent.mkdir()
    leftover.write_bytes(b"")
    assert readme.main(["--check"], root=project) == 1
    readme.main([], root=project)
    assert not leftover.exists()


def test_readme_names_a_broken_link(project: Path) -> None:
    """A link to nothing stops the build."""
    (project / "nbs/00_data.ipynb").unlink()
    with pytest.raises(SystemExit, match="there is no nbs/00_data.ipynb"):
        readme.main([], root=project)


# ------------------------------------------------------- check_notebooks.py


def spoil_count(nb: nbformat.NotebookNode) -> None:
    nb.cells[1].execution_count = 3


def spoil_state(nb: nbformat.NotebookNode) -> None:
    nb.metadata.widgets = {}


def spoil_widget(nb: nbformat.NotebookNode) -> None:
    nb.cells[1].outputs = [new_output("display_data", data={check_notebooks.WIDGET: {}})]


def spoil_source(nb: nbformat.NotebookNode) -> None:
    nb.cells[1].source = "open('/home/me/x')"


def spoil_output(nb: nbformat.NotebookNode) -> None:
    nb.cells[1].outputs = [printed("in /Users/me/x")]


def spoil_windows(nb: nbformat.NotebookNode) -> None:
    nb.cells[1].outputs = [printed("in C:\\me")]


def spoil_run(nb: nbformat.NotebookNode) -> None:
    nb.cells[1].outputs = []


def spoil_title(nb: nbformat.NotebookNode) -> None:
    nb.cells[0].source = "> One sentence."


def spoil_subtitle(nb: nbformat.NotebookNode) -> None:
    nb.cells[0].source = "# Title"


def spoil_length(nb: nbformat.NotebookNode) -> None:
    nb.cells[1].source = "x = 1\n" * 21


def spoil_exported_length(nb: nbformat.NotebookNode) -> None:
    nb.cells[1].source = "#| export\n" + "x = 1\n" * 41


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (spoil_count, "cell 2: has an execution count, run `.venv/bin/nbdev_clean`"),
        (spoil_state, "cell 1: belongs to a notebook with saved widget state, run `make notebooks`"),
        (spoil_widget, "cell 2: has a widget's output, empty without its kernel, run `make notebooks`"),
        (spoil_source, "cell 2: names a path of one machine (/home/...), write it relative to the notebook"),
        (spoil_output, "cell 2: names a path of one machine (/Users/...), write it relative to the notebook"),
        (spoil_windows, "cell 2: names a path of one machine (C:\\m...), write it relative to the notebook"),
        (spoil_run, "cell 2: has not been run: the notebook has no saved output, run `make notebooks`"),
        (spoil_title, "cell 1: is not a title with a subtitle, begin with markdown"),
        (spoil_subtitle, "cell 1: is not a title with a subtitle, begin with markdown"),
        (spoil_length, "cell 2: has 21 lines, at most 20 are allowed, split the cell"),
        (spoil_exported_length, "cell 2: has 41 lines, at most 40 are allowed, split the cell"),
    ],
)
def test_each_violation_is_named(
    spoil: Callable[[nbformat.NotebookNode], None],
    finding: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One fault gives one line: notebook, cell, what, remedy."""
    nb = good_notebook()
    spoil(nb)
    nbformat.write(nb, tmp_path / "X.ipynb")
    assert check_notebooks.main([str(tmp_path / "X.ipynb")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 and f"X.ipynb {finding}" in lines[0]


def test_a_good_notebook_passes(tmp_path: Path) -> None:
    """Exported cells may have 40 lines, and an address on the web is no machine's path."""
    nb = good_notebook()
    nb.cells.append(new_code_cell("#| export\n" + "x = 1\n" * 40))
    nb.cells.append(new_markdown_cell("See https://example.org/home/x and nbs/home/x."))
    nbformat.write(nb, tmp_path / "X.ipynb")
    assert check_notebooks.main([str(tmp_path / "X.ipynb")]) == 0


# ---------------------------------------------------------- run_notebook.py


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain  \nlines\n", "plain  \nlines\n"),
        ("\r  0%\r 50%\r100%\ndone\n", "100%\ndone\n"),
        ("long text\rshort", "shorttext"),
        ("\rbar\r   \r", ""),
        ("windows\r\n", "windows\n"),
        ("\x1b[32mgreen\x1b[0m\x1b[A", "green"),
    ],
)
def test_final_text_is_what_a_terminal_shows(text: str, shown: str) -> None:
    """Progress that redraws itself is reduced to its last state."""
    assert run_notebook.final_text(text) == shown


def test_tidy_keeps_what_outlives_the_run() -> None:
    """Pieces of a stream are joined; widgets, blank output and the machine's paths go."""
    widget = new_output("display_data", data={run_notebook.WIDGET: {}, "text/plain": "IntSlider()"})
    path = new_output("execute_result", data={"text/plain": f"{ROOT}/nbs"})
    outputs = [printed("\r 0%", "stderr"), printed("\r9%  ", "stderr"), widget, printed("\r \r"), path]
    nb = new_notebook(cells=[new_code_cell("x", outputs=outputs)], metadata={"widgets": {}})
    run_notebook.tidy(nb)
    assert "widgets" not in nb.metadata
    assert [out.get("text") or out.data["text/plain"] for out in nb.cells[0].outputs] == ["9%", "nbs"]


def test_closing_lines_come_from_the_last_code_cell() -> None:
    """Only stdout of the last code cell that has code counts, blank lines do not."""
    last = new_code_cell("x", outputs=[printed("noise\n", "stderr"), printed("first\nlast\n\n")])
    nb = new_notebook(cells=[new_code_cell("y", outputs=[printed("no\n")]), last, new_code_cell(" ")])
    assert run_notebook.closing_lines(nb) == ["first", "last"]


def test_a_report_shows_progress_and_ends_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Headings and prints come live; the page fetches nothing; the kernel runs in the notebook's folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nbs").mkdir()
    source = "from pathlib import Path\nprint(Path.cwd().name)"
    cells = [new_markdown_cell("# T\n\n## The data"), new_code_cell(source), new_code_cell("print('accuracy 99%')")]
    nbformat.write(new_notebook(cells=cells), "nbs/X.ipynb")
    assert run_notebook.main(["--report", "_out", "nbs/X.ipynb"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert lines == ["== nbs/X.ipynb", "## The data", "nbs", "accuracy 99% · report _out/X.html"]
    page = Path("_out/X.html").read_text()
    assert "accuracy 99%" in page and 'src="http' not in page and "import(" not in page
    assert nbformat.read("_out/X.ipynb", as_version=4).cells[1].outputs[0].text == "nbs\n"


def test_a_failing_cell_is_named_and_keeps_what_ran(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1, the traceback, the cell; a report of what ran; in place, the notebook is left alone."""
    path = tmp_path / "X.ipynb"
    cells = [new_code_cell("print('before')"), new_code_cell("1 / 0"), new_code_cell("print('after')")]
    nbformat.write(new_notebook(cells=cells), path)
    original = path.read_bytes()
    assert run_notebook.main(["--report", str(tmp_path / "out"), str(path)]) == 1
    shown = capsys.readouterr().out
    assert "ZeroDivisionError" in shown and "X.ipynb cell 2 failed" in shown and "after" not in shown
    executed = nbformat.read(tmp_path / "out/X.ipynb", as_version=4)
    assert executed.cells[0].outputs[0].text == "before\n"
    assert run_notebook.main(["--inplace", str(path)]) == 1
    assert path.read_bytes() == original


# ------------------------------------------------------------- run_tests.py


def test_every_step_runs_and_the_last_line_counts_them(capsys: pytest.CaptureFixture[str]) -> None:
    """A failed step neither hides the next ones nor passes for success."""
    ran = []
    steps = {
        "good": lambda: ran.append("good") is None,
        "bad": lambda: ran.append("bad") is not None,
        "last": lambda: ran.append("last") is None,
    }
    assert run_tests.main(steps) == 1
    assert ran == ["good", "bad", "last"]
    assert capsys.readouterr().out.splitlines()[-1] == "2 passed, 1 failed"


def test_a_step_that_did_not_run_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    """It neither passes nor fails, and cannot be overlooked."""
    assert run_tests.main({"good": lambda: True, "idle": lambda: "no tool for it"}) == 0
    *_, good, idle, why, count = capsys.readouterr().out.splitlines()
    assert good.startswith("pass") and idle.startswith("----")
    assert (why, count) == ("no tool for it", "1 passed, 0 failed, 1 NOT RUN")


def test_chromium_is_found_by_name_or_by_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one there is no browser test: loudly at home, in red in CI."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    assert run_tests.find_chromium() is None
    for name in ("chromium", "mine"):
        (tmp_path / name).touch(mode=0o755)
    assert run_tests.find_chromium() == str(tmp_path / "chromium")
    monkeypatch.setenv("CHROMIUM", "mine")
    assert run_tests.find_chromium() == str(tmp_path / "mine")


@pytest.mark.parametrize(
    ("found", "passed", "result"),
    [
        ("chromium", True, True),
        ("chromium", False, False),
        (None, True, run_tests.NO_CHROMIUM),  # at home: they were skipped
        (None, False, False),  # in CI: they failed
    ],
)
def test_browser_tests_without_a_browser_do_not_count_as_passed(
    found: str | None, passed: bool, result: bool | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Skipped tests are told as such."""
    monkeypatch.setattr(run_tests, "find_chromium", lambda: found)
    monkeypatch.setattr(run_tests, "run", lambda *command: passed)
    assert run_tests.browser_tests() == result
