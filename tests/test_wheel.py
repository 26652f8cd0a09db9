"""The package as a stranger gets it: built, installed in another place, used from an empty folder that can't be written to."""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
USER = '''
from dataclasses import replace
from pathlib import Path
from mnist_s6.datasets import load_data
from mnist_s6.fit import OneCycle, Training, fit
from mnist_s6.model import FastNet, S6Net, model_summary
from mnist_s6.predict import predict
from mnist_s6.train import RECIPES, Recipe, run_recipe, train_in_folder
from mnist_s6.util import evaluate
from mnist_s6.weights import export_onnx, pretrained, save_weights
from mnist_s6.widgets import LiveTraining, draw_explorer, replay_explorer

digit: int = predict("a.png").digit
chance: float = predict("a.png").probability
first: int = predict(["a.png", "b.png"])[0].digit
others: list[int] = [one.digit for one in predict(["a.png", "b.png"])[1:]]
export_onnx("a.onnx", pretrained())
run = run_recipe("quick", 1)
accuracy: float = run.history.test_accuracy[-1]
train, test = load_data(128, batched=True)
share: float = evaluate(S6Net(), test).accuracy

def report(training: Training) -> None:
    print(training.history.last_epoch(2))

rates: list[float] = fit(S6Net(), train, test, epochs=2, schedule=OneCycle(max_lr=0.01), callbacks=[report]).learning_rate
slow: Recipe = replace(RECIPES["fast"], schedule=replace(RECIPES["fast"].schedule, max_lr=0.01))
parameters: int = model_summary(FastNet()).parameters
save_weights(run.model, Path("w.safetensors"))
train_in_folder(RECIPES["fast"], Path("run"), seed=2)
live = LiveTraining()
fit(S6Net(), train, test, callbacks=[live])
draw_explorer(pretrained())
'''
# Parts of PyTorch and others that no type of ours is made of: a type checker takes half its time to read them.
INSIDES = "_dynamo _export _functorch _higher_order_ops _inductor _prims _refs _subclasses ao distributed distributions export fx jit onnx profiler testing"
OTHERS = "IPython ipywidgets matplotlib prompt_toolkit sympy torchvision traitlets"
UNSEEN = ",".join([*(f"torch.{name}.*" for name in INSIDES.split()), *(f"{name}.*" for name in OTHERS.split())])


def call(*words: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command, which must succeed."""
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=os.environ | env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with wheel and sdist, built from a copy without a network."""
    copy, dist = tmp_path_factory.mktemp("copy") / "project", tmp_path_factory.mktemp("dist")
    copy.mkdir()
    for name in ("mnist_s6", "settings.ini", "setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CONTRIBUTING.md"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, cwd=copy)
    return dist


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Path:
    """A folder in which the wheel, and only it, is installed."""
    target = tmp_path_factory.mktemp("site")
    wheel = next(built.glob("*.whl"))
    call(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet", "--target", target, wheel, cwd=target)
    return target


def test_both_hold_code_data_and_weights(built):
    """Nothing is forgotten in wheel or sdist, and nothing is in the wheel that does not belong there."""
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel, tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        in_wheel = wheel.namelist()
        in_sdist = [name.split("/", 1)[-1] for name in sdist.getnames()]
    package = [str(path.relative_to(ROOT)) for path in (ROOT / "mnist_s6").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert len(package) > 10 and any(name.endswith(".safetensors") for name in package)
    assert set(package) <= set(in_wheel) and set(package) <= set(in_sdist)
    assert {name.split("/")[0].split("-")[0] for name in in_wheel} == {"mnist_s6"}
    call(sys.executable, "-m", "twine", "check", "--strict", *built.iterdir(), cwd=built)


def test_a_strangers_day(built, tmp_path):
    """Data, prediction, training and both commands work in an empty folder that can't be written to, without a network;
    uninstalled, the package leaves only its cache. (`tools/oldest.sh` does the same with the oldest versions.)"""
    venv, home, empty = tmp_path / "venv", tmp_path / "home", tmp_path / "outside" / "empty"
    call(sys.executable, "-m", "venv", "--without-pip", venv, cwd=tmp_path)
    pip = (sys.executable, "-m", "pip", "--python", venv / "bin" / "python")
    call(*pip, "install", "--no-deps", "--no-index", "--quiet", next(built.glob("*.whl")), cwd=tmp_path, PYTHONPATH="")  # else pip might see a checkout there
    site = Path(call(venv / "bin" / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).stdout.strip())
    (site / "lent.pth").write_text(sysconfig.get_path("purelib"))  # PyTorch and the others; a checkout installed there is not seen
    home.mkdir()
    empty.mkdir(parents=True)
    for folder in empty, empty.parent:
        folder.chmod(0o555)
    # Root may write anywhere, until it gives that up.
    weak = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    user = {"HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(no_network(tmp_path / "guard"))}
    done = call(*weak, venv / "bin" / "python", ROOT / "tests" / "stranger.py", ROOT, cwd=empty, **user)
    assert "a stranger's day went well" in done.stdout
    (site / "lent.pth").unlink()
    call(*pip, "uninstall", "--yes", "--quiet", "mnist_s6", cwd=tmp_path, PYTHONPATH="")
    assert [path for path in venv.rglob("*") if "mnist_s6" in path.name] == []


def test_help_leads_on(installed):
    """What `help(mnist_s6)` tells a newcomer to type is there, and every module is listed and says in a sentence what it is for."""
    code = "import mnist_s6, pydoc, sys; print(pydoc.render_doc(mnist_s6, renderer=pydoc.plaintext)); assert 'torch' not in sys.modules"
    shown = call(sys.executable, "-c", code, cwd=installed, PYTHONPATH=str(installed)).stdout
    told = re.findall(r"(from mnist_s6\.\w+ import [\w, ]+);", shown)
    assert len(told) >= 3 and "mnist_s6_predict photo.png" in shown
    call(sys.executable, "-c", "\n".join(told), cwd=installed, PYTHONPATH=str(installed))
    for path in sorted((installed / "mnist_s6").rglob("*.py")):
        if path.name.startswith("_") and path.name != "__init__.py":
            continue
        name = path.relative_to(installed / "mnist_s6").with_suffix("").parts[0].removesuffix("__init__")  # or its package's
        assert name in shown and (path.stem == "__init__" or ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))), path


def no_network(folder: Path) -> Path:
    """A folder for PYTHONPATH, with which no socket can be opened, in commands that are started neither."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import socket\n"
        "class Refused(socket.socket):\n"
        "    def __init__(self, *_, **__): raise AssertionError('a socket was opened')\n"
        "socket.socket = Refused\n"
    )
    return folder


def test_types_from_the_users_side(installed, tmp_path):
    """A strict type checker accepts a program that uses the exported names, and refuses a wrong one."""
    options = ["--strict", "--follow-imports=silent", "--python-executable", sys.executable, "--cache-dir", str(ROOT / "_out/mypy")]
    env = os.environ | {"MYPYPATH": str(installed)}
    (tmp_path / "mypy.ini").write_text(f"[mypy]\n[mypy-{UNSEEN}]\nfollow_imports = skip\n")
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "wrong.py").write_text(USER + 'name: str = predict("a.png").digit\n')
    command = [sys.executable, "-m", "mypy", *options, "user.py", "wrong.py"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert done.returncode == 1 and len(errors) == 1 and errors[0].startswith("wrong.py:"), done.stdout + done.stderr
