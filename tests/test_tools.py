"""The project's own tools: each check turns red on what it is there to catch."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from mnist_s6.model import S6Net
from mnist_s6.widgets import draw_explorer, saved_output

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import check_notebooks  # noqa: E402
import readme  # noqa: E402
import run_notebook  # noqa: E402
import run_tests  # noqa: E402

GIT_URL = readme.read_settings(ROOT)["git_url"]
SETTINGS = """[DEFAULT]
user = someone
repo = course
branch = trunk
git_url = https://example.org/%(user)s/%(repo)s
doc_host = https://%(user)s.example.org
doc_baseurl = /%(repo)s
nbs_path = nbs
"""
KERNEL = {"display_name": "python3", "language": "python", "name": "python3"}
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
        new_markdown_cell("# Course\n\n> See [the code](https://example.org/someone/course) and [data](00_data.ipynb#the-end)."),
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
    site = "**[The course as a web site](https://someone.example.org/course/)**"
    assert lines[6].startswith(site), "under the title and the sentence"
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


def spoil_menu(nb: nbformat.NotebookNode) -> None:
    nb.cells.append(new_markdown_cell("```sh\n# no title\n```\n\n# Part 1\n\n## A chapter"))


def spoil_length(nb: nbformat.NotebookNode) -> None:
    nb.cells[1].source = "x = 1\n" * 21


def spoil_exported_length(nb: nbformat.NotebookNode) -> None:
    nb.cells[1].source = "#| export\n" + "x = 1\n" * 31


def spoil_columns(nb: nbformat.NotebookNode) -> None:
    nb.cells[1].source = f"x = '{'a' * 116}'"


def spoil_figure(nb: nbformat.NotebookNode) -> None:
    nb.cells[1].outputs = [new_output("execute_result", data={"text/plain": "<Figure size 500x300 with 1 Axes>"})]


def spoil_check(nb: nbformat.NotebookNode) -> None:
    hidden, prose = new_code_cell("#| hide\nassert f(1) == 1"), [new_markdown_cell("assert nothing") for _ in range(2)]
    nb.cells += [new_code_cell("#| export\ndef f(x): return x"), hidden, *prose, new_code_cell("assert f(1) == 1")]


def spoil_pip(nb: nbformat.NotebookNode) -> None:
    nb.cells[1].source = "%pip install -q mnist_s6"


def spoil_colab(nb: nbformat.NotebookNode) -> None:
    nb.cells[1].source = check_notebooks.ON_COLAB.format(git_url="https://example.org/me/mnist_s6")


def spoil_clone(nb: nbformat.NotebookNode) -> None:
    nb.cells[0].source += "\n\n```sh\ngit clone https://example.org/me/course\n```"


def spoil_link(nb: nbformat.NotebookNode) -> None:
    nb.cells[0].source += "\n\nSee [the code](https://example.org/me/mnist_s6)."


def spoil_placeholder(nb: nbformat.NotebookNode) -> None:
    nb.cells[0].source += "\n\nSee {{git_url}}."


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
        (spoil_menu, "cell 3: has a second title, '# Part 1', begin a part with `##`"),
        (spoil_length, "cell 2: has 21 lines, at most 20 are allowed, split the cell"),
        (spoil_exported_length, "cell 2: has 31 lines, at most 30 are allowed, split the cell"),
        (spoil_columns, "cell 2: has a line of 122 columns, at most 120 are allowed, break the line"),
        (spoil_figure, "cell 2: says <Figure ...> and shows none, draw it"),
        (spoil_check, "cell 3: exports f, unchecked in the 3 cells after it, add a `test_eq`"),
        (spoil_pip, f"cell 2: installs from elsewhere: %pip install -q mnist_s6, install git+{GIT_URL}"),
        (spoil_clone, f"cell 1: names the repository https://example.org/me/course, settings.ini {GIT_URL}, write"),
        (spoil_link, f"cell 1: names the repository https://example.org/me/mnist_s6, settings.ini {GIT_URL}, write"),
        (spoil_placeholder, "cell 1: shows {{git_url}} as it stands here, write what it stands for"),
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
    """Exported cells may have 30 lines, and an address on the web is no machine's path."""
    nb = good_notebook()
    picture = new_output("display_data", data={"image/png": "", "text/plain": "<Figure size 500x300 with 1 Axes>"})
    nb.cells += [
        new_code_cell(check_notebooks.ON_COLAB.format(git_url=GIT_URL)),
        new_code_cell("#| export\n" + "x = 1\n" * 30),
        new_markdown_cell("See https://example.org/home/x and nbs/home/x."),
        new_code_cell("#| export\n@decorated\ndef f(x): return f'{{x}}'", outputs=[picture]),
        *[new_markdown_cell(f"After it, git clone {GIT_URL} and see {GIT_URL}.") for _ in range(2)],
        new_code_cell("test_eq(f(1), 1)"),
        new_code_cell("#| export\ndef _private(x): return x"),
    ]
    nbformat.write(nb, tmp_path / "X.ipynb")
    assert check_notebooks.main([str(tmp_path / "X.ipynb")]) == 0


