"""The exercises: right answers pass, each wrong one gets its own words, and no answer does any harm."""

import _thread
import ast
import copy
import csv
import inspect
import json
import os
import random
import re
import sys
import tempfile
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
from mnist_s6.exercises.record import Entry, note, read_record

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
    monkeypatch.setattr(os, "fsync", lambda _: None)  # four thousand records need not outlive a power cut
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # the lock's file stands there, too
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


def things_in(value: object) -> set[int]:
    """What a function could change in an argument."""
    if isinstance(value, torch.Tensor):
        return {value.untyped_storage().data_ptr()} if value.numel() else set()
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else []
    if isinstance(value, torch.nn.Module):
        parts = [*value.parameters(), *value.buffers()]
    own = {id(value)} if isinstance(value, (list, dict, torch.nn.Module)) else set()
    return own.union(*map(things_in, parts))


@every
def test_inputs_share_nothing(exercise: object) -> None:
    """Whoever changes an argument spoils no other input."""
    cases = exercise.inputs(0)  # all kept, so that no id comes twice
    found = [things_in(case) for case in cases]
    assert sum(map(len, found)) == len(set().union(*found))


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


released = threading.Event()  # at last ends what can't be stopped: until then it takes time from all tests that follow


def holds_on(*_):
    while not released.is_set():
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
    released.clear()
    start = time.perf_counter()
    try:
        assert "never ends" in wrong(exercises.flip.check(answer, seconds=0.1))
        assert time.perf_counter() - start < 2
        assert exercises.flip.check(exercises.flip.answer).passed
    finally:
        released.set()


def test_within_two_seconds():
    """Also with the usual patience."""
    start = time.perf_counter()
    wrong(exercises.flip.check(for_ever))
    assert time.perf_counter() - start < 2.5


def test_slow_import(tmp_path, monkeypatch):
    """The clock stands still while something is imported, and goes on after it."""
    monkeypatch.syspath_prepend(tmp_path)
    for name in "slow_to_import", "slow_as_well":
        (tmp_path / f"{name}.py").write_text("import time\nfor _ in range(60): time.sleep(0.01)\n")

    def imports(images):
        import slow_to_import

        time.sleep(0.03)
        return images.flip(3)

    def imports_and_stays(images):
        import slow_as_well

        return for_ever()

    assert exercises.flip.check(imports, seconds=0.5).passed
    start = time.perf_counter()
    assert "never ends" in wrong(exercises.flip.check(imports_and_stays, seconds=0.5))
    assert time.perf_counter() - start < 5


def test_in_another_thread():
    """An exercise may be checked in any thread."""
    results = []
    thread = threading.Thread(target=lambda: results.append(exercises.flip.check(for_ever, seconds=0.1)))
    thread.start(), thread.join(5)
    assert "never ends" in wrong(results[0])


def works(function):
    """Whether any thread is in a function."""
    return any(frame.f_code is function.__code__ for frame in sys._current_frames().values())


def test_real_ctrl_c():
    """A real Ctrl-C ends the waiting; one that comes out of an answer is an error like others."""
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        exercises.flip.check(for_ever, seconds=20)
        time.sleep(5)
    end = time.monotonic() + 5
    while works(for_ever) and time.monotonic() < end:
        time.sleep(0.01)
    assert not works(for_ever), "it goes on, and takes the time of all that follows"
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
    assert "your result has the shape (1,), and should be one number" in wrong(exercises.accuracy.check(lambda s, y: [1.0]))
    assert "in line 1 of your function" in wrong(exercises.output_size.check(lambda *_: 1 / 0))
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
    assert "First you said 260, and the answer is 4" in wrong(exercises.add_bytes.check(260))
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


@pytest.mark.parametrize("guess", ["not 4", "4 or 5", {4}, (4, 0), "4 %", "exit()", "4 4"])
def test_guess_of_another_kind(own_record, guess):
    """What can't be compared is no guess: the truth isn't told yet."""
    message = wrong(exercises.add_bytes.check(guess))
    assert "write one number," in message and message.endswith("such as 12 or 0.5")
    assert "First you said 260" in wrong(exercises.add_bytes.check(260))


nested, crowd = [1], []
for _ in range(2000):
    nested = [nested]
crowd += [crowd] * 12
ODD_GUESSES = {"holds itself": endless, "in a tuple": (endless, 1), "many of itself": crowd, "deep": nested, "large": 2**20_000, "below 0": -(10**5000),
               "among others": [1, 2**20_000], "digits": "9" * 5000, "digits and a letter": "9" * 60 + "q", "powers": "9**9**9", "sparse": torch.eye(2).to_sparse(),
               "without numbers": torch.zeros(2, device="meta"), "hostile": Hostile()}  # fmt: skip


