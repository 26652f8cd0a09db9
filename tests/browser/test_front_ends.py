"""The front ends compute what PyTorch, Pillow and the library compute, over random inputs."""

import json
import random
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from front import Functions
from images import mnist
from PIL import Image
from playwright.sync_api import Browser
from safetensors.torch import save
from torch import nn
from torchvision.transforms.functional import center_crop, resize, rotate

from mnist_s6.augment import Augmentation
from mnist_s6.datasets import MEAN, STD, train_transforms
from mnist_s6.digits import prepare_steps
from mnist_s6.model import FastNet, S6Net, evaluating
from mnist_s6.widgets import record_layers


@pytest.fixture(scope="module")
def s6(browser: Browser) -> Iterator[Functions]:
    """All functions that need no explorer."""
    functions = Functions(browser, "network.js", "digits.js", "augment.js", "pictures.js", "windows.js", "page.js")
    yield functions
    functions.close()


@pytest.fixture(scope="module")
def digits() -> torch.Tensor:
    """The first 200 test images, bytes."""
    return mnist(train=False).data[:200]


def unsettled(network: type[nn.Module], widths: tuple[int, ...]) -> nn.Module:
    """A network with random numbers everywhere, also in its batch norms."""
    torch.manual_seed(0)
    model = network(widths)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for part in (layer.weight, layer.bias, layer.running_mean):
                nn.init.normal_(part)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    return model


FORWARD = """(() => {
    const network = s6.layersOf(s6.readSafetensors(weights));
    const bytes = new Uint8Array(images.buffer);
    return Array.from({ length: bytes.length/784 }, (_, i) => {
        const pixels = s6.normalised(Array.from(bytes.subarray(784*i, 784*(i + 1)), v => v/255));
        const { maps, scores } = s6.forward(network, pixels);
        return i < whole ? [...maps.slice(1).map(m => Array.from(m.data)), Array.from(scores)] : [Array.from(scores)];
    });
})()"""


@pytest.mark.parametrize(("network", "widths"), [(S6Net, (16, 24, 24, 32)), (S6Net, (3, 5, 2, 4)), (FastNet, (8, 32, 32))])
def test_every_map_is_pytorchs(
    s6: Functions, digits: torch.Tensor, network: type[nn.Module], widths: tuple[int, ...]
) -> None:
    """All maps of ten images, and the scores of 200."""
    model = unsettled(network, widths)
    weights = save({k: v.contiguous() for k, v in model.state_dict().items()}, {"network": network.__name__})
    theirs = s6(FORWARD, weights=weights, images=digits, whole=10)
    images = (digits[:, None] / 255 - MEAN) / STD
    with evaluating(model) as quiet:
        scores = quiet(images)
    assert (torch.tensor([found[-1] for found in theirs]) - scores).abs().max() < 1e-4
    for found, image in zip(theirs[:10], images):
        maps = [step.maps.flatten() for step in record_layers(model, image)]
        assert len(found) == len(maps) + 1
        for theirs_, ours in zip(found, maps):
            assert (torch.tensor(theirs_, dtype=torch.double) - ours).abs().max() < 1e-4


def test_windows_are_those_of_receptive_field(s6: Functions) -> None:
    """Of each layer of both networks; FastNet's begin two pixels inside."""
    for network, edge in ((S6Net, 0), (FastNet, 2)):
        model = network()
        weights = save({k: v.contiguous() for k, v in model.state_dict().items()}, {"network": network.__name__})
        theirs = s6("s6.layersOf(s6.readSafetensors(weights)).layers.map(it => [it.name, it.kind, it.field])", weights=weights)
        ours = record_layers(model, torch.zeros(1, 28, 28))
        assert [(name, kind) for name, kind, _ in theirs] == [(it.name, type(it.layer).__name__) for it in ours]
        first = record_layers(S6Net(), torch.zeros(1, 28, 28))
        assert all(field["start"] == edge for _, _, field in theirs)
        if network is S6Net:
            assert [(f["size"], f["step"]) for _, _, f in theirs] == [(it.field.size, it.field.step) for it in first]


PREPARE = """(() => {
    const data = Float64Array.from(new Uint8Array(drawing.buffer), v => Math.fround(v/255));
    const steps = s6.prepareSteps({ shape: [height, width], data }, options);
    return Object.values(steps).map(({ shape, data }) => [shape, Array.from(data)]);
})()"""


