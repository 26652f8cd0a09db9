"""Drive the machine's own Firefox by WebDriver BiDi, a protocol that it speaks without a driver beside it."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from strokes import Line
from websocket import create_connection

PATIENCE = 60  # seconds that Firefox may take to start, and to say something
LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
EVENTS = ["log.entryAdded", "network.beforeRequestSent", "browsingContext.load"]
NO_PREFETCH = 'user_pref("network.prefetch-next", false);\n'  # a page's next one comes only when it is opened
END, HOME = "\ue010", "\ue011"  # the keys, as WebDriver writes them


class Firefox:
    """One tab without a window; in `wrong`, its errors, and all that it asked for outside of `address`."""

    def __init__(self, path: str) -> None:
        self.address, self.loaded, self.wrong, self.sent = "about:", "", list[str](), 0
        self.profile = Path(tempfile.mkdtemp(prefix="firefox-"))  # its home, too: it touches nothing of the user's
        (self.profile / "user.js").write_text(NO_PREFETCH)
        command = [path, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(self.profile)]
        env = os.environ | {"HOME": str(self.profile), "MOZ_CRASHREPORTER_DISABLE": "1"}
        with (self.profile / "said").open("w") as said:
            self.process = psutil.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            self.socket = create_connection(f"{self.listening()}/session", timeout=PATIENCE, suppress_origin=True)
            self.command("session.new", capabilities={})
            self.tab = self.command("browsingContext.getTree")["contexts"][0]["context"]
            self.command("session.subscribe", events=EVENTS)
        except BaseException:
            self.close()
            raise

    def listening(self) -> str:
        """Where it listens; raises `RuntimeError` with what it said if it doesn't."""
        end, said = time.monotonic() + PATIENCE, ""
        while time.monotonic() < end and self.process.poll() is None:
            said = (self.profile / "said").read_text("utf-8", "replace")
            if found := LISTENS.search(said):
                return found[1]
            time.sleep(0.1)
        raise RuntimeError(f"Firefox did not start:\n{said}")

    def close(self) -> None:
        """End it with all its processes, and delete its profile."""
        whole = [*self.process.children(recursive=True), self.process] if self.process.is_running() else []
        for process in whole:
            process.kill()
        psutil.wait_procs(whole, timeout=10)
        shutil.rmtree(self.profile, ignore_errors=True)

    def command(self, method: str, **parameters: object) -> Any:
        """The result of a command; raises `RuntimeError` with the error's words."""
        self.sent += 1
        self.socket.send(json.dumps({"id": self.sent, "method": method, "params": parameters}))
        while (said := self.hear()).get("id") != self.sent:
            pass
        if said["type"] == "error":
            raise RuntimeError(f"{method}: {said['message']}")
        return said["result"]

    def hear(self) -> dict[str, Any]:
        """What it says next; an error in the console and a request that leaves the site are kept."""
        said = json.loads(self.socket.recv())
        match said.get("method"), said.get("params"):
            case "log.entryAdded", {"level": "error", "text": text}:
                self.wrong.append(text)
            case "network.beforeRequestSent", {"request": {"url": url}}:
                self.wrong += [] if url.startswith((self.address, "blob:", "data:")) else [f"asks for {url}"]
            case "browsingContext.load", {"url": url}:
                self.loaded = url
        return said

    def went_wrong(self) -> list[str]:
        """What has gone wrong since this was asked last."""
        self.evaluate("new Promise(done => setTimeout(done))")  # what happened until now is heard before the answer
        wrong, self.wrong = self.wrong, []
        return wrong

    def open(self, name: str) -> None:
        """Go to a page of the site, and wait until it is loaded."""
        address, self.loaded = f"{self.address}/{name}.html", ""
        self.command("browsingContext.navigate", context=self.tab, url=address, wait="none")
        while self.loaded != address:  # a command that is told to wait may answer while the last page is still there
            self.hear()

    def evaluate(self, code: str) -> Any:
        """The value of an expression, or what it promises; raises `RuntimeError` with the page's own error."""
        code = f"(async () => JSON.stringify((await ({code})) ?? null))()"
        answer = self.command("script.evaluate", expression=code, target={"context": self.tab}, awaitPromise=True)
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def until(self, code: str) -> None:
        """Wait until an expression is true; raises `TimeoutError` after 20 seconds."""
        end = time.monotonic() + 20
        while not self.evaluate(code):
            if time.monotonic() > end:
                raise TimeoutError(f"not true after 20 seconds: {code}")
            time.sleep(0.02)

    def size(self, width: int, height: int) -> None:
        """Give the page another size."""
        self.command("browsingContext.setViewport", context=self.tab, viewport={"width": width, "height": height})

    def perform(self, device: str, *steps: dict[str, Any]) -> None:
        """Act as a mouse ("pointer") or a keyboard ("key")."""
        actions = [{"type": device, "id": device, "actions": steps}]
        self.command("input.performActions", context=self.tab, actions=actions)

    def press(self, key: str) -> None:
        """Press a key, and let it go."""
        self.perform("key", {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key})

    def draw(self, canvas: str, lines: list[Line]) -> None:
        """Draw lines with the mouse on the sheet that a selector names."""
        left, top, width, height = self.evaluate(f"""(it => {{
            it.scrollIntoView({{ block: "center", behavior: "instant" }});
            const {{ left, top, width, height }} = it.getBoundingClientRect();
            return [left, top, width, height];
        }})(document.querySelector("{canvas}"))""")
        for line in lines:
            places = [(round(left + x * width), round(top + y * height)) for x, y in line]
            first, *more = [{"type": "pointerMove", "x": x, "y": y} for x, y in places]
            down, up = ({"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp"))
            self.perform("pointer", first, down, *more, up)
