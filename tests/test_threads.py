"""Twins of networks as people write them, and warnings that one thread does not hear."""

import copy
import threading
import warnings
from collections import deque
from functools import partial
from typing import NamedTuple

import pytest
import torch
from torch import nn

from mnist_s6.model import S6Net, evaluating, model_summary
from mnist_s6.predict import predict
from mnist_s6.threads import Undrawn, inside, twin, without_warnings
from mnist_s6.util import evaluate


class Yours(nn.Module):
    """Parts in all places where people keep them, some of them twice."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.steps = [self.norm, torch.relu]
        self.named = {"drop": nn.Dropout(0.5), "deep": [({"norm": self.norm},)]}
        self.again = nn.ModuleList([self.norm])
        self.method = self.norm.forward
        self.kept: list[torch.Tensor] = []
        self.best = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Use every part."""
        self.last = x * self.norm.weight  # no leaf: it can't be copied
        self.kept.append(self.last)
        for step in self.steps:
            x = step(x)
        return self.method(self.named["drop"](self.again[0](self.named["deep"][0][0]["norm"](x))))


def test_every_place_of_a_part_gets_its_twin() -> None:
    torch.manual_seed(0)
    net, x = Yours(), torch.randn(5, 3)
    net(x)  # keeps what has a past
    state = copy.deepcopy(net.state_dict())
    asked = twin(net)
    assert asked.steps[0] is asked.norm is asked.again[0] is asked.named["deep"][0][0]["norm"] is asked.method.__self__ is not net.norm
    assert torch.equal(asked(x), asked(x)) and not torch.equal(net(x), net(x))
    net.eval()
    net.named["drop"].eval()  # PyTorch does not find it there
    assert torch.allclose(asked(x[:1]), net(x[:1]))
    assert asked.kept is net.kept and type(asked) is Yours and asked.norm.weight is net.norm.weight
    assert state.keys() == asked.state_dict().keys()


