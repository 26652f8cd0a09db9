"""`predict` and its command against hostile input: every fault is one clear error, nothing runs, hangs or is left behind."""

import ast
import errno
import functools
import io
import json
import multiprocessing
import os
import pickle
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from mnist_s6 import datasets, predict as module
from mnist_s6.digits import ink_box, prepare_digit
from mnist_s6.files import MNIST_FILES, read_idx, unpack_data
from mnist_s6.model import FastNet, S6Net
from mnist_s6.small import TinyNet
from mnist_s6.predict import (Prediction, Predictions, export_onnx, in_place, ink_on_black, load_network, main, predict, prepare_image,
                              pretrained)
from mnist_s6.weights import save_weights, weights_header

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = next((ROOT / "mnist_s6" / "weights").glob("*.safetensors"))
CLEAR = (ValueError, TypeError, OSError)
settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("fixed")


def drawing(side: int = 60) -> np.ndarray:
    """A 1, black on white: (side, side), uint8."""
    sheet = np.full((side, side), 255, np.uint8)
    sheet[side // 6 : -side // 6, side // 2 - side // 20 : side // 2 + side // 20] = 0
    return sheet


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """A picture as the bytes of a file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


ONE = Image.fromarray(drawing())
GRAIN = np.random.default_rng(0).integers(0, 20, (60, 60), np.uint8)
PNG = encoded(Image.fromarray(np.maximum(drawing(), 20) - GRAIN))  # grainy, so that each part of the file counts
JPEG = encoded(ONE, "JPEG")


def png_of_zeros(width: int, height: int, rows: int) -> bytes:
    """A PNG that says it is `width` by `height`, of zeros: small as a file, huge in memory."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(width + 1)) for _ in range(rows)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


# ------------------------------------------------------------- what it reads

GOOD = {
    "grey bytes": drawing(),
    "white on black": 255 - drawing(),
    "floats": drawing() / 255,
    "half floats": torch.from_numpy(drawing() / 255).half(),
    "doubles with gradient": torch.from_numpy(drawing() / 255).requires_grad_(),
    "true and false": drawing() > 0,
    "16 bits": drawing().astype("uint16") * 257,
    "16 bits, the largest part first": (drawing().astype("uint16") * 257).astype(">u2"),
    "upside down in memory": drawing()[::-1],
    "every second column": np.repeat(drawing(), 2, axis=1)[:, ::2],
    "colours": np.stack([drawing()] * 3, 2),
    "colours and alpha": np.stack([drawing()] * 3 + [np.full((60, 60), 255, np.uint8)], 2),
    "black, seen through alpha": np.stack([0 * drawing()] * 3 + [255 - drawing()], 2),
    "grey and alpha": np.stack([0 * drawing(), 255 - drawing()], 2),
    "one channel": drawing()[..., None],
    "negative zero": np.where(drawing() > 0, -0.0, 1.0),
    "28 by 28": drawing(28),
    "wide": np.pad(drawing(), ((0, 0), (40, 300)), constant_values=255),
    "large": np.asarray(ONE.resize((1500, 1500))),
    "faint pencil": (230 - (255 - drawing()) // 5).astype(np.uint8),
    **{f"Pillow mode {mode}": ONE.convert(mode) for mode in ("1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F")
       if mode not in ("LAB", "F")},
    "Pillow mode LAB": Image.merge("LAB", [ONE, Image.new("L", (60, 60), 128), Image.new("L", (60, 60), 128)]),
    "Pillow mode F": Image.fromarray((drawing() / 255).astype("float32")),
    "Pillow mode I;16": Image.fromarray(drawing().astype("uint16") * 257),
}
GOOD["Pillow mode I"] = Image.fromarray(drawing().astype("int32") * 257)


@pytest.mark.parametrize("name", GOOD)
def test_one_image_of_any_kind_is_one_prediction(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = predict(GOOD[name])
    assert isinstance(found, Prediction) and found.digit == 1
    assert sum(found.probabilities) == pytest.approx(1) and found.probability == max(found.probabilities)


@pytest.mark.parametrize("shape", [(7, 60, 60), (7, 1, 60, 60), (7, 60, 60, 1), (7, 3, 60, 60), (7, 60, 60, 3), (7, 60, 60, 4), (7, 4, 60, 60)])
def test_many_images_in_one_array(shape: tuple[int, ...]) -> None:
    channels = [n for n in shape[1:] if n < 5]
    pixels = np.stack([drawing()] * 7)
    if channels:
        axis = shape.index(channels[0], 1)
        pixels = np.stack([pixels] * min(channels[0], 3) + [np.full_like(pixels, 255)] * (channels[0] == 4), axis)
    assert pixels.shape == shape
    found = predict(pixels)
    assert isinstance(found, Predictions) and found.digits.tolist() == [1] * 7


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_every_format_is_read(tmp_path: Path, kind: str) -> None:
    (tmp_path / "no ending").write_bytes(encoded(ONE, kind))
    assert predict(tmp_path / "no ending").digit == predict(str(tmp_path / "no ending")).digit == 1


def test_an_animation_counts_as_its_first_picture(tmp_path: Path) -> None:
    ONE.save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("L", (60, 60), 255)] * 3)
    assert predict(tmp_path / "a.gif").digit == 1


def test_a_picture_that_lies_is_turned_up_by_its_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its right side
    ONE.rotate(90).save(tmp_path / "a.jpg", exif=exif)
    assert predict(tmp_path / "a.jpg").digit == 1
    pixels = module._open_image(tmp_path / "a.jpg", "a")
    assert (pixels / 255 - torch.from_numpy(drawing() / 255)).abs().mean() < 0.02


def test_mnist_itself_gives_the_bare_networks_answers() -> None:
    images = read_idx(unpack_data(ROOT / "data") / "t10k-images-idx3-ubyte")
    with torch.no_grad():
        bare = torch.cat([pretrained()(part) for part in ((images / 255 - 0.1307) / 0.3081)[:, None].split(500)])
    assert in_place(images / 255).all()
    for same in images, images / 255, images.numpy(), images[:, None]:
        assert torch.equal(predict(same).probabilities, bare.softmax(1))
    one_by_one = torch.tensor([predict(image).digit for image in images[:200]])
    assert torch.equal(one_by_one, bare.argmax(1)[:200])


def test_predicting_changes_neither_images_nor_model() -> None:
    images, model = torch.rand(3, 28, 28), S6Net().train()
    before, weights = images.clone(), {name: tensor.clone() for name, tensor in model.state_dict().items()}
    predict(images, model)
    assert torch.equal(images, before) and model.training
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())


