"""Weights: what is saved comes back to the bit, and what was altered is refused in words, with the network left as it was."""

import errno
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import onnxruntime
import pytest
import torch
from safetensors.torch import load, save
from torch import nn
from torch.nn.functional import pad
from torch.optim.swa_utils import AveragedModel

from mnist_s6 import weights
from mnist_s6.files import read_idx, unpack_data
from mnist_s6.model import FastNet, S6Net
from mnist_s6.predict import predict
from mnist_s6.recorder import load_flight
from mnist_s6.small import TinyNet, UprightNet
from mnist_s6.threads import twin
from mnist_s6.util import evaluate
from mnist_s6.widgets import base, network_bytes
from mnist_s6.weights import NETWORKS, export_onnx, is_shipped, load_network, load_weights, pretrained, safetensors_bytes, safetensors_header, save_weights, weights_digest, weights_header

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = next((ROOT / "mnist_s6" / "weights").glob("*.safetensors"))


def in_place(count: int) -> torch.Tensor:
    """Random pixels where MNIST has its digits, so that nothing has to be prepared: (count, 28, 28)."""
    return pad(torch.rand(count, 20, 20), (4, 4, 4, 4))


@pytest.fixture
def saved(tmp_path: Path) -> tuple[nn.Module, Path]:
    """An untrained network and its file."""
    torch.manual_seed(0)
    net = S6Net().eval()
    save_weights(net, tmp_path / "weights.safetensors")
    return net, tmp_path / "weights.safetensors"


def test_the_digest_knows_names_shapes_and_numbers() -> None:
    one = weights_digest({"a": torch.zeros(2), "b": torch.ones(2)})
    for other in {"a": torch.ones(2), "b": torch.zeros(2)}, {"a": torch.zeros(2), "b": torch.ones(1, 2)}, {"a": torch.zeros(2)}, {}:
        assert weights_digest(other) != one
    assert weights_digest({"a": torch.zeros(2)}) != weights_digest({"a": torch.zeros(2, dtype=torch.int32)})  # the same bytes


def test_what_was_altered_is_refused_and_nothing_changes(saved: tuple[nn.Module, Path]) -> None:
    net, path = saved
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    whole = path.read_bytes()
    place = whole.rindex(b'"F32"')  # in the header: from float to whole numbers, of the same size
    torch.save(net.state_dict(), path)
    pickled = path.read_bytes()
    for content, message in [
        (whole[:place] + b'"I32"' + whole[place + 5 :], r"was changed after it was written \(its SHA-256 is wrong\)"),
        (whole[:-1] + bytes([whole[-1] ^ 1]), "was changed after it was written"),
        (whole[:-1], "is no whole safetensors file"),
        (pickled, "is no whole safetensors file"),
        (b"", "is no whole safetensors file"),
        (save({"x": torch.zeros(3)}), "holds weights of another network: .* nothing in the file"),
    ]:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            load_weights(net, path)
    with pytest.raises(OSError, match="No such file"):
        load_weights(net, path.with_name("none"))
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


def test_another_network_keeps_its_weights(saved: tuple[nn.Module, Path]) -> None:
    linear = nn.Linear(3, 2)
    before = linear.weight.detach().clone()
    with pytest.raises(ValueError, match="holds weights of another network: "):
        load_weights(linear, saved[1])
    assert torch.equal(linear.weight, before)


def test_a_file_of_another_program_is_read_without_a_digest(tmp_path: Path) -> None:
    linear = nn.Linear(3, 2)
    (tmp_path / "w").write_bytes(save({"weight": torch.ones(2, 3), "bias": torch.zeros(2)}))
    load_weights(linear, tmp_path / "w")
    assert weights_header(tmp_path / "w") == {} and torch.equal(linear.weight, torch.ones(2, 3))


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    for write in (lambda path: save_weights(nn.Linear(2, 3), path)), export_onnx:
        with pytest.raises(OSError, match="Pass a path in a folder that you can write to"):
            write(tmp_path / "none" / "w.safetensors")


