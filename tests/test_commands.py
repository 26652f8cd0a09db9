"""Both commands, given hostile words: every fault is one line, nothing runs, hangs or is left behind."""

import ast
import contextlib
import ctypes
import functools
import io
import json
import os
import pickle
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import mnist_s6.commands
import mnist_s6.datasets
import mnist_s6.scale
import mnist_s6.train
import pytest
import torch
from images import few_images
from matplotlib.figure import Figure
from PIL import Image
from test_predict import JPEG, ONE, PNG, encoded, png_of_zeros

from mnist_s6 import weights
from mnist_s6.arguments import command_parser
from mnist_s6.commands import start, start_predict
from mnist_s6.model import S6Net
from mnist_s6.weights import load_network, pretrained, save_weights

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = next((ROOT / "mnist_s6" / "weights").glob("*.safetensors"))
MODULE = [sys.executable, "-m", "mnist_s6.commands"]


def usual_signals() -> None:
    """In a child process: Ctrl-C means what it usually does, also where the tests run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, list[str]]]:
    """Run the command: its exit status, standard output, and lines of standard error, none of them from a traceback."""

    def command(*words: object) -> tuple[int, str, list[str]]:
        capsys.readouterr()
        status = start_predict([str(word) for word in words])
        out, errors = capsys.readouterr()
        assert "Traceback" not in errors
        return status, out, errors.splitlines()

    return command



@functools.cache
def broken_files() -> dict[str, bytes]:
    """Files that are no whole image."""
    return {
        "empty": b"",
        "one byte": b"\x89",
        "text": b"seven",
        "a web page": b"<html><body>403 Forbidden</body></html>",
        "zeros": bytes(5000),
        "a script": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) show",
        "a format that nobody needs": encoded(ONE, "PCX"),
        "an SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "a pickle": pickle.dumps([1, 2]),
        "a PNG's first bytes and rubbish": PNG[:8] + os.urandom(500),
        "a PNG with a changed byte": PNG[:60] + bytes([PNG[60] ^ 255]) + PNG[61:],
        "a PNG without end": PNG[:-100],
        "a JPEG of zeros": JPEG[:30] + bytes(500),
        "a bomb that says so": png_of_zeros(60_000, 60_000, 1),
        "a bomb": png_of_zeros(9_000, 9_000, 9_000),
        "no width": png_of_zeros(0, 10, 1),
        **{f"a PNG cut at {n}": PNG[:n] for n in range(1, len(PNG) - 100, len(PNG) // 15)},
        **{f"a JPEG cut at {n}": JPEG[:n] for n in range(1, len(JPEG) // 2, len(JPEG) // 12)},
    }



@pytest.mark.parametrize("name", broken_files())
def test_a_broken_file_is_refused_and_the_others_are_read(name: str, tmp_path: Path, run: Callable) -> None:
    """One line names it; the good one beside it is predicted; the exit status tells."""
    bad, good, content = tmp_path / "bad.png", tmp_path / "good.png", broken_files()[name]
    bad.write_bytes(content)
    good.write_bytes(PNG)
    status, out, errors = run("--json", bad, good)
    assert (status, len(errors)) == (1, 1) and errors[0].startswith(f"mnist_s6_predict: {bad}: ") and errors[0].count(str(bad)) == 1
    assert [json.loads(line)["digit"] for line in out.splitlines()] == [1]
    assert sorted(tmp_path.iterdir()) == [bad, good] and bad.read_bytes() == content



NO_FILES = ["none.png", "", "a\0b.png", "x" * 5000, f"{__file__}/x.png", "/dev/zero", "/dev/null", "empty", "loop.png", "dangling.png", "socket.png", "none/"]



@pytest.mark.parametrize("name", NO_FILES, ids=lambda name: repr(name[:40]))
def test_what_is_no_file_is_refused_and_the_others_are_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable) -> None:
    """A missing file, a device, an empty folder, a link to nowhere, as image and as weights: one line each."""
    monkeypatch.chdir(tmp_path)
    Path("good.png").write_bytes(PNG)
    Path("empty").mkdir()
    Path("loop.png").symlink_to("loop.png")
    Path("dangling.png").symlink_to("nowhere.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
        status, out, errors = run("--json", name, "good.png")
        assert (status, len(errors)) == (1, 1) and errors[0].startswith("mnist_s6_predict: ")
        assert [json.loads(line)["file"] for line in out.splitlines()] == ["good.png"]
        status, out, errors = run("--weights", name, "good.png")
        assert (status, out, len(errors)) == (1, "", 1)



def test_there_are_forty_hostile_files() -> None:
    assert len(broken_files()) + len(NO_FILES) >= 40



def without_rights(folder: Path, words: list[str]) -> None:
    """The command in a process of its own, which has given up root's rights, if it had any."""
    nothing = struct.pack("<6I", *[0] * 6)  # effective, permitted and inherited, in two parts
    assert not ctypes.CDLL(None).capset(struct.pack("<Ii", 0x20080522, 0), nothing)
    torch.set_num_threads(1)  # so that a fork is safe
    os.chdir(folder)
    sys.stdout, sys.stderr = open("out", "w"), open("err", "w")
    sys.exit(start(words))


