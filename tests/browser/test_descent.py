"""A ball on the loss: the front end makes the steps of torch.optim.SGD, and every control changes the words."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from front import Functions, WentWrong, opened, stop_clock
from lab import Notebook
from playwright.sync_api import Browser, Page, expect

from mnist_s6.widgets import alive_html
from mnist_s6.widgets.descent import LANDSCAPES, _way_words, descent_explorer, descent_loss, descent_path

NOTEBOOK = "28_descent"
WAYS = """cases.map(about => {
    const path = s6.descend(about);
    return [path, path.map(s6.LOSSES[about.loss].value), s6.wayWords(path, about)];
})"""
ABOUT = {"loss": "one weight", "start": [1.0], "rate": 0.05, "momentum": 0.0, "noise": 0.0, "seed": 0, "steps": 10}
TOLD = ("loss", "rate", "momentum", "noise", "seed", "steps")


def words(**other: object) -> str:
    """Python's sentence, from the settings above, with others in their place."""
    about = ABOUT | other
    return _way_words(descent_path(**about), *(about[name] for name in TOLD))


def says(page: Page, text: str | re.Pattern) -> None:
    """Wait for this sentence."""
    expect(page.locator(".s6-sentence")).to_have_text(text)


@pytest.fixture(scope="module")
def lesson() -> str:
    """The explorer with the weight of the lesson, as HTML."""
    return alive_html(descent_explorer(start=1.0, rate=0.05))


@pytest.fixture
def page(browser: Browser, tmp_path: Path, lesson: str) -> Iterator[Page]:
    """It, from a file."""
    with opened(browser, tmp_path, lesson) as page:
        yield page


def thrown_about(about: dict, path: torch.Tensor) -> bool:
    """Whether a tiny difference at the start grows so much that rounding decides where the ball is."""
    other = descent_path(**about | {"start": [at + 1e-9 for at in about["start"]]})
    return len(other) != len(path) or bool((other - path).abs().max() > 1e-6)


def test_the_steps_are_pytorchs(browser: Browser) -> None:
    """Without noise, and with it: where it is, how high, and the words; also those who leave."""
    functions, chance, cases, paths = Functions(browser, "descent.js"), random.Random(0), [], []
    while len(cases) < 120:
        loss, weights = chance.choice(LANDSCAPES)
        start = [round(chance.uniform(-1, 5), 1), round(chance.uniform(0, 4), 1)][:weights]
        about = {"loss": loss, "start": start, "rate": round(chance.uniform(0.002, 0.2), 3)}
        about |= {"momentum": chance.choice([0.0, 0.5, 0.9]), "noise": chance.choice([0.0, 0.0, 0.5, 5.0])}
        about |= {"seed": chance.randint(0, 99), "steps": chance.randint(0, 60)}
        path = descent_path(**about)
        if loss != "two valleys" or not thrown_about(about, path):
            cases.append(about)
            paths.append(path)
    texts = [_way_words(path, *(about[name] for name in TOLD)) for about, path in zip(cases, paths)]
    for word in ("diverges", "arrived", "higher than", "of the height"):
        assert sum(word in text for text in texts) > 3, word
    for about, ours, text, found in zip(cases, paths, texts, functions(WAYS, cases=cases), strict=True):
        path, heights, theirs = found
        assert len(path) == len(ours), about
        assert torch.allclose(torch.tensor(path, dtype=torch.double), ours, rtol=1e-9, atol=1e-9), about
        high = torch.tensor(heights, dtype=torch.double)
        assert torch.allclose(high, descent_loss(about["loss"], ours), rtol=1e-9, atol=1e-9), about
        assert theirs == text
    functions.close()


def told(functions: Functions, cases: list[dict]) -> list[str]:
    """The sentences of the page, of which Python says the same."""
    found = [text for _, _, text in functions(WAYS, cases=cases)]
    assert found == [words(**about) for about in cases]
    return found


