"""`predict` given anything: an image of any kind is read, and every fault is one clear error."""

import ast
import contextlib
import io
import json
import math
import os
import struct
import subprocess
import sys
import time
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from mnist_s6.digits import is_prepared, photo_of
from mnist_s6.files import read_idx, unpack_data
from mnist_s6.model import S6Net
from mnist_s6.predict import Prediction, Predictions, predict
from mnist_s6 import weights
from mnist_s6.weights import pretrained

ROOT = Path(__file__).resolve().parent.parent
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


@pytest.mark.parametrize("precision", [torch.half, torch.bfloat16, torch.double])
def test_any_default_precision(precision: torch.dtype, request: pytest.FixtureRequest) -> None:
    request.addfinalizer(lambda: torch.set_default_dtype(torch.float))
    pretrained()
    torch.set_default_dtype(precision)
    if precision == torch.double:
        assert {name for name, picture in GOOD.items() if predict(picture).digit != 1} == set()
        assert predict([drawing(), drawing() / 255]).digits.tolist() == [1, 1]
    else:
        with pytest.raises(ValueError, match=f"the default precision is {precision}, in which no picture can be prepared. Call torch.set_default"):
            predict(drawing())


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


def test_mnist_itself_gives_the_bare_networks_answers() -> None:
    net, images = pretrained(), read_idx(unpack_data(ROOT / "data") / "t10k-images-idx3-ubyte")
    with torch.no_grad():
        bare = torch.cat([net(part) for part in ((images / 255 - 0.1307) / 0.3081)[:, None].split(500)])
    assert is_prepared(images / 255).all()
    for same in images, images / 255, images.numpy(), images[:, None]:
        assert torch.equal(predict(same).probabilities, bare.softmax(1))
    one_by_one = torch.tensor([predict(image).digit for image in images[:200]])
    assert torch.equal(one_by_one, bare.argmax(1)[:200])


def test_predicting_changes_neither_images_nor_model() -> None:
    images, model = torch.from_numpy(drawing(28)).repeat(3, 1, 1) / 255, S6Net().train()
    before, weights = images.clone(), {name: tensor.clone() for name, tensor in model.state_dict().items()}
    predict(images, model)
    assert torch.equal(images, before) and model.training
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())


def odd_picture(path: Path) -> Path:
    """A file that Pillow reads with a warning."""
    ONE.save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12")  # five notes are promised, and half a note comes
    return path


def test_threads_keep_the_programs_warnings(tmp_path: Path) -> None:
    """300 predictions of odd files in 8 threads: not one of the program's warnings is lost, and none of Pillow's is heard."""
    path = odd_picture(tmp_path / "odd.jpg")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with Image.open(path) as picture:
            picture.getexif()
        assert any("EXIF" in str(w.message) for w in heard)  # it does warn
        heard.clear()
        before, count = list(warnings.filters), 0
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(predict, path) for _ in range(300)]
            while not all(job.done() for job in waiting):
                warnings.warn(f"mine {count}", stacklevel=1)
                count += 1
                time.sleep(0.0005)
            assert {job.result().digit for job in waiting} == {1}
        warnings.warn(f"mine {count}", stacklevel=1)
        assert [str(w.message) for w in heard] == [f"mine {i}" for i in range(count + 1)]
        assert list(warnings.filters) == before


def test_warnings_as_errors_refuse_no_odd_file(tmp_path: Path) -> None:
    path = odd_picture(tmp_path / "odd.jpg")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert predict(path).digit == 1
        with pytest.raises(UserWarning, match="mine"):
            warnings.warn("mine", stacklevel=1)


