"""MF4 in many layouts: against what was written, against what asammdf reads, and damaged."""

import contextlib
import dataclasses
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.logs.mf4 import Mf4Reader
from telemetry_core.logs.mf4_layout import UnknownLayoutError

from tests.support.can_frames import BRS, ERROR, ESI, EXTENDED, FD, REMOTE
from tests.support.mf4 import (
    COUNTS,
    LAST_LENGTH,
    LAST_LIST,
    NAMES,
    OFFSETS,
    START_NS,
    Frame,
    Layout,
    mf4_file,
)

UNITS = {1e-9: 1, 1e-7: 100, 1e-6: 1000, 0.0: 1000}  # ns that stamps are multiples of
FD_LENGTHS = (*range(9), 12, 16, 20, 24, 32, 48, 64)
FIELDS = ("ID", "IDE", "DLC", "DataLength", "BusChannel", "EDL", "BRS", "ESI")
asammdf = pytest.importorskip("asammdf", reason="asammdf is not installed")


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    unit_s = draw(st.sampled_from(list(UNITS)))
    is_big_endian = draw(st.booleans())
    id_bytes = draw(st.sampled_from([0, 0, 1, 2, 4, 8]))
    block = draw(st.sampled_from(["DT", "DL", "HL", *["LD"] * (not id_bytes)]))
    payload = draw(st.sampled_from(["fixed", "most", "signal", *["group"] * (id_bytes > 0)]))
    return Layout(
        unit_s=unit_s,
        stamp_bytes=draw(st.sampled_from([6, 8])) if unit_s else 8,
        is_big_endian=is_big_endian,
        is_packed=not is_big_endian and draw(st.booleans()),
        gap_bits=draw(st.integers(0, 9)),
        payload=payload,
        id_bytes=id_bytes,
        block=block,
        block_bytes=draw(st.sampled_from([7, 100, 5000])),
        method=draw(st.sampled_from([-1, 0, 1])),
        invalidation_bytes=0 if block == "LD" else draw(st.sampled_from([0, 1])),
        value_first=draw(st.booleans()),
    )


@st.composite
def frames(draw: st.DrawFn, most: int = 12) -> list[Frame]:
    made = []
    stamp = 0
    for _ in range(draw(st.integers(1, most))):
        stamp += draw(st.integers(0, 3000)) * 1000
        kind = draw(st.sampled_from([0, 0, 0, 1, 2]))
        is_extended, is_fd = draw(st.booleans()), draw(st.booleans()) and kind != 2
        length = draw(st.sampled_from(FD_LENGTHS if is_fd else FD_LENGTHS[:9]))
        data = draw(st.binary(min_size=length, max_size=length)) if kind != 2 else b""
        fields = {
            "ID": draw(st.integers(0, 0x1FFFFFFF if is_extended else 0x7FF)),
            "IDE": int(is_extended),
            "DLC": FD_LENGTHS.index(length),
            "DataLength": length,
            "BusChannel": draw(st.integers(1, 3)),
            "EDL": int(is_fd),
            "BRS": int(is_fd and draw(st.booleans())),
            "ESI": int(is_fd and draw(st.booleans())),
        }
        made.append(Frame(stamp, kind, fields, data))
    return made


def expected(written: list[Frame], start_ns: int = START_NS) -> list[FrameTuple]:
    """Return what a reader is to give: groups merged by time, the first group first."""
    merged = sorted(written, key=lambda frame: (frame.stamp, frame.kind))
    made = []
    for frame in merged:
        fields = frame.fields
        id = fields["ID"] | (EXTENDED if fields["IDE"] and frame.kind != 1 else 0)
        id |= (0, ERROR, REMOTE)[frame.kind]
        flags = FD * fields["EDL"] | BRS * fields["BRS"] | ESI * fields["ESI"] if frame.kind != 2 else 0
        data = frame.data if frame.kind != 2 else bytes(fields["DataLength"])
        made.append(FrameTuple(start_ns + frame.stamp, id, data, fields["BusChannel"] - 1, flags, 0))
    return made


