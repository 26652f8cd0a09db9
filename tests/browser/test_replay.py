"""Recorded trainings on a page from a file: what it computes is what Python computes, by keys, mouse and address."""

import random
from pathlib import Path

import pytest
import torch
from front import Functions, opened
from playwright.sync_api import Browser, Page, expect

from mnist_s6.recorder import FLIGHTS, Flight, digit_shares, find_flight, learned_at
from mnist_s6.widgets import front_end
from mnist_s6.widgets.replay import ReplayExplorer, _flight_words, replay_explorer

COMPUTE = """(() => {
    const labels = new Uint8Array(given.buffer);
    const all = new Uint8Array(said.buffer);
    const runs = Array.from({ length: epochs + 1 }, (_, n) => all.subarray(n * labels.length, (n + 1) * labels.length));
    const matrices = runs.map(run => s6.confusionOf(labels, run));
    const words = s6.flightWords({ name, epochs }, matrices, labels.length, { epoch, digit, level });
    const shares = matrices.map(counts => s6.digitShares(counts, digit));
    return [matrices.map(counts => Array.from(counts)), shares, s6.learnedAt(matrices, digit, level), words];
})()"""


def random_flight(source: random.Random, images: int) -> Flight:
    """Answers that become better, or don't."""
    epochs = source.randint(0, 4)
    labels = torch.tensor([source.randrange(10) for _ in range(images)]).byte()
    said = [[label if source.random() < epoch / 4 + 0.1 else source.randrange(10) for label in labels.tolist()] for epoch in range(epochs + 1)]
    return Flight("any", "", (), labels, torch.tensor(said).byte(), torch.zeros(epochs + 1, 0, 1, 1), torch.zeros(4, epochs), torch.zeros(epochs, 0))


def test_the_page_computes_what_python_computes(browser: Browser) -> None:
    """Confusion, shares, the first epoch, and the sentence, over random recordings."""
    functions, source = Functions(browser, "replay.js"), random.Random(0)
    for images in [1, 7, 40, 200, 1000, *(source.randrange(1, 3000) for _ in range(15))]:
        flight = random_flight(source, images)
        epoch, digit, level = source.randint(0, 6), source.randrange(10), source.randint(50, 99) / 100
        about = {"name": "any", "epochs": flight.epochs, "epoch": epoch, "digit": digit, "level": level}
        counts, shares, first, words = functions(COMPUTE, given=flight.labels, said=flight.predictions, **about)
        matrices = [flight.confusion(at) for at in range(flight.epochs + 1)]
        assert counts == [matrix.flatten().tolist() for matrix in matrices]
        assert shares == [digit_shares(matrix)[digit].tolist() for matrix in matrices]
        expected = learned_at(flight, digit, level)
        assert first == (-1 if expected is None else expected)
        assert words == _flight_words(flight, epoch, digit, level)
    functions.page.close()


@pytest.fixture(scope="module")
def explorer() -> ReplayExplorer:
    """All recordings of the package."""
    return replay_explorer([find_flight(name) for name in FLIGHTS], left="sound", right="by-heart", epoch=1)


def says(page: Page, explorer: ReplayExplorer, **state: object) -> None:
    """Wait for Python's sentences."""
    explorer.set(**state)
    expect(page.locator(".s6-sentence")).to_have_text(explorer.still().text)


def test_a_way_through_the_epochs(browser: Browser, tmp_path: Path, explorer: ReplayExplorer) -> None:
    """Keys, buttons, play until the end of the longer run, lists, a digit's button, and the address, on a phone."""
    with opened(browser, tmp_path, explorer, width=390) as page:
        says(page, explorer)
        slider = page.get_by_role("slider", name="epoch", exact=True)
        slider.focus()
        page.keyboard.press("ArrowRight")
        says(page, explorer, epoch=2)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        drawn = "it => Array.from(it.getContext('2d').getImageData(0, 0, it.width, it.height).data)"
        kernels = page.locator("canvas").first.evaluate(drawn)
        page.get_by_role("button", name="start again").click()
        says(page, explorer, epoch=0)
        assert page.locator("canvas").first.evaluate(drawn) != kernels
        page.get_by_role("button", name="step").press("Enter")
        says(page, explorer, epoch=1)
        page.get_by_label("other").select_option("not-shuffled")
        page.get_by_role("button", name="3", exact=True).click()
        says(page, explorer, right="not-shuffled", digit=3)
        page.get_by_role("slider", name="learned from").press("ArrowLeft")
        says(page, explorer, level=0.94)
        cells = page.get_by_role("table", name="not-shuffled after epoch 1").locator("td").all_inner_texts()
        assert [int(cell or 0) for cell in cells] == find_flight("not-shuffled").confusion(1).flatten().tolist()
        page.get_by_role("button", name="play").click()
        says(page, explorer, epoch=find_flight("sound").epochs)
        expect(page.get_by_role("button", name="play")).to_be_visible()  # it has ended by itself
        page.reload()
        says(page, explorer)
        scroll = page.locator(".s6-scroll").last
        page.add_style_tag(content=".s6-scroll { width: 100px; }")
        assert scroll.evaluate("it => { it.scrollLeft = 40; return it.scrollLeft; }") == 40
        page.get_by_role("button", name="4", exact=True).dispatch_event("click")  # a mouse might scroll there first
        says(page, explorer, digit=4)
        assert page.locator(".s6-scroll").last.evaluate("it => it.scrollLeft") == 40
        page.goto(page.url + "&images=5")  # how many there were is no link's to say
        page.reload()
        says(page, explorer)


def test_it_is_small(explorer: ReplayExplorer) -> None:
    """What a page needs for all recordings, and the front end with all that it imports."""
    assert len(explorer.recording) < 250_000
    assert len(front_end("replay.js").encode()) < 35_000