FORKING = """
import sys, torch
from multiprocessing import get_context
from mnist_s6.predict import predict

picture = torch.zeros(600, 28, 28, dtype=torch.uint8)
picture[:9, 5:22, 13:16] = 255
picture[9:, 4:24, 13:15] = 255  # these are in place already, and quick

def child(alone):
    if alone: torch.set_num_threads(1)
    assert predict(picture).digits[0] == 1

def run(way, alone=False):
    process = get_context(way).Process(target=child, args=(alone,))
    process.start()
    process.join(200)
    process.kill()
    return process.exitcode

if __name__ == "__main__":
    torch.set_num_threads(2)
    child(False)
    print(run("spawn"), run("fork", True))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="how Linux forks")
def test_what_the_documentation_says_of_processes_works(tmp_path: Path) -> None:
    """After the parent has computed on two threads: a spawned child predicts, and a forked one that uses one thread."""
    (tmp_path / "forking.py").write_text(FORKING)
    done = subprocess.run([sys.executable, str(tmp_path / "forking.py")], capture_output=True, text=True, timeout=280, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.stdout.split() == ["0", "0"], done.stdout + done.stderr


# ---------------------------------------------------------- what it refuses

BAD = {
    "nothing": None,
    "a number": 7,
    "a float": 0.5,
    "bytes": PNG,
    "an open text": io.StringIO("7"),
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
    "negative": -drawing().astype(float) / 255,
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
    assert caught.traceback[-1].path.name in ("predict.py", "digits.py", "files.py", "checks.py") or isinstance(caught.value, OSError), "raised by our own checks"


def test_there_are_forty_hostile_inputs() -> None:
    assert len(BAD) >= 40


def test_weights_that_give_no_numbers_are_named() -> None:
    model = S6Net()
    torch.nn.init.constant_(model.classifier.weight, float("nan"))
    with pytest.raises(FloatingPointError, match="1 of 1 images get scores that are no numbers"):
        predict(drawing(), model)


def test_a_class_may_be_ruled_out() -> None:
    """By a score of minus infinity."""

    class Never(S6Net):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images).index_fill(1, torch.tensor(8), -torch.inf)

    assert predict(drawing(), Never()).probabilities[8] == 0


def test_a_model_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="the model gave scores of shape"):
        predict(drawing(28), torch.nn.Flatten())
    with pytest.raises(TypeError, match="model is 'mine.safetensors'; expected a network"):
        predict(drawing(), "mine.safetensors")


def test_the_image_is_named_also_behind_the_first_thousands() -> None:
    images = np.zeros((2100, 28, 28), np.uint8)
    images[:, 4:24, 13:15] = 255  # as MNIST's are: there is nothing to prepare
    images[2050] = 255
    with pytest.raises(ValueError, match="^image 2050: no ink"):
        predict(images)


def test_no_image_and_no_answer() -> None:
    assert len(predict([])) == len(predict(np.zeros((0, 28, 28), np.uint8))) == 0
    with pytest.raises(IndexError, match="out of bounds"):
        Predictions(torch.eye(10)[[3, 8]])[2]


def test_importing_is_quick() -> None:
    code = "import sys, mnist_s6; print('torch' in sys.modules)"  # what the rest needs: test_commands.py
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120).stdout == "False\n"
    code = "import sys, mnist_s6.widgets, mnist_s6.exercises, mnist_s6.train; print('torchvision' in sys.modules)"  # two seconds more
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120).stdout == "False\n"


# ---------------------------------------------------------------- the exercises


def exercise(name: str, answer: object) -> str:
    """The last line that the notebook's cell prints, the verdict, where its variable `name` is set to an answer."""
    cells = ["".join(cell["source"]) for cell in json.loads((ROOT / "nbs" / "13_predict.ipynb").read_text(encoding="utf-8"))["cells"]]
    helper = next(cell for cell in cells if cell.startswith("my_probability"))
    given = {"answer": answer, "images": read_idx(unpack_data(ROOT / "data") / "t10k-images-idx3-ubyte"), "math": math, "np": np, "torch": torch,
             "Fraction": Fraction, "predict": predict, "photo_of": photo_of}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(helper, given)
    source = next(cell for cell in cells if f"\n{name} = " in f"\n{cell}")
    lines = [f"{name} = answer" if line.startswith(f"{name} = ") else line for line in source.splitlines()]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec("\n".join(lines), given)
    return printed.getvalue().splitlines()[-1]


RIGHT = [("my_probability", answer) for answer in (0.75, 3 / 4, "3/4", " 3 / 4", "75%", "0.75", Fraction(3, 4), np.float32(0.75), torch.tensor(0.75),
                                                   torch.tensor([0.0, math.log(3)]).softmax(0), torch.tensor([0.0, math.log(3)]).softmax(0)[1],
                                                   math.exp(math.log(3)) / (1 + math.exp(math.log(3))), [0.25, 0.75])]
RIGHT += [("beside", answer) for answer in (28, 28.0, "28", torch.tensor(28))] + [("my_noise", answer) for answer in (0.8, "4/5", torch.tensor(0.8))]
WRONG = [("my_probability", answer) for answer in (None, 0.25, "1/4", "three quarters", "", object(), [], {}, 10**400, 75, "nan", torch.tensor([0.75, 0.25]), b"3/4", 3j)]
WRONG += [("beside", answer) for answer in (None, 10, 0, 56, -1, "x", [], math.inf)] + [("my_noise", answer) for answer in (None, 0.03, 0, "x", math.nan, [], 50)]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_right_answers_are_taken_in_any_form(name: str, answer: object) -> None:
    assert exercise(name, answer) == "right"


