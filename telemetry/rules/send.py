"""[send] of the configuration: which messages are sent as they are, and how often a batch goes out. The data
model and events are always sent.

What is not sent is still decoded, mapped and watched.
"""

import fnmatch
import re
from collections.abc import Iterable, Sequence

from telemetry_core.rows.spec import RecordSpec

from telemetry.errors import ConfigError
from telemetry.model.measurements import MEASUREMENTS
from telemetry.rules.signals import choice
from telemetry.settings.declared import key, settings
from telemetry.settings.document import Where
from telemetry.settings.table import TomlTable

MOST_EVERY_S = 300.0
_TABLE = Where("send")


@settings
class SendSettings:
    """Globs of messages, by the names of their measurements. only: empty: all; without: none of these.

    every_s: between requests.
    """

    messages: bool = key("false: the data model, events and the service's own state alone", default=True)
    only: tuple[str, ...] = key(
        'globs of messages: no others are sent, as in `["BMS_*"]`', default=(), shown="all"
    )
    without: tuple[str, ...] = key(
        "globs of messages that are not sent; stronger than `only`", default=(), shown="none"
    )
    every_s: float = key(
        "time between requests: longer costs fewer bytes where little is sent, and values come that late;"
        " events, and starts and ends of charging sessions, go at once, with what waits",
        default=1.0,
        least=1.0,
        most=MOST_EVERY_S,
    )
    newest_first: bool = key(
        "how what waits since an outage is sent, after events, charging sessions and what is new: the"
        " `oldest` first, or the `newest`",
        name="backlog",
        kind="text",
        one_of={"oldest": False, "newest": True},
        default=False,
    )
    where: Where = _TABLE

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError where messages are chosen and none is sent."""
        if not self.messages and (self.only or self.without):
            name = "only" if self.only else "without"
            raise table.wrong(name, "stands beside messages = false", "keep one of the two")

    def chosen(self, records: Sequence[RecordSpec]) -> list[bool]:
        """Return of each record whether its rows are sent. Raises ConfigError if no message fits a glob."""
        names = [record.measurement for record in records if not (record.modelled or record.hidden)]
        for name, globs in (("only", self.only), ("without", self.without)):
            for glob in globs:
                if not fnmatch.filter(names, glob):
                    is_modelled = fnmatch.filter(MEASUREMENTS, glob)
                    hint = "the data model is always sent" if is_modelled else choice(glob, names)
                    raise ConfigError(f"no message fits {glob!r}", where=self.where.key(name), hint=hint)
        only, without = matching(self.only or ("*",)), matching(self.without)
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


def matching(globs: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of any of these globs; of none it fits nothing."""
    return re.compile("|".join(fnmatch.translate(glob) for glob in globs) or "(?!)")
