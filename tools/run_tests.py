"""Everything that must hold before a commit, in steps (`make test`); no step changes a file.

Two steps run at the same time. What one prints is shown whole, when it has ended.
"""

import difflib
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import IO

from addresses import below

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent  # where pip put nbdev's commands, beside this Python
LIB = "mnist_s6"
AT_ONCE = 2  # steps, notebooks, and unit tests
LIMIT = 1800  # seconds that a step may take
NOTEBOOK_LIMIT = 300  # seconds that a notebook may take
EVERY_PYTHON = ROOT / "tools/every_python"  # its sitecustomize.py is imported by each Python that a step starts
FIREFOX_TESTS = "tests/browser/test_firefox.py"
FRUGAL = {  # the environment of a step: nothing is waited for, and nothing done again, that need not be
    "OMP_NUM_THREADS": "1",  # others run beside it: PyTorch's threads would wait for each other
    "PYTHONDONTWRITEBYTECODE": "",  # some hundred Pythons start: what the first one compiles, PyTorch too, the others read
    **dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(2**32)),  # glibc keeps freed memory for the next tensor
}
NO_CHROMIUM = "BROWSER TESTS DID NOT RUN: no Chromium found; install one with: apt install chromium"
NO_FIREFOX = "FIREFOX TESTS DID NOT RUN: no Firefox found; install one with: apt install firefox-esr"


def find_browser(variable: str, *names: str) -> str | None:
    """What an environment variable names, or the first of `names` that the machine has; None for none."""
    wanted = [os.environ.get(variable), *names]
    return next(filter(None, (shutil.which(name) for name in wanted if name)), None)


