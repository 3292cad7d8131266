"""How much is sent, measured on a log or on a bus; and what costs most."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from telemetry_core.decode.spec import BusSpec, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.text.lines import LineBuffer

from telemetry.__main__ import main
from telemetry.clock import Clock
from telemetry.config import load_config
from telemetry.errors import DataError, UsageError
from telemetry.logs.log import OpenLog
from telemetry.model.events import begins
from telemetry.model.finding import Finding, Grade
from telemetry.service.check import check
from telemetry.service.listening import listen
from telemetry.service.rate import RateMeter, measure
from telemetry.service.rate_findings import _event_findings, live_findings, log_findings
from telemetry.sources.inbox import Inbox
from telemetry.sources.kinds import KINDS
from telemetry.sources.settings import Resource, Start
from telemetry.sources.stop import StopSignal
from telemetry.stages.binding import Binding
from telemetry.stages.prepare import Composition, compose
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.command import failed, printed
from tests.support.configuration import GATEWAY
from tests.support.recording import VEHICLE_DBC, record_drive
from tests.unit.sources.test_kinds import BEACON, DATABASE, BeaconSettings, BeaconSource

MAPPED = "".join(
    f'[[map]]\nsignal = "{signal}"\nto = "{to}"\n'
    for signal, to in (
        ("BMS_PackPower.PackVoltage", "battery.voltage_v"),
        ("BMS_PackPower.PackCurrent", "battery.current_a"),
        ("BMS_CellVoltages.Cell{n}Voltage", "cells.v{n}"),
    )
)
CAN = f'[[can]]\nname = "can9"\ndatabases = ["{VEHICLE_DBC}"]\n'


def config(tmp_path: Path, rest: str) -> Path:
    file = tmp_path / "gateway.toml"
    file.write_text(GATEWAY + rest)
    return file


def composed(tmp_path: Path, rest: str = CAN) -> Composition:
    return compose(load_config(config(tmp_path, rest), {}))


def weighed(composition: Composition, *stamps_ns: int) -> RateMeter:
    """Return what has weighed a frame at each of these stamps."""
    meter, frames = RateMeter(composition.make_stages()), FrameBatch(len(stamps_ns))
    meter.stages.bind(0, Binding(0, "can9", "can9"))
    for stamp_ns in stamps_ns:
        frames.append(10**18 + stamp_ns, 0x300, bytes(8))
    meter.take(frames)
    return meter


def checked(tmp_path: Path, rest: str, **of: Any) -> list[Finding]:
    """Return what `check` finds; of: its own arguments."""
    return list(check(load_config(config(tmp_path, rest), {}), **of))


def texts(found: list[Finding], level: Grade) -> list[str]:
    return [finding.text for finding in found if finding.level is level]


def test_a_sample_log_says_what_a_bus_sends_and_which_messages_cost_most(tmp_path: Path) -> None:
    log = record_drive(tmp_path / "drive.log", 20.0)
    found = checked(tmp_path, CAN, log=log)
    (whole,) = [finding for finding in found if finding.rate is not None]
    assert whole.rate is not None
    assert whole.text.startswith(f"log {log}: 218 points/s, ")
    dearest = [text for text in texts(found, Grade.FACT) if " %" in text and str(log) in text]
    assert len(dearest) == 20
    assert ["field " in text for text in dearest] == [False] * 10 + [True] * 10
    shares = whole.rate["measurements"]
    assert shares[0]["measurement"] in dearest[0]
    assert sum(share["mb_a_day"] for share in shares) == pytest.approx(whole.rate["mb_a_day"])
    assert sum(share["points_per_s"] for share in shares) == pytest.approx(whole.rate["points_per_s"])
    assert [share["mb_a_day"] for share in shares] == sorted((s["mb_a_day"] for s in shares), reverse=True)


BOUNDED = """
[send]
messages = false
every_s = 60
[reduce]
shape = "line"
[reduce.bounds]
"battery.voltage_v" = 0.1
"battery.current_a" = 0.5
"battery.power_w" = 200
"cells.v*" = 0.005
"battery.cell_*_v" = 0.005
"""


@pytest.mark.parametrize("rest", [BOUNDED, "[send]\nmessages = false\n"], ids=["bounds", "all"])
def test_what_a_field_costs_is_about_what_is_saved_without_it(tmp_path: Path, rest: str) -> None:
    log = record_drive(tmp_path / "drive.log", 60.0)
    (rate,) = [
        finding.rate
        for finding in checked(tmp_path, CAN + MAPPED + rest, log=log)
        if finding.rate and "fields" in finding.rate
    ]
    parts = {one["field"]: one["part"] for one in rate["fields"]}
    assert len(parts) == 10
    assert list(parts.values()) == sorted(parts.values(), reverse=True)
    written = printed("decode", log, "--config", tmp_path / "gateway.toml", "--format", "lp").splitlines()

    def size(field: str = "no field") -> int:
        own = re.compile(re.escape(field).replace(r"\*", "[0-9]+") + "=[^ ,]*,?")
        lines = []
        for line in written:
            measurement, (tags, fields, stamp) = line.partition(",")[0], line.split(" ")
            kept = ",".join(one for one in fields.split(",") if not own.match(f"{measurement}.{one}"))
            lines += [f"{tags} {kept} {stamp}\n"] if kept else []
        return len(gzip.compress("".join(lines).encode(), 6))

    for field in list(parts)[:4]:
        assert parts[field] == pytest.approx(1 - size(field) / size(), abs=0.12), field
    assert "cells.v*" in parts


def test_batches_that_collect_longer_cost_fewer_bytes_of_a_thinned_bus(tmp_path: Path) -> None:
    log = record_drive(tmp_path / "drive.log", 20.0)
    rates = []
    for every_s in (1, 10):
        rest = f"{CAN}[reduce]\nevery_s = 1.0\n[send]\nonly = ['BMS_PackState']\nevery_s = {every_s}\n"
        found = checked(tmp_path, rest, log=log)
        rates += [finding.rate for finding in found if finding.rate is not None]
    each_second, each_ten = rates
    assert each_ten["points_per_s"] == each_second["points_per_s"]
    assert each_ten["mb_a_day"] < each_second["mb_a_day"] / 2


def test_points_of_each_measurement_are_those_that_its_lines_are(tmp_path: Path) -> None:
    """Counted once more from the lines themselves."""
    log = record_drive(tmp_path / "drive.log", 5.0)
    composition = composed(tmp_path)
    stages, lines = composition.make_stages(), LineBuffer()
    stages.bind(0, Binding(0, "can9", "can9"))

    batch = FrameBatch(1_000_000)
    with OpenLog(log, lambda _: 0) as reader:
        while reader.read(batch):
            pass
    stages.process(batch, lines)
    names = [line.partition(b",")[0].decode() for line in lines.take().splitlines()]
    rate = measure(composition.make_stages(), log, lambda _: Binding(0, "can9", "can9"))
    assert rate is not None
    field_bytes = stages.writing.output.bytes_by_measurement()
    for share in rate.shares:
        part = field_bytes[share.measurement] / sum(field_bytes.values())
        assert share.bytes_per_s / rate.bytes_per_s == pytest.approx(part)
    counted = {share.measurement: round(share.points_per_s * rate.duration_s) for share in rate.shares}
    assert counted == {name: names.count(name) for name in set(names)}


def test_a_log_of_one_moment_has_no_rate(tmp_path: Path) -> None:
    log = tmp_path / "moment.log"
    record_drive(log, 0.2)
    stamp = log.read_text().split()[0]
    log.write_text("".join(f"{stamp} {line.split(maxsplit=1)[1]}\n" for line in log.read_text().splitlines()))
    with pytest.raises(
        DataError, match=r"moment.log: all that is sent of it has one stamp: there is no rate"
    ):
        checked(tmp_path, CAN, log=log)


def test_a_live_bus_is_weighed_in_batches_of_a_second_which_compress_less(tmp_path: Path) -> None:
    """Weighed once more by gzip, second by second: the simulated bus sends 218 frames in each."""
    log = record_drive(tmp_path / "drive.log", 20.0)
    reduced = config(tmp_path, CAN + "[reduce]\nevery_s = 1\n")
    composition = compose(load_config(reduced, {}))
    stages, lines = composition.make_stages(), LineBuffer()
    stages.bind(0, Binding(0, "can9", "can9"))
    second, sent_bytes = FrameBatch(218), 0
    with OpenLog(log, lambda _: 0) as reader:
        while reader.read(second):
            stages.process(second, lines)
            second.clear()
            sent_bytes += len(gzip.compress(lines.take(), 1))

    (whole,) = [each for each in check(load_config(reduced, {}), log=log) if each.rate is not None]
    assert whole.rate is not None
    assert whole.rate["mb_a_day"] == pytest.approx(sent_bytes / 20.0 * 86_400 / 1e6, rel=0.15)
    replayed = f'[[replay]]\nname = "can9"\nfile = "{log}"\ndatabases = ["{VEHICLE_DBC}"]\n'
    at_once = load_config(config(tmp_path, replayed + "[reduce]\nevery_s = 1\n"), {})
    (of_log,) = [each for each in check(at_once) if each.rate is not None]
    assert of_log.rate is not None
    assert of_log.rate["mb_a_day"] < whole.rate["mb_a_day"] / 2


@pytest.mark.parametrize(
    ("every_s", "reported"),
    [
        (60.0, "holds rows for 60 s, and only 5.0 s were measured: it will be less (measure 1200 s or more)"),
        (1.0, "holds rows for 1 s, and only 5.0 s were measured: it will be less (measure 20 s or more)"),
        (0.2, ""),
    ],
)
def test_a_log_that_is_shorter_than_20_intervals_of_rows_is_a_warning(
    tmp_path: Path, every_s: float, reported: str
) -> None:
    """A row at the beginning and one at the end are 7 rows in 5 s of 1 s each."""
    log = record_drive(tmp_path / "drive.log", 5.0)
    found = checked(tmp_path, CAN + f"[reduce]\nevery_s = {every_s}\n", log=log)
    warnings = [text for text in texts(found, Grade.WARNING) if "[reduce]" in text]
    assert warnings == ([f"log {log}: [reduce] {reported}"] if reported else [])


def test_flags_that_are_held_longer_than_the_log_are_a_warning_too(tmp_path: Path) -> None:
    log = record_drive(tmp_path / "drive.log", 5.0)
    reduce = "[reduce]\nevery_s = 1\n[reduce.flags]\nBMS_PackPower = 90\n"
    found = checked(tmp_path, CAN + reduce, log=log)
    assert any("[reduce] holds rows for 90 s" in text for text in texts(found, Grade.WARNING))


class Lamp(BeaconSettings):
    """A beacon that several programs may watch."""

    @property
    def resources(self) -> tuple[Resource, ...]:
        return ()


def test_a_burst_is_measured_by_the_time_that_was_listened(tmp_path: Path) -> None:
    composition = composed(tmp_path)
    stamps_ns = range(0, 5_000_000, 500_000)  # within 4.5 ms
    of_stamps = weighed(composition, *stamps_ns).rate()
    of_a_minute = weighed(composition, *stamps_ns).rate(60.0)
    assert of_stamps is not None
    assert of_a_minute is not None
    assert of_a_minute.duration_s == 60.0
    assert of_a_minute.points_per_s * 60.0 == pytest.approx(of_stamps.points_per_s * 0.0045)
    single = weighed(composition, 0).rate(60.0)
    assert single is not None
    assert single.points_per_s == pytest.approx(1 / 60.0)


def test_a_port_that_one_program_alone_may_open_is_left_to_the_service(tmp_path: Path) -> None:
    stick = (
        '[[python_can]]\nname = "usb"\noptions = { interface = "slcan", channel = "/dev/ttyACM9@115200" }\n'
    )
    found = checked(tmp_path, stick, listen_s=0.01)
    warning = "source usb: is not listened to: its port is for one program; --log measures a log of it"
    assert warning in texts(found, Grade.WARNING)
    assert not any("no frame came" in finding.text for finding in found)


def test_listening_leaves_no_descriptor_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "beacon", lambda: Lamp)
    (tmp_path / "beacon.dbc").write_text(DATABASE)
    composition = composed(tmp_path, BEACON)
    closed: list[StopSignal] = []
    close = StopSignal.close

    def close_and_note(stop: StopSignal) -> None:
        close(stop)
        closed.append(stop)

    monkeypatch.setattr(StopSignal, "close", close_and_note)
    (heard,) = listen(composition, composition.config.sources, 600.0, Clock())
    assert heard.meter.frames == 3
    assert len(closed) == 1


class SlowSource(BeaconSource):
    """Ends after 30 s."""

    clock: FakeClock

    def run(self, output: Inbox, stop: StopSignal) -> None:
        self.clock.advance(30.0)
        super().run(output, stop)


class SlowLamp(Lamp):
    def make_source(self, start: Start) -> BeaconSource:
        assert isinstance(start.clock, FakeClock)
        source = SlowSource(self.name, start.number_of(self.name), self.frames)
        source.clock = start.clock
        return source


def test_a_bus_that_is_listened_to_is_measured_for_as_long_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "beacon", lambda: SlowLamp)
    (tmp_path / "beacon.dbc").write_text(DATABASE)
    composition = composed(tmp_path, BEACON)
    found = list(live_findings(composition, 600.0, 10**6, FakeClock()))
    facts = texts(found, Grade.FACT)
    assert "source mast: 3 frames in 30 s" in facts
    (whole,) = [finding for finding in found if finding.rate is not None]
    assert whole.rate is not None
    assert (whole.rate["measured_s"], whole.rate["points_per_s"]) == (30.0, pytest.approx(0.1))
    assert any(text.startswith("source mast: Beacon: ") and text.endswith("100 %") for text in facts)


def test_a_silent_bus_is_a_warning(tmp_path: Path) -> None:
    found = checked(tmp_path, CAN, listen_s=0.01)
    assert any("source can9: no frame came in 0.01 s: " in text for text in texts(found, Grade.WARNING))


def test_a_log_for_serial_ports_alone_is_refused(tmp_path: Path) -> None:
    serial = '[[serial]]\nname = "bms"\nport = "socket://127.0.0.1:1"\nprotocol = "jbd"\n'
    with pytest.raises(UsageError, match="is of no bus of this configuration"):
        checked(tmp_path, serial, log=tmp_path / "drive.log")


def test_the_findings_are_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = record_drive(tmp_path / "drive.log", 2.0)
    assert main(["check", str(config(tmp_path, CAN)), "--log", str(log), "--json"]) == 69  # no server
    shown = json.loads(capsys.readouterr().out)
    assert shown["ok"] is False
    assert {finding["level"] for finding in shown["findings"]} == {"fact", "warning", "fault"}
    (rate,) = [finding["rate"] for finding in shown["findings"] if "rate" in finding]
    assert rate["measurements"][0]["points_per_s"] > 0


@pytest.mark.parametrize("seconds", ["0", "-1", "x", "nan", "1e9"])
def test_seconds_that_make_no_sense_are_refused(seconds: str) -> None:
    assert f"--seconds: {seconds!r} is no number above zero and at most 86400" in failed(
        64, "check", "gateway.toml", f"--seconds={seconds}"
    )


def test_a_share_is_of_a_measurement_by_its_own_name_whatever_line_protocol_makes_of_it() -> None:
    record = RecordSpec("Pack 1,left", (FieldSpec("level", SlotKind.UINT, passes=False),))
    message = MessageSpec("Pack", 0x100, False, 1, (SignalSpec(0, 8, True, False, False),), (), record=0)
    stages = Stages(PlanSpec((record,), (BusSpec("can0", (message,)),)), None, vehicle="van")
    stages.bind(0, Binding(0, "can0", "can0"))
    frames = FrameBatch(2)
    for second in (0, 2):
        frames.append(second * 1_000_000_000, 0x100, b"\x01")
    meter = RateMeter(stages)
    meter.take(frames)
    rate = meter.rate()
    assert rate is not None
    assert [(share.measurement, share.points_per_s) for share in rate.shares] == [("Pack 1,left", 1.0)]


def test_serial_ports_and_logs_are_not_listened_to(tmp_path: Path) -> None:
    (tmp_path / "trip.log").touch()
    others = '[[serial]]\nname = "bms"\nport = "/dev/none"\nprotocol = "jbd"\n'
    others += '[[replay]]\nname = "trip"\nfile = "trip.log"\n'
    composition = composed(tmp_path, CAN + others)
    found = [str(each) for each in live_findings(composition, 0.01, 10**6, Clock())]
    assert found
    assert all(text.startswith("warning: source can9: no frame came") for text in found)


def test_a_log_without_a_rate_or_with_damage_is_a_warning_or_a_fault(tmp_path: Path) -> None:
    (tmp_path / "trip.log").touch()
    (tmp_path / "trip.blf").write_bytes(b"no BLF at all")
    for name, level, words in (
        (
            "trip.log",
            Grade.WARNING,
            "source trip: no rate can be measured: nothing is sent, or all with one stamp",
        ),
        ("trip.blf", Grade.FAULT, "source trip: "),
    ):
        replay = f'[[replay]]\nname = "trip"\nfile = "{name}"\n'
        found = checked(tmp_path, replay)
        assert any(text.startswith(words) for text in texts(found, level))


def test_a_channel_of_a_log_that_is_called_as_another_source_s_is_a_warning(tmp_path: Path) -> None:
    for name, channel in (("one", "can0"), ("two", "can0"), ("three", "can9"), ("four", "can8")):
        (tmp_path / f"{name}.log").write_text(f"(1.0) {channel} 100#00\n")
    replays = "".join(
        f'[[replay]]\nname = "{name}"\nfile = "{name}.log"\n' for name in ("one", "two", "three", "four")
    )
    composition = composed(tmp_path, CAN + replays)
    found = [*log_findings(composition, 10**6, Clock())]
    same = "points with one stamp may be one"
    assert [str(each) for each in found if same in str(each)] == [
        f"warning: source two: channel can0 of its log has the tag of one: {same}",
        f"warning: source three: channel can9 of its log has the tag of can9: {same}",
    ]


def test_of_events_of_a_log_those_about_senders_are_findings() -> None:
    second = begins("second_sender", "two of them", "can0")
    changed = begins("sender_changed", "another one", "can0")
    counted = {"senders/log/Pack/kept_out": 3, "senders/log/Cells/kept_out": 0}
    found = [str(each) for each in _event_findings("log", [second, begins("bus_off", "x"), changed], counted)]
    assert found == [
        f"{'warning: ' if second.level else ''}source log: channel can0: two of them",
        f"{'warning: ' if changed.level else ''}source log: channel can0: another one",
        "source log: 3 of Pack fill no field: of another sender",
    ]
    assert {bool(second.level), bool(changed.level)} == {True, False}
