"""What a number is worth: edge cases of intervals, comparisons, seeds and the sealed test set."""

import itertools
import json
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mnist_s6.exercises.engine import Exercise
from mnist_s6.model import FastNet
from mnist_s6.truth import (Opening, SealedTest, compare, expected_best, mcnemar, network_digest, seeds_needed, spread, student_t,
                            wilson)
from mnist_s6.weights import weights_digest

# Student's t at 95% to both sides, from the usual printed tables
TABLE = {1: 12.7062, 2: 4.3027, 3: 3.1824, 4: 2.7764, 5: 2.5706, 7: 2.3646, 10: 2.2281, 20: 2.0860, 29: 2.0452, 60: 2.0003, 120: 1.9799}
TABLE_99 = {1: 63.6567, 2: 9.9248, 4: 4.6041, 9: 3.2498, 30: 2.7500}


class Fixed(nn.Module):
    """Answers with given digits, whatever it sees; each image holds its own number in its first pixel."""

    def __init__(self, answers):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(answers, dtype=torch.float))

    def forward(self, images):
        return nn.functional.one_hot(self.weight[images[:, 0, 0, 0].long()].long(), 10).float()


def of_three():
    """A network that knows three digits."""
    return nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 3))


def numbered(labels, batch_size=3):
    """Batches of images that know their place."""
    images = torch.arange(len(labels)).float()[:, None, None, None].expand(-1, 1, 28, 28)
    return list(zip(images.split(batch_size), torch.tensor(labels).split(batch_size)))


class Shuffling:
    """Another order on each pass."""

    def __init__(self, labels):
        self.batches, self.passes = numbered(labels, 1), itertools.count()

    def __iter__(self):
        shift = next(self.passes)
        return iter(self.batches[shift:] + self.batches[:shift])


def test_wilson_known():
    """Values that others have published or worked out."""
    assert wilson(9940, 10_000) == pytest.approx((0.99229, 0.99533), abs=1e-5)
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998, table I
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=1e-4)


@pytest.mark.parametrize("correct, n", [(0, 1), (1, 1), (0, 10**9), (10**9, 10**9), (3, 7), (np.int64(5), np.int64(9))])
def test_wilson_stays_within(correct, n):
    """From 0 to 1, around the share, mirrored; wider at a higher level."""
    low, high = wilson(correct, n)
    assert 0 <= low <= correct / n <= high <= 1
    assert wilson(n - correct, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)
    assert wilson(correct, n, 0.99).low <= low and wilson(correct, n, 0.99).high >= high


@pytest.mark.parametrize("correct, n, level", [(1, 0, 0.95), (-1, 5, 0.95), (6, 5, 0.95), (1, 2, 1.0), (1, 2, 0.0), (1, 2, math.nan)])
def test_wilson_refuses(correct, n, level):
    """What can't be."""
    with pytest.raises(ValueError, match="expected"):
        wilson(correct, n, level)


@pytest.mark.parametrize("correct, n, level", [(1.0, 2, 0.95), (1, 2.5, 0.95), (1, 2, "95%"), (True, 2, 0.95), (None, 2, 0.95)])
def test_wilson_refuses_types(correct, n, level):
    """What is no number."""
    with pytest.raises(TypeError, match="expected"):
        wilson(correct, n, level)


def test_wilson_ends_are_no_surprise():
    """At both ends, the measured share is exactly z deviations away."""
    for correct, n in (3, 10), (96, 100), (9940, 10_000):
        for p in wilson(correct, n):
            assert abs(correct / n - p) == pytest.approx(1.959964 * math.sqrt(p * (1 - p) / n), rel=1e-5)


def test_mcnemar_exact():
    """Against all ways that coins can fall."""
    for n in range(12):
        gaps = [abs(2 * sum(fall) - n) for fall in itertools.product((0, 1), repeat=n)]
        for a in range(n + 1):
            expected = sum(gap >= abs(2 * a - n) for gap in gaps) / 2**n
            assert mcnemar(a, n - a) == pytest.approx(expected, abs=1e-12) == mcnemar(n - a, a)


