"""Spoiled pictures: what each way does and leaves alone, and that networks are told apart by it fairly."""

import math

import pytest
import torch
from torch import nn

from mnist_s6.stress import CORRUPTIONS, Stress, corrupt, plot_stress, stress_test

KINDS = list(CORRUPTIONS)
every = pytest.mark.parametrize("kind", KINDS)


def crosses(n=30, dtype=torch.float):
    """Crosses of different greys in the middle: (n, 28, 28)."""
    images = torch.zeros(n, 28, 28, dtype=dtype)
    images[:, 5:23, 12:16] = torch.linspace(0.5, 1, n, dtype=dtype)[:, None, None]
    images[:, 12:16, 7:21] = 0.8
    return images


def spoiled(kind, strength, seed=0, images=None):
    """With a source of its own."""
    return corrupt(crosses() if images is None else images, kind, strength, torch.Generator().manual_seed(seed))


@every
def test_shape_and_range(kind):
    """Pictures stay pictures, whatever the strength; the input stays as it is, and so does the global source."""
    images = crosses()
    state = torch.get_rng_state()
    for strength in range(1, 6):
        found = spoiled(kind, strength, images=images)
        assert found.shape == images.shape and found.dtype == images.dtype and found.min() >= 0 and found.max() <= 1
        assert found.isfinite().all() and not torch.equal(found, images)
        assert torch.equal(found, spoiled(kind, strength))
    assert torch.equal(images, crosses()) and torch.equal(state, torch.get_rng_state())


@every
def test_stronger_changes_more(kind):
    """On average over images, each strength moves the pixels farther than the one before."""
    images = crosses(400)
    images[:, 12:16, 7:12] = images[:, 12:16, 16:21] = 0  # an upright bar: a cross is as it was after a quarter turn
    moved = [(spoiled(kind, strength, images=images) - images).square().mean().item() for strength in range(1, 6)]
    assert moved == sorted(moved) and moved[0] > 0


@every
def test_few_and_none(kind):
    """One image, none, and an empty one."""
    assert spoiled(kind, 3, images=crosses(1)).shape == (1, 28, 28)
    assert spoiled(kind, 3, images=torch.zeros(0, 28, 28)).shape == (0, 28, 28)
    assert spoiled(kind, 5, images=torch.zeros(2, 28, 28)).isfinite().all()


@every
def test_global_source(kind):
    """Without a generator, PyTorch's own is used."""
    torch.manual_seed(3)
    first = corrupt(crosses(), kind, 2)
    torch.manual_seed(3)
    assert torch.equal(first, corrupt(crosses(), kind, 2))


def test_by_hand():
    """What can be said without a picture: where the ink is, how much, and how black."""
    images = crosses()
    assert torch.allclose(spoiled("contrast", 1), 0.5 * images)
    assert torch.allclose(spoiled("blur", 3).sum((1, 2)), images.sum((1, 2)), rtol=1e-3)
    places = torch.arange(28.0)
    def middle(pictures):
        return torch.stack([(pictures.sum(d) * places).sum(1) / pictures.sum((1, 2)) for d in (1, 2)], 1)
    steps = (middle(spoiled("shift", 3)) - middle(images)).norm(dim=1)
    assert torch.allclose(steps, torch.full((30,), 3.0), atol=0.1)
    assert (spoiled("scale", 4) > 0.01).sum() < 0.5 * (images > 0.01).sum()
    hidden = spoiled("occlusion", 3)
    assert ((hidden == images) | (hidden == 0)).all() and not (hidden == images).all()
    ones = corrupt(torch.ones(200, 28, 28), "occlusion", 3, torch.Generator().manual_seed(0))
    assert ((ones == 0).sum((1, 2)) >= 49).all() and ((ones == 0).sum((1, 2)) <= 81).all()   # 8×8, give or take an edge
    noise = spoiled("noise", 2, images=torch.full((50, 28, 28), 0.5)) - 0.5
    assert noise.std().item() == pytest.approx(0.2, abs=0.01) and noise.mean().item() == pytest.approx(0, abs=0.01)


def test_turned_as_far_as_it_says():
    """A bar is turned to both sides, by the angle of its strength."""
    bars = torch.zeros(40, 28, 28)
    bars[:, 13:15, 4:24] = 1
    turned = spoiled("rotation", 4, images=bars)   # 45°
    places = torch.arange(28.0) - 13.5
    lean = torch.einsum("nrc,r,c->n", turned, places, places) / torch.einsum("nrc,c->n", turned, places**2)
    assert set(lean.sign().tolist()) == {-1, 1}
    assert torch.allclose(lean.abs(), torch.ones(40), atol=0.05)   # at 45°, a step down for each step to the side


