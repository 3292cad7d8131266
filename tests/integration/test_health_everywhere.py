"""Battery health of a log: `run`, `decode` and `health` make the same of it, however it is cut."""

import csv
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest

from telemetry import lake
from telemetry.charging.items import Point
from telemetry.config import load_config
from telemetry.decode.health import health_in_logs
from telemetry.ledger import Ledger
from telemetry.model.point import line
from telemetry.service.pipeline import Pipeline
from telemetry.spool.batch import lines_of
from telemetry.stages.binding import Binding
from telemetry.stages.prepare import compose
from telemetry.stages.stages import Stages
from tests.integration.test_one_composition import output, written_by_the_service
from tests.support.clock import FakeClock
from tests.support.command import command
from tests.support.gateway import Gateway
from tests.support.lake import lake_rows, one_run, rows_of
from tests.support.listed_store import ListedStore
from tests.support.packs_charged import DAYS, Frame, config, frames, health, mapped, write_log
from tests.support.stages import batch_of

MEASUREMENTS = ("battery_health,", "battery_use,", "cell_")
REPLAY = '[[replay]]\nname = "log"\nfile = "can0.log"\n'
MIDNIGHT_NS = 1_700_006_400 * 10**9
CAN = '[[can]]\nname = "can0"\n'


def of_health(lines: Sequence[str]) -> dict[str, str]:
    """Return what a database has of these lines: of several with one stamp the last."""
    found = [text.split(" ") for text in lines if text.startswith(MEASUREMENTS)]
    return {f"{key} {stamp}": fields for key, fields, stamp in found}


def as_lines(points: Sequence[Point]) -> list[str]:
    return [line(*point).decode() for point in points]


@pytest.fixture(scope="module")
def content() -> list[Frame]:
    return list(frames(DAYS))


