"""Drive the course in JupyterLab, in a real browser: a server, a notebook's tab, an explorer in it."""

import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from helpers import free_port
from PIL import Image
from playwright.sync_api import Locator, Page, Request, expect
from strokes import draw

ROOT = Path(__file__).resolve().parent.parent.parent
SCREENSHOTS = ROOT / "_out/screenshots"
PATIENCE = 60_000  # milliseconds that one step may take, on a machine that has other work too
LOCAL = re.compile(r"(https?|wss?)://127\.0\.0\.1[:/]|blob:|data:")
# Playwright's own list, which this replaces, and Chromium's tool bar, a page of its own for each window, which nobody sees.
NOT_NEEDED = """AvoidUnnecessaryBeforeUnloadCheckSync DestroyProfileOnBrowserClose HttpsUpgrades MediaRouter
HttpsFirstBalancedModeAutoEnable LensOverlay PaintHolding ThirdPartyStoragePartitioning OptimizationHints AimEnabled
AvoidCorsURLLoaderRestartOnRedirect TcpPortRandomizationWin NetworkTimeServiceQuerying PreconnectToSearch
InitialWebUI WebUIReloadButton WebUIToolbar WebUIBackForwardButton WebUIHomeButton WebUILocationBar
WebUISplitTabsButton PreloadTopChromeWebUI WebUIOmniboxPopup""".split()
CHROMIUM_FLAGS = [  # without them Chromium looks up its maker's hosts at every start
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(NOT_NEEDED)}",
    "--disable-dev-shm-usage",  # a container's /dev/shm may be too small for a page of pictures, which then dies
]
# How far the rightmost word or picture reaches.
RIGHTMOST = """output => {
    const end = node => {
        const range = document.createRange();
        range.selectNodeContents(node);
        return range.getBoundingClientRect().right;
    };
    const shown = Array.from(output.querySelectorAll("canvas, svg, button, select, input, .s6-control, p"));
    return Math.max(...shown.map(it =>
        !it.matches("p") ? it.getBoundingClientRect().right : it.textContent ? end(it) : 0
    )) - output.getBoundingClientRect().left;
}"""
FOCUSABLE = "[tabindex='0'], input, select, button"
NAMES = ".s6-label"
SENTENCE = 'p[aria-live="polite"]:not(.s6-note)'
THUMB = 16  # pixels that a slider's handle is wide
SHORTCUTS_OFF = "data-lm-suppress-shortcuts"  # without it JupyterLab takes the keys for itself
# Counts the keys that reach an element, each once.
HEAR = """element => {
    if (element.heard === undefined) element.addEventListener("keydown", () => { element.heard += 1; });
    element.heard = 0;
}"""
# The numbers of the notebook's code cells, null where a cell has not run, and the traceback of one that failed. They are
# asked of JupyterLab itself: to look for them on a page so long, four times a second, would keep it busy.
CELLS = """() => {
    const cells = jupyterapp.shell.currentWidget.content.widgets.filter(it => it.model.type === "code");
    const outputs = cells.flatMap(({ model }) => Array.from({ length: model.outputs.length }, (_, i) => model.outputs.get(i)));
    const failed = outputs.find(it => it.type === "application/vnd.jupyter.error" || it.type === "error");
    return { numbers: cells.map(it => it.model.executionCount), failed: failed && [failed.toJSON().ename, ...failed.toJSON().traceback].join("\\n") };
}"""
# Adds a cell below all others, and runs it.
RUN = """async code => {
    const { content } = jupyterapp.shell.currentWidget;
    content.activeCellIndex = content.widgets.length - 1;
    await jupyterapp.commands.execute("notebook:insert-cell-below");
    content.activeCell.model.sharedModel.setSource(code);
    await jupyterapp.commands.execute("notebook:run-cell");
}"""
# What has the focus, in words.
FOCUSED = "() => document.activeElement.outerHTML.slice(0, 200)"
IDLE = "Python 3 (ipykernel) | Idle"  # in the bar at the bottom of the page
# Opens a notebook, and waits until its kernel has started.
OPEN = """async path => {
    const panel = await jupyterapp.commands.execute("docmanager:open", { path });
    await panel.context.ready;
    await panel.sessionContext.ready;
}"""
# Cells out of sight are attached, but neither laid out nor drawn, as in JupyterLab's usual mode.
SPARING = ".jp-Notebook-cell { content-visibility: auto; contain-intrinsic-size: auto 200px; }"
CLOSE = "() => jupyterapp.shell.currentWidget.dispose()"
# Keeps in `under` the messages to the kernel that it has not done with yet, the explorers' own among them; in `said` what
# was said, a line for each message, for the day on which a test fails.
WATCH = """() => {
    const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const under = (globalThis.under = new Set()), said = (globalThis.said = []);
    kernel.anyMessage.connect((_, { msg, direction }) => {
        const { header, parent_header, content } = msg, { data = {}, execution_state, comm_id } = content;
        const about = JSON.stringify(data.content ?? Object.keys(data.state ?? {}));
        const words = [Math.round(performance.now()), direction, header.msg_type, header.msg_id, "for", parent_header?.msg_id,
            "subshell", header.subshell_id, execution_state, comm_id, data.method, about.slice(0, 120)];
        said.push(words.filter(word => word != null).join(" "));
        if (direction === "send" && msg.channel === "shell") under.add(msg.header.msg_id);
        else if (msg.header.msg_type === "status" && msg.content.execution_state === "idle")
            under.delete(msg.parent_header.msg_id);
    });
}"""
# Waits until the kernel has done with all messages, and the page has drawn what came of them. Some frames have to pass in
# which nothing is sent: what changed while a message was under way is held back by its widget, and sent when the answer has
# been read. (`wait_for_function` takes the first answer of such a function, whatever it is, and does not ask again.)
QUIET = """async patience => {
    const end = performance.now() + patience;
    for (let frames = 0; frames < 10; frames++) {
        await new Promise(requestAnimationFrame);
        if (under.size) frames = -1;
        if (performance.now() > end) throw new Error(`not quiet after ${patience} ms: ${under.size} messages are under way`);
    }
}"""
# The kernel's server: kernels are forks of a Python that has imported what most notebooks import.
SETTINGS = """import sys
sys.path.insert(0, {tools!r})
import warm_kernels
from run_notebook import ThisPython
class Kernels(ThisPython):
    warm = warm_kernels.POSSIBLE
c.ServerApp.kernel_spec_manager_class = Kernels
c.LabApp.expose_app_in_browser = True
"""
# What a user sets in JupyterLab. Else it asks for news, in a box above the notebook; and it attaches cells when it finds time,
# the last ones perhaps never on a busy machine, so that "the last cell" is another one each time.
USER_SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false"},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}