@pytest.mark.parametrize(("about", "message"), [
    ({"network": "Linear"}, "holds the weights of the network 'Linear', and load_network knows only S6Net, FastNet, UprightNet, TinyNet. Make the network .*load_weights"),
    ({"network": "a b"}, r"has the network 'a b' in its header; expected S6Net\|FastNet\|UprightNet\|TinyNet. Write the file with save_weights"),
    ({"mean": 0.5}, "has the mean '0.5'"), ({"std": 1}, "has the std '1'"),
    ({"widths": "[]"}, r"has the widths '\[\]'"), ({"widths": "[" * 5000}, "has the widths"), ({"widths": "[16, 24]"}, "number of widths is 2; expected a whole number from 4"),
])
def test_a_header_of_something_else_is_refused(tmp_path: Path, about: dict, message: str) -> None:
    save_weights(S6Net(), tmp_path / "w")
    tensors, header = load((tmp_path / "w").read_bytes()), weights_header(tmp_path / "w")
    (tmp_path / "w").write_bytes(safetensors_bytes(tensors, header | {name: str(value) for name, value in about.items()}))
    with pytest.raises(ValueError, match=message) as caught:
        load_network(tmp_path / "w")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", ["network", "widths", "mean", "std", "sha256"])
def test_what_the_header_says_itself_is_not_for_others(tmp_path: Path, name: str) -> None:
    """Else a file would be written that can't be read."""
    with pytest.raises(ValueError, match=f"about holds \\['{name}'\\], which save_weights writes itself"):
        save_weights(S6Net(), tmp_path / "w", {"recipe": "mine", name: "other"})
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("about", [{1: 2}, ["a"], "seed 0"])
def test_names_of_facts_are_texts(tmp_path: Path, about: object) -> None:
    with pytest.raises(TypeError, match="about is .*; expected a dict whose names are texts"):
        save_weights(S6Net(), tmp_path / "w", about)
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("where", [torch.inference_mode, torch.no_grad])
def test_a_network_can_learn_wherever_it_was_read(where: Callable, saved: tuple[nn.Module, Path]) -> None:
    """PyTorch's own word was that inference tensors cannot be saved for backward."""
    with where():
        model = load_network(saved[1])
    assert not any(it.is_inference() for it in (*model.parameters(), *model.buffers())) and not model.training
    model.train()(torch.rand(2, 1, 28, 28)).sum().backward()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
@pytest.mark.parametrize("read", [lambda path: load_weights(S6Net(), path), weights_header, load_network, load_flight])
def test_a_pipe_does_not_block(tmp_path: Path, read: Callable) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is no ordinary file but a pipe or device"):
        read(tmp_path / "pipe")


def test_only_networks_of_the_course_are_built(tmp_path: Path) -> None:
    assert list(NETWORKS) == ["S6Net", "FastNet", "UprightNet", "TinyNet"]
    save_weights(nn.Linear(2, 3), tmp_path / "w")
    with pytest.raises(ValueError, match="holds the weights of the network 'Linear'"):
        load_network(tmp_path / "w")


class Mine(S6Net):
    """A network of somebody's own."""


