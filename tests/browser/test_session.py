"""The session, S6: the live view of the training, the browser of mistakes, and the sheet to draw on."""

import re
from typing import NamedTuple

import pytest
from lab import ExplorerOnPage, Notebook
from playwright.sync_api import expect
from strokes import STROKES as ALL_STROKES
from torchvision.datasets import MNIST

NOTEBOOK = "S6"
LABEL, PREDICTION, MISTAKE = "label", "prediction", "mistake"
CROP, SCALE, CENTRE, CLEAR, EXAMPLE = "crop to the ink", "longest side to 20", "mass to the middle", "clear", "example"
DIGIT = {None: r"\d", **{digit: str(digit) for digit in range(10)}}
NOTHING = "Nothing is drawn yet."


# ------------------------------------------------------------- the training


def test_the_training_was_shown(notebook: Notebook) -> None:
    """After its last epoch the view tells what `fit` has printed: of validation images, since the test is sealed."""
    live = notebook.explorer_saying("After epoch 1 ")
    found = live.fits(
        r"After epoch 1 the loss is training \d\.\d{4}, validation \d\.\d{4}, "
        r"and the accuracy training \d\d\.\d\d%, validation (\d\d\.\d\d%); "
        r"the first convolution, features\.0\.0, has 16 kernels of 5×5 with weights from [-−]0\.\d+ to 0\.\d+\."
    )
    live.picture()
    live.screenshot("training")
    line = re.compile(rf"validation loss \d\.\d{{4}}, accuracy {re.escape(found[1])}")
    assert notebook.page.get_by_text(line).count() == 1


def test_the_training_can_be_seen_again(notebook: Notebook) -> None:
    """Back to the kernels of chance, and to the newest, by keys; both views of it move."""
    live = notebook.explorer("epoch", nth=1)
    live.press("epoch", "Home")
    live.fits(r"No epoch has ended yet; the first convolution, features\.0\.0, has 16 kernels .*")
    notebook.explorer("epoch").fits(r"No epoch has ended yet; .*")
    live.press("epoch", "End")
    live.fits(r"After epoch 1 the loss .*")


# ------------------------------------------------------------- the mistakes


class Mistake(NamedTuple):
    """What the sentence tells of one mistake."""

    number: int
    count: int
    index: int  # in the test set
    label: int
    prediction: int
    confidence: float  # percent


@pytest.fixture(scope="module")
def labels(notebook: Notebook) -> list[int]:
    """The labels of the test images that the notebook has unpacked."""
    return MNIST(notebook.server.data, train=False).targets.tolist()


@pytest.fixture
def mistakes(notebook: Notebook) -> ExplorerOnPage:
    """The explorer at the first of all mistakes."""
    explorer = notebook.explorer(MISTAKE)
    explorer.choose(LABEL, "any")
    explorer.choose(PREDICTION, "any")
    explorer.press(MISTAKE, "Home")
    tells(explorer, number=1)
    return explorer


def tells(
    explorer: ExplorerOnPage, number: int, label: int | None = None, prediction: int | None = None
) -> Mistake:
    """Wait for the mistake with this number among those chosen, and take its sentence apart."""
    labelled = "any label" if label is None else f"label {label}"
    predicted = "any prediction" if prediction is None else f"prediction {prediction}"
    found = explorer.fits(
        rf"Mistake {number} of (\d+) \({labelled}, {predicted}\): test image (\d+) shows an? ({DIGIT[label]}), "
        rf"the network says ({DIGIT[prediction]}) with (\d+\.\d)%, and gives \3 only \d+\.\d%; .*\."
    )
    count, index, shown, said = map(int, found.groups()[:4])
    return Mistake(number, count, index, shown, said, float(found[5]))


def test_keys_walk_through_the_mistakes(mistakes: ExplorerOnPage, labels: list[int]) -> None:
    """From the surest to the least sure; each is a test image, and no image comes twice."""
    first = tells(mistakes, 1)
    mistakes.press(MISTAKE, "ArrowRight")
    second = tells(mistakes, 2)
    mistakes.press(MISTAKE, "End")
    last = tells(mistakes, first.count)
    mistakes.press(MISTAKE, "ArrowLeft")
    before = tells(mistakes, first.count - 1)
    seen = [first, second, before, last]
    assert [labels[mistake.index] for mistake in seen] == [mistake.label for mistake in seen]
    assert all(mistake.label != mistake.prediction for mistake in seen)
    assert first.confidence >= second.confidence >= before.confidence >= last.confidence
    assert len({mistake.index for mistake in seen}) == 4
    mistakes.press(MISTAKE, "Home")
    assert tells(mistakes, 1) == first
    mistakes.screenshot("mistakes")


