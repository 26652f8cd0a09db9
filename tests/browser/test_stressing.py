"""A digit under stress: the page spoils it as Python does, reads it as PyTorch does, and says the same words."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from front import Functions, WentWrong, opened
from lab import Notebook
from playwright.sync_api import Browser, Page, expect

from mnist_s6.datasets import load_data
from mnist_s6.small import TinyNet
from mnist_s6.stress import CORRUPTIONS, Stress, corrupt
from mnist_s6.weights import pretrained
from mnist_s6.widgets import StressExplorer, front_end, stress_explorer
from mnist_s6.widgets.drawing import digit_probabilities
from mnist_s6.widgets.stressing import _at_strength, _read, _stress_words

NOTEBOOK = "67_stressing"
FOUND = Stress(1000, 996, {kind: [995 - 90 * place, 950, 600, 300, 99] for place, kind in enumerate(CORRUPTIONS)})
START = {"digit": 6, "kind": "noise", "strength": 3, "seed": 0}
READ = """cases.map(({ pixels, kind, amount, seed }) => {
    const image = s6.spoiled(new Float32Array(pixels.buffer), kind, amount, seed);
    return [Array.from(image), answer(Float32Array.from(image))];
})"""


@pytest.fixture(scope="module")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Validation images, 0 to 1, and their labels."""
    loader = load_data(500, validation=True, batched=True, seed=0)[1]
    return loader.images[:, 0] / 255, loader.labels


@pytest.fixture(scope="module")
def explorer(digits: tuple[torch.Tensor, torch.Tensor]) -> StressExplorer:
    """The course's network, and a curve."""
    return stress_explorer(pretrained(), *digits, FOUND)


@pytest.fixture
def page(browser: Browser, tmp_path: Path, explorer: StressExplorer) -> Iterator[Page]:
    """It, from a file."""
    explorer.set(**START)
    with opened(browser, tmp_path, explorer) as page:
        yield page


def says(page: Page, explorer: StressExplorer, **state: object) -> None:
    """Wait for Python's sentence."""
    explorer.set(**state)
    expect(page.locator(".s6-sentence")).to_have_text(explorer.still().text)


def test_pictures_and_answers_are_pythons(browser: Browser, digits: tuple[torch.Tensor, torch.Tensor], explorer: StressExplorer) -> None:
    """All eight ways at all strengths, over random digits and seeds, to a hundred-thousandth; and the network's answers."""
    functions, chance, cases, ours = Functions(browser, "stressing.js"), random.Random(0), [], []
    for kind, way in CORRUPTIONS.items():
        for strength in (1, 2, 3, 4, 5) * 3:
            place, seed = chance.randrange(5000), chance.randint(0, 99)
            cases.append({"pixels": digits[0][place], "kind": kind, "amount": way.amounts[strength - 1], "seed": seed})
            ours.append(corrupt(digits[0][[place]], kind, strength, torch.Generator().manual_seed(seed))[0])
    code = f"(() => {{ const answer = s6.reader({{ model: {{ get: () => network }} }}); return {READ}; }})()"
    for case, picture, (pixels, shares) in zip(cases, ours, functions(code, cases=cases, network=explorer.network), strict=True):
        about = case["kind"], case["amount"], case["seed"]
        assert torch.allclose(torch.tensor(pixels), picture.flatten(), atol=1e-5), about
        assert torch.allclose(torch.tensor(shares), digit_probabilities(explorer.model, picture), atol=1e-3), about
    functions.close()


def test_words_are_pythons(browser: Browser) -> None:
    """Over random answers, right and wrong, with a curve and without one."""
    functions, chance = Functions(browser, "stressing.js"), random.Random(2)
    for turn in range(200):
        shares = torch.tensor([chance.random() ** 4 for _ in range(10)])
        shares /= shares.sum()
        digit = int(shares.argmax()) if turn % 2 else chance.randrange(10)
        kind, strength, found = chance.choice(list(CORRUPTIONS)), chance.randint(0, 5), FOUND if turn % 3 else None
        way = CORRUPTIONS[kind]
        about = {"digit": digit, "kind": kind, "strength": strength, "amount": way.amounts[strength - 1], "unit": way.unit}
        read, n = (_read(found, kind, strength), found.n) if found else (None, 0)
        words = functions("s6.stressWords(shares, about, read, n)", shares=shares.tolist(), about=about, read=read, n=n)
        assert words == _stress_words(shares, digit, kind, strength, found)
    functions.close()


