"""The menu at the side of each page: made once for each folder, and then marked for the page that it stands on."""

from functools import cache
from typing import Any

from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder

LIBRARY = "library/index"  # its entry holds the modules
HERE = ' class="toctree-{} current current-page"><a class="current reference internal" href="#">'
ELSEWHERE = ' class="toctree-{}"><a class="reference internal" href="{}.html">'


def lender(page: str) -> str:
    """The page whose menu this one's is made of: for the library's pages its first one, for others one that no menu names."""
    return LIBRARY if page.startswith("library/") else "search"


@cache
def whole(builder: StandaloneHTMLBuilder, page: str, **options: Any) -> str:
    """The menu of a page as Sphinx makes it, which takes a tenth of a second."""
    return builder._get_local_toctree(page, **options)


def lend_menu(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Give the theme the same menu for all pages of a folder."""
    context["toctree"] = lambda **options: whole(app.builder, lender(page), **options)


@cache
def without_modules(menu: str) -> str:
    """A menu that leaves the library's modules out: the same hundred lines on each page weigh."""
    soup = BeautifulSoup(menu, "html.parser")
    for entry in soup.select("li.has-children"):
        entry["class"].remove("has-children")
        for part in entry.find_all(["ul", "input", "label"]):
            part.decompose()
    return str(soup)


def mark_page(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Say in the theme's menu which of its entries is this page."""
    if not (menu := context.get("furo_navigation_tree")) or page == LIBRARY:
        return
    if lender(page) == LIBRARY:
        index = ' current-page"><a class="current reference internal" href="#">'
        menu = menu.replace(index, '"><a class="reference internal" href="index.html">')
        level = "l2"
    else:
        menu, level = without_modules(menu), "l1"
    context["furo_navigation_tree"] = menu.replace(ELSEWHERE.format(level, page.rpartition("/")[2]), HERE.format(level))


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.connect("html-page-context", lend_menu, priority=400)  # before the theme makes its menu
    app.connect("html-page-context", mark_page, priority=900)  # after it
    return {"parallel_read_safe": True, "parallel_write_safe": True}
