"""telemetry/scan/can_findings.py: the evidence in words, and a configuration that is one."""

from pathlib import Path

import pytest

from telemetry.config import load_config
from telemetry.model.bit_rate import BitRate
from telemetry.scan.can_findings import BusFindings, as_json, block, words_of
from telemetry.scan.can_scan import database_candidate, judge, known_candidates
from telemetry.scan.toml_words import SourceNames
from telemetry.sources.settings import SourceSettings
from telemetry.stages.prepare import compose
from tests.support.configuration import GATEWAY
from tests.unit.scan.test_can_scan import (
    CHADEMO,
    CHARGE_LOG,
    ELCON,
    TRUCK,
    VEHICLE,
    database,
    ids_seen,
    logged,
    made_by_hand,
    seen,
)


def loaded(text: str, tmp_path: Path) -> SourceSettings:
    (tmp_path / "gateway.toml").write_text(GATEWAY + text)
    (source,) = load_config(tmp_path / "gateway.toml", {}).sources
    return source


def findings(name: str = "can0", *frames: tuple[str, int], **more: object) -> BusFindings:
    traffic = seen(frames)
    return BusFindings(name, name, traffic, judge(traffic, known_candidates()), **more)  # type: ignore[arg-type]


def test_what_is_printed_is_a_bus_with_its_protocol(tmp_path: Path) -> None:
    source = loaded(
        block(findings("can1", *CHADEMO, bit_rate=BitRate(500_000, 2_000_000)), SourceNames()), tmp_path
    )
    assert (source.name, source.protocols.names) == ("can1", ("chademo",))
    assert source.bit_rate == BitRate(500_000, 2_000_000)
    assert [resource.name for resource in source.resources] == ["can1"]


def test_several_protocols_of_a_bus_stand_together(tmp_path: Path) -> None:
    text = block(findings("can0", *ELCON, *TRUCK), SourceNames())
    source = loaded(text, tmp_path)
    assert source.protocols.names == ("elcon",)
    assert "# Messages of J1939 need a database" in text
    assert source.buses[0].j1939
    words = "Equally well fit: elcon, elcon_extended. If you have another than elcon, put that in its place."
    assert f"# {words}\n" in text


def test_databases_are_named_by_their_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(VEHICLE.parent)
    traffic = logged(CHARGE_LOG)
    candidate = database_candidate(Path(VEHICLE.name), database(VEHICLE).bus, {})
    bus = BusFindings("charge.log", "can0", traffic, judge(traffic, [candidate]))
    assert loaded(block(bus, SourceNames()), tmp_path).buses[0].databases == (VEHICLE,)


def test_two_databases_with_one_message_are_proposed_as_check_takes_them(tmp_path: Path) -> None:
    head = 'VERSION ""\nBU_: E\n'
    message = 'BO_ {} M{}: 8 E\n SG_ V{} : 0|8@1+ (1,0) [0|0] "" E\n'
    for name, ids in (("a", (0x100, 0x101, 0x102)), ("b", (0x102, 0x103, 0x104))):
        messages = "".join(message.format(id, id, name) for id in ids)
        (tmp_path / f"{name}.dbc").write_text(head + messages)
    heard = seen([(f"{id:03X}#{bytes(8).hex()}", 100) for id in range(0x100, 0x105)])
    found = judge(heard, [database(tmp_path / "a.dbc"), database(tmp_path / "b.dbc")])
    (tmp_path / "gateway.toml").write_text(
        GATEWAY + block(BusFindings("can0", "can0", heard, found), SourceNames())
    )
    config = load_config(tmp_path / "gateway.toml", {})
    assert len(config.sources[0].buses[0].databases) == 2
    compose(config)


def test_an_adapter_of_python_can_is_named_with_its_options(tmp_path: Path) -> None:
    options = {"interface": "udp_multicast", "channel": "239.0.0.1"}
    source = loaded(block(findings("239.0.0.1", *ELCON, options=options), SourceNames()), tmp_path)
    assert source.listening_options == options


@pytest.mark.parametrize("name", ["CAN 1 (vehicle)", "/dev/ttyACM0", "x" * 80, "ü"])
def test_a_channel_of_a_log_may_be_called_anything(name: str, tmp_path: Path) -> None:
    source = loaded(block(findings(name, *ELCON), SourceNames()), tmp_path)
    assert [resource.name for resource in source.resources] == ["can0"]


def test_the_ranking_shows_its_evidence_and_what_nothing_explains() -> None:
    others = [(f"{id:03X} # 00", 100) for id in range(0x600, 0x610)]
    lines = list(words_of(findings("can0", *CHADEMO, *others)))
    assert lines == [
        "can0: 2100 frames of 21 ids (0 of 29 bits) in 9.9 s",
        "1. chademo: score 0.24, 5 of 21 ids, 24% of frames, lengths right 5 of 5, periods right 5 of 5 <-",
        "nothing proposed explains 16 ids: 600 601 602 603 604 605 606 607 608 609 60A 60B and 4 more",
    ]


def test_the_ranking_shows_what_is_proposed_however_far_down_it_stands() -> None:
    alike = [made_by_hand(7, name=f"{number}.dbc") for number in range(9)]
    last = made_by_hand(6, first=0x700, name="last.dbc")
    heard = ids_seen(7, others=6)
    lines = list(words_of(BusFindings("can0", "can0", heard, judge(heard, [*alike, last]))))
    assert [line.split(":")[0] for line in lines if line.endswith("<-")] == ["1. 0.dbc", "10. last.dbc"]
    assert len(lines) == 1 + 8 + 1


def test_nothing_that_fits_is_no_configuration() -> None:
    bus = findings("can0", ("7FF # 00", 100))
    assert block(bus, SourceNames()) == ""
    assert as_json(bus) == {
        "bus": "can0",
        "bitrate": None,
        "data_bitrate": None,
        "error_frames": 0,
        "frames": 100,
        "seconds": pytest.approx(9.9),
        "ids": 1,
        "ranking": [],
    }


def test_the_evidence_as_plain_values() -> None:
    (best, *_) = as_json(findings("can0", *CHADEMO))["ranking"]
    assert best == {
        "name": "chademo",
        "database": None,
        "profile": None,
        "score": 1.0,
        "proposed": True,
        "ids": 5,
        "frames": 500,
        "lengths_right": 5,
        "periods_right": 5,
        "periods_judged": 5,
    }
