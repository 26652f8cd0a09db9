"""The filter explorer, in 02_model: each control shows another place, with the sum that it came from."""

import math
import re

import pytest
import torch
from lab import ExplorerOnPage, Notebook, box

from mnist_s6.model import S6Net
from mnist_s6.widgets import record_layers

NOTEBOOK = "02_model"
IMAGE, LAYER, CHANNEL, ROW, COLUMN = "image", "layer", "channel", "row", "column"
LAYERS = record_layers(S6Net(), torch.zeros(1, 28, 28))  # their names, kinds and sizes
NUMBER = r"−?\d+\.\d+"


def place(depth: int = 0, channel: int = 0, row: int = 0, column: int = 0, image: int = 0) -> str:
    """The pattern of the sentence about this place in this image."""
    step = LAYERS[depth]
    top, left, bottom, right = step.field.window(row, column)
    seen = f"it sees input pixels rows {top} to {bottom - 1}, columns {left} to {right - 1}".replace("-", "−")
    if min(top, left) < 0 or max(bottom, right) > 28:
        seen += " (beyond the image lies padding)"
    where = f"layer {step.name} ({type(step.layer).__name__}), channel {channel}, row {row}, column {column}: "
    return rf"Image {image}(, label \d)?: {re.escape(where)}.*, the value in the map; {re.escape(seen)}\."


@pytest.fixture
def explorer(notebook: Notebook) -> ExplorerOnPage:
    """The explorer with all its sliders at their lower ends."""
    explorer = notebook.explorer(LAYER)
    for label in (LAYER, IMAGE, CHANNEL, ROW, COLUMN):
        explorer.press(label, "Home")
    explorer.fits(place())
    return explorer


@pytest.mark.parametrize(
    ("label", "keys", "expected"),
    [
        (LAYER, ["ArrowRight"], {"depth": 1}),
        (LAYER, ["End"], {"depth": 13}),
        (LAYER, ["End", "ArrowLeft"], {"depth": 12}),
        (CHANNEL, ["ArrowRight"], {"channel": 1}),
        (CHANNEL, ["End"], {"channel": 15}),
        (ROW, ["ArrowRight", "ArrowRight", "ArrowLeft"], {"row": 1}),
        (ROW, ["End"], {"row": 23}),
        (COLUMN, ["ArrowRight"], {"column": 1}),
        (COLUMN, ["End"], {"column": 23}),
    ],
)
def test_keys_move_each_slider(
    explorer: ExplorerOnPage, label: str, keys: list[str], expected: dict[str, int]
) -> None:
    """The sentence names the new place, and which pixels of the image it sees."""
    explorer.press(label, *keys)
    explorer.fits(place(**expected))


@pytest.mark.parametrize(
    ("label", "fraction", "expected"),
    [
        (LAYER, 4 / 13, {"depth": 4}),
        (CHANNEL, 9 / 15, {"channel": 9}),
        (ROW, 12 / 23, {"row": 12}),
        (COLUMN, 12 / 23, {"column": 12}),
    ],
)
def test_the_mouse_moves_each_slider(
    explorer: ExplorerOnPage, label: str, fraction: float, expected: dict[str, int]
) -> None:
    """By its handle, and by a click on its track."""
    explorer.drag(label, fraction)
    explorer.fits(place(**expected))
    explorer.click_track(label, 0)
    explorer.fits(place())


def numbers(explorer: ExplorerOnPage, pattern: str) -> list[float]:
    """The numbers in the sentence where it fits the pattern."""
    found = re.search(pattern, explorer.sentence.inner_text())
    assert found, f"{explorer.sentence.inner_text()!r} does not fit {pattern!r}"
    return [float(number.replace("−", "-")) for number in found.groups()]


def test_the_numbers_add_up(explorer: ExplorerOnPage) -> None:
    """A convolution's products and its bias make its value; a ReLU cuts at zero."""
    for label, keys in ((ROW, 11), (COLUMN, 12)):
        explorer.press(label, *["ArrowRight"] * keys)
    explorer.fits(place(row=11, column=12))
    pattern = rf"1 window of 5×5 times its kernel sums to ({NUMBER}), plus bias ({NUMBER}|0) is ({NUMBER}),"
    products, bias, value = numbers(explorer, pattern)
    assert math.isclose(products + bias, value, abs_tol=0.0011)
    depth = [type(step.layer).__name__ for step in LAYERS].index("ReLU")
    share = len(LAYERS[depth].maps[0]) / 24  # its maps may be smaller, but the place is kept
    explorer.press(LAYER, *["ArrowRight"] * depth)
    explorer.fits(place(depth, row=int(11.5 * share), column=int(12.5 * share)))
    before, after = numbers(explorer, rf"the larger of 0 and ({NUMBER}) is ({NUMBER}),")
    assert after == max(0, before)


