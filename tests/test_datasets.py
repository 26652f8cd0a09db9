"""Loaders and what they refuse, the transforms' settings, and the exercises of the lesson."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset
from torchvision.datasets import MNIST

from mnist_s6.augment import Augmentation
from mnist_s6.datasets import (
    MEAN,
    STD,
    BatchedLoader,
    SeededLoader,
    load_data,
    make_batch,
    plain_transforms,
    plot_images,
    stratified_split,
    train_transforms,
)
from mnist_s6.files import data_folder, unpack_data
from mnist_s6.widgets import augmentation_explorer, augmentation_picture

PLAIN = Augmentation(crop_probability=0, degrees=0)
LESSON = Path(__file__).parent.parent / "nbs" / "01_datasets.ipynb"


@pytest.fixture(scope="module")
def train_set() -> MNIST:
    """The training images, not transformed."""
    unpack_data()
    return MNIST(data_folder())


def labels_of_epoch(loader: BatchedLoader) -> torch.Tensor:
    """In the order in which they come."""
    return torch.cat([labels for _, labels in loader])


# Pictures


def test_rows_columns_and_titles_of_a_picture() -> None:
    figure = plot_images(torch.rand(12, 1, 5, 7), range(12), columns=5, title="twelve")
    assert len(figure.axes) == 15  # three rows of five, and the last places stay empty
    assert [axes.get_title() for axes in figure.axes[10:]] == ["10", "11", "", "", ""]
    assert figure.get_suptitle() == "twelve"
    assert {image.get_clim() for axes in figure.axes for image in axes.images} == {figure.axes[0].images[0].get_clim()}


@pytest.mark.parametrize(
    ("shape", "titles", "message"),
    [
        ((28, 28), (), r"images have shape \(28, 28\) and 0 titles; expected \(N, H, W\)"),
        ((2, 3, 28, 28), (), r"shape \(2, 3, 28, 28\)"),
        ((0, 28, 28), (), "N at least 1"),
        ((3, 28, 28), ("a",), "1 titles; expected .*a title for each or none"),
    ],
)
def test_pictures_that_cannot_be_drawn(shape: tuple[int, ...], titles: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot_images(torch.zeros(shape), titles)


# Transforms


def test_pictures_may_be_a_list_and_titles_labels() -> None:
    images = [torch.zeros(28, 28), torch.ones(28, 28)]
    figure = plot_images(images, torch.tensor([7, 2]))
    assert [axes.get_title() for axes in figure.axes] == ["7", "2"]
    for misfits in [], [torch.zeros(28, 28), torch.zeros(20, 20)]:
        with pytest.raises(ValueError, match="images have . shapes; expected at least one image, and all of one shape"):
            plot_images(misfits)
    assert stratified_split([1, 2, 3], 1)[1].tolist() == stratified_split(torch.tensor([1, 2, 3]), 1)[1].tolist()


def test_the_steps_and_their_settings() -> None:
    names = [type(step).__name__ for step in plain_transforms().transforms]
    assert names == ["ToTensor", "Normalize"]
    names = [type(step).__name__ for step in train_transforms().transforms]
    assert names == ["RandomApply", "Resize", "RandomRotation", "ToTensor", "Normalize"]
    crop, resize, rotation, _, normalise = train_transforms().transforms
    assert (crop.p, crop.transforms[0].size) == (0.1, (22, 22))
    assert (resize.size, rotation.degrees, rotation.fill) == ((28, 28), [-15.0, 15.0], 0)
    assert (normalise.mean, normalise.std) == ((0.1307,), (0.3081,))


def test_both_make_a_tensor_of_an_image(train_set: MNIST) -> None:
    for steps in plain_transforms(), train_transforms(), train_transforms(Augmentation(shift=2, scale=0.1)):
        made = steps(train_set[0][0])
        assert made.shape == (1, 28, 28) and made.dtype is torch.float32


def test_the_explorer_finds_a_six_and_goes_back(train_set: MNIST) -> None:
    """What the lesson suggests to try."""
    explorer = augmentation_explorer(train_set)
    explorer.set(index=13, degrees=180.0)
    assert explorer.still().text.startswith("Image 13, labelled 6: ")
    explorer.set(**explorer.course)  # as the button does
    assert explorer.still().text == augmentation_picture(train_set, 13).text


def test_a_shift_and_a_scaling_add_one_step() -> None:
    for settings, translate, scale in [
        ({"shift": 7, "scale": 0.25}, (0.25, 0.25), (0.75, 1.25)),
        ({"shift": 7}, (0.25, 0.25), (1, 1)),
        ({"scale": 0.25}, (0, 0), (0.75, 1.25)),
    ]:
        steps = train_transforms(Augmentation(**settings)).transforms
        names = ["RandomApply", "Resize", "RandomRotation", "RandomAffine", "ToTensor", "Normalize"]
        assert [type(step).__name__ for step in steps] == names
        assert (steps[3].translate, steps[3].scale, steps[3].fill) == (translate, scale, 0)


# Loaders


def test_images_in_memory_are_normalised_like_one_by_one(train_set: MNIST) -> None:
    plain = MNIST(data_folder(), train=False, transform=plain_transforms())
    some = Subset(plain, range(8000, 10_000))
    for (x, y), (x_torch, y_torch) in zip(BatchedLoader(some, 900), DataLoader(some, 900), strict=True):
        torch.testing.assert_close(x, x_torch, atol=1e-5, rtol=0)
        assert torch.equal(y, y_torch)
    assert plain.data.dtype is torch.uint8 and make_batch(plain.data[:2, None]).dtype is torch.float32


def test_settings_that_change_nothing_only_shuffle(train_set: MNIST) -> None:
    x, y = next(iter(BatchedLoader(train_set, 512, PLAIN, seed=3)))
    order = torch.randperm(60_000, generator=torch.Generator().manual_seed(3))[:512]
    assert torch.equal(y, train_set.targets[order])
    torch.testing.assert_close(x[:, 0], (train_set.data[order] / 255 - MEAN) / STD, atol=1e-5, rtol=0)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 100, 511, 512, 513, 999])
def test_every_image_comes_once_in_batches_of_the_size_asked_for(train_set: MNIST, batch_size: int) -> None:
    """Whatever the number of batches that are made at once."""
    loader = BatchedLoader(Subset(train_set, range(1100)), batch_size, Augmentation(), seed=1)
    sizes = [len(y) for _, y in loader]
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1) and sum(sizes) == 1100
    assert len(loader) == len(sizes) == math.ceil(1100 / batch_size)


def test_a_share_of_an_epoch_is_drawn_anew() -> None:
    numbered = MNIST(data_folder())  # image i is filled with i
    numbered.data = torch.arange(100).byte().view(-1, 1, 1).expand(100, 28, 28)
    numbered.targets = torch.arange(100)
    half = BatchedLoader(numbered, 10, PLAIN, share=0.5)
    first, second = (labels_of_epoch(half).tolist() for _ in range(2))
    assert len(half) == 5 and len(set(first)) == len(set(second)) == 50  # no image twice
    assert set(first) != set(second)
    assert first == labels_of_epoch(BatchedLoader(numbered, 10, PLAIN)).tolist()[:50]  # it begins as the whole epoch does
    assert len(BatchedLoader(numbered, 10, PLAIN, share=1e-6)) == 1  # never none


def test_the_images_and_labels_behind_a_dataset(train_set: MNIST) -> None:
    whole, some = BatchedLoader(train_set, 2), BatchedLoader(Subset(train_set, [5, 7]), 2)
    for places in (5, 7), torch.tensor([5, 7]), range(5, 8, 2), [5, 7 - len(train_set)]:
        same = BatchedLoader(Subset(train_set, places), 2)
        assert torch.equal(same.images, some.images) and torch.equal(same.labels, some.labels)
    for beyond in len(train_set), -len(train_set) - 1:
        with pytest.raises(IndexError, match=f"index {beyond} is out of bounds"):
            BatchedLoader(Subset(train_set, [beyond]), 2)
    assert torch.equal(whole.images, train_set.data[:, None]) and torch.equal(whole.labels, train_set.targets)
    assert torch.equal(some.images, train_set.data[[5, 7], None])
    assert torch.equal(some.labels, train_set.targets[[5, 7]])


def test_a_subset_of_a_subset(train_set: MNIST) -> None:
    loader = BatchedLoader(Subset(Subset(train_set, [5, 7, 9, 11]), [1, 2, 3]), 2)
    assert len(loader) == 2
    assert torch.equal(labels_of_epoch(loader), train_set.targets[[7, 9, 11]])


def test_what_a_loader_in_memory_refuses(train_set: MNIST) -> None:
    for wrong in [1, 2], Subset([1, 2], [0]), None:
        with pytest.raises(TypeError, match="expected an MNIST with images, or a Subset of one"):
            BatchedLoader(wrong, 2)
    for wrong in -1, 0, 60_001:
        with pytest.raises(ValueError, match=f"batch_size is {wrong}"):
            BatchedLoader(train_set, wrong)
    for wrong in 0, 1.5, -1:
        with pytest.raises(ValueError, match=f"share is {wrong}; expected a number from"):
            BatchedLoader(train_set, 20, share=wrong)
    for wrong in "1", True, None:
        with pytest.raises(TypeError, match=f"share is {wrong!r}; expected a number from"):
            BatchedLoader(train_set, 20, share=wrong)
    with pytest.raises(ValueError, match="seed is -1"):
        BatchedLoader(train_set, 20, seed=-1)


def test_a_seeded_loader_leaves_the_global_source_alone(train_set: MNIST) -> None:
    dataset = Subset(MNIST(data_folder(), transform=train_transforms()), range(20))
    torch.manual_seed(0)
    before = torch.get_rng_state()
    list(SeededLoader(dataset, 1, batch_size=5, shuffle=True))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("held_out", [1, 10, 7777, 59_999, 60_000])
def test_a_split_loses_no_image(train_set: MNIST, held_out: int) -> None:
    kept, chosen = stratified_split(train_set.targets, held_out)
    assert (len(kept), len(chosen)) == (60_000 - held_out, held_out)
    assert torch.equal(torch.cat([kept, chosen]).sort().values, torch.arange(60_000))
    assert all(torch.equal(part, part.sort().values) for part in (kept, chosen))


# load_data


@pytest.mark.parametrize("options", [{"batched": True}, {"num_workers": 0}, {"num_workers": 2}])
def test_the_same_seed_gives_the_same_batches(options: dict[str, object]) -> None:
    (x, y), (x_again, y_again) = (next(iter(load_data(16, seed=5, **options)[0])) for _ in range(2))
    assert torch.equal(x, x_again) and torch.equal(y, y_again)


def test_both_kinds_of_loaders_give_the_same_test_batches() -> None:
    (train, test), (fast_train, fast_test) = (load_data(64, batched=batched) for batched in (False, True))
    assert (len(fast_train), len(fast_test)) == (len(train), len(test)) == (938, 157)
    (x, y), (x_fast, y_fast) = next(iter(test)), next(iter(fast_test))
    torch.testing.assert_close(x_fast, x, atol=1e-5, rtol=0)
    assert torch.equal(y_fast, y)


@pytest.mark.parametrize("batched", [False, True])
def test_without_a_seed_the_global_one_decides(batched: bool) -> None:
    batches = []
    for seed in 1, 1, 2:
        torch.manual_seed(seed)
        batches.append(next(iter(load_data(16, batched=batched)[0]))[0])
    assert torch.equal(batches[0], batches[1]) and not torch.equal(batches[0], batches[2])


@pytest.mark.parametrize("batched", [False, True])
def test_training_and_test_images(batched: bool) -> None:
    train_loader, test_loader = load_data(64, batched=batched)
    assert (len(train_loader.dataset), len(test_loader.dataset)) == (60_000, 10_000)
    assert (train_loader.dataset.train, test_loader.dataset.train) == (True, False)
    assert train_loader.dataset.transform.transforms[2].degrees == [-15.0, 15.0]


@pytest.mark.parametrize("batched", [False, True])
def test_validation_images_are_training_images_unchanged(train_set: MNIST, batched: bool) -> None:
    held_out = stratified_split(train_set.targets, 5000)[1]
    train_part, valid_part = load_data(100, validation=True, batched=batched)
    assert (len(train_part.dataset), len(valid_part.dataset)) == (55_000, 5_000)
    assert valid_part.dataset.dataset.train
    x, y = next(iter(valid_part))
    assert torch.equal(y, train_set.targets[held_out[:100]])
    expected = (train_set.data[held_out[:100], None] / 255 - MEAN) / STD
    torch.testing.assert_close(x, expected, atol=1e-5, rtol=0)
    assert len(load_data(100, validation=1000, batched=batched)[1].dataset) == 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0; expected a whole number from 1 to 60,000"),
        ({"batch_size": -64}, "batch_size is -64"),
        ({"batch_size": 60_001}, "batch_size is 60001"),
        ({"batch_size": 56_000, "validation": True}, "from 1 to 55,000"),
        ({"batch_size": 2.5}, "batch_size is 2.5; expected a whole number"),
        ({"batch_size": "64"}, "batch_size is '64'"),
        ({"batch_size": True}, "batch_size is True"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"validation": 60_000}, "validation is 60000"),
        ({"validation": "yes"}, "validation is 'yes'"),
        ({"num_workers": -1}, "num_workers is -1"),
        ({"batched": True, "num_workers": 2}, "num_workers with batched=True is 2"),
        ({"device": "cuda"}, "device is 'cuda'.*pass batched=True"),
        ({"share": 0.5}, "share 0.5; other than cpu and 1, pass batched=True"),
        ({"batched": "no"}, "batched is 'no'; expected True or False"), ({"batched": None}, "batched is None"),
        ({"batched": True, "device": "nonsense"}, r"device is 'nonsense', which isn't on this machine; expected .* get_device\(\)"),
        ({"batched": True, "device": "cuda:99"}, "device is 'cuda:99', which isn't on this machine"), ({"batched": True, "device": 1.5}, "device is 1.5"),
        ({"augmentation": Augmentation(slant=0.1)}, "slant is 0.1 and stroke 0.0; expected 0 for both.*Pass batched=True"),
    ],
)
def test_what_load_data_refuses(options: dict[str, object], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        load_data(**{"batch_size": 64, **options})


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("precious")
    with pytest.raises(OSError, match="Pass a root that you can write to"):
        load_data(64, tmp_path / "note.txt")


# The exercise on settings, as a student changes it (the others are tested with the engine of the exercises)


def answer(capsys: pytest.CaptureFixture, change: str | None) -> str:
    """What the exercise prints once its first line is changed so."""
    cells = ["".join(cell["source"]) for cell in json.loads(LESSON.read_text(encoding="utf-8"))["cells"]]
    first, rest = next(cell for cell in cells if "def missing(settings)" in cell).split("\n", 1)
    assert "# change me" in first
    exec((first if change is None else change) + "\n" + rest, {"Augmentation": Augmentation})
    return capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    "change",
    [
        "settings = dict(crop_probability=0, degrees=5)",
        "settings = {'crop_probability': 0.0, 'crop_size': 22, 'degrees': 5.0}",
        "settings = dict(crop_size=28, degrees=5)",
        "settings = Augmentation(crop_probability=0, degrees=5)",
    ],
)
def test_right_settings(capsys: pytest.CaptureFixture, change: str) -> None:
    assert answer(capsys, change) == "right"


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (None, "these are still the course's settings"),
        ("settings = None", "no settings"),
        ("settings = dict(degrees=5)", "it still crops some images"),
        ("settings = dict(crop_probability=0)", "it draws angles from −15 to 15 degrees"),
        ("settings = dict(crop_probability=0, degrees=3)", "it draws angles from −3 to 3 degrees"),
        ("settings = dict(crop_probability=0, degrees=5, shift=28, scale=0.9)", "it also shifts or scales"),
        ("settings = dict(crop_probability=0, degrees=5, slant=0.1)", "it also slants digits"),
        ("settings = dict(degrees=(-5, 5))", "degrees is (-5, 5); expected a number from 0 to 180"),
        ("settings = dict(degrees=-5)", "degrees is -5; expected a number from 0 to 180"),
        ("settings = dict(degrees='5')", "degrees is '5'; expected a number"),
        ("settings = dict(crop_probability=False)", "crop_probability is False; expected a number"),
        ("settings = dict(degree=5)", "'degree'"),
        ("settings = {5: 5}", "no settings"),
    ],
)
def test_wrong_settings(capsys: pytest.CaptureFixture, change: str | None, missing: str) -> None:
    printed = answer(capsys, change)
    assert printed.startswith("not yet: ") and missing in printed


def test_images_of_another_size_are_batched_too() -> None:
    """The table of pixels follows the images, whatever their size."""
    small = MNIST(data_folder())
    small.data, small.targets = torch.full((40, 14, 14), 255, dtype=torch.uint8), torch.arange(40)
    images, labels = next(iter(BatchedLoader(small, 20, Augmentation())))
    assert images.shape == (20, 1, 14, 14) and len(labels) == 20


@pytest.mark.parametrize("batched", [False, True])
def test_numbers_may_be_numpys(batched: bool) -> None:
    """All that `load_data` counts with; PyTorch takes only Python's."""
    found = load_data(np.int64(100), seed=np.int64(3), validation=np.int64(500), num_workers=np.int64(0), batched=batched)
    usual = load_data(100, seed=3, validation=500, batched=batched)
    for one, other in zip(found, usual):
        assert len(one) == len(other) and torch.equal(next(iter(one))[1], next(iter(other))[1])


