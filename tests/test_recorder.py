"""Recordings: what a callback notes without disturbing, files that are whole or refused, and trainings run again."""

import json
import lzma
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from mnist_s6.datasets import load_data
from mnist_s6.fit import Training, fit
from mnist_s6.misread import confusion_matrix
from mnist_s6.model import S6Net
from mnist_s6.recorder import FLIGHTS, Flight, Recorder, digit_shares, find_flight, learned_at, load_flight, save_flight
from mnist_s6.util import set_seed
from mnist_s6.widgets.replay import replay_explorer, replay_picture

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

import flights  # noqa: E402
from machine import machine  # noqa: E402


@pytest.fixture
def few() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Two batches of noise, with labels by chance."""
    source = torch.Generator().manual_seed(0)
    return [(torch.randn(8, 1, 28, 28, generator=source), torch.randint(10, (8,), generator=source)) for _ in range(2)]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As the recordings were made."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(loader: list, model: nn.Module, epochs: int = 2) -> Flight:
    """A recording of a training."""
    recorder = Recorder("few", loader)
    fit(model, loader, loader, epochs, callbacks=[recorder])
    return recorder.flight()


def test_every_recording_of_the_package_is_whole() -> None:
    """Planned, about the same validation images, small, and its answers are those of its curves."""
    assert tuple(flights.PLAN) == FLIGHTS
    folder = ROOT / "mnist_s6/flights"
    assert {path.stem for path in folder.iterdir()} == set(FLIGHTS)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_500_000
    labels = load_data(500, ROOT / "data", validation=True, batched=True)[1].labels
    for name in FLIGHTS:
        flight = find_flight(name)
        assert flight.about == flights.PLAN[name][0]
        assert torch.equal(flight.labels, labels.byte()) and flight.kernels.shape == (flight.epochs + 1, 16, 5, 5)
        for epoch in range(flight.epochs):
            assert flight.accuracy(epoch + 1) == pytest.approx(flight.curves[3, epoch].item(), abs=1e-9)


class Landed(Exception):
    """The training has gone on long enough."""


def test_a_recording_agrees_with_a_rerun(one_thread: None) -> None:
    """Within one image, of the untrained network and after an epoch; on another machine, less exactly."""

    class OneEpoch(Recorder):
        def __call__(self, training: Training) -> None:
            super().__call__(training)
            if len(training.history) == 1:
                raise Landed

    recorder = OneEpoch("again", load_data(500, ROOT / "data", validation=True, batched=True)[1])
    with pytest.raises(Landed):
        flights.PLAN[flights.RERUN][1](str(ROOT / "data"), recorder)
    again, flight = recorder.flight(), find_flight(flights.RERUN)
    facts, here = json.loads((ROOT / "bench/results/recorder.json").read_text())["machine"], machine()
    same = all(facts[name] == here[name] for name in ("processor", "torch"))
    differ = (again.predictions != flight.predictions[:2]).sum(1)
    assert again.epochs == 1 and differ[0] <= (1 if same else 5) and differ[1] <= (1 if same else 500)


def test_slopes_are_those_of_the_steps(few: list) -> None:
    """Of the first step, computed afresh; a layer that isn't used has none."""
    set_seed(0)
    model = S6Net()
    model.spare = nn.Linear(3, 3)
    set_seed(0)
    twin = S6Net()
    F.cross_entropy(twin(few[0][0]), few[0][1]).backward()
    expected = [weight.grad.norm().item() for weight in twin.parameters() if weight.ndim > 1]
    flight = trained(few[:1], model, epochs=1)
    assert flight.layers[-2:] == ("classifier", "spare")
    assert flight.slopes[0].tolist() == pytest.approx([*expected, 0.0], rel=1e-4)


