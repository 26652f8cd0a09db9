"""The labels that voters doubted, and scores with and without them."""

import pytest
import torch

from mnist_s6.court import CONFIRMED, DOUBTED, Doubt, Scores, three_scores
from mnist_s6.files import data_folder, read_idx, unpack_data
from mnist_s6.truth import wilson


@pytest.fixture(scope="module")
def labels():
    """Those of the 10,000 test images."""
    return read_idx(unpack_data(data_folder()) / "t10k-labels-idx1-ubyte").long()


def test_doubts(labels):
    """Each stands once, in order, with the label that MNIST has and five votes, of which fewer than three are for it."""
    indices = [doubt.place for doubt in DOUBTED]
    assert indices == sorted(set(indices)) and len(indices) == 15
    for doubt in DOUBTED:
        assert labels[doubt.place] == doubt.given != doubt.guess
        assert sum(doubt.votes) == 5 and doubt.votes[0] < 3 and doubt.verdict != doubt.given


@pytest.mark.parametrize("votes, verdict", [((5, 0, 0), 1), ((0, 3, 2), 7), ((1, 1, 3), "neither"), ((2, 2, 1), "no majority")])
def test_verdict(votes, verdict):
    """Three of five decide."""
    assert Doubt(0, 1, 7, votes).verdict == verdict


def test_perfect_readers(labels):
    """Who reads as the labels say, and who reads as the voters say."""
    assert three_scores(labels, labels) == ((10_000, 10_000), (9990, 10_000), (9985, 9985))
    voters = labels.clone()
    for doubt in DOUBTED:
        if isinstance(doubt.verdict, int):
            voters[doubt.place] = doubt.verdict
    assert three_scores(voters, labels) == ((9990, 10_000), (10_000, 10_000), (9985, 9985))
    assert three_scores(voters, labels).intervals[0] == wilson(9990, 10_000)


def test_unchanged(labels):
    """Nothing that is given is changed."""
    before = labels.clone()
    three_scores(labels, labels)
    assert torch.equal(before, labels)


def test_refuses(labels):
    """Other images, another order, another kind of answers."""
    for answers, given in (labels[:100], labels[:100]), (labels[:10], labels), (labels.flip(0), labels.flip(0)), (labels[:0], labels[:0]):
        with pytest.raises(ValueError, match="expected both"):
            three_scores(answers, given)
    with pytest.raises(TypeError, match="answers are of type"):
        three_scores(labels.float(), labels)


def test_of_no_images_nothing_is_known():
    """As after a court that judged nothing."""
    with pytest.raises(ValueError, match="n is 0"):
        Scores((0, 0), (0, 0), (0, 0)).intervals


def test_confirmed_are_others():
    """As many as the doubted, and none of them."""
    places = {doubt.place for doubt in DOUBTED}
    assert len(set(CONFIRMED)) == len(CONFIRMED) == len(places) and not places & set(CONFIRMED)
