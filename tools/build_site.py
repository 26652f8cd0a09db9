"""Build the course's web site in _out/site/html, and a zip of it to take along; nothing comes from the network."""

import argparse
import ast
import io
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from addresses import below
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
LIB = "mnist_s6"
ZIP = "mnist_s6-course.zip"
LIMIT = 4_000_000  # bytes of the zip
LONG = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}(?=\.(?:css|png|webp)\b)")  # file names that are hashes of the contents
STYLE = re.compile(r"<style>(.*?)</style>(?=.*</head>)", re.DOTALL)  # which the settings make, the same on all pages
VERBATIM = re.compile(r"(<pre\b.*?</pre>|<textarea\b.*?</textarea>|<script\b.*?</script>)", re.DOTALL)
REFERENCE = """``{name}``
{line}

.. automodule:: {name}
{made}
"""
MADE = "\n   Made in :doc:`/{0}`.\n"
LIBRARY = """# The library

```text
{docstring}
```

```{{toctree}}
:hidden:

{names}
```

{sentences}
"""


def module_name(path: Path) -> str:
    """A module as Python calls it, such as mnist_s6.widgets.base."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def holds_answers(path: Path) -> bool:
    """Whether a module is made of exercises, which `mnist_s6.exercises` lists, and their answers."""
    return path.stem != "__init__" and "\nfrom .engine import" in path.read_text(encoding="utf-8")


def module_names() -> dict[str, Path]:
    """The library's modules, without the package itself, nbdev's list, and the answers to exercises."""
    files = [path for path in below(ROOT / LIB, "*.py") if path.stem != "_modidx" and not holds_answers(path)]
    return {name: path for path in files if (name := module_name(path)) != LIB}


def docstring(path: Path) -> str:
    """What a module says about itself; "" if nothing."""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def write_reference(folder: Path) -> None:
    """A page for each module of the library, and one that leads to them."""
    folder.mkdir()
    modules = module_names()
    for name, path in modules.items():
        made = re.search(r"File to edit: (?:\.\./)+nbs/(.+)\.ipynb", path.read_text(encoding="utf-8"))
        page = REFERENCE.format(name=name, line="=" * (len(name) + 4), made=MADE.format(made[1]) if made else "")
        (folder / f"{name}.rst").write_text(page, encoding="utf-8")
    first = {name: docstring(path).partition("\n")[0] for name, path in modules.items()}
    sentences = "\n".join(f"- [`{name}`]({name}.rst): {words}" for name, words in first.items())
    whole = docstring(ROOT / LIB / "__init__.py")
    index = LIBRARY.format(docstring=whole, names="\n".join(modules), sentences=sentences)
    (folder / "index.md").write_text(index, encoding="utf-8")


def lay_out(folder: Path) -> None:
    """What Sphinx reads: the notebooks as they are committed, their pictures, and the reference's pages."""
    for path in (ROOT / "nbs").glob("*.ipynb"):
        shutil.copy(path, folder)
    shutil.copytree(ROOT / "nbs/pictures", folder / "pictures")
    write_reference(folder / "library")


def last_change() -> str:
    """The time of the last commit, in seconds since 1970; of now, where there is no git or no repository."""
    command = ["git", "log", "-1", "--format=%ct"]
    try:
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        said = ""
    return said or str(int(time.time()))


def run_sphinx(out: Path, source: Path) -> None:
    """Build the pages of `source` in `out`/html; raises `SystemExit` if Sphinx warns of anything.

    Of three processes Sphinx writes with two, and feeds them.
    """
    words = ["-q", "-W", "--keep-going", "-j", "3", "-c", ROOT / "site", "-d", out / "doctrees", source, out / "html"]
    env = os.environ | {"SOURCE_DATE_EPOCH": last_change(), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    status = subprocess.run([sys.executable, "-m", "sphinx", *map(str, words)], cwd=ROOT, env=env).returncode
    if status:
        raise SystemExit(status)


def lighter(page: str) -> str:
    """The same page in fewer bytes: no indents, no style of its own, short names of files, no marks without a look."""
    parts = VERBATIM.split(STYLE.sub("", page, count=1))
    page = "".join(part if VERBATIM.match(part) else re.sub(r"\n\s+", "\n", part) for part in parts)
    page = re.sub(r'(_images/[^"/]+)\.png"', r'\1.webp"', LONG.sub(r"\1", page))
    return re.sub(r'<span class="(?:[npw]|pre)">([^<]*)</span>', r"\1", page)


def as_webp(picture: Image.Image) -> bytes:
    """A picture as WebP in 128 colours, or with a loss that no eye sees where that takes less, as for grey digits.

    One through which something shines keeps all its colours.
    """
    whole, few, many = picture.convert("RGBA"), io.BytesIO(), io.BytesIO()
    opaque = whole.getextrema()[3][0] == 255
    plain = whole.convert("RGB").quantize(128, dither=Image.Dither.NONE).convert("RGB") if opaque else whole
    plain.save(few, "WEBP", lossless=True, quality=50, method=4)
    whole.save(many, "WEBP", quality=90, method=2)
    return min(few.getvalue(), many.getvalue(), key=len)


def to_webp(path: Path) -> None:
    """Put a picture as WebP in the place of a PNG."""
    with Image.open(path) as picture:
        path.with_suffix(".webp").write_bytes(as_webp(picture))
    path.unlink()


def pack_pages(html: Path) -> None:
    """Make pictures WebP, names short and pages light; the style that stands on all pages goes to a sheet."""
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(to_webp, below(html / "_images", "*.png")))
    for path in below(html, "*"):
        if path.name != LONG.sub(r"\1", path.name):
            path.rename(path.with_name(LONG.sub(r"\1", path.name)))
    pages = {path: path.read_text(encoding="utf-8") for path in below(html, "*.html")}
    (style,) = {tuple(STYLE.findall(page)) for page in pages.values()}
    sheet = html / "_static/course.css"
    sheet.write_text(sheet.read_text(encoding="utf-8") + "".join(style), encoding="utf-8")
    version = f"course.css?v={zlib.crc32(sheet.read_bytes()):08x}"  # else a browser might keep the sheet of another day
    for path, page in pages.items():
        path.write_text(re.sub(r"course\.css\?v=\w+", version, lighter(page)), encoding="utf-8")


def build(out: Path) -> int:
    """Build the site and its zip in `out`/html, from nothing; returns the zip's size in bytes."""
    shutil.rmtree(out, ignore_errors=True)
    (out / "source").mkdir(parents=True)
    lay_out(out / "source")
    run_sphinx(out, out / "source")
    for path in below(out / "html", "*.map"):
        path.unlink()
    pack_pages(out / "html")
    return pack(out / "html", out / "html" / ZIP)


def pack(folder: Path, target: Path) -> int:
    """Zip a folder's files, without the zip itself, the same bytes each time; returns its size in bytes."""
    files = [path for path in below(folder, "*") if path.is_file() and path != target]
    target.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for path in files:
            entry = zipfile.ZipInfo(f"{target.stem}/{path.relative_to(folder).as_posix()}")
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    return target.stat().st_size


def main(argv: list[str] | None = None) -> int:
    """Build the site and its zip; 1 if the zip is too large to take along."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "_out/site", help="where to build; what is there goes")
    out = parser.parse_args(argv).out.resolve()
    size = build(out)
    print(f"{out}/html/index.html, and all of it in {ZIP}: {size / 1e6:.2f} MB")
    if size > LIMIT:
        print(f"the zip has more than {LIMIT / 1e6:g} MB")
    return 1 if size > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
