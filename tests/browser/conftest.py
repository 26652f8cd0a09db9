"""Browsers, JupyterLab and the web site, once for all browser tests; loud words where there is no browser."""

import os
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from helpers import built_site
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "tools")]

import lab  # noqa: E402
from firefox import Firefox  # noqa: E402
from run_tests import NO_CHROMIUM, NO_FIREFOX, find_chromium, find_firefox  # noqa: E402

LIMIT = 600  # seconds that a test may take; the first of a notebook waits until all its cells have run
MISSING = pytest.StashKey[set[str]]()  # what is said of the browsers that are not here


def missing(item: pytest.Item) -> str | None:
    """What is said of a test's browser if it is not here."""
    if "firefox" in getattr(item, "fixturenames", ()):
        return None if find_firefox() else NO_FIREFOX
    return None if find_chromium() else NO_CHROMIUM


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests whose browser is not found; but CI has to have a Chromium, and they fail there."""
    config.stash[MISSING] = set()
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(LIMIT))
            if why := missing(item):
                config.stash[MISSING].add(why)
                if why == NO_FIREFOX or not os.environ.get("CI"):
                    item.add_marker(pytest.mark.skip(reason=why))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say at the end, where it cannot be overlooked, that these tests did not run."""
    for why in config.stash.get(MISSING, ()):
        terminalreporter.section("WARNING", sep="!", red=True, bold=True)
        terminalreporter.write_line(why, red=True, bold=True)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lab.Server]:
    """JupyterLab on a copy of the course."""
    with lab.serve(tmp_path_factory.mktemp("course")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's own Chromium, without a window."""
    path = find_chromium()
    if path is None:
        pytest.fail(NO_CHROMIUM)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=lab.CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def firefox() -> Iterator[Firefox]:
    """The machine's own Firefox, without a window."""
    fox = Firefox(find_firefox())
    yield fox
    fox.close()


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and logs nothing."""

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def site() -> Path:
    """The built web site's folder."""
    return built_site()


@pytest.fixture(scope="session")
def addresses(site: Path) -> Iterator[dict[str, str]]:
    """Where the site is: from a server, and as files."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield {"http": f"http://127.0.0.1:{server.server_port}", "file": site.as_uri()}
        server.shutdown()


@pytest.fixture(scope="session")
def lab_page(browser: Browser) -> Iterator[Page]:
    """The tab of the browser in which JupyterLab shows one notebook after the other."""
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    page.set_default_timeout(lab.PATIENCE)
    yield page
    page.close()


@pytest.fixture(scope="module")
def notebook(request: pytest.FixtureRequest, lab_page: Page, server: lab.Server) -> Iterator[lab.Notebook]:
    """The notebook of the test module, open and run; its page may fetch nothing from outside."""
    opened = lab.Notebook(lab_page, server, request.module.NOTEBOOK)
    try:
        opened.start()
        opened.wait_until_run()
        yield opened
    except Exception:
        opened.keep("did not open")
        raise
    finally:
        opened.close()
    assert not opened.outside, f"the page fetched from outside: {opened.outside}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Keep a picture of the whole tab where a test failed."""
    report = yield
    opened = getattr(item, "funcargs", {}).get("notebook")
    if report.failed and opened:
        opened.keep(f"failed {item.name}")
    return report