def test_strokes_go_both_ways():
    """Half of the images get more ink, half less."""
    more = (spoiled("stroke", 5, images=crosses(200)).sum((1, 2)) > crosses(200).sum((1, 2))).float().mean().item()
    assert 0.35 < more < 0.65


@pytest.mark.parametrize("bad, error, words", [
    (dict(kind="dust"), ValueError, "kind is 'dust'; expected one of"), (dict(strength=0), ValueError, "strength is 0"),
    (dict(strength=6), ValueError, "strength is 6"), (dict(strength=1.5), TypeError, "strength is 1.5"),
    (dict(images=torch.zeros(2, 1, 28, 28)), ValueError, "have shape"), (dict(images=torch.zeros(28, 28)), ValueError, "have shape"),
    (dict(images=torch.zeros(2, 28, 28, dtype=torch.uint8)), ValueError, "Divide bytes by 255"),
    (dict(images=torch.zeros(2, 28, 28).numpy()), TypeError, "images came as a ndarray; expected a tensor")])
def test_refuses(bad, error, words):
    """Another kind, another strength, other images."""
    with pytest.raises(error, match=words):
        corrupt(**{"images": crosses(2), "kind": "noise", "strength": 1, **bad})


class Ink(nn.Module):
    """Says 1 where there is more ink than in half a cross, else 0."""

    def forward(self, images):
        much = (images.mean((1, 2, 3)) > -0.3).float()
        return torch.stack([1 - much, much, *[torch.zeros_like(much)] * 8], 1)


def test_stress_test():
    """Counts fit the images; the same seed gives the same, another may not; the network's mode is kept."""
    images, labels = crosses(50), torch.ones(50, dtype=torch.long)
    model = Ink().train()
    found = stress_test(model, images, labels)
    assert model.training and found == stress_test(model, images, labels)
    assert set(found.right) == set(KINDS) and all(len(counts) == 5 for counts in found.right.values())
    assert all(0 <= count <= 50 for counts in found.right.values() for count in counts) and found.n == 50
    assert found.curve("noise")[0] == found.untouched / 50
    assert found.accuracy("contrast") == pytest.approx(sum(found.right["contrast"]) / 250)
    assert found.overall == pytest.approx(sum(map(sum, found.right.values())) / (250 * 8))
    with pytest.raises((ValueError, TypeError)):
        stress_test(model, images, labels.float())


def test_plot():
    """One network has an interval, several have a band from the lowest to the highest."""
    counts = {kind: (9, 8, 7, 6, 5) for kind in KINDS}
    one, other = Stress(10, 10, counts), Stress(10, 9, {kind: [8, 8, 7, 5, 1] for kind in KINDS})
    figure = plot_stress({"one": [one], "several": [one, other]})
    assert len(figure.axes) == 8 and [axes.get_title() for axes in figure.axes] == KINDS
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    assert list(lines["several"])[-1] == pytest.approx(30) and len(lines["one"]) == 6
    assert not math.isnan(sum(lines["one"]))
    with pytest.raises(ValueError, match="there are no results of .nothing."):
        plot_stress({"nothing": []})
    with pytest.raises(TypeError, match="'one' has one Stress; expected a list of them"):
        plot_stress({"one": one})


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_another_precision_than_the_default_are_spoiled_too(kind: str) -> None:
    """They keep their precision."""
    usual = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        spoiled = corrupt(torch.rand(2, 28, 28, dtype=torch.float32), kind, 2, torch.Generator().manual_seed(0))
    finally:
        torch.set_default_dtype(usual)
    assert spoiled.dtype == torch.float32 and spoiled.shape == (2, 28, 28)


def test_stress_test_refuses():
    """Fewer labels than images counted as misread; normalised images were cut off at 0 and 1."""
    net, images, labels = Ink(), crosses(), torch.zeros(30, dtype=torch.long)
    for other in labels[:20], torch.zeros(40, dtype=torch.long):
        with pytest.raises(ValueError, match="the number of labels is"):
            stress_test(net, images, other)
    with pytest.raises(ValueError, match="undo a normalisation"):
        stress_test(net, (images - 0.13) / 0.31, labels)
    with pytest.raises(ValueError, match="seed is -1"):
        stress_test(net, images, labels, seed=-1)
