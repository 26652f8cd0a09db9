"""MNIST's files: altered ones are refused, several processes unpack at once, and a full disk leaves nothing behind."""

import hashlib
import multiprocessing
import os
import resource
import signal
import tempfile
import warnings
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_s6 import files
from mnist_s6.files import MNIST_FILES, read_idx, unpack_data

ROOT = Path(__file__).resolve().parent.parent
settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("fixed")


def altered_idx() -> dict[str, bytes]:
    """MNIST's test labels with each field of the header altered, and cut short at 50 places."""
    whole = (unpack_data(ROOT / "data") / "t10k-labels-idx1-ubyte").read_bytes()
    altered = {f"byte {i} is {value}": whole[:i] + bytes([value]) + whole[i + 1 :] for i in range(8) for value in (1, 7, 9, 127, 255) if whole[i] != value}
    altered |= {f"cut {i}": whole[: i * len(whole) // 50] for i in range(50)}
    return altered | {"one more byte": whole + b"\0", "256 dimensions of nothing": b"\0\0\x08\xff" + bytes(4 * 255)}


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
    monkeypatch.setattr(files, "MNIST_FILES", {name: MNIST_FILES[name] for name in names})
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
    assert all(hashlib.sha256((raw / name).read_bytes()).hexdigest() == MNIST_FILES[name] for name in names)


def starved(root: Path, said: SimpleQueue) -> None:
    """Unpack where no file may grow beyond a million bytes, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    try:
        unpack_data(root)
    except OSError as error:
        said.put(str(error))


def test_a_file_that_cannot_grow_leaves_nothing(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    said = fork.SimpleQueue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that PyTorch has threads when we fork
        process = fork.Process(target=starved, args=(tmp_path, said))
        process.start()
    process.join(60)
    assert process.exitcode == 0 and not said.empty()
    message = said.get()
    assert "can't write MNIST" in message and "File too large" in message
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("place", ["/proc/x", f"{__file__}/below"])
def test_a_place_that_cannot_be_written(place: str) -> None:
    with pytest.raises(OSError, match="can't write MNIST .* Pass a root that you can write to"):
        unpack_data(place)


@given(st.binary(max_size=400))
def test_any_bytes_are_an_idx_file_or_refused(data: bytes) -> None:
    for content in data, b"\0\0\x08" + data:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            try:
                found = read_idx(file.name)
            except ValueError:
                continue
            assert found.dtype == torch.uint8 and found.numel() == len(content) - 4 - 4 * content[3]
