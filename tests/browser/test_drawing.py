"""The sheet to draw on, on a page that was opened from a file: mouse, keys, finger, switches, examples, errors."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from front import Functions, WentWrong, opened, stop_clock
from images import mnist
from playwright.sync_api import Browser, Locator, Page, expect
from strokes import STROKES, draw

from mnist_s6.model import S6Net
from mnist_s6.weights import pretrained
from mnist_s6.widgets import draw_explorer, draw_picture, front_end, sheet_bytes, sheet_image

NOTHING = "Nothing is drawn yet."


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The explorer with the course's network and ten examples, from a file."""
    dataset = mnist(train=False)
    with opened(browser, tmp_path_factory.mktemp("page"), draw_explorer(pretrained(), dataset)) as page:
        yield page


@pytest.fixture
def sheet(page: Page) -> Page:
    """The sheet, empty, with all steps of the preparation."""
    for label in ("crop to the ink", "longest side to 20", "mass to the middle"):
        page.get_by_label(label).check()
    page.get_by_role("button", name="clear").click()
    says(page, NOTHING)
    return page


def says(page: Page, text: str) -> None:
    """Wait for this sentence."""
    expect(page.locator(".s6-sentence")).to_have_text(text)


def canvas_of(page: Page) -> Locator:
    """The sheet to draw on."""
    return page.get_by_role("application")


def reads(page: Page, digit: int, but: str = "") -> None:
    """Wait until the drawing is read so."""
    expect(page.locator(".s6-sentence")).to_have_text(re.compile(rf"The drawing{but} reads as {digit} with \d+\.\d%; next are .*"))


@pytest.mark.parametrize("digit", STROKES)
def test_a_digit_drawn_with_the_mouse_is_read(sheet: Page, digit: int) -> None:
    """The right answer comes first, and stands in the bars too."""
    draw(canvas_of(sheet), STROKES[digit])
    reads(sheet, digit)
    expect(sheet.locator(".s6-best span").first).to_have_text(str(digit))


def test_a_digit_drawn_with_the_keys_is_read(sheet: Page) -> None:
    """The arrow keys move the pen, Space puts it down and lifts it; it can be seen, and is told."""
    canvas, keyboard = sheet.get_by_role("application", name="draw a digit"), sheet.keyboard
    canvas.focus()
    for key in ["ArrowUp"] * 9 + ["Space"] + ["ArrowDown"] * 18:
        keyboard.press(key)
    expect(sheet.locator(".s6-pen")).to_be_visible()
    expect(sheet.locator(".s6-note")).to_have_text("Arrow keys move the pen, Space lifts it: it is down.")
    keyboard.press("Space")
    expect(sheet.locator(".s6-note")).to_have_text("Arrow keys move the pen, Space puts it down: it is up.")
    keyboard.press("ArrowRight")
    reads(sheet, 1)
    sheet.get_by_role("button", name="clear").focus()
    expect(sheet.locator(".s6-pen")).to_be_hidden()
    keyboard.press("Enter")
    says(sheet, NOTHING)


@pytest.mark.parametrize(
    ("label", "but"),
    [("crop to the ink", "cropped"), ("longest side to 20", "scaled"), ("mass to the middle", "centred")],
)
def test_each_step_can_be_left_out(sheet: Page, label: str, but: str) -> None:
    """A small 7 in a corner: by mouse and by key, and back."""
    draw(canvas_of(sheet), [[(0.02 + x / 3, 0.02 + y / 3) for x, y in STROKES[7][0]]])
    reads(sheet, 7)
    before = sheet.locator(".s6-sentence").text_content()
    sheet.get_by_label(label).click()
    expect(sheet.locator(".s6-sentence")).to_have_text(re.compile(rf"The drawing, not {but}, reads as \d with .*"))
    expect(sheet.get_by_text(re.compile(f"^not {but}, "))).to_be_visible()
    sheet.get_by_label(label).focus()
    sheet.keyboard.press("Space")
    says(sheet, before)


def test_the_pens_keys_are_told_once(sheet: Page) -> None:
    """A screen reader reads what changes: not at each step of the pen."""
    canvas = sheet.get_by_role("application", name="draw a digit")
    canvas.focus()
    sheet.evaluate("""() => {
        globalThis.changes = 0;
        new MutationObserver(all => { changes += all.length; }).observe(document.querySelector(".s6-note"), { childList: true });
    }""")
    for _ in range(3):
        sheet.keyboard.press("ArrowRight")
    assert sheet.evaluate("new Promise(done => setTimeout(() => done(changes)))") == 0


