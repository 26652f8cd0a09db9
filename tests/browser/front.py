"""Drive front ends without Jupyter: their functions alone, and whole explorers on a page that was opened from a file."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request

from mnist_s6.widgets.base import Explorer, alive_html, front_end

REVIVE = """(key, value) => typeof value?.base64 !== "string" ? value :
    new DataView(Uint8Array.from(atob(value.base64), letter => letter.charCodeAt(0)).buffer)"""
LOAD = """async text => {
    window.s6 = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
}"""


def packed(value: object) -> object:
    """Bytes, and a tensor's numbers as bytes, for JSON."""
    if isinstance(value, torch.Tensor):
        value = value.contiguous().numpy().tobytes()
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else str(value)


_idle: list[Page] = []  # a page costs more than most of what is tested on it


def take(browser: Browser) -> Page:
    """An empty page of its own context, which nobody else uses; a new one only if there is none."""
    return _idle.pop() if _idle else browser.new_page()


def give_back(page: Page) -> None:
    """Leave a page as it was taken: empty, with the mouse in the corner."""
    page.mouse.move(0, 0)
    page.goto("about:blank")
    _idle.append(page)


class Functions:
    """The functions that front ends export, called with numbers, bytes and tensors."""

    def __init__(self, browser: Browser, *fronts: str) -> None:
        self.page = take(browser)
        self.page.evaluate(LOAD, front_end(*fronts))

    def __call__(self, body: str, **values: object) -> Any:
        """What `body` returns or promises, an expression of JavaScript; it finds the exports in `s6`, bytes as DataViews."""
        names = ", ".join(values)
        code = f"async text => {{ const {{ {names} }} = JSON.parse(text, {REVIVE}); return JSON.stringify(await ({body})); }}"
        return json.loads(self.page.evaluate(code, json.dumps(values, default=packed)))

    def close(self) -> None:
        """Forget them."""
        give_back(self.page)


class WentWrong(Exception):
    """What a page did wrong; no `AssertionError`, so that a test which waits for it fails where it expects something else."""


class Faults(list[str]):
    """What goes wrong on a page that is opened from a file: its errors, and all that it asks for elsewhere."""

    def __init__(self, page: Page, address: str) -> None:
        super().__init__()
        self.page, self.address = page, address
        self.events = {"pageerror": self.error, "console": self.said, "request": self.asked}
        for event, hear in self.events.items():
            page.on(event, hear)

    def error(self, error: Error) -> None:
        """An exception that nobody caught."""
        self.append(str(error))

    def said(self, message: ConsoleMessage) -> None:
        """Something in the console."""
        if message.type == "error":
            self.append(message.text)

    def asked(self, request: Request) -> None:
        """Something is loaded."""
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.append(request.url)

    def end(self) -> None:
        """Listen no more."""
        for event, hear in self.events.items():
            self.page.remove_listener(event, hear)


@contextmanager
def opened(browser: Browser, folder: Path, explorer: Explorer | str, width: int = 1000) -> Iterator[Page]:
    """A page with the explorer, or its HTML, opened from a file; fails if an error went to the console or a request left."""
    file = folder / "explorer.html"
    body = explorer if isinstance(explorer, str) else alive_html(explorer)
    file.write_text(f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>t</title><body>{body}', encoding="utf-8")
    page = take(browser)
    page.set_viewport_size({"width": width, "height": 900})
    page.set_default_timeout(20_000)
    wrong = Faults(page, file.as_uri())
    page.goto(file.as_uri())
    try:
        yield page
    finally:
        wrong.end()
        if page.evaluate("'__pwClock' in globalThis"):
            page.context.close()  # a clock can't be put back
        else:
            give_back(page)
    if wrong:
        raise WentWrong(wrong)


def stop_clock(page: Page) -> None:
    """From here on, time is the test's: it passes only by `page.clock.run_for`. (Installed alone, the clock goes on by itself.)"""
    page.clock.install(time=0)
    page.clock.pause_at(1_000_000)
