"""What probabilities are worth: edge cases of bins, bands, temperatures and refusals."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mnist_s6.calibration import calibration_band, fit_temperature, refusing, reliability


def calibrated(n, seed=0, sharpness=1.0):
    """Logits whose labels were drawn by their own probabilities, and then made so many times as sharp."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, 10, generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    return logits * sharpness, labels


def looked_at(logits, labels):
    """Confidences and whether they are right."""
    confidences, answers = logits.softmax(1).max(1)
    return confidences, answers == labels


def by_loop(confidences, correct, bins):
    """The expected calibration error, image by image."""
    groups = {}
    for confidence, hit in zip(confidences.tolist(), correct.tolist()):
        groups.setdefault(max(math.ceil(confidence * bins), 1), []).append((confidence, hit))
    return sum(abs(sum(c - h for c, h in group)) for group in groups.values()) / len(confidences)


@pytest.mark.parametrize("bins", [1, 2, 7, 10, 15, 100])
def test_error_by_loop(bins):
    """The same, counted in another way."""
    confidences, correct = looked_at(*calibrated(500, seed=bins, sharpness=1.7))
    found = reliability(confidences.double(), correct, bins)
    assert found.error == pytest.approx(by_loop(confidences.double(), correct, bins), abs=1e-9)
    assert found.counts.sum() == 500 and len(found.counts) == bins


def test_borders():
    """0 and 1 have their bins, and a border belongs to the lower one."""
    found = reliability(torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]), torch.ones(5), 4)
    assert found.counts.tolist() == [2, 1, 1, 1]
    assert reliability(torch.ones(3), torch.ones(3)).error == 0
    assert reliability(torch.ones(3), torch.zeros(3)).error == 1


def test_refuses_what_is_no_probability():
    """Logits, percent, not-a-number, nothing, other shapes."""
    for bad in torch.tensor([2.0]), torch.tensor([-0.1]), torch.tensor([math.nan]), torch.zeros(0), torch.zeros(2, 2):
        with pytest.raises(ValueError, match="expected \\(n,\\) probabilities"):
            reliability(bad, bad)
        if bad.numel() and bad.ndim == 1:
            with pytest.raises(ValueError, match="expected \\(n,\\) probabilities"):
                refusing(bad, torch.ones(1))
    with pytest.raises(ValueError, match="correct has shape"):
        reliability(torch.ones(3), torch.ones(2))
    with pytest.raises(ValueError, match="bins is 0"):
        reliability(torch.ones(3), torch.ones(3), 0)


def test_plot():
    """Also with one image, and with empty bins; titled with the error."""
    for confidences in torch.tensor([0.3]), torch.rand(50):
        figure = reliability(confidences, confidences > 0.5).plot()
        assert figure.axes[0].get_title().startswith("Calibration error 0.")


def test_band_holds_a_calibrated_network():
    """About 95 of 100 networks that are calibrated lie within their band, and one that is not lies above."""
    inside = 0
    for seed in range(60):
        confidences, correct = looked_at(*calibrated(1000, seed))
        low, high = calibration_band(confidences, trials=200, seed=seed)
        inside += low <= reliability(confidences, correct).error <= high
    assert inside >= 52
    confidences, correct = looked_at(*calibrated(1000, sharpness=2.0))
    assert reliability(confidences, correct).error > 3 * calibration_band(confidences, trials=200).high


def test_band_repeats():
    """The same seed gives the same band; the global source is left alone."""
    confidences = torch.rand(100)
    before = torch.get_rng_state()
    assert calibration_band(confidences, trials=150) == calibration_band(confidences.double(), trials=150)
    assert torch.equal(before, torch.get_rng_state())
    for bad in dict(trials=1), dict(level=1), dict(bins=0):
        with pytest.raises(ValueError, match="expected"):
            calibration_band(confidences, **bad)


@pytest.mark.parametrize("sharpness", [0.2, 0.5, 1.0, 3.0, 10.0])
def test_temperature_is_found(sharpness):
    """What was made so sharp is made as soft again."""
    logits, labels = calibrated(4000, sharpness=sharpness)
    assert fit_temperature(logits, labels) == pytest.approx(sharpness, rel=0.06)


def test_temperature_is_the_lowest_loss():
    """No other temperature costs less."""
    logits, labels = calibrated(300, sharpness=2.5)
    best = fit_temperature(logits, labels)
    losses = [F.cross_entropy(logits.double() / T, labels).item() for T in (best, best * 1.02, best / 1.02, best * 2)]
    assert losses[0] == min(losses)


