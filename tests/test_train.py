"""Trainings that are killed, starved and lied to."""

import itertools
import os
import pickle
import random
import resource
import signal
import socket
import sys
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import mnist_s6.train as library
import numpy as np
import pytest
import torch
from mnist_s6.commands import start_train
from mnist_s6.model import FastNet
from mnist_s6.small import TinyNet
from mnist_s6.train import MILD, Recipe, run_recipe, train_in_folder
from mnist_s6.truth import SealedTest
from mnist_s6.weights import weights_digest
from images import DATA, few_images, mnist
from matplotlib.figure import Figure
from safetensors.torch import load

TINY = Recipe("tiny", FastNet, (4, 6, 8), epochs=4, batch_size=100, augmentation=MILD)
fork = get_context("fork")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """All trainings of this file are small, and on one thread, so that a fork is safe."""
    monkeypatch.setattr(library, "load_data", few_images(300, 100))
    monkeypatch.setattr(library.History, "plot", lambda history: Figure(figsize=(1, 1)))  # the real one takes longer than a training
    mnist(True), mnist(False)  # read before anything is forked
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def go(folder: Path, resume: bool) -> None:
    """A training in a process of its own."""
    torch.set_num_threads(1)
    sys.stdout = sys.stderr = open(os.devnull, "w")
    train_in_folder(TINY, folder, 3, resume=resume, device="cpu")


def run_to_end(folder: Path, resume: bool) -> None:
    """The same, and it must go well."""
    process = fork.Process(target=go, args=(folder, resume))
    process.start()
    process.join(60)
    process.kill()  # of no effect on one that has ended
    process.join()
    assert process.exitcode == 0


def weights(folder: Path) -> dict[str, bytes]:
    """The bytes of each tensor of the weights that a run has left."""
    tensors = load((folder / "weights.safetensors").read_bytes())
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def test_killed_at_20_instants_and_resumed(tmp_path):
    """SIGKILL at any instant: the resumed run ends with the same weights, to the bit, and leaves nothing behind."""
    start = time.perf_counter()
    run_to_end(tmp_path / "whole", False)
    length = time.perf_counter() - start
    expected = weights(tmp_path / "whole")
    draw, cut = random.Random(0), 0
    for i in range(20):
        folder = tmp_path / str(i)
        process = fork.Process(target=go, args=(folder, False))
        process.start()
        time.sleep(draw.uniform(0.02, length))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        if (folder / "curves.png").exists():
            length *= 0.7  # it had ended: quicker than the first, which had more to load, or less was going on beside it
        else:
            cut += 1
        run_to_end(folder, (folder / "checkpoint.safetensors").exists())
        assert weights(folder) == expected
        assert sorted(p.name for p in folder.iterdir()) == ["checkpoint.safetensors", "curves.png", "history.csv", "weights.safetensors"]
    assert cut >= 5, "most runs had ended before they were killed: draw earlier instants"


