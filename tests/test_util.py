"""Edge cases of the third lesson: devices, seeds, empty loaders, misfits, and its exercise."""

import copy
import math
import pickle
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import reply
from images import Asked, batches, small_net
from torch import nn
from torch.utils.data import Subset

from mnist_s6 import util
from mnist_s6.datasets import load_data
from mnist_s6.misread import find_misclassified
from mnist_s6.model import S6Net, model_summary, receptive_field
from mnist_s6.predict import predict
from mnist_s6.util import (
    Evaluation, History, Score, classify, count_correct, evaluate, evaluated_on, get_device, set_seed, train_epoch, wilson,
)
from mnist_s6.widgets import record_layers

EYE = (torch.eye(3), torch.arange(3))  # three images that `nn.Identity` gets right


# ------------------------------------------------------------- devices and seeds


def test_a_device_that_is_there_is_taken() -> None:
    assert get_device(torch.device("cpu")) == torch.device("cpu")
    assert get_device() == get_device(None) == get_device(get_device().type)


@pytest.mark.parametrize("name", ["tpu", "", "cpu2", *["cuda"] * (not torch.cuda.is_available())])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"device '{name}' is not on this machine; expected one of .*'cpu'"):
        get_device(name)


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
    for nothing in [], iter([]), [(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long))]:
        with pytest.raises(ValueError, match="the number of images in the loader is 0; expected a number from 1"):
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


def test_slopes_from_before_are_none_of_this_epoch() -> None:
    """Whoever looked at a network with `backward` has left some, and so has a training that was stopped."""
    ends = []
    for looked in (False, True):
        torch.manual_seed(0)
        net = small_net()
        state = copy.deepcopy(net.state_dict())
        if looked:
            (1e3 * net(batches()[0][0])[0, 1]).backward()
            net.load_state_dict(state)
        train_epoch(net, batches(), torch.optim.SGD(net.parameters(), lr=0.1))
        ends.append(torch.cat([p.detach().flatten() for p in net.parameters()]))
    assert torch.equal(*ends)


@pytest.mark.parametrize("smoothing", [-0.1, 1, 2, math.nan])
def test_a_share_of_a_target_is_below_one(smoothing: float) -> None:
    net = small_net()
    with pytest.raises(ValueError, match="label_smoothing is .*; expected a number from 0 to"):
        train_epoch(net, batches(), torch.optim.SGD(net.parameters(), lr=0.1), label_smoothing=smoothing)


def test_a_loss_that_is_no_number_ends_the_training() -> None:
    net = small_net()
    optimizer = torch.optim.SGD(net.parameters(), lr=math.inf)
    with pytest.raises(FloatingPointError, match=r"the loss is (inf|nan) after 8 images: try a smaller learning rate"):
        train_epoch(net, batches(), optimizer)


@pytest.mark.parametrize("spoil, error, message", [
    (lambda images, labels: (images * torch.nan, labels), FloatingPointError, r"the loss is nan after 0 images: look for nan and inf in the images"),
    (lambda images, labels: (images.index_fill(0, torch.tensor(3), math.inf), labels), FloatingPointError, "look for nan and inf in the images"),
    (lambda images, labels: (images, labels + 3), ValueError, "labels are from 3 to 10; expected 0 to 9"),
])
def test_a_batch_that_is_refused_leaves_the_network_as_it_was(spoil: Callable, error: type[Exception], message: str) -> None:
    """Also what batch norm keeps, which each pass in training mode changes, nan and all."""
    torch.manual_seed(0)
    net, good = S6Net(), batches(2)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    train_epoch(net, good, optimizer)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(error, match=message):
        train_epoch(net, [spoil(*good[0]), *good], optimizer)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    with pytest.raises(error, match=message.replace("after 0", "after 16")):
        train_epoch(net, [*good, spoil(*good[0])], optimizer)  # in the middle of an epoch, its steps are kept
    assert math.isfinite(evaluate(net, good).loss) and net.features[0][2].num_batches_tracked == 4


