"""The site's search: words that lead to a room which says them little or not at all, and a stemmer with a memory."""

from functools import cache

from docutils import nodes
from sphinx.addnodes import index
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

WORDS = {  # what readers look for, by the room that explains it, as in the index of a book; for order see scorer.js
    "01_datasets": ["batch size", "validation set"],
    "02_model": ["batch norm", "batch normalisation", "batch normalization", "ReLU"],
    "03_util": ["softmax", "loss", "cross-entropy", "cross entropy", "epoch"],
    "07_truth": ["confidence intervals", "McNemar"],
    "35_calibration": ["calibration", "temperature"],
    "70_distillation": ["distillation"],
}


class English(SearchEnglish):
    """English as Sphinx knows it, which reduces a word to its stem once, and not each time that a page says it."""

    def __init__(self, options: dict[str, str]) -> None:
        super().__init__(options)
        self.stem = cache(self.stem)


def add_words(app: Sphinx, doctree: nodes.document) -> None:
    """Enter a room's words in the search index."""
    if words := WORDS.get(app.env.docname):
        doctree += index(entries=[("single", word, "", "main", None) for word in words])


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.add_search_language(English)
    app.connect("doctree-read", add_words)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
