"""Digits set upright, and the network that shares its kernels: the corners."""

import pytest
import torch
import torch.nn.functional as F

from mnist_s6 import small
from mnist_s6.datasets import MEAN, STD
from mnist_s6.model import model_summary
from mnist_s6.small import TinyNet, straighten


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_ink_stays_no_ink(dtype: torch.dtype) -> None:
    none = torch.full((1, 1, 28, 28), -MEAN / STD, dtype=dtype)
    assert torch.allclose(straighten(none), none, atol=1e-5) and straighten(none).dtype == dtype
    assert straighten(none[:0]).shape == (0, 1, 28, 28)


def test_a_leaning_bar_stands_upright_in_the_middle() -> None:
    image = torch.zeros(1, 1, 28, 28)
    for row in range(6, 22):
        image[0, 0, row, 20 - row // 2 : 24 - row // 2] = 1.0
    upright = straighten((image - MEAN) / STD)[0, 0] * STD + MEAN
    columns = upright.sum(0)
    assert columns[11:17].sum() > 0.97 * columns.sum()
    assert abs((columns * torch.arange(28)).sum() / columns.sum() - 13.5) < 0.1


@pytest.mark.parametrize("widths", [(10, 12), (10,), (), (10, 10, 9), (10,) * 6, 10, "aa"])
def test_widths_that_differ_are_refused(widths: object) -> None:
    with pytest.raises(ValueError, match="expected the same number two to five times, such as") as error:
        TinyNet(widths)
    assert f"widths is {widths!r}" in str(error.value)
    assert TinyNet((3,) * 5)(torch.zeros(1, 1, 28, 28)).shape == (1, 10)


def test_the_kernels_stay_one_tensor() -> None:
    """Whatever is done to the network; and the weights are counted once."""
    for net in TinyNet(), TinyNet().to(memory_format=torch.channels_last), TinyNet().double():
        assert net.look_wider.weight is net.look.weight
    assert model_summary(TinyNet()).parameters == sum(p.numel() for p in TinyNet().parameters()) == 540


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="expected .N, 1, 28, 28"):
        TinyNet()(torch.zeros(1, 28, 28))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_tiny_network_is_asked_three_times(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer is the mean of the three; and it is asked once while it learns."""
    torch.manual_seed(0)
    net, images = TinyNet((4, 4)).to(dtype), torch.rand(5, 1, 28, 28, dtype=dtype)
    for _ in range(9):
        net(images)  # batch norm's running statistics settle
    net.eval()
    answers = net(images)
    assert answers.shape == (5, 10) and answers.dtype == dtype and net(images[:0]).shape == (0, 10)
    torch.testing.assert_close(net(images[:1]), answers[:1])  # no image changes another's answer
    each = []
    for view in small._views(images).chunk(3):
        with monkeypatch.context() as only:  # this view, three times
            only.setattr(small, "_views", lambda images, view=view: view.repeat(3, 1, 1, 1))
            each.append(net(images))
    torch.testing.assert_close(answers, torch.stack(each).mean(0))
    assert (each[0] - each[1]).abs().max() > 1e-4 < (each[0] - each[2]).abs().max()  # far more than `assert_close` lets pass
    sizes = []
    for layer in net.first, net.classifier:
        layer.register_forward_hook(lambda *heard: sizes.append(len(heard[2])))
    net(images), net.train()(images)
    assert sizes == [15, 5, 5, 5]


def test_every_parameter_is_used() -> None:
    torch.manual_seed(0)
    net = TinyNet()
    F.cross_entropy(net(torch.rand(50, 1, 28, 28)), torch.arange(50) % 10).backward()
    assert all((p.grad != 0).any() for p in net.parameters())
    assert net(torch.rand(7, 1, 28, 28)).shape == (7, 10)


def test_large_and_small_digits_get_about_one_size() -> None:
    ink = torch.zeros(2, 1, 28, 28)
    ink[0, 0, 3:25, 6:22], ink[1, 0, 7:21, 9:19] = 1.0, 1.0
    areas = (straighten((ink - MEAN) / STD) * STD + MEAN).sum((1, 2, 3))
    assert 2.4 < ink[0].sum() / ink[1].sum() < 2.6 and 1 < areas[0] / areas[1] < 1.25


@pytest.mark.parametrize("kind", ["dash", "much ink"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_straightening_is_the_same_alone_and_precise(kind: str, dtype: torch.dtype) -> None:
    """A stroke of one row has no lean, not a huge one out of rounding; and sums over much ink don't overflow."""
    image = torch.zeros(1, 1, 28, 28)
    image[..., 3, 4:24] = 1.0
    image = ((image if kind == "dash" else torch.ones(1, 1, 28, 28).triu(-6)) - MEAN) / STD
    exact, found = straighten(image.double()), straighten(image.to(dtype))
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), exact, atol=1e-3 if dtype == torch.float32 else 0.2, rtol=0)  # as grid_sample is
    torch.testing.assert_close(straighten(image.expand(64, 1, 28, 28))[:1], straighten(image), atol=1e-3, rtol=0)


@pytest.mark.parametrize("shape", [(2, 1, 14, 56), (2, 1, 784, 1), (2, 784), (2, 3, 28, 28)])
def test_straightening_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected .N, 1, 28, 28"):
        straighten(torch.zeros(shape))
