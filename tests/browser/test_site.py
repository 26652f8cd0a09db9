"""The course's web site in a browser: from a server and from a file, on a phone, enlarged, in the dark, for all."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from helpers import ROOT, stills
from playwright.sync_api import Browser, Locator, Page, Route, expect
from strokes import STROKES, draw

PHONE, ENLARGED, DESK = (390, 844), (640, 512), (1280, 1024)  # a window of 1280×1024, enlarged to 200%, has 640×512
PAGES = [path.stem for path in sorted((ROOT / "nbs").glob("*.ipynb"))]
LIBRARY = ["library/index", "library/mnist_s6.datasets", "library/mnist_s6.model"]
# Elements of the page's text that are wider than their room, or hide a part of what they hold.
CUT_OFF = """() => Array.from(document.querySelectorAll("article *")).filter(it => {
    const style = getComputedStyle(it), box = it.getBoundingClientRect();
    if (!box.width || box.width <= 1 || style.position === "absolute" || it.closest("svg, math")) return false;
    return box.right > innerWidth + 1 || (style.overflowX !== "visible" && it.scrollWidth > it.clientWidth + 1);
}).map(it => it.outerHTML.slice(0, 150))"""

# Explorers wake when they come within 800 pixels of what is seen, and push the others further away.
AWAKE = """() => Array.from(document.querySelectorAll("[data-front]")).every(it => {
    const { top, bottom } = it.getBoundingClientRect();
    return it.dataset.alive || top > innerHeight + 800 || bottom < -800;
})"""
# On how many lines the text of an element stands.
LINES = """it => {
    const range = document.createRange();
    range.selectNodeContents(it);
    return range.getClientRects().length;
}"""
# What is shown, light or dark: all but the button that switches between the two.
SHOWN = """() => Array.from(document.querySelectorAll("body *"))
    .filter(it => !it.closest(".theme-toggle")).map(it => it.checkVisibility({ visibilityProperty: true }) ? 1 : 0).join("")"""
# A page has thousands of words in a dozen looks: of each look, by all that contrast depends on, one is enough to measure.
LOOKS = """() => {
    const numbers = new Map(), grounds = new Map([[null, ""]]), PLAIN = "rgba(0, 0, 0, 0),none,1,static,none,normal";
    const number = words => { // the same on every page
        if (!numbers.has(words)) {
            let [a, b] = [5381, 52711];
            for (const letter of words) {
                a = Math.imul(a, 33) ^ letter.charCodeAt(0);
                b = Math.imul(b, 31) + letter.charCodeAt(0);
            }
            numbers.set(words, `${a >>> 0}.${b >>> 0}`);
        }
        return numbers.get(words);
    };
    const ground = it => {
        if (!grounds.has(it)) {
            const { backgroundColor, backgroundImage, opacity, position, filter, mixBlendMode } = getComputedStyle(it);
            const own = [backgroundColor, backgroundImage, opacity, position, filter, mixBlendMode].join(), below = ground(it.parentElement);
            grounds.set(it, own === PLAIN ? below : number(below + own));
        }
        return grounds.get(it);
    };
    const look = it => {
        const { color, fontSize, fontWeight, fontStyle, textShadow, textDecorationLine, borderStyle, visibility } = getComputedStyle(it);
        return number([ground(it), it.checkVisibility(), visibility, color, fontSize, fontWeight, fontStyle, textShadow,
            textDecorationLine, borderStyle].join());
    };
    const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) if (walk.currentNode.data.trim()) found.push([walk.currentNode, look(walk.currentNode.parentElement)]);
    return found;
}"""
# The first words of each look, light and dark, that isn't known; a text with a link in it, which has to stand out, has one look.
FRESH = """([light, dark, known]) => {
    const seen = new Map(known.map(look => [look, null])), texts = new Map();
    const all = light.map(([node, look], place) => {
        const element = node.parentElement, around = element.closest("p, li, td, dt, dd, div");
        if (!texts.has(around)) texts.set(around, { links: new Set(), words: new Set() });
        const both = `${look} ${dark[place][1]}`;
        texts.get(around)[element.closest("a") ? "links" : "words"].add(both);
        return { node, element, around, both };
    });
    for (const it of all) {
        const { links, words } = texts.get(it.around), mixed = links.size && words.size;
        const look = mixed ? `${[...links].sort()} in ${[...words].sort()}` : it.both, place = mixed ? it.around : it.node;
        if (!seen.has(look)) seen.set(look, place);
        it.fresh = seen.get(look) === place;
    }
    return { all, looks: [...seen.keys()].slice(known.length) };
}"""
# Leaves out the other words; as long as names are judged, not those that may be a name, or stand beside a link.
LEAVE_FRESH = """([{ all }, names]) => {
    const NAMING = "a, button, label, h1, h2, h3, h4, h5, h6, summary, th, caption, figcaption, option";
    for (const { node, element, around, fresh } of all) {
        if (fresh || (names && (element.closest(NAMING) || around?.querySelector("a")))) continue;
        if (element.matches("pre span")) element.remove();
        else node.data = "";
    }
}"""
OPTIONS = {"resultTypes": ["violations"], "preload": False}  # no page of a file may fetch style sheets
BY_COLOURS = ["color-contrast", "link-in-text-block"]  # the slow rules, and those that may judge otherwise in the dark
BUT_COLOURS = {rule: {"enabled": False} for rule in BY_COLOURS}


class Visitor:
    """A page of the site, the rest of the world cut off: what it would fetch from there, and its errors, are noted."""

    def __init__(self, browser: Browser, address: str, size: tuple[int, int] = DESK, **options: object) -> None:
        self.address, self.wrong = address, []
        self.looks: set[str] = set()  # those that were found good, see LOOKS
        self.page: Page = browser.new_page(viewport=dict(zip(("width", "height"), size)), **options)
        self.page.set_default_timeout(30_000)
        self.page.route("**/*", self.guard)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda it: self.wrong.append(it.text) if it.type == "error" else None)

    def guard(self, route: Route) -> None:
        """Let only the site itself through."""
        if route.request.url.startswith((self.address, "blob:", "data:")):
            return route.continue_()
        self.wrong.append(f"asks for {route.request.url}")
        route.abort()

    def open(self, name: str) -> Page:
        """Go to a page of the site."""
        self.page.goto(f"{self.address}/{name}.html")
        return self.page

    def size(self, width: int, height: int) -> None:
        """Give the window another size."""
        self.page.set_viewport_size({"width": width, "height": height})


@pytest.fixture(params=["http", "file"])
def visitor(request: pytest.FixtureRequest, browser: Browser, addresses: dict[str, str]) -> Iterator[Visitor]:
    """Somebody who reads the site, from a server or from files."""
    reader = Visitor(browser, addresses[request.param])
    yield reader
    reader.page.close()
    assert not reader.wrong, reader.wrong


@pytest.fixture(scope="module")
def reader(browser: Browser, addresses: dict[str, str]) -> Iterator[Visitor]:
    """One who reads page after page, as files."""
    one = Visitor(browser, addresses["file"])
    yield one
    one.page.close()


def faults(page: Page, **options: object) -> list[tuple[str, str, list[str]]]:
    """What axe finds serious: the rule, in words, and some of the elements."""
    found = page.evaluate("options => axe.run(document, options)", OPTIONS | options)["violations"]
    bad = [it for it in found if it["impact"] in ("serious", "critical")]
    return [(it["id"], it["help"], [node["html"][:200] for node in it["nodes"]][:5]) for it in bad]


def come_to_rest(page: Page) -> None:
    """Wait until the explorers nearby are awake, and nothing on the page comes any more."""
    page.wait_for_function(AWAKE)
    before = None
    while before != (before := page.evaluate(SHOWN)):
        page.wait_for_timeout(100)


@pytest.mark.parametrize("name", [*PAGES, *LIBRARY, "search"])
def test_a_page_fits_and_is_for_everyone(name: str, reader: Visitor) -> None:
    reader.wrong.clear()
    page = reader.open(name)
    for size in (PHONE, ENLARGED):
        reader.size(*size)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert page.evaluate(CUT_OFF) == []
    reader.size(*DESK)
    come_to_rest(page)
    page.evaluate(AXE_SCRIPT)
    shown, looks = [], []
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        shown.append(page.evaluate(SHOWN))
        looks.append(page.evaluate_handle(LOOKS))
    assert shown[0] == shown[1]  # or the dark needs all rules, too
    words = page.evaluate_handle(FRESH, [*reversed(looks), list(reader.looks)])
    page.evaluate(LEAVE_FRESH, [words, True])
    assert faults(page, rules=BUT_COLOURS) == []
    if fresh := page.evaluate("it => it.looks", words):
        page.evaluate(LEAVE_FRESH, [words, False])
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert faults(page, runOnly=BY_COLOURS) == [], scheme
        reader.looks.update(fresh)
    assert len(reader.looks) > 10
    assert not reader.wrong, reader.wrong


def test_search_finds_a_page(visitor: Visitor) -> None:
    page = visitor.open("index")
    box = page.get_by_role("textbox", name=re.compile("search", re.IGNORECASE)).first
    box.fill("receptive field")
    box.press("Enter")
    expect(page.locator("ul.search a", has_text="Model").first).to_be_visible()
    page.locator("ul.search a", has_text=re.compile("^Model")).first.click()
    expect(page.get_by_role("heading", name="Model", level=1)).to_be_visible()


# What can be reached with the Tab key in a drawer.
STOPS = """place => Array.from(document.querySelectorAll(`${place} :is(a, button, input)`))
    .filter(it => it.checkVisibility({ visibilityProperty: true })).length"""


@pytest.mark.parametrize(("size", "drawer", "name", "key"), [
    (PHONE, ".sidebar-drawer", "Menu", "Enter"), (ENLARGED, ".toc-drawer", "Contents", "Space"),
    ((1280, 900), ".toc-drawer", "Contents", "Enter"),
])
def test_a_drawer_opens_and_closes_by_keys(size: tuple[int, int], drawer: str, name: str, key: str, visitor: Visitor) -> None:
    """Closed, it takes no focus; open, it has it, and gives it back."""
    visitor.size(*size)
    page = visitor.open("02_model")
    assert page.evaluate(STOPS, drawer) == 0
    toggle = page.get_by_role("button", name=name, exact=True)
    for _ in range(100):  # at 1280 pixels the whole menu comes before
        page.keyboard.press("Tab")
        if toggle.evaluate("it => it === document.activeElement"):
            break
    expect(toggle).to_be_focused()
    expect(toggle).to_have_attribute("aria-expanded", "false")
    page.keyboard.press(key)
    first = page.locator(f"{drawer} a:visible").first
    expect(first).to_be_focused()
    expect(first).to_be_in_viewport()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(toggle).to_be_focused()
    page.wait_for_function(f"!({STOPS})('{drawer}')")


def test_a_drawer_closes_behind_who_leaves_it(reader: Visitor) -> None:
    """By a link to a place on the page, or with the Tab key."""
    reader.size(*PHONE)
    page = reader.open("02_model")
    page.get_by_role("button", name="Contents", exact=True).click()
    page.locator(".toc-drawer a[href='#many-channels']").press("Enter")
    expect(page.locator(".toc-drawer")).to_be_hidden()
    assert 0 < page.locator("#many-channels").bounding_box()["y"] < 200
    page.get_by_role("button", name="Menu", exact=True).click()
    expect(page.locator(".sidebar-drawer a").first).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.locator(".sidebar-drawer")).to_be_hidden()


def test_the_menu_is_no_drawer_on_a_wide_page(reader: Visitor) -> None:
    reader.size(1440, 900)
    page = reader.open("02_model")
    assert page.evaluate(STOPS, ".sidebar-drawer") > 50 and page.evaluate(STOPS, ".toc-drawer") > 5
    expect(page.get_by_role("button", name="Contents", exact=True)).to_have_count(0)  # it is not shown


@pytest.mark.parametrize("size", [PHONE, ENLARGED, (1000, 700)])
def test_a_link_to_an_explorer_s_state_leads_below_the_header(size: tuple[int, int], visitor: Visitor, site: Path) -> None:
    visitor.size(*size)
    page_name, name = next((page, name) for front, page, name in explorers_of(site) if page == "02_model")
    page = visitor.page
    page.goto(f"{visitor.address}/{page_name}.html#{name}?")
    place = page.locator(f'[id="{name}"]')
    expect(place).to_have_attribute("data-alive", "true")
    header = page.locator(".mobile-header").bounding_box()
    page.wait_for_function("name => document.getElementById(name).getBoundingClientRect().top < 300", arg=name)
    come_to_rest(page)
    assert place.bounding_box()["y"] >= header["y"] + header["height"]


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_drawing_is_three_keys_away(size: tuple[int, int], visitor: Visitor) -> None:
    """Past the menu with its hundred links: the first stop is seen, and leads there."""
    visitor.size(*size)
    page = visitor.open("index")
    page.wait_for_selector("#front canvas")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#front canvas[role=application]")).to_be_focused()


@pytest.mark.parametrize(("words", "rooms"), [
    ("convolution", {"02_model", "27_convolution"}), ("augmentation", {"01_datasets", "23_augmentation"}),
    ("confidence interval", {"07_truth", "66_intervals"}), ("learning rate", {"03_util", "05_choices", "28_descent"}),
    ("batch norm", {"02_model"}), ("softmax", {"03_util"}), ("dropout", {"05_choices", "57_overfitting"}),
    ("padding", {"02_model", "27_convolution"}), ("overfitting", {"05_choices"}), ("kernel", {"02_model"}),
    ("momentum", {"05_choices", "28_descent"}), ("receptive field", {"02_model", "26_receptive"}),
    ("load_data", {"library/mnist_s6.datasets"}), ("calibration", {"35_calibration"}), ("temperature", {"35_calibration"}),
    ("loss", {"03_util"}), ("cross entropy", {"03_util"}), ("epoch", {"03_util"}), ("ReLU", {"02_model"}),
    ("mcnemar", {"07_truth"}), ("batch size", {"01_datasets"}),
])
def test_the_first_find_is_the_room_that_explains_it(words: str, rooms: set[str], reader: Visitor) -> None:
    page = reader.page
    page.goto(f"{reader.address}/search.html?q={words.replace(' ', '+')}")
    first = page.locator("ul.search li a").first
    expect(first).to_have_attribute("href", re.compile(rf"^({'|'.join(sorted(rooms))})\.html"))


def test_next_goes_on(visitor: Visitor) -> None:
    page = visitor.open("index")
    page.locator("a.next-page").click()
    expect(page.get_by_role("heading", name="Start", level=1)).to_be_visible()


@pytest.mark.parametrize(("name", "place"), [
    ("S6", "exercises"), ("01_datasets", "an-addition-the-same-batches-again"),
    *(("S6", below) for below in ("the-curves", "which-digits-are-mixed-up", "how-sure-is-the-number")),  # an explorer
])
def test_a_link_within_a_page_leads_to_its_heading(name: str, place: str, visitor: Visitor) -> None:
    """Also past pictures that have not been loaded, and explorers that wake."""
    page = visitor.open(name)
    page.locator(f".toc-tree a[href='#{place}']").evaluate("it => it.click()")  # narrow pages keep it in a drawer
    come_to_rest(page)
    before = None
    while before != (before := page.locator(f"#{place}").bounding_box()["y"]):
        page.wait_for_timeout(1000)  # a slow way ends, and pictures come
    assert 0 <= before <= 200


def test_light_and_dark(visitor: Visitor) -> None:
    page = visitor.open("02_model")
    seen = set()
    for _ in range(3):
        page.locator(".theme-toggle-content button").click()
        seen.add(tuple(page.evaluate("[document.body.dataset.theme, getComputedStyle(document.body).backgroundColor]")))
    assert {theme for theme, _ in seen} == {"auto", "light", "dark"} and len({colour for _, colour in seen}) == 2


def test_a_formula_is_drawn(visitor: Visitor) -> None:
    formula = visitor.open("02_model").locator("math").first
    assert formula.bounding_box()["height"] > 10


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_first_page_reads_what_is_drawn(size: tuple[int, int], visitor: Visitor) -> None:
    visitor.size(*size)
    page = visitor.open("index")
    sentence = page.locator("#front .s6-sentence")
    for digit, lines in STROKES.items():
        draw(page.locator("#front canvas[role=application]"), lines)
        expect(sentence).to_have_text(re.compile(f"^The drawing reads as {digit} with "))
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        page.get_by_role("button", name="clear").click()
        expect(sentence).to_have_text("Nothing is drawn yet.")


def test_the_first_page_is_light(browser: Browser, addresses: dict[str, str]) -> None:
    """All that comes before the first stroke, as a server sends it, has at most 400 KB."""
    visitor, sent = Visitor(browser, addresses["http"]), []
    visitor.page.on("response", lambda it: sent.append(len(gzip.compress(it.body()))))
    visitor.open("index").wait_for_selector("#front canvas")
    visitor.page.wait_for_load_state("networkidle")
    visitor.page.close()
    assert 50_000 < sum(sent) <= 400_000, f"{sum(sent):,} bytes"


def test_explorers_are_alive(visitor: Visitor, site: Path) -> None:
    """Each that a notebook's page shows; what it says at first is what its still says."""
    found = 0
    for path in sorted(site.glob("*.html")):
        explorers = stills(path)
        page = visitor.open(path.stem) if explorers else visitor.page
        for name, sentence in explorers:
            place = page.locator(f'[id="{name}"]')
            place.scroll_into_view_if_needed()
            expect(place).to_have_attribute("data-alive", "true")
            expect(place.locator(".s6-sentence")).to_have_text(sentence)
            found += 1
    assert found


