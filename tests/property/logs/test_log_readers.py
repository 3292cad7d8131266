"""ASC, BLF and GVRET: any bytes, in any pieces, in batches of any size; and against python-can.

python-can's readers have stamps as floats and so give them to a microsecond; the other differences are
named where they are allowed for.
"""

import io
import math
from collections.abc import Callable

import can
import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.logs.asc import AscReader
from telemetry_core.logs.blf import BlfReader
from telemetry_core.logs.candump import CandumpReader
from telemetry_core.logs.crtd import CrtdReader
from telemetry_core.logs.gvret import GvretReader
from telemetry_core.logs.table import TableReader

from telemetry.logs.python_can import append_message
from tests.support.can_frames import REMOTE
from tests.support.logs import Pieces, Reader, blf_container, blf_file, blf_message, read_all

START_S = 1_700_000_000

ASC = (
    b"date Tue Nov 14 10:13:20.500 pm 2023\nbase hex timestamps absolute\nno internal events logged\n"
    + b"".join(
        b"%d.5 %d  %X%s  Rx  d 8 01 02 03 04 05 06 07 %02X\n" % (row, row % 2 + 1, row, b"x" * (row % 2), row)
        for row in range(20)
    )
)
RELATIVE_ASC = ASC.replace(b"absolute", b"relative")
GVRET = b"Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n" + b"".join(
    b"%d,%08X,false,Rx,%d,2,01,%02X,\n" % (row * 1000, row, row % 2, row) for row in range(20)
)
NEGATIVE_GVRET = b"Time Stamp,ID,Extended,Bus,DLC,D1,D2,D3,D4,D5,D6,D7,D8\n" + b"".join(
    b"-%d,%x,0,%d,2,1,%x\n" % (1_700_000_000_000_000 - row, row, row % 2, row) for row in range(20)
)
CRTD = b"1.5 CXX OVMS CRTD\n" + b"".join(
    b"%d.5 %d%c11 %X 01 %02X\n" % (row, row % 2 + 1, b"RT"[row % 2], row, row) for row in range(20)
)
PARSER_FLAGS = b"ParserFlags\tCh\tCounter\tT/R\tTime\tFlags\tCAN ID\tLen\tData\tParser Name\n" + b"".join(
    b"1\t%d\t7\tRX\t%d\t\t0x%08x\t2\t0x01 %02x \tDefault\n" % (row % 2, row, row, row) for row in range(20)
)
CABANA = b"time,addr,bus,data\n" + b"".join(
    b"%d.5,%d,%d,01%02x\n" % (row, row, row % 2, row) for row in range(20)
)
OBJECTS = [blf_message(row, bytes([row] * 8), stamp=row, channel=row % 2 + 1) for row in range(20)]
BLF = blf_file(blf_container(b"".join(OBJECTS[:10])), blf_container(b"".join(OBJECTS[10:])))
STORED_BLF = blf_file(
    blf_container(b"".join(OBJECTS[:10])[:-20], stored=True),
    blf_container(b"".join(OBJECTS)[460:720], stored=True),
    *OBJECTS[15:],
)

ReaderOf = Callable[[Pieces, Callable[[str], int]], Reader]
LOGS: dict[str, tuple[ReaderOf, bytes]] = {
    "ASC": (AscReader, ASC),
    "relative ASC": (AscReader, RELATIVE_ASC),
    "GVRET": (GvretReader, GVRET),
    "GVRET with negative stamps": (GvretReader, NEGATIVE_GVRET),
    "CRTD": (CrtdReader, CRTD),
    "ParserFlags": (TableReader, PARSER_FLAGS),
    "Cabana": (TableReader, CABANA),
    "BLF": (BlfReader, BLF),
    "stored BLF": (BlfReader, STORED_BLF),
}
logs = pytest.mark.parametrize(("reader_of", "content"), LOGS.values(), ids=LOGS)

piece_sizes = st.lists(st.integers(1, 60), max_size=40)
fragments = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"LOBJ", b"LOBJ\x20\0\1\0\x30\0\0\0\1\0\0\0", b"\n", b"0.5 1 1 Rx d 1 ", b",", b" " * 5000]
    ),
)
damage = st.tuples(st.floats(0, 1), st.integers(0, 60), st.lists(fragments, max_size=3).map(b"".join))