def test_labels_on_the_cpu_are_looked_at_before_each_step_on_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that is given a label out of range can't be used any more; the labels lie beside it, and asking them is free."""
    monkeypatch.setattr(util, "_asking_every", lambda device: 50)
    net, good = small_net(), batches(2)
    monkeypatch.setattr(util, "device_of", lambda model: torch.device("cpu", 0))  # another one than the labels'
    with pytest.raises(ValueError, match="labels are from 3 to 10"):
        train_epoch(net, [*good, (good[0][0], torch.arange(8) + 3)], torch.optim.SGD(net.parameters(), lr=0.1))


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
    with pytest.raises(ValueError, match="the number of epochs in this history is 0; expected a number from 1"):
        second.last_epoch(1)


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
    assert repr(found._replace(loss=0.25)) == "loss 0.2500, accuracy 100.00%"  # of how many is forgotten
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
    assert evaluated_on(SimpleNamespace(dataset=SimpleNamespace(train=[1]))) == "evaluation"  # its samples, perhaps
    assert evaluated_on(SimpleNamespace(dataset=[1, 2])) == evaluated_on(iter([])) == evaluated_on([]) == "evaluation"


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


# ------------------------------------------------------------- the exercise


def to_pair(value: object) -> str:
    """What the exercise on mix-ups says, where 4→9 and 7→2 happened twice each."""
    found = SimpleNamespace(labels=torch.tensor([4, 4, 7, 7, 9]), predictions=torch.tensor([9, 9, 2, 2, 4]))
    return reply("03_util", "my_pair", value, np=np, Counter=Counter, mistakes=found)


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
    assert "7→2 happened 1 time, another" in reply("03_util", "my_pair", (7, 2), np=np, Counter=Counter, mistakes=found)


def test_a_card_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cards are there: a third isn't, nor is a card of another name; nothing is asked of the real machine."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [str(get_device(name)) for name in ("cuda", "cuda:1", "cpu", "cpu:0")] == ["cuda", "cuda:1", "cpu", "cpu:0"]
    for name in "cuda:2", "cuda:first", "cpu:7":
        with pytest.raises(ValueError, match=f"device '{name}' is not on this machine"):
            get_device(name)


def test_what_can_not_learn_is_told_before_a_step() -> None:
    """All is frozen, or slopes are switched off."""
    net = S6Net()
    frozen = torch.optim.SGD(net.parameters(), lr=0.1)
    with torch.no_grad(), pytest.raises(ValueError, match="no parameter of the network can learn"):
        train_epoch(net, batches(), frozen)
    with pytest.raises(ValueError, match="no parameter of the network can learn.*requires_grad_"):
        train_epoch(net.requires_grad_(False), batches(), frozen)
    net.classifier.requires_grad_(True)
    assert train_epoch(net, batches(), frozen).loss > 0  # one layer is enough


def test_a_batch_whose_labels_do_not_fit_is_told() -> None:
    """Also where the next batch makes up for it, and each pair would be another one."""
    images, labels = torch.zeros(3, 1, 28, 28), torch.zeros(3, dtype=torch.long)
    with pytest.raises(ValueError, match=r"a batch has images \(3, 1, 28, 28\) and labels \(2,\); expected a label for each image"):
        evaluate(small_net(), [(images, labels[:2]), (images[:2], labels)])


@pytest.mark.parametrize("scores", [[torch.inf, 0.0, 1.0], [torch.nan, 0.0, 1.0], [-torch.inf] * 3])
def test_scores_that_no_softmax_can_weigh_are_told(scores: list[float]) -> None:
    """They would count as right answers, or as wrong ones, without a loss."""
    batch = [(torch.zeros(2, 3), torch.tensor([0, 1]))]
    net = nn.Linear(3, 3)
    net.forward = lambda images: torch.tensor([scores, [0.0, 1.0, 2.0]])
    with pytest.raises(FloatingPointError, match="1 of 2 images get scores that are no numbers. Look for nan or inf"):
        classify(net, batch)
    net.forward = lambda images: torch.tensor([[0.0, -torch.inf, 1.0]] * 2)  # a class that is ruled out
    assert classify(net, batch)[0].shape == (2, 3)
