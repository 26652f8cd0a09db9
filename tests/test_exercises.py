"""The exercises: right answers pass, each wrong one gets its own words, and no answer does any harm."""

import _thread
import ast
import inspect
import json
import os
import random
import re
import sys
import threading
import time
from collections import deque
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mnist_s6 import exercises
from mnist_s6.exercises.engine import NOT_ATTEMPTED, Exercise, Page, Result, prove
from mnist_s6.exercises.record import Entry, read_record

SIGNATURES = """
normalise(images, mean, std)
flip(images)
batch_indices(order, batch_size)
accuracy(logits, labels)
convolve(image, kernel)
max_pool(image)
output_size(n, kernel, stride, padding)
count_parameters(in_channels, out_channels, kernel_size, bias)
receptive_field(layers)
batch_norm(x, eps)
softmax(scores)
cross_entropy(logits, labels)
cross_entropy_gradient(logits, labels)
two_layer_gradients(x, w1, w2, labels)
sgd_step(parameters, gradients, lr)
momentum_step(parameter, gradient, velocity, lr, momentum)
train_one_epoch(model, loader, optimizer)
evaluate(model, loader)
one_cycle(step, steps, max_lr, warm_up)
early_stop(losses, patience)
wilson(correct, n)
mcnemar(only_a, only_b)
mean_interval(values, t)
best_of(k)
expected_calibration_error(confidences, correct, bins)
with_temperature(logits, temperature)
answered_above(confidences, correct, threshold)
""".split("\n")[1:-1]
NAMES = [signature.split("(")[0] for signature in SIGNATURES]
every = pytest.mark.parametrize("exercise", exercises.EXERCISES, ids=lambda exercise: exercise.name)
FUNCTIONS = [exercise for exercise in exercises.EXERCISES if type(exercise) is Exercise]
functions = pytest.mark.parametrize("exercise", FUNCTIONS, ids=lambda exercise: exercise.name)


@pytest.fixture(autouse=True)
def own_record(tmp_path, monkeypatch):
    """Each test has a record of its own."""
    monkeypatch.setenv("MNIST_S6_PROGRESS", str(tmp_path / "record.json"))
    return tmp_path / "record.json"


class Hostile:
    """Everything that can be asked of it fails."""

    def fail(self, *_):
        raise RuntimeError("never ask me")

    __eq__ = __repr__ = __str__ = __len__ = __iter__ = __array__ = __float__ = __bool__ = __hash__ = fail


class Silent(Exception):
    """An error that has no text."""

    def __str__(self):
        raise ValueError


def calls_itself(*arguments):
    return calls_itself(*arguments)


def quits(*_):
    sys.exit(3)


def presses_ctrl_c(*_):
    raise KeyboardInterrupt


def fails_in_silence(*_):
    raise Silent


def yields(*_):
    yield 1


def disturbs(*_):
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    print("noise" * 1000)
    print("noise" * 1000, file=sys.stderr)


ragged, endless = [[1, 2], [3]], []
endless.append(endless)
VALUES = [None, ..., float("nan"), 3, "text", b"bytes", ragged, torch.zeros(2), np.zeros((1, 2, 3)), {}, Hostile(), object(), type]
OUTPUTS = [float("nan"), float("inf"), 10**400, 1j, "text", ragged, endless, {1: 2}, {3}, range(3), object(), Hostile(), [Hostile()],
           torch.zeros(1).expand(10**6, 10**6), torch.full((2, 2), torch.nan),
           torch.zeros(2, dtype=torch.complex64), torch.zeros(2, device="meta"), torch.eye(2).to_sparse(), np.array(["a"]),
           np.array([object()]), np.zeros(0), [], (), map(str, []), (i for i in [1]), Exception, lambda: 1]  # fmt: skip
ANSWERS = [calls_itself, quits, presses_ctrl_c, fails_in_silence, yields, disturbs, lambda: 1, lambda a, b, c, d, e, f, g, h: 1, print]


