"""Edge cases of `fit`: its schedule, what it refuses, its end, its bar, and the exercise of its room."""

import math
import re
from contextlib import contextmanager

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from helpers import reply
from images import batches, few_images, small_net

from mnist_s6 import fit as comforts
from mnist_s6.augment import Augmentation
from mnist_s6.fit import OneCycle, Training, fit
from mnist_s6.misread import confusion_matrix, find_misclassified
from mnist_s6.model import FastNet, S6Net
from mnist_s6.truth import compare
from mnist_s6.util import History, Score, classify, evaluate, train_epoch


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics card")
def test_fit_trains_where_the_parameters_are() -> None:
    net = small_net().to("cuda")
    assert len(fit(net, batches(), batches(), epochs=1)) == 1
    assert {parameter.device.type for parameter in net.parameters()} == {"cuda"}
    assert classify(net, batches())[0].device.type == "cpu"


# ------------------------------------------------------------- the schedule


@pytest.mark.parametrize(
    "name, value",
    [("max_lr", -1), ("max_lr", 0), ("max_lr", 1e7), ("max_lr", math.nan), ("max_lr", math.inf),
     ("warm_up", 0), ("warm_up", 1), ("label_smoothing", 1), ("label_smoothing", -0.1)],
)
def test_numbers_that_no_training_can_be_made_with_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{name} is {value!r}; expected a number from ")):
        OneCycle(**{name: value})
    with pytest.raises(TypeError, match=f"{name} is None; expected a number from "):
        OneCycle(**{name: None})


def test_a_schedule_builds_adamw_that_starts_far_below_the_highest_rate() -> None:
    optimizer, scheduler = OneCycle(max_lr=0.1).build(small_net(), steps=100)
    assert isinstance(optimizer, torch.optim.AdamW) and scheduler.get_last_lr()[0] < 0.1 / 10


def test_a_training_holds_what_it_is_given() -> None:
    history = History()
    history.add(Score(0.5, 0.8), Score(0.2, 0.9), 0.02, 10.0)
    net = small_net()
    under_way = Training(net, batches(), torch.optim.SGD(net.parameters(), lr=0.1), None, history)  # type: ignore[arg-type]
    assert len(under_way.history) == 1 and under_way.model is net


