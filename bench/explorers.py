"""Milliseconds from a change of a control to its new picture, in the kernel, for explorers that Python draws.

Each figure is the median over values spread from one end of the control's range to the other.
The view of the training is timed against epochs of the training it shows.
"""

import io
import statistics
import time
from contextlib import redirect_stderr, redirect_stdout

import ipywidgets
from mnist_s6.datasets import load_data
from mnist_s6.model import S6Net
from mnist_s6.util import Training, fit, set_seed
from mnist_s6.widgets.classic import Explorer, LiveTraining, mistake_explorer, update_times


def values_of(control: ipywidgets.Widget) -> list:
    """Eleven values from one end of a control's range to the other, or all that it has."""
    if hasattr(control, "options"):
        return list(control.options)
    if not hasattr(control, "min"):
        return [False, True] * 5
    values = [control.min + (control.max - control.min) * share / 10 for share in range(11)]
    return [round(value) for value in values] if isinstance(control.value, int) else values


def milliseconds(explorer: Explorer) -> dict[str, float]:
    """The median time of a change, for each control."""
    times = {}
    for name, control in explorer.controls.items():
        changes = [{name: value} for value in values_of(control)]
        times[name] = 1000 * statistics.median(update_times(explorer, changes))
    return times


def measure(root: str) -> dict:
    """Train with the live view, then move every control; the slowest control's milliseconds are the figure."""
    set_seed(0)
    train_loader, test_loader = load_data(128, root, seed=0, batched=True)
    net, live, shown = S6Net(), LiveTraining(), []

    def timed(training: Training) -> None:
        start = time.perf_counter()
        live(training)
        if len(training.history):  # the first call comes before the first epoch
            shown.append(time.perf_counter() - start)

    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        history = fit(net, train_loader, test_loader, epochs=3, callbacks=[timed])
    share = statistics.median(view / epoch for view, epoch in zip(shown, history.seconds))
    explorers = {"mistakes": mistake_explorer(net, test_loader, train_loader)}
    times = {name: milliseconds(explorer) for name, explorer in explorers.items()}
    for name, controls in times.items():
        print(f"  {name}: " + ", ".join(f"{control} {ms:.0f} ms" for control, ms in controls.items()))
    print(f"  the view of the training: {share:.1%} of an epoch (goal 3%)")
    slowest = max(max(controls.values()) for controls in times.values())
    return {"figure": slowest, "milliseconds": times, "training_view_share": share, "training_view_seconds": shown}
