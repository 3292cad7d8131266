"""docs/data-model.md, made of the data model."""

from collections.abc import Iterator

from telemetry.model.event_codes import EVENT_CODES
from telemetry.model.measurements import MEASUREMENTS, TAGS


def documentation() -> str:
    """docs/data-model.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Data model"
    yield ""
    yield "Made by `make pages`; edit `telemetry/model/` instead."
    yield ""
    yield (
        "Every number is a float, every flag a boolean, every text a string, for ever. Names of numbers carry"
        " their unit. Current and power are positive into the battery. A field that is not known is absent,"
        " never 0. Stamps are the frames' own, in ns. Besides these measurements each message of a database"
        " is a measurement of its own name with its signals as fields."
    )
    yield ""
    yield "## Tags"
    yield ""
    yield "| tag | meaning |"
    yield "| --- | --- |"
    yield from (f"| `{name}` | {meaning} |" for name, meaning in TAGS.items())
    for measurement in MEASUREMENTS.values():
        yield ""
        yield f"## {measurement.name}"
        yield ""
        if not measurement.is_written:
            yield "**Not written yet.** The service makes no such points; names and fields are reserved."
            yield ""
        yield f"One point is {measurement.meaning}."
        yield ""
        yield f"Tags: {', '.join(f'`{tag}`' for tag in measurement.tags)}, where they apply."
        yield ""
        yield "| field | type | unit | meaning |"
        yield "| --- | --- | --- | --- |"
        for field in measurement.fields:
            yield f"| `{field.name}` | {field.kind.value} | {field.unit} | {field.meaning} |"
        if measurement.notes:
            yield ""
            yield measurement.notes
    yield ""
    yield "## Event codes"
    yield ""
    yield "| number | code | level | meaning |"
    yield "| --- | --- | --- | --- |"
    for code in EVENT_CODES.values():
        yield f"| {code.number} | `{code.name}` | {code.level.name.lower()} | {code.meaning} |"
