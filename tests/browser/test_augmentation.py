"""The augmentation explorer on a page that was opened from a file: it says what Python says, over random settings."""

import random
from collections.abc import Iterator

import pytest
from front import Functions, opened
from images import mnist
from playwright.sync_api import Browser, Page, expect
from torchvision.datasets import MNIST

from mnist_s6.augment import Augmentation
from mnist_s6.widgets import augmentation_explorer, augmentation_picture, front_end
from mnist_s6.widgets.augmentation import _telling, augmentation_steps

SAYS = """(() => {
    const about = { index, crop_probability, crop_size, degrees, seed };
    const source = s6.randomSource(seed);
    const draws = Array.from({ length: 24 }, () => s6.passThrough(new Uint8Array(pixels.buffer), source, about));
    return s6.telling(about, label, draws[0], draws);
})()"""


def words(digits: MNIST, index: int, settings: Augmentation, seed: int) -> str:
    """Python's sentence, without its picture, which takes a while."""
    return _telling(augmentation_steps(digits, index, settings, seed), index)


@pytest.fixture(scope="module")
def digits() -> MNIST:
    """The training images."""
    return mnist(train=True)


def test_the_sentence_is_pythons(browser: Browser, digits: MNIST) -> None:
    """What is drawn, cropped, turned and measured, over random images and settings."""
    functions, chance = Functions(browser, "augmentation.js"), random.Random(0)
    for _ in range(60):
        index, seed = chance.randrange(len(digits)), chance.randrange(1000)
        settings = Augmentation(round(chance.random(), 2), chance.randint(1, 28), float(chance.randint(0, 180)))
        values = {name: getattr(settings, name) for name in ("crop_probability", "crop_size", "degrees")}
        pixels, label = digits.data[index], digits.targets[index].item()
        says = functions(SAYS, index=index, seed=seed, pixels=pixels, label=label, **values)
        assert says == words(digits, index, settings, seed)
    assert says == augmentation_picture(digits, index, settings, seed).text
    functions.close()


@pytest.fixture(scope="module")
def page(browser: Browser, digits: MNIST, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The explorer, from a file, on a phone."""
    with opened(browser, tmp_path_factory.mktemp("page"), augmentation_explorer(digits), width=390) as page:
        yield page


def says(page: Page, digits: MNIST, index: int = 0, seed: int = 0, **settings: float) -> None:
    """Wait for the sentence of these settings."""
    expect(page.locator(".s6-sentence")).to_have_text(words(digits, index, Augmentation(**settings), seed))


@pytest.mark.parametrize(
    ("label", "keys", "expected"),
    [
        ("image", ["ArrowRight"], {"index": 1}),
        ("image", ["End"], {"index": 39}),
        ("seed of the draw", ["End"], {"seed": 999}),
        ("crop probability", ["End"], {"crop_probability": 1.0}),
        ("crop size in pixels", ["Home", "ArrowRight"], {"crop_size": 2}),
        ("rotate up to ± degrees", ["End", "ArrowLeft"], {"degrees": 179.0}),
    ],
)
def test_keys_move_each_slider(page: Page, digits: MNIST, label: str, keys: list[str], expected: dict) -> None:
    """From the course's settings, and back by the button; a page has the first 40 images."""
    slider = page.get_by_role("slider", name=label, exact=True)
    slider.focus()
    for key in keys:
        page.keyboard.press(key)
    says(page, digits, **expected)
    for name in ("image", "seed of the draw"):
        page.get_by_role("slider", name=name, exact=True).fill("0")
    page.get_by_role("button", name="course settings").click()
    says(page, digits)


def test_it_fits_a_phone(page: Page) -> None:
    """Nothing reaches over the edge; every picture has a name."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    names = page.get_by_role("img").evaluate_all("all => all.map(it => it.getAttribute('aria-label'))")
    assert len(names) == 7 and all(names)


def test_it_is_small() -> None:
    """The front end with all that it imports."""
    assert len(front_end("augmentation.js").encode()) < 40_000
