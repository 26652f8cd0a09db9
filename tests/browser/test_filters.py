"""The filter explorer on a page that was opened from a file: it says what Python says, at random places of random networks."""

import random
import re
from collections.abc import Iterator

import pytest
import torch
from front import Functions, opened
from images import mnist
from playwright.sync_api import Browser, Page, expect
from torch import nn

from mnist_s6.datasets import MEAN, STD
from mnist_s6.model import FastNet, S6Net
from mnist_s6.weights import pretrained
from mnist_s6.widgets import filter_explorer, filter_picture, front_end, network_bytes, record_layers
from mnist_s6.widgets.filters import _place

NUMBER = re.compile(r"−?\d+\.\d+")
EXPLAIN = """(() => {
    const network = s6.layersOf(s6.readSafetensors(weights));
    const { maps } = s6.forward(network, new Float32Array(image.buffer));
    return places.map(place => s6.explain(network, maps, place));
})()"""


@pytest.fixture(scope="module")
def digits() -> torch.Tensor:
    """Ten test images, normalised."""
    return (mnist(train=False).data[:10, None] / 255 - MEAN) / STD


def alike(ours: str, theirs: str) -> bool:
    """Whether two texts differ at most in the last decimal of their numbers."""
    pairs = zip(*([float(found.replace("−", "-")) for found in NUMBER.findall(text)] for text in (ours, theirs)))
    return NUMBER.sub("#", ours) == NUMBER.sub("#", theirs) and all(abs(a - b) < 0.0011 for a, b in pairs)


@pytest.mark.parametrize("network", [S6Net, FastNet])
def test_places_are_explained_as_python_does(browser: Browser, digits: torch.Tensor, network: type[nn.Module]) -> None:
    """Value, words, windows, kernels and what is seen, in each layer, at two corners and at random places."""
    torch.manual_seed(0)
    model, chance, functions = network(), random.Random(0), Functions(browser, "filters.js")
    passes, places = record_layers(model, digits[3]), []
    for depth, step in enumerate(passes):
        ends = [size - 1 for size in step.maps.shape]
        for place in ([0, 0, 0], ends, *([chance.randint(0, end) for end in ends] for _ in range(6))):
            places.append({"depth": depth, **dict(zip(("channel", "row", "column"), place))})
    theirs = functions(EXPLAIN, weights=network_bytes(model), image=digits[3], places=places)
    for place, found in zip(places, theirs, strict=True):
        ours = _place(passes, *place.values())["calculation"]
        assert alike(ours["words"], found["words"]), (ours["words"], found["words"])
        assert abs(ours["value"] - found["value"]) < 1e-4
        for name in ("box", "first"):
            assert ours[name] == found[name], (name, place)
        if ours["seen"]:  # a network that cuts its input itself can't be followed by Python
            assert ours["seen"] == found["seen"]
        chosen = slice(ours["first"], None) if not ours["kernels"] and len(ours["windows"]) > 1 else slice(None)
        for name in ("windows", "kernels"):
            if ours[name]:
                assert (torch.tensor(ours[name][chosen]) - torch.tensor(found[name])).abs().max() < 1e-4
    functions.close()


@pytest.fixture(scope="module")
def page(browser: Browser, digits: torch.Tensor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The course's network and ten images, from a file, on a phone."""
    explorer = filter_explorer(pretrained(), digits, range(10))
    with opened(browser, tmp_path_factory.mktemp("page"), explorer, width=390) as page:
        yield page


@pytest.fixture
def walk(page: Page) -> Page:
    """All sliders at their lower ends."""
    for name in ("layer", "image", "channel", "row", "column"):
        move(page, name, "Home")
    return page


def move(page: Page, name: str, *keys: str) -> None:
    """Press keys on a slider, if it isn't there already."""
    slider = page.get_by_role("slider", name=name, exact=True)
    slider.focus()
    for key in keys:
        page.keyboard.press(key)


def says(page: Page, digits: torch.Tensor, depth: int = 0, channel: int = 0, row: int = 0, column: int = 0, image: int = 0) -> None:
    """Wait until the sentence is Python's, up to the last decimals."""
    text = filter_picture(pretrained(), digits[image], depth, channel, row, column, f"image {image}, label {image}").text
    parts = map(re.escape, NUMBER.split(text))
    expect(page.locator(".s6-sentence")).to_have_text(re.compile("^" + NUMBER.pattern.join(parts) + "$"))
    assert alike(text, page.locator(".s6-sentence").text_content())


def test_keys_walk_through_the_network(walk: Page, digits: torch.Tensor) -> None:
    """Each slider one step and to its end; the ranges follow the layer, and the aim is kept."""
    says(walk, digits)
    move(walk, "image", "ArrowRight")
    says(walk, digits, image=1)
    move(walk, "channel", "End")
    move(walk, "row", "End")
    move(walk, "column", "End", "ArrowLeft")
    last = [size - 1 for size in record_layers(pretrained(), digits[1])[0].maps.shape]
    says(walk, digits, 0, last[0], last[1], last[2] - 1, image=1)
    move(walk, "layer", "End")
    passes = record_layers(pretrained(), digits[1])
    count, rows, columns = passes[-1].maps.shape
    aim = int((last[2] - 0.5) / (last[2] + 1) * columns)
    says(walk, digits, len(passes) - 1, min(last[0], count - 1), rows - 1, aim, image=1)
    move(walk, "layer", "Home")
    move(walk, "image", "Home")
    says(walk, digits, 0, last[0], last[1], last[2] - 1)


def test_a_click_on_a_map_chooses_its_place(walk: Page, digits: torch.Tensor) -> None:
    """In the large map a row and a column; in the small ones also the channel; a gap means nothing."""
    count, height, width = record_layers(pretrained(), digits[0])[0].maps.shape
    large, small = walk.locator("canvas.s6-pick").all()
    box = large.bounding_box()
    large.click(position={"x": box["width"] * 6.5 / width, "y": box["height"] * 10.5 / height})
    says(walk, digits, 0, 0, 10, 6)
    box, across = small.bounding_box(), small.evaluate("it => it.width")
    down = small.evaluate("it => it.height")
    x, y = 2 * (width + 1) + 3.5, 8.5
    small.click(position={"x": box["width"] * x / across, "y": box["height"] * y / down})
    says(walk, digits, 0, 2, 8, 3)


def test_it_fits_a_phone(walk: Page) -> None:
    """Nothing reaches over the edge, in no layer; every picture has a name."""
    for _ in range(6):
        assert walk.evaluate("document.documentElement.scrollWidth") <= 390
        move(walk, "layer", "ArrowRight")
    names = walk.get_by_role("img").evaluate_all("all => all.map(it => it.getAttribute('aria-label'))")
    assert names and all(names)


def test_it_is_small() -> None:
    """The front end with all that it imports."""
    assert len(front_end("filters.js").encode()) < 40_000