def explorers_of(site: Path) -> list[tuple[str, str, str]]:
    """Of each explorer its front end, its page and its name; those on short pages first."""
    tag = re.compile(r'id="([^"]+)" data-front="([^"]+)"')
    paths = sorted(site.glob("*.html"), key=lambda path: path.stat().st_size)
    pages = {path.stem: path.read_text("utf-8") for path in paths}
    return [(front, page, name) for page, text in pages.items() for name, front in tag.findall(text)]


def place_of(page: Page, name: str) -> Locator:
    """An explorer's place on a page, awake."""
    place = page.locator(f'[id="{name}"]')
    place.scroll_into_view_if_needed()
    expect(place).to_have_attribute("data-alive", "true")
    return place


def test_the_address_keeps_what_was_chosen(reader: Visitor, site: Path) -> None:
    """In one explorer of each kind; whoever follows the link sees the same."""
    left = {front for front, _, _ in explorers_of(site)}
    for front, page_name, name in explorers_of(site):
        if front not in left:
            continue
        reader.wrong.clear()
        page = reader.open(page_name)
        place = place_of(page, name)
        if not place.locator("input[type=range]:enabled, select").count():
            continue  # a sheet without examples
        left.remove(front)
        sentence = place.locator(".s6-sentence")
        before = sentence.inner_text()
        if place.locator("input[type=range]:enabled").count():
            slider = place.locator("input[type=range]:enabled").first
            slider.press("ArrowLeft" if slider.evaluate("it => it.value === it.max") else "ArrowRight")
        else:
            place.locator("select").first.select_option(index=1)
        expect(sentence).not_to_have_text(before)
        page.wait_for_function("name => location.hash.startsWith(`#${name}?`)", arg=name)
        after = sentence.inner_text()
        page.reload()
        expect(place_of(page, name).locator(".s6-sentence")).to_have_text(after)
        assert not reader.wrong, (name, reader.wrong)
    assert not left


