"""The browser of mistakes: it says what Python says, on a page that was opened from a file, for every kind of network."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from front import Functions, opened
from images import mnist
from lab import Notebook
from playwright.sync_api import Browser, Page, expect
from torch import nn

from mnist_s6.datasets import MEAN, STD
from mnist_s6.model import FastNet
from mnist_s6.neighbours import MistakeBook
from mnist_s6.widgets import MistakeExplorer, alive_html, front_end, look_into, mistake_explorer, mistake_picture
from mnist_s6.widgets.mistakes import KEPT, PAGE_SIZE, _choice_words, _grey, _nothing_words, _packed

NOTEBOOK = "29_mistakes"
Batches = list[tuple[torch.Tensor, torch.Tensor]]


def some(train: bool, count: int) -> Batches:
    """The first images, normalised, and their labels, in one batch."""
    stored = mnist(train=train)
    return [((stored.data[:count, None] / 255 - MEAN) / STD, stored.targets[:count])]


@pytest.fixture(scope="module")
def learn() -> Batches:
    """Training images."""
    return some(True, 600)


@pytest.fixture(scope="module")
def exam() -> Batches:
    """Test images."""
    return some(False, 300)


class Nearest(nn.Module):
    """Answers as the most similar of some training images: wrong about twice in ten, and sure of it."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        (self.images, self.labels), self.layer = batches[0], nn.Conv2d(1, 3, 9, stride=9)
        nn.init.uniform_(self.layer.weight)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits, from the nearest image of each digit."""
        self.layer(images)  # its maps, of 3×3, can be compared
        distances = torch.cdist(images.flatten(1), self.images.flatten(1))  # (N, n)
        nearest = [distances[:, self.labels == digit].min(1).values for digit in range(10)]
        return -torch.stack(nearest, 1) / 2


@pytest.fixture(scope="module")
def book(learn: Batches, exam: Batches) -> MistakeBook:
    """The mistakes of a network that is often right."""
    torch.manual_seed(0)
    return MistakeBook(Nearest([(learn[0][0][:150], learn[0][1][:150])]), learn, [(exam[0][0][:160], exam[0][1][:160])])


@pytest.fixture(scope="module")
def read(book: MistakeBook) -> str:
    """Its explorer, as HTML."""
    return alive_html(MistakeExplorer(book))


@pytest.fixture
def page(browser: Browser, tmp_path: Path, read: str) -> Iterator[Page]:
    """It, from a file."""
    with opened(browser, tmp_path, read) as page:
        yield page


def words(book: MistakeBook, which: int = 0, label: int | None = None, prediction: int | None = None) -> str:
    """Python's sentence, without its picture, which takes a while."""
    chosen = book.chosen(label, prediction)
    if not len(chosen):
        return _nothing_words(book, label, prediction)
    look = look_into(book, chosen[which].item())
    return f"Mistake {which + 1} of {len(chosen)} ({_choice_words(label, prediction)}): {look.words}."


def says(page: Page, book: MistakeBook, which: int = 0, label: int | None = None, prediction: int | None = None) -> None:
    """Wait for Python's sentence."""
    expect(page.locator(".s6-sentence")).to_have_text(words(book, which, label, prediction))


def test_images_are_unpacked(browser: Browser, book: MistakeBook) -> None:
    """All of the mistakes', and each by its number."""
    functions, images = Functions(browser, "mistakes.js"), book.mistakes.images
    back = functions("s6.unpacked(packed).then(pixels => Array.from(pixels))", packed=_packed(book, images))
    assert back == _grey(book, images).flatten().tolist()
    last = functions("s6.unpacked(packed).then(pixels => Array.from(s6.imagesOf(pixels)(n).data))", packed=_packed(book, images), n=len(images) - 1)
    assert last == pytest.approx((_grey(book, images)[-1].flatten() / 255).tolist())
    functions.close()


def test_choices_are_pythons(browser: Browser, book: MistakeBook) -> None:
    """Which mistakes, in which order, and in what words; also where there are none."""
    functions, choices = Functions(browser, "mistakes.js"), [None, *range(10)]
    cases = [(label, said) for label in choices for said in choices]
    about = [{"label": -1 if label is None else label, "prediction": -1 if said is None else said} for label, said in cases]
    found = functions(
        """about.map(it => [s6.choose({ labels: new Uint8Array(labels.buffer), predictions: new Uint8Array(predictions.buffer) }, it),
            s6.choiceWords(it), s6.nothingWords(it, all, tested)])""",
        about=about,
        labels=book.mistakes.labels.byte(),
        predictions=book.mistakes.predictions.byte(),
        all=len(book.mistakes),
        tested=book.tested,
    )
    for (label, said), (places, choice, nothing) in zip(cases, found, strict=True):
        assert places == book.chosen(label, said).tolist()
        assert choice == _choice_words(label, said)
        if not places:
            assert nothing == _nothing_words(book, label, said)
    functions.close()


