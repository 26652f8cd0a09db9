"""Check that each notebook in nbs/ is fit to commit: run, clean, and short enough to teach."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import light_jsonschema  # noqa: F401  # before nbformat
import nbformat
from addresses import below, read_settings
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
WIDGET = "application/vnd.jupyter.widget-view+json"
MACHINE_PATH = re.compile(r"(?:(?<![\w+/.~-])|(?<=file:/)|(?<=file://))/(?:home|root|work|tmp|Users)/|(?<!\w)C:\\\w")
MAX_LINES, MAX_EXPORTED_LINES, MAX_COLUMNS = 20, 30, 120
CHECKED_WITHIN = 3  # cells after a definition that is exported
RERUN = "run `make notebooks`"
ON_COLAB = """# On Colab, the course has to be installed first; anywhere else, this does nothing
import sys
if 'google.colab' in sys.modules:
    %pip install -q git+{git_url}"""

Finding = tuple[int, str, str]  # cell's position (the first is 1), what is wrong, remedy


def directives(source: str) -> list[str]:
    """The words after `#|` at a cell's top: `export`, `hide`, ..."""
    return re.findall(r"^#\|\s*(\w+)", source, flags=re.MULTILINE)


def texts(cell: NotebookNode) -> Iterator[str]:
    """All text of a cell: its source and its outputs."""
    yield cell.source
    for out in cell.get("outputs", []):
        yield from printed(out)


def printed(out: NotebookNode) -> Iterator[str]:
    """All text of an output."""
    yield out.get("text", "")
    yield from out.get("traceback", [])
    for mime, content in out.get("data", {}).items():
        if mime.startswith("text/") or mime == "image/svg+xml":
            yield content


def check_opening(cell: NotebookNode) -> Iterator[Finding]:
    """A notebook opens with its title and a one-sentence subtitle."""
    lines = cell.source.splitlines() if cell.cell_type == "markdown" else []
    if not (any(re.match(r"# \S", line) for line in lines) and any(line.startswith("> ") for line in lines)):
        yield 1, "is not a title with a subtitle", "begin with markdown: `# Title`, then `> one sentence`"


def check_titles(position: int, cell: NotebookNode) -> Iterator[Finding]:
    """A notebook has one title: any other would stand in the site's menu like a notebook of its own."""
    text = re.sub(r"^```.*?^```", "", cell.source, flags=re.MULTILINE | re.DOTALL)
    for found in re.findall(r"^# .*", text, flags=re.MULTILINE)[position == 1 :]:
        yield position, f"has a second title, {found!r}", "begin a part with `##`"


def check_code(position: int, cell: NotebookNode) -> Iterator[Finding]:
    """A code cell is clean of one run's traces, and short; its pictures are there."""
    outputs = cell.get("outputs", [])
    if cell.execution_count is not None or any(out.get("execution_count") for out in outputs):
        yield position, "has an execution count", "run `.venv/bin/nbdev_clean`"
    if any(WIDGET in out.get("data", {}) for out in outputs):
        yield position, "has a widget's output, empty without its kernel", RERUN
    pictured = any(mime.startswith("image/") for out in outputs for mime in out.get("data", {}))
    if not pictured and any("<Figure " in text for out in outputs for text in printed(out)):
        yield position, "says <Figure ...> and shows none", "draw it with `%matplotlib inline`, or `display` it"
    length = sum(not line.startswith("#|") for line in cell.source.strip().splitlines())
    limit = MAX_EXPORTED_LINES if "export" in directives(cell.source) else MAX_LINES
    if length > limit:
        yield position, f"has {length} lines, at most {limit} are allowed", "split the cell"


def check_columns(position: int, cell: NotebookNode) -> Iterator[Finding]:
    """No line of a code cell has to be scrolled."""
    lines = [line for line in cell.source.splitlines() if not line.startswith("#| fig-alt:")]  # which can't be broken
    columns = max(map(len, lines), default=0)
    if columns > MAX_COLUMNS:
        yield position, f"has a line of {columns} columns, at most {MAX_COLUMNS} are allowed", "break the line"