@pytest.mark.parametrize("guess", ODD_GUESSES)
def test_odd_guesses(guess):
    """No guess makes a question fail, however large or deep it is."""
    for exercise in exercises.EXERCISES:
        if exercise not in FUNCTIONS:
            wrong(exercise.check(ODD_GUESSES[guess]))


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
    "blind_guess": (["10%", "10 percent", ".1", "0,1", "1/10", "one in ten", "a tenth", "1 out of 10", "one of ten", "one tenth", "p = 0.1", "every tenth", "1:10"],
                    ["90%", "0.1%", "10", "1 or 0.1", "log 0.1", "nine in ten", "a tenth of a tenth"]),
    "batch_bytes": (["200,704 bytes", "200 704", "200_704", "200.704", "64*28*28*4", "196 KiB", "64·28·28·4 = 200704", "64 x 784 x 4", "200704 B"],
                    [200_703, "200", "200,705", 50_176, "196 KB", "196", "50176 floats", 200.704]),
    "find_the_bug": (["line 5", "Line #5", "5th", "return F.relu(self.linear(x))", "5  return F.relu(self.linear(x))   # (N, 10)", "the last one", "fifth", "the fifth line", "last", "line 5, the last one", "5 (the last ReLU)"],
                     ["line 4", "not 5", "4, 5", "45", "x = F.max_pool2d(x, 2)", "the last but one", "second last", "after 4", "first", "max_pool2d(x, 2)"]),
    "bug_in_loop": (["the fourth", "4: the optimizer", "line 4 (the optimizer)", "4 - SGD knows only the head"], ["2 or 4", "not 4", (2, 4), "4/1"]),
    "read_the_curve": (["after epoch 6", "six", "sixth", "the sixth", "after the 6th epoch", "the sixth one"], ["6 or 7", "epoch 12", 5.5, "a sixth"]),
    "half_as_wide": (["4x", "four times", "4 times as many"], ["2x", "1/4", "25%", 4.2, "a quarter", 40_000]),
    "ten_layers": (["1,024 times smaller", "1024×", 1000, "2**10", "2^10", "a thousand", "one thousand"], ["1/1024", 1 / 1024, 2048, "10 layers", "9**9**9"]),
    "velocity_limit": (["10 times the slope", "→ 10", "-> 10", "1/(1 - 0.9)"], ["10%", "infinity", "inf", "0.9"]),
    "read_the_refusals": (["80%", "about 80 %"], ["20%", "1%", 0.8]),
    "sure_of_letters": (["fifty", "half", "1/2", "50 %", "half of them"], ["1/10", "a tenth", 0.5, "40-60"]),
    "step_downhill": (["16/5", "3 - 0.1*(-2)", "3 + 0.2 = 3.2", "to 3.2", "w = 3.2", "+3.2"], ["3 - 0.2", "-16/5", "3.2%", "2 + 3.2"]),
    "score_slope": (["-3/5", "−0.6", "0.4 - 1", "minus 0.6"], ["3/5", "0.6", "-0.6 or 0.6", "-60%"]),
    "slopes_twice": (["5 + 5", "10 (5 + 5)", "5 + 5 = 10"], ["5*5", "5"]),
    "loss_of_four": (["ln 4", "log(4)", "ln(4) = 1.386", "1.39 nats", "-math.log(0.25)", "-ln(1/4)"], ["ln 10", "log 10", "1.39 %", "exit()"]),
    "first_loss": (["2.30", "ln 10", "-math.log(0.1)", "log(10)", "23/10"], ["2.3 %", "0.105", "-ln 10"]),
    "one_step": (["23/10", "2 + 0.3", "2.3"], ["2 - 0.3"]),
    "step_too_far": (["w = -2", "1 - 3", "minus two", "-2.0"], ["2", "1 + 3"]),
    "last_batch": (["x = 104", "104 images", "1000 - 7*128", "104 in the last batch"], ["7 batches", "8 batches", "104 of 128"]),
    "same_size": (["p = 2", "p=2", "2px", "2 px", "padding=2", "two", "2 on each side", "no. 2"], ["no more than 2", "more than 2", "no 2", "dont say 2", "(1,1)", (2, 2), "2.5", "p = 1"]),
    "add_bytes": (["4", "four", "260 - 256", "4, because it overflows"], ["error", "an error", "OverflowError", "250 + 10", "it raises an error"]),
    "black_pixel": (["negative number", "a negative number", "below zero", "it is negative", "less than 0", "below 0", "< 0", "a number below zero",
                     "negative, because 0 - 0.13 is below zero", "negative, not zero"],
                    ["zero", "positive number", "not negative", "no negative", "non-negative", "above zero", "negative or zero", -0.4242, -0.42, 0, "-0.42", "negative = False", "zero, not negative"]),
    "depends_on_others": (["training", "in training mode", "Train", "training = True", "only in training mode, not in evaluation mode", "training mode, but not evaluation mode"],
                         ["training = False", "training mode off", "training is off", "training: no", "training? I think not", "evaluation, not training", "evaluation", "both", "not in training mode", "no training mode", "training or evaluation", "neither"]),
    "zero_start": (["only the last bias", "last_bias", "2.bias", "the bias of the last layer", "Only the last bias has moved", "last bias, because all others have slope 0"],
                   ["last", "bias", "last layer", "no last bias", "all but the last bias", "the last layer has moved"]),
    "best_cure": (["data augmentation", "augment", "augmentations", "1. Augmentation", "augmentation, of course", "to avoid overfitting, augmentation",
                   "augmentation stops overfitting", "turns out to be augmentation", "to avoid it, augmentation", "What stops it is augmentation",
                   "you are better off using augmentation", "what pays off is augmentation",
                   "augment the images", "augmenting", "to augment", "augmented images", "augmentation helps most", "augmentation, not dropout", "dropout or decay? augmentation",
                   "augmentation, since dropout is useless", "augmentation because it can't overfit", "augmentation, the others are useless", "augmentation, it never fails"],
                  ["decay", "augmentation and dropout", "Weight-decay", "early stopping", "not augmentation", "dropout, not augmentation", "no augmentation", "never augmentation",
                   "without augmentation", "un-augmentation", "it isn't augmentation", "dont use augmentation", "it cannot be augmentation",
                   "augmentation won’t do", "anything rather than augmentation", "instead of augmentation", "!= augmentation", "w/o augmentation",
                   "avoid augmentation", "avoiding augmentations", "remove the augmentation", "stop augmentation", "skip all augmentation", "drop augmentation",
                   "leave out augmentation", "leave augmentation out", "augmentation can be omitted", "take augmentation away", "forget about augmentation", "turn off augmentation", "augmentation turned off", "get rid of augmentation",
                   "augmentation should be avoided", "the augmentation is missing", "omitting augmentation", "I forgot the augmentation", "disable augmentation",
                   "augmentation is useless", "augmentation makes it worse", "augmentation hurts", "augmentation helps little", "augmentation is wrong", "augmentation is not it", "augmentation = False",
                   "augmentation? Useless.", "augmentation, that is wrong", "augmentation? I think not", "augmentation, or dropout", "augmentation, dropout", "not because of augmentation",
                   "dropout, since augmentation is useless", "stop augmenting", "I doubt augmentation", "no, augmentation", "more than augmentation"]),
    "larger_batches": (["Higher!", "it will be higher than before", "much higher", "worse", "much worse off", "bigger", "higher, because there are fewer steps", "higher, not lower", "higher; updates are skipped"], ["same", "not higher", "no higher", "no larger than before", "barely higher", "higher or lower", "hardly higher"]),
    "half_the_maps": (["about a quarter", "c) about a quarter", "a quarter", "a quarter is left", "quarter", "c, a quarter", "c: about a quarter", "1/4", "a fourth", "c, dropped to a quarter", "ignore a, b and d: c", "roughly a quarter", "c, since half times half is a quarter", "c: half of half"],
                      ["a quarter or a half", "a quarter less", "b and c", "about", "c is wrong", "not a quarter", "not c", "b or c", "a half", "a) about a quarter", "a tenth"]),
    "without_augmentation": (["better on the training images and worse on new ones", "better on training images, worse on new images", "I think c"],
                             ["better", "better on the training images", "worse on both", "b and c"]),
    "read_a_letter": (["one of the ten digits", "c"], ["a digit", "nothing", "an error", "K", "the letter K", "no c", "isnt c", "avoid c", "skip option c"]),
    "room_1": (["I would look at b", "b, of course", "the slopes of the second step", "the slopes"], ["b is useless", "a or b", "a", "I would look at c", "a larger network"]),
    "too_high": (["c is too high", "green", "run c", "the green one", "c is off the chart", "c is out of control",
                  "c, because its rate is too high", "the rate is too high in c", "it is c since the loss rises", "c, because the loss does not fall", "c is too high, it never falls",
                  "c is bad", "c, not a", "c and not a", "c, its rate is wrong", "c, the others are wrong"],
                 ["c is wrong", "c is not it", "c = False", "c: wrong", "c, that is wrong", "I doubt c", "c? no", "c, a", "c; a", "c, or e", "c, e or d", "a, because c is too low", "e, not c", "b is too low", "a", "red"]),
    "which_flight": (["twice softmax", "softmax twice!", "a softmax twice", "softmax is applied twice", "softmax twice is wrong", "softmax twice, not by heart"],
                     ["softmax twice = False", "not shuffled", "shuffled", "the rate is too high", "not softmax twice", "no softmax twice", "stop shuffling"]),
    "no_slopes": (["the rate is too high", "too high rate", "too high a rate", "learning rate too high", "too high a learning rate", "too high a rate stopped it",
                   "the slopes are missing: too high a rate", "too high a rate, all ReLUs switched off",
                   "because the rate was too high", "a rate that is too high", "the rate is far too high", "the slopes vanished because the rate was too high", "too high a rate hurts the ReLUs"],
                  ["the rate is far from too high", "not because the rate was too high", "by heart, since the rate is not too high", "not too high a rate", "by heart"]),
    "read_shape": (["torch.Size([10, 28])", "10 rows, 28 columns", "10 by 28", "(10, 28).", "10-28", "it is (10, 28)", "10.0, 28.0"], ["10.28", "0.10, 28", "10/28", "10 + 28", "-10, 28", "not (10, 28)", torch.zeros(10, 28), {10, 28}, "10x14", "28x10", 280]),
    "broadcast_shape": (["3x4", "(3,4)"], ["error", "an error", "it fails with an error"]),
    "order_of_means": (["d, c and a", "1d 2c 3a", "1. d 2. c 3. a", "1) d\n2) c\n3) a"], [{"d", "c", "a"}, "acd", "dc", "the order is dca", "2d 1c 3a", "12"]),
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
    found["now and then"] = lambda *given: right(*given) if torch.rand(()) < 0.5 else None
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


