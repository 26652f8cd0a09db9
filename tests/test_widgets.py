"""The explorers' front ends can be joined, and their state saved."""

import json
import re
import warnings
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from torchvision.datasets import MNIST
from traitlets import TraitError

from mnist_s6 import widgets
from mnist_s6.datasets import plot_images
from mnist_s6.files import data_folder
from mnist_s6.fit import fit
from mnist_s6.model import FastNet, S6Net
from mnist_s6.small import TinyNet, UprightNet, straighten
from mnist_s6.stress import CORRUPTIONS
from mnist_s6.util import History
from mnist_s6.widgets import BLUE, ORANGE, SIGNED, front_end, mistake_explorer, modules, network_bytes, saved_state
from mnist_s6.widgets.augmentation import augmentation_picture
from mnist_s6.widgets.descent import descent_explorer, descent_path
from mnist_s6.widgets.drawing import draw_bars, draw_explorer, draw_picture, sheet_bytes
from mnist_s6.widgets.filters import filter_explorer, filter_picture
from mnist_s6.widgets.intervals import drawn_tests, intervals_explorer, intervals_picture
from mnist_s6.widgets.judging import court_cases, judging_picture
from mnist_s6.widgets.layers import calculate, record_layers
from mnist_s6.widgets.live import LiveTraining, snapshot, training_picture
from mnist_s6.widgets.receptive import receptive_explorer, receptive_picture
from mnist_s6.widgets.stressing import stress_explorer

ROOT = Path(__file__).resolve().parent.parent
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


@pytest.mark.parametrize("precision", [torch.double, torch.half, torch.bfloat16])
def test_any_default_precision(precision: torch.dtype, request: pytest.FixtureRequest) -> None:
    """A network that was made before is sent, and one that is made under it is at least shown."""
    usual = S6Net()
    request.addfinalizer(lambda: torch.set_default_dtype(torch.float))
    torch.set_default_dtype(precision)
    assert precision != torch.double or network_bytes(usual) and network_bytes(S6Net())
    for model in usual, S6Net():
        image = torch.zeros(28, 28, dtype=torch.uint8)
        draw_explorer(model)
        filter_explorer(model, torch.zeros(1, 1, 28, 28)).answer_layers(0)
        if precision == torch.double:
            assert draw_explorer(model).answer_probabilities(bytes(4 * image.numel()))["probabilities"]
        stress = stress_explorer(model, torch.rand(10, 28, 28), torch.arange(10))
        assert all((stress.set(kind=kind), stress.still())[1].text for kind in CORRUPTIONS)
        assert "2 of 3 intervals caught the truth" in intervals_explorer(tests=3).still().text
        assert filter_picture(model, torch.rand(1, 28, 28), depth=0).text
        assert draw_picture(usual, torch.zeros(140, 140, dtype=torch.uint8).index_fill_(1, torch.arange(60, 80), 255)).text
    test_set = MNIST(str(data_folder()), train=False)
    assert "before normalising" in augmentation_picture(test_set).text
    assert len(plot_images(torch.rand(2, 28, 28)).axes) >= 2


def test_wrapped_networks_are_sent_and_shown_as_what_is_inside() -> None:
    """Compiled, for several devices, or both."""
    model = S6Net()
    for wrapped in torch.compile(model), torch.nn.DataParallel(torch.compile(model)):
        assert network_bytes(wrapped) == network_bytes(model)
        assert snapshot(wrapped, 0).words == snapshot(model, 0).words


@pytest.mark.parametrize("given", [S6Net, None])
@pytest.mark.parametrize("use", [draw_explorer, lambda model: snapshot(model, 0), lambda model: training_picture(model, History())])
def test_what_is_no_network_is_told(given: object, use: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="expected a network, such as S6Net"):
        use(given)


def test_other_networks_are_not_sent() -> None:
    """Their type, or the number of their convolutions, tells."""
    assert network_bytes(TinyNet()) == network_bytes(UprightNet()) == network_bytes(torch.nn.Sequential(S6Net())) == b""


