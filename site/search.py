"""The site's search: a word is reduced to its stem once, and not each time that a page says it."""

from functools import cache

from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish


class English(SearchEnglish):
    """English as Sphinx knows it, with a memory."""

    def __init__(self, options: dict[str, str]) -> None:
        super().__init__(options)
        self.stem = cache(self.stem)


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.add_search_language(English)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
