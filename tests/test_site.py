"""The course's web site: whole, closed in itself, and light enough to take along."""

import inspect
import io
import json
import re
import subprocess
import sys
import time
import zipfile
import zlib
from functools import cached_property
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "site")]

import build_site  # noqa: E402
import explorers  # noqa: E402
import library  # noqa: E402
import pages  # noqa: E402
import reading  # noqa: E402
from helpers import built_site  # noqa: E402
from sphinx.errors import ExtensionError  # noqa: E402

from mnist_s6.train import train_in_folder  # noqa: E402

pytestmark = pytest.mark.timeout(900)  # seconds; the first test waits for the build, on a busy machine too
NOTEBOOKS = sorted(path.stem for path in (ROOT / "nbs").glob("*.ipynb"))
TAG = re.compile(r"<(\w+)((?:\s+[\w:-]+(?:=\"[^\"]*\")?)*)\s*/?>")
ATTRIBUTE = re.compile(r'([\w:-]+)="([^"]*)"')


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built site."""
    return built_site()


@pytest.fixture(scope="session")
def texts(site: Path) -> dict[str, str]:
    """The HTML of each page, by its path in the site."""
    return {path.relative_to(site).as_posix(): path.read_text(encoding="utf-8") for path in site.rglob("*.html")}


def tags(text: str) -> list[tuple[str, dict[str, str]]]:
    """The elements of a page, each with its attributes."""
    return [(name, {key: unescape(it) for key, it in ATTRIBUTE.findall(rest)}) for name, rest in TAG.findall(text)]


def notebook(name: str) -> dict:
    """A notebook as it is committed."""
    return json.loads((ROOT / f"nbs/{name}.ipynb").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_a_page(name: str, texts: dict[str, str]) -> None:
    title = "".join(notebook(name)["cells"][0]["source"]).splitlines()[0].lstrip("# ")
    assert re.search(rf"<h1>{re.escape(title)}<a", texts[f"{name}.html"])
    if name != "index":
        assert f'href="{name}.html"' in texts["index.html"]


def test_next_is_one_route_through_all_notebooks(texts: dict[str, str]) -> None:
    """It is also the route that the notebooks' own last lines name."""
    name, route = "index", ["index"]
    while found := re.search(r'<link rel="next"[^>]* href="(\w+)\.html"', texts[f"{name}.html"]):
        last = "".join(notebook(name)["cells"][-1]["source"])
        named = re.search(rf"\bNext: \[\w+\]\({found[1]}\.ipynb\)", last)
        assert named, f"{name} ends with\n{last}\nand not with {found[1]}"
        name = found[1]
        route.append(name)
    assert sorted(route) == NOTEBOOKS


def test_the_menu_says_which_page_this_is(texts: dict[str, str]) -> None:
    """Where it names the page; the library's modules are named on the library's pages alone."""
    for page, text in texts.items():
        here = re.findall(r'<li class="toctree-l\d current (?:has-children )?current-page"><a class="current reference internal" href="(.*?)">', text)
        assert here == ([] if page in ("index.html", "search.html") else ["#"]), page
        assert text.count("current-page") == len(here) and ("toctree-l2" in text) == page.startswith("library/"), page


def test_links_lead_somewhere(texts: dict[str, str], site: Path) -> None:
    ids = {page: {it["id"] for _, it in tags(text) if "id" in it} for page, text in texts.items()}
    for page, text in texts.items():
        for name, attributes in tags(text):
            for link in (attributes.get(key, "") for key in ("href", "src")):
                if re.match(r"\w+:|$", link):
                    continue
                path, _, anchor = link.partition("#")
                target = (site / page).parent.joinpath(path.split("?")[0]).resolve() if path else site / page
                assert target.is_file(), f"{page}: <{name}> leads to {link}, which is not there"
                found = ids.get(target.relative_to(site).as_posix(), set())
                assert not anchor or name == "use" or anchor in found, f"{page}: {link} has no such place"


