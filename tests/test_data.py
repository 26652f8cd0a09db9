"""Unpacking MNIST when several processes do it at once, when one is killed, and when the package is damaged."""

import functools
import hashlib
import lzma
import time
import warnings
from collections.abc import Iterator
from importlib.resources import files
from multiprocessing import get_context, process
from pathlib import Path

import pytest

from mnist_s6 import files as data_files
from mnist_s6.datasets import load_data
from mnist_s6.files import MNIST_FILES, unpack_data


@pytest.fixture(scope="module", autouse=True)
def decompressed_once() -> Iterator[None]:
    """What is in the package takes a second to decompress: here once, also for the processes that are forked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_files.lzma, "decompress", functools.cache(lzma.decompress))
        for name, digest in MNIST_FILES.items():
            data_files._packed(name, digest)
        yield


def unpack_strictly(root: Path) -> None:
    """Unpack, and take a warning for an error."""
    warnings.simplefilter("error")
    unpack_data(root)


def start_unpacking(root: Path) -> process.BaseProcess:
    """Unpack in a process of its own, which needn't import anything."""
    started = get_context("fork").Process(target=unpack_strictly, args=[root])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that PyTorch has threads when we fork
        started.start()
    return started


def sha256(path: Path) -> str:
    """Of a file's bytes, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def damaged(root: Path) -> list[str]:
    """The files under their real names that are not whole."""
    present = [(root / "MNIST" / "raw" / name, digest) for name, digest in MNIST_FILES.items()]
    return [path.name for path, digest in present if path.exists() and sha256(path) != digest]


def test_two_processes_at_once_leave_whole_files(tmp_path: Path) -> None:
    processes = [start_unpacking(tmp_path) for _ in range(2)]
    for started in processes:
        started.join(120)
    assert [started.exitcode for started in processes] == [0, 0]
    assert sorted(path.name for path in (tmp_path / "MNIST" / "raw").iterdir()) == sorted(MNIST_FILES)
    assert damaged(tmp_path) == []


@pytest.mark.parametrize("name", list(MNIST_FILES))
def test_a_kill_in_the_middle_leaves_no_half_file(tmp_path: Path, name: str) -> None:
    started = start_unpacking(tmp_path)
    raw = tmp_path / "MNIST" / "raw"
    deadline = time.monotonic() + 120
    while not list(raw.glob(f"*{name}*")) and started.is_alive() and time.monotonic() < deadline:
        time.sleep(0.0005)  # until the file, or what will become it, is there
    started.kill()
    started.join()
    assert damaged(tmp_path) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing that was there needed to be replaced
        unpack_data(tmp_path)
    assert damaged(tmp_path) == []


def test_a_read_only_root_with_whole_data_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpack_data(tmp_path)
    monkeypatch.setattr(data_files, "write_atomically", lambda *_: pytest.fail("nothing needs to be written"))
    train_loader, test_loader = load_data(64, tmp_path, batched=True)
    assert (len(train_loader.dataset), len(test_loader.dataset)) == (60_000, 10_000)


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(data_files.os, "fsync", no_space)
    with pytest.raises(OSError, match=r"can't write MNIST \(No space left on device\). Pass a root that you can write to"):
        unpack_data(tmp_path)
    assert list((tmp_path / "MNIST" / "raw").iterdir()) == []


@pytest.mark.parametrize("packed", [b"", b"not xz", "cut", "altered"])
def test_a_damaged_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bytes | str) -> None:
    name = "t10k-labels-idx1-ubyte"
    whole = (files("mnist_s6") / "data" / f"{name}.xz").read_bytes()
    content = {"cut": whole[:-100], "altered": whole[:2000] + b"\0" + whole[2001:]}.get(packed, packed)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / f"{name}.xz").write_bytes(content)
    monkeypatch.setattr(data_files, "files", lambda _: tmp_path)
    monkeypatch.setattr(data_files, "MNIST_FILES", {name: MNIST_FILES[name]})
    with pytest.raises(RuntimeError, match=rf"can't read {name}.xz inside mnist_s6 \(.+\). Reinstall the package"):
        unpack_data(tmp_path)
    assert list(tmp_path.rglob("*ubyte*.tmp")) == []
