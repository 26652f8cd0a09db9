"""Edge cases of the third lesson: devices, seeds, empty loaders, misfits, and its exercises."""

import copy
import json
import math
import pickle
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from images import Asked, few_images
from torch import nn
from torch.utils.data import Subset

from mnist_s6 import fit as comforts, util
from mnist_s6.augment import Augmentation
from mnist_s6.datasets import load_data
from mnist_s6.fit import OneCycle, Training, fit
from mnist_s6.model import S6Net, model_summary, receptive_field
from mnist_s6.predict import predict
from mnist_s6.util import (
    Evaluation, History, Mistakes, Score, classify, confusion_matrix, count_correct, evaluate, evaluated_on, find_misclassified,
    get_device, plot_confusion, set_seed, train_epoch, wilson,
)
from mnist_s6.widgets import record_layers

ROOMS = [Path(__file__).parent.parent / "nbs" / name for name in ("03_util.ipynb", "39_fit.ipynb")]
EYE = (torch.eye(3), torch.arange(3))  # three images that `nn.Identity` gets right


def small_net() -> nn.Module:
    """Quick to train."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def batches(count: int = 5) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Noise with labels."""
    generator = torch.Generator().manual_seed(0)
    return [(torch.randn(8, 1, 28, 28, generator=generator), torch.arange(8)) for _ in range(count)]


# ------------------------------------------------------------- devices and seeds


def test_a_device_that_is_there_is_taken() -> None:
    assert get_device(torch.device("cpu")) == torch.device("cpu")
    assert get_device() == get_device(None) == get_device(get_device().type)


@pytest.mark.parametrize("name", ["tpu", "", "cpu2", *["cuda"] * (not torch.cuda.is_available())])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"device '{name}' is not on this machine; expected one of .*'cpu'"):
        get_device(name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics card")
def test_fit_trains_where_the_parameters_are() -> None:
    net = small_net().to("cuda")
    assert len(fit(net, batches(), batches(), epochs=1)) == 1
    assert {parameter.device.type for parameter in net.parameters()} == {"cuda"}
    assert classify(net, batches())[0].device.type == "cpu"


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match=f"seed is {seed}; expected a whole number"):
        set_seed(seed)


@pytest.mark.parametrize("seed", [1.5, "1", None, True])
def test_a_seed_that_is_no_whole_number_is_refused(seed: object) -> None:
    with pytest.raises(TypeError, match="seed is "):
        set_seed(seed)  # type: ignore[arg-type]


def test_numpy_numbers_are_seeds() -> None:
    set_seed(np.int64(3))
    first = torch.rand(())
    set_seed(3)
    assert torch.rand(()) == first


# ------------------------------------------------------------- counting and evaluating


@pytest.mark.parametrize("logits, labels", [((3, 3), (2,)), ((3, 3), (1,)), ((3, 3), (3, 1)), ((3,), (3,)), ((3,), ())])
def test_shapes_that_do_not_fit_are_not_counted(logits: tuple[int, ...], labels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"logits have shape {logits} and labels {labels}; expected")):
        count_correct(torch.zeros(logits), torch.zeros(labels, dtype=torch.long))


@pytest.mark.parametrize("look", [classify, evaluate, find_misclassified])
def test_nothing_to_look_at_is_an_error(look: Callable[..., object]) -> None:
    for nothing in [], iter([]):
        with pytest.raises(ValueError, match="the number of batches in the loader is 0; expected a number from 1"):
            look(nn.Identity(), nothing)


def test_evaluating_leaves_the_mode_as_it_was() -> None:
    net = S6Net()
    net.features[0].eval()
    evaluate(net, batches())
    assert (net.training, net.features[0].training, net.features[1].training) == (True, False, True)


