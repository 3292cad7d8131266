"""Which partitions a run makes: of the recordings that it names, and of those that are there already.

Promises:
- A day is made of all its recordings, also of those that an earlier run named and this one does not.
- A recording that has not changed since it was looked at, by size and time of its last change, is not read to
  find out its days.
- A day of which a recording is gone stays as it is. It fails where another recording of it is new.
- Later days of a vehicle follow, which go on with what days before them remember.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from telemetry.lake.layout import DAY_NS, start_of
from telemetry.lake.marker import Marker, Recording
from telemetry.lake.partitions import beginning, days_of
from telemetry.lake.task import Input, Task


@dataclass(slots=True)
class Vehicle:
    """One vehicle, and its recordings.

    - markers: of its partitions, by day
    - recordings: by path, as they were when they were looked at; named: paths of this run
    """

    name: str
    markers: dict[str, Marker] = field(default_factory=dict)
    recordings: dict[str, Recording] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)

    def name_recording(self, named: Recording) -> None:
        """Add one of this run. Where nobody says when it began, that stays as it is known."""
        self.named.add(named.path)
        known = self.recordings.get(named.path)
        if known is None or (named.start_ns or known.start_ns) != known.start_ns:
            self.recordings[named.path] = named

    def to_look_at(self) -> list[Recording]:
        """Return the recordings whose days are not known, or no longer."""
        return [
            Recording(path, each.file, each.start_ns)
            for path, each in self.recordings.items()
            if not each.is_unchanged and (path in self.named or each.is_there)
        ]

    def take(self, looked: Mapping[tuple[str, int], Recording]) -> None:
        """Take what was looked at, by path and start. One that has moved is the one of the same content."""
        found = {path: looked.get((path, each.start_ns), each) for path, each in self.recordings.items()}
        hashes = {found[path].hash for path in self.named}
        self.recordings = {
            path: each
            for path, each in found.items()
            if path in self.named or each.hash not in hashes or each.is_there
        }

    def tasks(self, where: str, made_of: Mapping[str, str]) -> list[Task]:
        """Return what is to be made, in the order of the days."""
        known = days_of(self.recordings.values())
        days = dict(sorted({**{day: [] for day in self._left()}, **known}.items()))
        tasks, around = list[Task](), ["", *days, ""]
        for before, day, after in zip(around, days, around[2:], strict=False):
            marker, recordings = self.markers.get(day), days[day]
            follows = tasks and marker and made_of.items() <= marker.made_of.items()
            if recordings and not follows and not any(each.path in self.named for each in recordings):
                continue
            gone = [each.path for each in recordings if not each.is_there]
            hashes = {each.hash for each in marker.inputs} if marker else set()
            if gone and hashes == {each.hash for each in recordings}:
                continue
            inputs, missing = [*_inputs(day, before, days)], next(iter(gone), "")
            tasks.append(Task(where, self.name, day, inputs, made_of, before, after, missing))
        return tasks

    def _left(self) -> Iterator[str]:
        """Yield days whose recordings are of other days, since a table says another start of them."""
        for day, marker in self.markers.items():
            now = [self.recordings.get(each.path, each) for each in marker.inputs]
            hashes = [each.hash for each in marker.inputs]
            if now and [each.hash for each in now] == hashes and not any(day in each.days for each in now):
                yield day


def vehicles_of(found: Iterable[tuple[str, Recording]], markers: Iterable[Marker]) -> list[Vehicle]:
    """Return the vehicles of which a recording is named, and what is there of them."""
    found = [*found]
    vehicles = {name: Vehicle(name) for name in sorted({name for name, _ in found})}
    for marker in markers:
        if vehicle := vehicles.get(marker.vehicle):
            vehicle.markers[marker.day] = marker
            vehicle.recordings.update((each.path, each) for each in marker.inputs)
    for name, recording in found:
        vehicles[name].name_recording(recording)
    return [*vehicles.values()]


def _inputs(day: str, before: str, days: Mapping[str, Sequence[Recording]]) -> Iterator[Input]:
    """Yield the recordings of a day, and those of the day before, which may begin what goes on in it."""
    own = days[day]
    is_next = before and start_of(before) + DAY_NS == start_of(day)
    lead = [each for each in days.get(before, ()) if is_next and each not in own]
    for each in sorted((*lead, *own), key=beginning):
        is_lead = each in lead
        span = each.days[before if is_lead else day]
        is_last = span.frames == max(one.frames for one in each.days.values())
        end = None if is_last and not is_lead else span.frames
        yield Input(each, end, span.last_ns if is_lead else 0)
