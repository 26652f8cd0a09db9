"""Explorers on the site's pages: what each needs, in files that a page can load without a server."""

import base64
import io
import json
from html import escape
from pathlib import Path
from typing import Any

from mnist_s6.weights import pretrained
from mnist_s6.widgets.base import SAVED, front_end, saved_state
from mnist_s6.widgets.drawing import draw_explorer
from PIL import Image

PLACE = """<div class="course-explorer" id="{name}" data-front="{front}">
<img loading="lazy" src="_static/explorers/{name}.png" alt="{text}"><p>{text}</p></div>"""


def write_script(path: Path, table: str, value: str) -> None:
    """A script that puts one text into a table of course.js."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"course.{table}[{json.dumps(path.stem)}] = {json.dumps(value)};\n", encoding="utf-8")


def front_name(front: str, name: str) -> str:
    """What the page calls a front end: its file's name, or for the text of a module the explorer's own."""
    return front.removesuffix(".js") if front.endswith(".js") else f"{name}-front"


def write_parts(folder: Path, name: str, saved: dict[str, Any]) -> str:
    """The scripts that an explorer's place needs: its front end and its state; returns the front end's name."""
    front = front_name(saved["front"], name)
    write_script(folder / f"{front}.js", "fronts", front_end("page.js", saved["front"]))
    write_script(folder / f"{name}.js", "saved", json.dumps({key: saved[key] for key in ("state", "answers")}))
    return front


def smaller(png: bytes) -> bytes:
    """The same picture in at most 128 colours, if nothing shines through it and that takes fewer bytes."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        if image.convert("RGBA").getextrema()[3][0] < 255:
            return png
        image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return min(png, buffer.getvalue(), key=len)


def place_of_output(folder: Path, name: str, data: dict[str, Any]) -> str:
    """The place of an explorer that a cell has shown, with its still until it is alive; writes its files."""
    front = write_parts(folder, name, data[SAVED])
    (folder / f"{name}.png").write_bytes(smaller(base64.b64decode("".join(data["image/png"]))))
    return PLACE.format(name=name, front=front, text=escape("".join(data["text/plain"])))


def write_front(folder: Path) -> None:
    """What the first page needs: a sheet to draw on, and the network that comes with the course."""
    explorer = draw_explorer(pretrained())
    write_parts(folder, "front", {"front": explorer.front, **saved_state(explorer)})
