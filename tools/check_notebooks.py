"""Check that each notebook in nbs/ is fit to commit: run, clean, and short enough to teach."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
WIDGET = "application/vnd.jupyter.widget-view+json"
MACHINE_PATH = re.compile(r"(?:(?<![\w+/.~-])|(?<=file:/)|(?<=file://))/(?:home|root|work|tmp|Users)/|(?<!\w)C:\\\w")
MAX_LINES, MAX_EXPORTED_LINES = 20, 40
RERUN = "run `make notebooks`"

Finding = tuple[int, str, str]  # cell's position (the first is 1), what is wrong, remedy


def directives(source: str) -> list[str]:
    """The words after `#|` at a cell's top: `export`, `hide`, ..."""
    return re.findall(r"^#\|\s*(\w+)", source, flags=re.MULTILINE)


def texts(cell: NotebookNode) -> Iterator[str]:
    """All text of a cell: its source and its outputs."""
    yield cell.source
    for out in cell.get("outputs", []):
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


def check_code(position: int, cell: NotebookNode) -> Iterator[Finding]:
    """A code cell is clean of one run's traces, and short."""
    outputs = cell.get("outputs", [])
    if cell.execution_count is not None or any(out.get("execution_count") for out in outputs):
        yield position, "has an execution count", "run `.venv/bin/nbdev_clean`"
    if any(WIDGET in out.get("data", {}) for out in outputs):
        yield position, "has a widget's output, empty without its kernel", RERUN
    length = sum(not line.startswith("#|") for line in cell.source.strip().splitlines())
    limit = MAX_EXPORTED_LINES if "export" in directives(cell.source) else MAX_LINES
    if length > limit:
        yield position, f"has {length} lines, at most {limit} are allowed", "split the cell"


def check_notebook(nb: NotebookNode) -> Iterator[Finding]:
    """All that is wrong with a notebook, cell by cell."""
    if not nb.cells:
        yield 1, "is missing", "begin with markdown: `# Title`, then `> one sentence`"
        return
    if "widgets" in nb.metadata:
        yield 1, "belongs to a notebook with saved widget state", RERUN
    yield from check_opening(nb.cells[0])
    for position, cell in enumerate(nb.cells, start=1):
        if cell.cell_type == "code":
            yield from check_code(position, cell)
        for found in {match for text in texts(cell) for match in MACHINE_PATH.findall(text)}:
            yield position, f"names a path of one machine ({found}...)", "write it relative to the notebook"
    visible = [
        position
        for position, cell in enumerate(nb.cells, start=1)
        if cell.cell_type == "code" and cell.source.strip() and "hide" not in directives(cell.source)
    ]
    if visible and not any(cell.get("outputs") for cell in nb.cells):
        yield visible[0], "has not been run: the notebook has no saved output", RERUN


def main(argv: list[str] | None = None) -> int:
    """Print each violation in the notebooks given (default: all in nbs/); 1 if there is any."""
    paths = [Path(name) for name in argv or []] or sorted((ROOT / "nbs").glob("*.ipynb"))
    if not paths:
        print("nbs/ has no notebooks to check: run this in a complete clone of the project")
        return 1
    count = 0
    for path in paths:
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        for position, what, remedy in check_notebook(nbformat.read(path, as_version=4)):
            print(f"{name} cell {position}: {what}, {remedy}")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
