"""How often a DBC says that its messages are sent (GenMsgCycleTime): no plan for decoding has that.

Promises: any file gives what can be read of it, without cantools. Other formats give nothing.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from telemetry.databases.formats.dbc_statements import dbc_id, statements
from telemetry.databases.formats.encodings import text_of

_PERIOD = re.compile(r'BA_\s+"GenMsgCycleTime"\s+BO_\s+(\d{1,10})\s+(\d{1,8})(?:\.\d*)?\s*;')


def periods_ms(file: Path) -> Mapping[int, int]:
    """Return the period of each message by its id, with bit 31 where it has 29 bits."""
    if file.suffix.lower() != ".dbc":
        return {}
    try:
        text = text_of(file.read_bytes())
    except OSError:  # its parser says so
        return {}
    values = (_PERIOD.match(each.text) for each in statements(text) if each.keyword == "BA_")
    return {dbc_id(int(value[1])): int(value[2]) for value in values if value and int(value[2])}
