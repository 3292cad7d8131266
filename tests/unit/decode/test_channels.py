"""Which databases belong to which channel of a log."""

from pathlib import Path

from telemetry.decode.channels import Database, plan_channels

A, B, C = (Path(f"{name}.dbc") for name in "abc")


def buses(*given: Database) -> list[tuple[str, tuple[Path, ...]]]:
    plan = plan_channels(given, first_wins=False, j1939=False)
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
    plan = plan_channels([Database(A), Database(B, "can1")], first_wins=True, j1939=True, value_texts=True)
    assert all((bus.first_wins, bus.j1939, bus.value_texts) == (True, True, True) for bus in plan.databases)
    assert not any(bus.keep_not_available for bus in plan.databases)
