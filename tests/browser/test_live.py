"""The view of a training: on a page from a file, with all epochs to go back to; in JupyterLab, while it runs."""

import math
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from front import Functions, WentWrong, opened
from lab import Notebook
from playwright.sync_api import Browser, Page, expect
from torch import nn

from mnist_s6.fit import Training
from mnist_s6.model import S6Net
from mnist_s6.util import History
from mnist_s6.widgets import LiveTraining, alive_html, front_end
from mnist_s6.widgets.live import _coloured, _picture, snapshot

NOTEBOOK = "36_live"


def trained(model: nn.Module, losses: list[float]) -> LiveTraining:
    """A view that was told of so many epochs; the weights change by chance."""
    live, history, chance = LiveTraining(), History(test_name="test"), random.Random(0)
    live(Training(model, [], None, None, history))
    for number, loss in enumerate(losses, start=1):
        right = 1 - 1 / (number + 1)
        history.train_loss.append(loss)
        history.test_loss.append(loss * chance.uniform(0.5, 1.5))
        history.train_accuracy.append(right)
        history.test_accuracy.append(right**0.5)
        for parameter in model.parameters():
            nn.init.normal_(parameter)
        live(Training(model, [], None, None, history))
    return live


def says(page: Page, live: LiveTraining, place: int) -> None:
    """Wait for Python's sentence, and the epoch beside the slider."""
    text = _picture(live.history, live.shots[place]).text
    expect(page.locator(".s6-sentence")).to_have_text(text)
    expect(page.locator("output")).to_have_text(str(live.shots[place].epoch))


@pytest.fixture(scope="module")
def live() -> LiveTraining:
    """Five epochs."""
    torch.manual_seed(0)
    return trained(S6Net(), [2.0, 1.0, 0.5, 0.25, 0.2])


@pytest.fixture(scope="module")
def view(live: LiveTraining) -> str:
    """Their view, as HTML."""
    return alive_html(live)


@pytest.fixture
def page(browser: Browser, tmp_path: Path, view: str) -> Iterator[Page]:
    """On a phone, from a file."""
    with opened(browser, tmp_path, view, width=390) as page:
        yield page