class Server(NamedTuple):
    """A running JupyterLab."""

    address: str  # such as http://127.0.0.1:8888
    token: str
    notebooks: Path  # the folder of the copied notebooks
    data: Path  # where they unpack MNIST

    def ask(self, path: str, method: str = "GET") -> bytes:
        """What the server's API answers; raises `OSError` if it does not."""
        address = f"{self.address}/api/{path}?token={self.token}"
        with urllib.request.urlopen(urllib.request.Request(address, method=method), timeout=60) as reply:
            return reply.read()

    def stop_kernel(self, name: str) -> None:
        """End the kernel of a notebook."""
        for session in json.loads(self.ask("sessions")):
            if session["path"] == f"{name}.ipynb":
                self.ask(f"sessions/{session['id']}", "DELETE")


@contextmanager
def serve(folder: Path) -> Iterator[Server]:
    """Run JupyterLab on copies of the notebooks in `folder`; what they write goes there, not here."""
    shutil.copytree(ROOT / "nbs", folder / "nbs", ignore=shutil.ignore_patterns(".*", "data"))
    for plugin, settings in USER_SETTINGS.items():
        path = folder / f"jupyter/settings/{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(settings))
    (folder / "jupyter/jupyter_server_config.py").write_text(SETTINGS.format(tools=str(ROOT / "tools")))
    port = free_port()
    server = Server(f"http://127.0.0.1:{port}", secrets.token_hex(16), folder / "nbs", folder / "data")
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"),
        *("--ServerApp.port_retries=0", f"--IdentityProvider.token={server.token}"),
        *(f"--ServerApp.root_dir={server.notebooks}", "--LabApp.news_url=None"),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    log = folder / "jupyterlab.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(folder), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            wait_for(lambda: answers(server, process), "JupyterLab did not start:\n", log.read_text)
            yield server
        finally:
            process.terminate()  # the server ends its kernels
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def environment(folder: Path) -> dict[str, str]:
    """The server's: this checkout's library, one epoch, and none of the user's own Jupyter settings."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    return os.environ | {
        "PYTHONPATH": path,
        "S6_EPOCHS": "1",
        "MNIST_S6_CACHE": str(folder / "data"),
        "OMP_NUM_THREADS": "1",  # two notebooks run at a time
        "JUPYTER_PREFER_ENV_PATH": "1",
        **{f"JUPYTER_{name}": str(folder / "jupyter") for name in names},
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "jupyter/settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "jupyter/workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
    }


def answers(server: Server, process: subprocess.Popen) -> bool:
    """Whether the server is up; raises if it has ended."""
    if process.poll() is not None:
        raise RuntimeError(f"JupyterLab ended with status {process.returncode}")
    try:
        return bool(server.ask("status"))
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], complaint: str, details: Callable[[], str], seconds: float = 120) -> None:
    """Ask again and again until `condition` holds; raises `TimeoutError` with the details."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(complaint + details())
        time.sleep(0.2)


