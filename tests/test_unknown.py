"""Pictures of no digit, scores for strangeness, and limits of sureness: edge cases, and other ways to count the same."""

import io
import json
import math
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from mnist_s6 import unknown
from mnist_s6.calibration import Reliability
from mnist_s6.commands import start
from mnist_s6.digits import is_prepared
from mnist_s6.misread import Mistakes
from mnist_s6.model import FastNet, S6Net
from mnist_s6.predict import Prediction, Predictions, predict
from mnist_s6.recorder import Flight
from mnist_s6.small import TinyNet
from mnist_s6.truth import network_digest
from mnist_s6.unknown import (LETTERS, Distance, Refusal, auroc, check_pictures, draw_letter, energy, fit_distance, let_through, look, refusal_limit, shipped_refusal,
                              unknown_pictures, unsureness)
from mnist_s6.weights import pretrained, save_weights

ROOT = Path(__file__).resolve().parent.parent


def generator(seed=0):
    """A source of its own."""
    return torch.Generator().manual_seed(seed)


def some_digits(n=40):
    """Drawn crosses in place of digits, with all labels."""
    images = torch.zeros(n, 28, 28)
    images[:, 4:24, 12:15] = 1
    images[:, 13:16, 6:22] = torch.rand(n, 1, 1, generator=generator())
    return images, torch.arange(n) % 10


def a_batch(n=7, seed=0):
    """One batch in a list."""
    return [(torch.randn(n, 1, 28, 28, generator=generator(seed)), torch.arange(n) % 10)]


@pytest.mark.parametrize("letter", LETTERS)
def test_letters(letter):
    """Each is drawn within its sheet, in ink from 0 to 1, with room around it; the same source draws the same one."""
    drawn = draw_letter(letter, generator(3))
    assert drawn.shape == (56, 56) and drawn.min() == 0 and drawn.max() == 1
    border = torch.cat([drawn[:4].flatten(), drawn[-4:].flatten(), drawn[:, :4].flatten(), drawn[:, -4:].flatten()])
    assert border.max() == 0 and 0.02 < drawn.mean() < 0.3
    assert torch.equal(drawn, draw_letter(letter, generator(3))) and not torch.equal(drawn, draw_letter(letter, generator(4)))
    assert draw_letter(letter, generator(3), side=100).shape == (100, 100)


def test_pictures():
    """Of the same shape and range; the same seed draws the same ones; digits stay as they are."""
    images, labels = some_digits()
    before = images.clone()
    pictures = unknown_pictures(images, labels, n=30, seed=1)
    assert set(pictures) == {"letters", "blots", "noise", "halves", "overlaid", "upside down"}
    for kind, found in pictures.items():
        assert found.shape == (30, 28, 28) and found.min() >= 0 and found.max() <= 1, kind
        assert torch.equal(found, unknown_pictures(images, labels, n=30, seed=1)[kind]), kind
    assert torch.equal(images, before)
    assert is_prepared(pictures["letters"]).float().mean() > 0.9  # so predict takes them as they are
    with pytest.raises(ValueError, match="number of images to draw from is 0"):
        unknown_pictures(images, labels % 3, n=3)


def test_pictures_refuses():
    """Digits of one kind can't be laid over others, none can't be drawn from, and each has a label."""
    images, labels = some_digits()
    with pytest.raises(ValueError, match="two different digits is 0; expected a number from 3 to 3"):
        unknown_pictures(images, torch.full((40,), 3), n=3)
    with pytest.raises(ValueError, match="the number of images is 0"):
        unknown_pictures(images[:0], labels[:0], n=3)
    with pytest.raises(ValueError, match="the number of images is 40; expected a number from 39"):
        unknown_pictures(images, labels[1:], n=3)
    with pytest.raises(ValueError, match="n is 0; expected a whole number from 1"):
        unknown_pictures(images, labels, n=0)
    for bad in images[:, 4:24, 4:24], images[:, None], images.byte():
        for take in check_pictures, lambda pictures: unknown_pictures(pictures, labels, n=3):
            with pytest.raises(ValueError, match="expected floats .N, 28, 28."):
                take(bad)


@pytest.mark.parametrize("network", [lambda: S6Net(), lambda: FastNet((8, 32, 48)), lambda: TinyNet()])
def test_look(network):
    """Features are what the last layer gets; the network keeps its mode and has no hook left."""
    model = network()
    assert model.training
    seen = look(model, a_batch())
    model.eval()
    logits = model(a_batch()[0][0])
    assert torch.allclose(seen.logits, logits, atol=1e-5) and torch.equal(seen.labels, torch.arange(7))
    assert torch.allclose(model.classifier(seen.features), logits, atol=1e-4)
    assert not any(layer._forward_pre_hooks for layer in model.modules())


