"""The base of all explorers, without Jupyter: a page that was opened from a file, its controls, its errors, its address."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest
import traitlets
from front import WentWrong, give_back, opened, stop_clock, take
from lab import QUIET
from matplotlib.figure import Figure
from playwright.sync_api import Browser, Error, expect

from mnist_s6.widgets import Explorer, Picture, alive_html

FRONT = """
import { Picture } from "./pictures.js";
import { staged } from "./stage.js";
import { table } from "./numbers.js";
import { play } from "./playing.js";

const explorer = staged("squares", (stage, model) => {
  const picture = new Picture("", (row, column) => stage.put({ count: column + 1 }));
  stage.slider("count", "how many", { min: 1, max: 9 });
  stage.choice("unit", "unit", [["cm", "centimetres"], ["m", "metres"]]);
  stage.check("loud", "say it loud");
  stage.button("start again", () => stage.put({ count: 5, loud: false }));
  play(stage, () => {
    stage.put({ count: model.get("count") + 1 });
    return model.get("count") < 9;
  }, 20);
  stage.view.append(picture.figure);
  const load = () => stage.ask("squares", { count: model.get("count") });
  stage.update(["count", "unit", "loud"], load, ({ squares, bytes }) => {
    if (squares.length === 4) throw new Error("4 squares are too square");
    picture.show({ shape: [1, 9], data: Array.from({ length: 9 }, (_, i) => (i < squares.length ? 1 : 0.2)) });
    picture.mark([0, squares.length - 1, 1, squares.length]);
    const words = `${squares.length} squares, the last is ${squares.at(-1)} ${model.get("unit")}², ${bytes.byteLength} bytes.`;
    stage.say(model.get("loud") ? words.toUpperCase() : words);
  });
});

export default explorer;
"""


class Squares(Explorer):
    """A small explorer with every kind of control."""

    front = FRONT
    count = traitlets.Int(5, min=1, max=9).tag(sync=True)
    unit = traitlets.Unicode("cm").tag(sync=True)
    loud = traitlets.Bool(False).tag(sync=True)
    png = traitlets.Bytes(b"12").tag(sync=True)

    def still(self) -> Picture:
        """No picture, but the sentence that the front end says."""
        return Picture(Figure(figsize=(1, 1)), f"{self.count} squares, the last is {self.count**2} {self.unit}², {self.count} bytes.")

    def answer_squares(self, count: int) -> dict:
        """The squares, and as many bytes."""
        return {"squares": [n * n for n in range(1, count + 1)], "bytes": bytes(count)}

    def questions(self) -> list:
        """All but 7."""
        return [("squares", {"count": count}) for count in range(1, 10) if count != 7]


def test_every_control_by_mouse_and_by_key(browser: Browser, tmp_path: Path) -> None:
    """On a page from a file, which has the state of the explorer; the sentence follows, the address too."""
    with opened(browser, tmp_path, Squares(count=2)) as page:
        says = expect(page.locator(".s6-sentence"))
        says.to_have_text("2 squares, the last is 4 cm², 2 bytes.")
        slider = page.get_by_role("slider", name="how many", exact=True)
        slider.focus()
        page.keyboard.press("ArrowRight")
        says.to_have_text("3 squares, the last is 9 cm², 3 bytes.")
        page.get_by_label("unit").select_option("metres")
        says.to_have_text("3 squares, the last is 9 m², 3 bytes.")
        page.get_by_label("say it loud").check()
        says.to_have_text("3 SQUARES, THE LAST IS 9 M², 3 BYTES.")
        assert page.evaluate("location.hash") == "#explorer?count=3&loud=true&unit=%22m%22"
        page.get_by_role("button", name="start again").click()
        says.to_have_text("5 squares, the last is 25 m², 5 bytes.")
        size = page.locator("canvas").bounding_box()
        page.locator("canvas").click(position={"x": size["width"] * 5.5 / 9, "y": 4})
        says.to_have_text("6 squares, the last is 36 m², 6 bytes.")
        assert page.locator(".s6-frame").bounding_box()["x"] == pytest.approx(size["x"] + size["width"] * 5 / 9, abs=1)
        slider.focus()
        page.keyboard.press("End")
        says.to_have_text("9 squares, the last is 81 m², 9 bytes.")
        page.get_by_role("button", name="start again").click()
        slider.focus()
        page.keyboard.press("ArrowRight")
        page.get_by_role("button", name="play").click()
        says.to_have_text("9 squares, the last is 81 m², 9 bytes.")
        expect(page.get_by_role("button", name="play")).to_be_visible()  # it has stopped by itself


def test_the_address_restores_the_state(browser: Browser, tmp_path: Path) -> None:
    """What a teacher sends; a value of another kind is not taken."""
    with opened(browser, tmp_path, Squares()) as page:
        page.goto(page.url + "#explorer?count=8&unit=%22m%22&loud=3")
        page.reload()
        expect(page.locator(".s6-sentence")).to_have_text("8 squares, the last is 64 m², 8 bytes.")
        expect(page.get_by_role("slider", name="how many")).to_have_value("8")


def test_a_link_comes_while_the_address_is_kept(browser: Browser, tmp_path: Path) -> None:
    """What the explorer writes there before the browser tells of the link doesn't undo it."""
    with opened(browser, tmp_path, Squares()) as page:
        expect(page.locator(".s6-sentence")).to_have_text("5 squares, the last is 25 cm², 5 bytes.")
        page.evaluate("location.hash = '#explorer?count=8'; history.replaceState(null, '', '#explorer?count=4')")
        expect(page.locator(".s6-sentence")).to_have_text("8 squares, the last is 64 cm², 8 bytes.")
        assert page.evaluate("location.hash") == "#explorer?count=8"