def test_nothing_is_fetched_from_elsewhere(texts: dict[str, str], site: Path) -> None:
    for page, text in texts.items():
        for name, attributes in tags(text):
            if name != "a":
                links = [attributes.get(key, "") for key in ("href", "src", "srcset", "action", "data")]
                assert not [link for link in links if re.match("https?:|//", link)], f"{page}: <{name} {attributes}>"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(https?:)?//|@import", sheet.read_text(encoding="utf-8")), sheet


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_page_shows_nothing_that_only_the_tools_need(name: str, texts: dict[str, str]) -> None:
    plain = re.sub(r"<[^>]+>", "", "\n".join(re.findall(r"<pre>.*?</pre>", texts[f"{name}.html"], re.DOTALL)))
    assert not re.search(r"^\s*#\|", plain, re.MULTILINE)
    assert "google.colab" not in plain


def test_formulas_need_no_script(texts: dict[str, str]) -> None:
    for name in NOTEBOOKS:
        formulas = re.findall(r"\$\$(.+?)\$\$", "".join(map(reading.text_of, notebook(name)["cells"])), re.DOTALL)
        assert texts[f"{name}.html"].count('<div class="course-formula"><math ') >= len(formulas)
    assert '<math' in texts["02_model.html"]
    assert not [page for page, text in texts.items() if re.search("mathjax@|MathJax.js|katex", text)]


def test_pictures_have_words(texts: dict[str, str]) -> None:
    for page, text in texts.items():
        for name, attributes in tags(text):
            if name == "img":
                words = attributes.get("alt", "")
                assert words and not words.endswith((".webp", ".jpg")), f"{page}: {attributes}"


def test_what_a_notebook_says_of_its_pictures_reaches_its_page(texts: dict[str, str]) -> None:
    for name in NOTEBOOKS:
        said = {words for _, attributes in tags(texts[f"{name}.html"]) if (words := attributes.get("alt"))}
        for cell in notebook(name)["cells"]:
            written = re.findall(r"^#\|\s*fig-alt:\s*(.+)$", reading.text_of(cell), re.MULTILINE)
            assert not written or "; ".join(written) in said, f"{name}: {written}"


def test_pictures_hold_their_room(texts: dict[str, str], site: Path) -> None:
    """Else, what stands below one moves when it comes, and a link within the page leads past its heading."""
    found = 0
    for page, text in texts.items():
        for name, attributes in tags(text):
            if name == "img" and attributes["src"].endswith(".webp"):
                with Image.open((site / page).parent / attributes["src"]) as picture:
                    assert (attributes["width"], attributes["height"]) == tuple(map(str, picture.size)), page
                found += 1
    assert found > 100
    assert not list((site / "_images").glob("*.png"))


def test_the_library_is_documented(texts: dict[str, str]) -> None:
    page = texts["library/mnist_s6.datasets.html"]
    assert 'id="mnist_s6.datasets.load_data"' in page
    assert "Images per row" in page  # a comment beside a parameter
    assert not re.search(r"raises `", page)
    for name in build_site.module_names():
        assert f"library/{name}.html" in texts
    digits = texts["library/mnist_s6.numbers.html"].split('id="mnist_s6.numbers.Number.digits"')[1]
    assert "with a ? in place of a digit in doubt" in digits.split('<dt class="sig')[0]  # a comment beside a property
    listed = texts["library/mnist_s6.train.html"].split('id="mnist_s6.train.train_in_folder"')[1].split("</dl>")[0]
    assert re.findall(r"<li><p><strong>(\w+)</strong>", listed) == list(inspect.signature(train_in_folder).parameters)


def test_the_list_of_the_library_says_what_each_module_is(texts: dict[str, str]) -> None:
    items = re.findall(r'<li><p><a [^>]*href="(\S+)\.html">.*?</a>: (.+?)</p>', texts["library/index.html"])
    assert [name for name, _ in items] == list(build_site.module_names())
    assert dict(items)["mnist_s6.train"] == "A whole training under one name, and checkpoints to stop it and go on."


def test_the_course_starts_where_its_route_does(texts: dict[str, str]) -> None:
    (first,) = re.findall(r'<link rel="next"[^>]* href="(\w+\.html)"', texts["index.html"])
    assert f'<a href="{first}">Start the course</a>' in texts["index.html"]