@pytest.mark.parametrize("bad, error, message", [
    ({"betas": (0.9, 1.0)}, ValueError, "betas[1] is 1.0; expected a number from 0 to 0.999999"),
    ({"betas": (-0.1, 0.9)}, ValueError, "betas[0] is -0.1; expected a number"), ({"betas": (0.9, "b")}, TypeError, "betas[1] is 'b'"),
    ({"betas": 0.9}, TypeError, "betas is 0.9; expected two numbers"), ({"betas": (0.9,)}, TypeError, "betas is (0.9,); expected two"),
    ({"weight_decay": -1.0}, ValueError, "weight_decay is -1.0; expected a number from 0"), ({"weight_decay": "a"}, TypeError, "weight_decay is 'a'"),
])
def test_what_adamw_refuses_is_refused_at_once(bad: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        OneCycle(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", [1, 2, 5, 10, 100])
def test_every_number_of_steps_can_be_made(steps: int) -> None:
    for warm_up in 1e-6, 0.1, 0.2, 0.3, 0.5, 0.999999:
        optimizer, scheduler = OneCycle(warm_up=warm_up).build(small_net(), steps)
        for _ in range(steps):
            assert 0 <= scheduler.get_last_lr()[0] <= 0.02 + 1e-9
            optimizer.step()
            scheduler.step()


def test_a_warm_up_of_one_step() -> None:
    """`OneCycleLR` would divide by zero."""
    assert len(fit(small_net(), batches(5), batches(), epochs=1, schedule=OneCycle(warm_up=0.2))) == 1


# ------------------------------------------------------------- all of it


class Endless(IterableDataset):
    """Images without a number."""

    def __iter__(self):
        yield from batches()


@pytest.mark.parametrize(
    "change, error, message",
    [({"epochs": 0}, ValueError, "epochs is 0; expected a whole number from 1 to 10,000"),
     ({"epochs": 2.5}, TypeError, "epochs is 2.5"),
     ({"train_loader": []}, ValueError, "len(train_loader) is 0; expected a number from 1"),
     ({"test_loader": []}, ValueError, "len(test_loader) is 0; expected a number from 1"),
     ({"train_loader": (batch for batch in batches())}, TypeError, "without a length; expected a DataLoader or a list of batches"),
     ({"train_loader": DataLoader(Endless())}, TypeError, "without a length; expected a DataLoader or a list of batches, of a dataset that knows"),
     ({"test_loader": iter(batches())}, TypeError, "test_loader is <list_iterator object at")],
)
def test_fit_complains_before_it_trains(change: dict[str, object], error: type[Exception], message: str) -> None:
    net, calls = small_net(), []
    before = net[1].weight.clone()
    arguments = {"train_loader": batches(), "test_loader": batches(), "epochs": 1, "callbacks": [calls.append]}
    with pytest.raises(error, match=re.escape(message)):
        fit(net, **{**arguments, **change})  # type: ignore[arg-type]
    assert torch.equal(net[1].weight, before) and not calls


@pytest.mark.parametrize("labels, error, message", [
    (F.one_hot(torch.arange(8), 10), ValueError, "logits have shape (8, 10) and labels (8, 10); expected (N, classes) and (N,). If labels are one-hot"),
    (torch.arange(8)[:, None], ValueError, "labels (8, 1)"), (torch.arange(7), ValueError, "labels (7,)"),
    (torch.arange(8.0), TypeError, "labels are of type torch.float32; expected whole numbers"),
    (torch.arange(8) + 3, ValueError, "labels are from 3 to 10; expected 0 to 9"),
    (torch.arange(8) - 100, ValueError, "labels are from -100 to -93; expected 0 to 9"),  # PyTorch leaves those out
])
def test_labels_that_do_not_fit_are_told_before_a_step(labels: torch.Tensor, error: type[Exception], message: str) -> None:
    net, wrong = small_net(), [(torch.rand(8, 1, 28, 28), labels)]
    before = net[1].weight.clone()
    with pytest.raises(error, match=re.escape(message)):
        fit(net, wrong, batches(), epochs=1)
    assert torch.equal(net[1].weight, before)
    with pytest.raises(error, match=re.escape(message)):
        evaluate(net, wrong)


TEN = torch.rand(8, 1, 28, 28), torch.arange(8)


@pytest.mark.parametrize("wrong, error, message", [
    (TensorDataset(*TEN), ValueError, "a batch has images (1, 28, 28) and labels (); expected a label for each image"),
    ([(TEN[0][0], 3)], TypeError, "a batch is (Tensor, int); expected two tensors, images and labels"),  # as a dataset gives them
    ([(TEN[0].numpy(), TEN[1].numpy())], TypeError, "a batch is (ndarray, ndarray); expected two tensors"),
    ([(TEN[0], TEN[1].tolist())], TypeError, "a batch is (Tensor, list); expected two tensors"),
    ([TEN[0]], TypeError, "a batch is (Tensor); expected two tensors"), ([(*TEN, 3, 4)], TypeError, "a batch is (Tensor, Tensor, int, …); expected"),
    ([((255 * TEN[0]).byte(), TEN[1])], TypeError, "a batch has images of type torch.uint8; expected floats"),
])
def test_batches_that_are_none_are_told_before_a_step(wrong: object, error: type[Exception], message: str) -> None:
    """In any loader; those that can be looked into, also before the first epoch."""
    net, calls = small_net(), []
    before = net[1].weight.clone()
    for use in (lambda: evaluate(net, wrong), lambda: train_epoch(net, wrong, torch.optim.SGD(net.parameters(), 0.1)),
                lambda: fit(net, wrong, batches(), 1, callbacks=[calls.append]), lambda: fit(net, batches(), wrong, 1, callbacks=[calls.append])):
        with pytest.raises(error, match=re.escape(message)):
            use()
    assert torch.equal(net[1].weight, before) and not calls


def test_a_dataset_of_batches_may_be_a_stream() -> None:
    """Which has no first item to look at."""
    class Stream(IterableDataset):
        def __len__(self) -> int:
            return 2

        def __iter__(self):  # type: ignore[no-untyped-def]
            yield from batches(2)

    assert len(fit(small_net(), Stream(), batches(), epochs=1)) == 1


def test_only_a_training_takes_soft_targets() -> None:
    """An evaluation compares with labels."""
    with pytest.raises(ValueError, match=re.escape("If labels are one-hot, pass their argmax(1)")):
        evaluate(small_net(), [(torch.rand(8, 1, 28, 28), F.one_hot(torch.arange(8), 10).float())])


@pytest.mark.parametrize("kind", [torch.uint8, torch.uint16, torch.int8, torch.int16, torch.int32, torch.uint32, torch.int64])
def test_labels_may_be_of_any_whole_type(kind: torch.dtype) -> None:
    torch.manual_seed(0)
    net, images = small_net(), torch.rand(8, 1, 28, 28)
    expected = evaluate(net, [(images, torch.arange(8))])
    loader = [(images, torch.arange(8).to(kind))]
    assert evaluate(net, loader) == expected and len(fit(net, loader, loader, epochs=1)) == 1
    assert confusion_matrix(loader[0][1], loader[0][1]).sum() == 8
    assert len(find_misclassified(net, loader)) == compare(net, nn.Sequential(net, nn.Softmin(1)), loader).n - round(8 * evaluate(net, loader).accuracy)


@pytest.mark.parametrize("given", [S6Net, None, "s6"])
def test_what_is_no_network_is_not_trained(given: object) -> None:
    expected = "model is the class S6Net; expected a network, such as S6Net()" if given is S6Net else f"model is {given!r}; expected a network"
    for use in lambda: fit(given, batches(), batches()), lambda: evaluate(given, batches()), lambda: find_misclassified(given, batches()):
        with pytest.raises(TypeError, match=re.escape(expected)):
            use()


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.double])
def test_other_precisions_are_trained(precision: torch.dtype) -> None:
    torch.manual_seed(0)
    net = S6Net().to(precision)
    train, test = few_images(1000, 200)(25, None, seed=0, validation=False, batched=True, augmentation=None, share=1.0)
    history = fit(net, train, test, epochs=1)
    assert {p.dtype for p in net.parameters()} == {precision}
    assert history.test_accuracy[-1] > 0.7, history
    assert evaluate(net.half(), test).accuracy == pytest.approx(history.test_accuracy[-1], abs=0.02)