def test_mcnemar_large():
    """No overflow, and no number is lost."""
    assert mcnemar(5000, 5000) == 1
    assert mcnemar(0, 5000) == 0  # far below what a float can hold
    assert mcnemar(4900, 5100) == pytest.approx(math.erfc(199 / 100 / math.sqrt(2)), rel=1e-3)  # by the bell curve
    assert mcnemar(np.int64(40), np.int64(60)) == mcnemar(40, 60)
    for a, b in (3, 900), (57, 31), (500, 501), (480, 560):
        ways = sum(math.comb(a + b, k) for k in range(min(a, b) + 1))  # exact, as whole numbers
        assert mcnemar(a, b) == pytest.approx(min(1, 2 * ways / 2 ** (a + b)), rel=1e-13)
    for bad in (-1, 2), (2, -1), (10**6, 1):
        with pytest.raises(ValueError, match="only_"):
            mcnemar(*bad)


def test_large_questions_are_answered_at_once():
    """Within seconds: whole numbers of 200,000 bits took a quarter of a minute, and so did Student's t, for each number of seeds anew."""
    start = time.process_time()
    assert mcnemar(100_000, 100_000) == 1
    assert seeds_needed(0.01, 1.0) == 157_285
    assert time.process_time() - start < 6


def test_compare_counts():
    """Each image is counted once, whatever the batches and their order."""
    labels = [0, 1, 2, 3, 4, 5, 6]
    a, b = Fixed([0, 1, 2, 3, 9, 9, 6]), Fixed([0, 9, 9, 9, 4, 9, 6])
    for loader in numbered(labels), numbered(labels, 7), Shuffling(labels), iter(numbered(labels)):
        found = compare(a, b, loader)
        assert (found.only_a, found.only_b, found.n) == (3, 1, 7)
    assert compare(b, a, numbered(labels)).only_a == 1
    assert compare(a, a, numbered(labels)).p == 1


def test_compare_words():
    """The sentence names who is better, if anybody is."""
    labels = [0] * 20
    good, bad = Fixed([0] * 20), Fixed([1] * 10 + [0] * 10)
    assert "hardly chance: a is better" in repr(compare(good, bad, numbered(labels)))
    assert "hardly chance: b is better" in repr(compare(bad, good, numbered(labels)))
    assert "can't tell which is better" in repr(compare(good, good, numbered(labels)))


def test_compare_refuses():
    """No images, labels that don't fit, things that are no networks."""
    net = Fixed([0])
    with pytest.raises(ValueError, match="number of images"):
        compare(net, net, [])
    with pytest.raises(ValueError, match="labels are from"):
        compare(net, net, [(torch.zeros(1, 1, 28, 28), torch.tensor([11]))])
    for pair in (of_three(), Fixed([7])), (Fixed([7]), of_three()):
        with pytest.raises(ValueError, match="labels are from 7 to 7; expected 0 to 2"):
            compare(*pair, numbered([7]))


def test_student_t_table():
    """As printed in every table, and as scipy has it where it is installed."""
    for freedom, t in TABLE.items():
        assert student_t(0.95, freedom) == pytest.approx(t, abs=1e-4)
    for freedom, t in TABLE_99.items():
        assert student_t(0.99, freedom) == pytest.approx(t, abs=1e-4)


def test_student_t_scipy():
    """The same with an oracle."""
    stats = pytest.importorskip("scipy.stats")
    for freedom in (*range(1, 50), 100, 1001, 10_000):
        for level in 0.01, 0.5, 0.8, 0.95, 0.999:
            assert student_t(level, freedom) == pytest.approx(stats.t.ppf((1 + level) / 2, freedom), rel=1e-6)


def test_student_t_monotonic():
    """Falls with the number of values, grows with the level, and its two ends are found."""
    factors = [student_t(0.95, freedom) for freedom in range(1, 60)]
    assert factors == sorted(factors, reverse=True)
    assert student_t(0.9999, 1) == pytest.approx(6366.2, rel=1e-3)
    assert student_t(0.001, 5) < 0.01
    with pytest.raises(ValueError, match="freedom is 0"):
        student_t(0.95, 0)


