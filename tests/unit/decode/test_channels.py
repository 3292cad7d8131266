"""Which databases belong to which channel of a log."""

from pathlib import Path

from telemetry.decode.channels import Database
from telemetry.stages.binding import NO_BUS
from tests.support.log_decoders import channels_of

A, B, C = (Path(f"{name}.dbc") for name in "abc")


def buses(*given: Database) -> list[tuple[str, tuple[Path, ...]]]:
    plan = channels_of(given)
    return [(bus.name, bus.databases) for bus in plan.databases]


def test_a_database_without_a_channel_is_of_every_channel() -> None:
    assert buses(Database(A), Database(B), Database(A)) == [("of every channel", (A, B))]


def test_a_channel_has_its_own_databases_and_those_of_every_channel() -> None:
    assert buses(Database(A), Database(B, "can1"), Database(C, "can1"), Database(C, "can2")) == [
        ("of every other channel", (A,)),
        ("can1", (A, B, C)),
        ("can2", (A, C)),
    ]
    assert buses(Database(B, "can1")) == [("can1", (B,))]


def test_the_options_are_those_of_each_bus() -> None:
    plan = channels_of([Database(A), Database(B, "can1")], first_wins=True, j1939=True, value_texts=True)
    assert all((bus.first_wins, bus.j1939, bus.value_texts) == (True, True, True) for bus in plan.databases)
    assert not any(bus.keep_not_available for bus in plan.databases)


def test_a_channel_is_the_bus_of_its_databases_or_of_those_of_every_channel_or_none() -> None:
    channels = channels_of([Database(A, "can0"), Database(B)])
    assert channels.databases[channels.bus_of("can0")].databases == (A, B)
    assert channels.databases[channels.bus_of("can7")].databases == (B,)
    assert channels_of([Database(A, "can0")]).bus_of("can1") == channels_of([]).bus_of("can0") == NO_BUS
