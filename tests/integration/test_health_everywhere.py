"""Battery health of a log: `run`, `decode` and `health` make the same of it, however it is cut."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from telemetry.charging.items import Point
from telemetry.decode.health import health_in_logs
from telemetry.model.point import line
from tests.integration.test_one_composition import output, written_by_the_service
from tests.support.gateway import Gateway
from tests.support.packs_charged import DAYS, Frame, config, frames, health, mapped, write_log

MEASUREMENTS = ("battery_health,", "battery_use,", "cell_")
REPLAY = '[[replay]]\nname = "log"\nfile = "can0.log"\n'
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
    for kind in (REPLAY, CAN):
        bus = "log" if kind is REPLAY else "can0"
        other = config(tmp_path, kind, mapped(bus) + health(), name="other.toml")
        decoded = output("decode", "--config", other, "--format", "lp", tmp_path / "can0.log").splitlines()
        assert of_health(decoded) == whole
        assert sorted(decoded) == sorted(lines)


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
