"""examples/charge.ipynb: its cells run in their order, and what the last line of each gives can be shown."""

import ast
import json
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "charge.ipynb"
PNG = b"\x89PNG\r\n\x1a\n"


def test_its_cells_run_and_show_tables_and_a_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for package in ("numpy", "pandas", "matplotlib"):
        pytest.importorskip(package)
    monkeypatch.chdir(NOTEBOOK.parent)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    names: dict[str, object] = {}
    pages, pictures = [], []
    for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        *lines, last = ast.parse("".join(cell["source"])).body
        assert isinstance(last, ast.Expr)
        exec(compile(ast.Module(lines, []), str(NOTEBOOK), "exec"), names)  # noqa: S102 - it is the notebook that is tested
        shown = eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names)  # noqa: S307
        pages += [shown._repr_html_() or ""] if hasattr(shown, "_repr_html_") else []
        pictures += [shown._repr_png_()] if hasattr(shown, "_repr_png_") else []
    for words in ("5 tables", "BMS_PackState: 10 rows", "wide: 21 rows", "signals: 100 rows"):
        assert any(words in page for page in pages), words
    assert [picture[: len(PNG)] for picture in pictures] == [PNG]


def test_it_is_kept_without_what_it_showed() -> None:
    for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
