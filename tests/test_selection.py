"""What is chosen by the losses, and that a training which chooses can be stopped, shared and repeated."""

import math
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import mnist_s6.train as library
import pytest
import torch
from matplotlib.figure import Figure
from torch.utils.data import Subset

from images import Asked, few_images, mnist
from mnist_s6.datasets import BatchedLoader
from mnist_s6.fit import Training
from mnist_s6.model import FastNet
from mnist_s6.selection import ChoosingLoader, choose_images
from mnist_s6.train import MILD, Recipe, run_recipe, train_in_folder
from mnist_s6.weights import weights_digest

TINY = Recipe("tiny", FastNet, (4, 6, 8), epochs=6, batch_size=50, augmentation=MILD, share=0.3, hard=0.7, settled=3)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All trainings of this file are small, and on one thread."""
    monkeypatch.setattr(library, "load_data", few_images(500, 100))
    monkeypatch.setattr(library.History, "plot", lambda history: Figure(figsize=(1, 1)))  # the real one takes longer than a training
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def seeded(seed: int) -> torch.Generator:
    """A source of random numbers."""
    return torch.Generator().manual_seed(seed)


def loader(count: int = 20, batch_size: int = 8, share: float = 1.0, hard: float = 0.5) -> ChoosingLoader:
    """Of the first training images."""
    return ChoosingLoader(BatchedLoader(Subset(mnist(True), range(count)), batch_size, MILD, 1, share=share), hard)


def digest(recipe: Recipe, seed: int = 3, **options: object) -> str:
    """Of the weights that a quiet training ends with."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        return weights_digest(run_recipe(recipe, seed, device="cpu", **options).model.state_dict())


@pytest.mark.parametrize("hard", [0, 0.3, 0.5, 1])
@pytest.mark.parametrize("count", [1, 7, 10])
def test_each_image_is_chosen_once_at_most(count: int, hard: float) -> None:
    """And the highest losses are among them, however many places are theirs."""
    losses = torch.rand(10, generator=seeded(0))
    chosen = choose_images(losses, count, hard, seeded(1)).tolist()
    assert len(chosen) == len(set(chosen)) == count
    assert set(losses.topk(round(hard * count)).indices.tolist()) <= set(chosen)


def test_unseen_images_take_all_places_before_any_loss_counts() -> None:
    """More of them than places, as many, and fewer."""
    losses = torch.tensor([9.0, 8.0] + [math.inf] * 4)
    assert not {0, 1} & set(choose_images(losses, 3, 0.5, seeded(0)).tolist())
    assert set(choose_images(losses, 4, 0.0, seeded(0)).tolist()) == {2, 3, 4, 5}
    for seed in range(20):
        assert {2, 3, 4, 5} < set(choose_images(losses, 5, 0.0, seeded(seed)).tolist())


def test_chance_decides_between_equal_losses_and_in_which_order_all_come() -> None:
    """From the generator alone: the global source isn't touched."""
    equal, state = torch.zeros(50), torch.get_rng_state()
    first, again, other = (choose_images(equal, 20, 1.0, seeded(seed)).tolist() for seed in (0, 0, 1))
    assert first == again and set(first) != set(other)
    assert torch.equal(torch.get_rng_state(), state)
    falling = -torch.arange(50.0)
    assert choose_images(falling, 20, 1.0, seeded(0)).tolist() != list(range(20))  # the hardest don't come first


@pytest.mark.parametrize(("count", "hard", "words"), [
    (0, 0.5, "count is 0"), (11, 0.5, "count is 11; expected a whole number from 1 to 10"), (10.5, 0.5, "count is 10.5"),
    (3, -0.1, "hard is -0.1"), (3, 1.1, "hard is 1.1; expected a number from 0 to 1"), (3, math.nan, "hard is nan")])
def test_impossible_numbers_are_refused(count: float, hard: float, words: str) -> None:
    """With the number's name."""
    with pytest.raises((ValueError, TypeError), match=words):
        choose_images(torch.zeros(10), count, hard)


def test_a_share_out_of_range_is_refused_when_the_loader_is_made() -> None:
    """And not first in the second epoch."""
    with pytest.raises(ValueError, match="hard is 2"):
        loader(hard=2)
    with pytest.raises(TypeError, match="hard is 'half'"):
        loader(hard="half")


def test_the_loader_gives_what_it_says() -> None:
    """Each batch is that of `shown`, also the last and smaller one; no image comes twice; `len` counts batches."""
    ours, seen = loader(share=0.9), []
    for x, y in ours:
        assert len(x) == len(y) and torch.equal(y, ours.labels[ours.shown])
        seen += ours.shown.tolist()
    assert len(seen) == len(set(seen)) == ours.count == 18 and len(ours) == 3