def test_keys_walk_through_the_mistakes(page: Page, book: MistakeBook) -> None:
    """By the slider, one by one and to the end; the lists choose, and begin with the first."""
    count = len(book.mistakes)
    assert PAGE_SIZE < count <= KEPT
    says(page, book)
    assert words(book) == mistake_picture(book).text
    slider = page.get_by_role("slider", name="mistake", exact=True)
    slider.focus()
    page.keyboard.press("ArrowRight")
    says(page, book, 1)
    page.keyboard.press("End")
    says(page, book, count - 1)
    expect(page.locator("button.s6-tile")).to_have_count(count - PAGE_SIZE)  # the second page
    label = book.mistakes.labels[-1].item()
    page.get_by_label("label", exact=True).focus()
    page.keyboard.press(str(label))  # as it stands in the list
    says(page, book, 0, label)
    expect(slider).to_have_attribute("max", str(max(2, len(book.chosen(label)))))
    page.get_by_label("prediction", exact=True).select_option(str(label))
    says(page, book, 0, label, label)
    expect(slider).to_be_disabled()
    for name in ("label", "prediction"):
        page.get_by_label(name, exact=True).select_option("any")
    says(page, book)


def test_clicks_choose_a_pair_and_a_mistake(page: Page, book: MistakeBook) -> None:
    """A cell of the matrix, which counts as Python does, and a small image; keys press it too."""
    cells = page.locator(".s6-matrix td")
    expected = [str(count or "") for count in book.matrix.flatten().tolist()]
    assert cells.all_text_contents() == expected
    tiles = page.locator("button.s6-tile")
    tiles.nth(7).click()
    says(page, book, 7)
    expect(tiles.nth(7)).to_have_attribute("aria-current", "true")
    expect(tiles.nth(7)).to_be_focused()
    label, said = divmod(book.matrix.argmax().item(), 10)
    cells.nth(10 * label + said).click()
    says(page, book, 0, label, said)
    expect(page.locator(".s6-matrix .s6-under")).to_have_count(1)
    expect(tiles).to_have_count(book.matrix[label, said].item())
    tiles.nth(1).focus()
    page.keyboard.press("Enter")
    says(page, book, 1, label, said)
    page.get_by_label("label", exact=True).select_option("any")
    says(page, book, 0, None, said)
    expect(page.locator(".s6-matrix .s6-under")).to_have_count(10)


def test_keys_walk_through_the_matrix(page: Page, book: MistakeBook) -> None:
    """From cell to cell, not beyond the edges; Enter or Space chooses, and the focus stays for the next step."""
    cells, keyboard = page.locator(".s6-matrix td"), page.keyboard
    says(page, book)
    expect(page.locator(".s6-matrix td[tabindex='0']")).to_have_count(1)
    page.get_by_label("prediction", exact=True).press("Tab")
    page.get_by_role("slider", name="mistake").press("Tab")
    expect(cells.nth(0)).to_be_focused()
    for key, place in (
        *(("ArrowUp", 0), ("ArrowLeft", 0), ("End", 9), ("ArrowRight", 9), ("ArrowDown", 19), ("Home", 10)),
        *(("ArrowRight", 11), ("ArrowUp", 1), ("ArrowLeft", 0)),
    ):
        keyboard.press(key)
        expect(cells.nth(place)).to_be_focused()
    label, said = divmod(book.matrix.argmax().item(), 10)
    for key in ["ArrowDown"] * label + ["ArrowRight"] * said + ["Enter"]:
        keyboard.press(key)
    says(page, book, 0, label, said)
    expect(cells.nth(10 * label + said)).to_be_focused()
    expect(cells.nth(10 * label + said)).to_have_class("s6-under")
    for key in ["ArrowDown"] * 9 + ["ArrowRight"] * 9 + ["Space"]:
        keyboard.press(key)
    says(page, book, 0, 9, 9)
    expect(cells.nth(99)).to_be_focused()


def test_the_pictures_are_the_books(page: Page, book: MistakeBook) -> None:
    """The mistake, its ten probabilities, its neighbours, and the maps with their differences."""
    label, said = book.mistakes.labels[0].item(), book.mistakes.predictions[0].item()
    says(page, book)
    bars = page.locator(".s6-bar").all_text_contents()
    for digit, share in enumerate(book.probabilities[0].tolist()):
        role = "prediction" if digit == said else "label" if digit == label else ""
        assert bars[digit] == f"{digit}{share:.1%}{role}"
    near = [*book.nearest(0, label).indices.tolist(), *book.nearest(0, said).indices.tolist()]
    assert page.locator("span.s6-tile").all_text_contents() == [str(place) for place in near]
    drawn = page.locator("button.s6-tile canvas").first.evaluate(
        "it => Array.from(it.getContext('2d').getImageData(0, 0, 28, 28).data).filter((_, n) => n % 4 === 0)"
    )
    grey = (book.mistakes.images[0, 0] - book.low) / (book.high - book.low) * 255
    assert (torch.tensor(drawn).view(28, 28) - grey).abs().max() <= 0.51