def test_a_fast_ball_has_not_arrived(browser: Browser) -> None:
    """At the bottom, but on its way out again: the words say so; and no ball lies in a valley that it is leaving."""
    functions, racing = Functions(browser, "descent.js"), {"start": [-1.0], "rate": 0.02, "momentum": 0.95}
    two, shallow = {"loss": "two valleys"}, "it lies in the shallow valley"
    passes, leaves, over, hill, lies, rests = told(functions, [
        ABOUT | racing | {"steps": 2},
        ABOUT | racing | {"steps": 3},
        ABOUT | two | {"start": [-0.9], "rate": 0.01, "momentum": 0.95, "steps": 2},
        ABOUT | two | {"start": [-0.9], "rate": 0.01, "momentum": 0.95, "steps": 3},
        ABOUT | two | {"start": [0.0], "rate": 0.01, "steps": 60},
        ABOUT | {"momentum": 0.5, "steps": 60},
    ])
    assert passes.endswith("it is at the bottom, but too fast to stay there.")
    assert leaves.endswith("25.1% of the height is left.")
    assert over.endswith(": 1.1% of the height is left.")  # in the shallow valley,
    assert hill.endswith(": 2.3% of the height is left.")  # and over the hill a step later
    assert shallow in lies
    assert rests.endswith("it has arrived, the learning rate is right.")
    functions.close()


def test_who_has_arrived_stays(browser: Browser) -> None:
    """Over a grid of settings without noise: at each of ten further steps, little of the height is left."""
    functions = Functions(browser, "descent.js")
    arrived, fast, highest, racing = functions("""(() => {
        let [arrived, fast, highest, racing] = [0, 0, 0, []];
        for (const [loss, { value, lowest, weights }] of Object.entries(s6.LOSSES)) {
            for (const first of [-1, 0, 0.7, 1.8, 3.5, 5]) for (const momentum of [0, 0.3, 0.5, 0.8, 0.9, 0.95]) {
                for (const rate of [0.001, 0.005, 0.01, 0.02, 0.05, 0.08, 0.11, 0.15, 0.2]) {
                    const start = [first, 1].slice(0, weights);
                    const about = { loss, start, rate, momentum, noise: 0, seed: 0, steps: 70 };
                    const path = s6.descend(about);
                    const heights = path.map(at => (value(at) - lowest) / (value(start) - lowest));
                    for (let steps = 1; steps <= 60 && steps < path.length; steps++) {
                        const text = s6.wayWords(path.slice(0, steps + 1), { ...about, steps });
                        fast += text.includes("too fast");
                        if (!text.includes("arrived")) continue;
                        arrived++;
                        const soon = heights.slice(steps, steps + 11);
                        const most = soon.length > 10 ? Math.max(...soon) : Infinity;
                        highest = Math.max(highest, most);
                        if (most > 0.1 && racing.length < 5) racing.push({ ...about, steps, most });
                    }
                }
            }
        }
        return [arrived, fast, highest, racing];
    })()""")
    assert racing == []
    assert arrived > 5000 and fast > 500 and highest < 0.005
    functions.close()


def test_who_began_at_the_bottom_may_be_thrown_out(browser: Browser) -> None:
    """It says so only of a ball that is there."""
    functions, thrown = Functions(browser, "descent.js"), {"start": [2.0], "rate": 0.1, "momentum": 0.9, "seed": 3}
    still, out, three = told(functions, [
        ABOUT | thrown,
        ABOUT | thrown | {"noise": 5.0, "steps": 30},
        ABOUT | {"loss": "two valleys", "start": [3.0]},
    ])
    assert still.endswith("it began at the bottom.") and three.endswith("it began at the bottom.")
    assert "the loss from 0.000 to 30.196" in out
    assert out.endswith("it is higher than where it began, its steps are too large.")
    functions.close()


def test_too_small_right_and_too_large(page: Page) -> None:
    """As the lesson says it: below, at and above the border of 2/18."""
    page.get_by_role("slider", name="steps", exact=True).fill("60")
    rate = page.get_by_role("slider", name="learning rate", exact=True)
    for value, end in (
        ("0.001", "too small a learning rate, 11.3% of the height is left."),
        ("0.05", "it has arrived, the learning rate is right."),
        ("0.111", "turning back 59 times: 78.6% of the height is left."),
        ("0.112", "it is higher than where it began, its steps are too large."),
        ("0.12", "too large a learning rate, the next step leads beyond 100: it diverges."),
    ):
        rate.fill(value)
        says(page, words(rate=float(value), steps=60))
        assert page.locator(".s6-sentence").text_content().endswith(end)