def test_the_version_and_its_date_stand_on_each_page(texts: dict[str, str]) -> None:
    version = re.search(r"^version = (.+)$", (ROOT / "settings.ini").read_text(), re.MULTILINE)[1]
    for name in NOTEBOOKS:
        assert re.search(rf"version {re.escape(version)}, \d+ \w+ 20\d\d", texts[f"{name}.html"])


def test_the_zip_holds_the_site(site: Path, tmp_path: Path) -> None:
    archive = site / build_site.ZIP
    assert archive.stat().st_size <= build_site.LIMIT
    with zipfile.ZipFile(archive) as opened:
        names = {name.split("/", 1)[1] for name in opened.namelist()}
    present = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert {"index.html", "searchindex.js"} <= names == {it for it in present if it[0] != "."} - {build_site.ZIP}
    for number in (1, 2):
        build_site.pack(site / "_static", tmp_path / f"{number}" / "it.zip")
    assert (tmp_path / "1/it.zip").read_bytes() == (tmp_path / "2/it.zip").read_bytes()


def test_nothing_large_is_there_twice(site: Path) -> None:
    """Networks, images and stills that several explorers show are shared."""
    files = [path for path in site.rglob("*") if path.is_file() and path.stat().st_size > 2000]
    assert len(files) > 100 and len({path.read_bytes() for path in files}) == len(files)


def test_without_git_the_time_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder that isn't a repository, and where there is no program git: Sphinx wants a number."""
    monkeypatch.setattr(build_site, "ROOT", tmp_path)
    assert abs(int(build_site.last_change()) - time.time()) < 60
    monkeypatch.setenv("PATH", str(tmp_path))
    assert abs(int(build_site.last_change()) - time.time()) < 60


def test_a_warning_fails_the_build(tmp_path: Path) -> None:
    first = {"cell_type": "markdown", "metadata": {}, "source": "# A\n> b.\n\n[lost](nowhere.ipynb)"}
    (tmp_path / "in").mkdir()
    nb = {"cells": [first], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    (tmp_path / "in/S6.ipynb").write_text(json.dumps(nb))
    (tmp_path / "in/index.md").write_text("# t\n```{toctree}\nS6\n```\n")
    code = "import sys, build_site; from pathlib import Path; build_site.run_sphinx(*map(Path, sys.argv[1:]))"
    command = [sys.executable, "-c", code, tmp_path, tmp_path / "in"]
    done = subprocess.run(command, cwd=ROOT / "tools", capture_output=True, text=True)
    assert done.returncode and "nowhere.ipynb" in done.stderr


def test_chapters_follow_the_index_and_new_notebooks_appear() -> None:
    text = "**One**\n\n| x | y |\n|---|---|\n| [b](b.ipynb) | [c](c.ipynb) |\n\n**Two**\n\n| [20_a](20_a.ipynb) | |\n"
    index = {"cells": [{"cell_type": "markdown", "source": text}]}
    assert pages.chapters(index, ["20_a", "b", "index"]) == {"One": ["b"], "Two": ["20_a"]}
    more = ["20_a", "21_c", "22_d", "b", "new"]
    assert pages.chapters(index, more) == {"One": ["b"], "Two": ["20_a", "21_c", "22_d"], pages.REST: ["new"]}


def test_what_front_ends_share_and_each_of_them_use_no_name_twice() -> None:
    """On a page they end up in one room, whether a front end imports it all or not."""
    top = re.compile(r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+)", re.MULTILINE)
    fronts = [path.name for path in (ROOT / "mnist_s6/widgets").glob("*.js")]
    for front in fronts:
        files = *explorers.BASE, front
        together = {name: text for file in files for name, text in explorers.modules(file).items()}
        names = [name for text in together.values() for name in top.findall(text)]
        assert len(names) > 50 and len(names) == len(set(names)), front
        assert not set(names) & {"history", "location", "document", "navigator", "performance"}, front  # the browser's


def test_links_to_files_outside_nbs_go_to_the_repository() -> None:
    held = pages.hold_links("[x](../bench/README.md#a) [y](S6.ipynb)", ROOT, "https://e.org/blob/main")
    assert held == "[x](https://e.org/blob/main/bench/README.md#a) [y](S6.ipynb)"
    with pytest.raises(ExtensionError, match="no such file"):
        pages.hold_links("[x](../lost.md)", ROOT, "https://e.org")


@pytest.mark.parametrize(
    ("source", "output", "words"),
    [
        ("plot(x, title='Ten digits')", {"text/plain": "<Figure size 1>"}, "Ten digits"),
        ("plot(x)", {"text/plain": "The sentence."}, "The sentence."),
        ("#| fig-alt: A seven\nplot(x)", {"text/plain": "<Figure>"}, "A seven"),
        ("show(x/4, 'Two digits')", {}, "Two digits"),
    ],
)
def test_a_picture_in_words(source: str, output: dict[str, str], words: str) -> None:
    out = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "", **output}}
    cell = {"cell_type": "code", "metadata": {}, "source": source, "outputs": [out]}
    assert pages.in_words(cell) == words


