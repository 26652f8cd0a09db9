"""The label court: scores and sentences are Python's, keys judge, and the address keeps what was judged."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from front import Functions, WentWrong, opened
from lab import Notebook
from playwright.sync_api import Browser, Page, expect

from mnist_s6.datasets import load_data
from mnist_s6.util import wilson
from mnist_s6.weights import pretrained
from mnist_s6.widgets import JudgingExplorer, front_end, judged_scores, judging_explorer
from mnist_s6.widgets.judging import _court_words, _sent

NOTEBOOK = "65_judging"
NONE = "." * 30


@pytest.fixture(scope="module")
def court() -> JudgingExplorer:
    """The course's network before the court."""
    return judging_explorer(pretrained(), load_data(500, batched=True, seed=0)[1])


@pytest.fixture
def page(browser: Browser, tmp_path: Path, court: JudgingExplorer) -> Iterator[Page]:
    """The explorer, from a file."""
    with opened(browser, tmp_path, court) as page:
        yield page


def says(page: Page, court: JudgingExplorer, image: int, judged: str = NONE, open_: bool = False) -> None:
    """Wait for Python's sentence."""
    expect(page.locator(".s6-sentence")).to_have_text(_court_words(court.court, court.scores, image, judged, open_))


def test_scores_and_words_are_pythons(browser: Browser, court: JudgingExplorer) -> None:
    """Over random verdicts, some of which judge little or nothing; and Wilson's interval."""
    functions, chance = Functions(browser, "judging.js"), random.Random(0)
    cases = []
    for n in range(200):
        share = n % 5 / 4
        judged = "".join(chance.choice("0123456789") if chance.random() < share else "." for _ in range(30))
        if n % 7 == 0:  # as the voters say, mostly
            judged = "".join(str(it.verdict) if isinstance(it.verdict, int) else "." for it in court.court)
        cases.append({"image": chance.randint(1, 30), "judged": judged, "opened": n % 3 > 0})
    found = functions(
        """(() => {
            const court = sent.map(s6.caseOf);
            return cases.map(it => [s6.judgedScores(it.judged, court), s6.courtWords(it, court, network)]);
        })()""",
        cases=cases, sent=[_sent(it) for it in court.court], network=[list(it) for it in court.scores],
    )
    for about, (scores, words) in zip(cases, found, strict=True):
        assert [tuple(score) for score in scores] == list(judged_scores(about["judged"], court.court)), about
        assert words == _court_words(court.court, court.scores, **about)
    pairs = [(0, 1), (1, 1), (9943, 10_000), (7, 15), *((chance.randint(0, n), n) for n in range(1, 99))]
    for pair, ends in zip(pairs, functions("pairs.map(it => s6.wilson(...it))", pairs=pairs), strict=True):
        assert ends == pytest.approx(wilson(*pair), abs=1e-12)
    functions.page.close()


def test_keys_judge_blind_and_the_verdicts_open(page: Page, court: JudgingExplorer) -> None:
    """A digit judges and turns to the next; arrows and Backspace; nothing is told before it is opened."""
    says(page, court, 1)
    assert "label" not in page.locator(".s6-view").inner_text() and page.locator(".s6-view table").count() == 0
    page.get_by_role("button", name="3", exact=True).click()
    says(page, court, 2, "3" + NONE[1:])
    page.keyboard.press("8")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("0")
    says(page, court, 5, "38.0" + NONE[4:])
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Backspace")
    says(page, court, 4, "38" + NONE[2:])
    expect(page.locator("button.s6-tile").nth(3)).to_have_attribute("aria-current", "true")
    page.locator("button.s6-tile").nth(1).click()
    says(page, court, 2, "38" + NONE[2:])
    expect(page.get_by_role("button", name="8", exact=True)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="can't tell").click()
    says(page, court, 3, "3" + NONE[1:])
    page.get_by_label("open the verdicts").check()
    says(page, court, 3, "3" + NONE[1:], True)
    right, n = court.scores.as_given
    low, high = wilson(right, n)
    expect(page.get_by_text(f"{right:,} of {n:,}: {low:.2%} to {high:.2%}")).to_be_visible()
    expect(page.get_by_text("none judged")).to_have_count(0 if court.court[0].doubt is None else 1)
    page.reload()  # the address holds it all
    says(page, court, 3, "3" + NONE[1:], True)


def test_a_bad_address_is_told(browser: Browser, tmp_path: Path, court: JudgingExplorer) -> None:
    """In words, beside the court."""
    failing = pytest.raises(WentWrong, match="judged is '12'; expected 30 signs")
    with failing, opened(browser, tmp_path, court) as page:
        page.goto(page.url + '#explorer?judged="12"')
        page.reload()
        expect(page.get_by_role("alert")).to_contain_text("expected 30 signs, each a digit or a point")


def test_it_fits_a_phone_and_is_small(browser: Browser, tmp_path: Path, court: JudgingExplorer) -> None:
    """390 pixels wide, with open verdicts: nothing reaches over the edge."""
    with opened(browser, tmp_path, court, width=390) as page:
        page.get_by_label("open the verdicts").check()
        says(page, court, 1, NONE, True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert len(front_end("judging.js").encode()) < 30_000


def test_in_jupyterlab(notebook: Notebook) -> None:
    """Digits are verdicts there too, and no commands of JupyterLab's; Python hears them."""
    explorer = notebook.explorer("image")
    explorer.fits(r"Image 1 of 30: you have not judged it; 0 of 30 are judged\.")
    explorer.press("image", "1", "2")
    explorer.fits(r"Image 3 of 30: you have not judged it; 2 of 30 are judged\.")
    explorer.settle()
    notebook.run("print('heard', court.verdicts[:3])")
    expect(notebook.page.get_by_text("heard [1, 2, None]")).to_be_visible()
