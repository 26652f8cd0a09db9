"""What several test files share; nothing here takes long to import."""

import fcntl
import hashlib
import html
import json
import platform
import re
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_out/site-tested"
STILL = re.compile(r'<div class="course-explorer" id="([^"]+)".*?<p>(.*?)</p>', re.DOTALL)  # its name, its sentence


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def built_site() -> Path:
    """The web site's folder: built once for all processes that test it, and again when what it is made of changes."""
    SITE.parent.mkdir(exist_ok=True)
    with SITE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark, state = SITE / "made-of", site_sources()
        if not mark.exists() or mark.read_text() != state:
            command = [sys.executable, "tools/build_site.py", "--out", str(SITE)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0, f"the site did not build:\n{done.stdout}{done.stderr}"
            mark.write_text(state)
    return SITE / "html"


def stills(page: Path) -> list[tuple[str, str]]:
    """Of each explorer on a page of the site that a cell has shown: its name, and the sentence of its still."""
    return [(name, html.unescape(sentence)) for name, sentence in STILL.findall(page.read_text("utf-8"))]


def site_sources() -> str:
    """A digest of all that the site is made of: the project's files, and the packages that build it."""
    digest = hashlib.sha256(platform.python_version().encode())
    for name in ("sphinx", "myst_nb", "furo", "docutils", "pygments"):
        digest.update(f"{name} {version(name)}".encode())
    paths = [path for folder in ("nbs", "site", "mnist_s6") for path in (ROOT / folder).rglob("*") if path.is_file()]
    paths += [ROOT / "settings.ini", *(ROOT / f"tools/{name}.py" for name in ("build_site", "addresses", "reading"))]
    for path in sorted(paths):
        place = path.relative_to(ROOT)
        if path.suffix not in {".pyc", ".xz"} and not any(part.startswith(".") for part in place.parts):
            digest.update(place.as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def reply(room: str, name: str, value: object, **known: object) -> str:
    """What an exercise of a notebook says to an answer: "right", or "not yet: " and a hint."""
    cells = json.loads((ROOT / f"nbs/{room}.ipynb").read_text(encoding="utf-8"))["cells"]
    source = next(source for cell in cells if (source := "".join(cell["source"])).startswith(f"{name} ="))
    said: list[str] = []
    exec(source.split("\n", 1)[1], {"print": said.append, **known, name: value})
    assert len(said) == 1 and (said[0] == "right" or said[0].startswith("not yet: "))
    return said[0]