def test_look_hears_itself_only():
    """What others ask of the same network meanwhile is not kept, though it evaluates already."""
    model = TinyNet().eval()

    def batches():
        for batch in a_batch() * 2:
            model(torch.zeros(5, 1, 28, 28))  # as another thread would
            yield batch

    assert len(look(model, batches()).features) == 14


def test_look_refuses():
    """A class, a network without a linear layer, nothing to look at; the hook goes also when the network fails."""
    with pytest.raises(TypeError, match="the class S6Net"):
        look(S6Net, a_batch())
    with pytest.raises(ValueError, match="number of linear layers is 0"):
        look(nn.Flatten(), a_batch())
    model = S6Net().eval()
    with pytest.raises(ValueError):
        look(model, [(torch.zeros(1, 1, 5, 5), torch.zeros(1))])
    with pytest.raises(ValueError, match="images in the loader"):
        look(model, [])
    assert not any(layer._forward_pre_hooks for layer in model.modules())


def test_scores():
    """Unsureness ignores what softmax ignores, and energy doesn't."""
    logits = torch.randn(50, 10, generator=generator())
    assert torch.allclose(unsureness(logits + 5), unsureness(logits), atol=1e-5)
    assert torch.allclose(energy(logits + 5), energy(logits) - 5, atol=1e-5)
    assert torch.allclose(energy(logits), -logits.double().exp().sum(1).log().float(), atol=1e-5)
    assert energy(torch.tensor([[1000.0, 0.0]])).isfinite().all()


def test_distance_by_inverse():
    """The same, image by image, with the spread of each gap; features that never change do no harm."""
    labels = torch.arange(60) % 3
    features = torch.randn(60, 4, generator=generator()) + labels[:, None]
    features[:, 3] = 1
    found = fit_distance(features, labels)
    means = [features[labels == c].mean(0) for c in range(3)]
    spread = sum((f - means[c])[:, None] * (f - means[c])[None] for f, c in zip(features, labels.tolist())) / 60
    expected = [min(((f - m)[:3] @ torch.linalg.inv(spread[:3, :3]) @ (f - m)[:3]).item() for m in means) for f in features]
    assert found(features).tolist() == pytest.approx(expected, rel=0.01, abs=0.01)


@pytest.mark.parametrize("labels", [torch.tensor([0, 1, 0, 1]), torch.arange(4)])
def test_a_distance_is_learned_where_nothing_spreads(labels):
    """Constant features, and one image of each class: the spread has no inverse, and the distance is finite all the same."""
    for features in torch.ones(4, 3), torch.eye(4)[labels]:
        found = fit_distance(features, labels)
        assert found(features).tolist() == [0] * 4 and (found(features + 1) > 1).all() and found(features + 1).isfinite().all()


@pytest.mark.parametrize("labels", [torch.zeros(0, dtype=torch.long), torch.tensor([0, 2]), torch.tensor([0, 1, 1]), torch.tensor([0.0, 1.0])])
def test_distance_refuses(labels):
    """No images, a class without one, another number of labels, labels that are none."""
    with pytest.raises((ValueError, TypeError)):
        fit_distance(torch.ones(len(labels) if len(labels) != 3 else 2, 4), labels)


def test_auroc_by_loop():
    """The same as all duels, with many ties; and as the rank sum of Mann and Whitney, where scipy is there."""
    known, others = (torch.randint(0, 12, (n,), generator=generator(n)).float() for n in (83, 31))
    duels = [(b > a) + (b == a) / 2 for a in known.tolist() for b in others.tolist()]
    assert auroc(known, others) == pytest.approx(sum(duels) / len(duels), abs=1e-12)
    assert auroc(others, known) == pytest.approx(1 - auroc(known, others), abs=1e-12)
    assert auroc(known.exp(), others.exp()) == auroc(known, others)  # only the order counts
    assert auroc(torch.zeros(1), torch.tensor([math.inf])) == 1
    stats = pytest.importorskip("scipy.stats")
    assert auroc(known, others) == pytest.approx(stats.mannwhitneyu(others.numpy(), known.numpy()).statistic / (83 * 31))


@pytest.mark.parametrize("bad", [torch.zeros(0), torch.zeros(2, 2), torch.tensor([math.nan])])
def test_auroc_refuses(bad):
    """Nothing, a matrix, not-a-number; the message says which."""
    with pytest.raises(ValueError, match="known has shape"):
        auroc(bad, torch.zeros(2))
    with pytest.raises(ValueError, match="unknown has shape"):
        auroc(torch.zeros(2), bad)