def state() -> list:
    """All that an answer might leave changed."""
    numbers = [torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()]
    return [*numbers, torch.get_default_dtype(), torch.is_grad_enabled(), sys.stdout, sys.stderr]


def wrong(result: Result) -> str:
    """What was said about an answer that is not right."""
    assert isinstance(result, Result) and not result.passed and 0 < len(result.message) < 1000
    assert result.message in str(result) and result._repr_html_().startswith("<p")
    return result.message


def test_fixed_names():
    """A class can rely on the names and the signatures."""
    assert [getattr(exercises, name).title for name in NAMES] == SIGNATURES
    assert {exercise.name for exercise in FUNCTIONS} >= set(NAMES)


@every
def test_proved(exercise):
    """Stubs, right forms and mistakes, for other seeds than the ten of its notebook."""
    prove(exercise, range(10, 12))
    assert exercise.task and exercise.why and exercise.lesson


@every
def test_no_seed_is_special(exercise):
    """The same seed gives the same inputs, and new objects."""
    first, second = exercise.inputs(3), exercise.inputs(3)
    assert len(first) == len(second) > 0
    for a, b in zip(first, second):
        assert all(x is not y or isinstance(x, (int, float)) for x, y in zip(a, b))


@every
def test_hostile_values(exercise):
    """Whatever is given in place of an answer, there is a message."""
    exercise.check(exercise.answer)  # what is imported or computed only once
    start = time.process_time()
    for value in VALUES:
        message = wrong(exercise.check(value))
        assert (NOT_ATTEMPTED in message) == (value is None or value is ...)
    assert time.process_time() - start < 2


@functions
def test_hostile_functions(exercise, capfd):
    """Whatever a function gives back or raises, there is a message in time, and nothing has changed."""
    exercise.check(exercise.answer)  # what is imported or computed only once
    torch.manual_seed(7)
    before = state()
    for answer in [*ANSWERS, *(lambda *_, output=output: output for output in OUTPUTS)]:
        start = time.process_time()  # of this process alone, however busy the machine is
        wrong(exercise.check(answer))
        assert time.process_time() - start < 2
    assert state() == before
    assert capfd.readouterr() == ("", "")


@functions
def test_solution_passes(exercise):
    """What is shown as the solution is a right answer."""
    module = inspect.getmodule(exercise.answer)
    names = {**vars(module)}
    exec(exercise.solution().code, names)
    assert exercise.check(names[exercise.name]).passed


def for_ever(*_):
    while True:
        pass


def sleeps(*_):
    time.sleep(20)


def holds_on(*_):
    while True:
        try:
            time.sleep(0.001)
        except:  # noqa: E722
            pass


def prints_for_ever(*_):
    while True:
        print("more")


@pytest.mark.parametrize("answer", [for_ever, sleeps, holds_on, prints_for_ever, lambda *_: [0 for _ in iter(int, 1)]])
def test_endless(answer):
    """What never ends is stopped, and the program goes on."""
    start = time.perf_counter()
    assert "never ends" in wrong(exercises.flip.check(answer, seconds=0.1))
    assert time.perf_counter() - start < 2
    assert exercises.flip.check(exercises.flip.answer).passed


def test_within_two_seconds():
    """Also with the usual patience."""
    start = time.perf_counter()
    wrong(exercises.flip.check(for_ever))
    assert time.perf_counter() - start < 2.5


def test_in_another_thread():
    """An exercise may be checked in any thread."""
    results = []
    thread = threading.Thread(target=lambda: results.append(exercises.flip.check(for_ever, seconds=0.1)))
    thread.start(), thread.join(5)
    assert "never ends" in wrong(results[0])


def test_real_ctrl_c():
    """A real Ctrl-C ends the waiting; one that comes out of an answer is an error like others."""
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        exercises.flip.check(for_ever, seconds=20)
        time.sleep(5)
    assert "KeyboardInterrupt" in wrong(exercises.flip.check(presses_ctrl_c))


