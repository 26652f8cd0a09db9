"""Convolution, step by step: the front end computes what conv2d does, reads what Python reads, and shows each step."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from front import Functions, WentWrong, opened, stop_clock
from images import mnist
from lab import Notebook
from playwright.sync_api import Browser, Page, expect

from mnist_s6.widgets import alive_html
from mnist_s6.widgets.convolution import _step_words, convolution_explorer, parse_kernel, shrunk_digit

NOTEBOOK = "27_convolution"
BY_HAND = torch.tensor([[1.0, 2, 0], [0, 3, 1], [4, 1, 2]])
EDGE = torch.tensor([[0.0, 0, 0, 9, 9, 9]] * 6)
KERNEL = "1 -1; 2 0"
BUTTONS = {
    "upper edge": "-1 -1 -1; 0 0 0; 1 1 1",
    "left edge": "-1 0 1; -1 0 1; -1 0 1",
    "blur": "1/9 1/9 1/9; 1/9 1/9 1/9; 1/9 1/9 1/9",
    "sharpen": "0 -1 0; -1 5 -1; 0 -1 0",
    "as by hand": KERNEL,
}


@pytest.fixture(scope="module")
def functions(browser: Browser) -> Iterator[Functions]:
    """What the front end exports."""
    functions = Functions(browser, "convolution.js")
    yield functions
    functions.close()


@pytest.fixture(scope="module")
def digit() -> torch.Tensor:
    """The first test image, a 7."""
    return mnist(train=False).data[0]


@pytest.fixture(scope="module")
def by_hand(digit: torch.Tensor) -> str:
    """The explorer with the sum that is done by hand, as HTML."""
    return alive_html(convolution_explorer(digit, place=2))


@pytest.fixture
def page(browser: Browser, tmp_path: Path, by_hand: str) -> Iterator[Page]:
    """It, from a file."""
    with opened(browser, tmp_path, by_hand) as page:
        yield page


def words(image: torch.Tensor, kernel: str, stride: int = 1, padding: int = 0, place: int = 2, products: int = 49) -> str:
    """Python's sentence."""
    return _step_words(image, parse_kernel(kernel), stride, padding, place, products)


def says(page: Page, text: str | re.Pattern) -> None:
    """Wait for this sentence."""
    expect(page.locator(".s6-sentence")).to_have_text(text)


def numbers(tensor: torch.Tensor) -> dict:
    """A tensor as the front end takes it."""
    return {"shape": list(tensor.shape), "data": tensor.flatten().tolist()}


def test_the_output_is_conv2ds_and_the_words_are_pythons(functions: Functions) -> None:
    """Over random images, kernels, strides, paddings and places; kernels that don't fit among them."""
    chance, cases, ours, source = random.Random(0), [], [], torch.Generator().manual_seed(0)
    for _ in range(200):
        sides = [chance.randint(1, 9) for _ in range(2)], [chance.randint(1, 7) for _ in range(2)]
        image, kernel = (torch.randint(-9, 10, side, generator=source) / chance.choice([1, 4, 7]) for side in sides)
        how = {"stride": chance.randint(1, 3), "padding": chance.randint(0, 3)}
        how |= {"place": chance.randint(1, 99), "products": chance.randint(1, 49)}
        image, kernel = image.double(), kernel.double()
        try:
            options = {name: how[name] for name in ("stride", "padding")}
            output = F.conv2d(image[None, None], kernel[None, None], **options)[0, 0]
        except RuntimeError:  # "Kernel size can't be greater than actual input size"
            output = None
        ours.append((output, _step_words(image, kernel, *how.values())))
        cases.append([numbers(image), numbers(kernel), how])
    assert 10 < sum(output is None for output, _ in ours) < 100
    body = """cases.map(([image, kernel, how]) => {
        const output = s6.slide(image, kernel, how);
        return [output && output.shape, output && Array.from(output.data), s6.stepWords(image, kernel, how)];
    })"""
    for (shape, data, text), (output, our_text) in zip(functions(body, cases=cases), ours, strict=True):
        assert text == our_text
        assert (shape is None) == (output is None)
        if output is not None:
            assert shape == list(output.shape)
            assert (torch.tensor(data, dtype=torch.double) - output.flatten()).abs().max() < 1e-9


def test_typed_kernels_are_read_alike(functions: Functions) -> None:
    """Good ones give the same numbers, bad ones the same words; half of them are made of chance."""
    chance = random.Random(0)
    texts = ["", ";", "1", "−1 2", "1 2;3", "1;2 3", "1/0", "1/3;.5", "1,5", "1e3", "1000", "1001", "٣", "1 1;" * 7, "1;" * 8]
    texts += ["".join(chance.choices("0123456789 -−+./;\n\tx", k=chance.randint(1, 12))) for _ in range(1500)]
    body = """texts.map(text => {
        try {
            return s6.parseKernel(text);
        } catch (error) {
            return `${error.name}: ${error.message}`;
        }
    })"""
    good = 0
    for text, theirs in zip(texts, functions(body, texts=texts), strict=True):
        try:
            ours = numbers(parse_kernel(text))
            good += 1
        except ValueError as error:
            ours = f"ValueError: {error}"
        assert theirs == ours, text
    assert 100 < good < 1000


