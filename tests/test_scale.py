"""Trainings that several processes share: the same as alone, whoever dies."""

import os
import re
import shutil
import signal
import sys
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

import mnist_s6.datasets
import mnist_s6.train as library
import pytest
import torch
import torch.distributed as dist
import torch.distributed.run as run
from mnist_s6 import scale
from mnist_s6.commands import start_train
from mnist_s6.datasets import MEAN, STD, BatchedLoader
from mnist_s6.model import FastNet
from mnist_s6.scale import _SharedBatchNorm, _Sum
from mnist_s6.small import TinyNet
from mnist_s6.train import MILD, PLAIN, Recipe
from mnist_s6.truth import SealedTest
from helpers import ROOT, free_port
from images import DATA, few_images, mnist
from matplotlib.figure import Figure
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import Subset

IMAGES = 203  # in batches of 100: the last has 3, fewer than 4 processes
EPOCHS = 4
TOLERANCE = 1e-6
WHOLE = ["checkpoint.safetensors", "curves.png", "history.csv", "ledger.json", "weights.safetensors"]
fork = get_context("fork")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """All trainings of this file are small, in double precision, and on one thread, so that a fork is safe."""
    mnist(True), mnist(False)  # read before anything is forked
    for module in library, mnist_s6.datasets:  # the command reads the test images from there
        monkeypatch.setattr(module, "load_data", few_images(IMAGES, 101))
    monkeypatch.setattr(library.History, "plot", lambda history: Figure(figsize=(1, 1)))  # the real one takes longer than a training
    for name, augmentation in ("tiny", MILD), ("unchanged", PLAIN):
        monkeypatch.setitem(library.RECIPES, name, Recipe(name, FastNet, (4, 6, 8), EPOCHS, batch_size=100, augmentation=augmentation))
    monkeypatch.setitem(library.RECIPES, "shared", Recipe("shared", TinyNet, (4, 4, 4), EPOCHS, batch_size=100, augmentation=MILD))
    monkeypatch.setitem(library.RECIPES, "taught", Recipe("taught", FastNet, (4, 6, 8), EPOCHS, batch_size=100, augmentation=MILD, soft=0.9))
    choosing = Recipe("choosing", FastNet, (4, 6, 8), EPOCHS, batch_size=50, augmentation=MILD, share=0.5, hard=0.7, settled=2)
    monkeypatch.setitem(library.RECIPES, "choosing", choosing)
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_num_threads(threads)


def work(words: list[str], log: Path, rank: int, dies: tuple[int, int]) -> None:
    """What one process does, noting the images that its network sees while it learns; one is killed after some of them."""
    os.environ["RANK"] = str(rank)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as usual, also where the tests run in the background
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the command answers it; after that, a late one must not change the status
    sys.stdout, sys.stderr = (open(f"{log}.{kind}{rank}", "w", buffering=1) for kind in ("out", "err"))
    seen, forward = [], FastNet.forward

    def noting(model: FastNet, images: torch.Tensor) -> torch.Tensor:
        if model.training:
            seen.extend(images)
        if rank == dies[0] and len(seen) > dies[1]:
            os.kill(os.getpid(), signal.SIGKILL)
        return forward(model, images)

    FastNet.forward = noting
    status = start_train(words)
    torch.save(torch.stack(seen) if seen else torch.zeros(0), f"{log}.seen{rank}")
    sys.exit(status)


