"""What `check` says of a configuration: its names, its tables, its logs."""

import io
import zipfile
from pathlib import Path

import pytest

from telemetry.config import load_config
from telemetry.errors import ConfigError
from telemetry.model.event_codes import EVENT_CODES
from telemetry.model.finding import Grade
from telemetry.service.check import check
from telemetry.service.rate import Rate
from telemetry.stages.prepare import prepare
from tests.support.checking import BUS, LOG, VOLTAGE, config_with, findings, texts
from tests.support.recording import VEHICLE_DBC, record_drive


def test_what_a_log_would_send_and_how_long_an_outage_may_last_is_reported(tmp_path: Path) -> None:
    record_drive(tmp_path / "drive.log", 20.0)
    facts = texts(findings(tmp_path, LOG), Grade.FACT)
    assert "source log: 218 points/s, " in facts
    assert " MB a day compressed; the spool holds " in facts
    assert "bus log: 15 messages, 198 signals" in facts


def test_a_log_of_an_archive_is_replayed_and_one_that_is_not_in_it_is_no_file(tmp_path: Path) -> None:
    record_drive(tmp_path / "drive.log", 20.0)
    with zipfile.ZipFile(tmp_path / "drives.zip", "w") as archive:
        archive.write(tmp_path / "drive.log", "drive.log")
    member = LOG.replace("drive.log", "drives.zip:drive.log")
    assert "source log: 218 points/s, " in texts(findings(tmp_path, member), Grade.FACT)
    with pytest.raises(ConfigError, match=r"replay\[0\]\.file: no such file: .*/drives\.zip:none\.log$"):
        findings(tmp_path, LOG.replace("drive.log", "drives.zip:none.log"))


def test_a_rate_is_reported_by_the_day_and_as_hours_of_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "drive.log").touch()
    rate = Rate(100.0, 1000.0, 10.0, requests_per_s=0.5)
    monkeypatch.setattr("telemetry.service.rate_findings.measure", lambda *_: rate)
    source = 'cap_mib = 36\n[[replay]]\nname = "log"\nfile = "drive.log"\n'
    reported = "100 points/s, 86.4 MB a day compressed; the spool holds 10 h 29 min of it"
    facts = texts(findings(tmp_path, source), Grade.FACT)
    assert f"source log: {reported}" in facts
    # 277 bytes with 2,000 in two packets, and 155 in one, every two seconds
    assert "source log: about 110.2 MB a day on the link, with 1,800 requests an hour" in facts


def test_a_rate_counts_the_row_of_the_last_interval(tmp_path: Path) -> None:
    frames = "".join(f"(1700000000.{ms:03}000) can0 300#7700019600000000\n" for ms in range(30))
    (tmp_path / "drive.log").write_text(frames)
    facts = texts(findings(tmp_path, LOG, rest="[reduce]\nevery_s = 0.01\n"), Grade.FACT)
    assert "source log: 138 points/s" in facts  # at 0, 10, 20 and 29 ms: four in 29 ms


def test_more_than_influxdb_3_takes_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = prepare(load_config(config_with(tmp_path, BUS), {})).composition.loaded.spec.records
    largest = max(specs, key=lambda spec: len(spec.fields))
    measurements, fields = len({spec.measurement for spec in specs}), len(largest.fields)
    for short in (0, 1):
        monkeypatch.setattr("telemetry.service.check.MAX_MEASUREMENTS", measurements - short)
        monkeypatch.setattr("telemetry.service.check.MAX_FIELDS", fields - short)
        warnings = texts(findings(tmp_path, BUS), Grade.WARNING)
        limits = f"{measurements} measurements; InfluxDB 3 takes {measurements - 1}"
        assert (limits in warnings) == bool(short)
        counted = f"measurement {largest.measurement}: {fields} fields; InfluxDB 3 takes {fields - 1}"
        assert (counted in warnings) == bool(short)


