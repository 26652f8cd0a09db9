"""The networks' corners that no learner asks about, and the exercises of 02_model with right and wrong answers."""

import json
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mnist_s6 import model as library
from mnist_s6.model import (POINTWISE, FastNet, LayerSummary, ModelSummary, ReceptiveField, S6Net, ask, check_images, conv_block,
                            device_of, evaluating, model_summary, multiply_adds, receptive_field)
from mnist_s6.small import TinyNet, UprightNet

NOTEBOOK = Path(__file__).resolve().parent.parent / "nbs" / "02_model.ipynb"

# ---------------------------------------------------------- how far a value sees


@pytest.mark.parametrize(("padding", "start"), [("valid", 0), ("same", -2), (1, -1), ((1, 1), -1)])
def test_padding_may_be_a_word_a_number_or_two(padding: str | int | tuple[int, int], start: int) -> None:
    assert receptive_field(nn.Conv2d(1, 1, 5, padding=padding)) == ReceptiveField(5, 1, start)


def test_same_padding_counts_the_dilation() -> None:
    assert receptive_field(nn.Conv2d(1, 1, 3, padding="same", dilation=2)) == ReceptiveField(5, 1, -2)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(1, 1, (3, 5)),
        nn.Conv2d(1, 1, (3, 5), padding="same"),
        nn.Conv2d(1, 1, 3, stride=(1, 2)),
        nn.Conv2d(1, 1, 3, padding=(0, 1)),
        nn.Conv2d(1, 1, 3, dilation=(1, 2)),
        nn.MaxPool2d((2, 4)),
        nn.Flatten(),
        nn.Linear(3, 2),
        S6Net(),
    ],
)
def test_no_square_window_is_refused_by_name(layer: nn.Module) -> None:
    with pytest.raises(ValueError, match="has no square window that slides: expected convolutions, poolings") as error:
        receptive_field([nn.Conv2d(1, 1, 3), layer])
    assert str(error.value).startswith(str(layer))


def test_layers_in_any_form() -> None:
    four = [nn.Conv2d(1, 16, 5), nn.MaxPool2d(2), nn.Conv2d(16, 24, 3), nn.ReLU(), nn.Conv2d(24, 24, 3)]
    assert receptive_field([nn.Sequential(*four)]) == receptive_field(nn.Sequential(*four)) == receptive_field(iter(four))
    assert receptive_field([]) == ReceptiveField(1, 1, 0)
    assert receptive_field([kind(4) if kind is nn.BatchNorm2d else kind() for kind in POINTWISE]) == ReceptiveField(1, 1, 0)
    twice = nn.Conv2d(1, 1, 3)
    assert receptive_field(nn.Sequential(twice, twice)).size == 5  # the same layer, run twice
    padded = [nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1, dilation=2)]
    assert receptive_field(padded).window(0, 3) == (-2, 1, 5, 8)


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Conv2d(1, 2, 5), nn.AvgPool2d(2), nn.Conv2d(2, 2, 3, padding=1)],
        [nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.Conv2d(2, 2, 3, dilation=2)],
        [nn.Conv2d(1, 2, 5, padding="same"), nn.AvgPool2d(3, stride=2, padding=1)],
    ],
)
def test_the_formula_is_what_the_slopes_say(layers: list[nn.Module]) -> None:
    """The slope is non-zero in the window, and zero everywhere else."""
    torch.manual_seed(0)
    images = torch.zeros(1, 1, 28, 28, requires_grad=True)
    nn.Sequential(*layers)(images)[0, 0, 4, 5].backward()
    top, left, bottom, right = receptive_field(layers).window(4, 5)
    assert min(top, left) >= 0
    inside = torch.zeros(28, 28, dtype=torch.bool)
    inside[top:bottom, left:right] = True
    touched = images.grad[0, 0] != 0
    assert not (touched & ~inside).any()
    if all(layer.dilation in (1, (1, 1)) for layer in layers if isinstance(layer, nn.Conv2d)):
        assert torch.equal(touched, inside)  # dilated kernels leave holes
    rows, columns = touched.nonzero().T
    assert (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1) == (top, left, bottom, right)


# ------------------------------------------------------------------ the networks


@pytest.mark.parametrize(("network", "widths"), [(S6Net, (16, 24)), (FastNet, (16, 24, 24, 32))])
def test_another_number_of_widths_is_refused(network: type[nn.Module], widths: tuple[int, ...]) -> None:
    count = 4 if network is S6Net else 3
    with pytest.raises(ValueError, match=f"number of widths is {len(widths)}; expected a whole number from {count} to {count}"):
        network(widths)