def test_what_may_not_be_read_is_refused(tmp_path: Path) -> None:
    """A file, a folder and weights without the right to read them; root may read anything, until it gives that up."""
    for name in "good.png", "secret.png", "secret.safetensors":
        (tmp_path / name).write_bytes(PNG)
    (tmp_path / "secret").mkdir()
    for path in tmp_path.glob("secret*"):
        path.chmod(0)
    pretrained()  # what this process has read, the next ones need not read again
    for words, count in (["secret.png", "secret", "good.png"], 2), (["--weights", "secret.safetensors", "good.png"], 1):
        process = get_context("fork").Process(target=without_rights, args=(tmp_path, ["predict", "--json", *words]))
        process.start()
        process.join(60)
        process.kill()  # of no effect on one that has ended
        out, errors = ((tmp_path / name).read_text().splitlines() for name in ("out", "err"))
        assert process.exitcode == 1 and len(errors) == count and len(out) == count - 1
        assert all(line.startswith("mnist_s6_predict: secret") and line.endswith("Permission denied") for line in errors), errors



def test_a_pipe_does_not_block(tmp_path: Path, run: Callable) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    status, _, errors = run(tmp_path / "pipe.png")
    assert status == 1 and "is no ordinary file but a pipe or device" in errors[0]
    status, _, errors = run(tmp_path)  # in a folder, too
    assert status == 1 and len(errors) == 1
    with pytest.raises(ValueError, match="pipe"):
        load_network(tmp_path / "pipe.png")



@pytest.mark.parametrize("name", [b"a\nb.png", b"\xff\xfe.png", "ü 7 😀.png".encode(), b"-x.png", b" .png", b"\x1b[31mred.png", b"%s{}.png", b"'\".png"])
def test_odd_names_stay_one_line(name: bytes, tmp_path: Path, run: Callable) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    path.write_bytes(PNG)
    status, out, errors = run(path)
    assert (status, errors, len(out.splitlines())) == (0, [], 2) and "\x1b" not in out
    status, out, errors = run("--json", path)
    assert json.loads(out)["file"] == str(path) and json.loads(out)["digit"] == 1
    path.write_bytes(b"broken")
    status, out, errors = run("--json", path)
    assert (status, out, len(errors)) == (1, "", 1) and "\x1b" not in errors[0]



def test_a_name_with_a_dash_in_front_is_no_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-x.png").write_bytes(PNG)
    assert run("./-x.png")[0] == run("--", "-x.png")[0] == 0
    with pytest.raises(SystemExit) as caught:
        start_predict(["-x.png"])
    assert caught.value.code == 2



def test_a_folder_is_read_in_order(tmp_path: Path, run: Callable) -> None:
    status, out, errors = run(tmp_path)
    assert (status, out.splitlines()[1:], len(errors)) == (1, [], 1) and "this folder holds no image file" in errors[0]
    for name in "c.PNG", "a.png", "b.jpeg":
        (tmp_path / name).write_bytes(PNG)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "below.png").mkdir()
    status, out, errors = run("--json", tmp_path)
    assert (status, errors) == (0, [])
    assert [Path(json.loads(line)["file"]).name for line in out.splitlines()] == ["a.png", "b.jpeg", "c.PNG"]