def test_spread():
    """Equal values have no spread; what is no accuracy is refused."""
    same = spread([0.99, 0.99, 0.99])
    assert same.deviation == 0 and same.interval == pytest.approx((0.99, 0.99))
    assert spread((0.0, 1.0)).interval == (0, 1)  # not beyond what is possible
    assert spread(torch.tensor([0.5, 0.75]).tolist()).mean == 0.625
    assert spread(np.array([0.5, 0.75])).n == 2
    assert "over 3 seeds" in repr(same)
    for bad in [99.4, 99.5], [0.5, math.nan], []:
        with pytest.raises(ValueError, match="expected"):
            spread(bad)


def test_seeds_needed():
    """Fewer for larger differences, never below two, and about as many as tables of power say."""
    assert seeds_needed(1, 1) == 17  # Cohen 1988: d = 1, 80%, 5%
    assert seeds_needed(0.5, 1) == 64
    assert seeds_needed(1, 0) == 2
    assert seeds_needed(1, 1, power=0.9) == 23
    needed = [seeds_needed(difference, 1) for difference in (0.2, 0.5, 1, 2)]
    assert needed == sorted(needed, reverse=True)
    for bad in dict(difference=0), dict(deviation=-1), dict(power=0.3), dict(power=1), dict(level=2), dict(deviation=101):
        with pytest.raises(ValueError, match="expected"):
            seeds_needed(**{"difference": 1, "deviation": 1, **bad})


def test_expected_best():
    """Known means of the largest of k numbers of a bell curve."""
    for k, gain in (1, 0), (2, 1 / math.sqrt(math.pi)), (3, 1.5 / math.sqrt(math.pi)), (10, 1.53875), (100, 2.50759):
        assert expected_best(k) == pytest.approx(gain, abs=1e-4)
    assert 4.8 < expected_best(1_000_000) < 4.9
    with pytest.raises(ValueError, match="k is 0"):
        expected_best(0)


@pytest.fixture
def sealed(tmp_path):
    """Seven images behind a seal."""
    return SealedTest(numbered([0, 1, 2, 3, 4, 5, 6]), tmp_path / "ledger.json")


QUESTION = "this network reads at least half"


def test_sealed_writes(sealed):
    """What was opened stands in the file, and another program reads the same."""
    net = Fixed([0, 1, 2, 3, 9, 9, 9])
    opening = sealed.open(net, f"  {QUESTION}\n")
    assert (opening.correct, opening.images, opening.number, opening.hypothesis) == (4, 7, 1, QUESTION)
    assert opening.network == weights_digest(net.state_dict())
    assert SealedTest([], sealed.path).openings == (opening,) == sealed.openings
    assert json.loads(sealed.path.read_text())[0]["correct"] == 4
    assert os.listdir(sealed.path.parent) == ["ledger.json"]
    assert "4 of 7 right" in repr(opening) and "Opening number" not in repr(opening)


def test_sealed_counts(sealed):
    """The same question is marked, whatever its spaces and capitals; another one is not."""
    net = Fixed([0] * 7)
    numbers = [sealed.open(net, text).number for text in (QUESTION, "is it better than chance?", QUESTION.upper(), f" {QUESTION} ")]
    assert numbers == [1, 1, 2, 3]
    assert "Opening number 3" in repr(sealed.openings[-1])


@pytest.mark.parametrize("hypothesis", ["", "   ", "better", "it is better", "\n"])
def test_sealed_wants_words(sealed, hypothesis):
    """Without a question nothing is opened, and nothing is written."""
    with pytest.raises(ValueError, match="at least four words"):
        sealed.open(Fixed([0] * 7), hypothesis)
    assert not sealed.path.exists()


def test_sealed_wants_text_and_network(sealed):
    """Types are named."""
    with pytest.raises(TypeError, match="hypothesis is None"):
        sealed.open(Fixed([0] * 7), None)
    with pytest.raises(TypeError, match="expected a network"):
        sealed.open(FastNet, QUESTION)
    assert not sealed.path.exists()