def test_a_subclass_says_what_to_do(tmp_path: Path) -> None:
    net, again = Mine(), Mine()
    save_weights(net, tmp_path / "w")
    with pytest.raises(ValueError, match=r"network 'Mine', and load_network knows only .* Make the network in your program, and call load_weights\(model, path\)"):
        load_network(tmp_path / "w")
    load_weights(again, tmp_path / "w")  # as it said
    assert weights_digest(again.state_dict()) == weights_digest(net.state_dict())


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Whatever a test did, the next one is in no group of processes."""
    yield
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def distributed(net: nn.Module) -> nn.Module:
    """In the wrapper for several processes, of which there is one."""
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    return nn.parallel.DistributedDataParallel(net)


def with_compiled_part(net: nn.Module) -> nn.Module:
    """Only one part of it is compiled."""
    net.features = torch.compile(net.features)
    return net


WRAPPERS = {
    "compiled": torch.compile, "parallel": nn.DataParallel, "distributed": distributed, "averaged": AveragedModel,
    "both": lambda net: torch.compile(nn.DataParallel(net)), "both, the other way": lambda net: nn.DataParallel(torch.compile(net)),
    "all": lambda net: torch.compile(nn.DataParallel(distributed(torch.compile(net)))), "a part": with_compiled_part,
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrapped_networks_are_what_is_inside(wrapper: str, tmp_path: Path) -> None:
    """Written, read, asked, evaluated and exported."""
    torch.manual_seed(0)
    net, wrap, images = S6Net(), WRAPPERS[wrapper], in_place(3)
    save_weights(net, tmp_path / "plain")
    save_weights(wrap(net), tmp_path / "wrapped")
    assert (tmp_path / "wrapped").read_bytes() == (tmp_path / "plain").read_bytes()
    found = load_network(tmp_path / "wrapped")
    assert type(found) is S6Net and weights_digest(found.state_dict()) == weights_digest(twin(net).state_dict())
    other = wrap(S6Net())
    load_weights(other, tmp_path / "plain")
    save_weights(other, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "plain").read_bytes()
    expected = predict(images, found).probabilities
    assert torch.allclose(predict(images, other).probabilities, expected, atol=1e-5)
    assert evaluate(other, [(images[:, None], torch.arange(3))]).loss == pytest.approx(evaluate(found, [(images[:, None], torch.arange(3))]).loss, abs=1e-5)
    export_onnx(tmp_path / "w.onnx", other)


SCRIPTED = {
    "scripted": torch.jit.script, "traced": lambda net: torch.jit.trace(net.eval(), torch.zeros(1, 1, 28, 28)),
    "a part": lambda net: nn.Sequential(net[0], torch.jit.script(net[1]), *net[2:]),
    "in wrappers": lambda net: nn.DataParallel(nn.Sequential(nn.DataParallel(net[0]), torch.jit.script(net[1]), *net[2:])),
    "an average": lambda net: AveragedModel(torch.jit.script(net)),
}


def plain_net() -> nn.Sequential:
    """With batch norm, whose statistics are to be read, too."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.BatchNorm1d(10))


@pytest.mark.filterwarnings("ignore:.*is deprecated:FutureWarning")
@pytest.mark.parametrize("kind", SCRIPTED)
def test_parts_of_torchscript_are_filled(kind: str, tmp_path: Path) -> None:
    """They lie outside of Python, and a twin has copies of them; what does not fit changes nothing."""
    net, images = plain_net(), torch.rand(5, 1, 28, 28)
    net(images)  # the statistics
    save_weights(net, tmp_path / "w")
    save_weights(nn.Linear(784, 10), tmp_path / "other")
    other = SCRIPTED[kind](plain_net()).eval()
    before = other(images)
    with pytest.raises(ValueError, match="holds weights of another network"):
        load_weights(other, tmp_path / "other")
    assert torch.equal(other(images), before)
    load_weights(other, tmp_path / "w")
    assert not other.training
    torch.testing.assert_close(other(images), net.eval()(images))


@pytest.mark.filterwarnings("ignore:.*is deprecated:FutureWarning")
def test_a_part_of_torchscript_that_is_used_twice_is_filled(tmp_path: Path) -> None:
    """The one after it gets its own weights."""
    def two_of_three(kind: Callable) -> nn.Module:
        layer = kind(nn.Linear(4, 4))
        return nn.Sequential(layer, nn.ReLU(), layer, kind(nn.Linear(4, 3)))

    net, other, images = two_of_three(nn.Sequential), two_of_three(lambda it: torch.jit.script(nn.Sequential(it))), torch.rand(5, 4)
    save_weights(net, tmp_path / "w")
    load_weights(other, tmp_path / "w")
    torch.testing.assert_close(other(images), net(images))


