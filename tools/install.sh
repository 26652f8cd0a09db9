#!/usr/bin/env bash
# Make .venv and install the project with its tools into it: `tools/install.sh [PYTHON]`.
# A .venv that is there already is kept, with what is in it (say, a smaller CPU-only PyTorch).
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-python3}
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

echo "== installing into .venv: PyTorch and Jupyter, some minutes the first time"
$venv_python -m pip install --disable-pip-version-check -e '.[dev]' |
    awk '/Downloading .* [MG]B\)/ { sub(/^ *Downloading /, "   "); print }
         /^Installing collected/ { print "   unpacking" }
         { fflush() }' ||
    stop "The installation stopped, see above. It needs the network and, with the default PyTorch, 6 GB of disk." \
         "When that is mended, run the same command again."
touch .venv/.installed
