"""Sessions by power in logs of two packs, against a model that has all rows."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.charging.session import CurvePoint, Session
from telemetry.decode.sessions import collect_sessions
from tests.support.cross_check_model import Sample
from tests.support.examples import examples
from tests.support.power_model import Fields, Row, Rule, State, session, spans

START_S = 1_772_474_400


def frames(pack: int, rows: Sequence[Row]) -> Iterator[tuple[int, int, bytes]]:
    """Yield milliseconds, id and data."""
    for row in rows:
        at_ms = round(row.at_s * 1000)
        if isinstance(row, Sample):
            volts = round(row.voltage_v * 10).to_bytes(2, "little")
            yield at_ms, 0x100 + pack, volts + round(row.current_a * 10).to_bytes(2, "little", signed=True)
        else:
            soc = round(row.soc_pct * 100).to_bytes(2, "little")
            yield at_ms, 0x110 + pack, soc + bytes([round(row.temp_max_c) + 40, 0])


def write_files(folder: Path, packs: Sequence[Sequence[Row]], rules: Sequence[Rule]) -> tuple[Path, Path]:
    """Write a configuration and the log of its bus."""
    database = 'VERSION ""\nNS_ :\nBS_:\nBU_: A\n'
    config = (
        'vehicle = "v"\n[influx]\nurl = "http://127.0.0.1:1"\ndatabase = "x"\n[spool]\ndirectory = "none"\n'
    )
    config += '[[can]]\nname = "can0"\ndatabases = ["d.dbc"]\n'
    for pack, rule in enumerate(rules):
        database += f'BO_ {0x100 + pack} P{pack}: 4 A\n SG_ V : 0|16@1+ (0.1,0) [0|0] "V" A\n'
        database += ' SG_ I : 16|16@1- (0.1,0) [0|0] "A" A\n'
        database += f'BO_ {0x110 + pack} S{pack}: 4 A\n SG_ SOC : 0|16@1+ (0.01,0) [0|0] "%" A\n'
        database += ' SG_ T : 16|8@1+ (1,-40) [0|0] "C" A\n'
        for signal, field in (
            ("P{}.V", "voltage_v"),
            ("P{}.I", "current_a"),
            ("S{}.SOC", "soc_pct"),
            ("S{}.T", "temp_max_c"),
        ):
            config += f'[[map]]\nsignal = "{signal.format(pack)}"\nto = "battery.{field}"\npack = "p{pack}"\n'
        config += f'[[session]]\npack = "p{pack}"\nstarts_above_w = {rule.starts_above_w}\n'
        config += f"starts_after_s = {rule.starts_after_s}\nends_after_s = {rule.ends_after_s}\n"
    (folder / "d.dbc").write_text(database)
    (folder / "g.toml").write_text(config)
    every = sorted(frame for pack, rows in enumerate(packs) for frame in frames(pack, rows))
    (folder / "bus.log").write_text(
        "".join(
            f"({START_S + ms // 1000}.{ms % 1000:03d}000) can0 {id:03X}#{data.hex().upper()}\n"
            for ms, id, data in every
        )
    )
    return folder / "g.toml", folder / "bus.log"


def drive(chance: Random, rule: Rule) -> list[Row]:
    """Charging, rest, driving, power about the threshold, and silence, as long as the rule's times or so."""
    rows: list[Row] = []
    now_ms, soc, temp, number = chance.randrange(1500), chance.randrange(1000, 6000), chance.randrange(30), 0
    period_ms, state_each = chance.choice((200, 500, 1000, 1900)), chance.choice((1, 2, 5))
    for _ in range(chance.randrange(1, 7)):
        kind = chance.choice(("charge", "charge", "charge", "rest", "drive", "about", "silence"))
        lasts_s = chance.choice((rule.starts_after_s, rule.ends_after_s)) + chance.choice(
            (-3, -1, 0, 1, 3, 20, 60)
        )
        end_ms = now_ms + round(1000 * max(1, lasts_s))
        level = chance.randrange(5, 300)
        while now_ms < end_ms and kind != "silence":
            tenths_v = chance.randrange(3000, 4200)
            about = round(100 * rule.starts_above_w / tenths_v + chance.uniform(-1.5, 2))
            tenths_a = {"charge": level, "rest": 0, "drive": -4 * level, "about": max(1, about)}[kind]
            if chance.random() > 0.02:
                rows.append(Sample(now_ms / 1000, tenths_v / 10, tenths_a / 10))
            number += 1
            soc = min(10000, max(0, soc + round(tenths_a * period_ms / 8000) + chance.randrange(-1, 2)))
            temp = min(100, temp + (chance.random() < 0.05))
            if number % state_each == 0 and chance.random() > 0.05:
                rows.append(State((now_ms + 50) / 1000, soc / 100, float(temp)))
            now_ms += period_ms
        now_ms = max(now_ms, end_ms)
    return rows


def compare(stored: Session | CurvePoint, wanted: Fields) -> None:
    """Compare each field of the model, whose stamps are seconds of the scene."""
    for name, value in wanted.items():
        is_stamp = name in ("start", "end", "at")
        found = getattr(stored, f"{name}_ns") / 1e9 - START_S if is_stamp else getattr(stored, name)
        is_text = value is None or isinstance(value, str)
        assert found == (value if is_text else pytest.approx(value, rel=1e-7, abs=2e-6)), name


@given(seed=st.integers(0, 2**32))
@settings(max_examples=examples(150))
def test_sessions_of_two_packs_are_those_of_the_model(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    chance = Random(seed)
    rules = [
        Rule(
            chance.choice((100.0, 1000.0)),
            chance.choice((0.0, 5.0, 20.0)),
            chance.choice((1.0, 5.0, 12.0, 30.0)),
        )
        for _ in range(2)
    ]
    packs = [drive(chance, rule) for rule in rules]
    end_s = max((rows[-1].at_s for rows in packs if rows), default=0.0)
    if not end_s:
        return
    config, log = write_files(tmp_path_factory.getbasetemp(), packs, rules)
    sessions = list(collect_sessions([log], config=config))
    for pack, (rows, rule) in enumerate(zip(packs, rules, strict=True)):
        found = sorted((each for each in sessions if each.pack == f"p{pack}"), key=lambda one: one.start_ns)
        expected = [session(rows, span) for span in spans(rows, rule, end_s)]
        assert len(found) == len(expected)
        for one, (wanted, curve) in zip(found, expected, strict=True):
            compare(one, wanted)
            assert len(one.curve) == len(curve)
            for point, point_wanted in zip(one.curve, curve, strict=True):
                compare(point, point_wanted)