def same_by(measure, model, step):
    """Parameters of which one number is as it was."""
    before = {name: measure(p).item() for name, p in model.named_parameters()}
    step()
    return [name for name, p in model.named_parameters() if measure(p).item() == before[name]]


def test_more_wrong_ones():
    """Some that once passed."""
    early, scaling = exercises.early_stop, exercises.linear_scaling
    assert not early.judged(lambda losses, n: early.answer(losses[1:], n) + 1 if losses[1:] else 0).passed
    assert not scaling.judged(lambda *numbers: min(0.2, scaling.answer(*numbers))).passed
    assert not exercises.output_size.judged(lambda n, k, s, p: round((n + 2 * p - k) / s + 1)).passed
    cycle, fits = exercises.one_cycle, exercises.fits
    for whole in int, round, np.ceil:
        assert not cycle.judged(lambda step, steps, top, up: cycle.answer(step, steps, top, whole(up * steps) / steps)).passed
    assert not fits.judged(lambda model, x, y, steps: fits.answer(model, x[:10], y[:10], steps)).passed
    assert not fits.judged(lambda model, x, y, steps: fits.answer(model, x, y, min(steps, 20))).passed
    assert not scaling.judged(lambda *numbers: round(scaling.answer(*numbers), 2)).passed
    assert not exercises.unregistered.judged(lambda m: lists_with(m, lambda x: isinstance(x, (torch.nn.Conv2d, torch.nn.Linear, torch.nn.ReLU)))).passed
    assert not exercises.numerical_gradient.judged(lambda f, x, h: exercises.numerical_gradient.answer(f, x.float(), h)).passed
    assert not early.judged(lambda losses, n: early.answer([10.0, *losses], n) - 1 if losses[0] > 10 else early.answer(losses, n)).passed
    for measure in lambda p: p.sum(), lambda p: p.abs().mean():
        assert not exercises.unmoved.judged(lambda model, step: same_by(measure, model, step)).passed
    assert not exercises.numerical_gradient.judged(lambda f, x, h: exercises.numerical_gradient.answer(f, x, h).abs()).passed


COINS = [lambda: torch.rand(()) < 0.5, lambda: torch.rand(()) > 0.4, random.random, lambda: np.random.rand() < 0.6, lambda: random.random() > 0.8]


@pytest.mark.parametrize("coin", COINS)
def test_by_chance(coin):
    """Who is right now and then is wrong, whatever the coin."""
    if coin is random.random:
        assert exercises.flip.judged(lambda x: coin() * 0 + x.flip(3)).passed  # drawn, and not used
    else:
        wrong(exercises.flip.judged(lambda x: x.flip(3) if coin() else x))
    assert "now and then" in wrong(exercises.flip.judged(lambda x: x.flip(3) if torch.rand(()) < 0.5 else x))


SWITCHES = [
    lambda: torch.set_grad_enabled(False), lambda: torch.set_default_dtype(torch.float64), lambda: torch.autograd.set_detect_anomaly(True),
    lambda: torch.use_deterministic_algorithms(True), lambda: torch.set_num_threads(torch.get_num_threads() + 1),
]  # fmt: skip


@pytest.mark.parametrize("turn", SWITCHES)
@functions
def test_switches(exercise, turn):
    """A right answer that leaves a switch turned is told so, and nothing stays turned."""

    def answer(*given):
        output = exercise.answer(*given)
        turn()
        return output

    before = [ask() for ask in (torch.is_grad_enabled, torch.get_default_dtype, torch.is_anomaly_enabled, torch.get_num_threads)]
    message = wrong(exercise.judged(answer))
    assert "for all that follows" in message and "put it back" in message or "undoes itself" in message
    assert before == [ask() for ask in (torch.is_grad_enabled, torch.get_default_dtype, torch.is_anomaly_enabled, torch.get_num_threads)]
    assert not torch.are_deterministic_algorithms_enabled()


def evaluating(model, loader, also=lambda loss: None):
    """The share, and something else on the way."""
    mode, hits = model.training, []
    model.eval()
    for x, y in loader:
        scores = model(x)
        also(F.cross_entropy(scores, y))
        hits += (scores.argmax(1) == y).tolist()
    model.train(mode)
    return sum(hits) / len(hits)


def test_left_as_it_was():
    """What is not to be seen in the numbers of a network, and yet changed; seeds too, but not in a simulation."""
    evaluate, given = exercises.evaluate, exercises.sgd_step
    assert evaluate.judged(evaluating).passed
    assert "slopes are left" in wrong(evaluate.judged(lambda model, loader: evaluating(model, loader, lambda loss: loss.backward())))
    assert "`grad`" in wrong(evaluate.judged(lambda model, loader: [evaluating(model, loader), model.zero_grad()][0]))
    assert "`requires_grad` stays" in wrong(evaluate.judged(lambda model, loader: evaluating(model.requires_grad_(False), loader)))
    assert "`torch.manual_seed(3)`" in wrong(evaluate.judged(lambda *both: [evaluating(*both), torch.manual_seed(3)][0]))
    assert "your result is" in wrong(evaluate.judged(lambda model, loader: evaluating(model, list(loader)[:3])))
    wrong(exercises.train_one_epoch.judged(lambda model, loader, step: exercises.train_one_epoch.answer(model, list(loader)[:3], step)))

    def takes_notes(parameters, gradients, lr):
        parameters = [parameter.requires_grad_() for parameter in parameters]
        return [(p - lr * g).detach() for p, g in zip(parameters, gradients)]

    assert "`requires_grad` of [0] is True" in wrong(given.judged(takes_notes))
    right = exercises.two_layer_gradients.answer
    assert "`w1`" in wrong(exercises.two_layer_gradients.judged(lambda x, a, b, y: [t.detach() for t in right(x, a.requires_grad_(), b, y)]))
    assert exercises.best_of.judged(lambda k: [torch.manual_seed(5), exercises.best_of.answer(k)][1]).passed
    for exercise in exercises.train_one_epoch, exercises.fits, evaluate, exercises.alone_and_in_company:
        for seed in 0, 3:
            said = wrong(exercise.judged(lambda *given: [torch.manual_seed(seed), exercise.answer(*given)][1]))
            assert f"`torch.manual_seed({seed})`" in said and "now and then" not in said


def receptive(layers, back=False, again=False):
    """The field of view, with a `return` too far right, or a start inside of the loop."""
    if not again:
        size, step = 1, 1
    for kernel, stride in layers:
        if again:
            size, step = 1, 1
        size += (kernel - 1) * step
        step *= stride
        if back:
            return size
    return None if back else size


def set_in_list(parameters, gradients, lr):
    for i, gradient in enumerate(gradients):
        parameters[i] = parameters[i] - lr * gradient
    return parameters


def stays_in_eval(model, loader, optimizer, put_back=False):
    was = model.training
    model.eval() if not put_back else model.train()
    losses = []
    for x, y in loader:
        losses.append(F.cross_entropy(model(x), y, reduction="none"))
        losses[-1].mean().backward(), optimizer.step(), optimizer.zero_grad()
    model.train(was) if put_back else None
    return torch.cat(losses).mean()


