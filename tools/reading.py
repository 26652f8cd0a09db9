"""A notebook's cells for those who only read them: what README.md and the web site leave out."""

import re
from typing import Any

Cell = dict[str, Any]


def text_of(cell: Cell) -> str:
    """A cell's source, which a file keeps as a list of lines or as one text."""
    return "".join(cell["source"])


def is_machinery(cell: Cell) -> bool:
    """True of a code cell that concerns nbdev or Colab and not the reader."""
    text = text_of(cell)
    hidden = re.search(r"^#\|\s*(hide|default_exp)\b", text, re.MULTILINE) or "'google.colab' in sys.modules" in text
    return cell["cell_type"] == "code" and bool(hidden)


def for_reading(cell: Cell) -> Cell:
    """A code cell without `#|` lines, and without its source if they say so: a mark for nbconvert, another for myst-nb."""
    text = text_of(cell)
    if re.search(r"^#\|\s*echo:\s*false", text, re.MULTILINE):
        cell["metadata"]["transient"] = {"remove_source": True}
        cell["metadata"].setdefault("tags", []).append("remove-input")
    cell["source"] = re.sub(r"^#\|.*\n?", "", text, flags=re.MULTILINE).strip()
    return cell