def test_no_example_is_an_empty_sheet(sheet: Page) -> None:
    """But what was drawn stays, though it makes the list say "none", too."""
    select = sheet.get_by_label("example")
    select.select_option(index=1)
    expect(sheet.locator(".s6-sentence")).not_to_have_text(NOTHING)
    select.select_option("none")
    says(sheet, NOTHING)
    select.select_option(index=1)
    draw(canvas_of(sheet), [[(0.1, 0.1), (0.9, 0.9)]])
    expect(select).to_have_value("none")
    expect(sheet.locator(".s6-sentence")).not_to_have_text(NOTHING)


def test_a_button_that_vanishes_gives_the_focus_to_the_sheet(sheet: Page) -> None:
    """As on the site's first page, where "clear" is shown only when there is something to clear."""
    draw(canvas_of(sheet), STROKES[1])
    reads(sheet, 1)
    clear = sheet.get_by_role("button", name="clear")
    clear.evaluate("it => it.addEventListener('click', () => { it.style.display = 'none'; })")
    clear.press("Enter")
    expect(canvas_of(sheet)).to_be_focused()
    clear = sheet.locator("button", has_text="clear")
    clear.evaluate("it => { it.replaceWith(it); it.style.display = ''; }")


def test_stored_digits_are_read_as_python_reads_them(sheet: Page) -> None:
    """To the tenth of a percent; to draw on makes it no example any more."""
    data, select = mnist(train=False).data, sheet.get_by_label("example")
    names = select.locator("option").all_text_contents()
    assert names[0] == "none" and [name[:4] for name in names[1:]] == [f"a {digit} " for digit in range(10)]
    for name in names[1:]:
        select.select_option(name)
        image = sheet_image(sheet_bytes(data[int(re.search(r"image (\d+)", name)[1])]))
        says(sheet, draw_picture(pretrained(), image).text)
    draw(canvas_of(sheet), [[(0.1, 0.9), (0.2, 0.9)]])
    expect(select).to_have_value("none")


def test_the_sentence_is_pythons(browser: Browser) -> None:
    """Over random probabilities, skipped steps, and one or two classes."""
    functions, torch_ = Functions(browser, "drawing.js"), torch.Generator().manual_seed(0)
    from mnist_s6.widgets.drawing import _reading

    for classes in (1, 2, *[10] * 30):
        shares = torch.rand(classes, generator=torch_).softmax(0)
        skipped = ["cropped", "scaled"][: classes % 3]
        assert functions("s6.reading(shares, skipped)", shares=shares.tolist(), skipped=skipped) == _reading(shares, skipped)
    functions.close()


def test_a_network_that_cannot_answer_is_told(browser: Browser, tmp_path: Path) -> None:
    """Weights that are no numbers, as after a training that went wrong; an empty sheet needs no network."""
    broken = S6Net()
    torch.nn.init.constant_(broken.classifier.weight, float("nan"))
    with pytest.raises(WentWrong, match="scores that are no numbers"), opened(browser, tmp_path, draw_explorer(broken)) as page:
        says(page, NOTHING)
        expect(page.get_by_label("example")).to_have_count(0)
        draw(canvas_of(page), STROKES[7])
        message = re.compile(r"^⚠ FloatingPointError: 1 of 1 images get scores that are no numbers\. Look for nan or inf in .*$")
        expect(page.get_by_role("alert")).to_have_text(message)
        page.get_by_role("button", name="clear").click()
        says(page, NOTHING)
        expect(page.locator(".s6-error")).to_have_text("")


def test_a_finger_draws_on_a_phone(browser: Browser, tmp_path: Path) -> None:
    """390 pixels wide: nothing reaches over the edge, and the page doesn't scroll under the finger."""
    with opened(browser, tmp_path, draw_explorer(pretrained(), mnist(train=False)), width=390) as page:
        says(page, NOTHING)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.get_by_role("application").evaluate("canvas => getComputedStyle(canvas).touchAction") == "none"
        draw(canvas_of(page), STROKES[3])
        reads(page, 3)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_is_small() -> None:
    """The front end with all that it imports."""
    assert len(front_end("drawing.js").encode()) < 40_000


def test_a_link_that_comes_at_once(browser: Browser, tmp_path: Path) -> None:
    """A stroke that isn't saved yet stays; and what is saved late leaves the address as it is."""
    with opened(browser, tmp_path, draw_explorer(pretrained())) as page:
        stop_clock(page)
        draw(canvas_of(page), STROKES[7])
        page.evaluate("location.hash = '#explorer?crop=false'")
        reads(page, 7, ", not cropped,")
        page.clock.run_for(1000)
        assert page.evaluate("location.hash") == "#explorer?crop=false"