def stops_there(losses, patience):
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        elif epoch - best >= patience:
            return epoch
    return best


def by_autograd(function, x, h):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(function(x), x)[0]


def alone_first(model, images):
    alone = torch.cat([model(image) for image in images.split(1)])
    return (model(images) - alone).abs().max()


def last_loss(model, images, labels, steps):
    twin = __import__("copy").deepcopy(model)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    for _ in range(steps):
        loss = F.cross_entropy(twin(images), labels)
        optimizer.zero_grad(), loss.backward(), optimizer.step()
    return loss.item()


def lists_with(module, what):
    return [name for name, value in vars(module).items() if isinstance(value, (list, tuple)) and any(map(what, value))]


def for_good(shares, level):
    good = [min(both) >= level for both in shares]
    return next((i for i in range(len(good)) if all(good[i:])), -1)


def first_alone(of, bare=False):
    """A `return` inside of the loop: after the first thing, or with it alone."""
    def answer(first, *others):
        for part in first:
            found = of(part, *others)
            return found if bare else [found]
    return answer


SAID = {
    "nearest": [(lambda x, m: ((x[:, None] - m) ** 2).sum(2).min(dim=1), "a pair: take one of its parts, `.values` or `.indices`"),
                (first_alone(lambda x, m: ((x - m) ** 2).sum(1).argmin()), "only the first of 3 comes back: is the `return`"),
                (first_alone(lambda x, m: ((x - m) ** 2).sum(1).argmin(), bare=True), "only the first of 3 comes back")],
    "brightness": [(lambda x: x.flatten(1).median(1), "a pair"), (first_alone(torch.mean), "only the first of 4"), (first_alone(torch.mean, bare=True), "only the first of 4")],
    "batch_indices": [(lambda order, n: [order[:n]], "only the first of 2")],
    "relu_gradient": [(lambda x, slope: slope[x > 0], "your result has the shape")],  # the first of some inputs, but there is no loop
    "slope": [(lambda f, at, step: 6.5, "with function = 5 − 2·x, at = 1, step = 0.25: your result is 6.5, and should be -2")],
    "read_shape": [(torch.zeros(10, 28), "you gave the numbers themselves: write their shape, a tuple such as (2, 3)"), ((10, 14, 1), "you said (10, 14, 1): that is not it"),
                   ((28, 28), "you said (28, 28): the first number is not it"), ("10x27", "you said (10, 27): the second number is not it")],
    "broadcast_shape": [(torch.zeros(3, 4), "you gave the numbers themselves")],
    "step_too_far": [(-3, "you said −3: that is not it")],
    "evaluate": [(lambda m, n: evaluating(m, n) * len(n.dataset) / (len(n) * n.batch_size), "batches times batch size")],
    "sgd_step": [(set_in_list, "the list or the parameters")],
    "softmax": [(lambda s: (s - s.min(1, True).values).exp() / (s - s.min(1, True).values).exp().sum(1, True), "That is not enough")],
    "accuracy": [(lambda s, y: (s.argmax(1) == y).all().float(), "*all*")],
    "cross_entropy": [(lambda s, y: -F.cross_entropy(s, y), "never below 0")],
    "receptive_field": [(lambda layers: receptive(layers, back=True), "inside of the loop"), (lambda layers: receptive(layers, again=True), "starts again"),
                        (lambda layers: 7 if layers else undefined, "with layers = [(3, 1)]")],
    "train_one_epoch": [(stays_in_eval, "call `train()`"), (lambda *three: stays_in_eval(*three, put_back=True), "in training mode, in which it learned")],
    "first_loss": [(0.105, "for a probability of 0.9"), (0.1, "That is the probability"), ("0.11", "for a probability of 0.9")],
    "same_size": [((2, 2), "you said (2, 2): write one number, such as"), ("(1,1)", "you said '(1,1)': write one number, without")],
    "last_batch": [("7 batches", "whole batches")],
    "add_bytes": [("an error", "No error")],
    "black_pixel": [(-0.4242, "one of the three words"), ("-0.42", "one of the three words"), ("0", "The mean becomes 0"), (0, "The mean becomes 0")],
    "read_a_letter": [("letter K", "never shown a K"), ("K", "never shown a K")],
    "batch_bytes": [(200.704, "the point is for decimals")],
    "order_of_training": [("fdab", "`step` has to come after"), ("efdbac", "asks the network a second time"), ("fdcbae", "asks the network"), ("fdbaec", "asks")],
    "early_stop": [(stops_there, "epoch of the stop")],
    "numerical_gradient": [(by_autograd, "autograd")],
    "alone_and_in_company": [(alone_first, "Ask a copy")],
    "fits": [(last_loss, "before the last step")],
    "unregistered": [(lambda m: lists_with(m, lambda x: isinstance(x, torch.nn.Conv2d)), "not only a convolution"), (lambda m: lists_with(m, callable), "no layer"),
                     (lambda m: len(lists_with(m, callable)), "should be a list or a tuple")],
    "split": [(lambda order, n: (order[: len(order) - n], [0] * n), "at [1][0] it is 0"),
              (lambda order, n: ([order.pop() for _ in range(n)][::-1], list(order))[::-1], "what comes back is right, but `order`")],
    "order_of_checks": [("egac", "with training = {'validation accuracy': 0.4, "), ("d", "with training = a sound one: your result is 'too small")],
    "half_as_wide": [(40_000, "*times*")],
    "when_the_nines": [(said, "It does learn") for said in ("never", "Never!", "never, they stay hard", "never, because it forgets them")],
    "find_the_leak": [((6, 7), "write one number, such as")],
    "wilson": [(lambda c, n: [max(0, c / n - 1.96 * (c / n * (1 - c / n) / n) ** 0.5), min(1, c / n + 1.96 * (c / n * (1 - c / n) / n) ** 0.5)], "cut off"),
               (lambda c, n: [sum(exercises.wilson.answer(c, n)) / 2, (exercises.wilson.answer(c, n)[1] - exercises.wilson.answer(c, n)[0]) / 2], "two ends")],
    "mean_interval": [(lambda v, t: [np.mean(v) + sign * t * np.abs(v - np.mean(v)).mean() / len(v) ** 0.5 for sign in (-1, 1)], "squares")],
    "first_learned": [(for_good, "first, even if")],
    "found_and_trusted": [(lambda m, d: [100 * share for share in exercises.found_and_trusted.answer(m, d)], "percent"),
                          (lambda m, d: [exercises.found_and_trusted.answer(m, d)[0], m.trace() / m.sum()], "The second is the accuracy"),
                          (lambda m, d: [exercises.found_and_trusted.answer(m, d), m.zero_()][0], "what comes back is right, but `matrix`")],
    "linear_scaling": [(lambda lr, a, b: lr * round(b / a), "made a whole number")],
    "limit_for": [(lambda c, share: c.quantile(share), "between two confidences")],
    "best_of": [(lambda k: [x := torch.randn(10_000, k), ((x.max(1).values - x.mean(1)) / x.std(1)).mean()][1], "needs no division")],
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_what_is_said(name):
    """Mistakes that were once told as others."""
    for answer, words in SAID[name]:
        assert words in wrong(getattr(exercises, name).judged(answer)), answer


def unmoved_by(note, early=True, same=torch.equal):
    """Parameters that stayed as they were noted, before the step or after it."""

    def answer(model, step):
        if not early:
            step()
        before = {name: note(parameter) for name, parameter in model.named_parameters()}
        if early:
            step()
        return [name for name, parameter in model.named_parameters() if same(parameter, before[name])]

    return answer


def pooled_back(image, slope, by="equal", times=True):
    """The slopes of each block, at all of its largest numbers, at the last of them, or at the first."""
    result = torch.zeros_like(image)
    for r in range(slope.shape[0]):
        for c in range(slope.shape[1]):
            block = image[2 * r : 2 * r + 2, 2 * c : 2 * c + 2]
            places = (block == block.max()).nonzero().tolist()
            for i, j in {"equal": places, "last": places[-1:], "first": places[:1]}[by]:
                result[2 * r + i, 2 * c + j] = slope[r, c] if times else 1
    return result


def pooled_back_by(forward):
    def answer(image, slope):
        image = image.clone().requires_grad_()
        return torch.autograd.grad(forward(image), image, slope)[0]
    return answer


def keeps_a_view(function, x, h, copy=lambda x: x):
    """`old = x[i]` is a view, and changes along."""
    x, slopes = copy(x), torch.zeros_like(x)
    for i in range(len(x)):
        old = x[i]
        x[i] = old + h
        ahead = function(x)
        x[i] = old - h
        slopes[i] = (ahead - function(x)) / (2 * h)
        x[i] = old
    return slopes


def back_by_square(kernel, slope, size=len):
    k = size(kernel)
    image = torch.zeros(len(slope) + k - 1, slope.shape[1] + k - 1)
    for i in range(slope.shape[0]):
        for j in range(slope.shape[1]):
            image[i : i + k, j : j + k] += slope[i, j] * kernel
    return image


def norm_back(x, slope, eps, mean=1, last=1):
    deviation = (x.var(unbiased=False) + eps).sqrt()
    normalised = (x - x.mean()) / deviation
    return (slope - mean * slope.mean() - last * normalised * (slope * normalised).mean()) / deviation


def two_layers_counting(x, w1, w2, y):
    hidden = (x @ w1).relu()
    slopes = ((hidden @ w2).softmax(1) - F.one_hot(y)) / len(y)
    return x.T @ ((slopes @ w2.T) * (hidden > 0)), hidden.T @ slopes


def column_runs(ink, start_anew=False, falsy=False, falsy_both=False):
    """The runs, with a start that is set too often, or taken for False in column 0."""
    runs, start = [], None
    for column, amount in enumerate([*ink.tolist(), 0]):
        if amount and (start_anew or (not start if falsy_both else start is None)):
            start = column
        if not amount and (start if falsy or falsy_both else start is not None):
            runs.append((start, column))
            start = None
    return runs


def by_one_tensor(function, x, h):
    slopes = torch.zeros_like(x)
    for i in range(len(x)):
        ahead = behind = x.clone()
        ahead[i] += h
        behind[i] -= h
        slopes[i] = (function(ahead) - function(behind)) / (2 * h)
    return slopes


def in_a_loop(parameters, gradients, lr):
    for p, g in zip(parameters, gradients):
        p = p - lr * g
    return parameters


def returns_early(model, loader, optimizer):
    model.train()
    total, seen = 0, 0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad(), loss.backward(), optimizer.step()
        total, seen = total + loss.item() * len(y), seen + len(y)
        return total / seen


def asks_the_first(shares, level):
    for epoch, (found, trusted) in enumerate(shares):
        if found >= level and trusted >= level:
            return epoch
        return -1


def one_wave(step, steps, top, up, rounds=lambda rise: rise, half=2):
    rise = rounds(up * steps)
    return top * step / rise if step < rise else top * (1 + np.cos(np.pi * (step - rise) / (steps - rise))) / half


def spoilt_copy(images, top, left, side, back=False):
    copy = images.clone()
    copy[:, top : top + side if back else side, left : left + side if back else side] = 0
    return images if back else copy


def noted(at=lambda shown, labels: shown, new=lambda losses: losses.clone(), sign=1, scores=lambda logits: logits, how="none"):
    """The losses after a batch, with something amiss."""

    def answer(losses, shown, logits, labels):
        found = new(losses)
        found[at(shown, labels)] = sign * F.cross_entropy(scores(logits), labels, reduction=how)
        return found

    return answer


def runs_with_an_end(ink, end=lambda start: start is not None, reset=True):
    """The runs, with the last one ended after the loop or never."""
    runs, start = [], None
    for column, amount in enumerate(ink):
        if amount and start is None:
            start = column
        if not amount and start is not None:
            runs.append((start, column))
            start = None if reset else start
    if end(start):
        runs.append((start, len(ink)))
    return runs


def blackened(images, *places):
    copy = images.clone()
    for place in places:
        copy[place] = 0
    return copy


def numbers_of(values):
    return np.mean(values), np.std(values, ddof=1) / len(values) ** 0.5


def moves_x_itself(function, x, h):
    slopes = torch.zeros_like(x)
    for i in range(len(x)):
        x[i] += h
        ahead = function(x)
        x[i] -= 2 * h
        slopes[i] = (ahead - function(x)) / (2 * h)
    return slopes


def sub_in_a_loop(parameters, gradients, lr):
    for p, g in zip(parameters, gradients):
        p.sub(lr * g)
    return parameters


def waits_from_0(losses, patience, start=None):
    best, waited, lowest = 0, 0, losses[0] if start is None else start
    for epoch, loss in enumerate(losses):
        if loss < lowest:
            best, lowest, waited = epoch, loss, 0
        else:
            waited += 1
            if waited >= patience:
                break
    return best


def by_slices(image, height, width, window):
    output = torch.zeros(image.shape[0] - height + 1, image.shape[1] - width + 1)
    for i in range(output.shape[0]):
        for j in range(output.shape[1]):
            output[i, j] = window(i, j)
    return output


def decays_last(p, g, m, v, step, lr, b1, b2, eps, decay):
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
    p = p - lr * (m / (1 - b1**step)) / ((v / (1 - b2**step)).sqrt() + eps)
    return p - lr * decay * p, m, v


def adamw_of(new, share=True, of_v=True, of_m=True):
    """AdamW without the shares of what is new, or with one correction only."""
    p, g, m, v, step, lr, b1, b2, eps, decay = new
    m, v = b1 * m + (1 - b1 if share else 1) * g, b2 * v + (1 - b2 if share else 1) * g**2
    mean, square = m / (1 - b1**step if of_m else 1), v / (1 - b2**step if of_v else 1)
    return p * (1 - lr * decay) - lr * mean / (square.sqrt() + eps), m, v


def fits_by(learns="twin", asked="twin", order="clear backward step"):
    """A learner's fit: whose parameters the optimizer holds, who is asked at the end, and the calls of a step."""
    def answer(model, images, labels, steps):
        both = {"model": model, "twin": copy.deepcopy(model)}
        optimizer = torch.optim.SGD(both[learns].parameters(), lr=0.1)
        for _ in range(steps):
            loss = F.cross_entropy(both["twin"](images), labels)
            calls = {"clear": optimizer.zero_grad, "backward": loss.backward, "step": optimizer.step}
            for call in order.split():
                calls[call]()
        return F.cross_entropy(both[asked](images), labels).item()
    return answer


def company_of(which):
    """How far some of the images differ, in company and alone; at most."""
    def answer(model, images):
        twin = copy.deepcopy(model)
        together = twin(images)
        return max((together[i] - twin(images[i : i + 1])[0]).abs().max().item() for i in which(len(images)))
    return answer


def trains(times=1, after=False, reduction="mean"):
    """A learner's epoch: how often slopes are asked for, when the loss is measured, and how it is reduced."""
    def answer(model, loader, optimizer):
        model.train()
        total = seen = 0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels, reduction=reduction)
            for _ in range(times):
                loss.backward(retain_graph=True)
            optimizer.step()
            loss = F.cross_entropy(model(images), labels) if after else loss
            total, seen = total + loss.item() * (1 if reduction == "sum" else len(labels)), seen + len(labels)
        return total / seen
    return answer


