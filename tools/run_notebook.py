"""Run notebooks from a fresh kernel, showing live what their cells print.

    python tools/run_notebook.py --report _out nbs/S6.ipynb   # a report to read: _out/S6.html
    python tools/run_notebook.py --inplace nbs/*.ipynb        # outputs to commit
    python tools/run_notebook.py --test nbs/*.ipynb           # nothing is kept: does each cell run?
    python tools/run_notebook.py --twice nbs/*.ipynb          # the same, with each cell two times in a row
"""

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from functools import partial
from io import StringIO
from multiprocessing import get_context
from multiprocessing.context import SpawnContext
from pathlib import Path
from queue import Empty
from typing import Any, NamedTuple

import light_jsonschema  # noqa: F401  # before nbformat
import nbformat
import warm_kernels
from addresses import read_settings
from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
WIDGET = "application/vnd.jupyter.widget-view+json"
EXPLORER = "application/vnd.mnist-s6.explorer+json"  # what an explorer of the course saves beside its still
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours and cursor moves
BARS = {"TQDM_NCOLS": "80", "TQDM_NROWS": "20"}  # tqdm would fit its bars to this terminal
UNRECORDED = {"MNIST_S6_PROGRESS": "off"}  # what runs here is no learner's try at an exercise
LIMIT = 3600  # seconds that a notebook may take
STARTUP = 120  # seconds that its Python has to start, before that
GRACE = 10  # seconds that an interrupted cell has to end

# JupyterLab's page without the three scripts it would fetch: require.js, MathJax, Mermaid.
REPORT_TEMPLATE = """{% extends 'lab/index.html.j2' %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}"""