def test_it_disturbs_nothing(few: list) -> None:
    """No random number is drawn, no mode is changed, and no weight."""
    model = S6Net()
    model.features[0].eval()
    recorder, training = Recorder("mine", few), []
    fit(model, few, few, 1, callbacks=[training.append])
    model.features.train()
    before = [torch.get_rng_state(), [part.training for part in model.modules()], {k: v.clone() for k, v in model.state_dict().items()}]
    recorder(training[0])
    assert torch.equal(torch.get_rng_state(), before[0]) and [part.training for part in model.modules()] == before[1]
    assert all(torch.equal(value, before[2][name]) for name, value in model.state_dict().items())


def test_another_training_begins_anew(few: list) -> None:
    """And a network without a convolution has no kernels."""
    recorder = Recorder("mine", few)
    fit(S6Net(), few, few, 3, callbacks=[recorder])
    fit(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), few, few, 1, callbacks=[recorder])
    flight = recorder.flight()
    assert flight.epochs == 1 and flight.layers == ("1",) and flight.kernels.shape == (2, 0, 1, 1)
    assert replay_picture(flight, flight, 1).png()[:4] == b"\x89PNG"


def test_what_was_recorded_before_an_error_is_kept(few: list) -> None:
    """A training that fails in its second epoch has one."""
    recorder = Recorder("mine", few)

    def stop(training: Training) -> None:
        if len(training.history) == 2:
            raise Landed

    with pytest.raises(Landed):
        fit(S6Net(), few, few, 3, callbacks=[stop, recorder])
    assert recorder.flight().epochs == 1 and recorder.flight().curves.shape == (4, 1)


@pytest.mark.parametrize("first", [True, False])
def test_curves_are_those_of_the_epochs_that_were_recorded(few: list, first: bool) -> None:
    """Of a training that goes on, as from a checkpoint, the third and the fourth; whichever callback comes first."""
    recorder = Recorder("mine", few)

    def go_on(training: Training) -> None:
        if not training.history:
            for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "learning_rate", "seconds"):
                setattr(training.history, name, [0.25, 0.5])

    history = fit(S6Net(), few, few, 4, callbacks=[recorder, go_on] if first else [go_on, recorder])
    flight = recorder.flight()
    assert flight.epochs == 2 and flight.slopes.shape == (2, 5)
    assert flight.curves.tolist() == [it[2:] for it in (history.train_loss, history.test_loss, history.train_accuracy, history.test_accuracy)]
    assert flight.accuracy(2) == history.test_accuracy[3]


def test_only_digits_are_recorded(few: list) -> None:
    """Whatever else there is, is refused before anything is learned: its recording could not be read."""
    model, recorder = nn.Sequential(nn.Flatten(), nn.Linear(784, 12)), Recorder("mine", few)
    before = model[1].weight.detach().clone()
    with pytest.raises(ValueError, match="the network has 12 classes; a recording is about digits, expected at most 10. Train it without a Recorder"):
        fit(model, few, few, 1, callbacks=[recorder])
    assert torch.equal(model[1].weight, before)
    with pytest.raises(ValueError, match="the number of recorded states is 0"):
        recorder.flight()
    with pytest.raises(ValueError, match="the labels of the images that the Recorder asks about are from 10 to 10; expected 0 to 9"):
        fit(S6Net(), few, few, 1, callbacks=[Recorder("mine", [(few[0][0], torch.full((8,), 10))])])


def test_a_loader_that_shuffles_is_refused(few: list) -> None:
    """An answer belongs to an image by its place."""
    images, labels = (torch.cat(parts) for parts in zip(*few, strict=True))
    shuffled = DataLoader(TensorDataset(images, labels), 8, shuffle=True)
    with pytest.raises(ValueError, match="the labels come in another order than in the epoch before; .* a loader that does not shuffle"):
        fit(S6Net(), few, few, 3, callbacks=[Recorder("few", shuffled)])