@pytest.mark.parametrize("network, widths, error, message", [
    (S6Net, "abcd", TypeError, "width is 'a'; expected a whole number from 1 to 999"), (S6Net, (1, 2, 3, 0), ValueError, "width is 0; expected"),
    (S6Net, (1, 2, 3, 1000), ValueError, "width is 1000"), (FastNet, (8, 2.5, 8), TypeError, "width is 2.5"), (FastNet, (-1, 8, 8), ValueError, "width is -1"),
    (TinyNet, (0, 0), ValueError, "width is 0"), (TinyNet, "aa", ValueError, "widths is 'aa'"),
    (S6Net, 5, TypeError, "widths came as 5; expected several"), (FastNet, 5, TypeError, "widths came as 5; expected several"),
])
def test_widths_that_no_weights_file_can_tell_are_refused(network: type[nn.Module], widths: object, error: type[Exception], message: str) -> None:
    """A file that `load_network` reads has at most three digits for each."""
    with pytest.raises(error, match=message):
        network(widths)


@pytest.mark.parametrize("network", [S6Net, FastNet])
@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28), (2, 3, 28, 28), (2, 1, 32, 32), (2, 28, 28, 1)])
def test_images_of_another_shape_are_refused(network: type[nn.Module], shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected .N, 1, 28, 28.*pass image.None, None.") as error:
        network()(torch.zeros(shape))
    assert f"images have shape {shape}" in str(error.value)
    check_images(torch.zeros(0, 1, 28, 28))


@pytest.mark.parametrize("network", [S6Net, FastNet])
def test_every_parameter_is_used(network: type[nn.Module]) -> None:
    """One without a slope would be dead weight. And no convolution has a bias before a batch norm."""
    torch.manual_seed(0)
    model = network()
    F.cross_entropy(model(torch.randn(100, 1, 28, 28)), torch.arange(100) % 10).backward()
    assert all((p.grad != 0).any() for p in model.parameters())
    assert all(m.bias is None for m in model.modules() if isinstance(m, nn.Conv2d))


def test_fast_leaves_the_frame_out() -> None:
    model, images = FastNet().eval(), torch.randn(2, 1, 28, 28)
    framed = images.clone()
    framed[..., :2, :] = framed[..., -2:, :] = framed[..., :2] = framed[..., -2:] = 9
    assert torch.equal(model(images), model(framed))
    assert receptive_field(model.features) == ReceptiveField(20, 4, 0)


def test_a_block_pools_where_asked() -> None:
    kinds = [type(layer) for layer in conv_block(1, 2, 3, pool=True)]
    assert kinds == [nn.Conv2d, nn.MaxPool2d, nn.BatchNorm2d, nn.ReLU]
    assert [type(layer) for layer in conv_block(1, 2, 3)] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]


def test_a_network_is_lent_and_keeps_its_modes() -> None:
    model = S6Net()
    model.features[0].eval()
    before = [part.training for part in model.modules()]
    with pytest.raises(ZeroDivisionError), evaluating(model) as quiet:
        assert not any(part.training for part in quiet.modules()) and not torch.is_grad_enabled()
        assert [part.training for part in model.modules()] == before
        raise ZeroDivisionError
    assert torch.is_grad_enabled() and [part.training for part in model.modules()] == before
    with evaluating(model.eval()) as quiet:
        assert quiet is model
    model.features[3][1].train()  # one part of many
    with evaluating(model) as quiet:
        assert quiet is not model and not any(part.training for part in quiet.modules())


@pytest.mark.parametrize("given, said", [
    (S6Net, "model is the class S6Net; expected a network, such as S6Net()"), (None, "model is None"),
    ("w.safetensors", "model is 'w.safetensors'; expected a network, such as S6Net() or load_network(path)"), (print, "model is <built-in"),
])
def test_what_is_no_network_is_told(given: object, said: str) -> None:
    for use in model_summary, lambda model: evaluating(model).__enter__():
        with pytest.raises(TypeError, match=re.escape(said)):
            use(given)