def test_sealed_remembers_what_failed(sealed):
    """Who opens and stops in the middle has opened it all the same."""

    class Stopped(Fixed):
        def forward(self, images):
            if images.any():  # else they are the black ones that it's tried with
                raise KeyboardInterrupt
            return super().forward(images)

    with pytest.raises(KeyboardInterrupt):
        sealed.open(Stopped([0] * 7), QUESTION)
    (line,) = sealed.openings
    assert line.correct is None and "not finished" in repr(line)
    assert sealed.open(Fixed([0] * 7), QUESTION).number == 2


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"when": "now"}]', "7", "[" * 100_000, '{"a": 1}', "\udcff"])
def test_sealed_damaged(sealed, text):
    """A ledger that can't be read is never written over."""
    sealed.path.write_bytes(text.encode("utf-8", "surrogateescape"))
    for act in (lambda: sealed.openings), (lambda: sealed.open(Fixed([0] * 7), QUESTION)):
        with pytest.raises(ValueError, match="no whole ledger"):
            act()
    assert sealed.path.read_bytes() == text.encode("utf-8", "surrogateescape")


def test_sealed_unwritable(tmp_path):
    """If no line can be written, the network sees no image."""

    class Blind(Fixed):
        def forward(self, images):
            assert not images.any(), "the images were looked at"
            return super().forward(images)

    test = SealedTest(numbered([0, 1]), tmp_path / "nowhere" / "ledger.json")
    with pytest.raises(OSError, match="the ledger"):
        test.open(Blind([0]), QUESTION)


@pytest.mark.parametrize("loader, error, words", [
    ([(torch.zeros(2, 1, 28, 28, dtype=torch.uint8), torch.zeros(2, dtype=torch.long))], TypeError, "images of type torch.uint8"),
    ([(torch.zeros(2, 1, 28, 28), torch.zeros(3, dtype=torch.long))], ValueError, "expected a label for each image"),
    ([(torch.zeros(2, 1, 28, 28), torch.tensor([0, 10]))], ValueError, "labels are from 0 to 10"),
    (torch.zeros(2, 28, 28), TypeError, "a batch is"),
    ([], ValueError, "the number of test images is 0"),
])
def test_what_was_never_seen_is_no_opening(tmp_path, loader, error, words):
    """A loader that doesn't fit is told before the line is written: the next opening is the first."""
    path = tmp_path / "ledger.json"
    with pytest.raises(error, match=words):
        SealedTest(loader, path).open(Fixed([0] * 7), QUESTION)
    assert not path.exists()
    for misfit, error in (of_three(), ValueError), (FastNet().features, ValueError), (nn.Conv2d(3, 8, 3), RuntimeError):
        with pytest.raises(error):
            SealedTest(numbered([7, 8]), path).open(misfit, QUESTION)
    assert not path.exists()
    assert SealedTest(iter(numbered([0] * 7)), path).open(Fixed([0] * 7), QUESTION).number == 1  # in one pass


def test_a_network_is_known_by_its_first_finished_opening(sealed):
    """Not by one without a result, nor by another network's."""
    net, other = Fixed([0, 1, 2, 3, 9, 9, 9]), Fixed([0] * 7)
    begun = Opening("2026-05-01 14:30", QUESTION, network_digest(net), 1)
    sealed.path.write_text(json.dumps([vars(begun)]))
    assert sealed.known(network_digest(net)) is None
    first, _, _ = (sealed.open(network, QUESTION) for network in (net, other, net))
    assert sealed.known(network_digest(net)) == first and first.number == 2
    assert sealed.known("0" * 64) is None


def test_sealed_other_letters(sealed):
    """Any language will do."""
    sealed.open(Fixed([0] * 7), "Das Netz liest „fünf“ größer")
    assert "größer" in sealed.path.read_text(encoding="utf-8")
    assert sealed.openings[0].hypothesis.endswith("größer")


def test_digest_ignores_wrappers():
    """Where the weights are and how they lie makes no difference."""
    net = FastNet((4, 8, 8))
    assert network_digest(net) == network_digest(net.to(memory_format=torch.channels_last)) == network_digest(nn.DataParallel(net))
    with pytest.raises(TypeError, match="expected a network"):
        network_digest(FastNet)