def test_shares_are_recall_and_precision() -> None:
    """Counted one by one, over random answers; 0 where nothing is there."""
    labels, said = torch.randint(9, (500,)), torch.randint(1, 10, (500,))
    shares = digit_shares(confusion_matrix(labels, said))
    for digit in range(10):
        both = ((labels == digit) & (said == digit)).sum().item()
        assert shares[digit, 0].item() == both / max(1, (labels == digit).sum().item())
        assert shares[digit, 1].item() == both / max(1, (said == digit).sum().item())


def test_learned_at_looks_at_both_shares() -> None:
    """Always 9 is not learned; a digit that is forgotten was."""
    labels = torch.tensor([9, 9, 1, 1]).byte()
    said = torch.tensor([[9, 9, 9, 9], [9, 9, 1, 1], [1, 1, 1, 1]]).byte()
    flight = Flight("f", "", (), labels, said, torch.zeros(3, 0, 1, 1).half(), torch.zeros(4, 2).double(), torch.zeros(2, 0))
    assert [learned_at(flight, digit) for digit in (9, 1, 5)] == [1, 1, None]
    assert learned_at(flight, 9, 0.5) == 0
    with pytest.raises(ValueError, match="level is 2"):
        learned_at(flight, 9, 2)


def test_a_file_that_is_no_recording_is_refused(few: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off, changed, of something else, or with parts that don't fit, which aren't saved either; and one that isn't there."""
    flight, path = trained(few, S6Net()), tmp_path / "it.flight"
    save_flight(path, flight)
    whole = path.read_bytes()
    assert load_flight(path).curves.equal(flight.curves)
    wrong = [whole[:-20], whole[:40] + b"\0" + whole[41:], b"", b"text", lzma.compress(b"text"), lzma.compress(save({"a": torch.zeros(2)})),
             lzma.compress(save({"a": torch.zeros(2)}, {"flight": "{}"}))]  # fmt: skip
    for data in wrong:
        path.write_bytes(data)
        with pytest.raises(ValueError, match="is no whole recording .*Record it again"):
            load_flight(path)
    misfits = [{"predictions": flight.predictions[:2]}, {"labels": flight.labels[1:]}, {"slopes": flight.slopes[:, 1:]},
               {"labels": flight.labels + 10}, {"curves": flight.curves[:3]}, {"kernels": flight.kernels[0]},
               {"labels": flight.labels[:0], "predictions": flight.predictions[:, :0]}]  # fmt: skip
    for changes in misfits:
        path.unlink()
        with pytest.raises(ValueError, match=r"the recording 'few' can't be saved \(.+\): it could not be read again. Record it with"):
            save_flight(path, replace(flight, **changes))
        assert not path.exists()
        with monkeypatch.context() as unchecked:
            unchecked.setattr("mnist_s6.recorder._misfit", lambda flight: "")
            save_flight(path, replace(flight, **changes))
        with pytest.raises(ValueError, match="is no whole recording"):
            load_flight(path)
    with pytest.raises(FileNotFoundError):
        load_flight(tmp_path / "nowhere")


def test_the_explorer_says_what_does_not_fit(few: list) -> None:
    """None, the same name twice, other images; and numbers that aren't finite are no obstacle."""
    flight = trained(few, S6Net())
    other = replace(flight, name="other", labels=(flight.labels + 1) % 10)
    for wrong in [], [flight, flight], [flight, other]:
        with pytest.raises(ValueError, match="expected one or more with different names, about the same images"):
            replay_explorer(wrong)
    for state in {"left": "nope"}, {"right": "nope"}:
        with pytest.raises(ValueError, match="no recording is called 'nope'; expected one of few, new"):
            replay_explorer([flight, replace(flight, name="new")], **state)
    broken = replace(flight, name="broken", curves=flight.curves * torch.inf, kernels=flight.kernels * torch.nan)
    explorer = replay_explorer([flight, broken], epoch=5, digit=3)
    assert json.loads(json.dumps(explorer.flights, allow_nan=False))[1]["curves"][0] == [None, None]
    assert explorer.still().png()[:4] == b"\x89PNG" and "few after epoch 2 of 2: " in explorer.still().text