def test_what_is_no_augmentation_is_named() -> None:
    for other in None, "mild", Augmentation:
        for batched in False, True:
            with pytest.raises(TypeError, match="augmentation is .*; expected an Augmentation, such as"):
                load_data(100, augmentation=other, batched=batched)


@pytest.mark.parametrize("columns", [0, -1, 2.5, True, "3"])
def test_columns_that_can_not_be_drawn(columns: object) -> None:
    with pytest.raises((ValueError, TypeError), match=f"columns is {columns!r}; expected a whole number from 1"):
        plot_images(torch.rand(3, 28, 28), columns=columns)


@pytest.mark.parametrize("data, targets", [
    (np.zeros((5, 32, 32, 3), "uint8"), [0] * 5),  # as CIFAR10 has them
    (torch.zeros(5, 28, 28, dtype=torch.uint8), [0] * 5),
    (torch.zeros(5, 28, 28), torch.zeros(5).long()),  # not bytes: they would be divided by 255
    (torch.zeros(5, 28, 28, dtype=torch.uint8), torch.zeros(4).long()),
    (torch.zeros(5, 784, dtype=torch.uint8), torch.zeros(5).long()),
])
def test_datasets_of_another_kind_are_refused(data: object, targets: object) -> None:
    with pytest.raises(TypeError, match="expected an MNIST with images, or a Subset of one"):
        BatchedLoader(SimpleNamespace(data=data, targets=targets), 2)


def test_a_subset_without_images_is_refused(train_set: MNIST) -> None:
    with pytest.raises(ValueError, match="the number of images in the dataset is 0"):
        BatchedLoader(Subset(train_set, []), 2)