class Metres(Squares):
    """Its unit can't be chosen."""

    front = FRONT.replace("});\n\nexport", '}, ["unit"]);\n\nexport')


def test_a_link_sets_no_facts(browser: Browser, tmp_path: Path) -> None:
    """Neither what the front end names, nor an error; what a reader sets is taken."""
    with opened(browser, tmp_path, Metres(unit="m")) as page:
        page.goto(page.url + "#explorer?count=8&unit=%22km%22&error=%22broken%22")
        page.reload()
        expect(page.locator(".s6-sentence")).to_have_text("8 squares, the last is 64 m², 8 bytes.")
        expect(page.get_by_role("alert")).to_be_empty()


def test_whoever_follows_a_link_has_left(browser: Browser, tmp_path: Path) -> None:
    """What played there stops, and leaves the address as it is; and so does a mouse that only moves across."""
    with opened(browser, tmp_path, Squares(count=1)) as page:
        expect(page.locator(".s6-sentence")).to_have_text("1 squares, the last is 1 cm², 1 bytes.")
        stop_clock(page)
        page.get_by_role("button", name="play").click()
        page.evaluate("new Promise(done => { addEventListener('hashchange', done); location.hash = '#elsewhere'; })")
        expect(page.get_by_role("button", name="play")).to_be_visible()
        page.clock.run_for(1000)
        expect(page.locator(".s6-sentence")).to_have_text("1 squares, the last is 1 cm², 1 bytes.")
        page.evaluate("document.activeElement.blur()")
        page.locator("canvas").dispatch_event("click", {"clientX": 0, "clientY": 0})
        assert page.evaluate("location.hash") == "#elsewhere"
        page.get_by_role("slider", name="how many").focus()
        page.keyboard.press("End")
        assert page.evaluate("location.hash") == "#explorer?count=9"


def test_a_press_on_a_map_is_kept_after_a_link(browser: Browser, tmp_path: Path) -> None:
    """A map takes no focus; after the next link, moves of the mouse leave the address alone again."""
    with opened(browser, tmp_path, Squares(count=1)) as page:
        go = "hash => new Promise(done => { addEventListener('hashchange', done, { once: true }); location.hash = hash; })"
        canvas = page.locator("canvas")
        for place in (3, 6):
            page.evaluate(go, f"#elsewhere-{place}")
            canvas.dispatch_event("click", {"clientX": 0, "clientY": 0})
            assert page.evaluate("location.hash") == f"#elsewhere-{place}"
            canvas.click(position={"x": canvas.bounding_box()["width"] * (place - 0.5) / 9, "y": 4})
            assert page.evaluate("location.hash") == f"#explorer?count={place}"