class Group:
    """Processes that train together as under torchrun, which is in the place of this process."""

    def __init__(self, count: int, folder: Path, *words: str, recipe: str = "tiny", dies: tuple[int, int] = (-1, 0)):
        self.log, self.count = folder.parent / f"{folder.name}-{count}", count
        port = free_port()
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count),
                       "LOCAL_WORLD_SIZE": str(count), "TORCHELASTIC_USE_AGENT_STORE": "True"}
        arguments = [recipe, "--seed", "3", "--output", str(folder), *words]
        self.processes = [fork.Process(target=work, args=(arguments, self.log, rank, dies), daemon=True) for rank in range(count)]
        for process in self.processes:
            process.start()
        self.store = dist.TCPStore("127.0.0.1", port, is_master=True, wait_for_workers=False) if count > 1 else None
        for name in ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "TORCHELASTIC_USE_AGENT_STORE"):
            del os.environ[name]

    def wait(self) -> list[int | None]:
        """The exit status of each, within a minute."""
        end = time.monotonic() + 60
        for process in self.processes:
            process.join(max(0, end - time.monotonic()))
            process.kill()  # of no effect on one that has ended
            process.join()
        self.store = None  # a later fork must not inherit it
        return [process.exitcode for process in self.processes]

    def text(self, kind: str, rank: int) -> str:
        """What one of them printed."""
        path = Path(f"{self.log}.{kind}{rank}")
        return path.read_text() if path.exists() else ""

    def said(self) -> list[str]:
        """All lines on standard error, but for what a progress bar draws."""
        text = "\n".join(self.text("err", rank) for rank in range(self.count))
        return [line for line in re.split(r"[\r\n]+", text) if line.strip() and "|" not in line]

    def reach(self, epoch: str) -> None:
        """Wait until an epoch has ended, as in '1/6'."""
        end = time.monotonic() + 30
        while f"{epoch} " not in self.text("out", 0):
            if time.monotonic() > end or not all(process.is_alive() for process in self.processes):
                pytest.fail(f"{self.wait()} before epoch {epoch}: {self.said()}")
            time.sleep(0.005)


def train(count: int, folder: Path, *words: str, recipe: str = "tiny") -> Group:
    """A training to its end, which must go well; only the first process says or writes anything."""
    group = Group(count, folder, *words, recipe=recipe)
    assert group.wait() == [0] * count, group.said()
    assert group.said() == []
    assert [bool(group.text("out", rank)) for rank in range(count)] == [True] + [False] * (count - 1)
    assert sorted(path.name for path in folder.iterdir()) == WHOLE
    return group


def curves(folder: Path) -> torch.Tensor:
    """Losses, accuracies and learning rates of all epochs."""
    lines = (folder / "history.csv").read_text().splitlines()[1:]
    return torch.tensor([[float(number) for number in line.split(",")[:-1]] for line in lines])


def distance(one: Path, other: Path) -> float:
    """The largest difference of two runs, in curves and weights."""
    assert curves(one).shape == curves(other).shape == (EPOCHS, 6)
    a, b = (load_file(folder / "weights.safetensors") for folder in (one, other))
    assert a.keys() == b.keys() and all(a[name].shape == b[name].shape for name in a)
    return max((curves(one) - curves(other)).abs().max().item(), *((a[name] - b[name]).abs().max().item() for name in a))


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """Where the same training by one process goes."""
    return tmp_path_factory.mktemp("alone") / "run"


def the_same(folder: Path, alone: Path) -> bool:
    """Whether a run is that of one process."""
    if not alone.exists():
        train(1, alone)
    return distance(folder, alone) < TOLERANCE


@pytest.mark.parametrize("count", [2, 4])
def test_the_curve_of_one_process(count, tmp_path, alone):
    """Batches that do not divide evenly, batch norm and augmentation: all is as if nothing were shared."""
    train(count, tmp_path / "run")
    assert the_same(tmp_path / "run", alone)


def test_kernels_that_layers_share(tmp_path):
    """A network that uses some of its weights several times, and whose batch norm has no factor."""
    for count in (1, 2):
        train(count, tmp_path / str(count), recipe="shared")
    assert distance(tmp_path / "1", tmp_path / "2") < TOLERANCE


def test_soft_targets(tmp_path, alone):
    """Each process learns its images' own targets; and they make another network than labels do."""
    for count in (1, 2):
        train(count, tmp_path / str(count), recipe="taught")
    assert distance(tmp_path / "1", tmp_path / "2") < TOLERANCE
    assert not the_same(tmp_path / "2", alone)


def test_a_choice_of_images_and_a_block_that_settles(tmp_path):
    """All processes are told the same losses and choose the same, and they agree anew on whose gradients they send."""
    for count in (1, 2, 4):
        train(count, tmp_path / str(count), recipe="choosing")
    assert max(distance(tmp_path / "1", tmp_path / count) for count in "24") < TOLERANCE