def test_keys_and_buttons_lead_through_the_epochs(page: Page, live: LiveTraining) -> None:
    """The slider, the step, the start, and play, which ends by itself at the newest."""
    says(page, live, -1)
    slider = page.get_by_role("slider", name="epoch", exact=True)
    slider.focus()
    page.keyboard.press("ArrowLeft")
    says(page, live, 4)
    page.keyboard.press("Home")
    says(page, live, 0)
    expect(slider).to_have_attribute("aria-valuetext", "0")
    page.get_by_role("button", name="step").click()
    says(page, live, 1)
    page.get_by_role("button", name="play").press("Enter")
    says(page, live, 5)
    expect(page.get_by_role("button", name="play")).to_be_visible()
    assert page.evaluate("location.hash") == ""  # −1 again: it follows what comes
    page.get_by_role("button", name="start again").press("Space")
    says(page, live, 0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_half_an_epoch_is_told(browser: Browser, tmp_path: Path, view: str, live: LiveTraining) -> None:
    """What a link says, and no slider can; a key mends it."""
    told = "place is 0.5; expected a whole number"
    with pytest.raises(WentWrong, match=told), opened(browser, tmp_path, view) as page:
        page.goto(page.url + "#explorer?place=0.5")
        page.reload()
        expect(page.get_by_role("alert")).to_have_text(f"⚠ ValueError: {told}")
        page.get_by_role("button", name="start again").click()
        says(page, live, 0)


def test_the_mouse_moves_the_slider(page: Page, live: LiveTraining) -> None:
    """And the address holds where it is."""
    slider = page.get_by_role("slider", name="epoch", exact=True)
    size = slider.bounding_box()
    page.mouse.click(size["x"] + size["width"] / 2 - size["width"] / 12, size["y"] + size["height"] / 2)
    says(page, live, 2)
    page.reload()
    says(page, live, 2)
    page.goto(page.url + "&test_name=%22perfect%22")  # which images these were is no link's to say
    page.reload()
    says(page, live, 2)
    expect(page.get_by_text("test, ■ dashed").first).to_be_visible()


def test_curves_and_kernels_are_the_trainings(page: Page, live: LiveTraining) -> None:
    """A point for each epoch, lower for a smaller loss; the upright line at the epoch; the kernels' own colours."""
    says(page, live, -1)
    loss = page.get_by_role("img", name="loss: training 0.2000")
    heights = [float(it) for it in loss.locator("circle").evaluate_all("all => all.map(it => it.getAttribute('cy'))")]
    assert len(heights) == 5 and heights == sorted(heights)
    assert (heights[1] - heights[0]) / (heights[2] - heights[0]) == pytest.approx(1.0 / 1.5)
    expect(loss.locator("rect")).to_have_count(5)
    lines = loss.locator("polyline")
    expect(lines).to_have_count(2)
    drawn = "it => Array.from(it.getContext('2d').getImageData(0, 0, it.width, it.height).data)"
    newest = page.locator("canvas").evaluate(drawn)
    page.get_by_role("button", name="start again").click()
    says(page, live, 0)
    assert page.locator("canvas").evaluate(drawn) != newest
    page.get_by_role("button", name="step").click()
    says(page, live, 1)
    expect(page.get_by_role("img", name="loss: training 2.0000").locator("polyline")).to_have_count(3)


def test_values_and_ticks(browser: Browser) -> None:
    """Kernels to 1/254 of their scale; ticks are round, rise, and lie inside."""
    functions, chance = Functions(browser, "live.js"), random.Random(0)
    shot = snapshot(nn.Conv2d(1, 8, 5), 1)
    back = functions("Array.from(s6.kernelValues(new Uint8Array(colours.buffer)))", colours=_coloured(shot))
    assert (torch.tensor(back) - shot.kernels.flatten() / shot.limit).abs().max() <= 1 / 253
    for _ in range(200):
        low = chance.uniform(0, 100)
        high = low + 10 ** chance.uniform(-3, 2)
        ticks = functions("s6.roundTicks(low, high)", low=low, high=high)
        margin = (high - low) * 1e-3
        assert 1 <= len(ticks) <= 9 and ticks == sorted(set(ticks))
        assert low - margin <= ticks[0] and ticks[-1] <= high + margin
    functions.close()


def test_any_training(browser: Browser, tmp_path: Path) -> None:
    """None yet; none ended; without convolutions; with losses and weights that are no numbers; a long one."""
    with opened(browser, tmp_path, LiveTraining()) as page:
        expect(page.locator(".s6-sentence")).to_have_text(LiveTraining().still().text)
        expect(page.get_by_role("slider")).not_to_be_visible()
    with opened(browser, tmp_path, trained(S6Net(), [])) as page:
        expect(page.locator(".s6-sentence")).to_contain_text("No epoch has ended yet; the first convolution")
    linear = trained(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), [1.0])
    with opened(browser, tmp_path, linear) as page:
        says(page, linear, -1)
        expect(page.locator("canvas")).not_to_be_visible()
    broken = trained(S6Net(), [1.0, math.nan, math.inf])
    model = nn.Conv2d(1, 2, 3)
    nn.init.constant_(model.weight, math.nan)
    broken(Training(model, [], None, None, broken.history))
    with opened(browser, tmp_path, broken) as page:
        says(page, broken, -1)
    long = trained(nn.Conv2d(1, 2, 3), [1 / number for number in range(1, 151)])
    with opened(browser, tmp_path, long) as page:
        says(page, long, -1)
        page.get_by_role("slider").press("ArrowLeft")
        says(page, long, len(long.shots) - 2)


def test_it_is_small(live: LiveTraining) -> None:
    """The front end with all that it imports, and what a page keeps of five epochs."""
    assert len(front_end("live.js").encode()) < 30_000
    assert len(str(live.state())) < 20_000


def test_in_jupyterlab(notebook: Notebook) -> None:
    """The view of the lesson by key and mouse; another one that waits, follows, tells an error, and goes on."""
    explorer = notebook.explorer("epoch")
    explorer.press("epoch", "Home")
    explorer.fits(r"No epoch has ended yet; the first convolution.*|After epoch \d .*")
    notebook.run(
        "from contextlib import suppress\n"
        "second = LiveTraining()\n"
        "def after(*numbers):\n"
        "    return Training(S6Net(), [], None, None, History(*numbers, test_name='test'))\n"
        "second"
    )
    view = notebook.explorer_saying("The training has not begun yet")
    notebook.run("second(after([0.5], [0.75], [0.25], [0.875]))")
    view.fits(
        r"After epoch 1 the loss is training 0\.5000, test 0\.2500, "
        r"and the accuracy training 75\.00%, test 87\.50%; the first convolution.*"
    )
    notebook.run("with suppress(TypeError): second(after()._replace(history=None))")
    view.shows_error("TypeError: ")
    notebook.run("second(after([0.5, 0.4], [0.75, 0.8], [0.25, 0.2], [0.875, 0.9]))")
    view.fits(r"After epoch 2 the loss is training 0\.4000, test 0\.2000, .*")
    view.shows_error("")
