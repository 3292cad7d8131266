"""Answers of a car that somebody asks, each a message of its own, from frames to rows of the data model."""

import itertools
from collections.abc import Iterable, Sequence

import pytest
from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import BusSpec, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import DecimalScale, FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.mapper import Mapper
from telemetry_core.transport.stage import Transport

from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from tests.support.transport_wire import id_of, isotp

BATTERY, CLIMATE = "7BB", "18DAF110"
BEGIN_NS = 1_700_000_000 * 10**9
Place = tuple[str, int, int]  # name, first byte, bytes; big endian


def places(name: str, first: int, count: int, size: int = 2) -> list[Place]:
    return [(f"{name}{number + 1}", first + size * number, size) for number in range(count)]


# Name, id, first bytes, lengths, values: of a Leaf, and of a heater that is asked at the same time.
ANSWERS: list[tuple[str, str, str, tuple[int, ...], list[Place]]] = [
    ("New", BATTERY, "6101", (53,), [("Amps", 4, 4), ("SoC", 31, 4)]),
    ("Old", BATTERY, "6101", (41, 43), [("Amps", 8, 4)]),
    ("Cells", BATTERY, "6102", (), places("Cell", 4, 96)),
    ("Temps", BATTERY, "6104", (), places("T", 4, 4, 3)),
    ("Heater", CLIMATE, "6201AB", (), [("Watts", 3, 2)]),
]


def message(
    number: int, name: str, id: str, begins: str, lengths: tuple[int, ...], values: list[Place]
) -> MessageSpec:
    signals = tuple(
        SignalSpec(8 * byte + 7, 8 * size, little_endian=False, signed=True, is_float=False)
        for _, byte, size in values
    )
    extended, begin = len(id) == 8, bytes.fromhex(begins)
    return MessageSpec(name, int(id, 16), extended, 8, signals, (), number, begins=begin, lengths=lengths)


def record(name: str, values: Iterable[Place]) -> RecordSpec:
    scale = DecimalScale(1, 0, 3)
    fields = (FieldSpec(value, SlotKind.INT, 0.001, 0.0, scale) for value, _, _ in values)
    return RecordSpec(name, tuple(fields))


PLAN = PlanSpec(
    tuple(record(name, values) for name, _, _, _, values in ANSWERS),
    (BusSpec("port", tuple(message(number, *each) for number, each in enumerate(ANSWERS))),),
)
ENTRIES = [
    MapEntry("New.Amps", "battery.current_a", rank=2),
    MapEntry("Old.Amps", "battery.current_a", rank=2),
    MapEntry("New.SoC", "battery.soc_pct", rank=2),
    MapEntry("Cells.Cell{n}", "cells.v{n}", rank=2),
    MapEntry("Temps.T{n}", "cells.t{n}", rank=2),
]


def answer(begins: str, length: int, values: dict[int, tuple[int, int]]) -> bytes:
    """Return an answer with values (raw, bytes) by their first byte."""
    data = bytearray(bytes.fromhex(begins).ljust(length, b"\x5a"))
    for byte, (raw, size) in values.items():
        data[byte : byte + size] = raw.to_bytes(size, "big", signed=True)
    return bytes(data)


CELLS = answer("6102", 198, {4 + 2 * number: (3700 + number, 2) for number in range(96)})
TEMPS = answer("6104", 31, {4 + 3 * number: (21_000 + number, 3) for number in range(4)})
HEATER = answer("6201AB", 30, {3: (5200, 2)})


class Asked:
    """Frames of one channel through transport, decoder and mapper, in batches of 7."""

    def __init__(self, entries: Sequence[MapEntry] = ENTRIES, spec: PlanSpec = PLAN) -> None:
        self.map = resolve(entries, spec)
        schema = Schema(spec.records + self.map.records)
        plan = Plan(spec, schema)
        self.transport, self.decoder, self.mapper = Transport(plan), Decoder(plan), Mapper(schema, self.map)
        self.transport.bind(0, 0, isotp=[(id_of(BATTERY), False, False), (id_of(CLIMATE), False, False)])
        self.decoder.bind(0, 0, 0)
        self.mapper.bind(0, 0, range(len(self.map.tag_sets)))
        self.decoded, self.mapped = SampleBatch(schema), SampleBatch(schema)

    def hear(self, texts: Sequence[str]) -> list[tuple[str, dict[str, float]]]:
        """Hear frames 10 ms apart; return the rows that are made, and their numbers."""
        made = []
        for begin in range(0, len(texts), 7):
            frames = FrameBatch(7)
            for number, text in enumerate(texts[begin : begin + 7], start=begin):
                id, _, data = text.partition("#")
                frames.append(BEGIN_NS + number * 10**7, id_of(id), bytes.fromhex(data))
            self.decoded.clear()
            self.mapped.clear()
            self.decoder.decode(self.transport.reassemble(frames), self.decoded)
            self.mapper.map(self.decoded, self.mapped)
            for row in self.mapped:
                numbers = {name: value for name, value in row.raw.items() if not isinstance(value, bool)}
                made.append((row.measurement, numbers))
        return made