# ---------------------------------------------------------- what it refuses

BAD = {
    "nothing": None,
    "a number": 7,
    "a float": 0.5,
    "bytes": PNG,
    "an open file": io.BytesIO(PNG),
    "a dictionary": {"image": drawing()},
    "a generator": (image for image in [drawing()]),
    "a list of numbers": [1, 2, 3],
    "a list of lists": [[0, 1], [1, 0]],
    "a list with nothing in it": [drawing(), None],
    "a list of stacks": [np.stack([drawing()] * 2)],
    "a list with a bad image": [drawing(), np.full((60, 60), np.nan)],
    "complex numbers": drawing() * 1j,
    "whole numbers of 64 bits": drawing().astype("int64"),
    "whole numbers of 8 bits with sign": drawing().astype("int8"),
    "a tensor of 32 bits": torch.from_numpy(drawing()).int(),
    "objects": np.array([[None, 1], [2, 3]]),
    "texts": np.array([["a", "b"]]),
    "dates": np.array([["2020-01-01"]], dtype="datetime64"),
    "records": np.zeros((3, 3), dtype=[("a", "u1")]),
    "long doubles": drawing().astype("longdouble") / 255,
    "not a number": np.full((60, 60), np.nan),
    "one not a number": np.where(np.eye(60) + np.roll(np.eye(60), 1) > 1, np.nan, drawing() / 255) * np.where(np.arange(60) == 3, np.nan, 1),
    "infinite": np.full((60, 60), np.inf),
    "negative": -drawing() / 255,
    "floats to 255": drawing().astype(float),
    "normalised": (drawing() / 255 - 0.1307) / 0.3081,
    "no dimension": np.array(5, np.uint8),
    "one dimension": np.arange(60, dtype=np.uint8),
    "five dimensions": np.zeros((1, 1, 1, 60, 60), np.uint8),
    "no rows": np.zeros((0, 60), np.uint8),
    "no columns": np.zeros((60, 0), np.uint8),
    "many images of no rows": np.zeros((5, 0, 60), np.uint8),
    "channels first and last": np.zeros((5, 3, 60, 3), np.uint8),
    "five channels": np.zeros((5, 60, 60, 5), np.uint8),
    "huge": torch.zeros(1).expand(60_000, 60_000),
    "one pixel": np.zeros((1, 1), np.uint8),
    "one row": np.zeros((1, 500), np.uint8),
    "all white": np.full((60, 60), 255, np.uint8),
    "all black": np.zeros((28, 28), np.uint8),
    "white on transparent": np.stack([0 * drawing() + 255] * 3 + [255 - drawing()], 2),
    "sparse": torch.from_numpy(drawing()).to_sparse(),
    "meta": torch.zeros(60, 60, device="meta"),
    "a Pillow image of 32 bits": Image.fromarray(np.full((60, 60), 100_000, np.int32)),
    "a Pillow image of floats to 255": Image.fromarray(drawing().astype("float32")),
    "a Pillow image with negative numbers": Image.fromarray(np.full((60, 60), -5, np.int32)),
    "an unread Pillow image, cut short": Image.open(io.BytesIO(PNG[:80])),
    "a path with a zero": "a\0b.png",
    "no such file": "none.png",
    "an empty path": "",
    "a folder": str(ROOT),
    "a path below a file": f"{__file__}/x.png",
    "a name too long": "x" * 5000,
    "a device": "/dev/zero",
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_gets_a_clear_error(name: str) -> None:
    """It says something in words, and in time; never an error from deep inside."""
    start = time.perf_counter()
    with pytest.raises(CLEAR) as caught:
        predict(BAD[name])
    assert len(str(caught.value)) > 12 and time.perf_counter() - start < 5
    assert caught.traceback[-1].path.name == "predict.py" or isinstance(caught.value, OSError), "raised by our own checks"


def test_there_are_forty_hostile_inputs() -> None:
    assert len(BAD) >= 40


def test_a_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    """The size in its head is enough."""
    (tmp_path / "bomb.png").write_bytes(png_of_zeros(9_000, 9_000, 10))  # only ten rows: reading it would be another error
    with pytest.raises(ValueError, match="9000×9000 pixels; expected 1 to 50,000,000"):
        predict(tmp_path / "bomb.png")


# ------------------------------------------------------------------ weights


@pytest.mark.parametrize(("network", "widths"), [(S6Net, (4, 5, 6, 7)), (FastNet, (3, 4, 5)), (TinyNet, (4, 4, 4))])
def test_a_network_comes_back_from_its_file(tmp_path: Path, network: type, widths: tuple[int, ...]) -> None:
    model = network(widths).eval()
    save_weights(model, tmp_path / "w.safetensors", {"recipe": "mine"})
    again, images = load_network(tmp_path / "w.safetensors"), torch.rand(3, 1, 28, 28)
    assert type(again) is network and weights_header(tmp_path / "w.safetensors")["recipe"] == "mine"
    assert torch.allclose(again(images), model(images), atol=1e-5)


def test_the_model_card_tells_of_these_weights() -> None:
    card, header = (WEIGHTS.parent / "MODEL_CARD.md").read_text(encoding="utf-8"), weights_header(WEIGHTS)
    assert f"# {WEIGHTS.name}" in card and f"`{header['network']}`, widths {header['widths']}" in card and f"seed {header['seed']}" in card
    found = json.loads((ROOT / "bench/results" / re.search(r"results/([\w-]+\.json)", card)[1]).read_text())
    assert f"{found['accuracy']['mean']:.2%} ± {found['accuracy']['deviation']:.2%} over {len(found['runs'])} seeds" in card


def test_weights_that_give_no_numbers_are_named() -> None:
    model = S6Net()
    torch.nn.init.constant_(model.classifier.weight, float("nan"))
    with pytest.raises(ValueError, match="not all of them numbers"):
        predict(drawing(), model)


def test_an_export_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "digits.onnx"
    path.write_bytes(b"old")

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(datasets.os, "fsync", no_space)
    with pytest.raises(OSError, match="can't write the network .No space left"):
        export_onnx(path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


# ------------------------------------------------- the data, and where it goes


def altered_idx() -> dict[str, bytes]:
    """MNIST's test labels with each field of the header altered, and cut short at 50 places."""
    whole = (unpack_data(ROOT / "data") / "t10k-labels-idx1-ubyte").read_bytes()
    files = {f"byte {i} is {value}": whole[:i] + bytes([value]) + whole[i + 1 :] for i in range(8) for value in (1, 7, 9, 127, 255) if whole[i] != value}
    files |= {f"cut {i}": whole[: i * len(whole) // 50] for i in range(50)}
    return files | {"one more byte": whole + b"\0", "256 dimensions of nothing": b"\0\0\x08\xff" + bytes(4 * 255)}


def test_altered_data_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for name, content in altered_idx().items():
        path.write_bytes(content)
        if name == "256 dimensions of nothing":  # whole, and empty
            assert read_idx(path).numel() == 0
            continue
        with pytest.raises(ValueError, match="is no IDX file|damaged"):
            read_idx(path)


def test_eight_processes_unpack_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They find damaged files from the future: the clock was set back. The largest file is left out, to be quick."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    names = list(MNIST_FILES)[1:]
    monkeypatch.setattr(datasets, "MNIST_FILES", {name: MNIST_FILES[name] for name in names})
    for name in names[:2]:
        (raw / name).write_bytes(b"damaged")
        os.utime(raw / name, (2**33, 2**33))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that files were damaged, and that PyTorch has threads when we fork
        processes = [multiprocessing.get_context("fork").Process(target=unpack_data, args=[tmp_path]) for _ in range(8)]
        for process in processes:
            process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 8
    assert sorted(path.name for path in raw.iterdir()) == sorted(names), "nothing half-written beside them"
    assert all(datasets.hashlib.sha256((raw / name).read_bytes()).hexdigest() == MNIST_FILES[name] for name in names)


FULL = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from mnist_s6.files import unpack_data
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))   # no file may grow beyond, as on a full disk
try: unpack_data(sys.argv[1])
except OSError as error: print(error)
print(sorted(path.name for path in Path(sys.argv[1]).rglob("*") if path.is_file()))
"""


def test_a_file_that_cannot_grow_leaves_nothing(tmp_path: Path) -> None:
    found = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True)
    message, left = found.stdout.splitlines()
    assert "can't put MNIST in root" in message and "File too large" in message and left == "[]"


@pytest.mark.parametrize("place", ["/proc/x", f"{__file__}/below"])
def test_a_place_that_cannot_be_written(place: str) -> None:
    with pytest.raises(OSError, match="can't put MNIST in root .* Pass a folder that you can write to"):
        unpack_data(place)


# ------------------------------------------------------------------- fuzzing


@given(st.binary(max_size=400))
def test_any_bytes_are_an_idx_file_or_refused(data: bytes) -> None:
    import tempfile

    for content in data, b"\0\0\x08" + data:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            try:
                found = read_idx(file.name)
            except ValueError:
                continue
            assert found.dtype == torch.uint8 and found.numel() == len(content) - 4 - 4 * content[3]


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)))
def test_any_grey_image_is_prepared_or_has_no_ink(pixels: np.ndarray) -> None:
    try:
        prepared = prepare_image(torch.from_numpy(pixels) / 255)
    except ValueError as error:
        assert "no ink" in str(error)
        return
    assert prepared.shape == (28, 28) and 0 <= prepared.min() and prepared.max() <= 1 and prepared.any()
    top, left, bottom, right = ink_box(prepared)
    assert max(bottom - top, right - left) <= 20
    again = prepare_digit(prepared)
    assert torch.equal(again, prepared) or in_place(prepared[None]).item()


@given(hnp.arrays(np.float32, (12, 9), elements=st.floats(width=32)))
def test_any_floats_are_an_image_or_refused(pixels: np.ndarray) -> None:
    try:
        found = predict(pixels)
    except ValueError as error:
        assert "expected 0 to 1" in str(error) or "no ink" in str(error)
    else:
        assert 0 <= found.digit <= 9


@given(st.binary(min_size=1, max_size=30), st.integers(0, len(PNG) - 1))
def test_a_png_with_any_bytes_overwritten_is_read_or_refused(rubbish: bytes, place: int) -> None:
    content = PNG[:place] + rubbish + PNG[place + len(rubbish) :]
    try:
        assert module._open_image(io.BytesIO(content), "x").ndim == 2
    except ValueError as error:
        assert "'x' is no image that can be read" in str(error)


@given(hnp.arrays(np.uint8, (9, 8), elements=st.integers(0, 255)))
def test_ink_is_found_on_exact_black(pixels: np.ndarray) -> None:
    try:
        found = ink_on_black(torch.from_numpy(pixels) / 255)
    except ValueError:
        return
    assert found.shape == (9, 8) and found.max() == 1 and found.min() >= 0


# ------------------------------------------------------ no network, no pickle

FORBIDDEN = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "socket", "urllib", "requests", "http", "httpx", "ftplib", "ssl", "asyncio"}


def uses(source: str) -> list[str]:
    """What a module takes that could run a stranger's program, or reach the network."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [name for name in names if name.split(".")[0] in FORBIDDEN or name == "torch.hub"]
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("eval", "exec", "compile", "__import__", "os.system", "torch.load", "torch.jit.load", "np.load", "torch.hub.load"):
                found.append(called)
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "mnist_s6").glob("*.py")), ids=lambda path: path.name)
def test_the_library_neither_unpickles_nor_evaluates_nor_calls_out(path: Path) -> None:
    assert uses(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("source", ["import pickle", "from urllib.request import urlopen", "import torch\ntorch.load('x')", "eval('1')", "import socket as s"])
def test_that_check_can_fail(source: str) -> None:
    assert uses(source) != []


