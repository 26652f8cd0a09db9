"""Test sets and their intervals: draws, intervals and words are Python's, and every control changes the words."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from front import Functions, WentWrong, opened, stop_clock
from lab import Notebook
from playwright.sync_api import Browser, Page, expect

from mnist_s6.truth import wilson
from mnist_s6.widgets import front_end
from mnist_s6.widgets.intervals import LEVELS, SIZES, _caught, _intervals_words, drawn_tests, intervals_explorer, intervals_picture

NOTEBOOK = "66_intervals"
SETTINGS = {"accuracy": 0.97, "n": 100, "level": 0.95, "seed": 0, "tests": 0}


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The explorer, before anything is drawn, from a file."""
    with opened(browser, tmp_path, intervals_explorer(**SETTINGS)) as page:
        yield page


def says(page: Page, **other: object) -> None:
    """Wait for Python's sentence."""
    expect(page.locator(".s6-sentence")).to_have_text(intervals_picture(**SETTINGS | other).text)


def test_intervals_are_pythons(browser: Browser) -> None:
    """At all levels, to the last bit; a level that isn't there is told."""
    functions, chance = Functions(browser, "intervals.js"), random.Random(0)
    pairs = [(0, 1), (1, 1), (9943, 10_000), *((chance.randint(0, n), n) for n in chance.choices(range(1, 10_001), k=300))]
    cases = [(*pair, level) for pair in pairs for level in LEVELS]
    for case, ends in zip(cases, functions("cases.map(it => s6.wilson(...it))", cases=cases), strict=True):
        assert ends == list(wilson(*case)), case
    told = functions("(() => { try { s6.wilson(1, 2, 0.7); } catch (error) { return error.message; } })()")
    assert told == "level is 0.7; expected one of 0.8, 0.9, 0.95, 0.99"
    functions.close()


def test_draws_and_words_are_pythons(browser: Browser) -> None:
    """The same seeds give the same test sets; also none, and more after some."""
    functions, chance = Functions(browser, "intervals.js"), random.Random(1)
    cases = [{"accuracy": chance.randint(900, 999) / 1000, "n": SIZES[i % len(SIZES)], "level": chance.choice(LEVELS),
              "seed": chance.randint(0, 99), "tests": chance.choice([0, 1, 2, 17, 100])} for i in range(60)]
    found = functions(
        """cases.map(about => {
            const draw = s6.testSets(about);
            draw(about.tests >> 1); // some, and then more
            const counts = draw(about.tests);
            const sets = s6.judgedSets(counts, about);
            return [counts, sets.map(it => it.caught), s6.intervalsWords(sets, about)];
        })""",
        cases=cases,
    )
    missed = 0
    for about, (counts, caught, words) in zip(cases, found, strict=True):
        about = dict(about)
        ours = drawn_tests(about["accuracy"], about["n"], about.pop("tests"), about.pop("seed"))
        assert counts == ours.tolist(), about
        assert caught == _caught(ours, **about).tolist()
        assert words == _intervals_words(ours, **about)
        missed += len(caught) - sum(caught)
    assert missed > 100
    functions.close()


def test_buttons_draw(page: Page) -> None:
    """One, a hundred, play and pause, to the last, and from the start again. The clock is the test's."""
    stop_clock(page)
    says(page)
    page.get_by_role("button", name="draw one").click()
    says(page, tests=1)
    page.get_by_role("button", name="draw one").press("Enter")
    says(page, tests=2)
    page.get_by_role("button", name="play").press("Enter")
    page.clock.run_for(800)
    says(page, tests=5)
    page.get_by_role("button", name="pause").click()
    page.clock.run_for(2000)
    says(page, tests=5)
    for tests in (*range(105, 1000, 100), 1000, 1000):
        page.get_by_role("button", name="draw 100").click()
        says(page, tests=tests)
    page.get_by_role("button", name="play").click()
    page.clock.run_for(400)
    expect(page.get_by_role("button", name="play")).to_be_visible()  # it has stopped by itself
    page.get_by_role("button", name="start again").click()
    says(page)


def test_every_control_by_key(page: Page) -> None:
    """Each changes the words, which stay Python's; the address holds them."""
    page.get_by_role("button", name="draw 100").click()
    now: dict[str, object] = {"tests": 100}
    says(page, **now)
    for name, label, key, value in (
        ("accuracy", "true accuracy", "ArrowRight", 0.971),
        ("n", "test images", "ArrowRight", 200),
        ("seed", "seed", "End", 99),
        ("n", "test images", "End", 10_000),
        ("accuracy", "true accuracy", "Home", 0.9),
        ("n", "test images", "Home", 10),
    ):
        page.get_by_role("slider", name=label, exact=True).press(key)
        now[name] = value
        says(page, **now)
    page.get_by_label("level", exact=True).select_option("80%")
    now["level"] = 0.8
    says(page, **now)
    page.get_by_label("level", exact=True).select_option("99%")
    now["level"] = 0.99
    says(page, **now)
    page.reload()
    says(page, **now)


