"""Milliseconds that Python takes to answer a question of an explorer's front end, and what the view of a training costs.

Most explorers compute in the browser. These ask Python: the browser of mistakes of each mistake it has not shown yet,
and those of filters and of drawings of each place or stroke, if the network isn't the course's own. Each figure is a median.
The view of the training is timed against epochs of the training it shows. What a hand waits for, from a control to new
text in JupyterLab, is measured for every explorer by `latency`.
"""

import statistics
import time
from collections.abc import Callable

import latency
from mnist_s6.datasets import load_data
from mnist_s6.fit import Training, fit
from mnist_s6.model import S6Net
from mnist_s6.scale import silent
from mnist_s6.util import set_seed
from mnist_s6.widgets import LiveTraining, draw_explorer, filter_explorer, mistake_explorer
from torch import nn


def milliseconds(answer: Callable[..., dict], questions: list[dict]) -> float:
    """The median time of an answer."""
    seconds = []
    for about in questions:
        start = time.perf_counter()
        answer(**about)
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds)


def measure(root: str) -> dict:
    """Train with the live view, then ask; the slowest answer's milliseconds are the figure."""
    set_seed(0)
    train_loader, test_loader = load_data(128, root, seed=0, batched=True)
    net, live, shown = S6Net(), LiveTraining(), []

    def timed(training: Training) -> None:
        start = time.perf_counter()
        live(training)
        if len(training.history):  # the first call comes before the first epoch
            shown.append(time.perf_counter() - start)

    with silent():
        history = fit(net, train_loader, test_loader, epochs=3, callbacks=[timed])
    share = statistics.median(view / epoch for view, epoch in zip(shown, history.seconds))
    mistakes = mistake_explorer(net, train_loader, test_loader)
    filters = filter_explorer(nn.Sequential(net), next(iter(test_loader))[0])
    drawing = draw_explorer(nn.Sequential(net))
    middle = {"channel": 0, "row": 0, "column": 0}
    times = {
        "mistakes": milliseconds(mistakes.answer_mistake, [{"place": place} for place in range(len(mistakes.questions()))]),
        "filters": milliseconds(filters.answer_place, [{"image": n, "depth": n % 8, **middle} for n in range(24)]),
        "drawing": milliseconds(drawing.answer_probabilities, [{"image": bytes(4 * 784)}] * 24),
    }
    print("  " + ", ".join(f"{name} {ms:.0f} ms" for name, ms in times.items()))
    print(f"  the view of the training: {share:.2%} of an epoch (goal 3%)")
    waits = latency.milliseconds()
    late = [f"{name} {ms:.0f} ms" for name, ms in waits.items() if ms > latency.GOAL]
    print(f"  from a control to new text in JupyterLab: above {latency.GOAL} ms {', '.join(late) or 'none'}")
    return {"figure": max(times.values()), "milliseconds": times, "control_to_text": waits, "training_view_share": share,
            "training_view_seconds": shown}
