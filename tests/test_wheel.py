"""The package as a stranger gets it: built, installed in another place, used from an empty folder."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
USER = '''
from pathlib import Path
from mnist_s6.datasets import load_data
from mnist_s6.model import FastNet, S6Net, model_summary
from mnist_s6.predict import export_onnx, predict, pretrained
from mnist_s6.train import RECIPES, run_recipe, train_in_folder
from mnist_s6.util import evaluate, save_weights

digit: int = predict("a.png").digit
chance: float = predict("a.png").probability
export_onnx("a.onnx", pretrained())
run = run_recipe("quick", 1)
accuracy: float = run.history.test_accuracy[-1]
train, test = load_data(128, batched=True)
share: float = evaluate(S6Net(), test).accuracy
parameters: int = model_summary(FastNet()).parameters
save_weights(run.model, Path("w.safetensors"))
train_in_folder(RECIPES["fast"], Path("run"), seed=2)
'''


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
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, copy / name)
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


def test_used_from_an_empty_folder(installed, tmp_path):
    """Both commands, prediction and training work outside the checkout, and leave only the cache and what was asked for."""
    empty, cache = tmp_path / "empty", tmp_path / "cache"
    empty.mkdir()
    env = {"PYTHONPATH": str(installed), "MNIST_S6_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    where = call(sys.executable, "-c", "import mnist_s6; print(mnist_s6.__file__)", cwd=empty, **env).stdout
    assert where.startswith(str(installed))
    make = ("from mnist_s6.datasets import load_data; from PIL import Image; import sys;"
            "Image.fromarray(255 - load_data(1, sys.argv[1], batched=True)[1].images[0, 0].numpy()).save(sys.argv[2])")
    call(sys.executable, "-c", make, cache, tmp_path / "digit.png", cwd=empty, **env)
    if os.geteuid():
        empty.chmod(0o555)
    answer = json.loads(call(sys.executable, installed / "bin" / "mnist_s6_predict", "--json", tmp_path / "digit.png", cwd=empty, **env).stdout)
    assert answer["digit"] == 7 and len(answer["probabilities"]) == 10
    ended = call(sys.executable, installed / "bin" / "mnist_s6_train", "quick", "--output", tmp_path / "run", cwd=empty, **env)
    assert "test accuracy 9" in ended.stdout.splitlines()[-1]
    weights = ["--weights", tmp_path / "run" / "weights.safetensors"]
    assert "7" in call(sys.executable, installed / "bin" / "mnist_s6_predict", *weights, tmp_path / "digit.png", cwd=empty, **env).stdout
    assert not list(empty.iterdir())


def test_types_from_the_users_side(installed, tmp_path):
    """A strict type checker accepts a program that uses the exported names, and refuses a wrong one."""
    options = ["--strict", "--follow-imports=silent", "--python-executable", sys.executable, "--cache-dir", str(tmp_path / "cache")]
    env = os.environ | {"MYPYPATH": str(installed)}
    for text, status in ((USER, 0), (USER + 'name: str = predict("a.png").digit\n', 1)):
        (tmp_path / "user.py").write_text(text)
        done = subprocess.run([sys.executable, "-m", "mypy", *options, "user.py"], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == status, done.stdout + done.stderr