expect.set_options(timeout=PATIENCE)


class Notebook:
    """A notebook of the course in a browser's tab, one after the other in the same JupyterLab."""

    def __init__(self, page: Page, server: Server, name: str) -> None:
        self.page, self.server, self.name = page, server, name
        self.outside: list[str] = []  # addresses asked for that are not this machine
        page.on("request", self.note_request)

    def start(self) -> None:
        """Open it and run all cells by the menu, as a reader does; does not wait for their end."""
        page = self.page
        if page.url == "about:blank":
            page.goto(f"{self.server.address}/lab?token={self.server.token}&reset")
            expect(page.locator("#jp-main-dock-panel")).to_be_visible(timeout=2 * PATIENCE)
            page.wait_for_function("jupyterapp.restored.then(() => true)")
            page.add_style_tag(content=SPARING)
        page.evaluate(OPEN, f"{self.name}.ipynb")
        # The dot in the toolbar says idle too early, and Run All would be lost.
        page.locator("#jp-bottom-panel").get_by_text(IDLE).wait_for(timeout=2 * PATIENCE)
        page.evaluate(WATCH)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        expect(page.locator(".jp-CodeCell .jp-InputPrompt").first).not_to_have_text("[ ]:")

    def close(self) -> None:
        """Close it without saving, and end its kernel, which holds a network and a data set."""
        self.page.remove_listener("request", self.note_request)
        self.page.evaluate(CLOSE)
        self.server.stop_kernel(self.name)

    def note_request(self, request: Request) -> None:
        """Keep the addresses that are not on this machine."""
        if not LOCAL.match(request.url):
            self.outside.append(request.url)

    def wait_until_run(self, minutes: float = 8) -> None:
        """Wait until every cell has its number; raises `AssertionError` with the traceback of a cell that failed."""
        end = time.monotonic() + 60 * minutes
        while None in (cells := self.page.evaluate(CELLS))["numbers"]:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.name} is not done after {minutes} min: {cells['numbers']}")
            if cells["failed"]:
                break
            self.page.wait_for_timeout(250)
        assert not cells["failed"], f"{self.name} has a cell that fails:\n{cells['failed']}"

    def run(self, code: str) -> None:
        """Run a new cell below all others; raises `AssertionError` with its traceback if it fails."""
        self.page.evaluate(RUN, code)
        self.wait_until_run()

    def keep(self, name: str) -> None:
        """Keep a picture of the whole tab in _out/screenshots/, and what page and kernel said to each other."""
        self.page.screenshot(path=SCREENSHOTS / f"{self.name} {name}.png")
        (SCREENSHOTS / f"{self.name} {name}.txt").write_text(self.page.evaluate("globalThis.said?.join('\\n') ?? ''"))

    def explorer(self, label: str, nth: int = 0) -> "ExplorerOnPage":
        """The explorer that has a control, or a button, called `label`; of several, number `nth`."""
        named = self.page.locator(f"{NAMES}, .s6-button", has_text=exactly(label))
        sentence = self.page.locator(SENTENCE)
        output = self.page.locator(".jp-OutputArea-output").filter(has=named).filter(has=sentence).nth(nth)
        expect(output, f"{self.name} shows no explorer with {label!r}").to_be_attached(timeout=PATIENCE)
        return ExplorerOnPage(self.page, self.marked(output))

    def explorer_saying(self, words: str) -> "ExplorerOnPage":
        """The last explorer whose sentence begins with these words; it is remembered, whatever it says later."""
        sentence = self.page.locator(SENTENCE, has_text=re.compile(f"^{re.escape(words)}"))
        output = self.page.locator(".jp-OutputArea-output").filter(has=sentence).last
        expect(output, f"{self.name} shows no explorer that says {words!r}").to_be_attached(timeout=PATIENCE)
        return ExplorerOnPage(self.page, self.marked(output))

    def marked(self, output: Locator) -> Locator:
        """The same element, whatever it says later; and it is found at once, where a search through all outputs takes long."""
        mark = secrets.token_hex(4)
        output.evaluate("(element, mark) => { element.dataset.mark = mark; }", mark)
        return self.page.locator(f"[data-mark='{mark}']")