def test_dots_caught_and_squares_missed(browser: Browser, tmp_path: Path) -> None:
    """As many of each as Python counts, of the last hundred; in two colours, all within the picture."""
    about = SETTINGS | {"tests": 250, "level": 0.8, "accuracy": 0.999}
    with opened(browser, tmp_path, intervals_explorer(**about)) as page:
        held = _caught(drawn_tests(0.999, 100, 250)[150:], 0.999, 100, 0.8)
        dots, squares = page.locator("circle.s6-caught"), page.locator("rect.s6-missed")
        expect(dots).to_have_count(int(held.sum()))
        expect(squares).to_have_count(100 - int(held.sum()))
        assert 0 < squares.count() < 100
        assert dots.first.get_attribute("fill") != squares.first.get_attribute("fill")
        ends = page.locator("svg").first.locator("line[stroke-width='1.5'], line[stroke-width='3']")
        places = ends.evaluate_all("all => all.flatMap(it => [it.x1, it.x2, it.y1].map(v => v.baseVal.value))")
        assert len(places) == 300 and min(places) >= 0 and max(places) <= 550


@pytest.mark.parametrize(("changed", "lowest"), [
    ({"n": 50, "accuracy": 0.95, "level": 0.8, "seed": 5, "tests": 1}, 0),
    ({"n": 50, "accuracy": 0.9, "level": 0.8, "seed": 15, "tests": 30}, 20),
    ({"tests": 100}, None),
    ({"tests": 0}, None),
])
def test_no_share_is_moved(changed: dict, lowest: float | None, browser: Browser, tmp_path: Path) -> None:
    """The chart of shares, here and in Python, reaches down to the lowest: between the same numbers, all inside."""
    about = SETTINGS | changed
    with opened(browser, tmp_path, intervals_explorer(**about)) as page:
        says(page, **changed)
        chart = page.get_by_role("img", name="Caught so far; dashed: what the level promises")
        labels = chart.locator("text[text-anchor='end']").evaluate_all(
            "all => all.map(it => [Number(it.textContent), Number(it.getAttribute('y')) - 4])")
        points = chart.locator("polyline").last.get_attribute("points").split()
        heights = [float(point.split(",")[1]) for point in points]
    axes = intervals_picture(**about).figure.axes[1]
    shares, (low, high) = axes.lines[0].get_ydata(), axes.get_ylim()
    assert (labels[0][0], labels[-1][0]) == (low, 100) and high == 101
    assert len(heights) == len(shares) == about["tests"]
    bottom, top = 186, 8  # of the picture, in its own units
    for share, height in [*labels, *zip(shares, heights)]:
        assert low <= share and height == pytest.approx(bottom - (share - low)/(100 - low)*(bottom - top))
    assert lowest is None or low == lowest
    assert about["tests"] != 1 or axes.lines[0].get_marker() == "o"  # one point is no line


@pytest.mark.parametrize(("name", "value", "told"), [
    ("n", "37", "n is 37; expected one of 10, 20"),
    ("tests", "2000", "tests is 2000; expected a number from 0 to 1000"),
    ("accuracy", "0.5", "accuracy is 0.5; expected a number from 0.9 to 0.999"),
    ("level", "0.7", "level is 0.7; expected one of 0.8, 0.9, 0.95, 0.99"),
])
def test_a_bad_address_is_told(name: str, value: str, told: str, browser: Browser, tmp_path: Path) -> None:
    """In words, below the picture, and it is well again after another choice."""
    failing = pytest.raises(WentWrong, match=told)
    with failing, opened(browser, tmp_path, intervals_explorer(**SETTINGS | {"tests": 3})) as page:
        page.goto(f"{page.url}#explorer?{name}={value}")
        page.reload()
        expect(page.get_by_role("alert")).to_contain_text(told)


def test_it_fits_a_phone_and_is_small(browser: Browser, tmp_path: Path) -> None:
    """390 pixels wide: nothing reaches over the edge, and the words in the pictures are not made smaller."""
    with opened(browser, tmp_path, intervals_explorer(**SETTINGS | {"tests": 100}), width=390) as page:
        says(page, tests=100)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert min(page.locator("svg").evaluate_all("all => all.map(it => it.getBoundingClientRect().width)")) >= 330
    assert len(front_end("intervals.js").encode()) < 35_000


def test_in_jupyterlab(notebook: Notebook) -> None:
    """Slider and button there too; Python hears them."""
    explorer = notebook.explorer("draw 100")
    explorer.says(intervals_picture(0.99, 1000).text)
    explorer.press("true accuracy", "ArrowLeft")
    explorer.says(intervals_picture(0.989, 1000).text)
    explorer.button("draw one").click()
    explorer.says(intervals_picture(0.989, 1000, tests=101).text)
    explorer.settle()
    notebook.run("print('heard', explorer.accuracy, explorer.tests)")
    expect(notebook.page.get_by_text("heard 0.989 101")).to_be_visible()
    explorer.screenshot("intervals")