def test_the_address_holds_the_state(page: Page, book: MistakeBook) -> None:
    """A teacher sends one mistake."""
    label, said = divmod(book.matrix.argmax().item(), 10)
    page.locator(".s6-matrix td").nth(10 * label + said).click()
    page.locator("button.s6-tile").nth(1).click()
    says(page, book, 1, label, said)
    page.reload()
    says(page, book, 1, label, said)


def test_other_networks(browser: Browser, tmp_path: Path, learn: Batches, exam: Batches) -> None:
    """Untrained: too many mistakes for a page, which keeps the surest; without convolutions; without a mistake."""
    torch.manual_seed(0)
    raw = mistake_explorer(FastNet(), learn, exam)
    count = len(raw.book.mistakes)
    with opened(browser, tmp_path, raw) as page:
        says(page, raw.book)
        expect(page.get_by_role("slider", name="mistake")).to_have_attribute("max", str(KEPT))
        expect(page.get_by_text(f"of {count} (this page keeps {KEPT} of them)")).to_be_visible()
        pairs = raw.book.matrix.nonzero().tolist()
        label, said = next(pair for pair in pairs if raw.book.chosen(*pair)[0] >= KEPT)
        page.locator(".s6-matrix td").nth(10 * label + said).click()
        expect(page.locator(".s6-sentence")).to_contain_text("but this page keeps the surest only. Choose again")
    linear = mistake_explorer(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), learn, exam)
    with opened(browser, tmp_path, linear) as page:
        says(page, linear.book)
        expect(page.get_by_text("this network has no feature maps")).to_be_visible()
    perfect = mistake_explorer(Nearest(learn), learn, learn)
    with opened(browser, tmp_path, perfect) as page:
        expect(page.locator(".s6-sentence")).to_have_text("No mistakes: the network reads all 600 test images correctly.")


def test_a_failure_is_told(browser: Browser, tmp_path: Path, book: MistakeBook) -> None:
    """For as long as it lasts; a page shows what was recorded."""
    explorer = MistakeExplorer(book)
    answer = explorer.answer_mistake

    def lost(place: int) -> dict:
        if place == 1:
            raise OSError("the training images are gone")
        return answer(place)

    explorer.answer_mistake = lost
    with opened(browser, tmp_path, explorer) as page:
        says(page, book)
        page.get_by_role("slider", name="mistake").fill("2")
        expect(page.get_by_role("alert")).to_have_text("⚠ OSError: the training images are gone")
        page.get_by_role("slider", name="mistake").fill("3")
        says(page, book, 2)
        expect(page.get_by_role("alert")).to_have_text("")


def test_it_fits_a_phone(browser: Browser, tmp_path: Path, book: MistakeBook, read: str) -> None:
    """390 pixels wide: nothing reaches over the edge, and every picture has a name."""
    with opened(browser, tmp_path, read, width=390) as page:
        says(page, book)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        names = page.get_by_role("img").evaluate_all("all => all.map(it => it.getAttribute('aria-label'))")
        assert names and all(names)


def test_it_is_small(book: MistakeBook) -> None:
    """The front end with all that it imports, and a page's state."""
    assert len(front_end("mistakes.js").encode()) < 30_000
    assert len(str(MistakeExplorer(book).state())) < 100_000


def test_in_jupyterlab(notebook: Notebook) -> None:
    """The explorer of the lesson, by keys and clicks; Python hears."""
    explorer = notebook.explorer("mistake")
    found = explorer.fits(r"Mistake 1 of (\d+) \(any label, any prediction\): test image (\d+) shows an? (\d), .*")
    notebook.run("looks, explorer.looks = explorer.looks, None")
    explorer.drag("mistake", 0.5)
    explorer.shows_error("TypeError: ")
    notebook.run("explorer.looks = looks")  # an error isn't kept as an answer
    explorer.press("mistake", "ArrowRight", "ArrowLeft")
    explorer.fits(rf"Mistake {explorer.readout('mistake'):.0f} of {found[1]} .*")
    explorer.shows_error("")
    explorer.press("mistake", "End", "ArrowLeft")
    explorer.fits(rf"Mistake {int(found[1]) - 1} of {found[1]} .*")
    explorer.drag("mistake", 0)
    explorer.choose("label", found[3])
    explorer.fits(rf"Mistake 1 of \d+ \(label {found[3]}, any prediction\): test image {found[2]} .*")
    explorer.press("label", "Home")
    explorer.output.locator("button.s6-tile").nth(5).click()
    explorer.fits(rf"Mistake 6 of {found[1]} .*")
    explorer.settle()
    notebook.run("print('heard', explorer.label, explorer.mistake, explorer.still().text[:10])")
    expect(notebook.page.get_by_text("heard -1 6 Mistake 6 ")).to_be_visible()