def test_temperature_ignores_what_softmax_ignores():
    """A number added to all logits of an image changes nothing; neither does the type of the labels."""
    logits, labels = calibrated(300)
    best = fit_temperature(logits, labels)
    assert fit_temperature(logits + 5 * torch.randn(300, 1), labels.int()) == pytest.approx(best, rel=1e-4)
    assert fit_temperature(logits.clone().requires_grad_(), labels) == best


def test_temperature_refuses():
    """Where no temperature is the best, and labels that don't fit."""
    logits, labels = calibrated(50)
    with pytest.raises(ValueError, match="no temperature fits"):
        fit_temperature(logits, logits.argmax(1))  # all right: the sharper the better
    with pytest.raises(ValueError, match="no temperature fits"):
        fit_temperature(logits, logits.argmin(1))  # all wrong: the softer the better
    with pytest.raises(ValueError, match="labels"):
        fit_temperature(logits, labels + 10)
    with pytest.raises(TypeError, match="whole numbers"):
        fit_temperature(logits, labels.float())


def test_refusing():
    """The surest come first; all answered is the plain share of mistakes."""
    confidences, correct = looked_at(*calibrated(400))
    thresholds, answered, wrong = refusing(confidences, correct)
    assert (thresholds.diff() <= 0).all() and answered[-1] == 1
    assert wrong[-1].item() == pytest.approx(1 - correct.float().mean().item(), abs=1e-6)
    for i in 0, 17, 399:
        given = confidences >= thresholds[i]
        assert given.float().mean().item() == pytest.approx(answered[i].item(), abs=1e-6)
        assert (~correct[given]).float().mean().item() == pytest.approx(wrong[i].item(), abs=1e-6)
    assert refusing(torch.tensor([0.5]), torch.tensor([0]))[2].tolist() == [1]  # numbers for truths, too


@pytest.mark.parametrize("shapes", [(3, 2), (0, 0)])
def test_refusing_refuses(shapes):
    """Other lengths, or nothing."""
    with pytest.raises(ValueError, match="(correct has|confidences have) shape"):
        refusing(*(torch.ones(n) for n in shapes))


@pytest.mark.parametrize("count", [reliability, refusing])
def test_labels_are_no_right_answers(count):
    """Labels in place of right and wrong would make an accuracy above 1; not-a-number is neither."""
    confidences = torch.tensor([0.9, 0.8, 0.7])
    for bad in torch.tensor([7, 2, 1]), torch.tensor([1.0, 0.5, 0.0]), torch.tensor([1, math.nan, 0]), torch.tensor([1, -1, 0]):
        with pytest.raises(ValueError, match="such as answers == labels"):
            count(confidences, bad)


def test_a_temperature_needs_a_label_for_each_image():
    """With fewer labels, the first images alone would have counted on one side."""
    logits, labels = calibrated(100)
    for some, others in (logits, labels[:50]), (logits[:50], labels), (logits[0], labels):
        with pytest.raises(ValueError, match="logits have shape .* and labels"):
            fit_temperature(some, others)


def test_a_seed_of_the_band_is_checked():
    """As all seeds are."""
    confidences = calibrated(50)[0].softmax(1).amax(1)
    assert calibration_band(confidences, trials=10, seed=np.int64(3)) == calibration_band(confidences, trials=10, seed=3)
    with pytest.raises(ValueError, match="seed is -1"):
        calibration_band(confidences, trials=10, seed=-1)


@pytest.mark.parametrize("made", [lambda values: values.numpy(), lambda values: values.tolist()])
def test_what_is_no_tensor_is_told(made):
    """Of NumPy, and a list: each function said that it lacked another method."""
    sure, right = torch.tensor([0.9, 0.8]), torch.tensor([True, False])
    for use in lambda it: reliability(it, right), calibration_band, lambda it: refusing(it, right):
        with pytest.raises(TypeError, match=r"confidences came as a (ndarray|list); expected a tensor, such as torch.as_tensor\(confidences\)"):
            use(made(sure))
    for use in reliability, refusing:
        with pytest.raises(TypeError, match="correct came as a"):
            use(sure, made(right))


def test_a_band_in_any_default_precision(request):
    """The same one, also where PyTorch's default is double."""
    sure = calibrated(50)[0].softmax(1).amax(1)
    usual = calibration_band(sure, trials=20)
    request.addfinalizer(lambda default=torch.get_default_dtype(): torch.set_default_dtype(default))
    torch.set_default_dtype(torch.double)
    assert calibration_band(sure, trials=20) == usual


def test_confidences_may_have_slopes():
    """What is found has none, and can be drawn."""
    sure = torch.tensor([0.9, 0.6, 0.3], requires_grad=True)
    right = torch.tensor([True, False, True])
    assert reliability(sure, right).plot().axes and not refusing(sure, right)[0].requires_grad
