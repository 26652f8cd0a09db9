"""A notebook as a reader of the site wants it: links that hold, no lines for nbdev, pictures in words."""

import json
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from addresses import COLAB, read_settings
from explorers import SAVED, place_of_output, write_front
from PIL import Image
from reading import Cell, for_reading, is_machinery, text_of
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

OUTSIDE = re.compile(r"\]\(\.\./([^)\s#]+)(#[^)\s]*)?\)")  # [text](../a/file)
CHAPTER = re.compile(r"^\*\*(.+)\*\*\s*$", re.MULTILINE)  # a bold line over a table of notebooks
ENTRY = re.compile(r"^\|\s*\[[^\]]+\]\((\w[\w-]*)\.ipynb\)", re.MULTILINE)
TITLES = re.compile(r"""(?:title(?:=|\()|\bshow\([^'"]+,)\s*f?(["'])(.+?)\1""")
PICTURE = re.compile(r'src="(?:\.\./)*_images/([^"/]+\.png)"')
RAW = "```{{raw}} html\n{}\n```\n"
RUN = """<p class="course-run">This page is a notebook, with what its cells gave. To change it and run it:
<code>make lab</code>, or <a href="{colab}">open it in Colab</a>. <a href="{source}">Its source</a></p>"""
ZIP = "mnist_s6-course.zip"  # the whole site, on the site
REST = "More rooms"  # over notebooks without a number that no table of index.ipynb names


def chapters(index: dict[str, Any], names: list[str]) -> dict[str, list[str]]:
    """The route: what index.ipynb's tables name, under their captions. Others stand by their numbers, or last."""
    text = "\n".join(text_of(cell) for cell in index["cells"] if cell["cell_type"] == "markdown")
    _, *parts = CHAPTER.split(text)
    found = {title: ENTRY.findall(table) for title, table in zip(parts[::2], parts[1::2], strict=True)} | {REST: []}
    home = {name: title for title, listed in found.items() for name in listed if name[0].isdigit()}
    for name in names:
        if name != "index" and not any(name in listed for listed in found.values()):
            before = max((other for other in home if other < name), default=None) if name[0].isdigit() else None
            listed = found[home[before]] if before else found[REST]
            listed.insert(listed.index(before) + 1 if before else len(listed), name)
            if before:
                home[name] = home[before]
    return {title: listed for title, listed in found.items() if listed}


def room_title(path: Path) -> str:
    """What the menu calls a notebook: its number and its title."""
    title = text_of(json.loads(path.read_text(encoding="utf-8"))["cells"][0]).splitlines()[0].lstrip("# ")
    number = re.match(r"\d+", path.stem)
    return f"{number[0]} {title}" if number else title


def menu(index: dict[str, Any], folder: Path) -> str:
    """The site's menu, which is also the order of Next."""
    names = sorted(path.stem for path in folder.glob("*.ipynb"))
    parts = {
        title: [f"{room_title(folder / f'{name}.ipynb')} <{name}>" for name in listed]
        for title, listed in chapters(index, names).items()
    }
    parts["Reference"] = ["library/index"]
    form = "```{{toctree}}\n:hidden:\n:caption: {}\n\n{}\n```\n"
    return "\n".join(form.format(title, "\n".join(entries)) for title, entries in parts.items())


def in_words(cell: Cell) -> str:
    """What a cell's pictures show, for those who can't see them: their own words, or the titles in the code.

    Raises `ExtensionError` for pictures without words.
    """
    pictures = [out for out in cell["outputs"] if any(kind.startswith("image/") for kind in out.get("data", {}))]
    written = re.findall(r"^#\|\s*fig-alt:\s*(.+)$", text_of(cell), re.MULTILINE)
    spoken = ["".join(out["data"].get("text/plain", "<")) for out in pictures]
    if any("display.Image object" in text for text in spoken):  # a `Picture`: its sentence is printed below it
        spoken += ["".join(out["text"]) for out in cell["outputs"] if out["output_type"] == "stream"]
    titles = [title for _, title in TITLES.findall(text_of(cell)) if "{" not in title]
    said = written or [text for text in spoken if not text.startswith("<")] or titles
    if pictures and not said:
        raise ExtensionError(f"the picture of this cell has no words; begin it with `#| fig-alt: what it shows`:\n{text_of(cell)}")
    return " ".join("; ".join(said).split())