def stays_after_two(model, step):
    """The names of what is as it was, after two steps."""
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    step(), step()
    return [name for name, parameter in model.named_parameters() if torch.equal(parameter, before[name])]


def two_and_two(correct, n, z=1.96):
    """The plain interval, after two right and two wrong answers were added."""
    share = (correct + 2) / (n + 4)
    half = z * (share * (1 - share) / (n + 4)) ** 0.5
    return share - half, share + half


def around(values, half):
    return np.mean(values) - half, np.mean(values) + half


def evaluates_the_first(model, loader):
    """A `return` inside of the loop."""
    mode = model.training
    model.eval()
    for images, labels in loader:
        share = (model(images).argmax(1) == labels).float().mean().item()
        model.train(mode)
        return share


SLIPS = [
    ("unmoved", unmoved_by(lambda p: p), "Everything seems to have stayed"),
    ("unmoved", unmoved_by(lambda p: p.detach().clone(), early=False), "was the note taken after `step()`"),
    ("unmoved", unmoved_by(lambda p: p.detach()), "`detach()`, `.data`"),
    ("unmoved", unmoved_by(lambda p: p.data), "moves along"),
    ("unregistered", lambda m: lists_with(m, lambda x: isinstance(x, torch.nn.Module) and list(x.parameters())), "such as a ReLU"),
    ("unregistered", lambda m: lists_with(m, lambda x: hasattr(x, "weight")), "such as a ReLU"),
    ("numerical_gradient", lambda f, x, h: exercises.numerical_gradient.answer(f, x, 1e-4), "the `h` that is given"),
    ("numerical_gradient", lambda f, x, h: torch.stack([(f(x + h * e) - f(x - h * e)) / 2 * h for e in torch.eye(len(x))]), "brackets around `2*h`"),
    ("numerical_gradient", by_one_tensor, "one and the same tensor"),
    ("column_runs", lambda ink: column_runs(ink, falsy=True), "never ended: 0 counts as False"),
    ("column_runs", lambda ink: column_runs(ink, falsy_both=True), "is lost: 0 counts as False"),
    ("column_runs", lambda ink: column_runs(ink, start_anew=True), "sets the start anew"),
    ("split", lambda order, n: (list(range(len(order) - n)), list(range(len(order) - n, len(order)))), "places in the list"),
    ("wilson", lambda c, n: exercises.truth._interval(c, n, extra=n / 4), "divide by 4 and by n squared"),
    ("one_cycle", lambda *four: one_wave(*four, rounds=int), "Don't round"),
    ("one_cycle", lambda *four: one_wave(*four, rounds=round), "Don't round"),
    ("one_cycle", lambda *four: one_wave(*four, half=1), "halve it"),
    ("one_cycle", lambda step, n, top, up: top * (step / (up * n) if step <= up * n else (1 + np.cos(np.pi * step / n)) / 2), "over what is left"),
    ("one_cycle", lambda step, n, top, up: top * (step / (up * n) if step <= up * n else (1 + np.cos(np.pi / 2 * (step / n - up) / (1 - up))) / 2), "from 0 to π/2"),
    ("sgd_step", in_a_loop, "Nothing has changed"),
    ("softmax", lambda s: (s - s.amax(1, True)).exp() / (s - s.amax(1, True)).exp().sum(1), "one sum for each row"),
    ("softmax", lambda s: s.exp() / s.exp().sum(1), "Two things"),
    ("softmax", lambda s: F.softmax(F.softmax(s, 1), 1), "taken twice"),
    ("slope", lambda f, at, step: f(at + step) - f(at) / step, "Division comes first"),
    ("slope", lambda f, at, step: (f(at) - f(at - step)) / step, "You looked back"),
    ("output_size", lambda n, k, s, p: n + 2 * p - k // s + 1, "Division comes first"),
    ("dropout", lambda x, mask, p: x * mask / 1 - p, "Division comes first"),
    ("cross_entropy_gradient", lambda s, y: s.softmax(1) - F.one_hot(y, s.shape[1]) / len(y), "Division comes first"),
    ("linear_scaling", lambda lr, a, b: lr * b // a, "divide with `/`"),
    ("mean_interval", lambda v, t: [numbers_of(v)[0] - numbers_of(v)[1], sum(numbers_of(v))], "And `t`?"),
    ("mean_interval", lambda v, t: [numbers_of(v)[0], t * numbers_of(v)[1]], "the mean and the half"),
    ("mean_interval", lambda v, t: exercises.mean_interval.answer(v, t)[::-1], "low end comes first"),
    ("interval", lambda v, t: [-t * numbers_of(v)[1], t * numbers_of(v)[1]], "how far it goes to each side"),
    ("kaiming_deviation", lambda shape: 2 / np.sqrt(np.prod(shape[1:])), "root is over fan_in alone"),
    ("kaiming_deviation", lambda shape: np.sqrt(2 / shape[0]), "The first size"),
    ("hide_square", spoilt_copy, "`top:top + side`"),
    ("hide_square", lambda *four: spoilt_copy(*four, back=True), "No square is there"),
    ("first_learned", asks_the_first, "`return -1` is inside"),
    ("first_learned", lambda shares, level: next((i for i, both in enumerate(shares, 1) if min(both) >= level), -1), "leave out the 1"),
    ("mcnemar", lambda a, b: np.exp(sum(np.log(range(1, a + b + 1))) - sum(np.log(range(1, a + 1))) - sum(np.log(range(1, b + 1)))) / 2.0 ** (a + b), "alone"),
    ("mcnemar", lambda a, b: min(1, 2 * exercises.truth._ways(a + b, a + 1)), "up to the first"),
    ("soft_cross_entropy", lambda s, t: -(s.softmax(1) * t.log()).sum(1).mean(), "swapped"),
    ("soft_cross_entropy", lambda s, t: -(t * s.softmax(1)).sum(1).mean(), "logarithm is missing"),
    ("mixed_target", lambda soft, y, w: w * soft + (1 - w) * F.one_hot(y), "how many there are"),
    ("cross_entropy", lambda s, y: -s.softmax(1).gather(1, y[:, None]).mean(), "logarithm is missing"),
    ("cross_entropy", lambda s, y: -s.log_softmax(1)[range(len(y)), y], "each alone"),
    ("accuracy", lambda s, y: (s.argmax(1, keepdim=True) == y).float().mean(), "compared with all labels"),
    ("train_one_epoch", returns_early, "`return` is inside"),
    ("batch_norm", lambda x, eps: (x - x.mean((0, 2, 3), True)) / (x.std((0, 2, 3), keepdim=True) + eps), "Two things"),
    ("receptive_field", lambda layers: sum(kernel for kernel, _ in layers), "sum of the kernels: without"),
    ("receptive_field", lambda layers: sum(kernel for kernel, _ in layers) if layers else 1, "sum of the kernels. Only"),
    ("best_of", lambda k: torch.randn(10_000, k).max(), "in each row"),
    ("half_as_wide", 1.41, "the root of 2"), ("half_as_wide", 1.4142, "the root of 2"), ("half_as_wide", "sqrt(2)", "the root of 2"),
    ("linear", F.linear, "A class is a column"),
    ("linear", lambda x, w, b: [[(im * row).sum() + c for row, c in zip(w, b)] for im in x], "A class is a column"),
    ("linear_scaling", lambda lr, a, b: lr * int(b / a), "made a whole number"),
    ("sgd_step", sub_in_a_loop, "`p.sub(…)` makes a new tensor"),
    ("sgd_step", lambda parameters, gradients, lr: [g - lr * p for p, g in zip(parameters, gradients)], "are exchanged"),
    ("sgd_step", lambda parameters, gradients, lr: [p - lr for p in parameters], "And the slope?"),
    ("output_size", lambda n, k, s, p: n - k + 1, "And the padding and the stride?"),
    ("misread", lambda p, y: [i + 1 for i in range(len(y)) if p[i] != y[i]], "counted from 0"),
    ("nearest", lambda x, m: ((x[:, None] - m) ** 2).sum(2).argmin(1) + 1, "counted from 0"),
    ("nearest", lambda x, m: ((x[:, None] - m).sum(2) ** 2).argmin(1), "Square each difference first"),
    ("brightness", lambda x: x.mean(dim=(0, 2)), "for each row"),
    ("brightness", lambda x: x.mean(dim=(0, 1)), "for each column"),
    ("brightness", lambda x: x.sum((1, 2)) / (28 * 28), "784 is 28·28"),
    ("brightness", lambda x: x.sum((1, 2)) / x.numel(), "`images.numel()`"),
    ("softmax", lambda s: s.exp() / s.exp().sum(), "Two things: all numbers together"),
    ("softmax", lambda s: s.exp() / s.exp().sum(0), "Two things: your columns"),
    ("softmax", lambda s: s.exp(), "Two things: divide by"),
    ("batch_norm", lambda x, eps: (x - x.mean((0, 2, 3), True)) / x.std((0, 2, 3), keepdim=True), "`eps` is missing"),
    ("batch_norm", lambda x, eps: (x - x.mean()) / (x.std() + eps), "Three things"),
    ("batch_norm", lambda x, eps: (x - x.mean((0, 2, 3), True)) / (x.var((0, 2, 3), keepdim=True) + eps), "the square root is missing"),
    ("batch_norm", lambda x, eps: (x - x.mean((0, 2, 3))) / (x.var((0, 2, 3), unbiased=False) + eps).sqrt(), "lie along the columns"),
    ("cross_entropy_gradient", lambda s, y: (s.softmax(1) - y[:, None]) / len(y), "the labels' numbers"),
    ("cross_entropy_gradient", lambda s, y: (s.softmax(1) - y) / len(y), "the numbers of classes"),
    ("cross_entropy_gradient", lambda s, y: F.one_hot(y, s.shape[1]) - s.softmax(1), "Two things"),
    ("linear_gradients", lambda x, w, slope: (slope @ w, slope.T @ x, slope.sum(1)), "dimension 0, and not 1"),
    ("linear_gradients", lambda x, w, slope: (slope @ w, slope.T @ x / len(x), slope.sum(0)), "not even the slopes of the weight"),
    ("numerical_gradient", moves_x_itself, "x is moved and stays moved"),
    ("relu_gradient", lambda x, slope: slope * (x >= 0), "`>` or `>=`"),
    ("momentum_step", lambda p, g, v, lr, m: (p - (m * v + g), m * v + g), "And the learning rate?"),
    ("momentum_step", lambda p, g, v, lr, m: (p - lr * (m * v + g), v), "give back the old velocity"),
    ("momentum_step", lambda p, g, v, lr, m: (p - lr * (m * v + lr * g), m * v + lr * g), "comes in twice"),
    ("early_stop", waits_from_0, "Epoch 0 has nothing before it"),
    ("early_stop", lambda losses, n: waits_from_0(losses, n, start=10), "too small at the start"),
    ("max_pool", lambda x: by_slices(x, x.shape[0] // 2 + 1, x.shape[1] // 2 + 1, lambda r, c: x[r : r + 2, c : c + 2].max()), "too close"),
    ("convolve", lambda x, k: by_slices(x, *k.shape, lambda i, j: (x[i : k.shape[0], j : k.shape[1]] * k).sum()), "A slice ends at a place"),
    ("convolve", lambda x, k: by_slices(x, len(k), len(k), lambda i, j: (x[i : i + len(k), j : j + len(k)] * k).sum()), "the height of the kernel for its width"),
    ("adamw_step", decays_last, "of the *old* parameter"),
    ("adamw_step", lambda *given: adamw_of(given, of_v=False), "`v` as well"),
    ("adamw_step", lambda *given: adamw_of(given, of_m=False), "`m` as well"),
    ("adamw_step", lambda *given: adamw_of(given, share=False), "added whole"),
    ("note_losses", noted(at=lambda shown, labels: labels), "`shown` says where, `labels`"),
    ("note_losses", noted(how="sum"), "the sum of the batch"),
    ("note_losses", noted(sign=-1), "sign is turned"),
    ("note_losses", noted(scores=lambda logits: logits.softmax(1)), "taken twice"),
    ("note_losses", noted(new=torch.zeros_like), "not from zeros"),
    ("note_losses", noted(new=lambda losses: torch.full_like(losses, torch.inf)), "not from ∞"),
    ("note_losses", noted(new=lambda losses: losses), "tensor that was given has changed"),
    ("column_runs", lambda ink: runs_with_an_end(ink, end=lambda start: start), "After the loop, ask"),
    ("column_runs", lambda ink: runs_with_an_end(ink, end=lambda start: True), "only if a run is still open"),
    ("column_runs", lambda ink: runs_with_an_end(ink, end=lambda start: False, reset=False), "Two things: forget"),
    ("hide_square", lambda x, top, left, n: blackened(x, (slice(top, top + n), slice(left, left + n))), "which image: `[:, rows"),
    ("hide_square", lambda x, top, left, n: blackened(x, (slice(None), slice(top, top + n)), (..., slice(left, left + n))), "a cross"),
    ("with_temperature", lambda s, t: s.softmax(1), "And the temperature?"),
    ("with_temperature", lambda s, t: (s - t).softmax(1), "And the temperature?"),
    ("mixed_target", lambda soft, y, w: w * soft + (1 - w) * y[:, None], "not a row"),
    ("bug_in_regression", 8, "The step comes after"), ("bug_in_forward", 3, "before any layer"), ("bug_in_split", 3, "numbers the pictures"),
    ("bug_in_schedule", 6, "made of logits"),
    ("add_bytes", "overflow", "without an error"), ("add_bytes", "an overflow", "without an error"),
    ("fits", fits_by(asked="model"), "Ask the copy"),
    ("fits", fits_by(learns="model"), "No weight of the copy"),
    ("fits", fits_by(order="clear backward"), "No weight of the copy"),
    ("fits", fits_by(order="backward clear step"), "No weight of the copy"),
    ("alone_and_in_company", company_of(lambda n: range(1, n)), "first image is left out"),
    ("alone_and_in_company", company_of(lambda n: range(n - 1)), "last image is left out"),
    ("accuracy", lambda s, y: (s.argmax(1) == y).mean(), "have no mean"),
    ("accuracy", lambda s, y: int((s.argmax(1) == y).float().mean()), "A whole number"),
    ("batch_indices", lambda order, n: [part.tolist() for part in np.array_split(order, -(-len(order) // n))], "equal parts"),
    ("batch_indices", lambda order, n: [part.tolist() for part in torch.tensor(order).chunk(-(-len(order) // n))], "equal parts"),
    ("normalise", lambda x, mean, std: (x - std) / mean, "are exchanged"), ("normalise", lambda x, mean, std: (mean - x) / std, "The sign"),
    ("flip", lambda x: x.flip(3).flip(3), "Nothing has changed"),
    ("train_one_epoch", trains(times=2), "twice as far"), ("train_one_epoch", trains(after=True), "after each step"),
    ("train_one_epoch", trains(reduction="sum"), "as many times longer"),
    ("evaluate", evaluates_the_first, "`return` is inside"),
    ("unmoved", unmoved_by(lambda p: p.mean(), same=lambda p, old: p.mean() == old), "keep their sum"),
    ("order_of_training", "efd", "No weight moves"),
    ("max_pool_gradient", pooled_back, "`==` finds all of them"), ("max_pool_gradient", lambda x, s: pooled_back(x, s, "last"), "Yours is the last"),
    ("max_pool_gradient", pooled_back_by(exercises.max_pool.answer), "you share the slope"),
    ("max_pool_gradient", pooled_back_by(lambda x: x.reshape(len(x) // 2, 2, -1, 2).amax((1, 3))), "you share the slope"),
    ("max_pool_gradient", lambda x, s: pooled_back(x, s, times=False), "You put 1 where"),
    ("max_pool_gradient", lambda x, s: pooled_back(x, s, "first", times=False), "but 1 in each"),
    ("numerical_gradient", keeps_a_view, "It is a view"), ("numerical_gradient", lambda f, x, h: keeps_a_view(f, x, h, torch.clone), "It is a view"),
    ("cross_entropy_gradient", lambda s, y: (s.softmax(1) - F.one_hot(y)) / len(y), "how many classes there are"),
    ("two_layer_gradients", two_layers_counting, "how many classes there are"),
    ("slope", lambda f, at, step: ((at + step) ** 2 - at**2) / step, "Did you call `loss_of`?"),
    ("linear", lambda x, w, b: (x @ w + b).softmax(1), "with a softmax"),
    ("normalise", lambda x, mean, std: (x - 0.1307) / 0.3081, "the numbers of MNIST"),
    ("accuracy", lambda s, y: (s == y).float().mean(), "all scores with the labels"),
    ("batch_norm_gradient", lambda x, slope, eps: norm_back(x, slope, 0), "And `eps`?"),
    ("batch_norm_gradient", lambda *three: norm_back(*three, mean=-1), "you added it"),
    ("batch_norm_gradient", lambda *three: norm_back(*three, last=-1), "sign of the last part"),
    ("batch_norm_gradient", lambda *three: norm_back(*three, -1, -1), "you added them"),
    ("convolve_gradient", back_by_square, "the height of the kernel for its width"),
    ("convolve_gradient", lambda k, s: back_by_square(k, s, lambda k: k.shape[1]), "the width of the kernel for its height"),
    ("read_shape", (28, 10), "Turned around"), ("read_shape", "100x28", "what is the `:10` for"), ("scores_shape", (784, 784), "The two 784 meet"),
    ("split", lambda order, n: (order[-n:], order[:-n]), "are exchanged"),
    ("velocity_limit", 9, "the new slope comes on top"),
    ("interval", lambda v, t: around(v, t * np.std(v, ddof=1) / (len(v) - 1) ** 0.5), "is in the deviation already"),
    ("mean_interval", lambda v, t: around(v, t * np.std(v, ddof=1) / (len(v) - 1) ** 0.5), "is in the deviation already"),
    ("fits", fits_by(), "Not every model comes in it"), ("fits", fits_by(order="backward step"), "And put the copy into training mode"),
    ("unmoved", stays_after_two, "Call `step()` once"),
    ("wilson", two_and_two, "gives the middle for z = 2; the half"), ("wilson", lambda c, n: two_and_two(c, n, z=2), "z is 1.96 here"),
    ("wilson", lambda c, n: np.clip(two_and_two(c, n), 0, 1), "nothing is cut off"),
    ("best_of", lambda k: torch.randn(2000, k).max(0).values.mean(), "Turn it round"),
    ("best_of", lambda k: torch.randn(k, 2000).max(1).values.mean(), "over the k networks, in each"),
    ("best_of", lambda k: torch.randn(2000, k).max(), "then the mean"),
    ("best_of", lambda k: torch.randn(2000, k).max(1).indices.float().mean(), "the places of the largest"),
    ("best_of", lambda k: exercises.truth.best_of.answer(k) + 0.15, "Do you divide"),
    ("read_the_refusals", 90, "1.8% of the answers are wrong"), ("read_the_refusals", 75, "0.7% of the answers are wrong, so more"),
]  # fmt: skip


@pytest.mark.parametrize("name, answer, words", SLIPS, ids=[f"{slip[0]}-{slip[2]}" for slip in SLIPS])
def test_slips(name, answer, words):
    """Slips that were once told by their numbers alone, or with words that weren't true; as learners make them."""
    for seed in range(3):
        message = wrong(getattr(exercises, name).judged(answer, seed))
        assert words in message and message in getattr(exercises, name).mistakes


def test_solutions_need_nothing_else():
    """The solutions name nothing that a lesson hasn't got."""
    assert [e.name for e in FUNCTIONS if re.search(r"\bnp\.", e.source())] == []


def test_any_collection():
    """Keys of a dictionary, other numbers; sets where no order is asked, and nowhere else."""
    right, names = exercises.misread.answer, exercises.unmoved.answer
    for form in set, list, tuple, lambda found: dict.fromkeys(found).keys():
        assert exercises.misread.judged(lambda p, y: form(right(p, y).tolist())).passed == (form is not set)
        assert exercises.unmoved.judged(lambda model, step: form(names(model, step)[::-1])).passed
    assert exercises.unregistered.judged(lambda module: dict.fromkeys(exercises.unregistered.answer(module)).keys()).passed
    assert "no order" in wrong(exercises.unregistered.judged(lambda module: set(exercises.unregistered.answer(module))))
    assert "no order" in wrong(exercises.misread.judged(lambda p, y: set(right(p, y).tolist())))
    assert exercises.linear_scaling.judged(lambda lr, a, b: Decimal(lr) * b / a).passed


def test_words_are_true():
    """What is said holds: PyTorch's own NotImplementedError is no stub, a class no function, and shapes aren't the same."""
    assert "Long" in wrong(exercises.softmax.check(lambda scores: torch.ones(2, 2, dtype=torch.long).softmax(0)))
    assert "make an object of it" in wrong(exercises.softmax.check(torch.nn.Softmax))
    assert "complex64" in wrong(exercises.softmax.check(lambda scores: scores.softmax(1).to(torch.complex64)))
    assert "your result is one number, and should be" in wrong(exercises.flip.check(lambda images: images.sum()))
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
    first, *lines = csv.reader(exercises.progress().csv(learner="Ada, 3b").splitlines())  # to tell the tables of a class apart
    assert first[:2] == ["learner", "name"] and {line[0] for line in lines} == {"Ada, 3b"} and [line[1:] for line in lines] == list(csv.reader(text.splitlines()))[1:]
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


def test_no_try_is_lost(own_record):
    """Several notebooks may be open."""
    names = ["flip", "softmax", "slope", "max_pool"]
    threads = [threading.Thread(target=lambda name=name: [note(name, False) for _ in range(20)]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_record() == {name: Entry(20) for name in names}