def test_the_cell_for_colab_is_the_same_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From another address, or in other words, it is a finding; the address is that of settings.ini."""
    nb = good_notebook()
    spoil_colab(nb)
    nbformat.write(nb, tmp_path / "X.ipynb")
    assert check_notebooks.main([str(tmp_path / "X.ipynb")]) == 1
    assert "cell 2: is not the cell that installs the course on Colab" in capsys.readouterr().out


def test_exported_cells_are_neither_long_nor_wide_nor_unchecked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the notebook is called."""
    nb = good_notebook()
    nb.cells.append(new_code_cell(f"#| export\ndef f():\n    '{'a' * 120}'\n" + "    pass\n" * 38))
    nbformat.write(nb, tmp_path / "X.ipynb")
    assert check_notebooks.main([str(tmp_path / "X.ipynb")]) == 1
    printed = capsys.readouterr().out
    assert "has 40 lines, at most 30 are allowed" in printed and "exports f, unchecked" in printed
    assert "has a line of 126 columns, at most 120" in printed


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


def test_tidy_keeps_the_still_of_an_explorer() -> None:
    """Its picture and its sentence stay where the widget goes."""
    data = {run_notebook.WIDGET: {}, "image/png": "iVBORw0KGgo=", "text/plain": "A sentence."}
    nb = new_notebook(cells=[new_code_cell("x", outputs=[new_output("display_data", data=data)])])
    run_notebook.tidy(nb)
    assert nb.cells[0].outputs[0].data == {"image/png": "iVBORw0KGgo=", "text/plain": "A sentence."}


def test_closing_lines_come_from_the_last_code_cell() -> None:
    """Only stdout of the last code cell that has code counts, blank lines do not."""
    last = new_code_cell("x", outputs=[printed("noise\n", "stderr"), printed("first\nlast\n\n")])
    nb = new_notebook(cells=[new_code_cell("y", outputs=[printed("no\n")]), last, new_code_cell(" ")])
    assert run_notebook.closing_lines(nb) == ["first", "last"]


def test_explorers_are_alive_in_a_report() -> None:
    """In the place of their stills; other pictures stay."""
    output = saved_output(draw_explorer(S6Net()))
    shown = [new_output("display_data", data=data) for data in (output, {"image/png": output["image/png"]})]
    nb = new_notebook(cells=[new_markdown_cell("# X"), new_code_cell("x", outputs=shown)])
    run_notebook.enliven(nb)
    alive, picture = nb.cells[1].outputs
    assert list(alive.data) == ["text/html"] and list(picture.data) == ["image/png"]
    assert '<div id="explorer-1"' in alive.data["text/html"] and "Nothing is drawn yet." in alive.data["text/html"]


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


SLEEPS = "import time\ntime.sleep(99)"
DEAF = f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{SLEEPS}"


def write_cells(path: Path, *sources: str) -> str:
    """A notebook of these code cells; its path."""
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
    return str(path)