@pytest.mark.parametrize("count", [1, 2, 4])
def test_each_image_once_an_epoch(count, tmp_path):
    """Of what the networks have seen in training, each image is there once for each epoch."""
    group = train(count, tmp_path / "run", "--epochs", "2", recipe="unchanged")
    parts = [torch.load(f"{group.log}.seen{rank}") for rank in range(count)]
    assert max(map(len, parts)) - min(map(len, parts)) <= 2 * 3  # at most one in each batch
    seen = Counter(image.numpy().round(6).tobytes() for image in torch.cat(parts))
    images = (mnist(True).data[:IMAGES, None] / 255 - MEAN) / STD
    assert seen == Counter({image.numpy().round(6).tobytes(): 2 for image in images}) and len(seen) == IMAGES


@pytest.mark.parametrize("count", [2, 3, 4])
def test_each_image_is_made_by_one_process(count, monkeypatch):
    """Of both loaders, whether augmented or not: what the processes make adds up to what one makes alone."""

    def loaders() -> tuple[BatchedLoader, ...]:
        some = Subset(mnist(True), range(23))  # in batches of 10: the last has 3, fewer than 4 processes
        return BatchedLoader(some, 10, MILD, seed=1), BatchedLoader(some, 10)

    monkeypatch.setattr(scale, "SharedNetwork", lambda model: model)  # the real one needs the others
    made: list[list[torch.Tensor]] = [[], []]
    for process in range(count):
        monkeypatch.setattr(scale, "part", lambda process=process: (process, count))
        _, shared = scale.distribute(nn.Identity(), *loaders())
        for parts, loader in zip(made, shared, strict=True):
            parts.append(torch.cat([images for images, _ in loader]))
    for parts, alone in zip(made, loaders(), strict=True):
        assert torch.allclose(torch.stack(parts).sum(0), torch.cat([images for images, _ in alone]))
        makers = torch.stack(parts).flatten(2).any(2).sum(0)  # of each image
        assert makers.tolist() == [1] * 23