def test_a_network_that_has_nothing_to_learn_with_is_not_trained() -> None:
    with pytest.raises(ValueError, match="the network has no parameters, so there is nothing to learn"):
        fit(nn.Flatten(), batches(), batches(), epochs=1)


def test_half_precision_is_not_trained() -> None:
    net = S6Net().half()
    with pytest.raises(ValueError, match=r"the network is in half precision .* Train model.float\(\)"):
        fit(net, batches(), batches())
    assert net.training  # as it was


def test_a_default_of_double_precision(request: pytest.FixtureRequest) -> None:
    """Networks that were made before, and networks that are made under it."""
    usual = S6Net()
    request.addfinalizer(lambda: torch.set_default_dtype(torch.float))
    torch.set_default_dtype(torch.double)
    for net in usual, S6Net():
        precision = net.classifier.weight.dtype
        train, test = few_images(1000, 200)(100, None, seed=0, validation=False, batched=True, augmentation=Augmentation(), share=1.0)
        assert len(fit(net, train, test, epochs=1)) == 1 and net.classifier.weight.dtype == precision
        assert 0 < evaluate(net, test).loss < 10
        assert len(find_misclassified(net, test)) < 200


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
@pytest.mark.parametrize("when", ["callback", "batch", "evaluation"])
def test_what_ends_a_training_early_keeps_it(error: type[BaseException], when: str) -> None:
    class Ending(list):
        """Batches of which the last one of the second epoch never comes."""

        epochs = 0

        def __iter__(self):  # type: ignore[no-untyped-def]
            self.epochs += 1
            yield from super().__iter__()
            if self.epochs == 2:
                raise error

    def end(training: Training) -> None:
        if when == "callback" and len(training.history) == 1:
            raise error

    net = S6Net()
    train, test = (Ending(batches()) if when == name else batches() for name in ("batch", "evaluation"))
    with pytest.raises(error) as caught:
        fit(net, train, test, epochs=3, callbacks=[end])
    training = caught.value.training
    assert len(training.history) == len(training.history.test_loss) == 1 and training.model is net
    assert not any(part.training for part in net.modules())
    assert not isinstance(caught.value, KeyboardInterrupt) or "1 of 3 epochs, kept in sys.last_value.training.history" in str(caught.value)