def test_every_control(page: Page, explorer: StressExplorer) -> None:
    """By key and by mouse, each changes words and picture; the address holds them."""
    drawn = "it => it.toDataURL()"
    says(page, explorer)
    before = page.locator("canvas").evaluate(drawn)
    page.get_by_role("slider", name="seed of what is drawn").press("ArrowRight")
    says(page, explorer, seed=1)
    assert page.locator("canvas").evaluate(drawn) != before
    for kind in CORRUPTIONS:
        page.get_by_label("spoiled by").select_option(kind)
        says(page, explorer, kind=kind)
        expect(page.get_by_role("img", name=f"{kind}: of 1,000 digits so many are read")).to_be_visible()
    slider = page.get_by_role("slider", name="strength", exact=True)
    for key, strength in (("End", 5), ("ArrowLeft", 4), ("Home", 0)):
        slider.press(key)
        says(page, explorer, strength=strength)
    expect(page.locator("figcaption").first).to_have_text("untouched")
    page.get_by_label("digit", exact=True).select_option("8")
    says(page, explorer, digit=8)
    slider.press("ArrowRight")
    says(page, explorer, strength=1)
    page.reload()
    says(page, explorer)
    page.goto(page.url + "&n=99999")  # how many digits were read is no link's to say
    page.reload()
    says(page, explorer)


def test_a_square_marks_the_strength(page: Page, explorer: StressExplorer) -> None:
    """It moves to the right, and down with the curve; the bar of the label says so."""
    middle = "it => [it.x.baseVal.value, it.y.baseVal.value]"
    places = []
    for strength in range(6):
        page.get_by_role("slider", name="strength", exact=True).fill(str(strength))
        says(page, explorer, strength=strength)
        places.append(page.locator("rect.s6-now").evaluate(middle))
    assert places == sorted(places) and [y for _, y in places] == sorted(y for _, y in places)
    assert page.locator(".s6-bar").filter(has_text="label").locator("span").first.inner_text() == "6"


def test_another_network_is_asked(browser: Browser, tmp_path: Path, digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    """On a page without Python, the message says so; without a curve, none is drawn."""
    with opened(browser, tmp_path, stress_explorer(TinyNet(), *digits)) as page:
        expect(page.get_by_role("alert")).to_contain_text("this needs Python")
        expect(page.locator(".s6-view svg")).to_have_count(0)


@pytest.mark.parametrize(("name", "value", "told"), [
    ("kind", "dust", "kind is dust; expected one of noise, blur, shift"),
    ("strength", "7", "strength is 7; expected a whole number from 0 to 5"),
    ("strength", "2.5", "strength is 2.5; expected a whole number from 0 to 5"),
    ("digit", "11", "digit is 11; expected one of 0, 1"),
])
def test_a_bad_address_is_told(name: str, value: str, told: str, browser: Browser, tmp_path: Path, explorer: StressExplorer) -> None:
    """In words, below the picture."""
    failing = pytest.raises(WentWrong, match=told)
    with failing, opened(browser, tmp_path, explorer) as page:
        page.goto(f"{page.url}#explorer?{name}={value}")
        page.reload()
        expect(page.get_by_role("alert")).to_contain_text(told)


def test_it_fits_a_phone_and_is_small(browser: Browser, tmp_path: Path, explorer: StressExplorer) -> None:
    """390 pixels wide: nothing reaches over the edge; and ten digits take less than 8 KB."""
    with opened(browser, tmp_path, explorer, width=390) as page:
        says(page, explorer)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.locator("svg").evaluate("it => it.getBoundingClientRect().width") >= 300
    assert len(front_end("stressing.js").encode()) < 45_000 and len(explorer.images) == 7840


def test_a_picture_is_what_it_says(digits: tuple[torch.Tensor, torch.Tensor], explorer: StressExplorer) -> None:
    """Each digit is the first of its label, to the byte."""
    for digit, pixels in explorer.pictures.items():
        assert torch.equal(_at_strength(pixels, "noise", 0, 0), digits[0][digits[1] == digit][0])


def test_in_jupyterlab(notebook: Notebook) -> None:
    """Its lists and its slider there too; Python hears them."""
    explorer = notebook.explorer("spoiled by")
    explorer.fits(r"The 6, noise at strength 3 \(0\.3 deviation, where white is 1\): the network says 8 at .*")
    explorer.choose("spoiled by", "rotation")
    explorer.press("strength", "Home", "ArrowRight")
    explorer.fits(r"The 6, rotation at strength 1 \(10 degrees\): the network says 6 at \d+%, which is right\..*")
    explorer.settle()
    notebook.run("print('heard', explorer.kind, explorer.strength)")
    expect(notebook.page.get_by_text("heard rotation 1")).to_be_visible()
    explorer.screenshot("stressing")