def test_let_through():
    """The more digits are refused, the less slips through; at none, only what is stranger than every digit is stopped."""
    known, others = torch.rand(500, generator=generator()), 0.5 + torch.rand(200, generator=generator(1))
    shares = let_through(known, others, [0, 0.01, 0.1, 0.5])
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx((others <= known.max()).double().mean().item())


class Fixed(nn.Module):
    """Says of image i that its class 0 has the probability that stands in its first pixel."""

    def forward(self, images):
        sure = images[:, 0, 0, 0]
        return torch.stack([sure, *[(1 - sure) / 9] * 9], 1).log()


def test_refusal_limit():
    """So many lie below it, and no more."""
    images = torch.zeros(1000, 1, 28, 28)
    images[:, 0, 0, 0] = torch.linspace(0.3, 0.9, 1000)[torch.randperm(1000, generator=generator())]
    for share in 0, 0.01, 0.1, 0.5:
        limit = refusal_limit(Fixed(), [(images, torch.zeros(1000))], share)
        assert limit.share == share and (images[:, 0, 0, 0] < limit.lowest - 1e-6).sum() == pytest.approx(1000 * share, abs=1)
    for bad in -0.1, 0.6, math.nan:
        with pytest.raises(ValueError, match="share is"):
            refusal_limit(Fixed(), [(images, torch.zeros(1000))], bad)
    with pytest.raises(TypeError, match="share is"):
        refusal_limit(Fixed(), [(images, torch.zeros(1000))], "1%")


def test_shipped_limits_belong_to_the_shipped_weights():
    """Whoever trains new weights has to measure again: `python bench/unknown.py`."""
    found = json.loads((ROOT / "mnist_s6/weights/refusal.json").read_text())
    assert found["network"] == network_digest(pretrained())
    limits = [shipped_refusal(limit["share"]).lowest for limit in found["limits"]]
    assert limits == sorted(limits) and 0.3 < limits[0] and limits[-1] < 0.95
    assert all(limit["twin_learned_share"] <= limit["share"] for limit in found["limits"])


@pytest.mark.parametrize("bad", [0, 0.03, 1, -0.01, math.nan, True, "0.01", None])
def test_shipped_refuses(bad):
    """Any other share: the message has those that there are."""
    with pytest.raises((ValueError, TypeError), match="refuse is .*expected"):
        shipped_refusal(bad)


def test_missing_limits(monkeypatch):
    """A damaged package says what to do."""
    monkeypatch.setattr(unknown, "files", lambda _: ROOT / "tests")
    unknown._shipped.cache_clear()
    try:
        with pytest.raises(RuntimeError, match="Reinstall"):
            shipped_refusal(0.01)
    finally:
        unknown._shipped.cache_clear()


def test_predict_may_refuse():
    """Answers are the same, some are marked; a slice, an item and a loop say the same."""
    pictures = [draw_letter(letter, generator(1)) for letter in "KVOXC"]
    usual, careful = predict(pictures), predict(pictures, refuse=0.01)
    assert torch.equal(usual.probabilities, careful.probabilities) and not usual.refused.any()
    assert careful.refused.tolist() == [p.refused for p in careful] == [careful[i].refused for i in range(5)] == careful[:].refused.tolist()
    assert careful.refused.any() and not careful.refused.all()
    for plain, answer in zip(usual, careful):
        assert (plain.digit, plain.probabilities) == (answer.digit, answer.probabilities) and plain.lowest is None and plain.why == ""
        assert bool(answer.why) == answer.refused == (answer.probability < shipped_refusal(0.01).lowest)
        assert "refused" not in repr(plain) and f"refused={answer.refused}" in repr(answer)
    assert eval(repr(usual[0])) == usual[0]
    one = predict(pictures[0], refuse=Refusal(0.5, 0.999))
    assert one.refused and f"sure of the digit {one.digit}, and below 99.9% there is no answer" in one.why
    assert len(Predictions(torch.zeros(0, 10)).refused) == 0


def test_predict_refuses_a_share_for_another_network():
    """Its limit is unknown; one that was found for it is taken."""
    other = S6Net().eval()
    with pytest.raises(ValueError, match=r"refuse is 0.01.*refusal_limit\(model, loader, share\)"):
        predict(torch.ones(28, 28) / 2, other, refuse=0.01)
    letter = draw_letter("A", generator())
    assert predict(letter, other, refuse=Refusal(0.01, 1.0)).refused and not predict(letter, other, refuse=Refusal(0.01, 0.0)).refused
    assert predict(letter, pretrained(), refuse=0.01) == predict(letter, refuse=0.01)
    with pytest.raises(ValueError, match="no ink"):
        predict(torch.zeros(100, 100), refuse=0.01)