def test_a_picture_without_words_stops_the_build() -> None:
    out = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "", "text/plain": "<Figure size 1>"}}
    with pytest.raises(ExtensionError, match=r"(?s)fig-alt.*plot\(x\)"):
        pages.in_words({"cell_type": "code", "metadata": {}, "source": "plot(x)", "outputs": [out]})


def test_a_cell_for_reading() -> None:
    cell = {"cell_type": "code", "metadata": {}, "source": "#| export\n#| echo: false\nx = 1\n", "outputs": []}
    assert reading.for_reading(cell)["source"] == "x = 1"
    assert cell["metadata"] == {"tags": ["remove-input"], "transient": {"remove_source": True}}  # for the site and README.md
    for kind, source, expected in [("code", "#| hide\nx", True), ("code", "if 'google.colab' in sys.modules: x", True),
                                   ("code", "#| export\nx", False), ("markdown", "#| hide\nx", False)]:  # fmt: skip
        assert reading.is_machinery({"cell_type": kind, "source": source}) is expected


def one(first: int,  # The first
        second: str = "",
        *more: int) -> int:  # What comes out, as `x`
    """Do `it` to a*b."""


class Two:
    """A class."""

    field: int = 1  # How many

    def __init__(self, field: str, name: str, other: str = ""):  # Of it
        """Begin."""

    @property
    def kind(self) -> str:  # As in 'two'
        """What it is."""

    @cached_property
    def size(self) -> int:  # In bytes
        """How large it is."""

    def bare(self, first: int) -> int:  # What comes out
        """No word about `first`."""


def test_comments_beside_parameters_are_their_documentation() -> None:
    told = [("first", "The first"), ("second", ""), ("more", ""), ("return", "What comes out, as `x`")]
    assert list(library.described(one)) == told  # none is missing where others have a comment
    assert list(library.described(Two)) == [("field", "How many"), ("name", ""), ("other", "Of it")]
    assert list(library.described(vars(Two)["kind"])) == [("return", "As in 'two'")]
    assert list(library.described(vars(Two)["size"])) == [("return", "In bytes")]
    assert list(library.described(Two.bare)) == [("return", "What comes out")]
    assert list(library.described(3)) == []
    lines = ["Do `it` to a*b."]
    library.with_parameters(None, "function", "one", one, None, lines)
    fields = [":param first: The first", ":param second:", ":param more:", ":returns: What comes out, as ``x``"]
    assert lines == [r"Do ``it`` to a\*b.", "", *fields, ""]


def test_icons_are_there_and_asked_for(texts: dict[str, str]) -> None:
    """Our templates write the theme's icons in fewer letters, and only those that it shows."""
    drawn, shown = [], set()
    for page, text in texts.items():
        drawn.append(set(re.findall(r'<symbol id="([^"]+)"', text)))
        shown |= (asked := set(re.findall(r'<use href="#([^"]+)"', text)))
        assert asked <= drawn[-1], page
    assert len(shown) == 7 and all(it == shown for it in drawn)