def test_callbacks_see_the_training_from_its_start() -> None:
    seen = []

    def look(training: Training) -> None:
        assert isinstance(training, Training)
        low = training.scheduler.get_last_lr()[0] < 0.02 / 10
        seen.append((len(training.history), bool(training.optimizer.state), low))

    history = fit(small_net(), batches(), batches(), epochs=2, callbacks=[look, look])
    assert seen == [(0, False, True)] * 2 + [(1, True, False)] * 2 + [(2, True, True)] * 2
    assert len(history) == 2


def test_a_callback_can_put_back_epochs() -> None:
    """A training that has one epoch of three behind it makes two more."""

    def go_on(training: Training) -> None:
        if not len(training.history):
            training.history.add(Score(0.5, 0.8), Score(0.2, 0.9), 0.02, 10.0)

    history = fit(small_net(), batches(), batches(), epochs=3, callbacks=[go_on])
    assert len(history) == 3 and history.train_loss[0] == 0.5


def test_the_bar_counts_the_steps_of_the_whole_training(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []

    class Bar:
        """Notes what is shown."""

        def __init__(self, total: int, done: int) -> None:
            self.n = done
            said.append((total, done))

        def set_description(self, text: str, refresh: bool) -> None:
            said.append(text)

        def set_postfix_str(self, text: str, refresh: bool) -> None:
            assert re.fullmatch(r"loss \d\.\d{3}, accuracy \d+\.\d%, lr 0\.\d{4}", text)

        def update(self) -> None:
            self.n += 1

        def clear(self) -> None:
            said.append(self.n)

    @contextmanager
    def progress_bar(total: int, done: int):  # type: ignore[no-untyped-def]
        yield Bar(total, done)

    monkeypatch.setattr(comforts, "progress_bar", progress_bar)
    fit(small_net(), batches(3), batches(), epochs=2)
    assert said == [(6, 0), *["epoch 1/2"] * 3, 3, *["epoch 2/2"] * 3, 6]


def test_channels_last_changes_nothing() -> None:
    torch.manual_seed(0)
    net, (images, _) = S6Net().eval(), batches()[0]
    with torch.no_grad():
        before = net(images)
        torch.testing.assert_close(net.to(memory_format=torch.channels_last)(images), before, atol=1e-4, rtol=1e-4)


class Viewing(nn.Module):
    """As many write it: `view` needs maps whose channels lie one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.linear = nn.Conv2d(1, 2, 5), nn.Linear(2 * 24 * 24, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.linear(self.convolution(images).relu().view(-1, 2 * 24 * 24))


class Subclass(S6Net):
    """A course's network with an end of its own."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(images).view(len(images), -1))


@pytest.mark.parametrize("network", [Viewing, S6Net, FastNet, Subclass])
def test_parameters_stay_where_they_are(network: type[nn.Module]) -> None:
    """Another thread may be reading them: memory that moved would be freed under its hands, and nan come of it."""
    net = network()
    before = [(parameter.data_ptr(), parameter.stride()) for parameter in net.parameters()]
    fit(net, batches(2), batches(), epochs=1)
    assert before == [(parameter.data_ptr(), parameter.stride()) for parameter in net.parameters()]
    assert torch.nn.utils.parameters_to_vector(net.parameters()).ndim == 1  # which views each of them


# ------------------------------------------------------------- the exercise


def rate_is_right(value: object) -> bool:
    """The exercise on the learning rate, with a training that fails above a rate of 2 and breaks down from 1,000 on."""

    def short_run(seed: int, max_lr: float) -> History:
        OneCycle(max_lr=max_lr)  # may refuse it
        if max_lr >= 1000:
            raise FloatingPointError("the loss is nan after 400 images: try a smaller learning rate")
        return History(test_accuracy=[0.1 if max_lr > 2 or max_lr < 1e-4 else 0.9])

    return reply("39_fit", "my_max_lr", value, OneCycle=OneCycle, short_run=short_run) == "right"


@pytest.mark.parametrize("value", [3, 10.0, 100, np.float64(10)])
def test_rate_takes_right_answers(value: object) -> None:
    assert rate_is_right(value)


@pytest.mark.parametrize("value", [0.02, 1, 1e-5, 1e6, 1e9, -1, 0, None, "10", (), math.nan, math.inf, torch.ones(2)])
def test_rate_refuses_wrong_ones(value: object) -> None:
    assert not rate_is_right(value)


@pytest.mark.parametrize("epochs", [np.int64(2), np.uint8(2)])
def test_epochs_may_be_a_number_of_numpys(epochs: int) -> None:
    """As from `np.arange`; the schedule takes only Python's."""
    assert len(fit(small_net(), batches(), batches(), epochs=epochs)) == 2


def test_a_program_without_a_terminal_trains_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `pythonw` starts it: there is no standard output or error."""
    monkeypatch.setattr("sys.stderr", None)
    monkeypatch.setattr("sys.stdout", None)
    assert len(fit(small_net(), batches(), batches(), epochs=1)) == 1


def test_callbacks_of_any_kind_are_called_after_each_epoch() -> None:
    """A generator, too, which gives each only once."""
    epochs = []
    fit(small_net(), batches(), batches(), epochs=3, callbacks=(call for call in [lambda training: epochs.append(len(training.history))]))
    assert epochs == [0, 1, 2, 3]


@pytest.mark.parametrize("callbacks", [print, [3], "ab", [print, None], 3])
def test_what_can_not_be_called_back_is_told(callbacks: object) -> None:
    net = small_net()
    before = net[1].weight.clone()
    with pytest.raises(TypeError, match=re.escape(f"callbacks is {callbacks!r}; expected a list of functions, such as [print]")):
        fit(net, batches(), batches(), epochs=1, callbacks=callbacks)  # type: ignore[arg-type]
    assert torch.equal(net[1].weight, before)


@pytest.mark.parametrize("schedule", [None, 0.01, OneCycle])
def test_what_is_no_schedule_is_told(schedule: object) -> None:
    with pytest.raises(TypeError, match="expected a OneCycle"):
        fit(small_net(), batches(), batches(), epochs=1, schedule=schedule)


def test_what_callbacks_keep_does_not_hang_on_what_can_be_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The epoch was trained, whoever reads of it."""
    epochs = []

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("builtins.print", fails)
    with pytest.raises(OSError, match="No space"):
        fit(small_net(), batches(), batches(), epochs=2, callbacks=[lambda training: epochs.append(len(training.history))])
    assert epochs == [0, 1]


def test_scores_that_are_no_numbers_end_the_training() -> None:
    """Also where only the evaluation meets them; what was learned is told with the error."""
    bad = [(images * torch.nan, labels) for images, labels in batches()]
    with pytest.raises(FloatingPointError, match="get scores that are no numbers") as caught:
        fit(small_net(), batches(), bad, epochs=1)
    assert caught.value.training.model


def test_an_empty_batch_is_told() -> None:
    """Its loss is no number, and no learning rate would help."""
    with pytest.raises(ValueError, match="the number of images in a batch is 0; expected a number from 1"):
        fit(small_net(), [*batches(2), (torch.zeros(0, 1, 28, 28), torch.zeros(0, dtype=torch.long))], batches(), epochs=1)
