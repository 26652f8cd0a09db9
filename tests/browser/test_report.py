"""The report of a run, one HTML file: its explorers are alive, opened from a file, and nothing is fetched."""

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
import run_notebook
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import Browser, Page, expect

CELLS = [
    "import torch",
    "from mnist_s6.fit import fit",
    "from mnist_s6.model import S6Net",
    "from mnist_s6.widgets import LiveTraining, draw_explorer, filter_explorer, mistake_explorer",
    "torch.manual_seed(0)\ndigits = torch.zeros(100, 1, 28, 28)\nlabels = torch.arange(100) % 10",
    "for image, label in zip(digits, labels): image[0, 2*label:2*label + 8, 4:24] = 1\nlive = LiveTraining()\nlive",
    "net = S6Net()\nhistory = fit(net, [(digits, labels)]*3, [(digits, labels)], epochs=2, callbacks=[live])\nlive",
    "filter_explorer(net, digits[:3])",
    "mistake_explorer(net, [(digits, labels)], [(digits, labels)])",
    "draw_explorer(net)",
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A notebook that trains, in the way of the session, but on ten kinds of bars."""
    folder = tmp_path_factory.mktemp("report")
    nb = new_notebook(cells=[new_markdown_cell("# Bars\n> A small session."), *map(new_code_cell, CELLS)])
    nbformat.write(nb, folder / "bars.ipynb")
    assert run_notebook.main(["--report", str(folder / "_out"), str(folder / "bars.ipynb")]) == 0
    return folder / "_out/bars.html"


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    """It, with the network cut off; fails if anything is asked for, or an error goes to the console."""
    context, wrong = browser.new_context(offline=True), []
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("request", lambda it: None if it.url.startswith((report.as_uri(), "data:", "blob:")) else wrong.append(it.url))
    page.goto(report.as_uri())
    yield page
    context.close()
    assert not wrong, wrong


def sentences(page: Page) -> list[str]:
    """What the explorers say, as soon as all have begun."""
    expect(page.locator(".s6-sentence")).to_have_count(4)
    expect(page.locator(".s6-place > img")).to_have_count(0)
    return page.locator(".s6-sentence").all_text_contents()


def test_explorers_are_alive_on_the_network_just_trained(page: Page, report: Path) -> None:
    """What each says at first is what its still said in the notebook; what was shown before the training is left out."""
    nb = nbformat.read(report.with_suffix(".ipynb"), as_version=4)
    outputs = [out.data for cell in nb.cells for out in cell.get("outputs", []) if "data" in out]
    assert sentences(page) == [data["text/plain"] for data in outputs if run_notebook.EXPLORER in data]


def test_each_answers(page: Page) -> None:
    """The training by its slider, a filter by another layer, the mistakes by the list, the sheet by the mouse."""
    before = sentences(page)
    said = page.locator(".s6-sentence")
    page.get_by_role("slider", name="epoch", exact=True).press("Home")
    expect(said.nth(0)).to_contain_text("No epoch has ended yet")
    page.get_by_role("slider", name="layer", exact=True).press("ArrowRight")
    expect(said.nth(1)).to_contain_text("layer features.0.1 (MaxPool2d)")
    page.get_by_role("slider", name="mistake", exact=True).press("ArrowRight")
    expect(said.nth(2)).to_contain_text("Mistake 2 of ")
    sheet = page.get_by_role("application")
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 160, steps=5)
    page.mouse.up()
    expect(said.nth(3)).to_contain_text("The drawing reads as ")
    assert all(a != b for a, b in zip(before, sentences(page)))


def test_the_address_leads_to_a_place_in_it(page: Page) -> None:
    """It holds what was changed last, and a reload comes back to it."""
    sentences(page)
    page.get_by_role("slider", name="mistake", exact=True).press("ArrowRight")
    expect(page.locator(".s6-sentence").nth(2)).to_contain_text("Mistake 2 of ")
    assert page.evaluate("location.hash") == "#explorer-3?mistake=2"
    page.reload()
    expect(page.locator(".s6-sentence").nth(2)).to_contain_text("Mistake 2 of ")