@pytest.mark.parametrize(
    ("send", "is_warned"),
    [
        ("", True),
        ("messages = false\n", False),
        ('without = ["BMS_CellV*"]\n', False),
        ('without = ["CHG_*"]\n', True),
    ],
)
def test_a_message_that_send_keeps_back_is_not_too_wide_for_influxdb_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, send: str, is_warned: bool
) -> None:
    monkeypatch.setattr("telemetry.service.check.MAX_FIELDS", 90)
    warnings = texts(findings(tmp_path, BUS, rest=f"[send]\n{send}"), Grade.WARNING)
    assert ("fields; InfluxDB 3 takes" in warnings) == is_warned


def test_what_a_map_fills_in_place_of_a_vehicles_profile_is_a_fact(tmp_path: Path) -> None:
    bus = '[[can]]\nname = "can0"\nvehicle_profile = "hyundai-kona-64"\n'
    wanted = '[[map]]\nsignal = "bms_220101.voltage_v"\nto = "battery.voltage_v"\nscale = 2.0\n'
    facts = texts(findings(tmp_path, bus, rest=wanted), Grade.FACT)
    assert "map[0] fills battery.voltage_v in place of the vehicle's profile" in facts
    assert "source can0: Hyundai Kona" in facts
    assert "in place of the vehicle" not in texts(findings(tmp_path, bus), Grade.FACT)


def test_what_may_still_come_is_a_warning(tmp_path: Path) -> None:
    warnings = texts(
        findings(tmp_path, '[[can]]\nname = "can9"\n[[can]]\nname = "sim"\nsocket = "bus.sock"'),
        Grade.WARNING,
    )
    assert "source can9: has no database; its frames are counted and not decoded" in warnings
    assert "source can9: interface can9 is not there yet" in warnings
    assert f"source sim: socket {tmp_path}/bus.sock is not there yet" in warnings


def test_an_interval_for_a_measurement_that_nothing_writes_is_a_warning(tmp_path: Path) -> None:
    reduce = "[reduce.measurements]\nBMS_PackPower = 1\nbattery = 1\ncells = 1\n"
    reduce += "[reduce.flags]\nbattery = 1\ncharger = 1\n"
    warnings = texts(findings(tmp_path, BUS, rest=VOLTAGE + reduce), Grade.WARNING)
    assert "reduce.measurements.cells: nothing writes a measurement of that name" in warnings
    assert "reduce.flags.charger: nothing writes a measurement of that name" in warnings
    assert (warnings.count("reduce.measurements"), warnings.count("reduce.flags")) == (1, 1)