class ExplorerOnPage:
    """One explorer: its controls as a hand or a keyboard reaches them, its picture and its words."""

    def __init__(self, page: Page, output: Locator) -> None:
        self.page, self.output = page, output
        self.sentence = output.locator(SENTENCE)
        self.error = output.get_by_role("alert")

    def control(self, label: str) -> Locator:
        """The element of the control with this description."""
        named = self.page.locator(NAMES, has_text=exactly(label))
        return self.output.locator(".s6-control").filter(has=named)

    def press(self, label: str, *keys: str) -> None:
        """Focus the control, as Tab does, and press keys; raises `AssertionError` if one went elsewhere."""
        target = self.live(label).locator(FOCUSABLE).first
        target.evaluate(HEAR)
        target.focus()
        for number, key in enumerate(keys, start=1):
            expect(target).to_be_focused()
            self.page.keyboard.press(key)
            heard, focused = target.evaluate("element => element.heard"), self.page.evaluate(FOCUSED)
            assert heard == number, f"{label!r} did not get {key}, number {number} of {keys}; the focus is on {focused}"

    def live(self, label: str) -> Locator:
        """The control, as soon as it answers: not disabled, and with its keys to itself if JupyterLab would take them."""
        control = self.control(label)
        expect(control.locator("[disabled]")).to_have_count(0)
        if control.locator("select").count():
            expect(control.locator("select")).to_have_attribute(SHORTCUTS_OFF, "true")
        return control

    def drag(self, label: str, fraction: float) -> None:
        """Drag a slider's handle with the mouse to a fraction of its way."""
        slider, mouse = self.live(label).locator("input[type=range]"), self.page.mouse
        share = slider.evaluate("input => (input.value - input.min) / (input.max - input.min)")
        track = box(slider)
        mouse.move(along(track, share), track["y"] + track["height"] / 2)
        mouse.down()
        mouse.move(along(track, fraction), track["y"] + track["height"] / 2, steps=8)
        mouse.up()

    def click_track(self, label: str, fraction: float) -> None:
        """Click a slider's track at a fraction of its length."""
        size = box(self.live(label).locator("input[type=range]"))
        self.page.mouse.click(along(size, fraction), size["y"] + size["height"] / 2)

    def readout(self, label: str) -> float:
        """The number that stands beside a slider."""
        return float(self.control(label).locator("output").inner_text())

    def reads(self, label: str, value: float) -> None:
        """Wait until this number stands beside a slider."""
        number = re.compile(rf"{value:g}(\.0*)?" if value == int(value) else rf"{value:g}0*")
        expect(self.control(label).locator("output")).to_have_text(number, timeout=PATIENCE)

    def choose(self, label: str, option: str) -> None:
        """Choose an option of a list."""
        self.control(label).locator("select").select_option(option)

    def tick(self, label: str) -> None:
        """Click a checkbox."""
        self.control(label).locator("input").click()

    def stroke(self, *points: tuple[float, float]) -> None:
        """Draw a line on the canvas with the mouse, through points given as fractions from its upper left."""
        draw(self.output.get_by_role("application"), [list(points)])
        self.settle()

    def button(self, text: str) -> Locator:
        """The button with this text."""
        return self.output.get_by_role("button", name=text, exact=True)

    def says(self, sentence: str) -> None:
        """Wait until this is the sentence."""
        self.fits(re.escape(sentence))

    def fits(self, pattern: str) -> re.Match:
        """Wait until the sentence fits the regular expression from end to end; returns the match."""
        return self.waited_for(self.sentence, pattern)

    def waited_for(self, element: Locator, pattern: str) -> re.Match:
        """Wait until an element's text fits the regular expression; returns the match.

        (Where an element is empty, Playwright's own `expect` describes the whole page in words at each try.)
        """
        end = time.monotonic() + PATIENCE / 1000
        while not (found := re.fullmatch(pattern, text := element.text_content() or "")):
            if time.monotonic() > end:
                raise AssertionError(f"there is\n{text!r}\nand not\n{pattern!r}; the error: {self.error.text_content()!r}")
            self.page.wait_for_timeout(50)
        return found

    def settle(self) -> None:
        """Wait until nothing is on its way any more, neither to the kernel nor from it."""
        self.page.evaluate(QUIET, PATIENCE)

    def shows_error(self, message: str) -> None:
        """Wait until the widget shows an error that begins so; '' for none."""
        self.waited_for(self.error, rf"(?s)⚠ {re.escape(message)}.*" if message else "")

    def differs_from(self, sentence: str) -> str:
        """Wait until the sentence is another one; returns it."""
        expect(self.sentence).not_to_have_text(sentence, timeout=PATIENCE)
        return self.sentence.inner_text()

    def picture(self) -> str:
        """A fingerprint of the images that the browser shows; raises if it shows none."""
        drawn = self.output.locator("canvas").evaluate_all("all => all.map(it => it.toDataURL()).join()")
        assert drawn, "the explorer shows no picture"
        return hashlib.sha256(drawn.encode()).hexdigest()

    def screenshot(self, name: str) -> None:
        """Keep a picture of the explorer, without the empty space at its right, in _out/screenshots/."""
        path = SCREENSHOTS / f"{name}.png"
        self.output.screenshot(path=path)
        width = self.output.evaluate(RIGHTMOST)
        with Image.open(path) as image:
            image.crop((0, 0, min(round(width) + 8, image.width), image.height)).save(path)


def exactly(text: str) -> re.Pattern:
    """Matches this text and nothing around it but blanks."""
    return re.compile(rf"^\s*{re.escape(text)}\s*$")


def along(track: dict[str, float], fraction: float) -> float:
    """Where on a slider's track the middle of its handle lies."""
    return track["x"] + THUMB / 2 + fraction * (track["width"] - THUMB)


def box(locator: Locator) -> dict[str, float]:
    """Where an element is in the window."""
    locator.scroll_into_view_if_needed()
    found = locator.bounding_box()
    assert found, f"{locator} is not visible"
    return found
