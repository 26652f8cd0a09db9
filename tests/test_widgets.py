"""The explorers' front ends can be joined, and their state saved."""

import json
import re
from importlib.resources import files

import pytest
import torch

from mnist_s6.model import FastNet, S6Net
from mnist_s6.small import TinyNet
from mnist_s6.widgets import front_end, modules, network_bytes, saved_state
from mnist_s6.widgets.drawing import draw_explorer, sheet_bytes

FOLDER = files("mnist_s6") / "widgets"
FRONTS = sorted(file.name for file in FOLDER.iterdir() if file.name.endswith(".js"))
TOP = re.compile(r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+|\[[^\]]*\])", re.MULTILINE)


@pytest.mark.parametrize("front", FRONTS)
def test_no_two_files_use_the_same_name_at_their_top(front: str) -> None:
    """They end up in one room."""
    names = [name for text in modules(front).values() for name in TOP.findall(text)]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)


@pytest.mark.parametrize("name", [*FRONTS, "explorers.css"])
def test_lines_are_short(name: str) -> None:
    """At most 120 columns, and plain ends."""
    lines = (FOLDER / name).read_text(encoding="utf-8").split("\n")
    assert max(map(len, lines)) <= 120
    assert not any(line != line.rstrip() for line in lines) and lines[-1] == ""


def test_every_class_of_css_is_ours() -> None:
    """A theme's own classes must not meet ours."""
    css = re.sub(r"/\*.*?\*/", "", (FOLDER / "explorers.css").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert all(name.startswith("s6") for name in re.findall(r"\.([a-zA-Z][\w-]*)", re.sub(r"\{[^}]*\}", "", css)))


def test_a_name_imported_is_exported() -> None:
    """Joined texts would not notice; editors and servers would."""
    for front in FRONTS:
        text = (FOLDER / front).read_text(encoding="utf-8")
        for names, file in re.findall(r'^import \{([^}]*)\} from "\./([\w-]+\.js)";', text, re.MULTILINE):
            exported = re.findall(r"^export (?:async )?(?:function|class|const) (\w+)", (FOLDER / file).read_text("utf-8"), re.MULTILINE)
            assert not {name.strip() for name in names.split(",") if name.strip()} - set(exported), (front, file)


def test_a_front_end_that_imports_twice_holds_each_file_once() -> None:
    """However many others import it."""
    assert front_end("drawing.js", "filters.js").count("export class Stage") == 1


@pytest.mark.parametrize("network", [S6Net, FastNet])
def test_the_course_s_networks_are_sent(network: type) -> None:
    """As long as they are the course's own."""
    model = network()
    assert network_bytes(model)
    model.extra = torch.nn.Dropout()
    assert network_bytes(model) == b""


def test_other_networks_are_not_sent() -> None:
    """Their type, or the number of their convolutions, tells."""
    assert network_bytes(TinyNet()) == network_bytes(torch.nn.Sequential(S6Net())) == b""


def test_a_saved_state_is_good_for_json() -> None:
    """Bytes in base64, and nothing of Jupyter's own."""
    explorer = draw_explorer(S6Net())
    explorer.set(drawing=sheet_bytes(torch.eye(28)), scale=False)
    state = json.loads(json.dumps(saved_state(explorer)))["state"]
    assert state["scale"] is False and set(state["drawing"]) == {"base64"}
    assert not {"layout", "tabbable", "_esm"} & set(state)