def test_a_deep_convolution_tells_all_its_channels(explorer: ExplorerOnPage) -> None:
    """Its sliders end where its maps end."""
    depth = [step.name for step in LAYERS].index("features.2.0")
    explorer.press(LAYER, *["ArrowRight"] * depth)
    explorer.fits(place(depth))
    for label in (CHANNEL, ROW, COLUMN):
        explorer.drag(label, 1)
    channels, rows, columns = LAYERS[depth].maps.shape
    explorer.fits(place(depth, channels - 1, rows - 1, columns - 1))
    count = len(LAYERS[depth].inputs)
    pattern = rf"{count} windows of 3×3 times their kernels sum to ({NUMBER}), plus bias ({NUMBER}|0) is ({NUMBER}),"
    products, bias, value = numbers(explorer, pattern)
    assert math.isclose(products + bias, value, abs_tol=0.0011)
    explorer.screenshot("filters")


def test_another_image_gives_other_numbers(explorer: ExplorerOnPage) -> None:
    """By key and by mouse; the first image has its numbers again."""
    for label, keys in ((ROW, 11), (COLUMN, 12)):
        explorer.press(label, *["ArrowRight"] * keys)
    explorer.fits(place(row=11, column=12))
    first, picture = explorer.sentence.inner_text(), explorer.picture()
    explorer.press(IMAGE, "ArrowRight")
    second = explorer.differs_from(first)
    explorer.fits(place(row=11, column=12, image=1))
    explorer.drag(IMAGE, 1)
    explorer.differs_from(second)
    explorer.fits(place(row=11, column=12, image=19))
    explorer.drag(IMAGE, 0)
    explorer.says(first)
    assert explorer.picture() == picture


def test_a_click_on_a_map_chooses_its_place(explorer: ExplorerOnPage) -> None:
    """In the large map a row and a column; in the small ones also the channel."""
    large, small = explorer.output.locator("canvas.s6-pick").all()
    size = box(large)
    large.click(position={"x": size["width"] * 6.5 / 24, "y": size["height"] * 20.5 / 24})
    explorer.fits(place(row=20, column=6))
    size, pixels = box(small), 4 * 25 - 1  # 4 times 4 maps of 24×24, with gaps
    x, y = ((25 * tile + at) / pixels for tile, at in ((2, 3.5), (1, 8.5)))
    small.click(position={"x": x * size["width"], "y": y * size["height"]})
    explorer.fits(place(channel=6, row=8, column=3))


def test_a_network_that_takes_no_such_image_is_told(notebook: Notebook) -> None:
    """A layer is exchanged under the explorer's feet: the message stands in the widget until it fits again."""
    notebook.run(
        "import torch\n"
        "from mnist_s6.model import S6Net\n"
        "from mnist_s6.widgets import filter_explorer\n"
        "patient = torch.nn.Sequential(S6Net())  # not the course's own: Python is asked at each step\n"
        "fitting, misfit = patient[0].features[0][0], torch.nn.Conv2d(3, 16, 5)\n"
        "filter_explorer(patient, torch.zeros(9, 1, 28, 28))"
    )
    explorer = notebook.explorer(LAYER, nth=1)
    explorer.fits(r"Image 0: layer 0\.features\.0\.0 \(Conv2d\), channel 0, .*")
    notebook.run("patient[0].features[0][0] = misfit")
    explorer.press(IMAGE, "ArrowRight")
    explorer.shows_error("ValueError: the network takes no image of shape (1, 28, 28)")
    notebook.run("patient[0].features[0][0] = fitting")
    explorer.press(IMAGE, "ArrowRight")
    explorer.fits(r"Image 2: layer 0\.features\.0\.0 \(Conv2d\), channel 0, .*")
    explorer.shows_error("")


def test_refreshing_asks_anew(notebook: Notebook) -> None:
    """A network that isn't the course's has gone on learning: its explorer shows what it computes now."""
    notebook.run(
        "from mnist_s6.widgets import filter_explorer\n"
        "pupil = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1, bias=False))\n"
        "it = filter_explorer(pupil, torch.ones(1, 1, 28, 28))\n"
        "def learn(weight):\n"
        "    with torch.no_grad(): pupil[0].weight.fill_(weight)\n"
        "    it.refresh()\n"
        "learn(2)\n"
        "it"
    )
    explorer = notebook.explorer(LAYER, nth=2)
    explorer.fits(r"Image 0: layer 0 \(Conv2d\), .* sums to 2\.000.*")
    notebook.run("learn(3)")
    explorer.fits(r"Image 0: layer 0 \(Conv2d\), .* sums to 3\.000.*")
