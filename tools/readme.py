"""Build README.md from the saved outputs of nbs/index.ipynb; `--check` only compares."""

import argparse
import posixpath
import re
import sys
from configparser import SectionProxy
from pathlib import Path

import light_jsonschema  # noqa: F401  # before nbformat
import nbformat
from addresses import COLAB, read_settings
from nbconvert import MarkdownExporter
from reading import for_reading, is_machinery

ROOT = Path(__file__).resolve().parent.parent
FIGURES = "README_files"  # the folder of the figures that index.ipynb's cells drew
HEADER = "<!-- Built from nbs/index.ipynb by `make readme`: edit the notebook, not this file. -->\n\n"
SITE = """
**[The course as a web site]({address})**: draw a digit there, and see it read. Nothing to install.

[![The site's first page: a 7 drawn with the mouse, the drawing after each step of the preparation, and ten bars, of which the one for 7 is long.](nbs/pictures/site.png)]({address})
"""
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
LINK = re.compile(r"\]\((?!\w+:|/|#)([^()\s#]+)(#[^()\s]*)?\)")  # [text](relative/target#anchor)


def link_from_root(source: str, root: Path, folder: str) -> str:
    """Rewrite links relative to the notebook's `folder` so that they hold in `root`."""

    def rewrite(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, match[1]))
        if not (root / target).exists():
            raise SystemExit(
                f"{folder}/index.ipynb links to {match[1]!r}, and there is no {target}: mend the link"
            )
        return f"]({target}{match[2] or ''})"

    return LINK.sub(rewrite, source)


def add_badges(text: str, settings: SectionProxy) -> str:
    """Give each table with notebook links a fourth column: a badge that opens the notebook in Colab."""

    def badge(row: str) -> str:
        link = LINK.search(row)
        if not (link and link[1].endswith(".ipynb")):
            return ""
        url = COLAB.format(path=link[1], **{key: settings[key] for key in ("user", "repo", "branch")})
        return f"[![Open in Colab]({BADGE})]({url})"

    def widen(match: re.Match[str]) -> str:
        rows = match[0].splitlines()
        badges = [badge(row) for row in rows]
        if not any(badges):
            return match[0]
        cells = [" try it ", "---", *(f" {cell} " for cell in badges[2:])]
        return "".join(f"{row.rstrip()}{cell}|\n" for row, cell in zip(rows, cells, strict=True))

    return re.sub(r"(?:^\|.*\|[ \t]*\n){3,}", widen, text, flags=re.MULTILINE)


def add_site(text: str, settings: SectionProxy) -> str:
    """Lead to the web site, under the title and the sentence below it."""
    address = f"{settings['doc_host']}{settings['doc_baseurl']}/"
    return re.sub(r"\A(# .+\n+(?:>.*\n)+)", lambda match: match[1] + SITE.format(address=address), text)


def build_readme(root: Path) -> dict[str, bytes]:
    """README.md and its figures: each file's path within `root`, and its content."""
    settings = read_settings(root)
    folder = settings["nbs_path"]
    nb = nbformat.read(root / folder / "index.ipynb", as_version=4)
    nb.metadata.language_info = {"name": "python"}  # nbdev_clean drops it; fences take it from here
    nb.cells = [cell for cell in nb.cells if not is_machinery(cell)]
    for cell in nb.cells:
        if cell.cell_type == "code":
            for_reading(cell)
        elif cell.cell_type == "markdown":
            cell.source = link_from_root(cell.source, root, folder)

    exporter = MarkdownExporter()
    exporter.display_data_priority = ["text/markdown", "image/svg+xml", "image/png", "text/plain"]
    resources = {"output_files_dir": FIGURES, "unique_key": "figure"}
    text, resources = exporter.from_notebook_node(nb, resources=resources)

    text = add_site(add_badges(text, settings).lstrip(), settings)
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    return {"README.md": (HEADER + text).encode(), **resources["outputs"]}


def stale_files(root: Path, built: dict[str, bytes]) -> list[str]:
    """Names of the files in `root` that are not as `built`, or are figures no longer drawn."""
    present = [path.relative_to(root).as_posix() for path in (root / FIGURES).glob("*")]
    changed = [
        name
        for name, content in built.items()
        if not (root / name).exists() or (root / name).read_bytes() != content
    ]
    return changed + [name for name in present if name not in built]


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    """Write README.md, or with `--check` say whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if out of date")
    check = parser.parse_args(argv).check
    built = build_readme(root)
    stale = stale_files(root, built)
    if check:
        if stale:
            print(f"{', '.join(stale)}: not what nbs/index.ipynb gives; run `make readme` and commit it")
        return 1 if stale else 0
    for name in stale:
        path = root / name
        if name in built:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(built[name])
        else:
            path.unlink()
        print(f"{'wrote' if name in built else 'removed'} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
