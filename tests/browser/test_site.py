"""The course's web site in a browser: from a server and from a file, on a phone, enlarged, in the dark, and for everyone."""

import re
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from axe_playwright_python.sync_playwright import Axe
from helpers import ROOT, built_site
from playwright.sync_api import Browser, Page, Route, expect

PHONE, ENLARGED, DESK = (390, 844), (640, 512), (1280, 1024)  # a window of 1280×1024, enlarged to 200%, has 640×512
PAGES = [path.stem for path in sorted((ROOT / "nbs").glob("*.ipynb"))]
LIBRARY = ["library/index", "library/mnist_s6.datasets", "library/mnist_s6.model"]
# Elements of the page's text that are wider than their room, or hide a part of what they hold.
CUT_OFF = """() => Array.from(document.querySelectorAll("article *")).filter(it => {
    const style = getComputedStyle(it), box = it.getBoundingClientRect();
    if (!box.width || box.width <= 1 || style.position === "absolute" || it.closest("svg, math")) return false;
    return box.right > innerWidth + 1 || (style.overflowX !== "visible" && it.scrollWidth > it.clientWidth + 1);
}).map(it => it.outerHTML.slice(0, 150))"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and logs nothing."""

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def site() -> Path:
    """The built site's folder."""
    return built_site()


@pytest.fixture(scope="session")
def addresses(site: Path) -> Iterator[dict[str, str]]:
    """Where the site is: from a server, and as files."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield {"http": f"http://127.0.0.1:{server.server_port}", "file": site.as_uri()}
        server.shutdown()


class Visitor:
    """A page of the site, the rest of the world cut off: what it would fetch from there, and its errors, are noted."""

    def __init__(self, browser: Browser, address: str, size: tuple[int, int] = DESK, **options: object) -> None:
        self.address, self.wrong = address, []
        self.page: Page = browser.new_page(viewport=dict(zip(("width", "height"), size)), **options)
        self.page.set_default_timeout(30_000)
        self.page.route("**/*", self.guard)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda it: self.wrong.append(it.text) if it.type == "error" else None)

    def guard(self, route: Route) -> None:
        """Let only the site itself through."""
        if route.request.url.startswith((self.address, "blob:", "data:")):
            return route.continue_()
        self.wrong.append(f"asks for {route.request.url}")
        route.abort()

    def open(self, name: str) -> Page:
        """Go to a page of the site."""
        self.page.goto(f"{self.address}/{name}.html")
        return self.page

    def size(self, width: int, height: int) -> None:
        """Give the window another size."""
        self.page.set_viewport_size({"width": width, "height": height})


@pytest.fixture(params=["http", "file"])
def visitor(request: pytest.FixtureRequest, browser: Browser, addresses: dict[str, str]) -> Iterator[Visitor]:
    """Somebody who reads the site, from a server or from files."""
    reader = Visitor(browser, addresses[request.param])
    yield reader
    reader.page.close()
    assert not reader.wrong, reader.wrong


@pytest.fixture(scope="module")
def reader(browser: Browser, addresses: dict[str, str]) -> Iterator[Visitor]:
    """One who reads page after page, as files."""
    one = Visitor(browser, addresses["file"])
    yield one
    one.page.close()


@pytest.mark.parametrize("name", [*PAGES, *LIBRARY, "search", "genindex"])
def test_a_page_fits_and_is_for_everyone(name: str, reader: Visitor) -> None:
    reader.wrong.clear()
    page = reader.open(name)
    for size in (PHONE, ENLARGED):
        reader.size(*size)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert page.evaluate(CUT_OFF) == []
    reader.size(*DESK)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        rules = None if scheme == "light" else {"runOnly": ["color-contrast"]}
        found = Axe().run(page, options={"resultTypes": ["violations"], **(rules or {})}).response["violations"]
        bad = [(it["id"], it["help"], [node["html"][:200] for node in it["nodes"]][:5]) for it in found if it["impact"] in ("serious", "critical")]
        assert not bad, f"{scheme}: {bad}"
    assert not reader.wrong, reader.wrong


def test_search_finds_a_page(visitor: Visitor) -> None:
    page = visitor.open("index")
    box = page.get_by_role("textbox", name=re.compile("search", re.IGNORECASE)).first
    box.fill("receptive field")
    box.press("Enter")
    expect(page.locator("ul.search a", has_text="Model").first).to_be_visible()
    page.locator("ul.search a", has_text=re.compile("^Model")).first.click()
    expect(page.get_by_role("heading", name="Model", level=1)).to_be_visible()


def test_next_goes_on(visitor: Visitor) -> None:
    page = visitor.open("index")
    page.locator("a.next-page").click()
    expect(page.get_by_role("heading", name="S6", level=1)).to_be_visible()


def test_light_and_dark(visitor: Visitor) -> None:
    page = visitor.open("02_model")
    seen = set()
    for _ in range(3):
        page.locator(".theme-toggle-content button").click()
        seen.add((page.evaluate("document.body.dataset.theme"), page.evaluate("getComputedStyle(document.body).backgroundColor")))
    assert {theme for theme, _ in seen} == {"auto", "light", "dark"} and len({colour for _, colour in seen}) == 2


def test_a_formula_is_drawn(visitor: Visitor) -> None:
    formula = visitor.open("02_model").locator("math").first
    assert formula.bounding_box()["height"] > 10
