"""Drive front ends without Jupyter: their functions alone, and whole explorers on a page that was opened from a file."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import Browser, Page

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


class Functions:
    """The functions that front ends export, called with numbers, bytes and tensors."""

    def __init__(self, browser: Browser, *fronts: str) -> None:
        self.page = browser.new_page()
        self.page.evaluate(LOAD, front_end(*fronts))

    def __call__(self, body: str, **values: object) -> Any:
        """What `body` returns, an expression of JavaScript; it finds the exports in `s6`, bytes as DataViews."""
        names = ", ".join(values)
        code = f"text => {{ const {{ {names} }} = JSON.parse(text, {REVIVE}); return JSON.stringify({body}); }}"
        return json.loads(self.page.evaluate(code, json.dumps(values, default=packed)))


@contextmanager
def opened(browser: Browser, folder: Path, explorer: Explorer, width: int = 1000) -> Iterator[Page]:
    """A page with the explorer, opened from a file; fails if an error went to the console or a request left."""
    file = folder / "explorer.html"
    page_text = f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>t</title><body>{alive_html(explorer)}'
    file.write_text(page_text, encoding="utf-8")
    page, wrong = browser.new_page(viewport={"width": width, "height": 900}), []
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("request", lambda it: None if it.url.startswith((file.as_uri(), "data:", "blob:")) else wrong.append(it.url))
    page.goto(file.as_uri())
    try:
        yield page
    finally:
        page.close()
    assert not wrong, wrong