def test_a_saved_state_is_good_for_json() -> None:
    """Bytes in base64, and nothing of Jupyter's own."""
    explorer = draw_explorer(S6Net())
    explorer.set(drawing=sheet_bytes(torch.eye(28)), scale=False)
    state = json.loads(json.dumps(saved_state(explorer)))["state"]
    assert state["scale"] is False and set(state["drawing"]) == {"base64"}
    assert not {"layout", "tabbable", "_esm"} & set(state)


# Machado, Oliveira and Fernandes (2009): what becomes of red, green and blue light where one kind of cones is missing
EYES = {
    "all cones": torch.eye(3),
    "no red": torch.tensor([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "no green": torch.tensor([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "no blue": torch.tensor([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}
TO_XYZ = torch.tensor([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def seen(rgb: object, eye: str) -> torch.Tensor:
    """Colours (…, 3) in the scale Lab (CIE, 1976), whose distances are how different they look to this eye."""
    rgb = torch.as_tensor(rgb, dtype=torch.float)
    light = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = (light @ EYES[eye].T).clamp(0, 1) @ TO_XYZ.T / TO_XYZ.sum(1)  # white becomes 1, 1, 1
    x, y, z = torch.where(xyz > (6 / 29) ** 3, xyz.clamp(min=1e-9) ** (1 / 3), xyz * (29 / 6) ** 2 / 3 + 4 / 29).unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def test_the_scale_of_colours_is_labs() -> None:
    """White, and pure red from tables; grey is grey for every eye."""
    assert torch.allclose(seen([1, 1, 1], "all cones"), torch.tensor([100.0, 0, 0]), atol=1e-2)
    assert torch.allclose(seen([1, 0, 0], "all cones"), torch.tensor([53.2, 80.1, 67.2]), atol=0.1)
    for eye in EYES:
        assert torch.allclose(seen([0.5] * 3, eye), seen([0.5] * 3, "all cones"), atol=0.1)


@pytest.mark.parametrize("eye", EYES)
def test_everyone_can_tell_our_colours_apart(eye: str) -> None:
    """Blue and orange look different, in a grey print too; the scale around zero rises in lightness from end to end."""
    blue, orange = seen(to_rgb(BLUE), eye), seen(to_rgb(ORANGE), eye)
    assert (blue - orange).norm() > 70 and (eye != "all cones" or orange[0] - blue[0] > 20)  # a grey print keeps lightness
    assert seen(colormaps[SIGNED](range(256))[:, :3], eye)[:, 0].diff().min() > 0


def test_other_programs_colours_fail() -> None:
    """So these tests can: a common red and green look alike to some, and blue over white to red does not rise."""
    pair = [(seen(to_rgb("tab:red"), eye) - seen(to_rgb("tab:green"), eye)).norm() for eye in EYES]
    assert min(pair) < 10
    assert seen(colormaps["coolwarm"](range(256))[:, :3], "all cones")[:, 0].diff().min() < 0


class Keeping(torch.nn.Module):
    """Keeps what it calculates, to be looked at; one layer's weight is calculated from two others."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.layer = torch.nn.Conv2d(1, 2, 3), torch.nn.utils.weight_norm(torch.nn.Linear(2 * 26 * 26, 10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits."""
        self.maps = self.features(images)
        self.kept = {"a list": [self.maps.relu()], "in a set": {self.maps.sum()}}
        return self.layer(self.maps.flatten(1))


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_mistakes_of_a_network_that_keeps_what_it_calculates() -> None:
    """Also after a training; which, if it goes on, changes nothing in them."""
    torch.manual_seed(0)
    model, batches = Keeping(), [(torch.rand(40, 1, 28, 28), torch.randint(10, (40,)))]
    fit(model, batches, batches, 1)
    model(batches[0][0])
    assert not model.maps.is_leaf
    book = mistake_explorer(model, batches, batches).book
    logits, before = model(batches[0][0]).detach(), {name: it.clone() for name, it in book.model.state_dict().items()}
    assert torch.equal(model.maps, model.features(batches[0][0])) and model.maps.requires_grad  # the network is as it was
    fit(model, batches, batches, 1)
    assert all(torch.equal(it, before[name]) for name, it in book.model.state_dict().items())
    with torch.no_grad():
        torch.testing.assert_close(book.model(batches[0][0]), logits)
        assert not torch.allclose(model(batches[0][0]), logits)


def test_images_under_stress_are_from_0_to_1() -> None:
    """Normalised ones, as bytes, began again at 0: the digit that was shown was not the one that was given."""
    with pytest.raises(ValueError, match="image has values from .*; expected 0 .black. to 1 .white.*undo a normalisation"):
        stress_explorer(S6Net(), torch.rand(10, 28, 28) * 3 - 0.4, torch.arange(10))
    for images in torch.full((10, 28, 28), 200, dtype=torch.uint8), torch.rand(10, 5, 5), torch.rand(10, 1, 28, 28):
        with pytest.raises(ValueError, match="expected floats .N, 28, 28.. Divide bytes by 255"):  # and not only when it is drawn
            stress_explorer(S6Net(), images, torch.arange(10))


def test_seeds_that_are_none_are_told() -> None:
    """PyTorch's own words were RuntimeError, or Overflow."""
    for draw in lambda seed: descent_path("one weight", [1.0], 0.1, seed=seed), lambda seed: drawn_tests(0.9, 10, 3, seed):
        assert len(draw(2**63 - 1)) > 2
        for bad, error in ("x", TypeError), (2**70, ValueError), (-1, ValueError), (1.0, TypeError):
            with pytest.raises(error, match="seed is .*; expected a whole number from 0"):
                draw(bad)


def test_tests_are_drawn_and_shown_in_one_order_of_numbers() -> None:
    """Accuracy, images, tests, and only then level and seed."""
    assert "of 7 intervals caught" in intervals_picture(0.9, 10, 7).text
    assert intervals_picture(0.9, 10, 7, 0.8, 3).text == intervals_picture(0.9, 10, tests=7, level=0.8, seed=3).text
    for wrong in (7, 3, 0.8), (0.8, 3, 7):
        with pytest.raises((TypeError, ValueError), match="expected"):
            intervals_picture(0.9, 10, *wrong)


def test_the_court_hears_all_test_images() -> None:
    """Ten answers were an IndexError."""
    with pytest.raises(ValueError, match="there are 10 answers and 10 labels; expected both"):
        court_cases(torch.arange(10), torch.arange(10))


@pytest.mark.parametrize("layers", [0, 7])
def test_layers_that_are_too_many_are_counted(layers: int) -> None:
    """And not named as a number that nobody wrote, kernel_7."""
    with pytest.raises(ValueError, match=f"the number of layers is {layers}; expected a number from 1 to 6"):
        receptive_explorer(torch.zeros(28, 28, dtype=torch.uint8), [(1, 1, 0)] * layers)


def test_places_are_whole_numbers() -> None:
    """NumPy's too, and no truth values: True was taken for 1, and np.int64(3) for no number."""
    image = torch.rand(1, 28, 28)
    model = S6Net().eval()
    step = record_layers(model, image)[0]
    assert calculate(step, np.int64(3), np.int64(0), 2).words == calculate(step, 3, 0, 2).words
    with pytest.raises(TypeError, match="channel is True; expected a whole number from 0 to 15"):
        calculate(step, True, 0, 0)
    with pytest.raises(TypeError, match="depth is True"):
        filter_picture(model, image, True)
    with pytest.raises(TypeError, match="image is True"):
        judging_picture(torch.zeros(1, 28, 28), [None], None, True)
    for wrong in {"layer": -1}, {"layer": 0}, {"row": -1}, {"column": -1}:
        with pytest.raises(ValueError, match=f"{[*wrong][0]} is {[*wrong.values()][0]}; expected a whole number from"):
            receptive_picture(image[0], **wrong)


def test_the_package_names_all_that_it_offers() -> None:
    """So that `import *` gives it, and type checkers take it for exported."""
    offered = {name for name, it in vars(widgets).items() if not name.startswith("_") and not isinstance(it, ModuleType)}
    assert offered == set(widgets.__all__) and {"draw_explorer", "replay_explorer"} <= offered


def test_of_several_views_the_first_is_shown() -> None:
    """`TinyNet` looks at the image turned as well."""
    image = torch.rand(1, 28, 28)
    step = record_layers(TinyNet(), image)[0]
    torch.testing.assert_close(step.inputs, straighten(image[None])[0].double(), atol=1e-4, rtol=0)
    assert step.maps.shape == (10, 28, 28)


def test_a_change_is_made_as_a_whole_or_not_at_all() -> None:
    """What comes before a wrong value stays as it was, and nothing is said of it."""
    explorer = descent_explorer()
    before, said = explorer.state(), []
    explorer.observe(lambda change: said.append(change["name"]))
    for change in {"rate": 0.1, "momentum": 5.0}, {"rate": 0.1, "momentum": "much"}, {"rate": 0.1, "speed": 1}:
        with pytest.raises((TraitError, KeyError)):
            explorer.set(**change)
        assert explorer.state() == before and not said
    explorer.set(rate=0.1, momentum=0.5)
    assert (explorer.rate, explorer.momentum, sorted(said)) == (0.1, 0.5, ["momentum", "rate"])


def test_a_training_is_drawn_while_an_epoch_is_noted() -> None:
    """In another thread, some of the lists may be longer by one."""
    live, model = LiveTraining(), S6Net()
    history = History([2.0, 1.0], [0.5, 0.6], [2.0, 1.0], [0.5, 0.7])
    live(SimpleNamespace(model=model, history=history))
    expected = live.still().text
    for name in "train_loss", "train_accuracy", "test_loss":
        getattr(history, name).append(0.5)
        for picture in live.still(), training_picture(model, history):
            assert picture.text == expected and picture.png()
    history.test_accuracy.append(0.8)
    assert training_picture(model, history).text.startswith("After epoch 3")


def test_the_table_of_explorers_names_them_all_and_where_they_are_shown() -> None:
    """Each explorer of the package once, a lesson that calls it, and the room that makes it."""
    cells = json.loads((ROOT / "nbs/20_widgets.ipynb").read_text(encoding="utf-8"))["cells"]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", "\n".join("".join(cell["source"]) for cell in cells), re.MULTILINE)
    assert sorted(name for name, *_ in rows) == sorted(["LiveTraining", *(name for name in dir(widgets) if name.endswith("_explorer"))])
    for name, taught, made in rows:
        for room in re.findall(r"\((.+?)\)", taught):
            assert f"{name}(" in (ROOT / "nbs" / room).read_text(encoding="utf-8"), (name, room)
        text = (ROOT / "nbs" / re.search(r"\((.+?)\)", made)[1]).read_text(encoding="utf-8")
        assert re.search(rf"(def|class) {name}\(", text), name


@pytest.mark.parametrize("draw, error, words", [
    (lambda: receptive_picture(torch.zeros(28, 28), [(2, 1)]), ValueError, "the number of values of layer 1 is 2; expected a whole number from 3 to 3"),
    (lambda: receptive_picture(torch.zeros(28, 28), [(2, 1, 0), 3]), TypeError, "values of layer 2 came as 3; expected several"),
    (lambda: receptive_picture(torch.zeros(28, 28), 5), TypeError, "layers came as 5"),
    (lambda: descent_path("one weight", "a", 0.1), TypeError, "a weight is 'a'; expected a number"),
    (lambda: descent_path("bowl", "ab", 0.1), TypeError, "a weight is 'a'"), (lambda: descent_path("one weight", 1.0, 0.1), TypeError, "starting weights came as 1.0"),
    (lambda: descent_path("two weights", [1.0, 2.0, 3.0], 0.1), ValueError, "the number of starting weights is 3"),
    (lambda: descent_path("bowl", [1.0], 0.1), ValueError, "loss is 'bowl'"),
])
def test_layers_and_weights_that_are_none_are_told(draw: Callable[[], object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        draw()


def test_bars_are_drawn_without_a_warning() -> None:
    """NumPy warned of a tensor, and stopped where warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_bars(Figure(), torch.tensor([0.25, 0.75]))
