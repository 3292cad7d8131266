"""`protocol` of a bus: beside databases or alone, and refused where two things claim one frame."""

from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.errors import ConfigError
from telemetry.sources.assemble import ChannelTable, assemble_sources
from telemetry.stages.prepare import Composition, compose
from tests.support.can_protocols import frame_of
from tests.support.clock import FakeClock
from tests.support.configuration import GATEWAY, load

TOP = f'cache_directory = "plans"\n{GATEWAY}'
MOTOR = 'BO_ 291 Motor: 8 X\n SG_ Speed : 0|16@1+ (1,0) [0|0] "rpm" X\n'
BCP_OF_A_CHARGER = 'BO_ {id} Command: 8 X\n SG_ Volts : 7|16@0+ (0.1,0) [0|0] "V" X\n'


def composed(folder: Path, sources: str, database: str = MOTOR) -> Composition:
    (folder / "ev.dbc").write_text(database)
    (folder / "drive.log").write_text("")
    return compose(load(folder, TOP + sources))


def lines_of(composition: Composition, *frames: str) -> list[str]:
    """Return what the first source makes of frames, without stamps or what is said of the session."""
    source = assemble_sources(composition.config.sources, ChannelTable(), FakeClock(), {})[0]
    stages = composition.make_stages()
    stages.bind(0, composition.binding(source, source.name))
    batch, lines = FrameBatch(100), LineBuffer()
    for frame in frames:
        batch.append(0, *frame_of(frame))
    stages.process(batch, lines)
    whole = [line.rsplit(" ", 1)[0] for line in lines.take().decode().splitlines()]
    return [line for line in whole if not line.startswith(("event,", "charging_")) and " phase=" not in line]


BCL = "181056F4 # A5 10 D8 0E 02"


def test_a_bus_may_have_a_protocol_beside_its_databases(tmp_path: Path) -> None:
    can = '[[can]]\nname = "plug"\ndatabases = ["ev.dbc"]\nprotocol = "gbt27930"\ncharger = "bay-2"\n'
    lines = lines_of(composed(tmp_path, can), "123 # 10 27 00 00 00 00 00 00", BCL)
    assert lines == [
        "Motor,source=plug,vehicle=van-7 Speed=10000",
        "charger,charger=bay-2,source=plug,vehicle=van-7 requested_voltage_v=426.1,requested_current_a=20",
    ]


@pytest.mark.parametrize(
    "source",
    [
        '[[can]]\nname = "plug"\n',
        '[[python_can]]\nname = "plug"\noptions = { interface = "virtual" }\n',
        '[[replay]]\nname = "plug"\nfile = "drive.log"\n',
    ],
    ids=["can", "python_can", "replay"],
)
def test_every_kind_of_can_source_may_have_one_and_shows_its_messages_if_asked(
    tmp_path: Path, source: str
) -> None:
    lines = lines_of(composed(tmp_path, source + 'protocol = "gbt27930"\nmessages = true\n'), BCL)
    assert lines[0].split(" ")[1] == "voltage_v=426.1,current_a=-20,mode=2"
    assert lines[0].startswith("gbt27930_BCL,source=plug")
    assert lines[1].startswith("charger,charger=main")


def test_words_of_its_values_are_fields_of_their_own_if_asked(tmp_path: Path) -> None:
    can = '[[can]]\nname = "plug"\nprotocol = "gbt27930"\nmessages = true\nvalue_texts = true\n'
    assert lines_of(composed(tmp_path, can), BCL)[0] == (
        "gbt27930_BCL,source=plug,vehicle=van-7 "
        'voltage_v=426.1,current_a=-20,mode=2,mode_text="constant current"'
    )


def test_two_buses_with_one_protocol_share_its_records(tmp_path: Path) -> None:
    can = '[[can]]\nname = "{0}"\nprotocol = "gbt27930"\ncharger = "{0}"\n'
    spec = composed(tmp_path, can.format("a") + can.format("b")).protected.spec
    assert len({record.measurement for record in spec.records}) == len(spec.records)
    assert [bus.name for bus in spec.buses] == ["a", "b"]


@pytest.mark.parametrize(
    ("keys", "database", "words"),
    [
        (
            'protocol = "gbt27930"\ndatabases = ["ev.dbc"]\n',
            BCP_OF_A_CHARGER.format(id=0x1C0656F4 | 1 << 31),
            "can[0].protocol: BCP (1C0656F4) of gbt27930 and Command (1C0656F4) are the same frames (bus",
        ),
        (
            'protocol = "gbt27930"\ndatabases = ["ev.dbc"]\nj1939 = true\n',
            BCP_OF_A_CHARGER.format(id=0x1806E5F4 | 1 << 31),
            "can[0].protocol: BCP (1C0656F4) of gbt27930 and Command (1806E5F4) are the same frames (bus",
        ),
        (
            'protocol = "chademo"\ndatabases = ["ev.dbc"]\n',
            BCP_OF_A_CHARGER.format(id=0x109),
            "can[0].protocol: CHA109 (109) of chademo and Command (109) are the same frames (bus plug)",
        ),
        (
            'protocol = ["elcon", "elcon_extended"]\n',
            MOTOR,
            "ElconCommand (1806E5F4) of elcon_extended and ElconCommand (1806E5F4) are the same frames",
        ),
        (
            'protocol = ["gbt27930", "chademo"]\n',
            MOTOR,
            "one bus does not carry gbt27930 (at 250 kbit/s) and chademo (at 500 kbit/s) (name one of them)",
        ),
        ('protocol = "gbt"\n', MOTOR, "can[0].protocol: must be one of gbt27930, "),
        ('protocol = ["gbt27930", "gbt27930"]\n', MOTOR, "can[0].protocol: names 'gbt27930' twice"),
        ("protocol = [1]\n", MOTOR, "can[0].protocol: must be a text or a list of texts, not "),
        ('charger = "bay-2"\n', MOTOR, "can[0].charger: stands without protocol"),
        ("messages = true\n", MOTOR, "can[0].messages: stands without protocol"),
    ],
    ids=[
        "its own id",
        "by PGN",
        "11 bits",
        "two protocols",
        "two bit rates",
        "unknown",
        "twice",
        "no text",
        "charger alone",
        "messages alone",
    ],
)
def test_what_claims_one_frame_twice_or_makes_no_sense_is_one_line(
    tmp_path: Path, keys: str, database: str, words: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        composed(tmp_path, f'[[can]]\nname = "plug"\n{keys}', database)
    assert words in str(refused.value)
    assert len(refused.value.lines()) == 1
    assert refused.value.exit_code == 78


def test_a_command_of_another_charger_beside_gbt27930_is_no_conflict(tmp_path: Path) -> None:
    """1806E5F4 has the PGN of BCP, and other addresses."""
    can = '[[can]]\nname = "plug"\nprotocol = "gbt27930"\ndatabases = ["ev.dbc"]\n'
    database = BCP_OF_A_CHARGER.format(id=0x1806E5F4 | 1 << 31)
    lines = lines_of(composed(tmp_path, can, database), "1806E5F4 # 03 D4 00 A0 00 00 00 00")
    assert lines == ["Command,source=plug,vehicle=van-7 Volts=98"]