def test_a_drawing_is_prepared_as_the_library_does(s6: Functions, digits: torch.Tensor) -> None:
    """Digits of any size and place, in strokes of any width, with every choice of steps."""
    chance = random.Random(0)
    for number in range(60):
        (height, width), sheet = (chance.randint(25, 100) for _ in range(2)), chance.choice([140, 101])
        (top, left), drawing = (chance.randint(0, sheet - 100) for _ in range(2)), torch.zeros(sheet, 140)
        drawing[top : top + height, left : left + width] = F.interpolate(
            digits[number][None, None].float(), (height, width), mode="bilinear"
        )[0, 0]
        if number >= 40:  # only the darkest of it: thin strokes
            drawing *= drawing > 255 * (1 - 0.3 * chance.random())
        drawing = drawing.round().byte()
        options = {name: bool(number >> place & 1) for place, name in enumerate(("crop", "scale", "centre"))}
        theirs = s6(PREPARE, drawing=drawing, height=sheet, width=140, options=options)
        for (shape, data), ours in zip(theirs, prepare_steps(drawing, **options), strict=True):
            assert shape == list(ours.shape)
            assert (torch.tensor(data).view(shape) - ours).abs().max() < 1e-5


AUGMENT = """(() => {
    const { corner, image } = s6.cropMiddle(new Uint8Array(pixels.buffer), size);
    const resized = s6.enlarge(image);
    return [corner, Array.from(resized), Array.from(s6.turn(resized, degrees))];
})()"""


def test_crop_and_turn_are_torchvisions_to_the_byte(s6: Functions, digits: torch.Tensor) -> None:
    """Every crop size, many angles, the straight ones among them."""
    chance = random.Random(0)
    for number in range(150):
        size, straight = number % 28 + 1, chance.choice([0, 90, -90, 180, -180, 270])
        degrees = straight if number % 5 == 0 else chance.uniform(-180, 180)
        image = Image.fromarray(digits[number].numpy())
        small = resize(center_crop(image, [size, size]), [28, 28])
        _, resized, turned = s6(AUGMENT, pixels=digits[number], size=size, degrees=degrees)
        assert resized == list(small.tobytes()), size
        assert turned == list(rotate(small, degrees, fill=0).tobytes()), (size, degrees)


DRAWS = """(() => {
    const random = s6.randomSource(seed);
    return Array.from({ length: 400 }, () => s6.drawOnce(random, about)).map(it => [it.cropped, it.angle]);
})()"""


def test_pytorch_draws_the_same_numbers(s6: Functions) -> None:
    """Whether to crop, and the angle, 400 times: more than the generator makes in one go."""
    for seed, probability, degrees in ((0, 0.1, 15.0), (7, 0.5, 180.0), (999, 1.0, 0.0), (123456789, 0.0, 33.0)):
        theirs = s6(DRAWS, seed=seed, about={"crop_probability": probability, "degrees": degrees})
        torch.manual_seed(seed)
        crop, _, rotation, *_ = train_transforms(Augmentation(probability, 22, degrees)).transforms
        ours = []
        for _ in range(400):
            cropped = not crop.p < torch.rand(1)
            ours.append([cropped, rotation.get_params(rotation.degrees)])
        assert [cropped for cropped, _ in theirs] == [cropped for cropped, _ in ours], seed
        assert max(abs(one[1] - other[1]) for one, other in zip(theirs, ours)) < 1e-4, seed


def test_numbers_are_written_as_python_writes_them(s6: Functions) -> None:
    """A true minus, none before zero, and lists with an 'and'."""
    assert s6("[-1.23456, -0.0001, 2, 0].map(v => s6.number(v))") == ["−1.235", "0.000", "2.000", "0.000"]
    values = [0.125, 0.375, -2.5, -0.125, 1.005, 1234.5, 0.5, 1.5, 7.0, *torch.randn(300).tolist()]
    for digits in range(4):
        assert s6("values.map(v => s6.fixed(v, digits))", values=values, digits=digits) == [
            f"{value:.{digits}f}" for value in values
        ]
    assert s6("[[1], [1, 2], [1, 2, 3]].map(s6.listed)") == ["1", "1 and 2", "1, 2 and 3"]
    assert s6("[0.9935, 0.05].map(v => s6.percent(v))") == [f"{0.9935:.1%}", "5.0%"]


def test_places_of_maps_side_by_side(s6: Functions) -> None:
    """Each pixel belongs to one map, or to a gap."""
    assert s6("s6.tileOf(5, 4, 3, 2)") == [4, 3, 7, 5]
    assert s6("s6.placeOf(4, 3, 4, [6, 3, 2])") == {"index": 5, "row": 0, "column": 0}
    assert s6("[s6.placeOf(3, 0, 4, [6, 3, 2]), s6.placeOf(4, 6, 4, [6, 3, 2])]") == [None, None]


def test_the_address_holds_the_state(s6: Functions) -> None:
    """Of the explorer that it names; numbers, words and booleans."""
    address = "#drawing?depth=2&title=a%20b&crop=false"
    assert s6(f"s6.addressState({json.dumps(address)}, 'drawing')") == {"depth": 2, "title": "a b", "crop": False}
    assert s6(f"s6.addressState({json.dumps(address)}, 'filters')") == {}
