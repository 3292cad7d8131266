"""[send] of the configuration: which messages are sent as they are, and how often a batch goes out. The data
model and events are always sent.

What is not sent is still decoded, mapped and watched.
"""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from telemetry_core.rows.spec import RecordSpec

from telemetry.errors import ConfigError
from telemetry.rules.signals import choice
from telemetry.toml_document import Where
from telemetry.toml_table import TomlTable

MOST_EVERY_S = 60.0
_TABLE = Where("send")


@dataclass(frozen=True, slots=True)
class SendSettings:
    """Globs of messages, by the names of their measurements. only: empty: all; without: none of these.

    every_s: how long a batch collects what is sent; what is collected is lost with the power.
    """

    messages: bool = True
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    every_s: float = 1.0
    where: Where = _TABLE

    def chosen(self, records: Sequence[RecordSpec]) -> list[bool]:
        """Return of each record whether its rows are sent. Raises ConfigError if no message fits a glob."""
        names = [record.measurement for record in records if not (record.modelled or record.hidden)]
        for key, globs in (("only", self.only), ("without", self.without)):
            for glob in globs:
                if not fnmatch.filter(names, glob):
                    raise ConfigError(
                        f"no message fits {glob!r}", where=self.where.key(key), hint=choice(glob, names)
                    )
        only, without = _pattern(self.only or ("*",)), _pattern(self.without)
        return [
            record.modelled
            or (
                self.messages
                and only.fullmatch(record.measurement) is not None
                and without.fullmatch(record.measurement) is None
            )
            for record in records
        ]


SEND_MESSAGES = SendSettings()


def read_send(table: TomlTable) -> SendSettings:
    """[send]. Raises ConfigError."""
    settings = SendSettings(
        messages=table.take_flag("messages", True),
        only=table.take_texts("only"),
        without=table.take_texts("without"),
        every_s=table.take_number("every_s", 1.0, least=1.0, most=MOST_EVERY_S),
        where=table.where(),
    )
    table.close()
    if not settings.messages and (settings.only or settings.without):
        key = "only" if settings.only else "without"
        raise table.wrong(key, "stands beside messages = false", "keep one of the two")
    return settings


def _pattern(globs: Iterable[str]) -> re.Pattern[str]:
    """A pattern of any of them; of none it fits nothing."""
    return re.compile("|".join(fnmatch.translate(glob) for glob in globs) or "(?!)")
