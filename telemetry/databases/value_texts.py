"""Value tables as fields of their own: beside each number the word that the database has for it.

Promises: the number's field is what it is without this; the word's is called like it with `_text` behind,
stands right behind the number's, and is absent where the table has no word for a raw value.
"""

from collections.abc import Set
from dataclasses import replace

from telemetry_core.decode.spec import FieldSpec, SignalSpec, SlotKind
from telemetry_core.rows.schema import escape_key

from telemetry.databases.layout import MessageLayout, Tell, exclude

SUFFIX = "_text"


def with_value_texts(layout: MessageLayout, tell: Tell, numbers: Set[bytes]) -> MessageLayout:
    """`layout` with a second signal of the same bits behind each integer that has a value table.

    numbers: the fields of its measurement that are numbers, also on other buses, as they are written: none of
    them may be a text.
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
            tell("a text of the name of a signal, written with _text twice", field.signal or field.name)
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
    """A slot of a word is a signed integer of 64 bits."""
    return raw - (1 << 64) if raw >= 1 << 63 else raw
