"""Files that are damaged, folders that can't be written to, and where each system keeps its cache."""

import functools
import os
import sys
import tempfile
import warnings
from pathlib import Path

import platformdirs
import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows

from mnist_s6 import datasets, files
from mnist_s6.files import cache_folder, course_folder, data_folder, one_writes, read_idx, unpack_data, write_atomically, writing

TOY = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(12))
as_root = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture
def no_cache_named(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """None of the variables that name a cache is set."""
    for name in ("MNIST_S6_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "toy").write_bytes(TOY)
    assert read_idx(str(tmp_path / "toy")).tolist() == [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (TOY[:-1], "has 27 bytes, but its header says 28: it is damaged. Delete it"),
        (TOY + b"\0", "has 29 bytes, but its header says 28: it is damaged. Delete it"),
        (b"<html>403 Forbidden", "has 19 bytes, and is no IDX file. Delete it"),
        (b"", "has 0 bytes, and is no IDX file"),
        (TOY[:3], "is no IDX file"),
        (TOY[:4], "is no IDX file"),  # the sizes are missing
        (TOY[:10], "is no IDX file"),
        (b"\0\0\x08\0" + TOY[4:], "is no IDX file"),  # no dimension
        (b"\0\0\x0d" + TOY[3:], "is no IDX file"),  # numbers of four bytes
        (b"\x1f\x8b\x08\x03" + TOY[4:], "is no IDX file"),  # gzip
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "damaged").write_bytes(data)
    with pytest.raises(ValueError, match=message) as caught:
        read_idx(tmp_path / "damaged")
    assert str(tmp_path / "damaged") in str(caught.value)


def test_an_error_keeps_its_kind_number_and_path() -> None:
    with pytest.raises(PermissionError, match=r"can't write a note \(Permission denied\). Ask somebody") as caught:
        with writing("a note", "note.txt", "Ask somebody"):
            raise PermissionError(13, "Permission denied")
    assert (caught.value.errno, caught.value.filename) == (13, "note.txt")
    assert isinstance(caught.value.__cause__, PermissionError)


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(KeyError, match="'x'"):
        with writing("a note", "note.txt", "Ask somebody"):
            raise KeyError("x")


def test_what_fails_while_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = tmp_path / "note.txt"
    write_atomically(note, b"old")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    for step in "fsync", "replace":
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(files.os, step, interrupted)
            write_atomically(note, b"new")
        assert note.read_bytes() == b"old"
        assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="can't write the weights .*Pass a path in a folder that you can write to"):
        write_atomically(tmp_path / "nowhere" / "note.txt", b"new", "the weights")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_rights_of_any_new_file(tmp_path: Path, request: pytest.FixtureRequest, mask: int, mode: int) -> None:
    """As the umask says; one that is replaced keeps its own, also those that a new one would not get."""
    request.addfinalizer(functools.partial(os.umask, os.umask(mask)))
    note = tmp_path / "note.txt"
    write_atomically(note, b"1")
    assert note.stat().st_mode & 0o777 == mode
    for kept in 0o600, 0o640, 0o666:
        note.chmod(kept)
        write_atomically(note, b"2")
        assert note.stat().st_mode & 0o777 == kept and note.read_bytes() == b"2"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_what_is_private_is_so_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the file that is there for a moment."""
    note, modes = tmp_path / "note.txt", []
    note.touch(0o600)
    monkeypatch.setattr(files.os, "fsync", lambda _: modes.extend(path.stat().st_mode & 0o777 for path in tmp_path.iterdir()))
    write_atomically(note, b"new")
    assert modes == [0o600, 0o600]


@pytest.mark.parametrize("name", ["n" * 250, "n" * 255, "é" * 127, "🖋" * 63])
def test_a_long_name_is_written(tmp_path: Path, name: str) -> None:
    """As long as the system allows: 255 bytes."""
    for data in b"first", b"second":
        write_atomically(tmp_path / name, data)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, b"second")]


def test_a_root_that_is_a_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_bytes(b"precious")
    with pytest.raises(OSError, match=r"can't write MNIST \([^)]*\). Pass a root that you can write to.*note.txt"):
        unpack_data(tmp_path / "note.txt")
    assert (tmp_path / "note.txt").read_bytes() == b"precious"


@pytest.mark.skipif(as_root or sys.platform == "win32", reason="root may write everywhere")
def test_a_read_only_root_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(PermissionError, match="can't write MNIST .*set MNIST_S6_CACHE to such a folder"):
        unpack_data(tmp_path)


def test_a_damaged_file_is_replaced_with_a_warning(tmp_path: Path) -> None:
    labels = unpack_data(tmp_path) / "t10k-labels-idx1-ubyte"
    whole = labels.read_bytes()
    labels.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # one bit
    with pytest.warns(UserWarning, match="t10k-labels-idx1-ubyte was damaged"):
        unpack_data(tmp_path)
    assert labels.read_bytes() == whole
    labels.write_bytes(whole[:-1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="was damaged .its SHA-256 is wrong.: replaced it"):
            unpack_data(tmp_path)
    assert labels.read_bytes() == whole  # it says so after it is done


def test_a_lock_that_can_not_be_had_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock's file is at fault, not the file that it is for, which may be where anyone can write."""
    (tmp_path / "no folder").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no folder"))
    with pytest.raises(OSError, match="can't write the lock of .*ledger.json .*TMPDIR") as caught:
        with one_writes(tmp_path / "ledger.json"):
            pass
    assert Path(caught.value.filename).parent == tmp_path / "no folder"


@pytest.mark.parametrize(
    ("system", "variables", "place"),
    [
        (Unix, {}, "/me/.cache/mnist_s6"),
        (Unix, {"XDG_CACHE_HOME": "/fast"}, "/fast/mnist_s6"),
        (MacOS, {}, "/me/Library/Caches/mnist_s6"),
        (Windows, {}, "/there/mnist_s6/Cache"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="only Windows itself knows its folders")
def test_the_cache_of_each_system(
    no_cache_named: pytest.MonkeyPatch, system: type, variables: dict[str, str], place: str
) -> None:
    no_cache_named.setattr(platformdirs, "PlatformDirs", system)
    no_cache_named.setattr("platformdirs.windows.get_win_folder", lambda _: "/there")  # the user's application data
    no_cache_named.setenv("HOME", "/me")
    for name, value in variables.items():
        no_cache_named.setenv(name, value)
    found = cache_folder()
    assert str(found).replace("\\", "/") == place
    no_cache_named.setenv("MNIST_S6_CACHE", "")  # empty is as if not set
    assert cache_folder() == found
    no_cache_named.setenv("MNIST_S6_CACHE", "mine")
    assert cache_folder() == Path("mine")


def test_the_home_folder_may_be_named_by_a_tilde(no_cache_named: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_cache_named.setenv("HOME", str(tmp_path))
    no_cache_named.setenv("MNIST_S6_CACHE", "~/mine")
    assert cache_folder() == (tmp_path / "mine" if sys.platform != "win32" else Path("~/mine").expanduser())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows its folders without a variable")
def test_without_a_home_the_error_says_what_works(no_cache_named: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import pwd

    no_cache_named.chdir(tmp_path)
    no_cache_named.delenv("HOME")
    no_cache_named.setattr(pwd, "getpwuid", lambda _: {}[0])  # as in a container with any number for a user
    remedy = r"no home folder. Pass a root that you can write to \(in a terminal, --data FOLDER\), or set MNIST_S6_CACHE to such a folder$"
    with pytest.raises(OSError, match=remedy):
        cache_folder()
    no_cache_named.setenv("MNIST_S6_CACHE", "~/mine")
    with pytest.raises(OSError, match=remedy):
        cache_folder()
    no_cache_named.setenv("MNIST_S6_CACHE", str(tmp_path / "mine"))  # as it said
    assert cache_folder() == tmp_path / "mine" and not list(tmp_path.iterdir())


def test_a_home_that_cannot_be_written_is_not_the_remedy(no_cache_named: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder, so that root can't write in it either")
    no_cache_named.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    with pytest.raises(OSError) as caught:
        unpack_data(cache_folder())
    remedy, failed = str(caught.value).split("It failed at: ")
    assert "--data FOLDER" in remedy and "set MNIST_S6_CACHE to such a folder" in remedy and "home" not in remedy
    assert failed == repr(str(tmp_path / "home" / "cache" / "mnist_s6" / "MNIST" / "raw"))


def test_the_data_is_beside_the_notebooks_of_a_clone(no_cache_named: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "mnist_s6"
    package.mkdir()
    no_cache_named.setattr(files, "files", lambda _: package)
    assert course_folder() is None and data_folder() == cache_folder()
    (tmp_path / "nbs").mkdir()
    assert course_folder() is None  # any folder may have one of that name
    (tmp_path / "settings.ini").touch()
    assert (course_folder(), data_folder()) == (tmp_path, tmp_path / "data")
    no_cache_named.setenv("MNIST_S6_CACHE", "mine")
    assert data_folder() == Path("mine")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What it leads to is written, also where nothing is there yet; the temporary file is there too."""
    (tmp_path / "large").mkdir()
    link, there = tmp_path / "note.txt", tmp_path / "large" / "note.txt"
    link.symlink_to(there)
    for data in b"first", b"second":
        write_atomically(link, data)
        assert link.is_symlink() and there.read_bytes() == data and not there.is_symlink()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["large", "note.txt", "note.txt"]


def test_what_is_write_protected_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename needs no right to the file itself, so it is asked for; root has it always, and so is not asked here."""
    note = tmp_path / "note.txt"
    write_atomically(note, b"first")
    note.chmod(0o444)
    monkeypatch.setattr(os, "access", lambda path, how: not (Path(path) == note and how == os.W_OK))
    with pytest.raises(PermissionError, match="can't write the file .it is write-protected: allow writing to it, or name another.. Pass a path"):
        write_atomically(note, b"second")
    assert note.read_bytes() == b"first" and list(tmp_path.iterdir()) == [note]


def test_the_home_folder_has_a_short_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """~ in a root, as torchvision understands it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert unpack_data("~/mnist") == tmp_path / "mnist/MNIST/raw"
    assert len(datasets.load_data(1000, "~/mnist", batched=True)[1].labels) == 10_000


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    """A pipe, and a link to a device: root could replace even that."""
    pipe, device = tmp_path / "pipe", tmp_path / "device"
    os.mkfifo(pipe)
    device.symlink_to("/dev/null")
    for path in pipe, device:
        with pytest.raises(OSError, match="can't write the file .a pipe or device is there.. Pass a path"):
            write_atomically(path, b"data")
    assert pipe.is_fifo() and device.is_char_device() and len(list(tmp_path.iterdir())) == 2
