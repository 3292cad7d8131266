"""Settings that are declared once: what a class says of a key is how it is read, and refused."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import pytest

from telemetry.errors import ConfigError
from telemetry.settings.declared import key, keys_of, name_of, part, read, settings
from telemetry.settings.document import Document, Where
from telemetry.settings.table import Key, TomlTable


class Mode(StrEnum):
    FAST = "fast"
    SLOW = "slow"


def even(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2


@settings(kw_only=True)
class Inner:
    pairs: int | None = key("how many", default=None, convert=even, hint="take an even one", least=0, most=9)


@settings(kw_only=True)
class Named:
    name: str = key("what it is called")


@settings(kw_only=True)
class Outer:
    vehicle: str = key("whose", variable="VEHICLE")
    mode: Mode = key("how", default=Mode.FAST)
    waits: bool = key(
        "whether", name="clock", kind="text", one_of={"system": False, "wait": True}, default=False
    )
    cap_bytes: int = key(
        "how much", name="cap_mib", kind="number", default=64 << 20, scale=1 << 20, above=0.0
    )
    count: int | None = key("any integer", default=None)
    rates: Mapping[str, float] = key("by name", kind="free", of=Key("", kind="number", least=0.0), default={})
    own: Inner | None = part(unless="device")
    device: tuple[Named, ...] = key(kind="tables", of=Named, default=())
    where: Where = Where("")

    def check(self, table: TomlTable) -> None:
        if self.waits and self.mode is Mode.SLOW:
            raise table.wrong("clock", "is too much for a slow one")


def outer(environment: Mapping[str, str] | None = None, /, **values: object) -> Outer:
    table = TomlTable(Document.plain(Path("gateway.toml"), values), {})
    return read(Outer, table, environment=environment)


def test_what_is_absent_has_its_default_and_a_variable_stands_in_for_a_required_key() -> None:
    found = outer({"VEHICLE": "van"})
    assert (found.vehicle, found.mode, found.waits, found.cap_bytes) == ("van", Mode.FAST, False, 64 << 20)
    assert (found.count, found.rates, found.own, found.device) == (None, {}, Inner(), ())
    assert str(found.where) == "gateway.toml"


def test_what_is_there_is_typed_scaled_and_converted() -> None:
    found = outer(vehicle="v", mode="slow", cap_mib=0.5, count=-(2**70), rates={"a": 1}, pairs=6)
    assert (found.mode, found.cap_bytes, found.count) == (Mode.SLOW, 1 << 19, -(2**70))
    assert (found.rates, found.own) == ({"a": 1.0}, Inner(pairs=3))
    assert outer(vehicle="v", device=[{"name": "a"}, {"name": "b"}]).device == (
        Named(name="a"),
        Named(name="b"),
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "vehicle: is missing"),
        ({"vehicle": 1}, "vehicle: must be text, not an integer"),
        ({"vehicle": "v", "mod": "fast"}, "mod: unknown key (did you mean mode?)"),
        ({"vehicle": "v", "mode": "medium"}, "mode: must be one of fast, slow, not 'medium'"),
        ({"vehicle": "v", "clock": "never"}, "clock: must be one of system, wait, not 'never'"),
        ({"vehicle": "v", "cap_mib": 0}, "cap_mib: must be above 0, not 0"),
        ({"vehicle": "v", "pairs": 3}, "pairs: 3 is odd (take an even one)"),
        ({"vehicle": "v", "pairs": 10}, "pairs: must be from 0 to 9, not 10"),
        ({"vehicle": "v", "rates": {"a": -1}}, "rates.a: must be 0 or more, not -1"),
        ({"vehicle": "v", "device": [{}]}, "device[0].name: is missing"),
        (
            {"vehicle": "v", "pairs": 2, "device": [{"name": "a"}]},
            "pairs: stands beside [[device]] (it belongs to a device)",
        ),
        ({"vehicle": "v", "clock": "wait", "mode": "slow"}, "clock: is too much for a slow one"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(values: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        outer(**values)
    assert str(caught.value) == f"gateway.toml: {words}"


def test_the_pages_have_each_key_as_a_file_has_it() -> None:
    keys = {one.name: one for one in keys_of(Outer)}
    assert list(keys) == ["vehicle", "mode", "clock", "cap_mib", "count", "rates", "pairs", "device"]
    assert (keys["cap_mib"].default, keys["mode"].default, keys["clock"].default) == (64.0, "fast", "system")
    assert [name for name, one in keys.items() if one.is_required] == ["vehicle"]
    assert (keys["pairs"].unless, keys["clock"].one_of) == ("device", ("system", "wait"))
    assert name_of(Outer.__dataclass_fields__["cap_bytes"]) == "cap_mib"


def test_a_type_that_no_key_can_hold_is_a_fault_of_the_program() -> None:
    @settings
    class Wrong:
        numbers: tuple[float, ...] = key("no kind says how these are written")

    with pytest.raises(TypeError, match="numbers: no key holds"):
        list(keys_of(Wrong))