def find_chromium() -> str | None:
    """The browser for most tests: what the variable CHROMIUM names, or the machine's own, without its windows if it can do that."""
    return find_browser("CHROMIUM", "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def find_firefox() -> str | None:
    """The other browser for the web site: what the variable FIREFOX names, or the machine's own."""
    return find_browser("FIREFOX", "firefox-esr", "firefox")


def unignore_ctrl_c() -> None:
    """Let Ctrl-C stop what is started from here, also if it can't stop this: in the background it is often ignored."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def run(*command: str | Path, cwd: Path = ROOT, **env: str) -> bool:
    """Run a command, with `FRUGAL` and `env` added to the environment; True if it succeeded."""
    path = os.pathsep.join(filter(None, [str(EVERY_PYTHON), os.environ.get("PYTHONPATH")]))
    env = os.environ | FRUGAL | {"PYTHONPATH": path} | env
    return subprocess.run([str(word) for word in command], cwd=cwd, env=env).returncode == 0


@contextmanager
def scratch_copy(root: Path) -> Iterator[Path]:
    """A throw-away folder with the project's notebooks and settings, for commands that write."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copy(root / "settings.ini", copy)
        shutil.copytree(root / "nbs", copy / "nbs", ignore=shutil.ignore_patterns(".*", "data"))
        yield copy


def show_diff(old: str, new: str, name: str) -> None:
    """Print the first lines of what differs."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), f"{name} (here)", "(rebuilt)", lineterm="")
    print("\n".join(list(lines)[:20]), flush=True)


def sources(folder: Path, pattern: str) -> dict[str, str]:
    """The texts of the files below a folder, by their paths in it."""
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in below(folder, pattern)}


def modules_match(root: Path = ROOT) -> bool:
    """Each module is what its notebook exports, and there is no other."""
    with scratch_copy(root) as copy:
        (copy / LIB).mkdir()
        shutil.copy(root / LIB / "__init__.py", copy / LIB)
        if not run(BIN / "nbdev_export", cwd=copy):
            return False
        exported = sources(copy / LIB, "*.py")
    present, ok = sources(root / LIB, "*.py"), True
    for name, text in exported.items():
        if present.get(name, "") != text:
            ok = False
            show_diff(present.get(name, ""), text, f"{LIB}/{name}")
            print(f"{LIB}/{name} is not what its notebook exports: run `make notebooks`")
    for name in sorted(present.keys() - exported.keys()):
        ok = False
        print(f"{LIB}/{name} is exported by no notebook: delete it, or write it in one")
    return ok


def readme_matches() -> bool:
    """README.md is what nbs/index.ipynb gives."""
    return run(sys.executable, "tools/readme.py", "--check")


def notebooks_clean(root: Path = ROOT) -> bool:
    """No notebook carries traces of one run; all keep the house rules."""
    ok = run(sys.executable, "tools/check_notebooks.py", *below(root / "nbs", "*.ipynb"))
    with scratch_copy(root) as copy:
        if not run(BIN / "nbdev_clean", cwd=copy):
            return False
        present = sources(root / "nbs", "*.ipynb")
        for name, text in sources(copy / "nbs", "*.ipynb").items():
            if text != present[name]:
                ok = False
                print(f"nbs/{name} is not clean: run `.venv/bin/nbdev_clean`")
    return ok


def run_in_browser() -> set[str]:
    """The notebooks that the browser tests run from end to end in JupyterLab, where a failing cell fails the test."""
    texts = [path.read_text(encoding="utf-8") for path in below(ROOT / "tests" / "browser", "test_*.py")]
    return {name for text in texts for name in re.findall(r'^NOTEBOOK = "(\w+)"', text, re.MULTILINE)}


def notebooks_run() -> bool:
    """Every notebook's cells run, each claim in them being a test; S6 trains for one epoch."""
    paths = sorted(below(ROOT / "nbs", "*.ipynb"), key=lambda path: -path.stat().st_size)  # the long ones first
    if find_chromium():  # else the browser tests don't run
        elsewhere = run_in_browser()
        print("run in JupyterLab, by the browser tests:", *sorted(elsewhere), flush=True)
        paths = [path for path in paths if path.stem not in elsewhere]
    words = ["--test", "--at-once", str(AT_ONCE), "--limit", str(NOTEBOOK_LIMIT)]
    return run(sys.executable, "tools/run_notebook.py", *words, *paths, S6_EPOCHS="1")


def unit_tests() -> bool:
    """The project's own tools do what they say."""
    words = ["-q", "-n", str(AT_ONCE), "--dist=loadfile"]  # what a file's tests share is made once
    words += ["--durations=25", "--ignore=tests/browser", "--ignore=tests/test_site.py"]
    return run(sys.executable, "-m", "pytest", "tests", *words)


def site_builds() -> bool:
    """The web site builds without a warning, and is whole."""
    return run(sys.executable, "-m", "pytest", "tests/test_site.py", "-q")


def browser_tests() -> bool | str:
    """The widgets answer to mouse and keyboard in a browser; without one they are skipped, or fail in CI."""
    words = ["tests/browser", f"--ignore={FIREFOX_TESTS}", "-q", "--durations=5"]
    ok = run(sys.executable, "-m", "pytest", *words)
    return NO_CHROMIUM if ok and not find_chromium() else ok


def firefox_tests() -> bool | str:
    """The web site is alive in Firefox, too; without one they are skipped, also in CI."""
    ok = run(sys.executable, "-m", "pytest", FIREFOX_TESTS, "-q", "--durations=3")
    return NO_FIREFOX if ok and not find_firefox() else ok


Step = Callable[[], bool | str]  # whether all is well, or why it did not run
STEPS: dict[str, Step] = {  # the long ones first; the notebooks, which can use all cores, last
    "browser tests": browser_tests,
    "site builds": site_builds,
    "Firefox tests": firefox_tests,
    "unit tests": unit_tests,
    "modules match the notebooks": modules_match,
    "README matches index.ipynb": readme_matches,
    "notebooks are clean": notebooks_clean,
    "notebooks run": notebooks_run,
}


class Running:
    """A step in a process of its own, with all that it starts."""

    def __init__(self, name: str, step: Step) -> None:
        self.name, self.start = name, time.perf_counter()
        self.output: IO[str] = tempfile.TemporaryFile("w+", buffering=1, encoding="utf-8", errors="replace")
        self.busy = math.nan  # seconds of a processor, once it has ended
        self.verdict, there = get_context("fork").Pipe(duplex=False)
        self.process = get_context("fork").Process(target=self.work, args=(step, there))
        self.process.start()

    def work(self, step: Step, answer: object) -> None:
        """What the process does."""
        os.setsid()
        sys.stdout = sys.stderr = self.output
        for number in (1, 2):  # and what the step starts
            os.dup2(self.output.fileno(), number)
        ok, used = step(), os.times()
        answer.send((ok, used.children_user + used.children_system))

    def seconds(self) -> float:
        """Since its start."""
        return time.perf_counter() - self.start

    def end(self) -> tuple[bool | str, str]:
        """The step's verdict and all it printed; one that goes on too long is ended, and has failed."""
        ok: bool | str = False
        if self.verdict.poll():
            with suppress(EOFError):  # it broke, or was killed
                ok, self.busy = self.verdict.recv()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # what it left running, too
        self.process.join()
        self.output.seek(0)
        return ok, self.output.read()


def main(steps: dict[str, Step] = STEPS, at_once: int = AT_ONCE, limit: float = LIMIT) -> int:
    """Run all steps, also after a failure, and sum up; 1 if any failed. A step may say why it did not run."""
    unignore_ctrl_c()
    begun, waiting, running = time.perf_counter(), list(steps.items()), []
    summary, failed, not_run = [], 0, []
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                print(f".. begins: {waiting[0][0]}", flush=True)
                running.append(Running(*waiting.pop(0)))
            wait([step.process.sentinel for step in running], timeout=1)
            for step in [it for it in running if not it.process.is_alive() or it.seconds() > limit]:
                running.remove(step)
                late = step.process.is_alive()
                ok, printed = step.end()
                print(f"\n== {len(summary) + 1}/{len(steps)} {step.name}\n{printed}", end="", flush=True)
                if late:
                    print(f"{step.name}: ended after {limit:g} seconds, see above how far it got", flush=True)
                failed += not ok
                if isinstance(ok, str):
                    not_run.append(ok)
                verdict = "----" if isinstance(ok, str) else "pass" if ok else "FAIL"
                summary.append(f"{verdict}  {step.seconds():6.1f} s  (processor {step.busy:6.1f} s)  {step.name}")
    finally:
        for step in running:  # after Ctrl-C
            step.end()
    print(f"\n== summary: {time.perf_counter() - begun:.1f} s", *summary, *not_run, sep="\n")
    print(f"{len(steps) - failed - len(not_run)} passed, {failed} failed", end="")
    print(f", {len(not_run)} NOT RUN" if not_run else "", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