def reported(
    reader_of: ReaderOf, content: bytes, sizes: list[int], batch_frames: int
) -> tuple[list[FrameTuple], int, str]:
    frames, reader, _ = read_all(reader_of, content, sizes, batch_frames)
    return frames, reader.damaged, reader.first_damage


def spoiled(content: bytes, places: list[tuple[float, int, bytes]]) -> bytes:
    for place, removed, added in places:
        at = int(place * len(content))
        content = content[:at] + added + content[at + removed :]
    return content


@logs
def test_a_whole_log_is_read_whole(reader_of: ReaderOf, content: bytes) -> None:
    frames, reader, _ = read_all(reader_of, content)
    assert [frame.id & 0xFF for frame in frames] == list(range(20))
    assert reader.damaged == 0


@logs
@given(sizes=piece_sizes, capacity=st.integers(1, 5), places=st.lists(damage, max_size=3))
def test_neither_the_pieces_nor_the_batch_size_matter(
    reader_of: ReaderOf,
    content: bytes,
    sizes: list[int],
    capacity: int,
    places: list[tuple[float, int, bytes]],
) -> None:
    bad = spoiled(content, places)
    try:
        whole = reported(reader_of, bad, [], 1000)
    except (ValueError, EOFError) as error:  # no BLF log any more, or only a part of its header
        with pytest.raises(type(error), match=str(error)):
            reported(reader_of, bad, sizes, capacity)
        return
    assert reported(reader_of, bad, sizes, capacity) == whole


@logs
@given(content_after=st.lists(fragments, max_size=12).map(b"".join), sizes=piece_sizes)
def test_frames_before_garbage_are_kept_and_the_log_after_it_is_read(
    reader_of: ReaderOf, content: bytes, content_after: bytes, sizes: list[int]
) -> None:
    whole = read_all(reader_of, content)[0]
    frames = read_all(reader_of, content + b"\n" + content_after + b"\n" + content, sizes)[0]
    assert frames[:20] == whole
    assert [frame.data for frame in frames[-20:]] == [frame.data for frame in whole]


@logs
@given(places=st.lists(damage, min_size=1, max_size=3), stop=st.integers(1, 20))
def test_damage_counts_with_the_frame_after_it(
    reader_of: ReaderOf, content: bytes, places: list[tuple[float, int, bytes]], stop: int
) -> None:
    bad = spoiled(content, places)

    def after(frames: int, step: int) -> tuple[int, int, str]:
        reader = reader_of(Pieces(bad, []), lambda _: 0)
        batch = FrameBatch(step)
        while reader.frames_read < frames and reader.read(batch, frames - reader.frames_read):
            batch.clear()
        return reader.frames_read, reader.damaged, reader.first_damage

    try:
        assert after(stop, 1) == after(stop, 7)
    except (ValueError, EOFError) as error:
        assert "LOGG" in str(error) or "header" in str(error)  # noqa: PT017 - no BLF log any more


@given(content=st.binary(max_size=2000), sizes=piece_sizes)
def test_any_bytes_at_all_end(content: bytes, sizes: list[int]) -> None:
    for reader_of in (AscReader, CrtdReader, GvretReader):
        frames, _, _ = read_all(reader_of, content, sizes)
        assert len(frames) <= len(content)
    frames, _, _ = read_all(BlfReader, BLF[:144] + content, sizes)
    assert len(frames) <= len(content)
    for log in (PARSER_FLAGS, CABANA):
        frames, _, _ = read_all(TableReader, log.partition(b"\n")[0] + b"\n" + content, sizes)
        assert len(frames) <= len(content)


def messages(formats: str) -> st.SearchStrategy[can.Message]:
    """Return messages that a writer can write; FD and error frames where the format has them."""

    @st.composite
    def message(draw: st.DrawFn) -> can.Message:
        kind = draw(st.sampled_from(formats.split()))
        extended = draw(st.booleans())
        id = draw(st.integers(0, 0x1FFFFFFF if extended else 0x7FF))
        stamp = START_S + draw(st.integers(0, 10**9)) / 1e6
        channel = draw(st.integers(0, 2))
        match kind:
            case "remote":
                return can.Message(
                    stamp, id, extended, is_remote_frame=True, dlc=draw(st.integers(0, 8)), channel=channel
                )
            case "error":
                return can.Message(stamp, 0, False, is_error_frame=True, channel=channel)
            case "fd":
                length = draw(st.sampled_from([1, 2, 8, 12, 16, 20, 24, 32, 48, 64]))
                return can.Message(
                    stamp,
                    id,
                    extended,
                    is_fd=True,
                    bitrate_switch=draw(st.booleans()),
                    error_state_indicator=draw(st.booleans()),
                    data=draw(st.binary(min_size=length, max_size=length)),
                    channel=channel,
                )
            case _:
                return can.Message(stamp, id, extended, data=draw(st.binary(max_size=8)), channel=channel)

    return message()