def test_a_link_to_another_state_on_the_same_page(visitor: Visitor) -> None:
    """The explorer takes it over, and stops playing; so it does on the way back."""
    page = visitor.open("28_descent")
    name = page.locator("[data-front]").get_attribute("id")
    place = place_of(page, name)
    place.get_by_role("button", name="play").click()
    page.evaluate("name => { location.hash = `#${name}?steps=3`; }", name)
    expect(place.locator(".s6-sentence")).to_have_text(re.compile("^After 3 steps with a learning rate of 0.050,"))
    page.evaluate("name => { location.hash = `#${name}?steps=5&rate=0.1`; }", name)
    expect(place.locator(".s6-sentence")).to_have_text(re.compile("^After 5 steps with a learning rate of 0.100,"))
    page.wait_for_timeout(700)
    page.go_back()
    expect(place.locator(".s6-sentence")).to_have_text(re.compile("^After 3 steps with a learning rate of 0.050,"))
    assert place.locator(".s6").count() == 1


def test_a_link_keeps_the_drawing(visitor: Visitor) -> None:
    """What can't stand in the address stays when another state comes from there."""
    page = visitor.open("22_drawing")
    place = place_of(page, page.locator("[data-front]").get_attribute("id"))
    draw(place.locator("canvas[role=application]"), STROKES[7])
    sentence = place.locator(".s6-sentence")
    expect(sentence).to_have_text(re.compile("^The drawing reads as 7 with "))
    page.evaluate("location.hash = `#${document.querySelector('[data-front]').id}?crop=false`")
    expect(sentence).to_have_text(re.compile("^The drawing, not cropped, reads as "))


