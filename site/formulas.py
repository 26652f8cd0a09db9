"""Formulas as MathML, which browsers draw themselves: no script, no fonts."""

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


def write_formula(translator: HTML5Translator, node: nodes.Element) -> None:
    """Write one formula, in its line or on a line of its own."""
    block = isinstance(node, nodes.math_block)
    formula = convert(node.astext(), display="block" if block else "inline")
    translator.body.append(f'<div class="course-formula">{formula}</div>' if block else formula)
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    for kind in (nodes.math, nodes.math_block):
        app.add_node(kind, override=True, html=(write_formula, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
