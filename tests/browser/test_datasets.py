"""The augmentation explorer, in 01_datasets: each control changes what is done to the digit, and nothing else."""

import pytest
from lab import ExplorerOnPage, Notebook
from torchvision.datasets import MNIST

from mnist_s6.augment import Augmentation
from mnist_s6.widgets.augmentation import _telling, augmentation_steps

NOTEBOOK = "01_datasets"
IMAGE, SEED, BUTTON = "image", "seed of the draw", "course settings"
PROBABILITY, SIZE, DEGREES = "crop probability", "crop size in pixels", "rotate up to ± degrees"
START = {IMAGE: 0, SEED: 0, PROBABILITY: 0.1, SIZE: 22, DEGREES: 15}


@pytest.fixture(scope="module")
def digits(notebook: Notebook) -> MNIST:
    """The training images that the notebook has unpacked."""
    return MNIST(notebook.server.data)


@pytest.fixture
def explorer(notebook: Notebook, digits: MNIST) -> ExplorerOnPage:
    """The explorer at the first image, the first draw and the course's settings."""
    explorer = notebook.explorer(SIZE)
    explorer.press(IMAGE, "Home")
    explorer.press(SEED, "Home")
    explorer.button(BUTTON).click()
    shows(explorer, digits, {})
    return explorer


def shows(explorer: ExplorerOnPage, digits: MNIST, changed: dict[str, float], phrase: str = "") -> None:
    """Wait until the sliders have these values, and the sentence is what Python says of them."""
    values = START | changed
    for label, value in values.items():
        explorer.reads(label, value)
    settings = Augmentation(values[PROBABILITY], values[SIZE], values[DEGREES])
    text = _telling(augmentation_steps(digits, values[IMAGE], settings, values[SEED]), values[IMAGE])
    assert phrase in text
    explorer.says(text)


@pytest.mark.parametrize(
    ("label", "keys", "value", "phrase"),
    [
        (IMAGE, ["ArrowRight"], 1, "Image 1, labelled 0:"),
        (IMAGE, ["End"], 59_999, "Image 59999, labelled 8:"),
        (SEED, ["ArrowRight", "ArrowRight", "ArrowLeft"], 1, "Image 0, labelled 5:"),
        (SEED, ["End"], 999, "Image 0, labelled 5:"),
        (PROBABILITY, ["Home"], 0, "0 of 24 draws are cropped"),
        (PROBABILITY, ["End"], 1, "24 of 24 draws are cropped"),
        (DEGREES, ["Home"], 0, "turned by 0.0 degrees"),
        (DEGREES, ["End", "ArrowLeft"], 179, ""),
    ],
)
def test_keys_move_each_slider(
    explorer: ExplorerOnPage, digits: MNIST, label: str, keys: list[str], value: float, phrase: str
) -> None:
    """From the start, one control at a time."""
    explorer.press(label, *keys)
    shows(explorer, digits, {label: value}, phrase)


@pytest.mark.parametrize(
    ("label", "fraction", "value"),
    [(SEED, 1, 999), (PROBABILITY, 0.5, 0.5), (DEGREES, 0.5, 90)],
)
def test_the_mouse_drags_each_slider(
    explorer: ExplorerOnPage, digits: MNIST, label: str, fraction: float, value: float
) -> None:
    """To a place in the middle, where one pixel more or less is the same step."""
    explorer.drag(label, fraction)
    shows(explorer, digits, {label: value})


def test_the_mouse_leafs_through_the_images(explorer: ExplorerOnPage, digits: MNIST) -> None:
    """One pixel of the slider is hundreds of images, so where it lands is read from the slider."""
    before, words = explorer.picture(), explorer.sentence.inner_text()
    explorer.click_track(IMAGE, 0.25)
    explorer.differs_from(words)
    index = int(explorer.readout(IMAGE))
    assert abs(index - 15_000) < 1000
    shows(explorer, digits, {IMAGE: index}, f"Image {index}, labelled {digits.targets[index]}:")
    assert explorer.picture() != before


def test_keys_and_mouse_move_the_crop_size(explorer: ExplorerOnPage, digits: MNIST) -> None:
    """Where every image is cropped, the picture tells to what and from where; the button goes back."""
    explorer.press(PROBABILITY, "End")
    shows(explorer, digits, {PROBABILITY: 1}, "cropped to 22×22 pixels from row 3, column 3")
    explorer.press(SIZE, "ArrowRight", "ArrowRight")
    shows(explorer, digits, {PROBABILITY: 1, SIZE: 24}, "cropped to 24×24 pixels from row 2, column 2")
    explorer.drag(SIZE, 13 / 27)
    shows(explorer, digits, {PROBABILITY: 1, SIZE: 14}, "cropped to 14×14 pixels from row 7, column 7")
    explorer.screenshot("augmentation")
    explorer.button(BUTTON).focus()
    explorer.page.keyboard.press("Enter")
    shows(explorer, digits, {})


def test_an_image_that_cannot_be_read_is_told(notebook: Notebook) -> None:
    """The message stands in the widget until another image is chosen."""
    notebook.run(
        "from mnist_s6.widgets import augmentation_explorer\n"
        "class Torn(MNIST):\n"
        "    def __getitem__(self, index):\n"
        "        if index == 3: raise OSError('image 3 is torn')\n"
        "        return super().__getitem__(index)\n"
        "Torn.__name__ = 'MNIST'  # which is also the folder it reads\n"
        "augmentation_explorer(Torn(data_folder()))"
    )
    explorer = notebook.explorer(SIZE, nth=1)
    explorer.press(IMAGE, "ArrowRight", "ArrowRight", "ArrowRight")
    explorer.shows_error("OSError: image 3 is torn")
    explorer.press(IMAGE, "ArrowRight")
    explorer.fits(r"Image 4, labelled 9: .*")  # waits: the message goes first, then the picture is drawn
    explorer.shows_error("")