@pytest.mark.parametrize(("count", "victim"), [(2, 1), (2, 0), (4, 0)])
def test_a_process_dies(count, victim, tmp_path, alone):
    """SIGKILL of any: one clear line, a checkpoint, and the same curve after going on with another number of processes."""
    folder = tmp_path / "run"
    group = Group(count, folder, dies=(victim, 2 * IMAGES // count + 10))  # in the third epoch
    group.processes[victim].join(60)
    start = time.monotonic()
    for rank in set(range(count)) - {victim}:  # as torchrun does when it finds one dead
        os.kill(group.processes[rank].pid, signal.SIGTERM)
    statuses = group.wait()
    assert time.monotonic() - start < 30
    assert statuses == [-signal.SIGKILL if rank == victim else 1 for rank in range(count)], statuses
    (line,) = group.said()
    assert line.startswith("mnist_s6_train: another process of this training is gone")
    assert f"torchrun --nproc-per-node={count} -m mnist_s6.commands train tiny" in line and line.endswith("--resume")
    assert [path.name for path in folder.iterdir() if path.suffix != ".tmp"] == ["checkpoint.safetensors"]
    for other in (1, 4 if count == 2 else 2):
        shutil.copytree(folder, tmp_path / f"{other}")
        train(other, tmp_path / f"{other}", "--resume")
        assert the_same(tmp_path / f"{other}", alone)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped(number, tmp_path):
    """Ctrl-C and the polite end: one line that says how to go on, and a checkpoint."""
    library.RECIPES["tiny"] = Recipe("tiny", FastNet, (4, 6, 8), epochs=999, batch_size=100, augmentation=MILD)
    group = Group(2, tmp_path / "run")
    group.reach("1/999")
    for process in group.processes:
        os.kill(process.pid, number)
    statuses = group.wait()
    assert 130 in statuses and 0 not in statuses
    (line,) = group.said()
    assert line.startswith("mnist_s6_train: stopped; to go on") and line.endswith("--resume") and "torchrun --nproc-per-node=2" in line
    assert (tmp_path / "run" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_shared_batch_norm_alone_is_pytorchs(affine, layout, tmp_path):
    """Values, slopes and running statistics, of whatever lies in memory however; it says so if it is asked for slopes of slopes."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        x, slopes = torch.randn(2, 6, 3, 4, 5).double().add(7).unbind()  # far from 0: means and slopes don't cancel
        found = []
        for norm in nn.BatchNorm2d(3, affine=affine).double(), _SharedBatchNorm(3, affine=affine).double():
            own = x.clone(memory_format=layout).requires_grad_()
            y = norm(own)
            y.backward(slopes)
            found.append([y, own.grad, *(p.grad for p in norm.parameters()), *norm.buffers()])
        assert len(found[0]) == len(found[1]) == 5 + 2 * affine
        for theirs, ours in zip(*found):
            torch.testing.assert_close(ours, theirs)
        (slope,) = torch.autograd.grad(norm(own).sin().sum(), own, create_graph=True)
        with pytest.raises(RuntimeError, match="once_differentiable"):
            slope.sum().backward()
    finally:
        dist.destroy_process_group()


def sum_both_ways(rank: int, store: str, found) -> None:
    """Sum a tensor over two processes, by our function and by PyTorch's: values and gradients."""
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    start = torch.arange(24.0).reshape(2, 3, 2, 2).to(memory_format=torch.channels_last) + rank
    for sum_over_all in _Sum.apply, dist.nn.functional.all_reduce:
        own = start.clone().requires_grad_()
        total = sum_over_all(own)
        ((1 + rank) * total**2).sum().backward()
        found.put((rank, total.tolist(), own.grad.tolist()))
    dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore:torch.distributed.nn.functional.all_reduce is deprecated")
def test_the_sum_is_pytorchs(tmp_path):
    """Forward and backward; also by hand: s is the sum, and each of x and its partner gets 2s from one loss and 4s from the other."""
    pytest.importorskip("torch.distributed.nn.functional")
    found = fork.Queue()
    processes = [fork.Process(target=sum_both_ways, args=(rank, str(tmp_path / "store"), found), daemon=True) for rank in range(2)]
    for process in processes:
        process.start()
    results = sorted(found.get(timeout=60) for _ in range(4))
    for process in processes:
        process.join(60)
        process.kill()
    assert results[0] == results[1] and results[2] == results[3]
    total = 2 * torch.arange(24.0).reshape(2, 3, 2, 2) + 1
    for _, value, gradient in results:
        assert value == total.tolist() and gradient == (6 * total).tolist()


@pytest.mark.parametrize(("words", "expected"), [(["--resume"], "there is no checkpoint"), (["--epochs", "0"], "epochs is 0"),
                                                 (["--seed", "x"], "argument --seed")])
def test_errors_are_one_line(words, expected, tmp_path):
    """Whichever processes meet an error: the cause is said once."""
    group = Group(2, tmp_path / "run", *words)
    assert all(group.wait())
    (line,) = group.said()
    assert expected in line and not (tmp_path / "run").exists()


LESS = """import os
if "RANK" in os.environ:  # not in torchrun itself
    from dataclasses import replace
    from mnist_s6.train import RECIPES
    RECIPES["less"] = replace(RECIPES["quick"], name="less", share=0.1)
"""


def torchrun(words: list[str], folder: Path) -> None:
    """What the command torchrun does; the processes that it starts find the recipe in `folder`, and this one's outputs go there."""
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    for number, name in (1, "out"), (2, "err"):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), number)
    run.main(words)


def test_the_real_command(tmp_path):
    """torchrun, with a recipe of the course on a tenth of the images for an epoch: one process speaks and writes."""
    (tmp_path / "sitecustomize.py").write_text(LESS)
    words = ["--master-addr", "127.0.0.1", "--master-port", str(free_port()), "--nproc-per-node=2",
             "-m", "mnist_s6.commands", "train", "less", "--epochs", "1", "--output", str(tmp_path / "run"), "--data", str(DATA)]
    process = fork.Process(target=torchrun, args=(words, tmp_path))
    process.start()
    process.join(240)
    process.kill()  # of no effect on one that has ended
    out, err = ((tmp_path / name).read_text() for name in ("out", "err"))
    assert process.exitcode == 0, err
    epoch, last = out.splitlines()
    assert epoch.startswith("epoch  1/1") and last.startswith("test accuracy 9") and "Traceback" not in err
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == WHOLE
    assert len(SealedTest((), tmp_path / "run" / "ledger.json").openings) == 1