def test_what_all_pages_say_stands_in_a_file(texts: dict[str, str], site: Path) -> None:
    """The style that the settings make, once; files have short names, and nothing is there that no page leads to."""
    sheet = (site / "_static/course.css").read_text(encoding="utf-8")
    for name in ("--color-brand-primary: #00588a", "--color-brand-primary: #7cc4f5", "--color-code-background: #f2f2f2"):
        assert name in sheet and not [page for page, text in texts.items() if name in text]
    assert not [path for path in site.rglob("*") if len(path.stem) > 60]
    version = f"course.css?v={zlib.crc32(sheet.encode()):08x}"  # of what is in it now
    assert not [page for page, text in texts.items() if set(re.findall(r"course\.css\?v=\w+", text)) != {version}]
    assert not (site / "objects.inv").exists() and not (site / "genindex.html").exists()


def test_a_lighter_page_says_the_same() -> None:
    """Spaces count in code; elsewhere a line may begin without them."""
    page = '<head><style>\nb {}\n</style></head>\n\n  <p>a\n   <code><span class="pre">b</span></code></p>\n<pre>c\n\n    d</pre>\n  <pre>e\n  f</pre>'
    assert build_site.lighter(page) == "<head></head>\n<p>a\n<code>b</code></p>\n<pre>c\n\n    d</pre>\n<pre>e\n  f</pre>"
    name = "0123456789ab" + 52 * "c"
    assert build_site.lighter(f'<img src="_images/{name}.png" alt="{name}">') == f'<img src="_images/0123456789ab.webp" alt="{name}">'


def test_a_picture_loses_what_no_eye_sees() -> None:
    """Lines stay as they are; of soft greys, nearly so, in far fewer bytes."""
    lines = Image.new("RGB", (200, 100), "white")
    lines.paste((0, 114, 178), (20, 20, 180, 22))
    soft = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 16)).astype(np.uint8)).resize((320, 160), Image.Resampling.BICUBIC)
    for picture, most in ((lines, 0), (soft.convert("RGB"), 16)):
        with Image.open(io.BytesIO(content := build_site.as_webp(picture))) as shown:
            difference = ImageChops.difference(picture, shown.convert("RGB"))
        assert max(high for _, high in difference.getextrema()) <= most
    lossless = io.BytesIO()
    soft.convert("RGB").save(lossless, "WEBP", lossless=True)
    assert len(content) < 0.5 * len(lossless.getvalue())


def test_pictures_of_many_colours_become_smaller_and_look_the_same() -> None:
    """All greys and a colour, as our figures have; one that is partly transparent keeps them all."""
    picture = Image.new("RGB", (256, 64), "#0072B2")
    columns = np.random.default_rng(0).permutation(256).astype(np.uint8)
    picture.paste(Image.fromarray(np.tile(columns, (48, 1))), (0, 8))
    ghost = picture.convert("RGBA")
    ghost.putalpha(200)
    for like, most, colours in (picture, 4, 128), (ghost, 0, 257):
        with Image.open(io.BytesIO(build_site.as_webp(like))) as shown:
            seen = shown.convert(like.mode)
        assert max(high for _, high in ImageChops.difference(like, seen).getextrema()) <= most
        assert len(seen.getcolors(1000)) <= colours


def test_plain_words_of_code_need_no_mark(site: Path) -> None:
    """Names and brackets look as unmarked code does, in the light and in the dark, and so aren't marked."""
    style = re.sub(r"/\*.*?\*/", "", (site / "_static/pygments.css").read_text(encoding="utf-8"))
    colours = {selector.strip(): colour for selector, colour in re.findall(r"([^{}]*)\{[^{}]*?\bcolor: (#\w+)", style)}
    plain = [selector for selector in colours if re.search(r"\.highlight \.[np]$", selector)]
    assert len(plain) == 6 and all(colours[it] == colours[it[: it.rindex(" ")]] for it in plain)
    code = '<span class="n">f</span><span class="p">(</span><span class="s1">&#39;a&#39;</span><span class="p">)</span>'
    assert build_site.lighter(code) == 'f(<span class="s1">&#39;a&#39;</span>)'