@pytest.mark.parametrize("precision", [torch.half, torch.bfloat16, torch.float, torch.double])
@pytest.mark.parametrize("network", [S6Net, FastNet, UprightNet, TinyNet])
def test_networks_of_any_precision_answer(precision: torch.dtype, network: type[nn.Module]) -> None:
    torch.manual_seed(0)
    model, images = network().eval(), torch.rand(4, 1, 28, 28)
    expected = ask(model, images)
    answers = ask(model.to(precision), images.double())
    assert answers.dtype == (torch.double if precision == torch.double else torch.float)
    # of a bfloat16 only three digits count
    assert torch.allclose(answers.float(), expected, atol=0.2 if precision == torch.bfloat16 else 0.02)


def test_the_device_of_no_parameters_is_the_cpu() -> None:
    assert device_of(nn.ReLU()) == device_of(nn.Conv2d(1, 4, 5)) == torch.device("cpu")
    assert device_of(nn.Linear(1, 1, device="meta")) == torch.device("meta")


# --------------------------------------------------------------------- the table


def test_a_summary_leaves_the_network_as_it_was() -> None:
    model = S6Net().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model_summary(model)
    assert model.training and not any(m._forward_hooks for m in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_summary_is_of_what_is_inside_and_prints_anywhere() -> None:
    plain = model_summary(S6Net())
    for wrapped in torch.compile(S6Net()), nn.DataParallel(S6Net()), torch.compile(nn.DataParallel(S6Net().half())):
        assert model_summary(wrapped) == plain
    assert str(plain).isascii() and "5x5" in str(plain) and "5×5" in plain._repr_html_()
    assert str(model_summary(nn.Linear(3, 2), (3,))).isascii()


def test_a_summary_of_one_layer() -> None:
    summary = model_summary(nn.Linear(3, 2), (3,))
    assert (summary.multiply_adds, summary.parameters) == (6, 8)
    assert summary.rows == (LayerSummary("model", "Linear", (2,), "", 8, 6, None),)
    assert model_summary(nn.ReLU()).rows[0].receptive_field == 1


def test_a_table_of_one_row() -> None:
    row = LayerSummary("features.0.0", "Conv2d", (16, 24, 24), "5×5", 400, 400 * 24 * 24, 5)
    assert row.cells == ("features.0.0", "Conv2d", "16×24×24", "5×5", "400", "230,400", "5")
    table = ModelSummary((row,), parameters=400)
    assert table.multiply_adds == 230_400
    assert [line.split()[0] for line in str(table).splitlines()] == ["layer", "features.0.0", "total"]
    page = table._repr_html_()
    assert "<th>multiply-adds</th>" in page and "<td>5×5</td>" in page
    assert page.count("<th>") == page.count("</th>") == 7 and page.count("<td>") == page.count("</td>") == 2 * 7
    assert page.count("<tr>") == page.count("</tr>") == 3 and "td" not in page[: page.index("</thead>")]
    assert model_summary(S6Net()).rows[0] == row


def test_a_linear_layer_slides_no_window() -> None:
    assert model_summary(S6Net()).rows[-1].receptive_field is None
    fits = nn.Sequential(nn.Conv2d(1, 4, 5), nn.Flatten())
    assert model_summary(fits).rows[-1].output_shape == (4 * 24 * 24,)


def test_the_text_ends_with_the_sums() -> None:
    summary = model_summary(S6Net())
    assert str(summary).splitlines()[-1].split() == ["total", f"{summary.parameters:,}", f"{summary.multiply_adds:,}"]
    assert "<th>multiply-adds</th>" in summary._repr_html_()
    assert "&lt;b&gt;" in ModelSummary((LayerSummary("<b>", "", (), "", 0, 0, None),), 0)._repr_html_()


@pytest.mark.parametrize(("kernel", "shown"), [((3, 5), "3×5"), (2, "2×2")])
def test_kernels_are_shown_with_both_sides(kernel: int | tuple[int, int], shown: str) -> None:
    for layer in nn.Conv2d(1, 1, kernel), nn.MaxPool2d(kernel):
        row = model_summary(layer).rows[0]
        assert row.kernel == shown and (row.receptive_field is None) == isinstance(kernel, tuple)


def test_groups_and_strides_are_counted() -> None:
    layer = nn.Conv2d(4, 4, 3, groups=4, stride=2, bias=False)
    output = layer(torch.zeros(1, 4, 9, 9))
    assert multiply_adds(layer, output) == 4 * 9 * 4 * 4 and multiply_adds(nn.ReLU(), output) == 0


@pytest.mark.parametrize(
    ("model", "shape", "words"),
    [
        (S6Net(), (3, 32, 32), "in its first layer on an input of shape (3, 32, 32)"),
        (nn.Sequential(nn.Conv2d(1, 4, 5), nn.Flatten(), nn.Linear(7, 10)), (1, 28, 28), "after layer '1' on an input"),
        (nn.Conv2d(3, 4, 5), (1, 28, 28), "in its first layer"),
    ],
)
def test_a_misfit_is_named_and_heard_no_more(model: nn.Module, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ValueError, match="Pass another input_shape, or mend the layer") as error:
        model_summary(model, shape)
    assert f"the network stopped {words}" in str(error.value)
    assert model.training and not any(m._forward_hooks for m in model.modules())


class Several(nn.Module):
    """A layer that puts out several things."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, images: torch.Tensor) -> object:
        return {"found": images} if self.kind is dict else self.kind([images, None])


@pytest.mark.parametrize("kind", [dict, list])
def test_a_layer_that_puts_out_no_tensor_is_told(kind: type) -> None:
    with pytest.raises(ValueError, match=f"stopped after layer '0' on an input .*: a layer puts out a {kind.__name__}; expected a tensor"):
        model_summary(nn.Sequential(nn.ReLU(), Several(kind)))


def test_a_shape_is_several_sizes() -> None:
    with pytest.raises(TypeError, match="sizes in input_shape came as 784; expected several"):
        model_summary(S6Net(), 784)


def test_a_summary_is_as_precise_as_the_network() -> None:
    assert model_summary(S6Net().double()).parameters == 17_434


# ----------------------------------------------------------------- the exercises


def verdict(capsys: pytest.CaptureFixture, name: str, answer: object) -> str:
    """What the exercise that asks for `name` prints when the learner's lines, down to the empty one, give this answer."""
    cells = ["".join(c["source"]) for c in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    room = {"torch": torch, "nn": nn, "evaluating": evaluating, "library": library, "conv_block": conv_block,
            "S6Net": S6Net, "images": torch.randn(1000, 1, 28, 28, generator=torch.Generator().manual_seed(0)),
            "by_pytorch": lambda image, kernel: F.conv2d(image[None, None], kernel[None, None])[0, 0]}
    report = next(cell for cell in cells if "def report" in cell)
    exec(report[report.index("def report") : report.index("bright_left = ")], room)
    start, checker = next(cell for cell in cells if cell.startswith((f"{name} = ", f"def {name}("))).split("\n\n", 1)
    exec(start, room)
    if answer is not AS_GIVEN:
        room[name] = answer
    exec(checker, room)
    return capsys.readouterr().out.strip()


AS_GIVEN = object()


@pytest.mark.parametrize("name", ["my_kernel", "my_net"])
def test_the_first_state_is_not_right_yet(capsys: pytest.CaptureFixture, name: str) -> None:
    said = verdict(capsys, name, AS_GIVEN)
    assert said.startswith("not yet: ") and "Python stopped" not in said


@pytest.mark.parametrize("name", ["my_kernel", "my_net"])
@pytest.mark.parametrize("answer", [lambda: 1 / 0, lambda: nn.Sequential(...), lambda: S6Net(4, 8, 8, 8), lambda: undefined])  # noqa: F821
def test_an_answer_that_stops_is_told(capsys: pytest.CaptureFixture, name: str, answer: object) -> None:
    assert verdict(capsys, name, answer).startswith("not yet: Python stopped with ")


RIGHT = [[0.6, 0.3, -0.9]]


@pytest.mark.parametrize(
    "answer",
    [
        torch.tensor([[1.0, 0, -1]] * 3),
        torch.tensor([[1, 0, -1], [2, 0, -2], [1, 0, -1]]),
        [[1, -1]],
        [1, -1],
        RIGHT,
        torch.tensor(RIGHT).numpy(),
        torch.tensor(RIGHT, requires_grad=True),
        torch.tensor(RIGHT).repeat(3, 1),
    ],
)
def test_a_right_kernel(capsys: pytest.CaptureFixture, answer: object) -> None:
    assert verdict(capsys, "my_kernel", answer) == verdict(capsys, "my_kernel", lambda: answer) == "right"


@pytest.mark.parametrize(("answer", "hint"), [
    (None, "None is no kernel: return a tensor such as upper_edge"), ("right", "'right' is no kernel"), ([[1, 0], [1]], "is no kernel"),
    (torch.ones(9, 9), "has the shape (9, 9)"), (torch.ones(1, 1, 3, 3), "has the shape (1, 1, 3, 3)"), ([], "has the shape (1, 0)"),
    (torch.zeros(3, 3), "does not answer at a right edge"), (torch.full((3, 3), float("nan")), "does not answer"),
    (torch.tensor([[-1.0, 0, 1]] * 3), "does not answer at a right edge"),  # a left edge
    (torch.tensor([[1.0, 0, -1]] * 3).T, "does not answer at a right edge"),  # downwards
    (torch.ones(3, 3), "it also answers where all is the same"), (5, "it also answers where all"),
    (torch.tensor([[1.0, 1, 0], [1, 0, -1], [0, -1, -1]]), "where it gets darker downwards"),  # diagonal
    (torch.tensor([[1.0, 0], [0, -1]]), "where it gets darker downwards"),  # diagonal
    (torch.tensor([[0.0, -1], [1, 0]]), "where it gets brighter downwards"),  # diagonal
    (torch.tensor([[1.0, -2, 1]]), "at a left edge"),  # a line, and edges on both sides
    (torch.tensor([[1.0, 0, -0.9]]), "where all is the same"),  # answers to plain brightness too
])
def test_a_wrong_kernel(capsys: pytest.CaptureFixture, answer: object, hint: str) -> None:
    for given in answer, lambda: answer:
        said = verdict(capsys, "my_kernel", given)
        assert said.startswith("not yet: ") and hint in said and "Python stopped" not in said


def small(*last: nn.Module) -> nn.Sequential:
    """Three blocks of few channels, and what comes last."""
    torch.manual_seed(0)
    blocks = conv_block(1, 4, 5, pool=True), conv_block(4, 8, 3, pool=True), conv_block(8, 8, 3)
    return nn.Sequential(*blocks, nn.Flatten(), *last)


def test_a_right_network(capsys: pytest.CaptureFixture) -> None:
    for answer in small(nn.Linear(72, 10)), nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 10)), FastNet((4, 6, 8)):
        assert verdict(capsys, "my_net", answer) == verdict(capsys, "my_net", lambda answer=answer: answer) == "right"


