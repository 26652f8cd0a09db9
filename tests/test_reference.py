"""What the library's reference shows of each module, and what modules take of each other."""

import ast
import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "site")]

import build_site  # noqa: E402
import library  # noqa: E402

MODULES = build_site.module_names()


def public(things: dict) -> Iterator[tuple[str, object]]:
    """Those without an underscore."""
    return ((name, thing) for name, thing in things.items() if not name.startswith("_"))


def undocumented(module: object) -> Iterator[str]:
    """Functions and classes of a module, methods and properties without a docstring, and fields without a comment."""
    for name, thing in public(vars(module)):
        if not (inspect.isclass(thing) or inspect.isfunction(thing)) or thing.__module__ != module.__name__:
            continue
        if not thing.__doc__ or thing.__doc__.startswith(f"{name}("):  # which Python writes for a dataclass
            yield name
        if inspect.isclass(thing):
            members = (member for member, it in public(vars(thing)) if inspect.isfunction(it) or isinstance(it, (property, classmethod, staticmethod)))
            yield from (f"{name}.{member}" for member in members if not inspect.getdoc(getattr(thing, member)))
            told = {field for field, words in library.described(thing) if words}
            yield from (f"{name}.{field}" for field, _ in public(inspect.get_annotations(thing)) if field not in told)


@pytest.mark.parametrize("name", MODULES)
def test_what_is_public_is_documented(name: str) -> None:
    """The reference would show it without a word; a method may have its parent's words."""
    assert list(undocumented(importlib.import_module(name))) == []


@pytest.mark.parametrize("name", MODULES)
def test_what_is_private_stays_in_its_module(name: str) -> None:
    imports = (node for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom))
    own = (node for node in imports if node.level or (node.module or "").startswith("mnist_s6"))
    names = (alias.name for node in own for alias in node.names)
    assert [name for name in names if name.startswith("_") and name != "__version__"] == []
