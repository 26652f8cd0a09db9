"""What a stranger does with the installed package, in an empty folder that can't be written to: `python -P stranger.py CHECKOUT`.

Needs nothing but the package and what it requires; `tests/test_wheel.py` runs it with the newest versions,
`tools/oldest.sh` with the oldest. HOME is the stranger's, and empty.
"""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from PIL import Image
from torch.utils.data import Subset

import mnist_s6
from mnist_s6.augment import Augmentation
from mnist_s6.datasets import BatchedLoader, load_data
from mnist_s6.files import cache_folder, course_folder, data_folder
from mnist_s6.fit import fit
from mnist_s6.model import S6Net
from mnist_s6.predict import predict
from mnist_s6.util import evaluate, set_seed

home, checkout = Path.home(), Path(sys.argv[1]).resolve()
commands = Path(sysconfig.get_path("scripts"))
cache = home / "cache"
os.environ["XDG_CACHE_HOME"] = str(cache)  # one convention of several; the package platformdirs knows them all


def call(name: str, *words: object) -> list[str]:
    """What a command prints."""
    done = subprocess.run([str(commands / name), *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


here = Path(mnist_s6.__file__).resolve()
assert checkout not in here.parents and Path.cwd() not in here.parents, here
try:
    (Path.cwd() / "x").touch()
except OSError:
    pass
else:
    raise AssertionError("this folder can be written to: nothing would be shown")

# The data goes into the cache folder, wherever it is asked for; a folder that can't be made here is refused with a remedy.
assert data_folder() == cache_folder() == cache / "mnist_s6" and course_folder() is None
try:
    load_data(128, "data")
except OSError as error:
    assert "data" in str(error) and "Pass a root that you can write to" in str(error), error
else:
    raise AssertionError("load_data wrote into a folder that can't be written to")
train_loader, test_loader = load_data(128, batched=True)
assert (len(train_loader.dataset), len(test_loader.dataset)) == (60_000, 10_000)
slow_train, _ = load_data(128, batched=False)  # through torchvision
assert next(iter(slow_train))[0].shape == (128, 1, 28, 28)

# Predicting.
images, labels = test_loader.images[:, 0], test_loader.labels
assert (predict(images[:2000]).digits == labels[:2000]).float().mean() > 0.99
with tempfile.TemporaryDirectory() as folder:
    picture = Path(folder) / "seven.png"
    Image.fromarray(255 - images[0].numpy()).resize((200, 200)).save(picture)
    assert predict(picture).digit == 7
    found = json.loads(call("mnist_s6_predict", "--json", picture)[0])
    assert found["digit"] == 7 and len(found["probabilities"]) == 10

    # Training, from Python and from the shell; the command's weights are good for the other command.
    set_seed(0)
    net, held_out = S6Net(), BatchedLoader(Subset(test_loader.dataset, range(2000)), 128)
    fit(net, BatchedLoader(Subset(train_loader.dataset, range(3200)), 128, Augmentation()), held_out, epochs=1)
    assert evaluate(net, held_out).accuracy > 0.5
    last = call("mnist_s6_train", "quick", "--output", Path(folder) / "run")[-1]
    assert last.startswith("test accuracy 9"), last
    history = (Path(folder) / "run" / "history.csv").read_text().splitlines()[0]
    assert "validation_accuracy" in history and "test" not in history, history  # what was looked at on the way
    weights = Path(folder) / "run" / "weights.safetensors"
    assert call("mnist_s6_predict", "--weights", weights, picture)[1].split()[0] == "7"

    # What else requires a package of its own.
    from mnist_s6.weights import export_onnx
    from mnist_s6.widgets import augmentation_explorer

    augmentation_explorer(slow_train.dataset)
    try:
        import onnx
    except ImportError:
        onnx = None
    if onnx:
        export_onnx(Path(folder) / "digits.onnx")

assert not list(Path.cwd().iterdir())
kept = sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file() and "matplotlib" not in path.parts)
assert kept and all(name.startswith("cache/mnist_s6/") for name in kept), kept
shown = {name: sys.modules[name].__version__ for name in ("torch", "torchvision", "numpy", "PIL", "matplotlib") if name in sys.modules}
print(f"a stranger's day went well: Python {sys.version.split()[0]}, {', '.join(' '.join(pair) for pair in shown.items())}")