def test_a_name_that_is_a_word_takes_none_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable) -> None:
    """A file's name is said once, and a reason that begins like it is said whole."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no").write_bytes(encoded(Image.new("L", (40, 40))))
    _, _, errors = run("no")
    assert errors[0].startswith("mnist_s6_predict: no: no ink that could be a digit")


def test_no_picture_in_a_folder_is_passed_over_in_silence(tmp_path: Path, run: Callable) -> None:
    """A line for each picture of a format that can't be read, exit status 1; macOS's and Windows' own notes are no pictures."""
    for name in "a.png", "b.jfif", "c.JPE", "d.pnm":
        (tmp_path / name).write_bytes(PNG)
    for name in "e.HEIC", "f.avif", "g.svg", "h.pdf", "i.CR2", "j.psd", "k.jxl":
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic")
    for name in "._a.png", "._e.heic", "Thumbs.db", ".DS_Store", "notes.txt":
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    status, out, errors = run("--json", tmp_path)
    assert [Path(json.loads(line)["file"]).name for line in out.splitlines()] == ["a.png", "b.jfif", "c.JPE", "d.pnm"]
    assert status == 1 and [line.split(": ")[1].rpartition("/")[2] for line in errors] == ["e.HEIC", "f.avif", "g.svg", "h.pdf", "i.CR2", "j.psd", "k.jxl"]
    assert all("is no image that can be read" in line and "Convert any other kind, such as the HEIC of iPhones, to JPEG or PNG first" in line for line in errors)


@pytest.mark.parametrize("content", [PNG, b"", PNG[:50], b"text"])
def test_standard_input(content: bytes, monkeypatch: pytest.MonkeyPatch, run: Callable) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    status, out, errors = run("--json", "-")
    if content == PNG:
        assert (status, errors, json.loads(out)["digit"], json.loads(out)["file"]) == (0, [], 1, "-")
    else:
        assert (status, out, len(errors)) == (1, "", 1)



@pytest.mark.parametrize(("words", "size"), [([], (784, 300)), (["--digits", "many"], (784, 300)), ([], (784, 5)), (["--digits", "many"], (784, 5)), ([], (3, 60))])
def test_standard_input_is_read_as_a_file_is(words: list[str], size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable) -> None:
    """A picture 784 pixels wide was taken for a table of images, one 3 wide for colours."""
    picture = Image.new("L", size, 255)
    picture.paste(ONE.resize((200, 200)), (300, 50))
    (tmp_path / "a.png").write_bytes(encoded(picture))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "a.png").read_bytes())))
    came, named = run("--json", *words, "-"), run("--json", *words, tmp_path / "a.png")
    assert (came[0], came[1], len(came[2])) == (named[0], named[1].replace(str(tmp_path / "a.png"), "-"), len(named[2]))
    assert came[0] == int(size != (784, 300))


def test_help_says_it_all(capsys: pytest.CaptureFixture[str]) -> None:
    for words, status in (["--help"], 0), ([], 2), (["--wrong", "x.png"], 2):
        with pytest.raises(SystemExit) as caught:
            start_predict(words)
        assert caught.value.code == status
    shown = capsys.readouterr().out
    for word in "--json", "--weights", "exit status", "folder", "standard input", "PNG", "probabilities":
        assert word in shown