TENTH = nn.Sequential(nn.AvgPool2d(9), nn.Flatten(), nn.ConstantPad1d((0, 1), 0.0))


@pytest.mark.parametrize(("answer", "hint"), [
    (AS_GIVEN, "it has 5,878 parameters"), (S6Net, "it has 17,434 parameters"), (lambda: S6Net(), "it has 17,434 parameters"),
    (None, "None is no network: return one"), (7, "7 is no network"), ("S6Net", "'S6Net' is no network"),
    (lambda: None, "None is no network"), (lambda: S6Net, "is no network"), (lambda: ..., "Ellipsis is no network"),
    (lambda images: images, "Python stopped with TypeError"), (lambda: S6Net((4, 8)), "number of widths is 2"),
    (small(nn.Linear(72, 9)), "its output has the shape (1000, 9)"), (small(nn.Linear(7, 10)), "the network stopped after layer '3'"),
    (nn.Sequential(nn.Flatten(), nn.Softmax(1)), "it has 0 parameters"), (small(nn.Linear(72, 10), nn.ReLU()), "all scores are on one side of 0"),
    (small(nn.Linear(72, 10), nn.LogSoftmax(1)), "all scores are on one side of 0"),
    (small(nn.Linear(72, 10), nn.Softmax(1)), "all scores are on one side of 0"), (small(nn.Linear(72, 10), nn.Sigmoid()), "all scores are on one side of 0"),
    (small(nn.Linear(72, 9), nn.ConstantPad1d((0, 1), 0.0)), "one of the scores is the same"), (TENTH, "0 parameters"),
])
def test_a_wrong_network(capsys: pytest.CaptureFixture, answer: object, hint: str) -> None:
    said = verdict(capsys, "my_net", answer)
    assert said.startswith("not yet: ") and hint in said


def test_a_layer_that_gives_several_things_has_a_row() -> None:
    """As `nn.LSTM`, which gives its outputs and its memory."""

    class Rows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.read, self.say = nn.LSTM(28, 6, batch_first=True), nn.Linear(6, 10)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.say(self.read(images[:, 0])[0][:, -1])

    rows = model_summary(Rows()).rows
    assert [(row.kind, row.output_shape) for row in rows] == [("LSTM", (28, 6)), ("Linear", (10,))]
