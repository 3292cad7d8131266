"""`decode`'s choices of signals, columns and times, in this process."""

import csv
import io
from pathlib import Path

import pytest

from telemetry.__main__ import main
from tests.support.command import command, failed, noted, printed
from tests.support.framing import jbd_message

DATA = Path(__file__).parents[2] / "data"
LOG, DBC = str(DATA / "drive.log"), str(DATA / "drive.dbc")
FIRST_NS = 1_700_000_000_000_000_000


def decode(*arguments: str) -> str:
    return printed("decode", LOG, "--dbc", DBC, *arguments)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_wide_rows_hold_the_values_of_long_rows_each_in_its_signal_s_column() -> None:
    long, wide = rows(decode()), rows(decode("--wide"))
    assert [
        (row["time_ns"], row["channel"], row["id"], *name.split("."), value)
        for row in wide
        for name, value in list(row.items())[3:]
        if value
    ] == sorted_as_wide(long, list(wide[0])[3:])
    assert len(wide) == len({(row["time_ns"], row["channel"], row["id"]) for row in long}) + 2
    # three frames of one id share a stamp


def sorted_as_wide(long: list[dict[str, str]], columns: list[str]) -> list[tuple[str, ...]]:
    """Return each frame's rows in the order of the columns: a database's pages may have another."""
    frames: list[list[dict[str, str]]] = []
    for row in long:
        place = columns.index(f"{row['message']}.{row['signal']}")
        head = (row["time_ns"], row["channel"], row["id"])
        if frames and head == tuple(list(frames[-1][-1].values())[:3]):
            names = [f"{before['message']}.{before['signal']}" for before in frames[-1]]
            if all(columns.index(name) != place for name in names):
                frames[-1].append(row)
                continue
        frames.append([row])
    return [
        tuple(row.values())
        for frame in frames
        for row in sorted(frame, key=lambda row: columns.index(f"{row['message']}.{row['signal']}"))
    ]


def test_a_selection_is_what_a_filter_of_all_rows_gives() -> None:
    wanted = ("Voltage", "CellA", "CellC", "Last")
    assert rows(decode(*(word for name in wanted for word in ("--signal", name)))) == [
        row for row in rows(decode()) if row["signal"] in wanted
    ]


def test_wide_has_columns_for_the_chosen_signals_alone() -> None:
    header = decode("--wide", "--signal", "CellC", "--signal", "*.Voltage").splitlines()[0]
    assert header == "time_ns,channel,id,PackState.Voltage,CellPage.CellC"


def test_times_are_the_same_in_every_form() -> None:
    times_ns = [int(row["time_ns"]) for row in rows(decode())]
    relative = [row["time_s"] for row in rows(decode("--time", "relative"))]
    assert [round(float(text) * 1e9) + FIRST_NS for text in relative] == times_ns
    iso = [row["time"] for row in rows(decode("--time", "iso"))]
    assert iso[0] == "2023-11-14T22:13:20.000000000Z"
    assert [FIRST_NS + int(text[20:29]) for text in iso] == times_ns


@pytest.mark.parametrize(
    "bounds",
    [
        ("+0.02", "+0.05"),
        ("1700000000.02", "1700000000.05"),
        ("2023-11-14T22:13:20.02Z", "2023-11-14T23:13:20.05+01:00"),
    ],
)
def test_bounds_keep_the_rows_from_the_first_and_before_the_second(bounds: tuple[str, str]) -> None:
    low, high = FIRST_NS + 20_000_000, FIRST_NS + 50_000_000
    expected = [row for row in rows(decode()) if low <= int(row["time_ns"]) < high]
    assert len(expected) > 3
    assert rows(decode("--from", bounds[0], "--to", bounds[1])) == expected


def test_the_output_is_the_same_however_many_threads_share_the_work() -> None:
    options = ("--wide", "--time", "relative", "--from", "+0.01")
    assert decode(*options, "-j", "1") == decode(*options, "-j", "5")


def test_a_folder_of_databases_is_all_of_them(tmp_path: Path) -> None:
    text = Path(DBC).read_text()
    head, messages = text.split("BO_ 257", 1)
    (tmp_path / "a.dbc").write_text(head)
    (tmp_path / "b.dbc").write_text(text[: text.index("BO_ 256")] + "BO_ 257" + messages)
    for given in (str(tmp_path), f"{tmp_path}/*.dbc"):
        assert printed("decode", LOG, "--dbc", given) == (DATA / "drive.csv").read_text()


