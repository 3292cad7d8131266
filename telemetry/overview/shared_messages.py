"""Messages that come on several channels: what counts them as one says so."""

from collections.abc import Iterator, Sequence

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.latest import Latest
from telemetry_core.rows.schema import Schema

MOST_NAMED = 3


class SharedMessages:
    """Looks on which channels each record of a schema comes."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._latest = Latest(schema, range(len(schema.specs)))

    def observe(self, samples: SampleBatch) -> None:
        """Take the rows of `samples` into account. Raises ValueError for rows of another schema."""
        self._latest.observe(samples, 0)

    def warnings(self, names: Sequence[str]) -> Iterator[str]:
        """Yield one line where there are some, with the first of them. names: of the channels."""
        channels: dict[int, dict[int, None]] = {}
        for index in range(len(self._latest)):
            key = self._latest[index]
            channels.setdefault(key.record, {})[key.channel] = None
        shared = {record: list(found) for record, found in channels.items() if len(found) > 1}
        if not shared:
            return
        first = sorted(shared)
        spec = [self._schema.specs[record] for record in first[:MOST_NAMED]]
        said = ", ".join(each.message_name for each in spec)
        more = f" and {len(first) - MOST_NAMED} more" if len(first) > MOST_NAMED else ""
        verb = "come" if len(first) > 1 else "comes"
        on = [names[channel] for channel in sorted(shared[first[0]])]
        yield f"{said}{more} {verb} on {' and '.join(on)}: --dbc {on[0]}=FILE keeps one"
