"""Augmenting: settings out of range, draws that nothing else disturbs, and batches whose images don't mix."""

import pytest
import torch

from mnist_s6.augment import (
    Augmentation,
    Draws,
    augment_batch,
    change_strokes,
    draw_augmentation,
    keep_window,
    pixel_table,
    sampling_grid,
)

NOTHING = Augmentation(crop_probability=0, degrees=0)
EVERYTHING = Augmentation(shift=2, scale=0.1, slant=0.2, stroke=0.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"crop_probability": 10}, "crop_probability is 10; expected a number from 0 to 1"),
        ({"crop_probability": -0.1}, "crop_probability is -0.1"),
        ({"crop_size": 0}, "crop_size is 0; expected a whole number from 1 to 28"),
        ({"crop_size": 29}, "crop_size is 29"),
        ({"degrees": -5}, "degrees is -5"),
        ({"degrees": 181}, "degrees is 181; expected a number from 0 to 180"),
        ({"degrees": float("nan")}, "degrees is nan"),
        ({"shift": 29}, "shift is 29; expected a number from 0 to 28"),
        ({"scale": 1}, "scale is 1; expected a number from 0 to 0.9"),
        ({"slant": 1.1}, "slant is 1.1; expected a number from 0 to 1"),
        ({"stroke": -0.1}, "stroke is -0.1; expected a number from 0 to 1"),
    ],
)
def test_settings_out_of_range(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Augmentation(**settings)


@pytest.mark.parametrize("settings", [{"crop_size": 22.5}, {"degrees": "15"}, {"shift": None}, {"scale": True}])
def test_settings_of_the_wrong_kind(settings: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=f"{next(iter(settings))} is "):
        Augmentation(**settings)


@pytest.mark.parametrize("settings", [{"crop_probability": 0.1}, {"degrees": 1}, {"shift": 1}, {"scale": 0.1}, {"slant": 0.1}, {"stroke": 0.1}])
def test_each_setting_changes_images(settings: dict[str, float]) -> None:
    only = Augmentation(**{"crop_probability": 0, "degrees": 0, **settings})
    assert only.changes and not NOTHING.changes
    assert draw_augmentation(3, only) is not None


def test_nothing_to_change_draws_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    assert draw_augmentation(3, NOTHING, generator) is None and draw_augmentation(3, None, generator) is None
    assert torch.equal(generator.get_state(), before)


def test_draws_come_from_the_generator_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = draw_augmentation(50, EVERYTHING, torch.Generator().manual_seed(5))
    assert torch.equal(torch.get_rng_state(), before)
    again = draw_augmentation(50, EVERYTHING, torch.Generator().manual_seed(5))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_the_draws_of_some() -> None:
    draws = draw_augmentation(10, Augmentation(shift=2), torch.Generator().manual_seed(0))
    for which in slice(2, 5), torch.tensor([2, 3, 4]):
        some = draws.of(which)
        assert some.shifts.shape == (3, 2) and torch.equal(some.angles, draws.angles[2:5]) and some.scales is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_table_and_the_places_have_the_type_of_the_matrices(dtype: torch.dtype) -> None:
    assert pixel_table(28, dtype=dtype).dtype is dtype
    matrices = torch.randn(5, 2, 3, dtype=dtype, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.affine_grid(matrices, (5, 1, 28, 28), align_corners=False)
    torch.testing.assert_close(sampling_grid(matrices, 28), expected, atol=1e-5, rtol=0)


def test_images_of_a_batch_do_not_mix() -> None:
    """Each comes out as it would alone, whether others are cropped or not."""
    images = torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    settings = Augmentation(crop_probability=0.5, crop_size=21, degrees=180, shift=3, scale=0.3, slant=0.5, stroke=1)
    draws = draw_augmentation(40, settings, torch.Generator().manual_seed(0))
    together = augment_batch(images, draws, 21)
    for i in range(40):
        alone = augment_batch(images[i : i + 1], draws.of(slice(i, i + 1)), 21)
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-5, rtol=0)


def test_the_given_images_stay_as_they_are() -> None:
    images = torch.ones(4, 1, 28, 28)
    augment_batch(images, Draws(torch.ones(4).bool(), torch.full((4,), 30.0), strokes=torch.full((4,), -0.5)))
    keep_window(images, torch.ones(4).bool(), 10)
    assert torch.equal(images, torch.ones(4, 1, 28, 28))


@pytest.mark.parametrize("crop_size", [1, 2, 21, 27, 28])
def test_a_window_keeps_as_many_pixels_as_it_says(crop_size: int) -> None:
    kept = keep_window(torch.ones(2, 1, 28, 28), torch.tensor([True, False]), crop_size)
    assert kept.sum((1, 2, 3)).tolist() == [crop_size**2, 28**2]


def test_what_is_switched_on_leaves_the_other_draws_as_they_were() -> None:
    """A recipe that neither slants nor changes strokes draws what it drew before there was such a thing."""
    before = draw_augmentation(50, Augmentation(shift=2, scale=0.1), torch.Generator().manual_seed(5))
    after = draw_augmentation(50, EVERYTHING, torch.Generator().manual_seed(5))
    assert before.slants is None and before.strokes is None
    assert all(torch.equal(a, b) for a, b in zip(before[:4], after[:4], strict=True))
    assert torch.equal(before.angles[:3], torch.tensor([12.181785583496094, -1.2833726406097412, -3.093273639678955]))


def test_strokes_of_an_image_without_ink_stay_none() -> None:
    nothing = torch.zeros(3, 1, 28, 28)
    assert torch.equal(change_strokes(nothing, torch.tensor([-1.0, 0.0, 1.0])), nothing)


@pytest.mark.parametrize("grow", [-0.7, 0.7])
def test_strokes_up_to_the_edge_and_in_any_range(grow: float) -> None:
    """Outside the image is no ink, and pixels divided by their standard deviation are changed alike."""
    full, strokes = torch.ones(1, 1, 5, 5), torch.tensor([grow])
    changed = change_strokes(full, strokes)
    assert changed[0, 0, 2, 2] == 1 and changed[0, 0, 0, 2] == pytest.approx(min(1, 1 + grow))
    torch.testing.assert_close(change_strokes(3 * full, strokes), 3 * changed)


def test_redrawn_images_are_as_bright_as_they_were() -> None:
    images = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    images *= torch.linspace(0.2, 1, 20).view(-1, 1, 1, 1)
    changed = change_strokes(images, torch.linspace(-1, 1, 20))
    torch.testing.assert_close(changed.amax((1, 2, 3)), images.amax((1, 2, 3)))


@pytest.mark.parametrize("pixels", [None, pixel_table(28)])
@pytest.mark.parametrize("drawn", [torch.float, torch.double])
def test_images_keep_their_precision(drawn: torch.dtype, pixels: torch.Tensor | None) -> None:
    """Doubles come out as floats do, whatever the draws are."""
    images = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    draws = draw_augmentation(8, EVERYTHING, torch.Generator().manual_seed(0))
    expected, draws = augment_batch(images, draws), Draws(draws.cropped, *(it.to(drawn) for it in draws[1:]))
    for precision in torch.float, torch.double:
        found = augment_batch(images.to(precision), draws, 22, pixels)
        assert found.dtype == precision
        torch.testing.assert_close(found.float(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("images, words", [
    (torch.zeros(1, 1, 28, 28, dtype=torch.uint8), "images are of type torch.uint8; expected floats"),
    (torch.zeros(1, 1, 28, 28).numpy(), "images came as a ndarray; expected a tensor")])
def test_images_that_cannot_be_changed(images: object, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        augment_batch(images, Draws(torch.ones(1).bool(), torch.zeros(1)))