class ThisPython(KernelSpecManager):
    """Knows one kernel: the Python that runs this script, whatever else is installed."""

    warm = False  # whether the kernels are forks of a Python that has imported what most notebooks import

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The kernel of this Python; of its own log only errors are shown."""
        quiet = get_kernel_dict(extra_arguments=["--log-level=ERROR"])
        if self.warm:
            quiet["metadata"] = warm_kernels.warm(quiet["metadata"])
        return KernelSpec(resource_dir=str(RESOURCES), **quiet)


class Way(NamedTuple):
    """How a notebook is run."""

    limit: float = LIMIT  # seconds
    twice: bool = False  # each cell two times in a row
    skip: frozenset[str] = frozenset()  # cells with one of these words after `#|` are left out
    warm: bool = False  # its kernel has imported what most notebooks import


class LiveClient(NotebookClient):
    """Runs a notebook and shows, as they come, its H2 headings and what its cells print.

    What the last code cell prints to stdout is held back: it is the run's closing line.
    A cell that still runs when the notebook's time is over is interrupted, so that its traceback tells what it was doing.
    """

    def __init__(self, nb: NotebookNode, folder: Path, way: Way) -> None:
        super().__init__(nb, startup_timeout=STARTUP, resources={"metadata": {"path": str(folder)}})
        self.closing_cell = closing_cell(nb)
        self.way, self.end = way, None  # the time when it has to be done
        self.position, self.round, self.late = 0, 1, False  # of the cell being run; the notebook's first cell is 1

    def create_kernel_manager(self) -> AsyncKernelManager:
        """Start kernels of this very Python."""
        specs = ThisPython()
        specs.warm = self.way.warm
        self.km = AsyncKernelManager(kernel_spec_manager=specs)
        return self.km

    async def _async_cleanup_kernel(self) -> None:
        """End the kernel once: after Ctrl-C nbclient asks for it twice, and stumbles."""
        if self.km:
            await super()._async_cleanup_kernel()

    async def async_execute_cell(self, cell: NotebookNode, cell_index: int, **kwargs) -> NotebookNode:
        """Run one cell; of a markdown cell show the H2 headings."""
        self.position = cell_index + 1
        self.end = self.end or time.monotonic() + self.way.limit
        if cell.cell_type == "markdown":
            for title in re.findall(r"^## +(.+)$", cell.source, flags=re.MULTILINE):
                print(f"\n## {title}", flush=True)
        elif self.way.skip & set(re.findall(r"^#\|\s*(\w+)", cell.source, flags=re.MULTILINE)):
            return cell
        for self.round in (1, 2) if self.way.twice else (1,):
            cell = await super().async_execute_cell(cell, cell_index, **kwargs)
            if self.late:  # it was interrupted, and went on as if nothing had happened
                raise CellTimeoutError("too slow")
        return cell

    def _get_timeout(self, cell: NotebookNode | None) -> float:
        """What is left of the notebook's time."""
        return max(0.1, self.end - time.monotonic()) if self.end else STARTUP

    async def _async_handle_timeout(self, timeout: float, cell: NotebookNode | None = None) -> dict[str, Any]:
        """Interrupt the cell; its answer is the traceback. Raises `CellTimeoutError` if it does not answer."""
        self.late = True
        await self.km.interrupt_kernel()
        try:
            return await self.kc.shell_channel.get_msg(timeout=GRACE)
        except Empty:
            raise CellTimeoutError("not even an interrupt ends it") from None

    def process_message(self, msg: dict, cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        """Handle one message of the kernel; echo what a cell printed."""
        if msg["msg_type"] == "stream":
            name, text = msg["content"]["name"], msg["content"]["text"]
            if not (name == "stdout" and cell is self.closing_cell):
                print(text, end="", flush=True, file=sys.stderr if name == "stderr" else sys.stdout)
        return super().process_message(msg, cell, cell_index)


def closing_cell(nb: NotebookNode) -> NotebookNode | None:
    """The last code cell that is not empty."""
    code = [cell for cell in nb.cells if cell.cell_type == "code" and cell.source.strip()]
    return code[-1] if code else None


def closing_lines(nb: NotebookNode) -> list[str]:
    """The non-empty lines that the last code cell printed to stdout."""
    cell = closing_cell(nb)
    outputs = cell.get("outputs", []) if cell else []
    printed = "".join(out.text for out in outputs if out.get("name") == "stdout")
    return [line for line in final_text(printed).splitlines() if line.strip()]


def final_text(text: str) -> str:
    """What a terminal shows in the end of `text`: progress bars redraw themselves after each `\\r`.

    >>> final_text("  0%|          |\\r100%|##########|\\ndone\\n")
    '100%|##########|\\ndone\\n'
    """
    lines = []
    for line in ANSI.sub("", text).replace("\r\n", "\n").split("\n"):
        shown = ""
        for redrawn in line.split("\r"):
            shown = redrawn + shown[len(redrawn) :]
        lines.append(shown.rstrip() if "\r" in line else shown)
    return "\n".join(lines)


def hide_machine(text: str) -> str:
    """Make paths relative to the project, and name a cell's temporary file `<cell>`."""
    cell_file = re.escape(tempfile.gettempdir()) + r"/ipykernel_\d+/\d+\.py"
    text = re.sub(cell_file, "<cell>", text)
    return text.replace(f"{ROOT}/", "").replace(f"{Path.home()}/", "~/")


def join_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring pieces of the same stream: how a print was cut up is chance."""
    joined: list[NotebookNode] = []
    for out in outputs:
        if out.output_type == "stream" and joined and joined[-1].get("name") == out.name:
            joined[-1].text += out.text
        else:
            joined.append(out)
    return joined


def tidy_output(out: NotebookNode) -> NotebookNode | None:
    """The output as it is saved, or None if nothing of it lasts."""
    if out.output_type == "stream":
        out.text = hide_machine(final_text(out.text))
        return out if out.text.strip() else None
    if out.output_type == "error":
        out.traceback = [hide_machine(line) for line in out.traceback]
        return out
    if WIDGET in out.data:  # it needs a live kernel; without a still, the text beside it is a mere repr
        lost = (WIDGET,) if "image/png" in out.data else (WIDGET, "text/plain")
        out.data = {mime: it for mime, it in out.data.items() if mime not in lost}
    for mime, content in out.data.items():
        if mime.startswith("text/"):
            out.data[mime] = hide_machine(content)
    return out if out.data else None


def tidy(nb: NotebookNode) -> None:
    """Keep of a run what outlives it: no redrawn progress, no widget state, no machine's paths."""
    nb.metadata.pop("widgets", None)
    for cell in nb.cells:
        if cell.cell_type == "code":
            kept = [tidy_output(out) for out in join_streams(cell.outputs)]
            cell.outputs = [out for out in kept if out]


def execute(path: Path, way: Way) -> tuple[NotebookNode, bool]:
    """Run `path` top to bottom in its folder: the notebook as far as it got, and whether all went well."""
    nb = nbformat.read(path, as_version=4)
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs = []  # of an earlier run
    client = LiveClient(nb, path.parent, way)
    try:
        client.execute(env=os.environ | BARS | UNRECORDED)
    except (CellExecutionError, CellTimeoutError) as error:
        shown = getattr(error, "traceback", f"The cell is:\n{nb.cells[client.position - 1].source}")
        shown = shown if sys.stdout.isatty() else ANSI.sub("", shown)
        what = "failed, see above"
        if client.late:
            what = f"still ran when the notebook's {way.limit:g} seconds were over, see above"
        elif client.round == 2:
            what = "fails when it is run a second time, see above"
        print(f"\n{shown.rstrip()}\n\n{path} cell {client.position} {what}", flush=True)
        return nb, False
    except DeadKernelError:
        remedy = "if nobody stopped it, free memory (close other notebooks) and run again"
        print(f"\n{path} cell {client.position}: its Python is gone; {remedy}", flush=True)
        return nb, False
    return nb, True


def enliven(nb: NotebookNode) -> None:
    """Put explorers in the place of their stills: alive in any browser, with the state that they had here."""
    outputs = [out for cell in nb.cells for out in cell.get("outputs", [])]
    shown = [out for out in outputs if EXPLORER in out.get("data", {})]
    if not shown:
        return
    from mnist_s6.widgets.base import output_html  # which takes a second, and most notebooks don't need it

    for number, out in enumerate(shown, start=1):
        out.data = {"text/html": output_html(out.data, f"explorer-{number}")}


def write_report(nb: NotebookNode, path: Path, folder: Path) -> Path:
    """Write the executed notebook and a page that opens without a network; return the page's path."""
    from jinja2 import DictLoader
    from nbconvert import HTMLExporter  # which takes a second, and only a report needs it

    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(nb, folder / path.name)
    enliven(nb)
    loader = DictLoader({"report.html.j2": REPORT_TEMPLATE})
    exporter = HTMLExporter(extra_loaders=[loader], template_file="report.html.j2", embed_images=True)
    about = {"metadata": {"path": str(path.parent), "name": path.stem}}
    page, _ = exporter.from_notebook_node(nb, resources=about)
    target = folder / f"{path.stem}.html"
    target.write_text(page, encoding="utf-8")
    return target


def run(path: Path, report: Path | None, way: Way) -> bool:
    """Run one notebook, save it in place or as a report in the folder `report`; True if it went well."""
    start = time.perf_counter()
    print(f"== {path}", flush=True)
    nb, ok = execute(path, way)
    lines = closing_lines(nb)
    tidy(nb)
    if report:
        page = f"report {write_report(nb, path, report)}"
        lines = [*lines[:-1], f"{lines[-1]} · {page}"] if lines else [page]
    elif ok:
        from nbdev.clean import nbdev_clean  # a learner, who only reads reports, has no nbdev

        nbformat.write(nb, path)
        nbdev_clean(str(path))
        lines.append(f"saved {path} ({time.perf_counter() - start:.0f} s)")
    else:
        lines.append(f"{path} left as it was")
    print("\n".join(["", *lines]), flush=True)
    return ok


def check(path: Path, way: Way) -> tuple[bool, str]:
    """Run one notebook and keep nothing: whether it went well, and what is to be said of it."""
    start, shown = time.perf_counter(), StringIO()
    with redirect_stdout(shown), redirect_stderr(shown):
        _, ok = execute(path, way)
    return ok, f"pass {time.perf_counter() - start:5.1f} s  {path}" if ok else shown.getvalue().lstrip()


def lend_stem(context: SpawnContext, count: int) -> tuple[Callable[..., None], tuple[Any, ...]]:
    """Start one stem for all kernels of so many processes; returns what each of them does first, and with what."""
    pipes = context.SimpleQueue()
    for pipe in warm_kernels.start_stem(count):
        pipes.put(pipe)
        pipe.close()
    return warm_kernels.lend, (pipes,)


def check_all(paths: Iterable[Path], way: Way, at_once: int) -> bool:
    """Check notebooks, some at the same time, and print what is to be said of each; True if all went well."""
    good, check_one = True, partial(check, way=way)
    with ExitStack() as stack:
        run_all = map  # here, unless there are several at a time
        if at_once > 1:
            context = get_context("spawn")  # forks would share sockets
            pool = ProcessPoolExecutor(at_once, context, *(lend_stem(context, at_once) if way.warm else ()))
            run_all = stack.enter_context(pool).map
        for ok, text in run_all(check_one, paths):
            print(text, flush=True)
            good &= ok
    return good


def skipped_words() -> frozenset[str]:
    """The words after `#|` that keep a cell out of the tests, by settings.ini."""
    return frozenset(read_settings(ROOT)["tst_flags"].split())


def main(argv: list[str] | None = None) -> int:
    """Run the notebooks named on the command line; 1 if a cell failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--report", type=Path, metavar="FOLDER", help="write the run and a page there")
    mode.add_argument("--inplace", action="store_true", help="save outputs into the notebooks, clean")
    mode.add_argument("--test", action="store_true", help="keep nothing; leave out the cells that settings.ini's tst_flags names")
    mode.add_argument("--twice", action="store_true", help="as --test, with each cell two times in a row")
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="SECONDS", help="that a notebook may take (default: %(default)s)")
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="notebooks tested at the same time (default: 1)")
    parser.add_argument("notebooks", nargs="+", type=Path)
    args = parser.parse_args(argv)
    for path in args.notebooks:
        if not path.is_file():
            parser.error(f"no notebook {str(path)!r}: give the path of an .ipynb file, such as nbs/S6.ipynb")
    if args.test or args.twice:
        warm = warm_kernels.POSSIBLE and len(args.notebooks) > args.at_once  # for one notebook each it would not pay
        good = check_all(args.notebooks, Way(args.limit, args.twice, skipped_words(), warm), args.at_once)
    else:
        good = all([run(path, args.report, Way(args.limit)) for path in args.notebooks])
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