@pytest.mark.parametrize("wanted", ["-5", "2.5", "1e+300", "1e999"])
def test_what_no_slider_can_say_is_told(wanted: str, browser: Browser, tmp_path: Path) -> None:
    """Before anything is computed; a move of the slider mends it."""
    told = f"count is {wanted.replace('1e999', 'Infinity')}; expected a whole number from 1 to 9"
    with pytest.raises(WentWrong, match=re.escape(told)), opened(browser, tmp_path, Squares()) as page:
        page.goto(page.url + f"#explorer?count={quote(wanted)}")
        page.reload()
        expect(page.get_by_role("alert")).to_have_text(f"⚠ ValueError: {told}")
        page.get_by_role("slider", name="how many").fill("3")
        expect(page.locator(".s6-sentence")).to_have_text("3 squares, the last is 9 cm², 3 bytes.")


def test_what_no_list_offers_is_told(browser: Browser, tmp_path: Path) -> None:
    """A choice mends it."""
    told = "unit is km; expected one of cm, m"
    with pytest.raises(WentWrong, match=told), opened(browser, tmp_path, Squares()) as page:
        page.goto(page.url + "#explorer?unit=%22km%22")
        page.reload()
        expect(page.get_by_role("alert")).to_have_text(f"⚠ ValueError: {told}")
        page.get_by_label("unit").select_option("metres")
        expect(page.locator(".s6-sentence")).to_have_text("5 squares, the last is 25 m², 5 bytes.")


def test_errors_stand_in_the_explorer(browser: Browser, tmp_path: Path) -> None:
    """Of the front end, which also reach the console, and of a question that nobody answers."""
    with pytest.raises(WentWrong, match="4 squares are too square"), opened(browser, tmp_path, Squares(count=4)) as page:
        alert = expect(page.get_by_role("alert"))
        alert.to_have_text("⚠ Error: 4 squares are too square")
        page.get_by_role("slider", name="how many").fill("7")
        alert.to_have_text("⚠ this needs Python: open the notebook in JupyterLab")
        page.get_by_role("slider", name="how many").fill("3")
        expect(page.locator(".s6-sentence")).to_have_text("3 squares, the last is 9 cm², 3 bytes.")
        alert.to_have_text("")


def test_a_page_without_scripts_has_the_still(browser: Browser, tmp_path: Path) -> None:
    """A picture with its sentence as alternative, and the sentence as text."""
    (tmp_path / "still.html").write_text(f"<!DOCTYPE html><meta charset=utf-8>{alive_html(Squares())}", encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "still.html").as_uri())
    sentence = "5 squares, the last is 25 cm², 5 bytes."
    expect(page.get_by_role("img", name=sentence)).to_be_visible()
    expect(page.get_by_text(sentence, exact=True)).to_be_visible()
    context.close()


def test_it_fits_a_phone(browser: Browser, tmp_path: Path) -> None:
    """390 pixels wide: nothing reaches over the edge."""
    with opened(browser, tmp_path, Squares(), width=390) as page:
        expect(page.locator(".s6-sentence")).not_to_be_empty()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_quiet_is_waited_for(browser: Browser) -> None:
    """As long as a message is under way; one that is never answered is told."""
    page = take(browser)
    page.evaluate("globalThis.under = new Set(['a']); setTimeout(() => under.clear(), 500)")
    page.evaluate(QUIET, 20_000)
    assert page.evaluate("under.size") == 0
    page.evaluate("under.add('b')")
    with pytest.raises(Error, match="not quiet after 100 ms: 1 messages are under way"):
        page.evaluate(QUIET, 100)
    give_back(page)
