"""Edge cases of what is misread: nothing, one pass, titles, pairs that are none, the picture of them, and their neighbours."""

import re

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

from mnist_s6.misread import Mistakes, confusion_matrix, draw_confusion, find_misclassified, plot_confusion
from mnist_s6.neighbours import MistakeBook, nearest_images

EYE = (torch.eye(3), torch.arange(3))  # three images that `nn.Identity` gets right


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
    many = torch.zeros(2**24 + 1, dtype=torch.uint8)  # more than float32 can count
    assert confusion_matrix(many, many, classes=1).item() == len(many)


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


@pytest.mark.parametrize("given", [[0, 1], (0, 1), np.array([0, 1]), b"01", None])
def test_what_is_no_tensor_is_told(given: object) -> None:
    with pytest.raises(TypeError, match=rf"labels came as a {type(given).__name__}; expected a tensor, such as torch.as_tensor\(labels\)"):
        confusion_matrix(given, torch.tensor([0, 1]))
    with pytest.raises(TypeError, match="predictions came as a"):
        confusion_matrix(torch.tensor([0, 1]), given)
    with pytest.raises(TypeError, match="matrix came as a"):
        plot_confusion(given)


def test_the_picture_shows_counts_and_names_its_axes() -> None:
    axes = plot_confusion(torch.tensor([[3, 1], [0, 2]])).axes[0]
    assert {text.get_text(): text.get_position() for text in axes.texts} == {"3": (0, 0), "1": (1, 0), "2": (1, 1)}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("prediction", "label")


def test_several_matrices_fit_into_one_figure() -> None:
    """Each on axes of its own, with smaller numbers, and without a title."""
    pair = Figure().subplots(1, 2)
    for axes in pair:
        draw_confusion(axes, torch.tensor([[3, 1], [0, 2]]), fontsize=5)
    assert all({text.get_fontsize() for text in axes.texts} == {5} and not axes.get_title() for axes in pair)


@pytest.mark.parametrize("labels, error, message", [
    (torch.arange(3)[:, None], ValueError, "labels have shape (3, 1)"),
    (torch.eye(3).long(), ValueError, "labels have shape (3, 3)"),
    (torch.arange(3).float(), TypeError, "labels are of type torch.float32"),
    (torch.arange(3) + 1, ValueError, "labels are from 1 to 3; expected 0 to 2"),
])
def test_odd_labels_are_no_mistakes_of_the_network(labels: torch.Tensor, error: type[Exception], message: str) -> None:
    """Compared as they are, each would count as misread, or stand for several images."""
    with pytest.raises(error, match=re.escape(message)):
        find_misclassified(nn.Identity(), [(torch.eye(3), labels)])


def test_batches_that_are_none_are_told() -> None:
    """Arrays in place of tensors."""
    batch = np.zeros((2, 1, 28, 28), np.float32), np.array([1, 2])
    with pytest.raises(TypeError, match=r"a batch is \(ndarray, ndarray\); expected two tensors"):
        find_misclassified(nn.Flatten(), [batch])


# ------------------------------------------------------------- neighbours


@pytest.mark.parametrize("given", [torch.uint8, torch.half, torch.float, torch.double])
@pytest.mark.parametrize("kept", [torch.uint8, torch.half, torch.float, torch.double])
def test_images_of_any_type_are_near(given: torch.dtype, kept: torch.dtype) -> None:
    """Bytes began again at 0, half precision ended at 65,504, and two types were a RuntimeError."""
    images = torch.randint(256, (20, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    near = nearest_images(images[3].to(given), images.to(kept), 4)
    assert near[0] == 3 and near.tolist() == (images - images[3]).square().sum((1, 2, 3)).argsort()[:4].tolist()


IMAGES = torch.rand(4, 1, 2, 2)


@pytest.mark.parametrize("ask, error, words", [
    (lambda: nearest_images(IMAGES[0], IMAGES, -1), ValueError, "count is -1; expected a whole number from 0"),
    (lambda: nearest_images(IMAGES[0], IMAGES, 2.5), TypeError, "count is 2.5"), (lambda: nearest_images(IMAGES[0], IMAGES, "a"), TypeError, "count is 'a'"),
    (lambda: nearest_images(IMAGES[0].numpy(), IMAGES), TypeError, "image came as a ndarray"), (lambda: nearest_images(IMAGES[0], [IMAGES]), TypeError, "images came as a list"),
    (lambda: a_book().nearest(0, 4), ValueError, "digit is 4; expected a number from 0 to 3"), (lambda: a_book().nearest(0, -1), ValueError, "digit is -1"),
    (lambda: a_book().nearest(9999, 1), ValueError, "place is 9999; expected a number from 0 to 3"), (lambda: a_book().nearest(-1, 1), ValueError, "place is -1"),
])
def test_neighbours_that_there_are_none_of(ask: object, error: type[Exception], words: str) -> None:
    """A −1 stood for the last digit, and the last mistake."""
    with pytest.raises(error, match=words):
        ask()
    assert a_book().nearest(torch.tensor(0), np.int64(1)).indices.tolist() == a_book().nearest(0, 1).indices.tolist()


def a_book() -> MistakeBook:
    """Of a network that takes each of the four images for another."""
    images, labels = torch.eye(4).view(4, 1, 2, 2), torch.arange(4)
    return MistakeBook(nn.Flatten(), [(images, labels)], [(images, labels.roll(1))])