def test_predict_alone_loads_none_of_it():
    """Neither the module nor the file of limits, unless somebody refuses."""
    code = ("import sys, torch; from mnist_s6.predict import predict; from mnist_s6.weights import pretrained\n"
            "image = torch.zeros(28, 28); image[4:24, 12:15] = 1; predict(image); assert 'mnist_s6.unknown' not in sys.modules\n"
            "predict(image, refuse=0.01)\n"
            "print([n for n in ('matplotlib', 'torchvision', 'scipy', 'IPython') if n in sys.modules])")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def command(*words):
    """Exit status, standard output and standard error of `mnist_s6_predict`."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as said:
        status = start(["predict", *map(str, words)])
    return status, out.getvalue(), said.getvalue()


def test_command(tmp_path):
    """`none` in the table, `refused` in JSON; without the option, JSON is as it was."""
    for letter in "KO":
        Image.fromarray((255 * draw_letter(letter, generator(0))).byte().numpy()).save(tmp_path / f"{letter}.png")
    status, out, said = command("--refuse", 0.01, tmp_path)
    assert (status, said, [line.split()[0] for line in out.splitlines()]) == (0, "", ["digit", "none", "0"])
    found = [json.loads(line) for line in command("--refuse", 0.01, "--json", tmp_path)[1].splitlines()]
    assert [facts["refused"] for facts in found] == [True, False] and found[0]["lowest"] == shipped_refusal(0.01).lowest
    assert set(json.loads(command("--json", tmp_path / "K.png")[1])) == {"file", "digit", "probability", "probabilities"}


@pytest.mark.parametrize("words, expected", [
    (["--refuse", "0.3"], "expected one of"), (["--refuse", "nan"], "refuse is nan"), (["--refuse", "-1"], "refuse is -1.0; expected"),
    (["--refuse", "0.01", "--digits", "many"], "leave out --digits many"), (["--refuse", "0.01", "--weights", "x"], "leave out --weights")])
def test_command_refuses(words, expected):
    """Wrong usage is one line and status 2, before anything is read."""
    status, out, said = command("none.png", *words)
    assert (status, out, said.count("\n")) == (2, "", 1) and expected in said and said.startswith("mnist_s6_predict: --refuse: ")


def test_saved_network_has_no_limit(tmp_path):
    """Also if its weights are the package's: nobody has looked."""
    save_weights(pretrained(), tmp_path / "same.safetensors", {})
    assert command("none.png", "--refuse", "0.01", "--weights", tmp_path / "same.safetensors")[0] == 2


def test_prediction_is_as_it_was():
    """Three values make one, and it prints them."""
    assert repr(Prediction(1, 0.9, (0.1, 0.9))) == "Prediction(digit=1, probability=0.9, probabilities=(0.1, 0.9))"
    assert Prediction(1, 0.9, (0.1, 0.9)) == Prediction(1, 0.9, (0.1, 0.9)) and hash(Prediction(1, 0.9, (0.1, 0.9)))


def test_labels_may_be_bytes():
    """They would be taken for a mask."""
    torch.manual_seed(0)
    features, labels = torch.rand(40, 5), torch.arange(40) % 4
    found = fit_distance(features, labels.to(torch.uint8))
    assert torch.equal(found.means, fit_distance(features, labels).means)


@pytest.mark.parametrize("kind", [Distance, Flight, Mistakes, Predictions, Reliability])
def test_results_that_hold_tensors_can_be_compared(kind):
    """Field by field, the question would be ambiguous: one is equal to itself only."""
    one, other = (object.__new__(kind) for _ in range(2))
    for found in one, other:
        vars(found).update({name: torch.ones(2) for name in kind.__dataclass_fields__})
    assert one == one and one != other and one in [other, one]


TWO = torch.tensor([0.1, 0.2])


@pytest.mark.parametrize("use, words", [
    (lambda: auroc(TWO.numpy(), TWO), "known came as a ndarray; expected a tensor"), (lambda: auroc(TWO, [0.1]), "unknown came as a list"),
    (lambda: let_through([0.1], TWO), "known came as a list"), (lambda: let_through(TWO, TWO, 0.01), "shares came as 0.01; expected several, as in a list"),
    (lambda: fit_distance([[1.0, 2]], torch.tensor([0])), "features came as a list"), (lambda: fit_distance(torch.ones(1, 2), [0]), "labels came as a list"),
    (lambda: check_pictures(np.zeros((2, 28, 28), np.float32)), r"images came as a ndarray; expected a tensor, such as torch.as_tensor\(images\)"),
])
def test_what_is_no_tensor_is_told(use, words):
    """And what is one number, where several are wanted."""
    with pytest.raises(TypeError, match=words):
        use()