def test_coverage_of_all_three():
    """Wilson's interval, Student's and the paired test keep their promises in simulation."""
    torch.manual_seed(0)
    counts = torch.distributions.Binomial(200, torch.tensor(0.97)).sample((3000,)).long().tolist()
    assert sum(wilson(c, 200).low <= 0.97 <= wilson(c, 200).high for c in counts) / 3000 == pytest.approx(0.95, abs=0.03)
    draws = (0.99 + 0.001 * torch.randn(2000, 4)).double().tolist()
    intervals = [spread(values).interval for values in draws]
    assert sum(low <= 0.99 <= high for low, high in intervals) / 2000 == pytest.approx(0.95, abs=0.015)
    splits = torch.distributions.Binomial(40, torch.tensor(0.5)).sample((3000,)).long().tolist()
    assert sum(mcnemar(heads, 40 - heads) < 0.05 for heads in splits) / 3000 < 0.05


def test_exercises_are_there():
    """Names that a class relies on."""
    from mnist_s6 import exercises

    for name in "wilson", "mcnemar", "expected_calibration_error", "best_of":
        assert isinstance(getattr(exercises, name), Exercise)


def test_sealed_keeps_the_lines_of_others(tmp_path):
    """Whoever opens while another looks loses nothing: each line stays, each with its result."""
    path, seen = tmp_path / "ledger.json", numbered([0] * 7, 7)

    class Interrupted(Fixed):
        def forward(self, images):
            if not images.any():  # the black ones
                return super().forward(images)
            SealedTest(seen, path).open(Fixed([0] * 7), "the other network reads more than half")
            return super().forward(images)

    SealedTest(seen, path).open(Interrupted([0] * 7), QUESTION)
    assert sorted((line.hypothesis, line.correct) for line in SealedTest(seen, path).openings) == sorted(
        [(QUESTION, 7), ("the other network reads more than half", 7)])


def test_sealed_counts_threads_too(tmp_path):
    """Eight at once for one question: eight lines, with the numbers 1 to 8."""
    sealed = SealedTest(numbered([0] * 7), tmp_path / "ledger.json")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: sealed.open(Fixed([0] * 7), QUESTION), range(8)))
    assert sorted(line.number for line in sealed.openings) == list(range(1, 9))
    assert all(line.correct == 7 for line in sealed.openings)


def open_five(path: Path, begin) -> None:
    """Open the test five times, as soon as the other processes are there, too."""
    torch.set_num_threads(1)  # so that a fork is safe
    begin.wait(60)
    for _ in range(5):
        SealedTest(numbered([0] * 7), path).open(Fixed([0] * 7), QUESTION)


def test_sealed_counts_processes_too(tmp_path):
    """Three at the same moment, five openings each: fifteen lines, with the numbers 1 to 15."""
    path, fork = tmp_path / "ledger.json", get_context("fork")
    begin = fork.Barrier(3)
    children = [fork.Process(target=open_five, args=(path, begin)) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        child.kill()  # of no effect on one that has ended
    assert [child.exitcode for child in children] == [0, 0, 0]
    openings = SealedTest([], path).openings
    assert sorted(line.number for line in openings) == list(range(1, 16)) and all(line.correct == 7 for line in openings)


def test_a_network_of_nan_gets_no_result(sealed):
    """No answer is none; the opening stays in the ledger, without a result."""
    net = Fixed([0] * 7)
    net.forward = lambda images: torch.full((len(images), 10), torch.nan)
    with pytest.raises(FloatingPointError, match="7 of 7 images get scores that are no numbers"):
        sealed.open(net, QUESTION)
    assert [line.correct for line in sealed.openings] == [None]


@pytest.mark.parametrize("content", ["{}", "null", '""'])
def test_what_is_no_list_is_no_ledger(sealed, content):
    """It would be written over, as if it were empty."""
    sealed.path.write_text(content)
    with pytest.raises(ValueError, match="is no whole ledger"):
        sealed.open(Fixed([0] * 7), QUESTION)
    assert sealed.path.read_text() == content


@pytest.mark.parametrize("damage", [{"hypothesis": None}, {"when": 3}, {"number": 0}, {"correct": 5, "images": 0}, {"correct": None, "images": 7},
                                    {"correct": 8, "images": 7}, {"number": "1"}])
def test_a_line_of_the_ledger_that_makes_no_sense_is_told(sealed, damage):
    sealed.open(Fixed([0] * 7), QUESTION)
    (line,) = json.loads(sealed.path.read_text())
    sealed.path.write_text(json.dumps([line | damage]))
    with pytest.raises(ValueError, match="is no whole ledger"):
        sealed.openings