def test_every_slider_by_key(page: Page) -> None:
    """Each changes the words, and they are Python's; the second start is there for two weights only."""
    says(page, words())
    now: dict[str, object] = {}
    second = page.get_by_role("slider", name="start, second weight", exact=True)
    expect(second).to_be_hidden()
    for name, label, keys, value in (
        ("start", "start", ["ArrowLeft"], [0.9]),
        ("rate", "learning rate", ["ArrowRight"], 0.051),
        ("momentum", "momentum", ["ArrowRight", "ArrowRight"], 0.1),
        ("noise", "batch noise", ["ArrowRight"], 0.25),
        ("seed", "seed of the noise", ["End"], 99),
        ("steps", "steps", ["ArrowRight"], 11),
    ):
        page.get_by_role("slider", name=label, exact=True).focus()
        for key in keys:
            page.keyboard.press(key)
        now[name] = value
        says(page, words(**now))
    page.get_by_label("loss", exact=True).select_option("two valleys")
    says(page, words(**now | {"loss": "two valleys"}))
    page.get_by_label("loss", exact=True).select_option("two weights")
    says(page, words(**now | {"loss": "two weights", "start": [0.9, 1.0]}))
    second.focus()
    page.keyboard.press("ArrowRight")
    says(page, words(**now | {"loss": "two weights", "start": [0.9, 1.1]}))


def test_steps_and_play(page: Page) -> None:
    """From the start, one step, and on to the last, where it stops; a pause keeps it. The clock is the test's."""
    stop_clock(page)
    page.get_by_role("button", name="start again").click()
    says(page, words(steps=0))
    page.get_by_role("button", name="step", exact=True).click()
    says(page, words(steps=1))
    page.get_by_role("button", name="play").focus()
    page.keyboard.press("Enter")
    page.clock.run_for(650)
    says(page, words(steps=3))
    page.get_by_role("button", name="pause").click()
    page.clock.run_for(3000)
    says(page, words(steps=3))
    page.get_by_role("button", name="play").click()
    page.clock.run_for(60_000)
    says(page, words(steps=60))
    expect(page.get_by_role("button", name="play")).to_be_visible()  # it has stopped by itself
    page.get_by_role("button", name="play").click()  # from the end it begins again
    page.clock.run_for(650)
    says(page, words(steps=2))
    assert page.evaluate("location.hash").endswith("?steps=2")


def test_a_click_sets_the_start(page: Page) -> None:
    """One weight, or both."""
    box = page.get_by_role("img", name="The loss, and the way of the ball").bounding_box()
    left, right = (box["x"] + x / 340 * box["width"] for x in (46, 326))  # the axis, from −1 to 5
    page.mouse.click(left + 4 / 6 * (right - left), box["y"] + 60)
    says(page, words(start=[3.0]))
    page.get_by_label("loss", exact=True).select_option("two weights")
    box = page.get_by_role("img", name="The loss from above: a line for each height").bounding_box()
    top, bottom = (box["y"] + y / 240 * box["height"] for y in (8, 206))  # the axis, from 4 to 0
    page.mouse.click(left + 1 / 6 * (right - left), (top + bottom) / 2 + (bottom - top) / 4)
    says(page, words(loss="two weights", start=[0.0, 1.0]))
    expect(page.locator(".s6-ball")).to_have_count(1)


def test_a_fault_is_told(browser: Browser, tmp_path: Path, lesson: str) -> None:
    """A landscape that isn't there, asked for by the address."""
    failing = pytest.raises(WentWrong, match="loss is moon; expected one of")
    with failing, opened(browser, tmp_path, lesson) as page:
        page.goto(page.url + "#explorer?loss=moon")
        page.reload()
        message = "⚠ ValueError: loss is moon; expected one of one weight, two valleys, two weights"
        expect(page.get_by_role("alert")).to_have_text(message)
        page.get_by_label("loss", exact=True).select_option("one weight")
        says(page, words())
        expect(page.locator(".s6-error")).to_have_text("")


def test_it_fits_a_phone(browser: Browser, tmp_path: Path) -> None:
    """390 pixels wide: nothing reaches over the edge."""
    with opened(browser, tmp_path, descent_explorer(loss="two weights", rate=0.1), width=390) as page:
        says(page, words(loss="two weights", start=[0.0, 1.0], rate=0.1))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_answers_in_jupyterlab(notebook: Notebook) -> None:
    """By key, as on the page."""
    explorer = notebook.explorer("learning rate")
    explorer.says(words())
    explorer.press("learning rate", "ArrowRight")
    explorer.says(words(rate=0.051))
    explorer.choose("loss", "two valleys")
    explorer.says(words(rate=0.051, loss="two valleys"))
    explorer.screenshot("descent")
