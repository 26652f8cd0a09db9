"""Explorers on the site's pages: what each needs, in files that a page can load without a server."""

import base64
import hashlib
import json
from html import escape
from pathlib import Path
from typing import Any

from mnist_s6.weights import pretrained
from mnist_s6.widgets.base import SAVED, modules, saved_state
from mnist_s6.widgets.drawing import draw_explorer

PLACE = """<div class="course-explorer" id="{name}" data-front="{front}" data-parts="{parts}">
<img loading="lazy" src="_images/{picture}" alt="{text}"><p>{text}</p></div>"""
BASE = ("page.js", "stage.js", "pictures.js", "chart.js", "network.js", "augment.js")  # of many front ends, so in a file of their own
SHARED = 4000  # letters of base64 from which on a value is one: several explorers show the same network, the same images


def write_script(path: Path, table: str, value: str) -> None:
    """A script that puts one text into a table of course.js."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"course.{table}[{json.dumps(path.stem)}] = {json.dumps(value)};\n", encoding="utf-8")


def front_name(front: str, name: str) -> str:
    """What the page calls a front end: its file's name, or for the text of a module the explorer's own."""
    return front.removesuffix(".js") if front.endswith(".js") else f"{name}-front"


def digest(content: bytes) -> str:
    """A name that the same content has always, and no other: the one that myst-nb gives to a picture."""
    return hashlib.sha256(content).hexdigest()


def shared_out(folder: Path, state: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A state whose large values are scripts of their own, and the names of those."""
    kept, parts = dict(state), []
    for key, value in state.items():
        if isinstance(value, dict) and len(value.get("base64", "")) >= SHARED:
            parts.append(f"part-{digest(value['base64'].encode())[:12]}")
            write_script(folder / f"{parts[-1]}.js", "parts", value["base64"])
            kept[key] = {"part": parts[-1]}
    return kept, parts


def write_parts(folder: Path, name: str, saved: dict[str, Any]) -> tuple[str, str]:
    """The scripts that an explorer's place needs; returns the name of its front end, and those of the parts of its state."""
    front, base = front_name(saved["front"], name), {}
    for file in BASE:
        base |= modules(file)
    own = [text for file, text in modules(saved["front"]).items() if file not in base]
    write_script(folder / "base.js", "fronts", "\n".join(base.values()))
    write_script(folder / f"{front}.js", "fronts", "\n".join(own))
    state, parts = shared_out(folder, saved["state"])
    write_script(folder / f"{name}.js", "saved", json.dumps({"state": state, "answers": saved["answers"]}))
    return front, " ".join(parts)


def place_of_output(folder: Path, name: str, data: dict[str, Any]) -> str:
    """The place of an explorer that a cell has shown, with its still until it is alive; writes its files."""
    front, parts = write_parts(folder, name, data[SAVED])
    still = base64.b64decode("".join(data["image/png"]))
    picture = folder.parent.parent / "_images" / f"{digest(still)}.png"
    picture.parent.mkdir(exist_ok=True)
    picture.write_bytes(still)
    return PLACE.format(name=name, front=front, parts=parts, picture=picture.name, text=escape("".join(data["text/plain"])))


def write_front(folder: Path) -> str:
    """What the first page needs: a sheet to draw on, and the network that comes with the course; returns its parts' names."""
    explorer = draw_explorer(pretrained())
    return write_parts(folder, "front", {"front": explorer.front, **saved_state(explorer)})[1]
