"""The bytes of a serial port for a second taker, which comes and goes while the source runs."""

from pathlib import Path

from telemetry.sources.assemble import ChannelTable, assemble_sources
from telemetry.sources.serial.source import SerialSource
from telemetry.sources.tap import LineTap
from tests.support.clock import FakeClock
from tests.support.configuration import load

TEXT = 'vehicle = "v"\n[influx]\nurl = "http://127.0.0.1:1"\ndatabase = "d"\n[spool]\ndirectory = "s"\n'
PORT = '[[serial]]\nname = "bms"\nport = "socket://127.0.0.1:1"\nprotocol = "jbd"\n'


def test_a_tap_gets_the_lines_of_a_port_with_a_capture_and_without(tmp_path: Path) -> None:
    for capture in ("", f'capture = "{tmp_path}/all.txt"\n'):
        config, tap, taken = load(tmp_path, TEXT + PORT + capture), LineTap(), list[tuple[str, bytes]]()
        (one,) = assemble_sources(config.sources, ChannelTable(), FakeClock(), {}, tap)
        source = one.source
        assert isinstance(source, SerialSource)
        assert source._capture is not None
        source._capture.sent(1_700_000_000 * 10**9, b"\xdd")  # nobody wants it
        tap.take = lambda name, line: taken.append((name, line))  # noqa: B023 - it is called in this round
        source._capture.sent(1_700_000_001 * 10**9, b"\xdd\xa5")
        tap.take = None
        source._capture.sent(1_700_000_002 * 10**9, b"\xdd")
        assert taken == [("bms", b"(1700000001.000000) bms TX DDA5\n")]
        assert source.counts()["capture_lost"] == 0
    assert len((tmp_path / "all.txt").read_bytes().splitlines()) == 3


def test_without_a_tap_a_port_without_a_capture_writes_no_lines(tmp_path: Path) -> None:
    (one,) = assemble_sources(load(tmp_path, TEXT + PORT).sources, ChannelTable(), FakeClock(), {})
    assert isinstance(one.source, SerialSource)
    assert one.source._capture is None
