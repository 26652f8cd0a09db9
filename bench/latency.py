"""Milliseconds from a control to new text in JupyterLab, for every explorer: the goal is a median of 20.

A notebook that is made here shows all explorers, in a JupyterLab of its own, as the browser tests start it. A script on the
page moves one control of each again and again, and waits for another sentence. Most explorers compute in the browser; those
called "asked" have a network that isn't the course's, so that Python answers, as it does for each new mistake and image.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).resolve().parent.parent
GOAL = 20  # milliseconds
BEGIN = """import torch
from IPython.display import display
from torch import nn
from mnist_s6.datasets import load_data
from mnist_s6.fit import Training
from mnist_s6.recorder import FLIGHTS, find_flight
from mnist_s6.util import History
from mnist_s6.weights import pretrained
from mnist_s6.widgets import LiveTraining, augmentation_explorer, convolution_explorer, descent_explorer, draw_explorer
from mnist_s6.widgets import filter_explorer, intervals_explorer, judging_explorer, mistake_explorer, receptive_explorer
from mnist_s6.widgets import stress_explorer
from mnist_s6.widgets.replay import replay_explorer
net = pretrained()
other = nn.Sequential(net)   # not the course's own: Python is asked
learn, exam = load_data(128, batched=True)
images, labels = next(iter(exam))
digits = exam.dataset.data   # (10000, 28, 28), bytes
def watched():
    live, history = LiveTraining(), History()
    for n in range(1, 31):
        for numbers in history.train_loss, history.test_loss, history.train_accuracy, history.test_accuracy:
            numbers.append(1/n)
        live(Training(net, [], None, None, history))
    return live"""
#: Its name, the control, and what shows it
EXPLORERS = {
    "augmentation": ("seed of the draw", "augmentation_explorer(exam.dataset)"),
    "augmentation, asked for images": ("image", "augmentation_explorer(exam.dataset)"),
    "convolution": ("place", "convolution_explorer(digits[0], image=2)"),
    "descent": ("steps", "descent_explorer()"),
    "drawing": ("example", "draw_explorer(net, exam.dataset)"),
    "drawing, asked": ("example", "draw_explorer(other, exam.dataset)"),
    "filters": ("channel", "filter_explorer(net, images, labels)"),
    "filters, asked": ("channel", "filter_explorer(other, images, labels)"),
    "intervals": ("seed", "intervals_explorer(tests=100)"),
    "judging": ("image", "judging_explorer(net, exam)"),
    "live training": ("epoch", "watched()"),
    "mistakes, asked": ("mistake", "mistake_explorer(net, learn, exam)"),
    "receptive": ("row", "receptive_explorer(digits[0], layer=3)"),
    "replay": ("epoch", "replay_explorer([find_flight(name) for name in list(FLIGHTS)[:2]])"),
    "stressing": ("seed of what is drawn", "stress_explorer(net, digits[:500]/255, exam.dataset.targets[:500])"),
}
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
TOUCH = """async (output, { label, times }) => {
    const named = Array.from(output.querySelectorAll(".s6-label")).find(it => it.textContent.trim() === label);
    const control = named.parentElement.querySelector("input, select");
    const sentence = output.querySelector(".s6-sentence");
    const found = [];
    const changed = before => new Promise(resolve => {
        const look = () => sentence.textContent !== before && (observer.disconnect(), clearTimeout(late), resolve(true));
        const observer = new MutationObserver(look);
        observer.observe(sentence, { childList: true, characterData: true, subtree: true });
        const late = setTimeout(() => (observer.disconnect(), resolve(false)), 2000);
    });
    for (let n = 0; n < times; n++) {
        if (control.matches("select")) control.selectedIndex = (control.selectedIndex + 1) % control.options.length;
        else if (control.value === control.max) control.value = control.min;
        else control.stepUp();
        const [start, coming] = [performance.now(), changed(sentence.textContent)];
        control.dispatchEvent(new Event(control.matches("select") ? "change" : "input", { bubbles: true }));
        if (await coming) found.push(performance.now() - start); // the same words again tell no time
        await new Promise(resolve => setTimeout(resolve, 200)); // a hand is no faster
    }
    return found;
}"""


def milliseconds(times: int = 20) -> dict[str, float]:
    """The median for each explorer; none without a browser."""
    sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests"), str(ROOT / "tests/browser")]
    import lab
    from playwright.sync_api import sync_playwright
    from run_tests import find_chromium

    if (path := find_chromium()) is None:
        print("  no Chromium here: the way from a control to new text is not measured")
        return {}
    with tempfile.TemporaryDirectory() as folder, lab.serve(Path(folder)) as server, sync_playwright() as playwright:
        cells = [new_code_cell(BEGIN), *(new_code_cell(f"display({shown})") for _, shown in EXPLORERS.values())]
        nbformat.write(new_notebook(cells=cells, metadata=KERNEL), server.notebooks / "latency.ipynb")
        chromium = playwright.chromium.launch(executable_path=path, args=lab.CHROMIUM_FLAGS)
        page = chromium.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(lab.PATIENCE)
        notebook = lab.Notebook(page, server, "latency")
        notebook.start()
        notebook.wait_until_run()
        found = {}
        for number, (name, (label, _)) in enumerate(EXPLORERS.items(), start=1):
            output = page.locator(".jp-CodeCell").nth(number).locator(".jp-OutputArea-output").last
            output.scroll_into_view_if_needed()
            found[name] = statistics.median(output.evaluate(TOUCH, {"label": label, "times": times}))
        chromium.close()
    return found


if __name__ == "__main__":
    for name, median in milliseconds(int(sys.argv[1]) if sys.argv[1:] else 20).items():
        print(f"{name:32} {median:6.1f} ms{'' if median <= GOAL else f', above {GOAL} ms'}", flush=True)
