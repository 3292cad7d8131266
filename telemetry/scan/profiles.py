"""Profiles of vehicles as what a bus may be: by broadcast ids, and by what units answer to somebody's tester.

Promises:

- An answer is told by its first frame: by id, address, length, and the bytes that it begins with.
- Of a VIN the first three letters are shown, which say who made the vehicle.

Relies on the sample that is kept of each id's frames: of an id with many frames not every answer is counted.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from telemetry_core.frames.spec import SeenFrames

from telemetry.vehicles.known import named, names
from telemetry.vehicles.profile import Profile, Unit

_REFUSED = 0x7F  # what a negative answer begins with
_VIN_LETTERS = 17
_WITH_VIN = (bytes.fromhex("490201"), bytes.fromhex("62F190"), bytes.fromhex("6181"))  # and the VIN
_SHOWN_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Heard:
    """The answers of one id. known: what those begin with that a profile explains; explained: how many."""

    known: frozenset[str]
    explained: int
    others: int


@dataclass(frozen=True, slots=True)
class ProfileBus:
    """One bus of a profile.

    - `answers`: by id, the addresses that stand in front, and what may follow: its beginning, and its lengths
    - `lengths`: of broadcast frames, by id
    - `needed`: ids that are always there; `against`: ids of other vehicles
    """

    profile: Profile
    bus: str
    answers: Mapping[int, tuple[frozenset[int], Mapping[bytes, frozenset[int]]]]
    lengths: Mapping[int, int]
    needed: frozenset[int]
    against: frozenset[int]

    @property
    def keys(self) -> Iterator[tuple[str, str]]:
        """Yield the keys of a configuration that name it."""
        yield "vehicle_profile", self.profile.name
        if len(self.profile.buses) > 1:
            yield "vehicle_bus", self.bus

    def speaking_against(self, ids: Container[int]) -> frozenset[int]:
        """Return which ids should be there and are not, or the other way."""
        return frozenset(id for id in self.needed | self.against if (id in ids) is (id in self.against))

    def heard(self, seen: SeenFrames) -> Heard:
        """Return what the id's frames answer."""
        addresses, known = self.answers[seen.id]
        answers = list(_answers(seen, addresses))
        explained = [
            begins
            for data, length in answers
            for begins, lengths in known.items()
            if data.startswith(begins) and (not lengths or length in lengths)
        ]
        return Heard(
            frozenset(each.hex() for each in explained), len(explained), len(answers) - len(explained)
        )


def profile_buses() -> Iterator[ProfileBus]:
    """Yield each bus of each profile that comes with the program; what others extend comes before these."""
    profiles = {name: named(name) for name in names()}

    def depth(profile: Profile) -> int:
        return 1 + depth(profiles[profile.extends]) if profile.extends else 0

    for profile in sorted(profiles.values(), key=depth):
        for name, bus in profile.buses.items():
            units = [unit for unit in profile.units.values() if name in unit.bus]
            yield ProfileBus(
                profile,
                name,
                {at.answer.id: _of_unit(profile, unit) for unit in units for at in unit.at},
                {one.id: one.length for one in profile.broadcasts if name in one.bus and one.length},
                frozenset(bus.needed),
                frozenset(bus.against),
            )


def _of_unit(profile: Profile, unit: Unit) -> tuple[frozenset[int], Mapping[bytes, frozenset[int]]]:
    """Return the addresses of those that ask a unit, and what its answers begin with, with their lengths."""
    known: dict[bytes, frozenset[int]] = {}
    for read in profile.reads:
        for request in read.requests if read.unit == unit.name else ():
            begins = read.begins(request)
            known[begins] = known.get(begins, frozenset()) | frozenset(read.length)
    return frozenset(at.answer.unit for at in unit.at if at.answer.unit is not None), known


def vin_begins(seen: Iterable[SeenFrames]) -> str:
    """Return the first letters of the first VIN that a unit has answered; empty: none has."""
    for one in seen:
        for begins, length in _answers(one, frozenset()):
            for known in _WITH_VIN:
                letters = begins[len(known) :][:_SHOWN_LETTERS]
                is_vin = begins.startswith(known) and length >= len(known) + _VIN_LETTERS
                if is_vin and letters.isalnum() and letters.isupper():
                    return letters.decode("ascii")
    return ""


def _answers(seen: SeenFrames, addresses: frozenset[int]) -> Iterator[tuple[bytes, int]]:
    """Yield what each positive answer among the id's frames begins with, and its length."""
    for row in seen.rows:
        if addresses:
            if not row or row[0] not in addresses:
                continue
            row = row[1:]
        kind, low = (row[0] >> 4, row[0] & 0xF) if row else (_REFUSED, 0)
        if kind == 1 and len(row) > 2:
            length, data = low << 8 | row[1], row[2:]
        elif kind == 0 and 0 < low < len(row):
            length, data = low, row[1 : 1 + low]
        elif kind == low == 0 and len(row) > 8:  # CAN FD
            length, data = row[1], row[2 : 2 + row[1]]
        else:
            continue
        if data[:1] != bytes((_REFUSED,)):
            yield data, length