def alive(outputs: list[Cell], name: str, folder: Path) -> Iterator[Cell]:
    """A notebook's outputs, with a place on the page for each explorer; its files go to `folder`."""
    for number, output in enumerate(outputs):
        data = output.get("data", {})
        if SAVED in data:
            output["data"] = {"text/html": place_of_output(folder, f"{name}-{number}" if number else name, data)}
        yield output


def hold_links(text: str, root: Path, address: str) -> str:
    """Markdown whose links to files outside nbs/ go to the repository; raises `ExtensionError` if one isn't there."""

    def rewrite(match: re.Match[str]) -> str:
        if not (root / match[1]).exists():
            raise ExtensionError(f"a notebook links to ../{match[1]}, and there is no such file: mend the link")
        return f"]({address}/{match[1]}{match[2] or ''})"

    return OUTSIDE.sub(rewrite, text)


def run_it(name: str, settings: Any) -> str:
    """Where a notebook's page leads to the notebook itself."""
    where = {key: settings[key] for key in ("user", "repo", "branch")}
    colab = COLAB.format(path=f"nbs/{name}.ipynb", **where)
    source = f"{settings['git_url']}/blob/{settings['branch']}/nbs/{name}.ipynb"
    return RUN.format(colab=escape(colab), source=escape(source))


def first_page(root: Path, settings: Any, folder: Path) -> str:
    """The top of the first page; writes to `folder` what it needs."""
    front = (root / "site/front.html").read_text(encoding="utf-8")
    return front.format(zip=escape(f"{settings['doc_host']}{settings['doc_baseurl']}/{ZIP}"), parts=write_front(folder))


def with_opening(text: str, insert: str) -> str:
    """A notebook's first cell with something put under its title and the sentence below it."""
    opening, rest = re.fullmatch(r"(# .+\n\s*>.+(?:\n>.+)*)((?s:.*))", text).groups()
    return f"{opening}\n\n{insert}\n{rest}"


def as_page(app: Sphinx, name: str, source: list[str]) -> None:
    """Turn a notebook's text into the one that Sphinx shall read."""
    path = Path(app.env.doc2path(name))
    if path.suffix != ".ipynb":
        return
    root, nb = Path(app.config.course_root), json.loads(source[0])
    settings = read_settings(root)
    nb["metadata"]["language_info"] = {"name": "python", "pygments_lexer": "python"}  # nbdev_clean drops it
    cells = [cell for cell in nb["cells"] if not is_machinery(cell)]
    folder = Path(app.outdir, "_static/explorers")
    for cell in cells:
        if cell["cell_type"] == "code":
            cell["outputs"] = list(alive(cell["outputs"], f"{name}-{cell['id']}", folder))
            cell["metadata"]["mystnb"] = {"image": {"alt": in_words(cell)}}  # before its fig-alt goes
            for_reading(cell)
        elif cell["cell_type"] == "markdown":
            cell["source"] = hold_links(text_of(cell), root, f"{settings['git_url']}/blob/{settings['branch']}")
    insert = RAW.format(first_page(root, settings, folder) if name == "index" else run_it(name, settings))
    cells[0]["source"] = with_opening(cells[0]["source"], insert)
    if name == "index":
        cells.append({"cell_type": "markdown", "id": "menu", "metadata": {}, "source": menu(nb, path.parent)})
    source[0] = json.dumps(nb | {"cells": cells})


def hold_room(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Write each picture's size on the page, which then holds its room: nothing moves when it comes."""
    sources = {file: Path(app.srcdir, path) for path, file in app.builder.images.items()}

    def sized(match: re.Match[str]) -> str:
        with Image.open(sources.get(match[1], Path(app.outdir, "_images", match[1]))) as image:
            return f'{match[0]} width="{image.width}" height="{image.height}"'

    context["body"] = PICTURE.sub(sized, context.get("body", ""))


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.add_config_value("course_root", "", "env", [str])
    app.connect("source-read", as_page)
    app.connect("html-page-context", hold_room)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