def test_a_score_does_not_depend_on_the_batches() -> None:
    logits, labels = torch.randn(12, 3, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 3
    whole = evaluate(nn.Identity(), [(logits, labels)])
    for sizes in [1, 11], [5, 7], [4, 4, 4]:
        cut = evaluate(nn.Identity(), list(zip(logits.split(sizes), labels.split(sizes))))
        assert cut == pytest.approx(whole)
    assert whole.loss == pytest.approx(F.cross_entropy(logits, labels).item())


# ------------------------------------------------------------- one epoch


def test_an_epoch_without_images_is_an_error() -> None:
    net = small_net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for nothing in [], iter([]):
        with pytest.raises(ValueError, match="the number of images in the loader is 0; expected a number from 1"):
            train_epoch(net, nothing, optimizer)


def test_a_loss_that_is_no_number_ends_the_training() -> None:
    net = small_net()
    optimizer = torch.optim.SGD(net.parameters(), lr=math.inf)
    with pytest.raises(FloatingPointError, match=r"the loss is (inf|nan) after 8 images: try a smaller learning rate"):
        train_epoch(net, batches(), optimizer)


def test_the_training_score_is_a_mean_over_images() -> None:
    """Without steps, it is what an evaluation gives, whatever the batches."""
    net = small_net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
    (images, labels), *_ = batches()
    uneven = [(images[:7], labels[:7]), (images[7:], labels[7:])]
    assert train_epoch(net, uneven, optimizer) == pytest.approx(evaluate(net, [(images, labels)]))
    assert train_epoch(net, uneven, optimizer, label_smoothing=0.3) == pytest.approx(evaluate(net, [(images, labels)]))


def test_a_graphics_card_is_seldom_asked_and_learns_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done for a card, done on the CPU: the same weights and scores, and numbers are fetched only now and then."""
    found = []
    for every in 1, 50:
        monkeypatch.setattr(util, "_asking_every", lambda device, every=every: every)
        set_seed(0)
        net, reports = small_net(), []
        loader = [(torch.rand(8, 1, 28, 28), torch.arange(8)) for _ in range(60)]
        optimizer = torch.optim.AdamW(net.parameters(), fused=True)
        with Asked() as asked:
            score = train_epoch(net, loader, optimizer, label_smoothing=0.1, on_batch=reports.append)
        found.append((score, [p.tolist() for p in net.parameters()]))
        assert len(reports) == 60 and sum(report is not None for report in reports) == math.ceil(60 / every)
        assert asked.times < 12 if every == 50 else asked.times > 120
    assert found[0] == found[1]


def test_a_loss_that_is_no_number_is_seen_at_the_end_of_the_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it isn't looked at after each step."""
    monkeypatch.setattr(util, "_asking_every", lambda device: 50)
    net = small_net()
    with pytest.raises(FloatingPointError, match=r"the loss is (inf|nan) after 16 images"):
        train_epoch(net, batches()[:2], torch.optim.SGD(net.parameters(), lr=math.inf))


def test_the_slopes_confirm_the_receptive_field() -> None:
    """The slope of one value for each pixel isn't 0 where the value sees it, and 0 anywhere else."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(1, 4, 5), nn.AvgPool2d(2), nn.Conv2d(4, 4, 3, padding=1))
    image = torch.zeros(1, 1, 28, 28, requires_grad=True)
    layers(image)[0, 0, 4, 7].backward()
    rows, columns = image.grad[0, 0].nonzero().T
    seen = rows.min().item(), columns.min().item(), rows.max().item() + 1, columns.max().item() + 1
    assert seen == receptive_field(layers).window(4, 7)
    assert len(rows) == receptive_field(layers).size ** 2


# ------------------------------------------------------------- the history


def test_a_new_history_is_empty() -> None:
    first, second = History(), History()
    first.add(Score(0.5, 0.8), Score(0.2, 0.9), 0.02, 10.0)
    assert (len(first), len(second)) == (1, 0)
    with pytest.raises(ValueError, match="the number of epochs in this history is 0; expected a number from 1"):
        second.plot()


def test_each_number_goes_into_its_column() -> None:
    history = History(test_name="validation")
    history.add(Score(0.5, 0.80), Score(0.2, 0.95), 0.02, 10.0)
    history.add(Score(0.2, 0.94), Score(0.1, 0.97), 0.01, 11.0)
    assert (history.train_loss, history.train_accuracy) == ([0.5, 0.2], [0.80, 0.94])
    assert (history.test_loss, history.test_accuracy) == ([0.2, 0.1], [0.95, 0.97])
    assert (history.learning_rate, history.seconds) == ([0.02, 0.01], [10.0, 11.0])
    said = "epoch  2/5  training loss 0.2000, accuracy 94.00%  validation loss 0.1000, accuracy 97.00%  11.0 s"
    assert history.last_epoch(5) == said
    titles = [axes.get_title() for axes in history.plot().axes]
    assert (titles[0], titles[3]) == ("training loss: 0.2000 at the end", "validation accuracy: 97.00% at the end")


def test_an_evaluation_is_a_score_with_its_interval() -> None:
    """A pair as ever, also when it is copied or sent; a history remembers how many images there were, and shows it."""
    found = evaluate(nn.Identity(), [EYE])
    loss, accuracy = found
    assert isinstance(found, Evaluation) and found == Score(loss, accuracy) and (accuracy, found.images) == (1.0, 3)
    for twin in copy.deepcopy(found), pickle.loads(pickle.dumps(found)):
        assert str(twin) == str(found) == f"loss {loss:.4f}, accuracy 100.00% of 3 images (95% interval {wilson(3, 3)})"
    history = History()
    history.add(Score(0.5, 0.8), found, 0.02, 10.0)
    assert history.test_images == 3 and history.plot().axes[3].get_title().endswith(f"95% interval {wilson(3, 3)}")


def test_scores_are_called_test_only_where_they_are() -> None:
    """A history that wasn't told what was evaluated on doesn't claim that it was the test."""
    history = History()
    history.add(Score(0.5, 0.8), Score(0.2, 0.9), 0.02, 10.0)
    assert "test" not in history.last_epoch(1)
    assert [axes.get_title() for axes in history.plot().axes] == [
        "training loss: 0.5000 at the end", "evaluation loss: 0.2000 at the end",
        "training accuracy: 80.00% at the end", "evaluation accuracy: 90.00% at the end",
    ]


def test_the_curves_have_labelled_axes() -> None:
    history = History()
    history.add(Score(0.5, 0.8), Score(0.2, 0.9), 0.02, 10.0)
    upper_left, _, lower_left, lower_right = history.plot().axes
    assert (upper_left.get_ylabel(), lower_left.get_ylabel()) == ("loss", "accuracy")
    assert lower_left.get_xlabel() == lower_right.get_xlabel() == "epoch"


def test_the_loader_tells_what_was_evaluated_on() -> None:
    held_out = load_data(100, validation=True, batched=True)[1].dataset
    assert evaluated_on(SimpleNamespace(dataset=Subset(Subset(held_out, range(9)), range(3)))) == "validation"
    for batched in True, False:
        assert evaluated_on(load_data(100, batched=batched)[1]) == "test"
        assert evaluated_on(load_data(100, validation=True, batched=batched)[1]) == "validation"
    assert evaluated_on(SimpleNamespace(dataset=[1, 2])) == evaluated_on(iter([])) == evaluated_on([]) == "evaluation"


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


@pytest.mark.parametrize("bad", [{"betas": (0.9, 1.0)}, {"betas": (-0.1, 0.9)}, {"weight_decay": -1.0}])
def test_what_adamw_refuses_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Invalid"):
        OneCycle(**bad).build(small_net(), 10)  # type: ignore[arg-type]


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


@pytest.mark.parametrize(
    "change, error, message",
    [({"epochs": 0}, ValueError, "epochs is 0; expected a whole number from 1 to 10,000"),
     ({"epochs": 2.5}, TypeError, "epochs is 2.5"),
     ({"train_loader": []}, ValueError, "len(train_loader) is 0; expected a number from 1"),
     ({"test_loader": []}, ValueError, "len(test_loader) is 0; expected a number from 1"),
     ({"train_loader": (batch for batch in batches())}, TypeError, "object of type 'generator' has no len()"),
     ({"test_loader": iter(batches())}, TypeError, "object of type 'list_iterator' has no len()")],
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


def test_only_a_training_takes_soft_targets() -> None:
    """An evaluation compares with labels."""
    with pytest.raises(ValueError, match=re.escape("If labels are one-hot, pass their argmax(1)")):
        evaluate(small_net(), [(torch.rand(8, 1, 28, 28), F.one_hot(torch.arange(8), 10).float())])


@pytest.mark.parametrize("kind", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_labels_may_be_of_any_whole_type(kind: torch.dtype) -> None:
    torch.manual_seed(0)
    net, images = small_net(), torch.rand(8, 1, 28, 28)
    expected = evaluate(net, [(images, torch.arange(8))])
    loader = [(images, torch.arange(8).to(kind))]
    assert evaluate(net, loader) == expected and len(fit(net, loader, loader, epochs=1)) == 1
    assert confusion_matrix(loader[0][1], loader[0][1]).sum() == 8


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
    train, test = few_images(2000, 500)(50, None, seed=0, validation=False, batched=True, augmentation=None, share=1.0)
    history = fit(net, train, test, epochs=1)
    assert {p.dtype for p in net.parameters()} == {precision}
    assert history.test_accuracy[-1] > 0.7, history
    assert evaluate(net.half(), test).accuracy == pytest.approx(history.test_accuracy[-1], abs=0.02)


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


def test_nobody_who_looks_touches_the_network() -> None:
    """Beside a running training, 400 looks of each kind leave every batch norm learning."""
    torch.manual_seed(0)
    net, modes, looks, ended = S6Net(), [], 0, threading.Event()
    test = [(F.pad(torch.rand(2, 1, 20, 20), (4, 4, 4, 4)), torch.tensor([1, 2]))]  # ink where MNIST has it

    def watch(norm: nn.Module, _: object) -> None:
        if threading.current_thread() is trainer:
            modes.append(norm.training)

    class Training(list):
        """Batches until everybody has looked."""

        def __len__(self) -> int:
            return 100_000

        def __iter__(self):  # type: ignore[no-untyped-def]
            while not ended.is_set():
                yield torch.rand(8, 1, 28, 28), torch.arange(8)

    def train() -> None:
        train_epoch(net, Training(), torch.optim.SGD(net.parameters(), lr=1e-3))

    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.register_forward_pre_hook(watch)
    trainer = threading.Thread(target=train)
    trainer.start()
    try:
        while len(modes) < 4:
            time.sleep(0.01)
        for looks in range(400):
            predict(test[0][0][:1, 0], net)
            if looks % 4 == 0:
                evaluate(net, test), find_misclassified(net, test), model_summary(net), record_layers(net, test[0][0][0])
    finally:
        ended.set()
        trainer.join()
    assert looks == 399 and len(modes) > 40 and all(modes), (modes.count(False), len(modes))


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


# ------------------------------------------------------------- mistakes


def test_a_network_without_mistakes() -> None:
    none = find_misclassified(nn.Identity(), [EYE])
    assert (len(none), none.images.shape) == (0, (0, 3))
    assert none.plot().texts[0].get_text() == "no mistakes"


def test_mistakes_are_found_in_one_pass() -> None:
    """Also where a loader can be read only once; the surest comes first, with its place and its image."""
    images = torch.tensor([[0.0, 1.0, 0.0], [9.0, 0.0, 0.0], [0.0, 0.0, 3.0]])
    once = iter([(images[:2], torch.tensor([0, 0])), (images[2:], torch.tensor([1]))])
    mistakes = find_misclassified(nn.Identity(), once)
    assert mistakes.indices.tolist() == [2, 0]
    assert (mistakes.labels.tolist(), mistakes.predictions.tolist()) == ([1, 0], [2, 1])
    assert torch.equal(mistakes.images, images[[2, 0]])
    assert torch.allclose(mistakes.confidences, images[[2, 0]].softmax(1).max(1).values)


def test_titles_read_label_then_prediction() -> None:
    index, label, prediction, confidence = (torch.tensor([value]) for value in (4, 5, 3, 0.876))
    found = Mistakes(index, torch.rand(1, 1, 28, 28), label, prediction, confidence)
    assert found.plot().axes[0].get_title() == "5→3\n88%"


@pytest.mark.parametrize("count", [0, -1, 2.5, "2"])
def test_a_count_that_is_none_is_refused(count: object) -> None:
    mistakes = find_misclassified(nn.Identity(), [(torch.eye(3), torch.tensor([0, 1, 1]))])
    with pytest.raises((ValueError, TypeError), match="count is "):
        mistakes.plot(count)  # type: ignore[arg-type]


# ------------------------------------------------------------- the confusion matrix


def test_pairs_are_counted() -> None:
    generator = torch.Generator().manual_seed(0)
    labels, predictions = torch.randint(10, (2, 500), generator=generator)
    matrix = confusion_matrix(labels, predictions)
    assert matrix.dtype == torch.long and matrix.sum() == 500
    for label in range(10):
        for prediction in range(10):
            assert matrix[label, prediction] == ((labels == label) & (predictions == prediction)).sum()
    assert confusion_matrix(labels[:0], predictions[:0]).sum() == 0


@pytest.mark.parametrize(
    "labels, predictions",
    [([0], [0, 1]), ([0, 1, 1], [0, 1]), ([0], [2]), ([2], [0]), ([-1], [0]), ([0], [-1])],
)
def test_pairs_that_are_none_are_refused(labels: list[int], predictions: list[int]) -> None:
    with pytest.raises(ValueError, match=r"(there are \d labels and \d predictions|are from -?\d to -?\d); expected"):
        confusion_matrix(torch.tensor(labels), torch.tensor(predictions), classes=2)


@pytest.mark.parametrize("labels, error, message", [
    (torch.eye(2), ValueError, "labels have shape (2, 2); expected (N,), one class number for each image. If they are one-hot"),
    (torch.tensor([0.0, 1.0]), TypeError, "labels are of type torch.float32; expected whole numbers, such as labels.long()"),
    (torch.tensor([True, False]), TypeError, "labels are of type torch.bool"),
])
def test_what_are_no_classes_is_told(labels: torch.Tensor, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        confusion_matrix(labels, torch.tensor([0, 1]), classes=2)
    with pytest.raises(error, match=re.escape(message.replace("labels", "predictions"))):
        confusion_matrix(torch.tensor([0, 1]), labels, classes=2)


def test_the_picture_shows_counts_and_names_its_axes() -> None:
    axes = plot_confusion(torch.tensor([[3, 1], [0, 2]])).axes[0]
    assert {text.get_text(): text.get_position() for text in axes.texts} == {"3": (0, 0), "1": (1, 0), "2": (1, 1)}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("prediction", "label")


# ------------------------------------------------------------- the exercises


def reply(name: str, value: object, **known: object) -> str:
    """What an exercise of a lesson says to an answer: "right", or "not yet: " and a hint."""
    source = next(source for room in ROOMS for cell in json.loads(room.read_text(encoding="utf-8"))["cells"]
                  if (source := "".join(cell["source"])).startswith(f"{name} ="))
    said: list[str] = []
    scope = {"math": math, "np": np, "OneCycle": OneCycle, "print": said.append, **known, name: value}
    exec(source.split("\n", 1)[1], scope)
    assert len(said) == 1 and (said[0] == "right" or said[0].startswith("not yet: "))
    return said[0]


def answer(name: str, value: object, **known: object) -> bool:
    """Whether an exercise says that an answer is right."""
    return reply(name, value, **known) == "right"


def to_pair(value: object) -> str:
    """What the exercise on mix-ups says, where 4→9 and 7→2 happened twice each."""
    found = SimpleNamespace(labels=torch.tensor([4, 4, 7, 7, 9]), predictions=torch.tensor([9, 9, 2, 2, 4]))
    return reply("my_pair", value, Counter=Counter, mistakes=found)


@pytest.mark.parametrize(
    "value",
    [(4, 9), (7, 2), [4, 9], torch.tensor([7, 2]), np.array([4, 9]), (torch.tensor(4), torch.tensor(9)),
     ((4, 9), 2), [((4, 9), 2)], [(7, 2)], torch.tensor([[4, 9]]), np.array([[4, 9], [7, 2]]), divmod(49, 10),
     Counter([(4, 9), (4, 9), (9, 4)]).most_common(1)[0], Counter([(4, 9), (4, 9), (9, 4)]).most_common()],
)
def test_mix_up_takes_right_answers(value: object) -> None:
    assert to_pair(value) == "right"


@pytest.mark.parametrize(
    "value",
    [(0, 0), (9, 4), (4, 4), ((9, 4), 2), (4.7, 9.2), "49", None, 4, 49, "49x", "", (4,), (4, 9, 1), ("a", "b"), torch.tensor(3), torch.eye(2),
     (None, 1), (math.inf, 1), (math.nan, 1), (2j, 1), (), [], [[]], {}, {4: 9}],
)
def test_mix_up_refuses_wrong_ones(value: object) -> None:
    assert to_pair(value) != "right"


@pytest.mark.parametrize(
    "value, hint",
    [((2, 7), "turn 2, 7 round: the label comes first"), ((9, 4), "turn 9, 4 round"), ((4, 4), "no mix-up, but a right answer"),
     ((1, 0), "1→0 happened 0 times, another"), (4, "4 is not a pair of digits"), (None, "None is not a pair of digits"),
     (torch.tensor([1, 0]), "1→0 happened 0 times, another")],
)
def test_mix_up_says_what_is_missing(value: object, hint: str) -> None:
    assert hint in to_pair(value)


def test_mix_up_counts_once_in_the_singular() -> None:
    found = SimpleNamespace(labels=torch.tensor([4, 4, 7]), predictions=torch.tensor([9, 9, 2]))
    assert "7→2 happened 1 time, another" in reply("my_pair", (7, 2), Counter=Counter, mistakes=found)


def rate_is_right(value: object) -> bool:
    """The exercise on the learning rate, with a training that fails above a rate of 2 and breaks down from 1,000 on."""

    def short_run(seed: int, max_lr: float) -> History:
        OneCycle(max_lr=max_lr)  # may refuse it
        if max_lr >= 1000:
            raise FloatingPointError("the loss is nan after 400 images: try a smaller learning rate")
        return History(test_accuracy=[0.1 if max_lr > 2 or max_lr < 1e-4 else 0.9])

    return answer("my_max_lr", value, short_run=short_run)


@pytest.mark.parametrize("value", [3, 10.0, 100, np.float64(10)])
def test_rate_takes_right_answers(value: object) -> None:
    assert rate_is_right(value)


@pytest.mark.parametrize("value", [0.02, 1, 1e-5, 1e6, 1e9, -1, 0, None, "10", (), math.nan, math.inf, torch.ones(2)])
def test_rate_refuses_wrong_ones(value: object) -> None:
    assert not rate_is_right(value)