def shown_help(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The help of a command, in one line."""
    with pytest.raises(SystemExit):
        start([command, "--help"])
    return " ".join(capsys.readouterr().out.split())


def test_the_help_lists_the_shares_that_may_be_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """They come from a file, which help doesn't read."""
    limits = json.loads((WEIGHTS.parent / "refusal.json").read_text())["limits"]
    *shares, last = [str(limit["share"]) for limit in limits]
    assert f"real digits: {', '.join(shares)} or {last} (only" in shown_help("predict", capsys)


def test_the_help_names_what_json_tells_and_promises_no_limit(tmp_path: Path, run: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    """A limit that was typed was out of date with the next network."""
    (tmp_path / "a.png").write_bytes(PNG)
    told = json.loads(run("--json", "--refuse", "0.01", tmp_path / "a.png")[1]) | json.loads(run("--json", "--digits", "many", tmp_path / "a.png")[1])
    shown = shown_help("predict", capsys)
    assert "lowest" in told and all(f'"{name}": ' in shown for name in told) and not re.search(r'"lowest": \d', shown)


@pytest.mark.parametrize("words", [["--version"], ["predict", "--version"], ["train", "--version"]])
def test_a_command_tells_its_version(words: list[str]) -> None:
    """Without waiting for PyTorch."""
    code = f"import sys\nfrom mnist_s6.commands import start\ntry: start({words})\nfinally: assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"mnist_s6 {mnist_s6.__version__}\n", "")


@pytest.mark.parametrize(("typed", "began"), [
    (["/bin/python", "/bin/mnist_s6_train"], "mnist_s6_train"), ([".venv/bin/python", "-u", "-m", "mnist_s6.commands", "train"], ".venv/bin/python -u -m mnist_s6.commands train"),
])
def test_a_stopped_training_goes_on_as_it_was_begun(typed: list[str], began: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing is installed there is no `mnist_s6_train`."""
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    Path("my run").mkdir()
    Path("my run/checkpoint.safetensors").touch()
    words = ["quick", "--output", "my run"]
    monkeypatch.setattr(sys, "orig_argv", [*typed, *words])
    monkeypatch.setattr(mnist_s6.commands, "_train_and_tell", stop)
    assert start(["train", *words]) == 130
    assert capsys.readouterr().err == f"mnist_s6_train: stopped; to go on: {began} quick --output 'my run' --resume\n"


def test_the_last_line_counts_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for module in mnist_s6.train, mnist_s6.datasets:
        monkeypatch.setattr(module, "load_data", few_images(300, 100))
    monkeypatch.setattr(mnist_s6.train.History, "plot", lambda history: Figure(figsize=(1, 1)))  # the real one takes longer
    for count, words in ("1", "after 1 epoch, in"), ("2", "after 2 epochs, in"):
        assert start(["train", "quick", "--epochs", count, "--output", str(tmp_path / count)]) == 0
        assert words in capsys.readouterr().out


def test_an_unknown_recipe_is_answered_in_words_of_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert start(["train", "slow"]) == 1
    assert capsys.readouterr().err == f"mnist_s6_train: no recipe is called 'slow'; expected one of {', '.join(mnist_s6.train.RECIPES)}\n"


def start_command(*words: str, before: Callable[[], None] = usual_signals, **options: object) -> subprocess.Popen:
    """The command `mnist_s6_predict` in a process of its own."""
    options = {"cwd": ROOT, "text": True, "stderr": subprocess.PIPE, "preexec_fn": before} | options
    return subprocess.Popen([*MODULE, "predict", *words], **options)


def end(process: subprocess.Popen) -> tuple[str, int]:
    """What a process says on standard error, and its exit status, within a minute."""
    try:
        return process.communicate(timeout=60)[1], process.returncode
    finally:
        process.kill()  # of no effect on one that has ended


def test_the_home_folder_has_a_short_name_after_an_equals_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no shell puts its full name."""
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("USERPROFILE", "/home/somebody")
    train = command_parser().parse_args(["train", "--output=~/run", "--data=~/mnist"])
    predict = command_parser().parse_args(["predict", "--weights=~/w", "a.png"])
    assert [train.output, train.data, predict.weights] == [f"/home/somebody/{name}" for name in ("run", "mnist", "w")]


def test_a_reader_that_leaves_is_answered_quietly(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    leaving = start_command("--json", *[str(tmp_path / "a.png")] * 3000, stdout=subprocess.PIPE)
    assert json.loads(leaving.stdout.readline())["digit"] == 1
    leaving.stdout.close()
    leaving.stdout = None
    assert end(leaving) == ("", 141)


def test_ctrl_c_is_one_line() -> None:
    """While the command waits for its input."""
    waiting = start_command("-", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert waiting.stdout.readline().startswith("digit")
    waiting.send_signal(signal.SIGINT)
    assert end(waiting) == ("mnist_s6_predict: stopped\n", 130)


@pytest.mark.parametrize(("command", "late"), [("predict", "predict.predict"), ("train", "train.train_in_folder")])
def test_ctrl_c_while_a_text_is_executed(command: str, late: str, tmp_path: Path) -> None:
    """As when something late defines a dataclass: Python started with `-m` remembers that, and yet the status is ours."""
    module, name = late.split(".")
    (tmp_path / "pressing.py").write_text(f"""import os, runpy, signal
import mnist_s6.{module} as module
module.{name} = lambda *_, **options: exec("os.kill(os.getpid(), signal.SIGINT)")
runpy.run_module("mnist_s6.commands", run_name="__main__", alter_sys=True)""")
    (tmp_path / "a.png").write_bytes(PNG)
    words = ["a.png"] if command == "predict" else ["fast", "--output", "run"]
    done = subprocess.run([sys.executable, "-m", "pressing", command, *words], cwd=tmp_path, env=os.environ | {"PYTHONPATH": f"{ROOT}:."},
                          capture_output=True, text=True, timeout=60, preexec_fn=usual_signals)
    ending = " before there was anything to keep" if command == "train" else ""
    assert (done.stderr, done.returncode) == (f"mnist_s6_{command}: stopped{ending}\n", 130)


def test_closed_input_and_full_output_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    closed = start_command("-", stdout=subprocess.DEVNULL, before=lambda: os.close(0))
    with open("/dev/full", "w") as full_disk:
        full = start_command(str(tmp_path / "a.png"), stdout=full_disk)
    assert end(closed) == ("mnist_s6_predict: -: standard input is closed; expected one image from it\n", 1)
    assert end(full) == ("mnist_s6_predict: standard output: No space left on device\n", 1)


@pytest.mark.parametrize(("closed", "full", "status", "answers"), [(1, None, 1, 0), (2, None, 1, 1), (None, 2, 1, 1), (None, None, 1, 1)])
def test_an_output_that_is_closed_or_full(closed: int | None, full: int | None, status: int, answers: int, tmp_path: Path) -> None:
    """Without standard output nothing is done; without errors, they stand nowhere else, and the other files are read."""
    (tmp_path / "bad.png").write_bytes(b"no picture")
    (tmp_path / "good.png").write_bytes(PNG)
    with open("/dev/full", "w") as full_disk:
        done = subprocess.run(
            [sys.executable, "-m", "mnist_s6.commands", "predict", "--json", "bad.png", "good.png"], cwd=tmp_path, timeout=60, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=full_disk if full == 2 else subprocess.PIPE,
            preexec_fn=lambda: closed and os.close(closed))
    assert (done.returncode, [json.loads(line)["digit"] for line in done.stdout.splitlines()]) == (status, [1] * answers)
    told = {1: "mnist_s6_predict: standard output is closed\n", 2: ""}.get(closed, "mnist_s6_predict: bad.png: ")
    assert full == 2 or (done.stderr or "").startswith(told)


@pytest.mark.parametrize("words", [["--bogus"], ["--help"]])
def test_predict_speaks_in_any_process(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A cluster may number its processes; only training makes one speak for all."""
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(SystemExit):
        start_predict(words)
    assert "mnist_s6_predict" in "".join(capsys.readouterr())


def test_endless_input_is_refused(monkeypatch: pytest.MonkeyPatch, run: Callable) -> None:
    with open("/dev/zero", "rb") as zeros:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(zeros))
        status, _, errors = run("--json", "-")
    assert (status, errors) == (1, ["mnist_s6_predict: -: more than 50,000,000 bytes came in; expected one image from it"])


def test_nothing_slow_is_imported_first() -> None:
    """The commands' module, its help and its errors need nothing but Python; so they can answer Ctrl-C from the first moment."""
    code = "import sys\nfrom mnist_s6.commands import start_predict\n"
    code += "try: start_predict(['--help'])\nfinally: assert not {'torch', 'numpy', 'PIL', 'mnist_s6.predict'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_is_imported_while_predict_waits() -> None:
    """A Ctrl-C in the midst of an import may be lost: all that is needed until the input comes is there before."""
    code = """import io, sys
import mnist_s6.commands as commands
known, inputs = set(), commands._inputs
commands._inputs = lambda name: known.update(sys.modules) or inputs(name)
class Waiting(io.BytesIO):
    def read(self, *_):
        print("imported:", sorted(set(sys.modules) - known))
        return b""
sys.stdin = io.TextIOWrapper(Waiting())
commands.start_predict(["-"])"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[1:] == ["imported: []"]


@pytest.mark.parametrize("command", ["predict", "train"])
def test_ctrl_c_while_it_imports(command: str) -> None:
    """When PyTorch is just being loaded: one line, and no traceback."""
    process = subprocess.Popen([*MODULE, command, "-"], cwd=ROOT, text=True, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                               preexec_fn=usual_signals)
    start = time.monotonic()
    while "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text():
        assert process.poll() is None and time.monotonic() - start < 60
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    assert end(process) == (f"mnist_s6_{command}: stopped\n", 130)


def altered_weights() -> dict[str, bytes]:
    """A weights file with each field of its header altered, and cut short at 50 places."""
    whole = WEIGHTS.read_bytes()
    length = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(whole[8 : 8 + length])

    def rebuilt(changed: dict) -> bytes:
        text = json.dumps(changed).encode()
        return struct.pack("<Q", len(text)) + text + whole[8 + length :]

    def with_field(name: str, field: str, value: object) -> bytes:
        return rebuilt({**header, name: {**header[name], field: value}})

    files = {f"length {n}": struct.pack("<Q", n) + whole[8:] for n in (0, 1, length - 1, length + 1, 2**31, 2**63, 2**64 - 1)}
    for field in "network", "widths", "mean", "std", "sha256":
        files[f"{field} changed"] = with_field("__metadata__", field, "x" + header["__metadata__"][field])
        files[f"no {field}"] = rebuilt({**header, "__metadata__": {k: v for k, v in header["__metadata__"].items() if k != field}})
    for widths in "[]", "[16]", "[0, 0, 0, 0]", "[16, 26, 26, 33]", "[99999999, 1, 1, 1]", "[-1, 1, 1, 1]", "[" * 50_000, "__import__('os')", "[1e3, 1, 1, 1]":
        files[f"widths {widths[:20]}"] = with_field("__metadata__", "widths", widths)
    files["network FastNet"] = with_field("__metadata__", "network", "FastNet")
    files["metadata of numbers"] = rebuilt({**header, "__metadata__": {"network": 1}})
    files["no metadata"] = rebuilt({k: v for k, v in header.items() if k != "__metadata__"})
    for name in [name for name in header if name != "__metadata__"][:12]:
        start, end = header[name]["data_offsets"]
        files[f"{name} renamed"] = rebuilt({(k + "x" if k == name else k): v for k, v in header.items()})
        files[f"{name} missing"] = rebuilt({k: v for k, v in header.items() if k != name})
        files[f"{name} of another type"] = with_field(name, "dtype", {"F32": "I32", "I64": "F64"}[header[name]["dtype"]])
        files[f"{name} of an unknown type"] = with_field(name, "dtype", "X9")
        files[f"{name} of another shape"] = with_field(name, "shape", [*header[name]["shape"], 2])
        files[f"{name} of a negative shape"] = with_field(name, "shape", [-1])
        files[f"{name} elsewhere"] = with_field(name, "data_offsets", [start + 4, end + 4])
        files[f"{name} far outside"] = with_field(name, "data_offsets", [2**60, 2**60 + end - start])
    same = ["features.1.1.bias", "features.1.1.weight"]  # of one batch norm, so of one shape
    swapped = {**header, same[0]: header[same[1]], same[1]: header[same[0]]}
    files["two tensors swapped"] = rebuilt(swapped)
    files["one bit of a weight"] = whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:]
    files["bytes added"] = whole + b"more"
    for i in range(50):
        files[f"cut {i}"] = whole[: i * len(whole) // 50]
    files["a picture"] = PNG
    return files



def test_altered_weights_are_refused(tmp_path: Path, run: Callable) -> None:
    """Each field of the header, each cut: an error in one line, and nothing predicted."""
    path, image = tmp_path / "w.safetensors", tmp_path / "a.png"
    image.write_bytes(PNG)
    accepted = []
    for name, content in altered_weights().items():
        path.write_bytes(content)
        status, out, errors = run("--weights", path, image)
        if (status, out, len(errors)) != (1, "", 1) or not errors[0].startswith(f"mnist_s6_predict: {path}: ") or errors[0].count(str(path)) > 1:
            accepted.append((name, status, errors))
        assert path.read_bytes() == content
    assert accepted == []
    path.write_bytes(WEIGHTS.read_bytes())
    assert run("--weights", path, image)[0] == 0, "the unaltered one is fine"



class Malicious:
    """Unpickled, it makes a file."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple:
        return (open, (str(self.sentinel), "w"))



@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_never_opened(tmp_path: Path, run: Callable, zipped: bool) -> None:
    sentinel, path = tmp_path / "sentinel", tmp_path / "weights.pt"
    if zipped:
        torch.save({"classifier.weight": Malicious(sentinel)}, path)
    else:
        path.write_bytes(pickle.dumps(Malicious(sentinel)))
    with pytest.raises(ValueError, match="A pickle .* is never opened"):
        load_network(path)
    (tmp_path / "a.png").write_bytes(PNG)
    assert run("--weights", path, tmp_path / "a.png")[0] == 1
    assert not sentinel.exists()
    torch.load(path, weights_only=False) if zipped else pickle.loads(path.read_bytes())
    assert sentinel.exists(), "the trap works"



def test_weights_that_give_no_numbers_are_told_for_each_file(tmp_path: Path, run: Callable) -> None:
    """In a line, and the next file is read all the same."""
    broken = S6Net()
    torch.nn.init.constant_(broken.classifier.weight, float("nan"))
    save_weights(broken, tmp_path / "nan.safetensors")
    (tmp_path / "a.png").write_bytes(PNG)
    status, _, errors = run("--weights", tmp_path / "nan.safetensors", tmp_path / "a.png", tmp_path / "a.png")
    assert status == 1 and len(errors) == 2 and all("1 of 1 images get scores that are no numbers" in line for line in errors)


def test_a_damaged_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable) -> None:
    (tmp_path / "weights").mkdir()
    monkeypatch.setattr(weights, "files", lambda _: tmp_path)
    weights._read_once.cache_clear()
    for content in None, b"", WEIGHTS.read_bytes()[:-1]:
        if content is not None:
            (tmp_path / "weights" / WEIGHTS.name).write_bytes(content)
        with pytest.raises(RuntimeError, match="can't read the weights inside mnist_s6 .*Reinstall the package"):
            pretrained()
        status, _, errors = run("a.png")
        assert status == 1 and len(errors) == 1 and "Reinstall the package" in errors[0]



NO_NETWORK = """
import socket, sys
class Refused(socket.socket):
    def __init__(self, *_, **__): raise AssertionError("the network was called")
socket.socket = socket.create_connection = socket.getaddrinfo = Refused
import mnist_s6.calibration, mnist_s6.predict
from mnist_s6.commands import start_predict
extra = {"torchvision", "matplotlib", "ipywidgets", "IPython", "scipy", "PIL", "safetensors"} & set(sys.modules)
assert not extra, extra
status = start_predict()
extra = {"torchvision", "matplotlib", "ipywidgets", "IPython", "scipy"} & set(sys.modules)
assert not extra, extra
sys.exit(status)
"""



def test_predicting_needs_no_network_and_only_torch(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    found = subprocess.run([sys.executable, "-c", NO_NETWORK, "--json", str(tmp_path / "a.png")], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (found.returncode, found.stderr, json.loads(found.stdout)["digit"]) == (0, "", 1)


@pytest.mark.parametrize("encoding", ["cp932", "latin-1", "ascii", "ascii:strict"])
@pytest.mark.parametrize("words", [["predict", "--json", "\u00fc\u4e03 \u00b7.png"], ["predict", "\u00fc\u4e03 \u00b7.png", "\u00d7.png"], ["predict", "--help"], ["train", "--help"],
                                   ["train", "quick", "--output", "\u00fc\u4e03"], ["train", "\u00fc"]], ids=lambda words: ascii(" ".join(words)))
def test_outputs_of_few_signs(encoding: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command says can be printed in any alphabet: it ends as it does in UTF-8, and each sign that is lacking is an escape."""
    monkeypatch.chdir(tmp_path)
    Path("\u00fc\u4e03 \u00b7.png").write_bytes(PNG)
    for module in mnist_s6.train, mnist_s6.datasets:
        monkeypatch.setattr(module, "load_data", few_images(300, 100))
    monkeypatch.setattr(mnist_s6.train.History, "plot", lambda history: Figure(figsize=(1, 1)))  # the real one takes longer
    encoding, _, errors = encoding.partition(":")
    found = []
    for alphabet in "utf-8", encoding:
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding=alphabet, errors=errors or "strict") for _ in range(2))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = start(words)
            except SystemExit as ended:
                status = ended.code
        assert (out.errors, err.errors) == ((errors or "strict",) * 2)  # as before
        out.flush(), err.flush()
        found.append((status, len(out.buffer.getvalue().splitlines())))
        if words[0] == "train" and "--output" in words:
            shutil.rmtree(words[-1])
    assert found[0] == found[1] and found[0][0] == (1 if words[-1] in ("\u00d7.png", "\u00fc") else 0)


def printed_strings(path: Path) -> list[str]:
    """All texts in a module but its documentation."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {id(node.body[0].value) for node in ast.walk(tree)
                     if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and isinstance(node.body[0], ast.Expr)}
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation]


def test_commands_print_plain_signs() -> None:
    """What is not a file's name or a user's word needs no escape in the first place."""
    assert all(text.isascii() for name in ("commands", "train", "files", "weights", "scale", "predict") for text in printed_strings(ROOT / "mnist_s6" / f"{name}.py"))


def test_commands_run_in_a_thread(tmp_path: Path) -> None:
    """No signal can be answered there, and nothing else is different."""
    (tmp_path / "a.png").write_bytes(PNG)
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]
    with ThreadPoolExecutor(1) as pool, contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        assert pool.submit(start, ["predict", "--json", str(tmp_path / "a.png")]).result() == 0
        assert pool.submit(start, ["train", "none"]).result() == 1
    assert json.loads(out.getvalue())["digit"] == 1 and err.getvalue().startswith("mnist_s6_train: no recipe is called 'none'")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)] == before


def test_how_it_ended_is_told_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """One of several processes was asked to stop, and before it does, another one is gone: the alarm comes while that is told."""
    tell = mnist_s6.scale.say

    def lose_another(*_: object) -> None:
        signal.raise_signal(signal.SIGTERM)
        signal.alarm(1)  # in place of five seconds
        raise ConnectionError("another process of this training is gone")

    def tell_slowly(text: str, store: object) -> None:
        time.sleep(1.5)
        tell(text, store)

    monkeypatch.setattr(mnist_s6.scale, "join", lambda: None)
    monkeypatch.setattr(mnist_s6.scale, "say", tell_slowly)
    monkeypatch.setattr(mnist_s6.commands, "_train_and_tell", lose_another)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert start(["train", "quick", "--output", str(tmp_path / "run")]) == 1
    assert capsys.readouterr().err == "mnist_s6_train: another process of this training is gone\n"


def test_training_without_a_home_says_what_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MNIST_S6_CACHE", raising=False)
    Path("home").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert start(["train", "quick"]) == 1
    said = capsys.readouterr().err
    remedy, _, failed = said.partition("It failed at: ")
    assert said.count("\n") == 1 and "--data FOLDER" in remedy and "MNIST_S6_CACHE" in remedy and "home" in failed
    assert start(["train", "quick", "--data", str(ROOT / "data"), "--output", "home/run"]) == 1
    remedy, _, failed = capsys.readouterr().err.partition("It failed at: ")
    assert "can't write the run" in remedy and "--output FOLDER" in remedy and failed == "home/run\n"


@pytest.mark.parametrize(("words", "stays"), [(None, True), (["predict"], False)])
def test_the_end_of_a_command_looks_for_no_garbage(words: list[str] | None, stays: bool) -> None:
    """Where it is the program's end; whoever calls `start` with words of their own has a program of their own."""
    code = f"import atexit, gc\nfrom mnist_s6 import commands\natexit.register(lambda: print(gc.get_freeze_count() > 0))\ncommands._given({words})"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60).stdout == f"{stays}\n"