@pytest.fixture(scope="module")
def whole(content: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what `health` says of the log."""
    folder = tmp_path_factory.mktemp("whole")
    log = write_log(folder / "can0.log", content)
    points, decoder = health_in_logs([log], config(folder, CAN, mapped("can0") + health()))
    assert decoder.losses() == []
    return of_health(as_lines(points))


def test_the_charges_are_those_that_were_made(whole: dict[str, str]) -> None:
    """By hand: 36 A for 180 s are 1.8 Ah, 45 % of 4 Ah; the estimate comes with the third."""
    charges = [
        dict(each.split("=") for each in fields.split(","))
        for key, fields in whole.items()
        if key.startswith("battery_health")
    ]
    assert len(charges) == 3
    for charge in charges:
        assert float(charge["charge_ah"]) == pytest.approx(1.8, rel=0.01)
        assert float(charge["window_pct"]) == pytest.approx(45.0, abs=0.5)
        assert (charge["used"], charge["gap_s"]) == ("true", "0")
    assert float(charges[2]["capacity_ah"]) == pytest.approx(4.0, rel=0.02)
    assert "capacity_ah" not in charges[1]
    assert sum(key.startswith("battery_use") for key in whole) == 2  # days


def test_run_and_decode_make_the_same(content: list[Frame], whole: dict[str, str], tmp_path: Path) -> None:
    write_log(tmp_path / "can0.log", content)
    config(tmp_path, REPLAY, mapped("log") + health())
    with Gateway(tmp_path, "", "") as gateway:
        lines = written_by_the_service(gateway, lambda status: status["state"].get("source/log") == "ended")
    assert of_health(lines) == whole
    assert not (tmp_path / "spool" / "health").exists()  # another run reads the log again
    for kind in (REPLAY, CAN):
        bus = "log" if kind is REPLAY else "can0"
        other = config(tmp_path, kind, mapped(bus) + health(), name="other.toml")
        decoded = output("decode", "--config", other, "--format", "lp", tmp_path / "can0.log").splitlines()
        assert of_health(decoded) == whole
        assert sorted(decoded) == sorted(lines)


def read_by_the_service(
    content: list[Frame], folder: Path, stored: int = 0, reloads: Sequence[int] = ()
) -> dict[str, str]:
    """Return what a service stores of a log. stored: frames by an earlier run; reloads: in which thousand."""
    composition = compose(load_config(config(folder, CAN, mapped("can0") + health())))

    def bound() -> Stages:
        stages = composition.make_stages()
        stages.bind(0, Binding(0, "log", "can0"))
        return stages

    store = ListedStore()
    pipeline = Pipeline(bound(), store, Ledger({}), FakeClock(), {"log": stored})
    for begin in range(0, len(content), 1000):
        if begin // 1000 in reloads:
            pipeline.replace_stages(bound())
        batch = batch_of(content[begin : begin + 1000], begin)
        pipeline.process("log", batch, {}, resume_as="log")
    pipeline.end("log", {}, is_complete=True, resume_as="log")
    pipeline.finish()
    replacing = b"".join(lines_of(batch) for batch in store.replacing if batch is not None)
    return of_health((replacing + store.text).decode().splitlines())


def test_reloads_while_a_log_is_read_change_nothing(
    content: list[Frame], whole: dict[str, str], tmp_path: Path
) -> None:
    assert read_by_the_service(content, tmp_path, reloads=(1, 2, 9)) == whole


@pytest.mark.parametrize("share", [0.0, 0.2, 0.55, 0.97])
def test_a_log_that_another_run_had_stored_in_part_gives_the_rows_that_were_missing(
    share: float, content: list[Frame], whole: dict[str, str], tmp_path: Path
) -> None:
    found = read_by_the_service(content, tmp_path, int(share * len(content)))
    assert found.items() <= whole.items()
    # Two charges are told within a tenth of the frames, a rest after three, the first day after 78 %.
    assert len(found) == {0.0: 10, 0.2: 6, 0.55: 5, 0.97: 4}[share]


@pytest.mark.parametrize("seed", range(4))
def test_cut_into_files_at_any_places_and_named_in_any_order(
    seed: int, content: list[Frame], whole: dict[str, str], tmp_path: Path
) -> None:
    chance = Random(seed)
    places = sorted(chance.sample(range(1, len(content)), 7))
    parts = zip([0, *places], [*places, len(content)], strict=True)
    logs = [write_log(tmp_path / f"{n}.log", content[slice(*part)]) for n, part in enumerate(parts)]
    chance.shuffle(logs)
    points, _ = health_in_logs(logs, config(tmp_path, CAN, mapped("can0") + health()))
    assert of_health(as_lines(points)) == whole


@pytest.mark.parametrize("seed", range(4))
def test_logs_in_a_wrong_order_give_no_charge_more_than_was_made(
    seed: int, content: list[Frame], tmp_path: Path
) -> None:
    """As `decode` reads them: a clock that steps back by hours ends what is open, and a rest, too."""
    chance = Random(seed)
    places = [0, *sorted(chance.sample(range(1, len(content)), 7)), len(content)]
    logs = [
        write_log(tmp_path / f"{n}.log", content[slice(*part)]) for n, part in enumerate(pairwise(places))
    ]
    chance.shuffle(logs)
    done = command(
        "decode", "--config", config(tmp_path, CAN, mapped("can0") + health()), "--format", "lp", *logs
    )
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    charges = [fields for key, fields in of_health(lines).items() if "_health," in key]
    assert charges
    days = [line.rpartition(" ")[2] for line in lines if line.startswith("battery_use")]
    assert all(one != other for one, other in pairwise(days))  # a day that goes on is not over
    for fields in charges:
        assert float(fields.partition("charge_ah=")[2].partition(",")[0]) <= 1.8
        capacity = fields.partition("charge_capacity_ah=")[2].partition(",")[0]
        assert not capacity or float(capacity) == pytest.approx(4.0, rel=0.05)


def test_a_log_that_cannot_be_read_is_named_and_costs_itself(
    content: list[Frame], whole: dict[str, str], tmp_path: Path
) -> None:
    half = len(content) // 2
    logs = [write_log(tmp_path / "b.log", content[half:]), write_log(tmp_path / "a.log", content[:half])]
    (tmp_path / "broken.blf").write_bytes(b"no log at all")
    warnings: list[str] = []
    points, decoder = health_in_logs(
        [tmp_path / "broken.blf", *logs],
        config(tmp_path, CAN, mapped("can0") + health()),
        warn=warnings.extend,
    )
    assert of_health(as_lines(points)) == whole
    assert any(str(tmp_path / "broken.blf") in words for words in warnings)
    assert decoder.unread.lines


@pytest.mark.parametrize("seed", range(2))
def test_a_dataset_made_day_by_day_has_the_rows_of_one_run(
    seed: int, content: list[Frame], whole: dict[str, str], tmp_path: Path
) -> None:
    """Midnight falls into a rest; what two charges of the day before tell counts in the next day."""
    chance = Random(seed)
    file = config(tmp_path, CAN, mapped("can0") + health())
    midnight = next(n for n, frame in enumerate(content) if frame[0] >= MIDNIGHT_NS)
    places = [0, *sorted({midnight, *chance.sample(range(1, len(content)), 3)}), len(content)]
    (tmp_path / "van").mkdir()
    logs = [
        write_log(tmp_path / "van" / f"{n}.log", content[slice(*part)])
        for n, part in enumerate(pairwise(places))
    ]
    expected, _ = one_run(logs, file)
    charges = [dict(row) for table, row in expected if table == "battery_health"]
    assert sorted(charge["charge_ah"] for charge in charges) == sorted(
        float(fields.partition("charge_ah=")[2].partition(",")[0])
        for key, fields in whole.items()
        if key.startswith("battery_health")
    )
    early = [log for log in logs if int(log.stem) < places.index(midnight)]
    for named in (early, logs):  # the first day alone, then with the next
        written = lake.write(named, to=tmp_path / "lake", config=file)
        assert written.errors == []
        assert not any(outcome.problems for outcome in written.outcomes)
    assert lake_rows(tmp_path / "lake") == expected


def test_text_and_parquet_have_the_same_values(
    content: list[Frame], whole: dict[str, str], tmp_path: Path
) -> None:
    log = write_log(tmp_path / "can0.log", content)
    file = config(tmp_path, CAN, mapped("can0") + health())
    expected = {
        (key.partition(",")[0], int(key.rpartition(" ")[2]), name, value.strip('"'))
        for key, fields in whole.items()
        for name, _, value in (each.partition("=") for each in fields.split(","))
    }
    rows = csv.DictReader(output("decode", "--config", file, log).splitlines())
    found = [row for row in rows if f"{row['message']},".startswith(MEASUREMENTS)]
    assert {row["pack"] for row in found} == {"main"}
    flags = {"1": "true", "0": "false"}
    assert {
        (row["message"], int(row["time_ns"]), row["signal"], flags.get(row["value"], row["value"]))
        if row["signal"] in ("used", "ended_full")
        else (row["message"], int(row["time_ns"]), row["signal"], row["value"])
        for row in found
    } == expected
    found_json = [
        json.loads(line)
        for line in output("decode", "--config", file, "--format", "ndjson", log).splitlines()
    ]
    assert sum(
        len(row["signals"]) for row in found_json if f"{row['message']},".startswith(MEASUREMENTS)
    ) == len(expected)
    output("decode", "--config", file, "--format", "parquet", "-o", tmp_path / "tables", log)
    of_tables = {
        (table.stem, time, name)
        for table in (tmp_path / "tables").glob("*.parquet")
        if f"{table.stem},".startswith(MEASUREMENTS)
        for _, row in rows_of(table.stem, pq.ParquetFile(table).read())
        for time in [dict(row)["time"]]
        for name in dict(row)
    }
    assert of_tables - {each for each in of_tables if each[2] in ("time", "channel", "pack")} == {
        each[:3] for each in expected
    }
