"""The folders of a spool."""

from pathlib import Path

import pytest


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    (tmp_path / "memory").mkdir()
    (tmp_path / "spool").mkdir()
    return tmp_path / "memory"