@pytest.mark.parametrize("precision", [torch.half, torch.bfloat16, torch.float, torch.double])
@pytest.mark.parametrize("network", [S6Net, FastNet, UprightNet, TinyNet])
def test_networks_of_any_precision_are_kept(precision: torch.dtype, network: type[nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, images = network().to(precision), in_place(3)
    save_weights(net, tmp_path / "w")
    found = load_network(tmp_path / "w")
    assert {p.dtype for p in found.parameters()} == {precision}
    assert torch.allclose(predict(images, found).probabilities, predict(images, net).probabilities, atol=1e-3)  # in another layout
    assert predict(images, found).probabilities.sum(1).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    if precision != torch.float:
        with pytest.raises(ValueError, match=f"of {precision} in the file, .* of torch.float32 in the network. Call model.to\\({precision}\\) first"):
            load_weights(network(), tmp_path / "w")
        load_weights(network().to(precision), tmp_path / "w")  # as it said


def test_a_default_of_double_precision(saved: tuple[nn.Module, Path], request: pytest.FixtureRequest, tmp_path: Path) -> None:
    net, path = saved
    images = in_place(3)
    expected = predict(images, net).probabilities
    request.addfinalizer(lambda: torch.set_default_dtype(torch.float))
    torch.set_default_dtype(torch.double)
    found = load_network(path)
    assert {p.dtype for p in found.parameters()} == {torch.float} == {p.dtype for p in load_network(WEIGHTS).parameters()}
    assert torch.allclose(predict(images, found).probabilities, expected)
    assert torch.allclose(predict(images.double(), S6Net()).probabilities.sum(1), torch.ones(3))
    save_weights(S6Net(), path)
    assert {p.dtype for p in load_network(path).parameters()} == {torch.double}
    export_onnx(tmp_path / "w.onnx", found)


def test_the_same_network_is_the_same_file(tmp_path: Path) -> None:
    """To the byte, in any process: weights, checkpoint, ONNX."""
    files = {}
    for i in range(4):
        torch.manual_seed(0)
        net = S6Net()
        save_weights(net, tmp_path / f"{i}.safetensors", {"recipe": "mine", "seed": 3})
        export_onnx(tmp_path / f"{i}.onnx", net)
        files[i] = [(tmp_path / f"{i}.{end}").read_bytes() for end in ("safetensors", "onnx")]
    assert all(files[i] == files[0] for i in files)
    assert int.from_bytes(files[0][0][:8], "little") % 8 == 0  # the numbers begin at a multiple of 8 bytes
    assert list(weights_header(tmp_path / "0.safetensors")) and weights_header(tmp_path / "0.safetensors")["recipe"] == "mine"


@pytest.mark.parametrize("given", [S6Net, None, "w"])
def test_what_is_no_network_is_told(given: object, saved: tuple[nn.Module, Path]) -> None:
    for use in lambda: save_weights(given, saved[1]), lambda: load_weights(given, saved[1]), lambda: predict(in_place(1), given or "no"), lambda: is_shipped(given):
        with pytest.raises(TypeError, match="expected a network, such as S6Net"):
            use()


def test_what_is_no_file_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        load_network(tmp_path / "none")
    with pytest.raises(ValueError, match="is no ordinary file but a folder"):
        load_network(tmp_path)
    with open(tmp_path / "large", "wb") as file:
        file.truncate(100_000_001)
    with pytest.raises(ValueError, match="in bytes, is 100000001; expected a number from 0 to 100,000,000"):
        load_network(tmp_path / "large")


@pytest.mark.parametrize(("network", "widths"), [(S6Net, (4, 5, 6, 7)), (FastNet, (3, 4, 5)), (UprightNet, (3, 4, 5)), (TinyNet, (4, 4, 4)),
                                                 (TinyNet, (1, 1)), (TinyNet, [1, 1, 1, 1, 1]), (FastNet, (1, 1, 1)), (UprightNet, (1, 1, 1))])  # fmt: skip
def test_a_network_comes_back_from_its_file(tmp_path: Path, network: type, widths: tuple[int, ...]) -> None:
    model = network(widths).eval()
    save_weights(model, tmp_path / "w.safetensors", {"recipe": "mine"})
    again, images = load_network(tmp_path / "w.safetensors"), torch.rand(3, 1, 28, 28)
    assert type(again) is network and weights_header(tmp_path / "w.safetensors")["recipe"] == "mine"
    assert torch.allclose(again(images), model(images), atol=1e-5)


def test_a_name_that_is_no_utf_8(tmp_path: Path) -> None:
    """Such a file can be written on Linux, so it is read, too."""
    path, model, again = tmp_path / os.fsdecode(b"w\xff.safetensors"), S6Net().eval(), S6Net()
    try:
        save_weights(model, path)
    except OSError:
        pytest.skip("names are text here")
    load_weights(again, path)
    assert weights_header(path)["network"] == "S6Net"
    assert weights_digest(again.state_dict()) == weights_digest(load_network(path).state_dict()) == weights_digest(model.state_dict())


def test_the_model_card_tells_of_these_weights() -> None:
    card, header = (WEIGHTS.parent / "MODEL_CARD.md").read_text(encoding="utf-8"), weights_header(WEIGHTS)
    assert f"# {WEIGHTS.name}" in card and f"`{header['network']}`, widths {header['widths']}" in card and f"seed {header['seed']}" in card
    for name in set(re.findall(r"results/([\w-]+\.json)", card)):
        found = json.loads((ROOT / "bench/results" / name).read_text())
        assert f"{found['accuracy']['mean']:.2%} ± {found['accuracy']['deviation']:.2%} over {len(found['runs'])} seeds" in card
    drawn = json.loads((ROOT / "bench/results/pictures.json").read_text())
    each, shares = drawn["drawings_in_each_row"], drawn["rows"].values()
    assert f"{round(each * sum(shares)):,} of {each * len(shares):,} are read ({len(shares)} conditions" in card


def test_an_export_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "digits.onnx"
    path.write_bytes(b"old")

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="can't write the network .No space left"):
        export_onnx(path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_an_onnx_file_gives_the_same_logits(tmp_path: Path) -> None:
    images = read_idx(unpack_data(ROOT / "data") / "t10k-images-idx3-ubyte")[:100]
    normalised = ((images / 255 - 0.1307) / 0.3081)[:, None]
    for model in FastNet((4, 5, 6)).train(), pretrained():
        training = model.training
        export_onnx(tmp_path / "digits.onnx", model)
        assert model.training == training
        session = onnxruntime.InferenceSession(tmp_path / "digits.onnx")
        for n in 1, 7, 100:
            with torch.no_grad():
                ours = model.eval()(normalised[:n])
            assert torch.allclose(torch.from_numpy(session.run(["logits"], {"images": normalised[:n].numpy()})[0]), ours, atol=1e-5)


def test_without_onnx_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="pip install onnx"):
        export_onnx(tmp_path / "digits.onnx")


@pytest.mark.parametrize("network", NETWORKS.values())
def test_loading_leaves_the_random_numbers_alone(network: type[nn.Module], tmp_path: Path) -> None:
    """A new network draws its first weights, which are replaced at once; sending one to a page builds one too."""
    net = network().eval()
    save_weights(net, tmp_path / "w")
    state = torch.get_rng_state()
    again = load_network(tmp_path / "w")
    assert bool(network_bytes(net)) == (network in (S6Net, FastNet))
    assert torch.equal(torch.get_rng_state(), state)
    assert weights_digest(again.state_dict()) == weights_digest(net.state_dict())
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(again.buffers(), net.buffers(), strict=True))  # the fixed edges, too


