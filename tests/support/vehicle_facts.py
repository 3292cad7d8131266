"""Facts of vehicles' profiles: bytes as a unit sends or broadcasts them, and the values that they mean."""

from typing import Any, NamedTuple

from tests.support.vehicles import answer, payload


class Fact(NamedTuple):
    """Say how frames of these bytes are to be read. values: None: there is no value."""

    profile: str
    id: str
    begins: str
    length: int
    parts: dict[int, str]
    values: dict[str, Any]

    @property
    def frames(self) -> list[str]:
        said = payload(self.begins, self.length, self.parts)
        return answer(self.id, said) if self.begins else [f"{self.id}#{said}"]


def sent(profile: str, id: str, data: str, **values: float | None) -> Fact:
    """Return the fact of a frame that is broadcast; values: of `battery`."""
    return Fact(profile, id, "", 8, {0: data}, {f"battery.{name}": value for name, value in values.items()})


def short(profile: str, id: str, said: str, **values: float | None) -> Fact:
    """Return the fact of a short answer; values: of `battery`."""
    return Fact(
        profile, id, said, len(said) // 2, {}, {f"battery.{name}": each for name, each in values.items()}
    )


def inside(profile: str, id: str, said: str, **values: Any) -> Fact:
    """Return the same of values that rows of the message alone have."""
    return Fact(profile, id, said, len(said) // 2, {}, values)
