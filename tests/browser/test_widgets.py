"""The base of all explorers, in 29_classic: a control moves the picture, a failure is told."""

import pytest
from lab import ExplorerOnPage, Notebook
from playwright.sync_api import expect

NOTEBOOK = "29_classic"
SLIDER = "how many"


def squares(count: int) -> str:
    """The sentence below the picture of so many squares."""
    return f"The first {count} squares; the last is {count * count}."


@pytest.fixture
def explorer(notebook: Notebook) -> ExplorerOnPage:
    """The first explorer of the notebook."""
    return notebook.explorer(SLIDER)


def test_keys_move_a_slider(explorer: ExplorerOnPage) -> None:
    """Arrows go one step, Home and End to the ends; the picture follows, and so does its description."""
    explorer.press(SLIDER, "Home")
    explorer.says(squares(1))
    first = explorer.picture()
    explorer.press(SLIDER, "ArrowRight", "ArrowRight")
    explorer.says(squares(3))
    assert explorer.picture() != first
    explorer.press(SLIDER, "ArrowLeft")
    explorer.says(squares(2))
    explorer.press(SLIDER, "End")
    explorer.says(squares(9))
    explorer.screenshot("explorer")


def test_the_mouse_moves_a_slider(explorer: ExplorerOnPage) -> None:
    """By its handle and by a click on its track."""
    explorer.press(SLIDER, "Home")
    explorer.says(squares(1))
    first = explorer.picture()
    explorer.drag(SLIDER, 0.5)
    explorer.says(squares(5))
    explorer.click_track(SLIDER, 0.75)
    explorer.says(squares(7))
    explorer.drag(SLIDER, 0)
    explorer.says(squares(1))
    assert explorer.picture() == first


def test_a_slider_has_a_name(explorer: ExplorerOnPage) -> None:
    """A screen reader tells which slider it is on."""
    expect(explorer.output.get_by_role("slider", name=SLIDER, exact=True)).to_be_visible()


def test_a_failing_callback_is_told(notebook: Notebook) -> None:
    """The message stands in the widget for as long as the value fails, and no longer."""
    explorer = notebook.explorer(SLIDER, nth=1)  # the choosy one
    explorer.press(SLIDER, "End")
    explorer.says(squares(9))
    explorer.shows_error("")
    explorer.click_track(SLIDER, 2 / 8)
    explorer.shows_error("ValueError: 3 is not to my taste")
    explorer.screenshot("error")
    explorer.press(SLIDER, "ArrowRight")
    explorer.says(squares(4))
    explorer.shows_error("")


def test_keys_move_a_dropdown(notebook: Notebook) -> None:
    """JupyterLab has its own use for arrow keys, and must leave them to the dropdown."""
    notebook.run(
        "many = widgets.Dropdown(options=[('one', 1), ('two', 2), ('three', 3)], description='choice')\n"
        "Explorer(squares, {'count': many})"
    )
    explorer = notebook.explorer("choice")
    explorer.says(squares(1))
    explorer.press("choice", "ArrowDown", "ArrowDown")
    explorer.says(squares(3))
    explorer.choose("choice", "two")
    explorer.says(squares(2))