def check_checks(cells: list[NotebookNode]) -> Iterator[Finding]:
    """A reader sees soon that what is exported does what it says."""
    for position, cell in enumerate(cells, start=1):
        names = re.findall(r"^(?:def|class) ([A-Za-z]\w*)", cell.source, flags=re.MULTILINE)
        if cell.cell_type == "code" and names and "export" in directives(cell.source):
            near = cells[position : position + CHECKED_WITHIN]
            if not any(is_check(other) for other in near):
                what = f"exports {', '.join(names)}, unchecked in the {CHECKED_WITHIN} cells after it"
                yield position, what, "add a `test_eq`, `test_fail` or `assert`"


def is_check(cell: NotebookNode) -> bool:
    """Whether the reader sees a claim tested here."""
    tests = re.search(r"\btest_\w+\(|\bassert\b|\.prove\(", cell.source)
    return bool(tests) and cell.cell_type == "code" and "hide" not in directives(cell.source)


def check_address(position: int, cell: NotebookNode, git_url: str) -> Iterator[Finding]:
    """The course comes from the address in settings.ini, which stands there and is nobody's placeholder."""
    placeholder = r"\{\{ *[a-z_]+ *\}\}"
    shown = [cell.source] if cell.cell_type != "code" else [text for out in cell.get("outputs", []) for text in printed(out)]
    for found in {match for text in shown for match in re.findall(placeholder, text)}:
        yield position, f"shows {found} as it stands here", "write what it stands for"
    own = re.escape(git_url.rsplit("/", 1)[-1])
    clones = re.findall(r"git clone (?:-\S+ )*(\S+)", cell.source)
    links = re.findall(rf"(?<![\w+])https?://(?!colab\.)[^\s()\"'`<>]*/{own}(?![\w-])", cell.source)
    for found in {*clones, *links} - {git_url}:
        yield position, f"names the repository {found}, settings.ini {git_url}", "write the latter"
    if "google.colab" in cell.source and cell.source.strip() != ON_COLAB.format(git_url=git_url):
        yield position, "is not the cell that installs the course on Colab", "take it from ON_COLAB in tools/check_notebooks.py"
    elif cell.cell_type == "code":
        for line in re.findall(r"^\s*[%!]\s*(?:uv )?pip3? +install\b.*$", cell.source, flags=re.MULTILINE):
            if f"git+{git_url}" not in line.split():
                yield position, f"installs from elsewhere: {line.strip()}", f"install git+{git_url}"


def check_notebook(nb: NotebookNode, git_url: str = "") -> Iterator[Finding]:
    """All that is wrong with a notebook, cell by cell."""
    if not nb.cells:
        yield 1, "is missing", "begin with markdown: `# Title`, then `> one sentence`"
        return
    if "widgets" in nb.metadata:
        yield 1, "belongs to a notebook with saved widget state", RERUN
    yield from check_opening(nb.cells[0])
    for position, cell in enumerate(nb.cells, start=1):
        if cell.cell_type == "markdown":
            yield from check_titles(position, cell)
        elif cell.cell_type == "code":
            yield from check_code(position, cell)
            yield from check_columns(position, cell)
        yield from check_address(position, cell, git_url)
        for found in {match for text in texts(cell) for match in MACHINE_PATH.findall(text)}:
            yield position, f"names a path of one machine ({found}...)", "write it relative to the notebook"
    yield from check_checks(nb.cells)
    visible = [
        position
        for position, cell in enumerate(nb.cells, start=1)
        if cell.cell_type == "code" and cell.source.strip() and "hide" not in directives(cell.source)
    ]
    if visible and not any(cell.get("outputs") for cell in nb.cells):
        yield visible[0], "has not been run: the notebook has no saved output", RERUN


def main(argv: list[str] | None = None) -> int:
    """Print each violation in the notebooks given (default: all in nbs/); 1 if there is any."""
    paths = [Path(name) for name in argv or []] or below(ROOT / "nbs", "*.ipynb")
    if not paths:
        print("nbs/ has no notebooks to check: run this in a complete clone of the project")
        return 1
    git_url, count = read_settings(ROOT)["git_url"], 0
    for path in paths:
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        for position, what, remedy in check_notebook(nbformat.read(path, as_version=4), git_url):
            print(f"{name} cell {position}: {what}, {remedy}")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