def test_no_random_number_comes_twice(saved: tuple[nn.Module, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What another thread draws while a network is built is not put back afterwards."""
    net, path = saved
    drawn = []

    def build(widths: tuple[int, ...]) -> nn.Module:
        thread = threading.Thread(target=lambda: drawn.append(torch.rand(4)))
        thread.start()
        thread.join()
        return S6Net(widths)

    monkeypatch.setitem(NETWORKS, "S6Net", build)
    monkeypatch.setattr(base, "S6Net", build)
    load_network(path)
    assert network_bytes(net)
    drawn.append(torch.rand(4))
    assert len({tuple(numbers.tolist()) for numbers in drawn}) == 3


def test_a_file_is_read_once(saved: tuple[nn.Module, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its header and its weights could be of two files, if one was written in between; and one digest is enough."""
    net, path = saved
    calls = []
    for name in "_file_bytes", "weights_digest":
        monkeypatch.setattr(weights, name, lambda given, name=name, does=getattr(weights, name): calls.append(name) or does(given))
    load_network(path)
    load_weights(S6Net(), path)
    assert calls == ["_file_bytes", "weights_digest"] * 2


def test_a_header_that_says_nothing(tmp_path: Path) -> None:
    """Another program may write none, or null."""
    text = b'{"__metadata__":null,"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    (tmp_path / "w").write_bytes(len(text).to_bytes(8, "little") + text + b"\1")
    assert weights_header(tmp_path / "w") == {} == safetensors_header(save({"a": torch.ones(1)}))
