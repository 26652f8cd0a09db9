"""Soft targets: edge cases of the file, of mixing, of which image gets which row, and of trainings with them."""

import lzma
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Subset
from torchvision.datasets import MNIST

from mnist_s6 import distillation
from mnist_s6.augment import Augmentation
from mnist_s6.checks import check_probabilities
from mnist_s6.datasets import BatchedLoader, load_data
from mnist_s6.distillation import ask_teachers, mix_targets, pack_targets, soft_targets, softened, unpack_targets
from mnist_s6.files import data_folder
from mnist_s6.fit import fit
from mnist_s6.model import FastNet
from mnist_s6.train import RECIPES, Recipe, run_recipe, train_in_folder
from mnist_s6.util import train_epoch
from mnist_s6.weights import weights_digest

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "mnist_s6" / "weights" / "soft_targets.xz"
TINY = Recipe("tiny", FastNet, (2, 2, 2), 2, batch_size=100, augmentation=Augmentation(), share=0.02, soft=0.9)


@pytest.fixture(scope="module")
def mnist() -> MNIST:
    """The training images."""
    return load_data(100, batched=True)[0].dataset


def small_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


# Numbers and files

def test_the_shipped_targets_are_of_these_images(mnist: MNIST) -> None:
    """Their most probable digit is nearly always the label; a shift by one row would leave a tenth of that."""
    found = soft_targets()
    assert found.shape == (60_000, 10) and found.dtype == torch.float32
    check_probabilities(found)
    assert (found.argmax(1) == mnist.targets).float().mean() > 0.99
    assert FILE.stat().st_size < 400_000


