"""How far a value sees: the front end's numbers are Python's, and every control changes the words."""

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from front import Functions, WentWrong, opened
from images import mnist
from lab import Notebook
from playwright.sync_api import Browser, Page, expect

from mnist_s6.model import receptive_field
from mnist_s6.widgets import alive_html
from mnist_s6.widgets.receptive import S6_STACK, _maps, _sight, averaging_layers, receptive_explorer, receptive_picture

NOTEBOOK = "26_receptive"
PARTS = ("kernel", "stride", "padding")


@pytest.fixture(scope="module")
def digit() -> torch.Tensor:
    """The first test image, a 7."""
    return mnist(train=False).data[0]


@pytest.fixture(scope="module")
def windows(digit: torch.Tensor) -> str:
    """The explorer with the windows of S6Net, as HTML."""
    return alive_html(receptive_explorer(digit))


@pytest.fixture
def page(browser: Browser, tmp_path: Path, windows: str) -> Iterator[Page]:
    """It, from a file."""
    with opened(browser, tmp_path, windows) as page:
        yield page


def says(page: Page, text: str) -> None:
    """Wait for this sentence."""
    expect(page.locator(".s6-sentence")).to_have_text(text)


def words(stack: Sequence[Sequence[int]], layer: int = 6, row: int = 0, column: int = 0) -> str:
    """Python's, without its figure, which takes a while."""
    layers = averaging_layers(stack)
    return _sight(layers, [len(shown) for shown in _maps(torch.zeros(28, 28), layers)], layer, row, column)


def stacks(count: int) -> Iterator[list[tuple[int, int, int]]]:
    """Random ones, of 1 to 6 layers."""
    chance = random.Random(0)
    for _ in range(count):
        yield [(chance.randint(1, 7), chance.randint(1, 3), chance.randint(0, 3)) for _ in range(chance.randint(1, 6))]


SEEN = """cases.map(({ stack, value }) => {
    const field = s6.receptiveField(stack);
    return [field, s6.windowOf(field, value.row, value.column), s6.sight(stack, 28, value)];
})"""


def test_windows_and_words_are_pythons(browser: Browser) -> None:
    """Over random stacks and values, those beyond the last among them, and stacks that leave nothing."""
    functions, chance, ours, cases = Functions(browser, "receptive.js"), random.Random(1), [], []
    for stack in stacks(300):
        value = {"layer": chance.randint(1, 6), "row": chance.randint(0, 27), "column": chance.randint(0, 27)}
        field = receptive_field(averaging_layers(stack))
        ours.append([vars(field), list(field.window(value["row"], value["column"])), words(stack, **value)])
        cases.append({"stack": [dict(zip(PARTS, layer)) for layer in stack], "value": value})
    assert 10 < sum("has no values" in text for *_, text in ours) < 290
    for theirs, mine in zip(functions(f"({SEEN})", cases=cases), ours, strict=True):
        assert theirs == mine
    functions.close()


def test_every_number_of_the_stack_changes_the_words(page: Page) -> None:
    """Each list of each layer, and the sentence is always Python's."""
    stack, value = [list(layer) for layer in S6_STACK], {"layer": 6}
    says(page, words(stack, **value))
    for layer in range(6):
        for place, part, number in ((2, "padding", 3), (0, "kernel", 4), (1, "stride", 1)):
            before = page.locator(".s6-sentence").text_content()
            if stack[layer][place] == number:
                number += 1
            stack[layer][place] = number
            page.get_by_label(f"{part} of layer {layer + 1}").select_option(str(number))
            expect(page.locator(".s6-sentence")).not_to_have_text(before)
            says(page, words(stack, **value))


def test_sliders_by_key(page: Page) -> None:
    """How many layers, which layer, row and column; what is beyond the last is the last."""
    names = ("layers", "look at layer", "row", "column")
    slide = {name: page.get_by_role("slider", name=name, exact=True) for name in names}
    for name, key, value in (
        ("row", "ArrowRight", {"layer": 6, "row": 1, "column": 0}),
        ("column", "ArrowRight", {"layer": 6, "row": 1, "column": 1}),
        ("look at layer", "ArrowLeft", {"layer": 5, "row": 1, "column": 1}),
        ("row", "End", {"layer": 5, "row": 3, "column": 1}),
        ("look at layer", "End", {"layer": 6, "row": 1, "column": 1}),
    ):
        slide[name].focus()
        page.keyboard.press(key)
        says(page, words(S6_STACK, **value))
    slide["layers"].focus()
    page.keyboard.press("ArrowLeft")
    says(page, words(S6_STACK[:5], 5, 3, 1))
    expect(page.get_by_label("kernel of layer 6")).to_be_hidden()


