"""Build the course's web site in _out/site/html, and a zip of it to take along; the network is not asked for anything."""

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

from check_notebooks import below

ROOT = Path(__file__).resolve().parent.parent
LIB = "mnist_s6"
ZIP = "mnist_s6-course.zip"
LIMIT = 4_000_000  # bytes of the zip
REFERENCE = """``{name}``
{line}

.. automodule:: {name}
{made}
"""
MADE = "\n   Made in :doc:`/{0}`.\n"
LIBRARY = """The library
===========

.. code-block:: text

{docstring}

.. toctree::
   :maxdepth: 1

{names}
"""


def module_name(path: Path) -> str:
    """A module as Python calls it, such as mnist_s6.widgets.base."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def write_reference(folder: Path) -> None:
    """A page for each module of the library, and one that leads to them."""
    folder.mkdir()
    modules = {module_name(path): path for path in below(ROOT / LIB, "*.py") if path.stem != "_modidx"}
    del modules[LIB]  # its docstring stands on the page of all
    for name, path in modules.items():
        made = re.search(r"File to edit: (?:\.\./)+nbs/(.+)\.ipynb", path.read_text(encoding="utf-8"))
        page = REFERENCE.format(name=name, line="=" * (len(name) + 4), made=MADE.format(made[1]) if made else "")
        (folder / f"{name}.rst").write_text(page, encoding="utf-8")
    names = "\n".join(f"   {name}" for name in modules)
    whole = ast.parse((ROOT / LIB / "__init__.py").read_text(encoding="utf-8"))
    docstring = textwrap.indent(ast.get_docstring(whole), "   ")
    (folder / "index.rst").write_text(LIBRARY.format(docstring=docstring, names=names), encoding="utf-8")


def lay_out(folder: Path) -> None:
    """What Sphinx reads: the notebooks as they are committed, their pictures, and the reference's pages."""
    for path in (ROOT / "nbs").glob("*.ipynb"):
        shutil.copy(path, folder)
    shutil.copytree(ROOT / "nbs/pictures", folder / "pictures")
    write_reference(folder / "library")


def last_change() -> str:
    """The time of the last commit, in seconds since 1970; of now, where there is no git."""
    command = ["git", "log", "-1", "--format=%ct"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def build(out: Path) -> None:
    """Build the pages in `out`/html; raises `SystemExit` with Sphinx's status if it warns of anything."""
    shutil.rmtree(out, ignore_errors=True)
    (out / "source").mkdir(parents=True)
    lay_out(out / "source")
    words = ["-q", "-W", "--keep-going", "-j", "2", "-c", ROOT / "site", "-d", out / "doctrees", out / "source", out / "html"]
    env = os.environ | {"SOURCE_DATE_EPOCH": last_change(), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    status = subprocess.run([sys.executable, "-m", "sphinx", *map(str, words)], cwd=ROOT, env=env).returncode
    if status:
        raise SystemExit(status)
    for path in below(out / "html", "*.map"):
        path.unlink()


def pack(html: Path, target: Path) -> int:
    """Zip the pages in one folder, the same bytes each time; returns the zip's size."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in below(html, "*"):
            if path.is_file():
                entry = zipfile.ZipInfo(f"{target.stem}/{path.relative_to(html).as_posix()}")
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(entry, path.read_bytes(), compresslevel=9)
    return target.stat().st_size


def main(argv: list[str] | None = None) -> int:
    """Build the site and its zip; 1 if the zip is too large to take along."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "_out/site", help="the folder to build in; what it holds goes")
    out = parser.parse_args(argv).out.resolve()
    build(out)
    size = pack(out / "html", out / ZIP)
    shutil.move(out / ZIP, out / "html" / ZIP)
    print(f"{out}/html/index.html, and all of it in {ZIP}: {size / 1e6:.2f} MB")
    if size > LIMIT:
        print(f"the zip has more than {LIMIT / 1e6:g} MB")
    return 1 if size > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