def test_the_mouse_drags_through_the_mistakes(mistakes: ExplorerOnPage) -> None:
    """To the last one, and to the one whose number stands beside the slider."""
    count = tells(mistakes, 1).count
    mistakes.drag(MISTAKE, 1)
    tells(mistakes, count)
    words = mistakes.sentence.inner_text()
    mistakes.click_track(MISTAKE, 0.5)
    mistakes.differs_from(words)
    number = int(mistakes.readout(MISTAKE))
    assert 0.4 < number / count < 0.6
    tells(mistakes, number)


def test_dropdowns_choose_a_pair_of_digits(mistakes: ExplorerOnPage) -> None:
    """With the mouse and with the keys; the mistakes of all labels are all mistakes."""
    everything = tells(mistakes, 1)
    mistakes.choose(LABEL, str(everything.label))
    with_label = tells(mistakes, 1, everything.label)
    assert with_label == everything._replace(count=with_label.count)
    mistakes.choose(PREDICTION, str(everything.prediction))
    with_both = tells(mistakes, 1, everything.label, everything.prediction)
    assert with_both == everything._replace(count=with_both.count)
    assert 1 <= with_both.count <= with_label.count < everything.count
    mistakes.press(PREDICTION, "Home")  # any
    tells(mistakes, 1, everything.label)
    mistakes.press(LABEL, "Home")
    assert tells(mistakes, 1) == everything
    counts = []
    for digit in range(10):
        mistakes.press(LABEL, "ArrowDown")
        found = mistakes.fits(rf"(?:Mistake 1 of (\d+)|No mistakes) \(label {digit}, any prediction\): .*")
        counts.append(int(found[1] or 0))
    assert sum(counts) == everything.count


def test_clicks_choose_a_pair_and_a_mistake(mistakes: ExplorerOnPage) -> None:
    """An image on the page, a cell of the confusion matrix, and one of its diagonal."""
    first = tells(mistakes, 1)
    mistakes.output.locator("button.s6-tile").nth(14).click()
    tells(mistakes, 15)
    cells = mistakes.output.locator(".s6-matrix td")
    cells.nth(10 * first.label + first.prediction).click()
    tells(mistakes, 1, first.label, first.prediction)
    cells.nth(33).click()
    mistakes.fits(r"No mistakes \(label 3, prediction 3\): 3 read as 3 is right\..*")


def test_a_mistake_that_cannot_be_shown_is_told(notebook: Notebook) -> None:
    """The message stands in the widget for as long as it fails."""
    notebook.run(
        "from mnist_s6.widgets import mistake_explorer\n"
        "some = [batch for _, batch in zip(range(8), load_data(recipe.batch_size, batched=True)[1])]\n"
        "spoilt = mistake_explorer(recipe.build(), some, some)\n"
        "nearest = spoilt.book.nearest\n"
        "def lost(place, digit):\n"
        "    if place == 1: raise OSError('the training images are gone')\n"
        "    return nearest(place, digit)\n"
        "spoilt.book.nearest = lost\n"
        "spoilt"
    )
    explorer = notebook.explorer(MISTAKE, nth=1)
    tells(explorer, 1)
    explorer.press(MISTAKE, "ArrowRight")
    explorer.shows_error("OSError: the training images are gone")
    explorer.press(MISTAKE, "ArrowRight")
    tells(explorer, 3)
    explorer.shows_error("")


# -------------------------------------------------------- the sheet to draw on


STROKES = {digit: lines[0] for digit, lines in ALL_STROKES.items() if digit in (0, 1, 7)}  # one stroke each


@pytest.fixture
def sheet(notebook: Notebook) -> ExplorerOnPage:
    """The sheet, empty, with all steps of the preparation."""
    explorer = notebook.explorer(CROP)
    for label in (CROP, SCALE, CENTRE):
        explorer.control(label).locator("input").check()
    explorer.button(CLEAR).click()
    explorer.says(NOTHING)
    return explorer