def sequences(formats: str) -> st.SearchStrategy[list[can.Message]]:
    return st.lists(messages(formats), min_size=1, max_size=12).map(
        lambda unordered: sorted(unordered, key=lambda message: message.timestamp)
    )


def as_frames(read: list[can.Message]) -> list[FrameTuple]:
    batch = FrameBatch(len(read))
    for message in read:
        number = message.channel if isinstance(message.channel, int) else 0
        assert append_message(batch, message, round(message.timestamp * 1e6) * 1000, max(number, 0))
    return list(batch)


def assert_same(mine: list[FrameTuple], theirs: list[FrameTuple]) -> None:
    assert [frame._replace(time_ns=0) for frame in mine] == [frame._replace(time_ns=0) for frame in theirs]
    for one, other in zip(mine, theirs, strict=True):
        assert math.isclose(one.time_ns, other.time_ns, rel_tol=0, abs_tol=2000)


def read_by_number(reader_of: ReaderOf, content: bytes) -> list[FrameTuple]:
    frames, reader, _ = read_all(lambda stream, _: reader_of(stream, lambda name: int(name[3:])), content)
    assert reader.damaged == 0
    return frames


@given(sequences("classic remote error fd"))
def test_asc_agrees_with_python_can(
    tmp_path_factory: pytest.TempPathFactory, written: list[can.Message]
) -> None:
    path = tmp_path_factory.mktemp("asc") / "log.asc"
    with can.ASCWriter(path) as writer:
        for message in written:
            writer.on_message_received(message)
    with can.ASCReader(path, relative_timestamp=False) as reader:
        assert_same(read_by_number(AscReader, path.read_bytes()), as_frames(list(reader)))


@pytest.mark.parametrize("compression", [0, 9])
@given(written=sequences("classic remote error fd"), container=st.sampled_from([200, 128 * 1024]))
def test_blf_agrees_with_python_can(compression: int, written: list[can.Message], container: int) -> None:
    file = io.BytesIO()
    file.close = lambda: None  # type: ignore[method-assign]  # the writer would
    writer = can.BLFWriter(file, compression_level=compression, max_container_size=container)
    for message in written:
        writer.on_message_received(message)
    writer.stop()
    mine = read_by_number(BlfReader, file.getvalue())
    file.seek(0)
    assert_same(mine, as_frames(list(can.BLFReader(file))))


@given(sequences("classic remote fd"))
def test_candump_agrees_with_python_can(written: list[can.Message]) -> None:
    text = io.StringIO()
    writer = can.CanutilsLogWriter(text)
    for message in written:
        message.channel = f"can{message.channel}"
        writer.on_message_received(message)
    mine = read_by_number(CandumpReader, text.getvalue().encode())
    theirs = as_frames(list(can.CanutilsLogReader(io.StringIO(text.getvalue()))))
    for one, message in zip(mine, written, strict=True):
        assert message.channel == f"can{one.channel}"
    # Theirs has names for channels, and the bits of FD only where ours has them too.
    assert_same([frame._replace(channel=0) for frame in mine], theirs)
    assert all(not frame.data for frame in mine if frame.id & REMOTE)  # the writer writes no DLC


@given(sequences("classic remote error"))
def test_python_cans_csv_agrees_with_python_can(
    tmp_path_factory: pytest.TempPathFactory, written: list[can.Message]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "log.csv"
    with can.CSVWriter(path) as writer:
        for message in written:
            writer.on_message_received(message)
    with can.CSVReader(path) as reader:
        theirs = as_frames(list(reader))
    # Above 7FF ids are extended here, whatever the column says; a message of python-can may have any.
    assert_same(read_by_number(TableReader, path.read_bytes()), theirs)