@pytest.mark.parametrize("broken", ["%", "%E0%A4%A", "nowhere?x=1"])
def test_a_broken_link_is_only_that(broken: str, visitor: Visitor) -> None:
    page = visitor.page
    page.goto(f"{visitor.address}/02_model.html#{broken}")
    place = place_of(page, page.locator("[data-front]").first.get_attribute("id"))
    expect(place.locator(".s6-sentence")).not_to_be_empty()


def test_intervals_are_seen(reader: Visitor) -> None:
    page = reader.open("60_replay")
    place = place_of(page, page.locator("[data-front]").get_attribute("id"))
    bands = place.locator("path[opacity]")
    expect(bands).to_have_count(5)  # two runs in two charts, and one that never answers 9 is trusted nowhere
    assert all(bands.nth(n).bounding_box()["width"] > 100 for n in range(2))


def test_an_explorer_is_whole_on_a_phone(reader: Visitor) -> None:
    """A matrix of ten digits needs no scrolling, words stay whole, and a slider's value stands beside it."""
    reader.size(*PHONE)
    page = reader.open("60_replay")
    place = place_of(page, page.locator("[data-front]").get_attribute("id"))
    for matrix in place.locator(".s6-scroll:has(.s6-grid)").all():
        assert matrix.evaluate("it => it.scrollWidth <= it.clientWidth")
    assert place.get_by_text("never", exact=True).first.evaluate(LINES) == 1
    for button in place.locator("button").all():
        assert button.bounding_box()["height"] >= 24
    for name in ("23_augmentation", "63_stress"):
        page = reader.open(name)
        place = place_of(page, page.locator("[data-front]").get_attribute("id"))
        for slider in place.locator(".s6-control:has(input[type=range])").all():
            left, right = (slider.locator(it).bounding_box() for it in ("input", "output"))
            assert right["y"] < left["y"] + left["height"] and right["x"] + right["width"] <= PHONE[0]