@pytest.mark.parametrize("damage", [
    lambda data: data[:-1], lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"hello",
    lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:], lambda data: bytes(60) + data,
    lambda data: lzma.compress(bytes(600_000)), lambda data: lzma.compress(b"\xff" * 17), lambda data: lzma.compress(b""), lambda data: pack_targets(torch.eye(10)),
])
def test_a_damaged_file_is_told(damage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what to do; also where it is whole, but something else."""
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / FILE.name).write_bytes(damage(FILE.read_bytes()))
    monkeypatch.setattr(distillation, "files", lambda _: tmp_path)
    with pytest.raises(RuntimeError, match=r"can't read the soft targets inside mnist_s6 \(.+\). Reinstall the package"):
        soft_targets()


def test_a_missing_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distillation, "files", lambda _: tmp_path)
    with pytest.raises(RuntimeError, match="inside mnist_s6 .*soft_targets.xz"):
        soft_targets()


def test_packing_rounds_to_a_255th() -> None:
    torch.manual_seed(0)
    targets = torch.randn(500, 10).mul(3).softmax(1)
    again = unpack_targets(pack_targets(targets))
    check_probabilities(again)
    assert (again - targets).abs().max() < 2.5 / 255 and pack_targets(again) == pack_targets(again)
    for wrong in (torch.rand(5, 10), torch.eye(9), torch.eye(10).long(), torch.full((2, 10), float("nan")), -torch.eye(10)):
        with pytest.raises(ValueError, match=r"expected probabilities \(N, 10\)"):
            pack_targets(wrong)


@pytest.mark.parametrize(("soft", "labels", "weight", "error", "message"), [
    (torch.eye(10), torch.arange(10), 1.1, ValueError, "weight is 1.1"), (torch.eye(10), torch.arange(10), "1", TypeError, "weight is '1'"),
    (torch.eye(10), torch.arange(9), 0.5, ValueError, "the number of labels is 9; expected a number from 10 to 10"),
    (torch.eye(10), torch.arange(10) + 1, 0.5, ValueError, "labels are from 1 to 10"), (torch.eye(10) * 2, torch.arange(10), 0.5, ValueError, "a row is off by 1"),
    (torch.eye(10), torch.eye(10), 0.5, ValueError, "labels have shape (10, 10)"),
])
def test_what_cannot_be_mixed(soft: torch.Tensor, labels: torch.Tensor, weight: float, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        mix_targets(soft, labels, weight)


def test_teachers_are_asked_as_they_are() -> None:
    """In evaluation mode, whatever their mode, which they keep; several are averaged."""
    batches = [(torch.rand(6, 1, 28, 28), torch.zeros(6).long()), (torch.rand(3, 1, 28, 28), torch.zeros(3).long())]
    torch.manual_seed(0)
    teachers = [FastNet(), FastNet()]
    said = ask_teachers(teachers, batches)
    one, other = (torch.cat([teacher.eval()(x).softmax(1) for x, _ in batches]) for teacher in teachers)
    assert torch.allclose(said, (one + other) / 2, atol=1e-6) and said.shape == (9, 10)
    teachers[0].train()
    assert torch.equal(ask_teachers(teachers, batches), said) and teachers[0].training
    with pytest.raises(ValueError, match="the number of images in the loader is 0"):
        ask_teachers(teachers, [])
    with pytest.raises(TypeError, match="teachers came as FastNet"):
        ask_teachers(teachers[0], batches)


# Which image gets which row

def test_each_image_keeps_its_own_row(mnist: MNIST, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of validation, of a part of a part, in every order; here each row says which image it is of."""
    rows = torch.arange(60_000.0)[:, None] / 60_000
    marked = torch.cat([rows, 1 - rows, torch.zeros(60_000, 8)], 1)
    monkeypatch.setattr(distillation, "soft_targets", lambda: marked)
    kept, _ = load_data(100, batched=True, validation=10_000, seed=0)
    part_of_part = Subset(Subset(mnist, range(59_999, 100, -1)), [5, 0, 700])
    for loader in kept, BatchedLoader(mnist, 100), BatchedLoader(part_of_part, 2), BatchedLoader(Subset(mnist, torch.arange(7, 20)), 5):
        places = (softened(loader, 1.0).labels[:, 0] * 60_000).round().long()
        assert torch.equal(mnist.data[places], loader.images[:, 0]) and len(places) == len(loader.images)
    assert len(kept.images) == 50_000 and not torch.equal(places, torch.arange(len(places)))


def test_softening_leaves_the_loader_as_it_is() -> None:
    """The same images and draws; weight 0 changes nothing at all; and twice is told."""
    first, second = (load_data(100, batched=True, seed=3, share=0.01)[0] for _ in range(2))
    taught = softened(first, 0.9)
    assert softened(first, 0.0) is first and first.labels.ndim == 1 and taught.labels.shape == (60_000, 10)
    for (x, targets), (y, labels) in zip(taught, second, strict=True):
        assert torch.equal(x, y) and (targets.gather(1, labels[:, None]) >= 0.1 - 1e-6).all()
    for weight, error in ((-0.1, ValueError), (2, ValueError), (True, TypeError), ("0.9", TypeError)):
        with pytest.raises(error, match="weight is"):
            softened(first, weight)
    with pytest.raises(ValueError, match="labels have shape"):
        softened(taught, 0.9)
    with pytest.raises(TypeError, match="loader is a SeededLoader; expected a BatchedLoader, from load_data"):
        softened(load_data(100)[0], 0.9)  # type: ignore[arg-type]


def test_other_images_are_refused(mnist: MNIST) -> None:
    """The test images, and training images that somebody has changed; then nothing is trained."""
    changed = MNIST(str(data_folder()), train=True)
    changed.data = changed.data.flip(2)
    small = MNIST(str(data_folder()), train=True)
    small.data, small.targets = small.data[:100], small.targets[:100]
    for dataset in (MNIST(str(data_folder()), train=False), changed, small, Subset(changed, range(9))):
        with pytest.raises(ValueError, match=r"from a MNIST of [\d,]+ that isn't MNIST's training file.*soft=0"):
            softened(BatchedLoader(dataset, 50), 0.9)


# Trainings

def test_hard_targets_are_labels() -> None:
    """One-hot probabilities train as labels do, with smoothing too, and count as many right answers."""
    images, labels = torch.rand(60, 1, 28, 28), torch.arange(60) % 10
    for smoothing in (0.0, 0.1):
        found = []
        for told in (labels, F.one_hot(labels, 10).float(), F.one_hot(labels, 10).double()):
            net = small_net()
            score = train_epoch(net, [(images[:40], told[:40]), (images[40:], told[40:])], torch.optim.SGD(net.parameters(), 0.1), None, smoothing)
            found.append((score, net[1].weight))
        for score, weight in found[1:]:
            assert score == pytest.approx(found[0][0]) and torch.allclose(weight, found[0][1], atol=1e-6)


@pytest.mark.parametrize("targets", [torch.rand(8, 10), torch.eye(8), torch.eye(10)[:7], torch.full((8, 10), float("nan")), torch.eye(8)[:, :, None]])
def test_targets_that_do_not_fit_are_told_before_a_step(targets: torch.Tensor) -> None:
    net, plain = small_net(), [(torch.rand(8, 1, 28, 28), torch.arange(8))]
    before = net[1].weight.clone()
    with pytest.raises(ValueError, match="expected"):
        fit(net, [(torch.rand(8, 1, 28, 28), targets)], plain, epochs=1)
    assert torch.equal(net[1].weight, before)


def digest(recipe: Recipe, seed: int = 1) -> str:
    return weights_digest(run_recipe(recipe, seed, validation=1000, device="cpu").model.state_dict())


def test_a_soft_training_repeats_itself_and_differs() -> None:
    """From one without, and from one with another weight."""
    assert (once := digest(TINY)) == digest(TINY)
    assert len({once, digest(TINY, 2), digest(replace(TINY, soft=0.0)), digest(replace(TINY, soft=0.5))}) == 4
    with pytest.raises(ValueError, match="weight is 1.5"):
        run_recipe(replace(TINY, soft=1.5), validation=1000, device="cpu")


def test_a_soft_training_goes_on_from_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the same weights; another weight of the targets, and other targets, are another training."""
    from mnist_s6 import train

    whole = train_in_folder(TINY, tmp_path / "whole", 1, validation=1000, device="cpu")
    save = train.save_checkpoint

    def stopping(path, training, recipe, seed):
        save(path, training, recipe, seed)
        if len(training.history) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(train, "save_checkpoint", stopping)
    with pytest.raises(KeyboardInterrupt):
        train_in_folder(TINY, tmp_path / "cut", 1, validation=1000, device="cpu")
    monkeypatch.undo()
    with pytest.raises(ValueError, match="recipe.soft is 0.9 there and 0.5 here"):
        train_in_folder(replace(TINY, soft=0.5), tmp_path / "cut", 1, validation=1000, device="cpu", resume=True)
    others = soft_targets().flip(1)
    with monkeypatch.context() as patch:
        patch.setattr(distillation, "soft_targets", lambda: others)
        with pytest.raises(ValueError, match=r"the SHA-256 of labels or soft targets is '\w{64}' there and '\w{64}' here"):
            train_in_folder(TINY, tmp_path / "cut", 1, validation=1000, device="cpu", resume=True)
    gone_on = train_in_folder(TINY, tmp_path / "cut", 1, validation=1000, device="cpu", resume=True)
    assert weights_digest(gone_on.model.state_dict()) == weights_digest(whole.model.state_dict())
    assert gone_on.history.train_loss == whole.history.train_loss


def test_the_course_s_soft_recipes() -> None:
    """Two learn from larger networks, and without smoothing; the one that is shipped doesn't."""
    assert {name: recipe.soft for name, recipe in RECIPES.items() if recipe.soft} == {"best": 0.9, "small": 0.9}
    assert all(RECIPES[name].schedule.label_smoothing == 0 for name in ("best", "small"))


def test_the_benchmark_trains_softly_too() -> None:
    """To the same weights as `run_recipe`."""
    sys.path.insert(0, str(ROOT / "bench"))
    import seal

    ours = seal.train(TINY, 3)
    theirs = run_recipe(TINY, 3, seal.ROOT, validation=False, device="cpu")
    assert weights_digest(ours.model.state_dict()) == weights_digest(theirs.model.state_dict())


def test_teachers_see_the_same_images() -> None:
    """Also where a loader shuffles, or can be read only once; else the mean would be over different images."""
    torch.manual_seed(0)
    teachers, images = [FastNet(), FastNet()], torch.rand(6, 1, 28, 28)
    expected = ask_teachers(teachers, [(images, torch.zeros(6).long())])

    class Shuffled:
        def __iter__(self):
            self.order = torch.randperm(6)
            return iter([(images[self.order], torch.zeros(6).long())])

    loader = Shuffled()
    assert torch.allclose(ask_teachers(teachers, loader), expected[loader.order])
    assert torch.allclose(ask_teachers(teachers, iter([(images, torch.zeros(6).long())])), expected)
