"""The core's `.pyi` files: an editor shows from them what `help` shows of the compiled objects."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
import telemetry_core

ROOT = Path(telemetry_core.__file__).parent
ROOMS = ("frames", "logs", "serial", "transport", "decode", "rows", "text", "columns")
STUBS = sorted(file for room in ROOMS for file in (ROOT / room).glob("*.pyi"))


def _documented(tree: ast.Module, module: object) -> Iterator[tuple[str, str, str]]:
    """Yield name, text in the `.pyi` and compiled text of each public class, method and function."""
    pending: list[tuple[ast.stmt, object]] = [(node, module) for node in tree.body]
    while pending:
        node, owner = pending.pop()
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("__"):
            compiled = inspect.getattr_static(owner, node.name, None)
            if isinstance(node, ast.ClassDef):
                pending.extend((inner, compiled) for inner in node.body)
            words = (getattr(compiled, "__doc__", None) or "").partition(f"{node.name}(")
            text = words[2].partition("\n\n")[2] if words[1] else words[0]
            if not inspect.isgetsetdescriptor(compiled) or ": '" not in text:
                yield node.name, ast.get_docstring(node) or "", text


@pytest.mark.parametrize("file", STUBS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_stub_has_the_docstrings_of_the_compiled_module(file: Path) -> None:
    module = importlib.import_module(f"telemetry_core.{file.parent.name}.{file.stem}")
    for name, shown, compiled in _documented(ast.parse(file.read_text()), module):
        assert shown.split() == compiled.split(), name