@pytest.mark.parametrize(("name", "answer"), WRONG)
def test_wrong_answers_are_refused_without_an_error(name: str, answer: object) -> None:
    assert exercise(name, answer).startswith("not yet")


# ------------------------------------------------------------------- fuzzing


@given(hnp.arrays(np.float32, (12, 9), elements=st.floats(width=32)))
def test_any_floats_are_an_image_or_refused(pixels: np.ndarray) -> None:
    try:
        found = predict(pixels)
    except ValueError as error:
        assert "expected 0 (black) to 1 (white)" in str(error) or "no ink" in str(error)
    else:
        assert 0 <= found.digit <= 9


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


@pytest.mark.parametrize("path", sorted((ROOT / "mnist_s6").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_library_neither_unpickles_nor_evaluates_nor_calls_out(path: Path) -> None:
    own = ["exec"] if path.name == "engine.py" else []  # lines of the course's own, in the order that a learner gave
    assert uses(path.read_text(encoding="utf-8")) == own


@pytest.mark.parametrize("source", ["import pickle", "from urllib.request import urlopen", "import torch\ntorch.load('x')", "eval('1')", "import socket as s"])
def test_that_check_can_fail(source: str) -> None:
    assert uses(source) != []


@pytest.mark.parametrize("index", [[0, 1], (0, 1), np.array([0, 1]), torch.tensor([True, False]), None, 1.0, "1"])
def test_an_answer_is_asked_for_by_one_number(index: object) -> None:
    """A mask or a list of places made an answer of rows, and no error."""
    found = Predictions(torch.eye(10)[[3, 8]])
    with pytest.raises(TypeError):
        found[index]
    with pytest.raises(IndexError):
        found[2]
    assert [found[place].digit for place in (1, np.int64(1), torch.tensor(1), -1)] == [8, 8, 8, 8]


def test_predicting_leaves_the_random_numbers_alone() -> None:
    """Also the first time, when the network has to be built."""
    weights._read_once.cache_clear()
    state = torch.get_rng_state()
    predict(drawing())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("where", [torch.inference_mode, lambda: torch.device("meta"), torch.no_grad])
def test_who_asks_first_decides_nothing_for_others(where: Callable) -> None:
    """The network that all share, and each copy, is on the CPU and can learn, wherever it was asked for."""
    weights._read_once.cache_clear()
    with where():
        first = pretrained()
    for net in first, pretrained(), weights.shipped_network():
        assert all(p.device.type == "cpu" and p.requires_grad and not p.is_inference() for p in net.parameters())
    assert predict(drawing()).digit == 1


def test_what_is_done_to_a_copy_changes_no_answer() -> None:
    """Trained, damaged, moved: `predict` reads with the weights that were shipped."""
    before, net = predict(drawing(), refuse=0.01), pretrained()
    loss = net.train()(torch.rand(2, 1, 28, 28)).square().sum()
    loss.backward()
    torch.optim.SGD(net.parameters(), lr=1).step()
    assert predict(drawing(), refuse=0.01) == predict(drawing(), pretrained(), refuse=0.01) == before
    assert not pretrained().training and next(pretrained().parameters()).grad is None
    for other in net, pretrained().double(), torch.nn.Sequential(pretrained()):
        with pytest.raises(ValueError, match="known for the course's own network only"):
            predict(drawing(), other, refuse=0.01)


def test_threads_that_ask_at_once_get_the_same_network() -> None:
    """It is read once."""
    weights._read_once.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: id(weights.shipped_network()), range(8)))) == 1


def test_one_and_many_are_refused_alike() -> None:
    """Also where only the last bit tells."""
    found = Predictions(torch.tensor([[0.9999999403953552] + [0.0] * 9]), 0.99999995)
    assert found.refused.tolist() == [found[0].refused] == [True]


@pytest.mark.parametrize("cut", [slice(None, None, -1), slice(None, None, 2), slice(3, 0, -2), slice(5, 5), slice(-2, None), slice(None)])
def test_a_slice_is_that_of_a_list(cut: slice) -> None:
    """Also backwards, which PyTorch refuses."""
    found = Predictions(torch.eye(10)[[3, 8, 1, 4]], 0.5)
    assert list(found[cut]) == list(found)[cut] and found[cut].probabilities.shape[1] == 10 and found[cut].lowest == 0.5
