"""Docstrings of the core stand in its sources, where `help` finds them; a `.pyi` has signatures alone."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest
import telemetry_core

ROOT = Path(telemetry_core.__file__).parent
STUBS = sorted(file for file in ROOT.glob("*/*.pyi") if file.parent.name != "charge")


@pytest.mark.parametrize("file", STUBS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_stub_leaves_docstrings_to_the_compiled_module(file: Path) -> None:
    module = importlib.import_module(f"telemetry_core.{file.parent.name}.{file.stem}")
    pending: list[tuple[ast.stmt, object]] = [(node, module) for node in ast.parse(file.read_text()).body]
    while pending:
        node, owner = pending.pop()
        if not isinstance(node, ast.ClassDef | ast.FunctionDef) or node.name.startswith("__"):
            continue
        compiled = inspect.getattr_static(owner, node.name, None)  # None: for type checkers alone
        if isinstance(node, ast.ClassDef):
            pending.extend((inner, compiled) for inner in node.body)
        assert ast.get_docstring(node) is None, f"{node.name}: its docstring stands in the .pyx"
        if compiled is not None and not inspect.isgetsetdescriptor(compiled):
            signature, _, rest = (compiled.__doc__ or "").partition(f"{node.name}(")
            text = rest.partition("\n\n")[2] if rest else signature
            assert text.strip(), f"{node.name}: has no docstring"
