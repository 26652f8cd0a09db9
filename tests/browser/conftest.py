"""A browser and JupyterLab, once for all browser tests; loud words where there is no browser."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "tools")]

import lab  # noqa: E402
from run_tests import NO_CHROMIUM, find_chromium  # noqa: E402


LIMIT = 600  # seconds that a test may take; the first of a notebook waits until all its cells have run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip these tests where no Chromium is found, but not in CI, which has to have one."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(LIMIT))
            if find_chromium() is None and not os.environ.get("CI"):
                item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end, where it cannot be overlooked, that these tests did not run."""
    if find_chromium() is None:
        terminalreporter.section("WARNING", sep="!", red=True, bold=True)
        terminalreporter.write_line(NO_CHROMIUM, red=True, bold=True)


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
