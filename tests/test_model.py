"""The networks' corners that no learner asks about, and the exercises of 02_model with right and wrong answers."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mnist_s6.model import (POINTWISE, FastNet, LayerSummary, ModelSummary, ReceptiveField, S6Net, check_images, conv_block,
                            device_of, evaluating, model_summary, multiply_adds, receptive_field)

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
    with pytest.raises(ValueError, match=f"values to unpack .expected {4 if network is S6Net else 3}"):
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


def test_modes_come_back_after_a_failure() -> None:
    model = S6Net()
    model.features[0].eval()
    with pytest.raises(ZeroDivisionError), evaluating(model):
        assert not any(m.training for m in model.modules()) and not torch.is_grad_enabled()
        raise ZeroDivisionError
    assert (model.training, model.features[0].training, model.features[1].training) == (True, False, True)
    assert torch.is_grad_enabled()


def test_the_device_of_no_parameters_is_the_cpu() -> None:
    assert device_of(nn.ReLU()) == torch.device("cpu")
    assert device_of(nn.Linear(1, 1, device="meta")) == torch.device("meta")


# --------------------------------------------------------------------- the table


def test_a_summary_leaves_the_network_as_it_was() -> None:
    model = S6Net().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model_summary(model)
    assert model.training and not any(m._forward_hooks for m in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_summary_of_one_layer() -> None:
    summary = model_summary(nn.Linear(3, 2), (3,))
    assert (summary.multiply_adds, summary.parameters) == (6, 8)
    assert summary.rows == (LayerSummary("model", "Linear", (2,), "", 8, 6, None),)
    assert model_summary(nn.ReLU()).rows[0].receptive_field == 1


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
        (nn.Sequential(nn.Conv2d(1, 4, 5), nn.Flatten(), nn.Linear(7, 10)), (1, 28, 28), "after 1 on an input"),
        (nn.Conv2d(3, 4, 5), (1, 28, 28), "in its first layer"),
    ],
)
def test_a_misfit_is_named_and_heard_no_more(model: nn.Module, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ValueError, match="Pass another input_shape, or mend the layer") as error:
        model_summary(model, shape)
    assert f"the network stopped {words}" in str(error.value)
    assert model.training and not any(m._forward_hooks for m in model.modules())


def test_a_summary_is_as_precise_as_the_network() -> None:
    assert model_summary(S6Net().double()).parameters == 17_434


# ----------------------------------------------------------------- the exercises


def verdict(capsys: pytest.CaptureFixture, name: str, answer: object) -> str:
    """What the exercise whose first line sets `name` prints of the answer."""
    cells = ["".join(c["source"]) for c in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    room = {"torch": torch, "nn": nn, "evaluating": evaluating, "model_summary": model_summary, name: answer,
            "images": torch.randn(1000, 1, 28, 28, generator=torch.Generator().manual_seed(0)),
            "by_pytorch": lambda image, kernel: F.conv2d(image[None, None], kernel[None, None])[0, 0]}
    report = next(cell for cell in cells if cell.startswith("my_shape = "))
    exec(report[report.index("def report") : report.index("output = ")], room)
    exercise = next(cell for cell in cells if cell.startswith(f"{name} = "))
    exec(exercise.split("\n", 1)[1], room)
    return capsys.readouterr().out.strip()


@pytest.mark.parametrize("answer", [(8, 22, 22), [8, 22, 22], torch.Size([8, 22, 22]), torch.zeros(8, 22, 22).shape])
def test_a_right_shape(capsys: pytest.CaptureFixture, answer: object) -> None:
    assert verdict(capsys, "my_shape", answer) == "right"


@pytest.mark.parametrize("answer", [None, 8, "8, 22, 22", (8, 28, 28), (22, 22), ()])
def test_a_wrong_shape(capsys: pytest.CaptureFixture, answer: object) -> None:
    assert verdict(capsys, "my_shape", answer).startswith("not yet: ")


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
    assert verdict(capsys, "my_kernel", answer) == "right"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "right",
        torch.zeros(3, 3),
        torch.ones(3, 3),
        torch.ones(9, 9),
        torch.full((3, 3), float("nan")),
        torch.tensor([[-1.0, 0, 1]] * 3),  # a left edge
        torch.tensor([[1.0, 0, -1]] * 3).T,  # downwards
        torch.tensor([[1.0, 1, 0], [1, 0, -1], [0, -1, -1]]),  # diagonal
        torch.tensor([[1.0, 0], [0, -1]]),  # diagonal
        torch.tensor([[1.0, -2, 1]]),  # a line, and edges on both sides
        torch.tensor([[1.0, 0, -0.9]]),  # answers to plain brightness too
    ],
)
def test_a_wrong_kernel(capsys: pytest.CaptureFixture, answer: object) -> None:
    assert verdict(capsys, "my_kernel", answer).startswith("not yet: ")


def small(*last: nn.Module) -> nn.Sequential:
    """Three blocks of few channels, and what comes last."""
    torch.manual_seed(0)
    blocks = conv_block(1, 4, 5, pool=True), conv_block(4, 8, 3, pool=True), conv_block(8, 8, 3)
    return nn.Sequential(*blocks, nn.Flatten(), *last)


def test_a_right_network(capsys: pytest.CaptureFixture) -> None:
    for answer in small(nn.Linear(72, 10)), nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 10)), FastNet((4, 6, 8)):
        assert verdict(capsys, "my_net", answer) == "right"


def test_a_wrong_network(capsys: pytest.CaptureFixture) -> None:
    tenth = nn.Sequential(nn.AvgPool2d(9), nn.Flatten(), nn.ConstantPad1d((0, 1), 0.0))
    for answer in (
        None, S6Net, lambda images: images, S6Net(), small(nn.Linear(72, 9)), small(nn.Linear(7, 10)), tenth,
        small(nn.Linear(72, 10), nn.Softmax(1)), small(nn.Linear(72, 10), nn.ReLU()), small(nn.Linear(72, 10), nn.Sigmoid()),
    ):
        assert verdict(capsys, "my_net", answer).startswith("not yet: "), answer
