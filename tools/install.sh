#!/usr/bin/env bash
# Make .venv and install the project into it: `tools/install.sh course|dev [PYTHON]`.
# `course` is what a learner needs, `dev` also what tests it, builds its site and measures it.
# A .venv that is there already is kept, with what is in it (say, a smaller CPU-only PyTorch).
set -euo pipefail
cd "$(dirname "$0")/.."
extra=$1
python=${2:-python3}
venv_python=.venv/bin/python
min_python=$(sed -n 's/^min_python *= *//p' settings.ini)

stop() { printf '%s\n' "$@" >&2; exit 1; }

command -v "$python" >/dev/null ||
    stop "There is no '$python' here, and the course needs Python $min_python or newer." \
         "Install it, or name the one you have: make test PYTHON=python3.12"

$venv_python -m pip --version >/dev/null 2>&1 && have_venv=yes || have_venv=no
if [ $have_venv = yes ]; then check=$venv_python; else check=$python; fi
"$check" - "$min_python" <<'PY' ||
import sys
sys.exit(sys.version_info[:2] < tuple(map(int, sys.argv[1].split("."))))
PY
    stop "'$check' is $("$check" --version), and the course needs Python $min_python or newer." \
         "Name a newer one (after 'rm -r .venv' if there is one): make test PYTHON=python3.12"

if [ $have_venv = no ]; then
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        stop "'$python' cannot make virtual environments: its venv module is missing." \
             "On Debian and Ubuntu: sudo apt install python3-venv"
    echo "== making .venv with $("$python" --version)"
    "$python" -m venv .venv
fi

# uv installs several times as fast as pip; where it can't be had, pip does it.
uv=$(command -v uv || true)
if [ -z "$uv" ] && $venv_python -m pip install --disable-pip-version-check -q uv 2>/dev/null; then uv=.venv/bin/uv; fi

by_uv() {
    # PyTorch for this machine's graphics card, or the small one without, comes from an index of its own.
    local build=(--torch-backend auto)
    if $venv_python -c 'import sys; from importlib.util import find_spec; sys.exit(not find_spec("torch"))'; then
        build=()  # the one that is there stays
    elif ! UV_HTTP_RETRIES=0 UV_HTTP_TIMEOUT=15 "$uv" pip install --python $venv_python "${build[@]}" --dry-run -q torch 2>/dev/null; then
        echo "   PyTorch's own index can't be reached: taking PyPI's build, on Linux with graphics-card libraries of some gigabytes"
        build=()
    fi
    "$uv" pip install --python $venv_python ${build[@]+"${build[@]}"} -e ".[$extra]"
}
by_pip() {
    $venv_python -m pip install --disable-pip-version-check -e ".[$extra]" |
        awk '/Downloading .* [MG]B\)/ { sub(/^ *Downloading /, "   "); print }
             /^Installing collected/ { print "   unpacking" }
             { fflush() }'
}

echo "== installing into .venv: PyTorch and Jupyter, some minutes the first time"
if [ -n "$uv" ]; then by=by_uv; else by=by_pip; fi
$by || stop "The installation stopped, see above. It needs the network and, with the default PyTorch, 6 GB of disk." \
    "When that is mended, run the same command again: it goes on with what is there."
if [ "$extra" = dev ]; then touch .venv/.dev; fi
touch .venv/.course