def test_a_cell_that_fails_the_second_time_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It passes when it is run once, beside another; a cell that settings.ini leaves out of the tests is not run at all."""
    path = write_cells(tmp_path / "X.ipynb", "x = 1", "x += 1\nassert x == 2", "#| slow\n1 / 0")
    assert run_notebook.main(["--test", "--at-once", "2", path, write_cells(tmp_path / "Y.ipynb", "y = 1")]) == 0
    assert [line[:4] for line in capsys.readouterr().out.splitlines()] == ["pass", "pass"]
    assert run_notebook.main(["--twice", path]) == 1
    assert "X.ipynb cell 2 fails when it is run a second time" in capsys.readouterr().out


def test_kernels_that_die_or_hang_are_told_and_leave_the_next_one_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kernels are forks of one Python, whoever runs them: what is imported is shared, and nothing that a notebook did, or drew.

    One that hangs is ended, and told by the line that it was in, or by its cell, where even an interrupt is ignored.
    And the stubs of the lessons are nobody's tries at an exercise, wherever somebody's record is.
    """
    draw = f"import os, signal, sys, numpy\nprint(numpy.random.rand(), file=open({str(tmp_path / 'drawn')!r}, 'a'))"
    change = f"{draw}\nsys.left = os.environ['LEFT'] = 'here'\nos.kill(os.getpid(), signal.SIGKILL)"
    clean = "assert not hasattr(sys, 'left') and 'LEFT' not in os.environ and 'mnist_s6' not in sys.modules"
    fresh = f"{draw}\n{clean}\nassert 'torch' in sys.modules or sys.platform != 'linux'\nassert os.getpgid(0) == os.getpid()"
    stub = "from mnist_s6 import exercises\nassert not exercises.flip.check(lambda images: images).passed"
    sources = [("1", change), ("1", SLEEPS), ("1", DEAF), (fresh,), (stub,)]
    paths = [write_cells(tmp_path / f"{i}.ipynb", *cells) for i, cells in enumerate(sources)]
    monkeypatch.setenv("MNIST_S6_PROGRESS", str(tmp_path / "mine.json"))
    assert run_notebook.main(["--test", "--at-once", "2", "--limit", "10", *paths]) == 1
    shown = capsys.readouterr().out.strip()
    over = "cell 2 still ran when the notebook's 10 seconds were over, see above"
    assert "0.ipynb cell 2: its Python is gone" in shown
    assert "----> 2 time.sleep(99)" in shown and f"1.ipynb {over}" in shown
    assert f"{DEAF}\n" in shown and f"2.ipynb {over}" in shown
    assert [line[-7:] for line in shown.splitlines() if line.startswith("pass ")] == ["3.ipynb", "4.ipynb"]
    assert len(set((tmp_path / "drawn").read_text().split())) == 2
    assert not (tmp_path / "mine.json").exists()


# ------------------------------------------------------------- run_tests.py


@pytest.fixture(scope="module")
def matching(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with a notebook in nbs/ and one in a subfolder, whose modules match."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "settings.ini", folder)
    for name, module in ("a.ipynb", "a"), ("more/b.ipynb", "rooms.b"):
        (folder / "nbs" / name).parent.mkdir(exist_ok=True, parents=True)
        cells = [new_markdown_cell(f"# {module}\n\n> One sentence."), new_code_cell(f"#| default_exp {module}")]
        cells += [new_code_cell("#| export\nx = 1"), new_code_cell("assert x == 1")]
        cells[-1].outputs = [printed("1\n")]
        nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), folder / "nbs" / name)
    (folder / "mnist_s6").mkdir()
    (folder / "mnist_s6/__init__.py").write_text('"""By hand."""\n\n__version__ = "0.1.0"\n')
    subprocess.run([run_tests.BIN / "nbdev_export"], cwd=folder, check=True)
    subprocess.run([run_tests.BIN / "nbdev_clean"], cwd=folder, check=True)
    assert run_tests.modules_match(folder)
    return folder


@pytest.fixture
def course(matching: Path, tmp_path: Path) -> Path:
    """A copy of that course, to be spoilt."""
    return shutil.copytree(matching, tmp_path / "course")


def leave_orphan(course: Path) -> None:
    (course / "mnist_s6/old.py").write_text('"""A docstring first."""\n\n# AUTOGENERATED! DO NOT EDIT!\n')


def leave_deep_orphan(course: Path) -> None:
    (course / "mnist_s6/rooms/old.py").write_text("")


def leave_folder(course: Path) -> None:
    (course / "mnist_s6/older").mkdir()
    (course / "mnist_s6/older/__init__.py").write_text("")


def edit(course: Path) -> None:
    with (course / "mnist_s6/a.py").open("a") as file:
        file.write("y = 2\n")


def edit_deep(course: Path) -> None:
    with (course / "mnist_s6/rooms/b.py").open("a") as file:
        file.write("y = 2\n")


def edit_index(course: Path) -> None:
    (course / "mnist_s6/_modidx.py").write_text("d = {}\n")


