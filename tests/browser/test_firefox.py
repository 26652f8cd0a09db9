"""The course's web site in another browser: in Firefox, from a server and from a file."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from firefox import END, HOME, Firefox
from helpers import stills
from strokes import STROKES

DESK, PHONE = (1280, 1024), (390, 844)
FRONT = "document.querySelector('#front .s6-sentence')"
KEYS = {"sheet": " ", "low": END, "high": HOME}
# Gives the keys to an explorer's first slider, or else to its sheet, and tells which, and where the slider stands.
FOCUS = """(it => {
    it.focus();
    return it.localName === "canvas" ? "sheet" : it.value === it.max ? "high" : "low";
})(%s.querySelector("input[type=range]:enabled, canvas[role=application]"))"""


@pytest.fixture(params=["http", "file"])
def reader(request: pytest.FixtureRequest, firefox: Firefox, addresses: dict[str, str]) -> Iterator[Firefox]:
    """Somebody who reads the site in Firefox, from a server or from files; nothing may go wrong meanwhile."""
    firefox.address = addresses[request.param]
    firefox.size(*DESK)
    yield firefox
    wrong = firefox.went_wrong()
    assert not wrong, wrong


def test_the_first_page_reads_what_is_drawn(reader: Firefox) -> None:
    reader.open("index")
    reader.until(f"{FRONT}?.textContent === 'Nothing is drawn yet.'")
    for digit, lines in STROKES.items():
        reader.draw("#front canvas[role=application]", lines)
        reader.until(f"{FRONT}.textContent.startsWith('The drawing reads as {digit} with ')")
        reader.evaluate("document.querySelector('#front button').click()")
        reader.until(f"{FRONT}.textContent === 'Nothing is drawn yet.'")


def test_a_link_within_a_page_leads_to_its_heading(reader: Firefox) -> None:
    """Also past pictures that have not been loaded, and explorers that wake."""
    reader.open("S6")
    reader.evaluate("document.querySelector('.toc-tree a[href=\"#exercises\"]').click()")
    reader.evaluate("new Promise(done => setTimeout(done, 1000))")  # a slow way would have ended
    assert 0 <= reader.evaluate("document.getElementById('exercises').getBoundingClientRect().top") <= 200


def test_explorers_are_alive_and_answer(reader: Firefox, site: Path) -> None:
    """Each says at first what its still says, and something else after one key; their pages fit a phone."""
    found = 0
    for path in sorted(site.glob("*.html")):
        if not (explorers := stills(path)):
            continue
        reader.open(path.stem)
        for name, sentence in explorers:
            place = f"document.getElementById('{name}')"
            says = f"{place}.querySelector('.s6-sentence').textContent"
            reader.evaluate(f"{place}.scrollIntoView({{ block: 'center', behavior: 'instant' }})")
            reader.until(f"{place}.dataset.alive")
            reader.until(f"{says} === {json.dumps(sentence)}")
            reader.press(KEYS[reader.evaluate(FOCUS % place)])
            reader.until(f"{says} !== {json.dumps(sentence)}")
            assert reader.evaluate(f"{place}.querySelector('.s6-error').textContent") == ""
            found += 1
        reader.size(*PHONE)
        assert reader.evaluate("document.documentElement.scrollWidth") <= PHONE[0], path.name
        reader.size(*DESK)
        wrong = reader.went_wrong()
        assert not wrong, (path.name, wrong)
    assert found > 20