def command(words: list[str], log: Path, pause: int) -> None:
    """The command in a process of its own, on a tenth of the images, with a long pause at one of the steps."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as usual, also where the tests run in the background
    sys.stdout, sys.stderr = (open(f"{log}.{kind}", "w", buffering=1) for kind in ("out", "err"))
    library.load_data = few_images(6000, 1000)
    forward, steps = FastNet.forward, itertools.count(1)

    def pausing(model: FastNet, images: torch.Tensor) -> torch.Tensor:
        if model.training and next(steps) == pause:
            time.sleep(60)
        return forward(model, images)

    FastNet.forward = pausing
    sys.exit(start_train(words))


def test_ctrl_c_leaves_a_checkpoint(tmp_path):
    """A recipe of the course: Ctrl-C in its second epoch is one line and status 130, and the line it gives goes on."""
    words, log = ["quick", "--epochs", "2", "--output", str(tmp_path / "run"), "--data", str(DATA)], tmp_path / "log"
    process = fork.Process(target=command, args=(words, log, 20))  # an epoch has 16 steps
    process.start()
    path, end = tmp_path / "run" / "checkpoint.safetensors", time.monotonic() + 60
    while not path.exists() or rb'train_loss\": []' in path.read_bytes():  # it is still that of epoch 0
        assert process.is_alive() and time.monotonic() < end
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    process.join(60)
    said = Path(f"{log}.err").read_text()
    assert process.exitcode == 130 and "Traceback" not in said
    assert said.rstrip().splitlines()[-1].endswith("--resume")
    process = fork.Process(target=command, args=([*words, "--resume"], log, 0))
    process.start()
    process.join(60)
    shown = Path(f"{log}.out").read_text()
    assert process.exitcode == 0 and "test accuracy 9" in shown.splitlines()[-1]
    assert "epoch  1/2" not in shown and "epoch  2/2" in shown
    (opening,) = SealedTest((), tmp_path / "run" / "ledger.json").openings  # once, when all was over
    assert (opening.network, opening.number, opening.images) == (digest(tmp_path / "run"), 1, 10_000)
    assert f"{opening.correct / 10_000:.2%}" in shown.splitlines()[-1]
    process = fork.Process(target=command, args=([*words, "--resume"], log, 0))
    process.start()
    process.join(60)
    again = Path(f"{log}.out").read_text()
    assert process.exitcode == 0 and again.splitlines()[-1] == shown.splitlines()[-1]  # it had ended: the test isn't read again
    assert SealedTest((), tmp_path / "run" / "ledger.json").openings == (opening,)


def digest(folder: Path) -> str:
    """Which weights are in a folder."""
    return weights_digest(load((folder / "weights.safetensors").read_bytes()))


@pytest.fixture
def begun(tmp_path):
    """A folder with a whole run."""
    train_in_folder(TINY, tmp_path / "run", 3, device="cpu")
    return tmp_path / "run"


def content(folder: Path) -> dict[str, bytes]:
    """All that is in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_damaged_checkpoints_are_refused(begun, capsys):
    """Cut at 50 places or with one byte changed at 50: a clear error, and nothing is changed."""
    path = begun / "checkpoint.safetensors"
    data, draw = path.read_bytes(), random.Random(1)
    bad = [data[: i * len(data) // 50] for i in range(50)]
    for place in [*range(0, 10), *(draw.randrange(len(data)) for _ in range(40))]:
        bad.append(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])
    for damaged in bad:
        path.write_bytes(damaged)
        before = content(begun)
        with pytest.raises(ValueError, match="no whole checkpoint"):
            train_in_folder(TINY, begun, 3, resume=True, device="cpu")
        assert content(begun) == before


class Sentinel:
    """A pickle that makes a file when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_pickle_is_never_opened(begun, tmp_path):
    """A malicious pickle in a checkpoint's place does nothing."""
    (begun / "checkpoint.safetensors").write_bytes(pickle.dumps(Sentinel(tmp_path / "ran")))
    with pytest.raises(ValueError, match="no whole checkpoint"):
        train_in_folder(TINY, begun, 3, resume=True, device="cpu")
    torch.save(Sentinel(tmp_path / "ran"), begun / "checkpoint.safetensors")
    with pytest.raises(ValueError, match="no whole checkpoint"):
        train_in_folder(TINY, begun, 3, resume=True, device="cpu")
    assert not (tmp_path / "ran").exists()


def starved(folder: Path, said) -> None:
    """A training that may write no file above 4 kB: as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    try:
        go(folder, False)
    except OSError as error:
        said.put(str(error))


def test_full_disk(tmp_path):
    """A clear error, and no half-written file."""
    said = fork.Queue()
    process = fork.Process(target=starved, args=(tmp_path / "run", said))
    process.start()
    assert "can't write the checkpoint" in said.get(timeout=30)
    process.join()
    assert not list((tmp_path / "run").iterdir())


def test_folder_that_cannot_be_written(tmp_path, capsys):
    """A file where the folder should be: one line, status 1, and the file is as it was."""
    (tmp_path / "file").write_text("mine")
    assert start_train(["quick", "--output", str(tmp_path / "file" / "run")]) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said and said.rstrip().splitlines()[-1].startswith("mnist_s6_train: ")
    assert (tmp_path / "file").read_text() == "mine"


BAD = [["slow"], [""], ["quick", "fast"], ["--epochs", "0"], ["--epochs", "-1"], ["--epochs", "two"], ["--epochs", "1e9"],
       ["--epochs", "99999999999"], ["--epochs"], ["--seed", "-1"], ["--seed", "x"], ["--seed", "99999999999999999999"],
       ["--resume"], ["--unknown"], ["--output"], ["--output", "a\0b"]]


@pytest.mark.parametrize("words", BAD, ids=repr)
def test_bad_words(words, tmp_path, capsys, monkeypatch):
    """One line on standard error, a status above 0, and no file."""
    monkeypatch.chdir(tmp_path)
    try:
        status = start_train(words)
    except SystemExit as stop:
        status = stop.code
    said = capsys.readouterr().err
    assert status in (1, 2) and said.startswith("mnist_s6_train: ") and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_no_network(tmp_path, monkeypatch):
    """A training opens no socket."""

    def refuse(*_, **__):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    train_in_folder(TINY, tmp_path / "run", 3, device="cpu")


def test_a_clock_set_back(begun):
    """Files from the future change nothing."""
    for path in begun.iterdir():
        os.utime(path, (4e9, 4e9))
    before = weights(begun)
    train_in_folder(TINY, begun, 3, resume=True, device="cpu")
    assert weights(begun) == before


def test_a_seed_of_numpys_is_the_same_seed(tmp_path):
    """And so are numbers of a recipe: a training begun with them goes on with Python's."""
    recipe = replace(TINY, epochs=np.int64(1), batch_size=np.int64(100), share=np.float32(0.5))
    train_in_folder(recipe, tmp_path, np.int64(3), device="cpu")
    train_in_folder(replace(TINY, epochs=1, share=0.5), tmp_path, 3, device="cpu", resume=True)


@pytest.mark.parametrize("seed", [-1, 2**32, 5_000_000_000])
def test_a_seed_is_checked_once_and_before_anything_is_loaded(seed, monkeypatch):
    monkeypatch.setattr(library, "load_data", None)
    with pytest.raises(ValueError, match=f"seed is {seed}; expected a whole number from 0 to 4,294,967,295"):
        run_recipe(TINY, seed, device="cpu")
    with pytest.raises(TypeError, match="seed is 1.5; expected a whole number from 0 to 4,294,967,295"):
        run_recipe(TINY, 1.5, device="cpu")


@pytest.mark.parametrize("name", ["weights.safetensors", "history.csv", "curves.png"])
def test_results_without_a_checkpoint_are_kept(tmp_path, name):
    """The checkpoint is large, and somebody has deleted it."""
    (tmp_path / name).write_text("precious")
    with pytest.raises(FileExistsError, match="has left its results here"):
        train_in_folder(TINY, tmp_path, 3, device="cpu")
    assert content(tmp_path) == {name: b"precious"}


def test_a_folder_that_does_not_fit_is_told_in_words_of_both(begun, tmp_path):
    """Of Python, and of the terminal; whether the training there has ended or not."""
    for folder, resume, words in (begun, False, "there is a training here already: add"), (tmp_path / "none", True, "no checkpoint to go on from: begin without"):
        with pytest.raises(OSError, match=rf"{words} resume=True \(in a terminal, --resume\)"):
            train_in_folder(TINY, folder, 3, resume=resume, device="cpu")


def test_two_trainings_in_one_folder(tmp_path, monkeypatch):
    """The second one has begun while the first one read its data: it is left alone."""
    real = library.run_recipe

    def slowly(*words):
        (tmp_path / "checkpoint.safetensors").write_text("of another")
        return real(*words)

    monkeypatch.setattr(library, "run_recipe", slowly)
    with pytest.raises(FileExistsError, match="there is a training here already"):
        train_in_folder(TINY, tmp_path, 3, device="cpu")
    assert content(tmp_path) == {"checkpoint.safetensors": b"of another"}


def test_only_a_network_with_blocks_settles():
    with pytest.raises(ValueError, match="settled is 1, but a TinyNet has no `features`"):
        run_recipe(replace(TINY, network=TinyNet, widths=(4, 4), settled=1), device="cpu")


def test_numpys_numbers_in_a_recipe(tmp_path):
    """Also in the checkpoint, from which it goes on."""
    recipe = replace(TINY, schedule=replace(TINY.schedule, max_lr=np.float32(0.01)), epochs=1)
    train_in_folder(recipe, tmp_path / "run", 1, device="cpu")
    assert (tmp_path / "run" / "weights.safetensors").exists()