@pytest.mark.parametrize("output_format", ["csv", "lp"])
def test_an_earlier_output_stays_where_a_log_is_refused_and_goes_where_it_is_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], output_format: str
) -> None:
    good, picture = tmp_path / "good", tmp_path / "pic.log"
    good.write_text("an earlier output, longer than what comes\n" * 1000)
    before = good.read_bytes()
    picture.write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(range(256)) * 8)
    decode = ["--dbc", DBC, "--format", output_format]
    assert main(["decode", str(picture), *decode, "-o", str(good)]) == 65
    assert good.read_bytes() == before
    capfd.readouterr()
    for name, words in (("nothing", ["--from", "+9999"]), ("all", [])):
        expected = printed("decode", LOG, *decode, *words)
        good.write_bytes(before)
        assert main(["decode", LOG, *decode, *words, "-o", str(good)]) == 0
        assert good.read_text() == expected, name


def test_an_output_may_be_a_device_and_what_cannot_be_written_is_said_before_the_log_is_read(
    tmp_path: Path,
) -> None:
    assert command("decode", LOG, "--dbc", DBC, "-o", "/dev/null").returncode == 0
    assert main(["decode", str(tmp_path / "x.log"), "--dbc", DBC, "-o", str(tmp_path)]) == 66
    assert f"{tmp_path}: cannot be written: Is a directory" in failed(
        74, "decode", LOG, "--dbc", DBC, "-o", tmp_path
    )


def test_a_database_in_place_of_a_log_names_the_option() -> None:
    assert failed(64, "decode", LOG, DBC) == f"nev-telemetry: {DBC}: is a database (--dbc {DBC})\n"


@pytest.mark.parametrize("output_format", ["csv", "lp"])
def test_the_rows_are_those_that_were_checked_by_hand(output_format: str) -> None:
    name = ["--vehicle", "car 7"] if "car\\ 7" in (DATA / "drive.lp").read_text() else []
    assert decode(*name, "--format", output_format) == (DATA / f"drive.{output_format}").read_text()


def test_a_vehicle_that_is_not_named_is_unknown() -> None:
    assert all(",vehicle=unknown " in line for line in decode("--format", "lp").splitlines())


def test_what_is_wrong_with_a_log_and_with_its_database_is_warned_of(tmp_path: Path) -> None:
    dbc = tmp_path / "orphan.dbc"
    dbc.write_text(f'{Path(DBC).read_text()}\nVAL_ 2566844672 Gone 1 "on" ;\n')
    warnings = noted("decode", LOG, "--dbc", dbc).splitlines()
    assert warnings[0].startswith(f"warning: {dbc}:")
    assert f"warning: {LOG}:9 (byte 373): no frame, skipped" in warnings
    assert "warning: frames left out (error frame): 1" in warnings


def test_every_report_of_a_capture_has_its_rows(tmp_path: Path) -> None:
    capture, words = tmp_path / "twice.txt", ["decode", "--protocol", "jbd"]
    capture.write_bytes((DATA / "jbd.txt").read_bytes() * 2)
    once = printed(*words, DATA / "jbd.txt").splitlines()[1:]
    assert len(printed(*words, capture).splitlines()[1:]) == 2 * len(once)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("writes_a_file", [True, False])
def test_a_summary_is_for_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes_a_file: bool
) -> None:
    terminal = Terminal()
    output = ["-o", str(tmp_path / "rows.csv")] if writes_a_file else []
    plain = noted("decode", LOG, "--dbc", DBC, *output)
    monkeypatch.setattr("sys.stderr", terminal)
    assert main(["decode", LOG, "--dbc", DBC, *output]) == 0
    *warnings, summary = terminal.getvalue().splitlines(keepends=True)
    assert "".join(warnings) == plain
    assert summary == "15 frames: 12 decoded, 1 in no database\n"


def test_an_alarm_of_a_capture_is_an_event_in_each_message_that_reports_it(tmp_path: Path) -> None:
    basic = bytearray(23)
    basic[0:2] = (1330).to_bytes(2, "big")  # 13.30 V
    basic[17] = 1  # a cell is over its voltage
    basic[21] = 4  # cells
    message = jbd_message(0x03, bytes(basic)).hex()
    (tmp_path / "bms.txt").write_text(
        "".join(f"({second}.000000) bms RX {message}\n" for second in (1, 2, 3))
    )
    events = [
        line
        for line in printed(
            "decode", "--protocol", "jbd", tmp_path / "bms.txt", "--format", "lp"
        ).splitlines()
        if line.startswith("event,")
    ]
    assert [line.rpartition(" ")[2] for line in events] == ["1000000000", "2000000000", "3000000000"]
    assert all("code=cell_overvoltage," in line for line in events)
