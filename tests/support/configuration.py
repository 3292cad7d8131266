"""Configurations for tests: the tables that each has, and what becomes of one in a folder."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import pytest

from telemetry.config import Config, load_config
from telemetry.errors import ConfigError
from telemetry.settings.declared import read
from telemetry.settings.document import Document
from telemetry.settings.table import TomlTable

T = TypeVar("T")
GATEWAY = """
vehicle = "van-7"
[influx]
url = "http://127.0.0.1:8086"
database = "fleet"
[spool]
directory = "spool"
"""
# The same without a server; what holds of the whole file comes before it.
NOWHERE = """
vehicle = "van"
[influx]
url = "http://127.0.0.1:9"
database = "d"
[spool]
directory = "spool"
"""
GATEWAY_OF_CAN0 = f'{GATEWAY}[[can]]\nname = "can0"\n'


def load(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> Config:
    """Read `text` as gateway.toml of the folder."""
    file = folder / "gateway.toml"
    file.write_text(text)
    return load_config(file, environment or {})


def settings_of(cls: type[T], **keys: object) -> T:
    """Return the settings that are these keys of gateway.toml."""
    return read(cls, TomlTable(Document.plain(Path("gateway.toml"), keys), {}))


def refused(folder: Path, text: str) -> str:
    """Return why `text` is refused, in one line, without the place in the file."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    assert caught.value.exit_code == 78
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{folder / 'gateway.toml'}:")
    return re.sub(r"^[^\n]*?gateway\.toml(:[0-9]+)?: ", "", str(caught.value))
