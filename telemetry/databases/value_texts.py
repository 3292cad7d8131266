"""Value tables as fields of their own: beside each number the word that the database has for it.

Promises: the number's field stays as it is. The word's field has the same name followed by `_text`, comes
right after the number's, and is absent where the table has no word for a raw value.
"""

from collections.abc import Set
from dataclasses import replace

from telemetry_core.decode.spec import SignalSpec
from telemetry_core.rows.schema import escape_key
from telemetry_core.rows.spec import FieldSpec, SlotKind

from telemetry.databases.layout import MessageLayout, Report, exclude

SUFFIX = "_text"


def with_value_texts(layout: MessageLayout, report: Report, numbers: Set[bytes]) -> MessageLayout:
    """Return `layout` with a second signal of the same bits after each integer that has a value table.

    `numbers` holds the numeric fields of its measurement, also on other buses, as line protocol writes them:
    none of them may be a text.
    """
    fields: list[FieldSpec] = []
    signals: list[SignalSpec] = []
    new_index = []
    taken: dict[bytes, list[int]] = {}
    for field, signal in zip(layout.fields, layout.signals, strict=True):
        new_index.append(len(fields))
        fields.append(field)
        signals.append(signal)
        if not signal.choices or signal.is_float:
            continue
        text_name = field.name + SUFFIX
        while escape_key(text_name) in numbers or not all(
            exclude(other, signal.condition, layout.conditions)
            for other in taken.get(escape_key(text_name), [])
        ):
            text_name += SUFFIX
            report("a text of the name of a signal, written with _text twice", field.signal_name)
        taken.setdefault(escape_key(text_name), []).append(signal.condition)
        texts = tuple((_as_slot(raw), word) for raw, word in signal.choices)
        original = field.signal and field.signal + SUFFIX
        fields.append(FieldSpec(text_name, SlotKind.WORD, passes=field.passes, signal=original, texts=texts))
        signals.append(replace(signal, choices=()))
    conditions = tuple(
        replace(condition, selector=new_index[condition.selector]) for condition in layout.conditions
    )
    return MessageLayout(tuple(fields), tuple(signals), conditions)


def _as_slot(raw: int) -> int:
    """Return `raw` as the slot of a word holds it: a signed integer of 64 bits."""
    return raw - (1 << 64) if raw >= 1 << 63 else raw