@pytest.mark.parametrize(
    ("reduce", "is_wrong"),
    [
        ("every_s = 10", True),
        ("every_s = 0\nmeasurements = { battery = 60 }", True),
        ("every_s = 2", False),
        ("every_s = 60\nmeasurements = { battery = 1 }", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("has_power", [True, False])
def test_power_that_cannot_be_summed_up_from_rows_is_a_warning(
    tmp_path: Path, reduce: str, is_wrong: bool, has_power: bool
) -> None:
    of_power = [("BMS_PackPower.PackVoltage", "voltage_v"), ("BMS_PackPower.PackCurrent", "current_a")]
    mapped = "".join(
        f'[[map]]\nsignal = "{signal}"\nto = "battery.{to}"\n'
        for signal, to in (of_power if has_power else [("BMS_PackState.StateOfCharge", "soc_pct")])
    )
    warnings = texts(findings(tmp_path, BUS, rest=f"[reduce]\n{reduce}\n{mapped}"), Grade.WARNING)
    assert ("s apart: power summed up from them is wrong by far" in warnings) == (is_wrong and has_power)
    assert ("must ask for charged_wh and discharged_wh" in warnings) == (is_wrong and has_power)


def test_what_is_protected_is_a_fact(tmp_path: Path) -> None:
    entry = '[[protect]]\nmessage = "BMS_PackPower"\nprofile = "counter"\ncounter = "Counter"\n'
    facts = texts(findings(tmp_path, BUS, rest=entry), Grade.FACT)
    assert "protected: 1 message (BMS_PackPower)" in facts


def test_what_a_map_writes_is_a_fact_and_a_limit_is_no_entry_of_it(tmp_path: Path) -> None:
    current = '[[map]]\nsignal = "BMS_PackPower.PackCurrent"\nto = "battery.current_a"\n'
    alarm = '[[map]]\nsignal = "BMS_PackPower.State"\nwhen = 3\nto = "event.bms_fault"\n'
    limit = '[[limit]]\nfield = "battery.voltage_v"\nabove = 400\ncode = "pack_overvoltage"\n'
    assert "mapped: 1 entry writes battery\n" in texts(findings(tmp_path, BUS, rest=VOLTAGE), Grade.FACT)
    watched = texts(findings(tmp_path, BUS, rest=VOLTAGE + current + limit), Grade.FACT)
    assert "mapped: 2 entries write battery\n" in watched
    alarmed = texts(findings(tmp_path, BUS, rest=VOLTAGE + alarm), Grade.FACT)
    assert "mapped: 2 entries write battery, event\n" in alarmed


def test_what_a_trigger_is_set_off_by_and_sends_is_a_fact(tmp_path: Path) -> None:
    rest = (
        '[[trigger]]\non = ["cell_*voltage"]\nbefore_s = 5\n'
        '[[trigger]]\nfield = "battery.voltage_v"\nbelow = 330.5\nonly = ["battery"]\nper_hour = 2\n'
        'black_box = true\n[[trigger]]\non = ["*"]\n[black_box]\ndirectory = "box"\n'
    )
    facts = texts(findings(tmp_path, BUS, rest=VOLTAGE + rest), Grade.FACT)
    assert [line for line in facts.splitlines() if line.startswith("trigger: ")] == [
        (
            "trigger: cell_overvoltage, cell_undervoltage: all measurements and messages, from 5 s before"
            " to 30 s after, 12 times an hour at most"
        ),
        (
            "trigger: battery.voltage_v: battery, from 30 s before to 30 s after, and raw frames are kept,"
            " 2 times an hour at most"
        ),
        (
            f"trigger: {len(EVENT_CODES) - 1} codes of events (*): all measurements and messages, from 30 s"
            " before to 30 s after, 12 times an hour at most"
        ),
    ]


def test_a_configuration_of_stdin_is_called_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = f'[spool]\ndirectory = "{tmp_path}/spool"\n'
    influx = '[influx]\nurl = "http://127.0.0.1:1"\ndatabase = "d"\n'
    text = f'vehicle = "van"\n{influx}{spool}[[can]]\nname = "can9"\n'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert next(check(load_config(Path("-"), {}))).text == "stdin: vehicle van"


def test_a_map_that_leads_nowhere_is_a_configuration_error(tmp_path: Path) -> None:
    wrong = '[[map]]\nsignal = "BMS_PackPower.PackVolts"\nto = "battery.voltage_v"\n'
    with pytest.raises(ConfigError, match=r"map\[0\]\.signal.*PackVoltage"):
        findings(tmp_path, BUS, rest=wrong)


@pytest.mark.parametrize(
    ("table", "reported"),
    [
        ('[send]\nwithout = ["BMS_PackSate"]\n', r"gateway\.toml:12: send\.without: .*BMS_PackState"),
        ("[reduce.measurements]\nBMS_Pack = 1\n", r"gateway\.toml:11: reduce\.measurements: .*'BMS_Pack'"),
    ],
)
def test_a_name_that_no_message_has_is_refused_as_run_refuses_it(
    tmp_path: Path, table: str, reported: str
) -> None:
    with pytest.raises(ConfigError, match=reported) as refused:
        findings(tmp_path, BUS, rest=table)
    with pytest.raises(ConfigError) as refused_by_run:
        prepare(load_config(tmp_path / "gateway.toml", {}))
    assert str(refused.value) == str(refused_by_run.value)


def test_nothing_is_touched_but_the_cached_plan(tmp_path: Path) -> None:
    findings(tmp_path, f'[[can]]\nname = "can9"\ndatabases = ["{VEHICLE_DBC}"]\n')
    touched = [
        path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*")) if path.is_file()
    ]
    assert [name for name in touched if not name.startswith("spool/plans/")] == ["gateway.toml"]


def test_a_python_can_interface_that_there_is_not_is_a_fault(tmp_path: Path) -> None:
    source = '[[python_can]]\nname = "usb"\noptions = { interface = "slcam" }'
    assert "source usb: python-can has no interface slcam" in texts(findings(tmp_path, source), Grade.FAULT)


def test_a_log_that_cannot_be_read_is_a_fault_and_the_server_is_asked_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "drive.blf").write_text("no BLF log")
    source = '[[replay]]\nname = "log"\nfile = "drive.blf"'
    faults = texts(findings(tmp_path, source), Grade.FAULT)
    assert f"source log: {tmp_path}/drive.blf: is no BLF log" in faults
    assert "Connection refused" in faults


J1939_DBC = """VERSION ""
NS_ :
BS_:
BU_: X
BO_ 2566852862 Pack: 8 X
 SG_ Volts : 8|16@1+ (0.1,0) [0|0] "V" X
BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";
BA_DEF_DEF_ "VFrameFormat" "J1939PG";
"""


@pytest.mark.parametrize(
    ("senders", "warnings", "facts"),
    [
        (
            [1, 2] * 5,
            ["Pack comes from senders 01 and 02; only 01 is taken."],
            ["5 of Pack fill no field"],
        ),
        (
            [1] * 5 + [3] * 25,
            [],
            ["Pack comes from sender 03 now, instead of 01", "9 of Pack fill no field"],
        ),
        ([1] * 9, [], []),
    ],
)
def test_senders_of_which_none_is_named_are_reported(
    tmp_path: Path, senders: list[int], warnings: list[str], facts: list[str]
) -> None:
    (tmp_path / "pack.dbc").write_text(J1939_DBC)
    lines = [
        f"({second}.0) can3 18FF10{sender:02X}#00A00F0000000000\n" for second, sender in enumerate(senders, 1)
    ]
    (tmp_path / "drive.log").write_text("".join(lines))
    source = '[[replay]]\nname = "log"\nfile = "drive.log"\ndatabases = ["pack.dbc"]\n'
    entry = '[[map]]\nsignal = "Pack.Volts"\nto = "battery.voltage_v"\n'
    found = findings(tmp_path, source, rest=entry)
    of_senders = [finding for finding in found if "of Pack" in finding.text or "Pack comes" in finding.text]
    of_level = {level: [one.text for one in of_senders if one.level is level] for level in Grade}
    for level, texts_begin in ((Grade.WARNING, warnings), (Grade.FACT, facts)):
        places = ("source log: channel can3: ", "source log: ")
        assert len(of_level[level]) == len(texts_begin)
        for text, begin in zip(of_level[level], texts_begin, strict=True):
            assert text.startswith(tuple(place + begin for place in places))
    named = entry + "".join(
        f'[[map]]\nsignal = "Pack.Volts"\nto = "battery.voltage_v"\npack = "{n}"\nsender = "{n:02X}"\n'
        for n in (2, 3)
    )
    found = findings(tmp_path, source, rest=named.replace('voltage_v"\n', 'voltage_v"\nsender = "01"\n', 1))
    assert not [
        finding for finding in found if "Pack comes" in finding.text or "fill no field" in finding.text
    ]


def test_with_a_map_messages_may_stay_away_and_without_one_hardly_anything_is_sent(tmp_path: Path) -> None:
    for rest, warned in (("", True), (VOLTAGE, False)):
        found = findings(tmp_path, BUS, rest=f"[send]\nmessages = false\n{rest}")
        assert ("all that is sent" in texts(found, Grade.WARNING)) == warned