def test_the_pointer_looks(page: Page) -> None:
    """The value under it, in any layer; a frame in the image and in each layer before."""
    layer = page.get_by_role("img", name="layer 2, 12×12")
    box = layer.bounding_box()
    page.mouse.move(box["x"] + 5.5 * box["width"] / 12, box["y"] + 8.5 * box["height"] / 12)
    says(page, words(S6_STACK, 2, 8, 5))
    expect(page.locator(".s6-frame")).to_have_count(3)
    frame, image = page.locator(".s6-frame").first.bounding_box(), page.locator("canvas").first.bounding_box()
    pixel = image["width"] / 28
    assert frame["x"] - image["x"] == pytest.approx(10 * pixel, abs=0.5)
    assert (frame["width"], frame["height"]) == pytest.approx((6 * pixel, 6 * pixel), abs=0.5)
    page.get_by_role("img", name="layer 6, 2×2").click(position={"x": 60, "y": 5})
    says(page, words(S6_STACK, 6, 0, 1))
    expect(page.locator(".s6-frame")).to_have_count(7)


def test_a_finger_may_scroll_across(page: Page) -> None:
    """Only a tap chooses."""
    before = page.locator(".s6-sentence").text_content()
    layer = page.get_by_role("img", name="layer 2, 12×12")
    box = layer.bounding_box()
    moved = {"clientX": box["x"] + 3, "clientY": box["y"] + 3, "pointerType": "touch"}
    layer.evaluate("(it, about) => it.dispatchEvent(new PointerEvent('pointermove', about))", moved)
    assert page.locator(".s6-sentence").text_content() == before
    layer.evaluate("(it, about) => it.dispatchEvent(new PointerEvent('pointermove', about))", moved | {"pointerType": "mouse"})
    expect(page.locator(".s6-sentence")).not_to_have_text(before)


def test_a_stack_that_leaves_nothing_is_told(page: Page) -> None:
    """In the sentence and in the table; a smaller kernel mends it."""
    page.get_by_label("kernel of layer 6").select_option("7")
    says(page, re.compile("^Layer 6 has no values: its window of 7×7 doesn't fit into 4×4 with a padding of 0; "))
    expect(page.get_by_role("row", name=re.compile("^6 ")).get_by_role("cell").nth(3)).to_have_text("none")
    page.get_by_label("kernel of layer 6").select_option("4")
    says(page, re.compile("sees 28×28 pixels, rows 0 to 27 "))


def test_a_bad_number_in_the_address_is_told(browser: Browser, tmp_path: Path, digit: torch.Tensor, windows: str) -> None:
    """No list has it; choosing another one helps."""
    failing = pytest.raises(WentWrong, match="kernel_2 is 90; expected")
    with failing, opened(browser, tmp_path, windows) as page:
        page.goto(page.url + "#explorer?kernel_2=90")
        page.reload()
        words = "⚠ ValueError: kernel_2 is 90; expected one of 1, 2, 3, 4, 5, 6, 7"
        expect(page.get_by_role("alert")).to_have_text(words)
        page.get_by_label("kernel of layer 2").select_option("2")
        expect(page.locator(".s6-error")).to_have_text("")
        says(page, receptive_picture(digit).text)


def test_it_fits_a_phone(browser: Browser, tmp_path: Path, digit: torch.Tensor) -> None:
    """390 pixels wide, with the largest maps and windows: nothing reaches over the edge; a tap looks."""
    with opened(browser, tmp_path, receptive_explorer(digit, [(7, 1, 3)] * 6), width=390) as page:
        says(page, words([(7, 1, 3)] * 6))
        page.get_by_role("img", name="layer 1, 28×28").click(position={"x": 1, "y": 1})
        says(page, words([(7, 1, 3)] * 6, layer=1))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_answers_in_jupyterlab(notebook: Notebook) -> None:
    """By key, as on the page."""
    explorer = notebook.explorer("look at layer")
    explorer.says(words(S6_STACK))
    explorer.press("row", "ArrowRight")
    explorer.says(words(S6_STACK, row=1))
    explorer.press("look at layer", "Home")
    explorer.says(words(S6_STACK, layer=1, row=1))
    explorer.screenshot("receptive field")