def scaled(layout: Layout, written: list[Frame]) -> list[Frame]:
    """Return the frames with stamps in units of the layout."""
    divisor = UNITS[layout.unit_s] if layout.unit_s else 1
    return [Frame(frame.stamp // divisor, frame.kind, frame.fields, frame.data) for frame in written]


def read(content: bytes, batch_frames: int = 100) -> tuple[list[FrameTuple], Mf4Reader]:
    reader = Mf4Reader(io.BytesIO(content), lambda name: int(name[3:]))
    batch = FrameBatch(batch_frames)
    made: list[FrameTuple] = []
    while reader.read(batch):
        made += batch
        batch.clear()
    assert reader.at_end
    return made, reader


@given(layout=layouts(), written=frames(), batch_frames=st.integers(1, 5))
def test_every_layout_gives_what_was_written(layout: Layout, written: list[Frame], batch_frames: int) -> None:
    made, reader = read(mf4_file(layout, scaled(layout, written)), batch_frames)
    assert made == expected(written)
    assert (reader.damaged, reader.cut_short) == (0, "")


def read_by_asammdf(content: bytes) -> list[FrameTuple]:
    """Return the frames, channel by channel: python-can's reader takes whole records, and shifts no bits."""
    made = []
    with asammdf.MDF(io.BytesIO(content)) as log:
        start_ns = int(log.header.abs_time)
        for number, group in enumerate(log.groups):
            names = {str(channel.name) for channel in group.channels}
            kind = next((kind for kind, name in enumerate(NAMES) if name in names), None)
            if kind is None:  # the payloads beside a group
                continue
            columns = {
                name: log.get(f"{NAMES[kind]}.{name}", group=number).samples
                for name in ("DataBytes", *FIELDS)
                if f"{NAMES[kind]}.{name}" in names
            }
            stamps_s = log.get_master(number)
            for row, stamp_s in enumerate(stamps_s):
                fields = {name: int(columns[name][row]) for name in FIELDS}
                data = bytes(columns["DataBytes"][row])[: fields["DataLength"]] if kind != 2 else b""
                data = data.ljust(fields["DataLength"], b"\0")
                made.append(Frame(round(stamp_s * 1e9), kind, fields, data))
        return expected(made, start_ns)


@given(layout=layouts().filter(lambda layout: layout.block != "LD"), written=frames())  # it reads no LD
def test_every_layout_gives_what_asammdf_reads(layout: Layout, written: list[Frame]) -> None:
    content = mf4_file(layout, scaled(layout, written))
    made, theirs = read(content)[0], read_by_asammdf(content)
    assert [frame._replace(time_ns=0) for frame in made] == [frame._replace(time_ns=0) for frame in theirs]
    for one, other in zip(made, theirs, strict=True):
        assert abs(one.time_ns - other.time_ns) <= 1000


@given(
    layout=layouts(),
    written=frames(),
    unfinished=st.sampled_from([COUNTS, COUNTS | OFFSETS, COUNTS | LAST_LENGTH | OFFSETS, LAST_LIST]),
    kept=st.floats(0.6, 1),
)
def test_an_unfinished_log_gives_a_prefix_of_what_was_written_without_damage(
    layout: Layout, written: list[Frame], unfinished: int, kept: float
) -> None:
    layout = dataclasses.replace(layout, unfinished=unfinished)
    content = mf4_file(layout, scaled(layout, written))
    made, reader = read(content)
    assert made == expected(written)
    assert reader.damaged == 0
    records_at = content.rindex(b"##DG")
    begin = max(records_at, content.rindex(b"##CN"))
    cut = content[: begin + 300 + int(kept * (len(content) - begin - 300))]
    with contextlib.suppress(EOFError):  # lists stand after what they name
        made, reader = read(cut)
        assert len(made) <= len(written)
        assert reader.damaged == 0 or layout.method >= 0 or layout.block != "DT"


@given(
    layout=layouts(),
    written=frames(),
    places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=5),
    kept=st.one_of(st.just(1.0), st.floats(0, 1)),
    batch_frames=st.integers(1, 5),
)
def test_any_damage_ends_in_frames_or_in_one_line(
    layout: Layout,
    written: list[Frame],
    places: list[tuple[float, int]],
    kept: float,
    batch_frames: int,
) -> None:
    content = bytearray(mf4_file(layout, scaled(layout, written)))
    for place, value in places:
        content[int(place * len(content))] = value
    bad = bytes(content[: int(kept * len(content))])
    try:
        made, reader = read(bad)
    except (ValueError, EOFError, UnknownLayoutError) as error:
        assert str(error).isprintable()  # noqa: PT017
        return
    assert all(frame.time_ns >= 0 and len(frame.data) <= 64 for frame in made)
    again, other = read(bad, batch_frames)
    assert (again, other.damaged, other.first_damage) == (made, reader.damaged, reader.first_damage)