def test_a_method_with_some_of_its_arguments_gets_its_twin() -> None:
    """As `functools.partial` makes it: else the dropout in it stays on, and accuracies change from one time to the next."""

    class Partly(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop = nn.Dropout(0.5)
            self.step, self.inner, self.plain = partial(self.go, times=2), partial(torch.mul, self.drop), partial(torch.add, other=1)

        def go(self, x: torch.Tensor, times: int) -> torch.Tensor:
            return self.drop(times * x)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.step(x)

    net, x = Partly(), torch.ones(100)
    asked = twin(net)
    assert torch.equal(asked(x), 2 * x) and (net(x) == 0).any()
    assert asked.inner.args == (asked.drop,) and asked.plain(x).eq(2).all() and net.step.func.__self__ is net


def test_named_tuples_and_deques_are_looked_into_and_closures_are_not() -> None:
    """The room says so: a part that only a lambda knows keeps its mode."""

    class Pair(NamedTuple):
        """Two steps."""

        first: nn.Module
        second: object

    class Kept(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pair, self.queue = Pair(nn.Dropout(0.5), 3), deque([nn.Dropout(0.5)], maxlen=2)
            self.plain, hidden = deque([1, 2]), nn.Dropout(0.5)
            self.closed = lambda x: hidden(x)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.queue[0](self.pair.first(x))

    net, x = Kept(), torch.ones(100)
    asked = twin(net)
    assert torch.equal(asked(x), x) and (net(x) == 0).any() and (asked.closed(x) == 0).any()
    assert type(asked.pair) is Pair and asked.pair.second == 3 and asked.queue.maxlen == 2 and asked.plain is net.plain


def test_a_twin_learns_what_the_network_learns() -> None:
    net = S6Net()
    asked, images = twin(net), torch.rand(4, 1, 28, 28)
    net(images).square().sum().backward()
    torch.optim.SGD(net.parameters(), lr=0.1).step()
    assert torch.equal(asked(images), net.eval()(images))
    net.double()
    assert asked.classifier.weight.dtype == torch.double


def test_hooks_are_heard_and_those_on_the_twin_are_its_own() -> None:
    net, heard = nn.Sequential(nn.ReLU()), []
    net[0].register_forward_hook(lambda *_: heard.append("network"))
    asked = twin(net)
    asked[0].register_forward_hook(lambda *_: heard.append("twin"))
    asked(torch.ones(1))
    assert heard == ["network", "twin"]
    net(torch.ones(1))
    assert heard == ["network", "twin", "network"]


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_twins_of_special_kinds() -> None:
    """Compiled in place, traced, scripted, with computed weights, recurrent, lazy."""
    torch.manual_seed(0)
    plain, x = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), torch.randn(4, 3)
    in_place = copy.deepcopy(plain)
    in_place.compile()
    computed = copy.deepcopy(plain)
    nn.utils.parametrizations.weight_norm(computed[0])
    nets = {"in place": in_place, "scripted": torch.jit.script(plain), "traced by fx": torch.fx.symbolic_trace(plain), "computed": computed}
    with evaluating(plain) as quiet:
        expected = quiet(x)
    for name, net in nets.items():
        with evaluating(net) as quiet:
            assert torch.allclose(quiet(x), expected, atol=1e-6), name
        assert net.training, name
    with evaluating(nn.LSTM(3, 2)) as quiet:
        assert quiet(x)[0].shape == (4, 2)


def test_lazy_networks_are_asked_once_they_know_their_sizes() -> None:
    """A twin would find them for itself, and the network would keep its sizes of 0, or fail at the second batch."""
    lazy, batches = nn.Sequential(nn.Flatten(), nn.LazyLinear(10), nn.LazyBatchNorm1d()), [(torch.rand(4, 1, 28, 28), torch.arange(4))] * 2
    for ask in evaluate, lambda net, _: model_summary(net), lambda net, _: predict(torch.eye(28), net):
        with pytest.raises(ValueError, match="find their sizes when they see the first images.*model.images."):
            ask(lazy, batches)
    lazy(batches[0][0])
    assert evaluate(lazy, batches).images == 8 and model_summary(lazy).multiply_adds == 7840


def test_a_network_that_an_evaluation_uses_may_be_trained_next() -> None:
    net = S6Net()
    evaluate(net, [(torch.rand(4, 1, 28, 28), torch.arange(4))])
    net(torch.rand(4, 1, 28, 28)).sum().backward()
    assert net.training and net.features[0][0].weight.grad is not None


def test_what_is_inside() -> None:
    net = S6Net()
    assert inside(nn.DataParallel(torch.compile(nn.DataParallel(net)))) is inside(net) is net


def test_warnings_come_back() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        with without_warnings(), without_warnings():
            warnings.warn("not heard", stacklevel=1)
        with pytest.raises(ZeroDivisionError), without_warnings():
            raise ZeroDivisionError
        assert list(warnings.filters) == before
        with without_warnings():
            warnings.resetwarnings()  # takes ours away, too
        warnings.warn("heard", stacklevel=1)
    assert [str(w.message) for w in heard] == ["heard"]


def test_other_threads_are_heard() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with without_warnings():
            thread = threading.Thread(target=lambda: [warnings.warn("", stacklevel=1) for _ in range(100)])  # an empty text, too
            thread.start()
            while thread.is_alive():
                warnings.warn("", stacklevel=1)
            thread.join()
    assert len(heard) == 100


class Told(nn.Module):
    """Does something of its own when it is told its mode; and returns nothing, as is easily forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.share = nn.Linear(2, 2), 0.9

    def train(self, mode: bool = True) -> None:
        super().train(mode)
        self.share = 0.9 if mode else 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) * (1 - self.share)


def test_a_twin_is_told_that_it_is_evaluated() -> None:
    net = Told()
    x = torch.ones(1, 2)
    assert torch.equal(twin(net)(x), net.layer(x)) and net.share == 0.9 and net.training


def test_other_threads_draw_first_weights() -> None:
    """One of them leaves out what it replaces; a layer that another makes meanwhile is as random as ever."""
    layers = []
    torch.manual_seed(0)
    state = torch.get_rng_state()
    with Undrawn():
        thread = threading.Thread(target=lambda: layers.append(nn.Linear(4, 4)))
        thread.start()
        thread.join()
        nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Linear(3, 3))
    after = torch.get_rng_state()
    torch.set_rng_state(state)
    assert torch.equal(nn.Linear(4, 4).weight, layers[0].weight)
    assert torch.equal(torch.get_rng_state(), after)  # nothing else was drawn