def test_it_notes_the_losses_of_each_batch_where_they_belong() -> None:
    """In whatever precision the logits are."""
    ours = loader()
    for precision in torch.float32, torch.float64, torch.bfloat16:
        for x, y in ours:
            logits = torch.nn.functional.one_hot(y, 10).to(precision) * 3
            ours.tell(logits)
        expected = math.log(math.exp(3) + 9) - 3
        torch.testing.assert_close(ours.losses, torch.full((20,), expected), rtol=0, atol=0.02)


def test_hard_images_come_again() -> None:
    """Those with a high loss in the second epoch too, and no others by their loss."""
    ours = loader(share=0.5, hard=1.0)
    for _ in range(2):  # all 20 are seen
        for x, y in ours:
            logits = torch.zeros(len(x), 10)
            logits[torch.arange(len(y)), y] = torch.where(ours.shown < 10, 0.0, 9.0)  # the first ten stay hard
            ours.tell(logits)
    assert sorted(torch.cat([ours.shown for _ in ours]).tolist()) == list(range(10))


def test_a_graphics_card_is_asked_once_an_epoch() -> None:
    """How many images are unseen; being told the losses asks for no number."""
    times = []
    for chooses in False, True:
        ours = loader(count=60, batch_size=2)
        with Asked() as asked:
            for x, _ in ours if chooses else ours.loader:
                ours.tell(torch.zeros(len(x), 10)) if chooses else None
        times.append(asked.times)
    assert times[1] == times[0] + 1


def test_a_recipe_that_does_not_choose_trains_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a choosing loader."""
    monkeypatch.setattr(library, "ChoosingLoader", None)
    assert digest(replace(TINY, hard=0.0)) != digest(replace(TINY, hard=0.0), seed=4)


def test_one_seed_gives_one_network_and_the_choice_matters() -> None:
    """To the last bit."""
    assert digest(TINY) == digest(TINY)
    assert len({digest(TINY), digest(TINY, 4), digest(replace(TINY, hard=0.2)), digest(replace(TINY, hard=0.0))}) == 4


@pytest.mark.parametrize("changes", [{"hard": -0.1}, {"hard": 1.5}, {"settled": -1}, {"settled": 1.5}])
def test_a_recipe_with_an_impossible_number_is_refused(changes: dict[str, float]) -> None:
    """Before anything is trained."""
    (name,) = changes
    with pytest.raises((ValueError, TypeError), match=f"{name} is {changes[name]}; expected"):
        digest(replace(TINY, **changes))


def test_all_of_the_network_learns_again_after_the_training() -> None:
    """Also where it was stopped while its first block rested."""
    def stop(training: Training) -> None:
        if len(training.history) == 4:
            resting.append(not any(p.requires_grad for p in training.model.features[0].parameters()))
            raise Enough

    resting: list[bool] = []
    with pytest.raises(Enough) as caught:
        digest(TINY, callbacks=[stop])
    assert resting == [True] and all(p.requires_grad for p in caught.value.training.model.parameters())


class Enough(Exception):
    """Stops a training."""


@pytest.mark.parametrize("stopped_after", [1, 3, 4, 5])
def test_a_stopped_training_goes_on_as_if_nothing_had_happened(stopped_after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before all images were seen, and after; the losses are in the checkpoint."""
    write = library.save_checkpoint

    def and_stop(path: Path, training: Training, *facts: object) -> None:
        write(path, training, *facts)
        if len(training.history) == stopped_after:
            raise Enough

    monkeypatch.setattr(library, "save_checkpoint", and_stop)
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        with pytest.raises(Enough):
            train_in_folder(TINY, tmp_path, 3, device="cpu")
        monkeypatch.setattr(library, "save_checkpoint", write)
        resumed = train_in_folder(TINY, tmp_path, 3, device="cpu", resume=True)
    assert weights_digest(resumed.model.state_dict()) == digest(TINY)


def test_a_checkpoint_of_another_choice_is_refused(tmp_path: Path) -> None:
    """By the name of what differs."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        train_in_folder(TINY, tmp_path, 3, device="cpu")
        with pytest.raises(ValueError, match=r"recipe.hard is 0.7 there and 0.5 here"):
            train_in_folder(replace(TINY, hard=0.5), tmp_path, 3, device="cpu", resume=True)


def test_losses_are_a_tensor() -> None:
    """A list has no `isinf`."""
    with pytest.raises(TypeError, match="losses came as a list; expected a tensor"):
        choose_images([1.0, 2.0], 1, 0.5)
