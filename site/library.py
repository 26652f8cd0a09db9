"""The library's reference: docstrings, and the comments beside parameters, for autodoc."""

import ast
import inspect
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from sphinx.application import Sphinx

SPECIAL = re.compile(r"([\\*_|<>:])")  # what reStructuredText would read as more than a letter


def comments_in(source: str) -> dict[int, str]:
    """The comment at the end of each line that has one, by the line's number."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def definition(thing: object) -> tuple[Any, dict[int, str]]:
    """A function's, class's or property's syntax tree and its comments; None and {} where Python has no source."""
    thing = thing.fget if isinstance(thing, property) else thing.func if isinstance(thing, cached_property) else thing
    try:
        source = textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError):
        return None, {}
    return ast.parse(source).body[0], comments_in(source)


def described(thing: object) -> Iterator[tuple[str, str]]:
    """Each parameter, or field of a class, with the comment beside it, or "" if only others have one; last `return`."""
    node, comments = definition(thing)
    if isinstance(node, ast.ClassDef):
        start = next((it for it in node.body if getattr(it, "name", "") == "__init__"), None)
        fields = [(it.target.id, it.end_lineno) for it in node.body if isinstance(it, ast.AnnAssign)]
        named = [*fields, *(parameters(start) if start else [])]
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        named = [*parameters(node), *([("return", node.returns.end_lineno)] if node.returns else [])]
    else:
        named = []
    last = {line: name for name, line in named}  # a comment belongs to the last name of its line
    told = [(name, comments.get(line, "") if last[line] == name else "") for name, line in named]
    known = {name for name, words in told if words}  # a class may have a field and a parameter of the same name
    silent = {"self", "cls", "return", *known} if known - {"return"} else {name for name, _ in told}
    yield from ((name, words) for name, words in told if words or name not in silent)


def parameters(node: ast.FunctionDef) -> list[tuple[str, int]]:
    """The names of a function's parameters, with the lines on which they end."""
    spec = node.args
    every = [*spec.posonlyargs, *spec.args, spec.vararg, *spec.kwonlyargs, spec.kwarg]
    ends = {id(arg): arg.end_lineno for arg in every if arg}
    return [(arg.arg, ends[id(arg)]) for arg in every if arg]


def as_rst(text: str) -> str:
    """Words with `code` in them, as reStructuredText."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return SPECIAL.sub(r"\\\1", text).replace("`", r"\`")
    parts[::2] = [SPECIAL.sub(r"\\\1", words) for words in parts[::2]]
    return "``".join(parts)


def with_parameters(app: Sphinx, what: str, name: str, thing: object, options: Any, lines: list[str]) -> None:
    """Rewrite a docstring for Sphinx, and add a field for each comment beside a parameter."""
    lines[:] = [as_rst(line) for line in lines]
    if what == "module":
        return
    fields = list(described(thing))
    lines += [""] * bool(fields)
    for parameter, comment in fields:
        field = "returns" if parameter == "return" else f"param {parameter}"
        lines.append(f":{field}: {as_rst(comment)}".rstrip())
    lines.append("")


def skip(app: Sphinx, what: str, name: str, thing: object, skipped: bool, options: Any) -> bool | None:
    """Leave out the fields of named tuples: they stand among the parameters."""
    return True if type(thing).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.connect("autodoc-process-docstring", with_parameters)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
