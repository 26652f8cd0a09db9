"""The project's facts and where its parts are found, for the tools; imports nothing that takes time."""

from configparser import ConfigParser, SectionProxy
from pathlib import Path

COLAB = "https://colab.research.google.com/github/{user}/{repo}/blob/{branch}/{path}"


def read_settings(root: Path) -> SectionProxy:
    """The facts in `root`'s settings.ini."""
    config = ConfigParser(delimiters=["="])
    config.read(root / "settings.ini", encoding="utf-8")
    return config["DEFAULT"]


def below(folder: Path, pattern: str) -> list[Path]:
    """The files below a folder, at any depth, that are not hidden."""
    found = sorted(folder.rglob(pattern))
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