def reads(explorer: ExplorerOnPage, digit: int, but: str = "") -> float:
    """Wait until the drawing is read as this digit first; returns with how many percent."""
    found = explorer.fits(
        rf"The drawing{but} reads as {digit} with (\d+\.\d)%; next are (\d) with (\d+\.\d)% and (\d) with (\d+\.\d)%\."
    )
    assert float(found[1]) >= float(found[3]) >= float(found[5])
    assert len({str(digit), found[2], found[4]}) == 3
    return float(found[1])


@pytest.mark.parametrize("digit", STROKES)
def test_a_digit_drawn_with_the_mouse_is_read(sheet: ExplorerOnPage, digit: int) -> None:
    """The right answer comes first, and the mouse can wipe the sheet."""
    empty = sheet.picture()
    sheet.stroke(*STROKES[digit])
    reads(sheet, digit)
    sheet.screenshot(f"draw_{digit}")
    sheet.button(CLEAR).click()
    sheet.says(NOTHING)
    assert sheet.picture() == empty


def test_a_digit_drawn_with_the_keys_is_read(sheet: ExplorerOnPage) -> None:
    """The arrow keys move the pen, Space puts it down: a 1, and no cell of the notebook moves."""
    keyboard = sheet.page.keyboard
    sheet.output.get_by_role("application").focus()
    for key in ["ArrowUp"] * 9 + ["Space"] + ["ArrowDown"] * 18 + ["Space"]:
        keyboard.press(key)
    reads(sheet, 1)
    sheet.settle()  # a redrawing still on its way would take the focus back to the canvas
    expect(sheet.output.get_by_role("application")).to_be_focused()
    sheet.button(CLEAR).focus()
    keyboard.press("Enter")
    sheet.says(NOTHING)


@pytest.mark.parametrize(
    ("label", "but"), [(CROP, ", not cropped,"), (SCALE, ", not scaled,"), (CENTRE, ", not centred,")]
)
def test_each_step_can_be_left_out(sheet: ExplorerOnPage, label: str, but: str) -> None:
    """A small 7 in a corner: by mouse and by key, and back."""
    sheet.stroke(*[(0.02 + x / 3, 0.02 + y / 3) for x, y in STROKES[7]])
    with_all = reads(sheet, 7)
    sheet.tick(label)
    anything = r"The drawing{but} reads as \d with .*"
    without = sheet.fits(anything.format(but=but))[0]
    sheet.press(label, "Space")
    assert reads(sheet, 7) == with_all
    sheet.press(label, "Space")
    assert sheet.fits(anything.format(but=but))[0] == without


def test_stored_digits_can_be_put_on_the_sheet(sheet: ExplorerOnPage) -> None:
    """By mouse and by keys; to draw on makes it no example any more."""
    options = sheet.control(EXAMPLE).locator("option").all_text_contents()
    assert [option[:4] for option in options] == ["none", *(f"a {digit} " for digit in range(10))]
    for digit in (0, 7):
        sheet.choose(EXAMPLE, options[1 + digit])
        reads(sheet, digit)
    sheet.press(EXAMPLE, "Home", *["ArrowDown"] * 2)
    reads(sheet, 1)
    chosen = sheet.control(EXAMPLE).locator("select")
    expect(chosen).to_have_value(options[2])
    sheet.stroke((0.1, 0.9), (0.2, 0.9))
    expect(chosen).to_have_value("none")


def test_a_network_that_cannot_answer_is_told(notebook: Notebook) -> None:
    """Weights that are no numbers, as after a training that went wrong; an empty sheet needs no network."""
    notebook.run(
        "from mnist_s6.widgets import draw_explorer\n"
        "broken = recipe.build()\n"
        "torch.nn.init.constant_(broken.classifier.weight, float('nan'))\n"
        "draw_explorer(broken)"
    )
    explorer = notebook.explorer(CROP, nth=1)
    explorer.says(NOTHING)
    explorer.stroke(*STROKES[7])
    explorer.shows_error("FloatingPointError: 1 of 1 images get scores that are no numbers")
    explorer.button(CLEAR).click()
    explorer.says(NOTHING)
    explorer.shows_error("")