def test_generous():
    """Other types that hold the right numbers are right."""
    right = {
        "flip": [lambda x: x.numpy()[..., ::-1], lambda x: x.flip(3).tolist(), lambda x: x.flip(3).double()],
        "accuracy": [lambda s, y: (s.argmax(1) == y).float().mean(), lambda s, y: np.mean(s.numpy().argmax(1) == y.numpy())],
        "batch_indices": [lambda o, n: tuple(tuple(o[i : i + n]) for i in range(0, len(o), n)),
                          lambda o, n: deque(torch.tensor(o[i : i + n]) for i in range(0, len(o), n))],
        "output_size": [lambda n, k, s, p: torch.tensor((n + 2 * p - k) // s + 1), lambda *a: float(exercises.output_size.answer(*a))],
        "two_layer_gradients": [lambda *a: list(exercises.two_layer_gradients.answer(*a))],
        "momentum_step": [lambda p, g, v, lr, m: [(p - lr * (m * v + g)).numpy(), (m * v + g).tolist()]],
        "sgd_step": [lambda p, g, lr: tuple(a.numpy() - lr * b.numpy() for a, b in zip(p, g))],
        "cross_entropy": [lambda s, y: F.cross_entropy(s, y).item(), lambda s, y: np.float32(F.cross_entropy(s, y).item())],
    }  # fmt: skip
    for name, answers in right.items():
        for answer in answers:
            assert getattr(exercises, name).check(answer).passed, name


def test_words_for_others():
    """A wrong answer that nobody foresaw is shown the smallest input, and what differs."""
    assert wrong(exercises.flip.check(lambda x: x + 1)).startswith("with images = [[[[1, 2]]]]: at [0, 0, 0, 1] it is 3, and")
    assert "shape is (1,), and it should be one number" in wrong(exercises.accuracy.check(lambda s, y: [1.0]))
    assert "in line 1 of it" in wrong(exercises.output_size.check(lambda *_: 1 / 0))
    assert "`return`" in wrong(exercises.flip.check(lambda x: print(x)))
    assert "put list(…)" in wrong(exercises.batch_indices.check(lambda o, n: (o[i : i + n] for i in range(0, len(o), n))))
    changed = wrong(exercises.convolve.check(lambda i, k: (F.conv2d(i[None, None], k[None, None])[0, 0], i.zero_())[0]))
    assert "`image` is not as it should be afterwards" in changed
    assert "without calling it" in wrong(exercises.flip.check(torch.zeros(2)))


def test_stub_forms():
    """All usual stubs are stubs; who works and forgets the `return` is told."""

    def documented(images):
        "Mirror."
        ...

    def passing(images):
        pass

    def unfinished(images):
        raise NotImplementedError

    def dots(images):
        result = ...
        return result

    for stub in documented, passing, unfinished, dots:
        assert wrong(exercises.flip.check(stub)) == NOT_ATTEMPTED


def test_hints_and_pages():
    """Three hints, the last one stays; what looks like HTML is shown as text."""
    exercise = Exercise("", "x", "less < more", lambda x: x, lambda seed: [(1,)], ("1", "2", "3"), "")
    assert [exercise.hint().text for _ in range(5)] == ["1", "2", "3", "3", "3"]
    assert "less &lt; more" in exercise._repr_html_()
    assert Page("t", "a < `b`", "c < d")._repr_html_().count("&lt;") == 2
    assert "<details" in exercises.flip.solution()._repr_html_()
    assert all(str(exercise) and exercise._repr_html_() for exercise in exercises.EXERCISES)


def test_prediction(own_record):
    """The first guess is kept and compared; a stub is no guess."""
    assert exercises.add_bytes.check(...).message == NOT_ATTEMPTED and read_record() == {}
    assert "First you said 260, and it is 4" in wrong(exercises.add_bytes.check(260))
    result = exercises.add_bytes.check(4)
    assert result.passed and "First you said 260" in result.message
    assert read_record()["add_bytes"].guess == "260"


def test_questions_keep_their_secret():
    """A wrong number does not bring the right one."""
    for answer in 7, -1, 1e9, [5, 6], "last but one":
        message = wrong(exercises.find_the_bug.check(answer))
        assert "5" not in message.replace("[5, 6]", "").replace("12 or 0.5", "")


@pytest.mark.parametrize("answer", ["", "zz", "ff dd bb aa ee", ["f", 1], [["f"]], 12, "a" * 50])
def test_orders(answer):
    """Any text for an order gets words."""
    wrong(exercises.order_of_training.check(answer))


@pytest.mark.parametrize("answer", ["fdbaee", "fdebae", "fdbaeg"])
def test_line_too_many(answer):
    """A line that does no harm, and isn't needed, is refused."""
    assert "leave out what doesn't belong" in wrong(exercises.order_of_training.check(answer))
    assert exercises.order_of_training.check("F, d, b, a, e").passed


@pytest.mark.parametrize("guess", ["not 4", "4 or 5", {4}, (4, 0), "4/1", "log 4"])
def test_guess_of_another_kind(own_record, guess):
    """What can't be compared is no guess: the truth isn't told yet."""
    message = wrong(exercises.add_bytes.check(guess))
    assert "write one number," in message and message.endswith("such as 12 or 0.5")
    assert "First you said 260" in wrong(exercises.add_bytes.check(260))


def number_forms(n: float) -> list:
    """Ways to write a number."""
    text = f"{n:.6g}" if n % 1 else f"{n:.0f}"
    written = [text, f" {text}.", f"about {text}", f"= {text}", f"[{text}]", text.replace("-", "−"), text.replace(".", ",")]
    return [float(n), [n], (n,), np.array([n]), torch.tensor(n), Decimal(text), *written] + [f"{int(n):,}", int(n)] * (n % 1 == 0)


def letter_forms(letter: str, line: str) -> list:
    """Ways to choose a letter, and what stands beside it."""
    big = letter.upper()
    written = [f"{big} ", f"{big}.", f"({letter})", f"'{letter}'", f"`{letter}`", f"{letter}:", f"answer {letter}", f"run {big}", f"{letter} (blue)"]
    return [*written, [letter], np.str_(letter), *([line, f"{letter}) {line}", f"{big}: {line}", f"{letter}  {line}"] if line else [])]


def word_forms(word: str) -> list:
    """Ways to write one of the words."""
    joined = [word.replace(" ", sign) for sign in "_-"]
    return [word.upper(), f" {word.title()}.", f"'{word}'", f"“{word}”", [word], f"the {word}", f"it is {word}\n", *joined]


def shape_forms(shape: tuple) -> list:
    """Ways to write a shape."""
    texts = [sign.join(map(str, shape)) for sign in (", ", ",", "x", " × ", " by ", " ")]
    return [list(shape), torch.Size(shape), np.array(shape), torch.tensor(shape), str(shape), str(list(shape)), *texts, tuple(map(str, shape))]


def order_forms(letters: str, lines: dict) -> list:
    """Ways to write an order."""
    joined = [sign.join(letters) for sign in (" ", ", ", "-", " -> ", "→", "_", "\n", ", then ", " and ")]
    pasted = [lines[letter] for letter in letters]
    return [letters.upper(), *joined, list(letters), tuple(letters.upper()), np.array(list(letters)), deque(f"{x})" for x in letters), [letters],
            str(list(letters)), pasted, "\n".join(pasted), "\n".join(f"  {letter}  {lines[letter]}" for letter in letters)]  # fmt: skip


def forms_of(exercise: Exercise, answer: object) -> list:
    """Ways to write an answer to a question or an order."""
    if hasattr(exercise, "lines"):
        return order_forms(answer, exercise.lines)
    if isinstance(answer, tuple):
        return shape_forms(answer)
    if not isinstance(answer, str):
        return number_forms(answer)
    return letter_forms(answer, exercise.choices.get(answer, "")) if len(answer) == 1 else word_forms(answer)


@pytest.mark.parametrize("exercise", [e for e in exercises.EXERCISES if e not in FUNCTIONS], ids=lambda exercise: exercise.name)
def test_forms_of_answers(exercise):
    """An answer is right in any form, and a wrong one is known in any form."""
    for form in forms_of(exercise, exercise.answer):
        assert exercise.judged(form).passed, form
    for words, answer in exercise.mistakes.items():
        if type(answer) is type(exercise.answer) and len(str(answer)) > len(str(exercise.answer)) - 2:
            for form in forms_of(exercise, answer)[:3]:
                assert not exercise.judged(form).passed, form


SPECIAL = {
    "blind_guess": (["10%", "10 percent", ".1", "0,1"], ["90%", "0.1%", "10", "1 or 0.1", "log 0.1"]),
    "batch_bytes": (["200,704 bytes", "200 704", "200_704"], [200_703, "200", "200,705", 50_176]),
    "find_the_bug": (["line 5", "Line #5", "5th", "return F.relu(self.linear(x))", "5  return F.relu(self.linear(x))   # (N, 10)"],
                     ["line 4", "not 5", "4, 5", "45", "x = F.max_pool2d(x, 2)"]),
    "read_the_curve": (["after epoch 6", "six"], ["6 or 7", "epoch 12", 5.5]),
    "half_as_wide": (["4x", "four times", "4 times as many"], ["2x", "1/4", "25%", 4.2]),
    "ten_layers": (["1,024 times smaller", "1024×", 1000], ["1/1024", 1 / 1024, 2048, "10 layers"]),
    "read_the_refusals": (["80%", "about 80 %"], ["20%", "1%", 0.8]),
    "depends_on_others": (["training", "in training mode", "Train"], ["evaluation", "both", "not in training mode", "training or evaluation"]),
    "zero_start": (["only the last bias", "last_bias"], ["last", "bias", "last layer"]),
    "best_cure": (["data augmentation", "augment"], ["decay", "augmentation and dropout", "Weight-decay"]),
    "larger_batches": (["Higher!", "it will be higher than before"], ["same", "not higher", "higher or lower"]),
    "half_the_maps": (["about a quarter", "c) about a quarter"], ["a quarter or a half", "about", "not c", "b or c"]),
    "read_shape": (["torch.Size([10, 28])", "10 rows, 28 columns"], [torch.zeros(10, 28), {10, 28}, "10x14", "28x10", 280]),
    "order_of_means": (["d, c and a"], [{"d", "c", "a"}, "acd", "dc", "the order is dca"]),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECIAL)
def test_special_forms(name):
    """Units, percent, pasted lines; and what is only nearly so."""
    right, not_right = SPECIAL[name]
    assert [form for form in right if not getattr(exercises, name).judged(form).passed] == []
    assert [form for form in not_right if getattr(exercises, name).judged(form).passed] == []


def spoilt(exercise: Exercise) -> dict:
    """Plausible wrong answers that can be made of any reference."""
    right, tries = exercise.answer, exercise.inputs(0)

    def change(value, do):
        if isinstance(value, (list, tuple)):
            return type(value)(change(part, do) for part in value)
        return do(value) if isinstance(value, (torch.Tensor, float, int)) else value

    def fixed(i, value):
        return lambda *given: right(*given[:i], value, *given[i + 1 :])

    def changes_its(i):
        def answer(*given):
            output = right(*given)
            given[i].logical_not_() if given[i].dtype == torch.bool else given[i].add_(1)
            return output

        return answer

    found = {"first": lambda *_: right(*exercise.inputs(0)[0]), "last": lambda *_: right(*exercise.inputs(0)[-1])}
    if any(isinstance(part, (torch.Tensor, float, int)) for part in (right(*tries[-1]), *np.atleast_1d(np.array(None)))):
        found |= {"larger": lambda *given: change(right(*given), lambda x: x + 1), "text": lambda *given: change(right(*given), str)}
    for i, name in enumerate(exercise.names):
        if all(isinstance(given[i], (int, float)) for given in tries):
            found |= {f"{name} is {given[i]}": fixed(i, given[i]) for given in (tries[0], tries[-1])}
        if all(isinstance(given[i], torch.Tensor) for given in tries):
            found[f"changes {name}"] = changes_its(i)
    return found


@functions
def test_nothing_is_overlooked(exercise):
    """The inputs tell apart who ignores an argument, gives the same each time, or changes what was given."""
    assert [how for how, answer in spoilt(exercise).items() if exercise.judged(answer).passed] == []


def test_more_wrong_ones():
    """Some that once passed."""
    early, scaling = exercises.early_stop, exercises.linear_scaling
    assert not early.judged(lambda losses, n: early.answer(losses[1:], n) + 1 if losses[1:] else 0).passed
    assert not scaling.judged(lambda *numbers: min(0.2, scaling.answer(*numbers))).passed
    assert not exercises.output_size.judged(lambda n, k, s, p: round((n + 2 * p - k) / s + 1)).passed
    assert not exercises.numerical_gradient.judged(lambda f, x, h: exercises.numerical_gradient.answer(f, x, h).abs()).passed


def test_any_collection():
    """Sets where no order is asked, keys of a dictionary, other numbers."""
    right, names = exercises.misread.answer, exercises.unmoved.answer
    for form in set, list, tuple, lambda found: dict.fromkeys(found).keys():
        assert exercises.misread.judged(lambda p, y: form(right(p, y).tolist())).passed
        assert exercises.unmoved.judged(lambda model, step: form(names(model, step)[::-1])).passed
    assert exercises.unregistered.judged(lambda module: dict.fromkeys(exercises.unregistered.answer(module)).keys()).passed
    assert "no order" in wrong(exercises.unregistered.judged(lambda module: set(exercises.unregistered.answer(module))))
    assert exercises.linear_scaling.judged(lambda lr, a, b: Decimal(lr) * b / a).passed


def test_words_are_true():
    """What is said holds: PyTorch's own NotImplementedError is no stub, a class no function, and shapes aren't the same."""
    assert "Long" in wrong(exercises.softmax.check(lambda scores: torch.ones(2, 2, dtype=torch.long).softmax(0)))
    assert "make an object of it" in wrong(exercises.softmax.check(torch.nn.Softmax))
    assert "complex64" in wrong(exercises.softmax.check(lambda scores: scores.softmax(1).to(torch.complex64)))
    assert "it is one number, and should be" in wrong(exercises.flip.check(lambda images: images.sum()))
    assert "`mean` before it is there" in wrong(exercises.order_of_means.check("acd"))

    def fails_later(images):
        return images.flip(2) if len(images) == 1 else images.no_such_thing

    assert "Upside down" not in wrong(exercises.flip.check(fails_later))  # of the others, nobody knows


def test_progress_shows_what_was_begun():
    """The rooms begun, and the one that comes next; all on demand."""
    exercises.softmax.check(None)
    exercises.reset()
    exercises.softmax.check(exercises.softmax.answer)
    shown = exercises.progress()
    assert {line.lesson for line in shown.shown} == {"00_start", "03_util"}
    assert "room_1" not in str(shown) + shown._repr_html_() and "progress().all" in str(shown)
    assert "room_1" in str(shown.all) and len(shown.all.shown) == len(shown.lines) and "progress().all" not in str(shown.all)


def test_progress(own_record, tmp_path):
    """What is done is remembered, handed on as CSV, and forgotten."""
    exercises.flip.check(lambda images: images)
    exercises.flip.check(exercises.flip.answer)
    done = {line.name: line for line in exercises.progress().lines}
    assert done["flip"].tries == 2 and done["flip"].done and not done["normalise"].done
    exercises.flip.check(None)
    assert read_record()["flip"].done
    count = len(exercises.EXERCISES)
    assert exercises.progress().next.name == exercises.EXERCISES[0].name != "flip"
    text = exercises.progress().csv(tmp_path / "class.csv")
    assert (tmp_path / "class.csv").read_text() == text and text.count("\n") == 1 + count
    assert f"1 of {count}" in str(exercises.progress()) and f"1 of {count}" in exercises.progress()._repr_html_()
    exercises.reset()
    assert not own_record.exists() and f"0 of {count}" in str(exercises.progress())
    exercises.reset()


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"flip": 3}', '{"flip": ["1", 2, 3]}', "\0\1", "[" * 100_000])
def test_broken_record(own_record, text):
    """A broken record counts as none."""
    own_record.write_text(text)
    assert f"0 of {len(exercises.EXERCISES)}" in str(exercises.progress())
    assert exercises.flip.check(exercises.flip.answer).passed
    assert read_record()["flip"].tries == 1


def test_unwritable_record(tmp_path, monkeypatch):
    """Where nothing can be written, exercises work all the same."""
    (tmp_path / "file").write_text("")
    for place in tmp_path, tmp_path / "file/below.json", "off":
        monkeypatch.setenv("MNIST_S6_PROGRESS", str(place))
        assert exercises.flip.check(exercises.flip.answer).passed
        assert read_record() == {} and exercises.progress().lines[0] == exercises.progress().lines[0]
        exercises.reset()
    assert os.path.isdir(tmp_path) and Entry() == (0, "", "")


# ---- The lessons: stubs, and the same cells with the solutions put in. Only these cells are run, not the notebooks.

CHECKED = re.compile(r"\bexercises\.(\w+)\.check\((\w+)\)\s*$")


def cells_with_a_check() -> list[tuple[str, str, str, str]]:
    """Notebook, exercise, the name of what is checked, and source, of each cell of a lesson that ends with a check."""
    found = []
    for path in sorted((Path(__file__).parent.parent / "nbs").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"] if not re.match("4|5", path.name) else []
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        found += [(path.name, *match.groups(), source) for source in sources if (match := CHECKED.search(source))]
    return found


def with_solution(source: str, exercise: Exercise, name: str) -> str:
    """A cell with the answer in place of its dots."""
    answer = exercise.solution().code if callable(exercise.answer) else f"{name} = {exercise.answer!r}"
    stub = rf"^def {name}\(.*\.\.\.$" if callable(exercise.answer) else rf"^{name} = \.\.\."
    mended, count = re.subn(stub, lambda _: answer, source, flags=re.MULTILINE)
    assert count == 1, f"no stub of {name} in {source}"
    return mended


def last_value(source: str, names: dict) -> object:
    """What a notebook would show of a cell: the value of its last line."""
    *lines, last = ast.parse(source).body
    exec(compile(ast.Module(lines, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


LESSON_CELLS = cells_with_a_check()


@pytest.mark.parametrize("notebook, exercise, name, source", LESSON_CELLS, ids=[f"{cell[0][:-6]}-{cell[1]}" for cell in LESSON_CELLS])
def test_lesson_cell(notebook, exercise, name, source):
    """An exercise of a lesson is not attempted as it stands there, and right with the solution put in."""
    exercise = getattr(exercises, exercise)
    kit = {**(vars(inspect.getmodule(exercise.answer)) if callable(exercise.answer) else {}), "exercises": exercises}
    assert last_value(source, {**kit}) == Result(False, NOT_ATTEMPTED)
    result = last_value(with_solution(source, exercise, name), {**kit})
    assert result.passed, result.message


def test_placed():
    """The exercises of the first rooms stand in them."""
    placed = {(notebook[:-6], exercise) for notebook, exercise, _, _ in LESSON_CELLS}
    first = [line for line in exercises.progress().lines if line.lesson in ("00_start", "01_datasets", "S6")]
    assert {(line.lesson, line.name) for line in first} - placed <= {("01_datasets", "accuracy")}