def forget(course: Path) -> None:
    (course / "mnist_s6/rooms/b.py").unlink()


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (leave_orphan, "mnist_s6/old.py is exported by no notebook: delete it"),
        (leave_deep_orphan, "mnist_s6/rooms/old.py is exported by no notebook: delete it"),
        (leave_folder, "mnist_s6/older/__init__.py is exported by no notebook: delete it"),
        (edit, "mnist_s6/a.py is not what its notebook exports"),
        (edit_deep, "mnist_s6/rooms/b.py is not what its notebook exports"),
        (edit_index, "mnist_s6/_modidx.py is not what its notebook exports"),
        (forget, "mnist_s6/rooms/b.py is not what its notebook exports"),
    ],
)
def test_a_module_that_no_notebook_gives_is_named(
    spoil: Callable[[Path], None], finding: str, course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At any depth: edited by hand, left over, forgotten."""
    spoil(course)
    assert not run_tests.modules_match(course)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("mnist_s6/")]
    assert len(lines) == 1 and lines[0].startswith(finding)


def test_a_notebook_in_a_subfolder_is_checked_too(course: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is clean, and keeps the house rules; a checkpoint of Jupyter's is nobody's notebook."""
    (course / "nbs/more/.ipynb_checkpoints").mkdir()
    (course / "nbs/more/.ipynb_checkpoints/b-checkpoint.ipynb").write_text("{}")
    assert run_tests.notebooks_clean(course)
    path = course / "nbs/more/b.ipynb"
    nb = nbformat.read(path, as_version=4)
    nb.cells[2].execution_count, nb.cells[2].metadata = 3, {"scrolled": True}
    nbformat.write(nb, path)
    assert not run_tests.notebooks_clean(course)
    shown = capfd.readouterr().out
    assert "b.ipynb cell 3: has an execution count" in shown and "nbs/more/b.ipynb is not clean" in shown


def test_each_notebook_runs_somewhere(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """In JupyterLab where a browser test opens it, and else by itself; without a browser all do."""
    ran: list[str] = []

    def note(*words: str | Path, **_: str) -> bool:
        ran.extend(word.stem for word in words if isinstance(word, Path))
        return True

    monkeypatch.setattr(run_tests, "run", note)
    everything, elsewhere = {path.stem for path in (ROOT / "nbs").glob("*.ipynb")}, run_tests.run_in_browser()
    assert {"S6", "01_datasets"} <= elsewhere <= everything
    for chromium, expected in ("/usr/bin/chromium", everything - elsewhere), (None, everything):
        ran.clear()
        monkeypatch.setattr(run_tests, "find_chromium", lambda found=chromium: found)
        assert run_tests.notebooks_run() and sorted(ran) == sorted(expected)
    assert "run in JupyterLab, by the browser tests: 01_datasets" in capsys.readouterr().out


@pytest.mark.parametrize("names", [["mnist_s6/a.py", "mnist_s6/rooms/b.py"]])
def test_git_knows_what_is_generated(names: list[str]) -> None:
    """Also in a subpackage, so that a review shows the notebook and folds the module."""
    told = subprocess.run(["git", "check-attr", "linguist-generated", *names], cwd=ROOT, capture_output=True, text=True)
    assert told.stdout.count(": linguist-generated: set") == len(names)


def test_a_test_that_hangs_fails_and_says_where(tmp_path: Path) -> None:
    """The same settings, with less patience; the next test runs."""
    (tmp_path / "test_x.py").write_text("import time\ndef test_x():\n    time.sleep(99)\ndef test_y(): pass\n")
    settings = (ROOT / "pyproject.toml").read_text()
    assert "\ntimeout = 300\n" in settings
    (tmp_path / "pyproject.toml").write_text(settings.replace("\ntimeout = 300\n", "\ntimeout = 1\n"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "1 failed, 1 passed" in done.stdout
    assert ">       time.sleep(99)" in done.stdout and "Timeout (>1.0s)" in done.stdout


CTRL_C = "import signal; print(signal.getsignal(signal.SIGINT) == signal.default_int_handler)"
IN_BACKGROUND = f"""import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.path.insert(0, {str(ROOT / "tools")!r})
import run_tests
run_tests.main({{"it": lambda: run_tests.run(sys.executable, "-c", {CTRL_C!r})}})
"""


def test_ctrl_c_stops_what_is_started_also_in_the_background() -> None:
    """Where it is ignored, as by `nohup make test &`, the steps have it all the same; and so have these tests."""
    assert signal.getsignal(signal.SIGINT) != signal.SIG_IGN
    done = subprocess.run([sys.executable, "-c", IN_BACKGROUND], capture_output=True, text=True, timeout=60)
    assert "\nTrue\n" in done.stdout, done.stdout + done.stderr


def test_every_step_runs_and_the_last_line_counts_them(capsys: pytest.CaptureFixture[str]) -> None:
    """A failed step neither hides the next ones nor passes for success, nor does one that breaks; output comes whole."""

    def bad() -> bool:
        print("one")
        run_tests.run(sys.executable, "-c", "import sys, time; print('two', flush=True); time.sleep(1); print('three')")
        return False

    steps = {"bad": bad, "breaks": lambda: 1 / 0 > 0, "ends": lambda: os._exit(0), "last": lambda: print("four") is None}
    assert run_tests.main(steps) == 1
    shown = capsys.readouterr().out
    assert "bad\none\ntwo\nthree\n" in shown and "last\nfour\n" in shown and "ZeroDivisionError" in shown
    assert shown.splitlines()[-1] == "1 passed, 3 failed"


def test_each_python_of_a_step_ends_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is looked through for garbage at its end, also where PYTHONPATH leads elsewhere too."""
    look = "import gc, sys\nimport sitecustomize as it\nprint(gc.get_freeze_count())"
    told = f"{look}\nit.end_at_once()\nprint(gc.get_freeze_count() > 1000)\ngc.unfreeze()\nsys.modules['triton'] = None"
    assert run_tests.run(sys.executable, "-c", f"{told}\nit.end_at_once()\nprint(gc.get_freeze_count())")
    assert capfd.readouterr().out.split() == ["0", "True", "0"]


def test_two_steps_run_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two that wait for each other get there, and three do not."""

    def meet(name: str, count: int) -> bool:
        (tmp_path / name).touch()
        end = time.monotonic() + 5
        while time.monotonic() < end and len(list(tmp_path.iterdir())) < count:
            time.sleep(0.01)
        return len(list(tmp_path.iterdir())) >= count

    assert run_tests.main({"a": lambda: meet("a", 2), "b": lambda: meet("b", 2)}) == 0
    for path in tmp_path.iterdir():
        path.unlink()
    assert run_tests.main({name: lambda name=name: meet(name, 3) for name in "abc"}, at_once=2) == 1


def test_a_step_that_hangs_is_ended(capsys: pytest.CaptureFixture[str]) -> None:
    """With all that it started, and what it printed until then is shown."""

    def hang() -> bool:
        print("begun")
        return run_tests.run("sleep", "98765")

    start = time.monotonic()
    assert run_tests.main({"hang": hang, "good": lambda: True}, limit=1) == 1
    assert time.monotonic() - start < 30
    shown = capsys.readouterr().out
    assert "hang\nbegun\nhang: ended after 1 seconds" in shown and shown.endswith("1 passed, 1 failed\n")
    assert not any("98765" in line for line in commands())


def commands() -> list[str]:
    """The commands that run on this machine."""
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout.splitlines()[1:]


def test_a_step_that_did_not_run_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    """It neither passes nor fails, and cannot be overlooked."""
    assert run_tests.main({"good": lambda: True, "idle": lambda: "no tool for it"}) == 0
    *_, one, other, why, count = capsys.readouterr().out.splitlines()
    idle, good = sorted((one, other))  # they run at the same time, and either may end first
    assert good.startswith("pass") and good.endswith("good") and idle.startswith("----") and idle.endswith("idle")
    assert (why, count) == ("no tool for it", "1 passed, 0 failed, 1 NOT RUN")


@pytest.mark.parametrize(
    ("find", "variable", "name"),
    [
        (run_tests.find_chromium, "CHROMIUM", "chromium-headless-shell"),
        (run_tests.find_chromium, "CHROMIUM", "chromium"),
        (run_tests.find_firefox, "FIREFOX", "firefox-esr"),
    ],
)
def test_a_browser_is_found_by_name_or_by_its_variable(
    find: Callable[[], str | None], variable: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Chromium there is no browser test: loudly at home, in red in CI."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(variable, raising=False)
    assert find() is None
    for program in (name, "mine"):
        (tmp_path / program).touch(mode=0o755)
    assert find() == str(tmp_path / name)
    monkeypatch.setenv(variable, "mine")
    assert find() == str(tmp_path / "mine")


@pytest.mark.parametrize(
    ("browser", "step", "words"),
    [("chromium", "browser_tests", run_tests.NO_CHROMIUM), ("firefox", "firefox_tests", run_tests.NO_FIREFOX)],
)
@pytest.mark.parametrize("passed", [True, False])  # without Chromium: skipped at home, but failed in CI
def test_browser_tests_without_a_browser_do_not_count_as_passed(
    browser: str, step: str, words: str, passed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Skipped tests are told as such."""
    monkeypatch.setattr(run_tests, "run", lambda *command: passed)
    for found, result in ((browser, passed), (None, passed and words)):
        monkeypatch.setattr(run_tests, f"find_{browser}", lambda: found)
        assert getattr(run_tests, step)() == result