def test_every_control_changes_the_words(page: Page, digit: torch.Tensor) -> None:
    """Sliders by key, the list, the buttons with kernels, and the words are always Python's."""
    says(page, words(BY_HAND, KERNEL))
    for name, how in (
        ("padding", {"padding": 1}),
        ("stride", {"padding": 1, "stride": 2}),
        ("place", {"padding": 1, "stride": 2, "place": 3}),
    ):
        page.get_by_role("slider", name=name, exact=True).focus()
        page.keyboard.press("ArrowRight")
        says(page, words(BY_HAND, KERNEL, **how))
    page.get_by_role("slider", name="products", exact=True).focus()
    page.keyboard.press("ArrowLeft")
    how = {"padding": 1, "stride": 2, "place": 3, "products": 3}
    says(page, words(BY_HAND, KERNEL, **how))
    page.get_by_label("image", exact=True).select_option("6×6, an edge")
    says(page, words(EDGE, KERNEL, **how))
    for name, kernel in BUTTONS.items():
        page.get_by_role("button", name=name, exact=True).click()
        says(page, words(EDGE, kernel, **how))
        expect(page.get_by_label("kernel", exact=True).first).to_have_value(kernel)
    page.get_by_label("image", exact=True).select_option("14×14, a digit")
    says(page, words(shrunk_digit(digit).float(), KERNEL, **how))


def test_a_kernel_is_typed(page: Page) -> None:
    """What can't be used is told while typing, without an error; it mends itself."""
    field = page.get_by_role("textbox", name="kernel")
    field.fill("")
    says(page, "This kernel can't be used: the kernel is empty; write a number, or rows as in 1 -1; 2 0.")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("table")).to_have_count(0)
    field.press_sequentially("1 2; 3")
    says(page, re.compile(r"^This kernel can't be used: row 1 of the kernel has 2 numbers, row 2 has 1; "))
    field.press_sequentially(" −.5")
    says(page, words(BY_HAND, "1 2; 3 -.5"))
    expect(field).to_have_attribute("aria-invalid", "false")
    field.fill("1 1 1 1")
    says(page, re.compile(r"^A kernel of 1×4 doesn't fit into 3×3 pixels with a padding of 0; choose "))
    expect(page.locator(".s6-error")).to_have_text("")


def test_steps_and_play(page: Page) -> None:
    """Product by product, then place by place; play goes on to the end, stops there, and can be paused."""
    button = {name: page.get_by_role("button", name=name, exact=True) for name in ("start again", "step")}
    button["start again"].click()
    says(page, words(BY_HAND, KERNEL, place=1, products=1))
    for place, products in ((1, 2), (1, 3), (1, 4), (2, 1)):
        button["step"].click()
        says(page, words(BY_HAND, KERNEL, place=place, products=products))
    expect(page.get_by_role("table", name="the output so far")).to_have_text("−12")
    expect(page.get_by_role("table", name="products, their sum: 2").locator("td")).to_have_text(["2", "", "", ""])
    page.get_by_label("one product at a time").uncheck()
    for place, products in ((2, 49), (3, 49), (4, 49), (1, 49)):
        button["step"].focus()
        page.keyboard.press("Enter")
        says(page, words(BY_HAND, KERNEL, place=place, products=products))
    stop_clock(page)
    page.get_by_role("button", name="play").click()
    page.clock.run_for(700)
    says(page, words(BY_HAND, KERNEL, place=2))
    page.get_by_role("button", name="pause").click()
    page.clock.run_for(3000)
    says(page, words(BY_HAND, KERNEL, place=2))
    page.get_by_role("button", name="play").click()
    page.clock.run_for(3000)
    says(page, words(BY_HAND, KERNEL, place=4))
    expect(page.get_by_role("button", name="play")).to_be_visible()  # it has stopped by itself
    page.get_by_role("button", name="play").click()  # from the end it begins again
    page.clock.run_for(100)
    says(page, words(BY_HAND, KERNEL, place=1))


def test_a_place_is_pointed_at(page: Page) -> None:
    """In the output; the window lies there in the image."""
    page.get_by_role("table", name="the output so far").locator("td").nth(3).click()
    says(page, words(BY_HAND, KERNEL, place=4))
    framed = page.get_by_role("table", name="the image, with the window").locator(".s6-under")
    expect(framed).to_have_text(["3", "1", "1", "2"])


def test_a_fault_is_told(browser: Browser, tmp_path: Path, digit: torch.Tensor) -> None:
    """An image that isn't there, asked for by the address."""
    failing = pytest.raises(WentWrong, match="image is 7; expected one of 0, 1")
    with failing, opened(browser, tmp_path, convolution_explorer(digit)) as page:
        page.goto(page.url + "#explorer?image=7")
        page.reload()
        expect(page.get_by_role("alert")).to_contain_text("⚠ ValueError: image is 7; expected one of 0, 1")
        page.get_by_label("image", exact=True).select_option("3×3, as by hand")
        says(page, words(BY_HAND, KERNEL, place=1))
        expect(page.locator(".s6-error")).to_have_text("")


def test_it_fits_a_phone(browser: Browser, tmp_path: Path, digit: torch.Tensor) -> None:
    """390 pixels wide, the digit with the widest padding: nothing reaches over the edge."""
    state = {"image": 2, "kernel": BUTTONS["blur"], "padding": 3, "place": 100}
    with opened(browser, tmp_path, convolution_explorer(digit, **state), width=390) as page:
        says(page, words(shrunk_digit(digit).float(), BUTTONS["blur"], padding=3, place=100))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_answers_in_jupyterlab(notebook: Notebook) -> None:
    """By key, as on the page."""
    explorer = notebook.explorer("products")
    explorer.says(words(BY_HAND, KERNEL))
    explorer.button("sharpen").click()
    explorer.press("padding", "End")
    explorer.says(words(BY_HAND, BUTTONS["sharpen"], padding=3))
    field = explorer.output.get_by_role("textbox", name="kernel")
    field.press("End")
    field.press_sequentially("; 1 b")  # a letter that JupyterLab has a shortcut for
    explorer.fits("This kernel can't be used: “b” is no number from .*")
    explorer.screenshot("convolution")