def test_all_values_of_all_answers_come_out_also_where_two_units_answer_at_once() -> None:
    new = answer("6101", 53, {4: (-12_345, 4), 31: (81_250, 4)})
    battery = [*isotp(BATTERY, new), *isotp(BATTERY, CELLS), *isotp(BATTERY, TEMPS)]
    heater = isotp(CLIMATE, HEATER) * 6
    mixed = [text for both in itertools.zip_longest(battery, heater) for text in both if text]
    asked = Asked()
    made = asked.hear(mixed)
    cells = [row for name, row in made if name == "cells"]
    assert [row for name, row in made if name == "Heater"] == [{"Watts": 5200}] * 6
    assert next(row for name, row in made if name == "battery") == {"current_a": -12.345, "soc_pct": 81.25}
    assert cells == [
        {f"v{number + 1:03}": (3700 + number) / 1000 for number in range(96)},
        {f"t{number + 1:03}": (21_000 + number) / 1000 for number in range(4)},
    ]
    assert asked.decoder.payloads(0) == {"decoded": 9, "unknown": 0}
    assert asked.mapper.incomplete_cycles == 0


@pytest.mark.parametrize(
    ("length", "byte", "fields"),
    [
        (53, 4, {"current_a": 7.5, "soc_pct": pytest.approx(1515870.81)}),
        (41, 8, {"current_a": 7.5}),
        (43, 8, {"current_a": 7.5}),
        (42, 8, None),
        (54, 4, None),
    ],
)
def test_a_layout_is_told_by_its_length_and_another_length_is_unknown(
    length: int, byte: int, fields: dict[str, float] | None
) -> None:
    asked = Asked()
    made = asked.hear(isotp(BATTERY, answer("6101", length, {byte: (7500, 4)})))
    assert [row for name, row in made if name == "battery"] == ([] if fields is None else [fields])
    assert asked.decoder.payloads(0) == {"decoded": int(fields is not None), "unknown": int(fields is None)}


def test_a_frame_is_no_answer() -> None:
    """The first bytes of a frame are those of its protocol."""
    asked = Asked()
    frames = FrameBatch(1)
    frames.append(0, id_of(BATTERY), bytes.fromhex("61025A5A5A5A5A5A"))
    asked.decoder.decode(frames, asked.decoded)
    assert (len(asked.decoded), asked.decoder.counts(0)["unknown"]) == (0, 1)


def test_layouts_of_a_page_are_alternatives_and_none_is_missing() -> None:
    """Temperatures of two layouts: a car answers one, and its rounds are whole without the other."""
    layouts = [
        ("Three", BATTERY, "6104", (16,), places("T", 4, 3, 3)),
        ("Four", BATTERY, "6104", (31,), places("T", 4, 4, 3)),
        ("More", BATTERY, "6105", (), [("T5", 4, 3)]),
    ]
    spec = PlanSpec(
        tuple(record(name, values) for name, _, _, _, values in layouts),
        (BusSpec("port", tuple(message(number, *each) for number, each in enumerate(layouts))),),
    )
    entries = [MapEntry(f"{name}.T{{n}}", "cells.t{n}", rank=2) for name in ("Three", "Four", "More")]
    asked = Asked(entries, spec)
    more = isotp(BATTERY, answer("6105", 9, {4: (25_000, 3)}))
    made = asked.hear([*isotp(BATTERY, TEMPS), *more] * 3)
    assert [sorted(row) for name, row in made if name == "cells"] == [[f"t00{n}" for n in range(1, 6)]] * 3
    assert asked.mapper.missing(0) == []


def test_a_value_whose_bit_is_0_or_past_the_end_is_not_there() -> None:
    cells = [("Cell1", 7, 2), ("Cell2", 9, 2), ("Cell3", 11, 2)]
    bits = (8 * 3 + 7, 8 * 3 + 6, 8 * 40)  # the first two of a mask of 32 bits, and one past the end
    masked = message(0, "Masked", BATTERY, "620102", (), cells)
    signals = tuple(
        SignalSpec(each.start_bit, 16, False, False, is_float=False, present_bit=bit)
        for each, bit in zip(masked.signals, bits, strict=True)
    )
    bus = BusSpec("port", (MessageSpec("Masked", 0x7BB, False, 13, signals, (), 0, begins=b"\x62\x01\x02"),))
    spec = PlanSpec((record("Masked", cells),), (bus,))
    data = answer("620102", 13, {3: (0x40 << 24, 4), 7: (3333, 2), 9: (4000, 2), 11: (5555, 2)})
    asked = Asked([MapEntry("Masked.Cell{n}", "cells.v{n}")], spec)
    made = asked.hear(isotp(BATTERY, data))
    assert [row for name, row in made if name == "cells"] == [{"v002": 4.0}]
    assert {name: count for name, count in asked.decoder.omitted().items() if count} == {
        "not_available": 1,
        "short_frame": 1,
    }