def test_colours_that_say_something_stay(browser: Browser, addresses: dict[str, str]) -> None:
    """Also where the system chooses the colours."""
    visitor = Visitor(browser, addresses["file"], forced_colors="active")
    page = visitor.open("63_stress")
    place = place_of(page, page.locator("[data-front]").get_attribute("id"))
    colours = [place.locator(it).first.evaluate("it => getComputedStyle(it).backgroundColor") for it in (".s6-track i", ".s6-swatch")]
    visitor.page.close()
    assert colours == ["rgb(0, 114, 178)"] * 2 and not visitor.wrong


def test_nothing_lies_over_a_printed_page(reader: Visitor) -> None:
    page = reader.open("02_model")
    page.emulate_media(media="print")
    assert page.locator(".skip-to-content").is_hidden()
    page.emulate_media(media="screen")


def test_a_printed_table_keeps_its_columns(reader: Visitor) -> None:
    """The table of layers on the first page: each row is a line, on a desk."""
    reader.size(*DESK)
    page = reader.open("index")
    table = page.locator(".output pre", has_text="receptive field")
    lines = table.inner_text().rstrip().splitlines()
    height = table.evaluate("it => parseFloat(getComputedStyle(it).lineHeight)")
    assert len(lines) > 15 and table.bounding_box()["height"] < (len(lines) + 2) * height
