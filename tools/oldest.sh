#!/usr/bin/env bash
# Install the wheel with the oldest Python and packages that settings.ini allows, and spend a stranger's day with it
# (tests/stranger.py): `tools/oldest.sh`. Takes some minutes, 6 GB in a temporary folder, and the network to install.
set -euo pipefail
cd "$(dirname "$0")/.."
checkout=$PWD
unset PYTHONPATH PYTHONHOME

setting() { sed -n "s/^$1 *= *//p" settings.ini; }
stop() { printf '%s\n' "$@" >&2; exit 1; }

min_python=$(setting min_python)
requirements=$(setting requirements)
for requirement in $requirements; do
    [[ $requirement =~ ^[a-z0-9_-]+'>='[0-9.]+$ ]] || stop "settings.ini requires $requirement; expected name>=version, to know the oldest one"
done

work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT

# That Python: from the search path, from pyenv (whose short cut on the search path may refuse), or fetched by uv.
right() { "$1" -c "import ensurepip, sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '$min_python')" 2>/dev/null; }
python=
for candidate in "python$min_python" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$min_python".*/bin/python; do
    if right "$candidate"; then python=$candidate; break; fi
done
# uv installs several times as fast as pip; tools/install.sh has put one here, if it could be had.
uv=$(command -v uv || { [ -x .venv/bin/uv ] && echo .venv/bin/uv; } || true)
if [ -z "$python" ] && [ -n "$uv" ]; then
    echo "== there is no Python $min_python here; asking uv for one"
    "$uv" python install --no-bin --install-dir "$work/python" "$min_python" || true
    for candidate in "$work"/python/*/bin/python"$min_python"; do
        if right "$candidate"; then python=$candidate; fi
    done
fi
[ -n "$python" ] || stop "The oldest Python that the course supports, $min_python, was not found and could not be fetched." \
    "Install it (with pyenv, uv, or your system's packages), so that 'python$min_python' runs."

echo "== a wheel, installed with $("$python" --version) and the oldest packages"
mkdir "$work/source" "$work/home" "$work/outside" "$work/outside/empty"
git ls-files -z | xargs -0 cp --parents --target-directory "$work/source"
.venv/bin/python -m build --wheel --no-isolation --outdir "$work/dist" "$work/source" >"$work/build.log" || { cat "$work/build.log" >&2; exit 1; }
"$python" -m venv "$work/venv"
pip() { "$work/venv/bin/python" -m pip --disable-pip-version-check "$@"; }
# The packages by uv; the wheel by pip, which fetches what is still lacking, and looks whether all fits.
if [ -n "$uv" ]; then "$uv" pip install -q --python "$work/venv/bin/python" ${requirements//>=/==}; fi
pip install -q "$work"/dist/*.whl ${requirements//>=/==}
pip check
for requirement in $requirements; do pip freeze | grep -i "^${requirement%%>=*}=="; done

# Outside the checkout, without a network, in a folder that can't be written to; root may write anywhere, so it gives that up.
chmod a-w "$work/outside" "$work/outside/empty"
without=()
if unshare --net true 2>/dev/null; then without+=(unshare --net)
elif unshare --net --map-root-user true 2>/dev/null; then without+=(unshare --net --map-root-user)
else echo "== WARNING: the network could NOT be cut off here (unshare --net is not permitted)."
fi
if [ "$(id -u)" = 0 ] || [ ${#without[@]} = 3 ]; then without+=(setpriv --bounding-set=-all --inh-caps=-all); fi
(cd "$work/outside/empty" && HOME=$work/home exec ${without[@]+"${without[@]}"} "$work/venv/bin/python" "$checkout/tests/stranger.py" "$checkout")

pip uninstall -q -y mnist_s6
left=$(find "$work/venv" "$work/outside" -iname '*mnist_s6*')
[ -z "$left" ] || stop "uninstalling left:" "$left"
echo "== uninstalling left nothing but the cache"
