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
from pathlib import Path

from telemetry.lake.layout import DAY_NS, Marker, start_of
from telemetry.lake.partitions import Named, beginning, days_of
from telemetry.lake.task import Input, Task
from telemetry.lake.what import What
from telemetry.lake.window import Recording, is_unchanged, recording_of


@dataclass(slots=True)
class Vehicle:
    """One vehicle, and its recordings.

    - markers: of its partitions, by day
    - recordings: by path, as they were when they were looked at; named: those of this run
    """

    name: str
    markers: dict[str, Marker] = field(default_factory=dict)
    recordings: dict[str, Recording] = field(default_factory=dict)
    named: dict[str, Named] = field(default_factory=dict)

    def to_look_at(self) -> Iterator[tuple[str, str]]:
        """Yield the path and the file of each recording whose days are not known, or no longer."""
        for path, each in self.named.items():
            if path not in self.recordings or not is_unchanged(self.recordings[path]):
                yield path, str(each.file)
        for path, known in self.recordings.items():
            if path not in self.named and Path(known.file).is_file() and not is_unchanged(known):
                yield path, known.file

    def take(self, looked: Mapping[str, Recording]) -> None:
        """Take what was looked at. A recording that has moved is the one of the same content."""
        found = [looked[path] for path, _ in self.to_look_at() if path in looked]
        self.recordings.update((each.path, each) for each in found)
        hashes = {self.recordings[path].hash for path in self.named}
        self.recordings = {
            path: each
            for path, each in self.recordings.items()
            if path in self.named or each.hash not in hashes or Path(each.file).is_file()
        }

    def tasks(self, where: str, what: What, made_of: Mapping[str, str]) -> list[Task]:
        """Return what is to be made, in the order of the days."""
        days = days_of(self.recordings.values())
        names, tasks = [*days], list[Task]()
        for number, day in enumerate(names):
            is_named = any(each.path in self.named for each in days[day])
            if not (is_named or (tasks and _is_made_so(self.markers.get(day), made_of))):
                continue
            before = names[number - 1] if number else ""
            after = names[number + 1] if number + 1 < len(names) else ""
            gone = [each.path for each in days[day] if not Path(each.file).is_file()]
            if gone and self._is_of(day, days[day]):
                continue
            inputs, missing = [*_inputs(day, before, days)], next(iter(gone), "")
            tasks.append(Task(where, self.name, day, inputs, what, made_of, before, after, missing))
        return tasks

    def _is_of(self, day: str, recordings: Sequence[Recording]) -> bool:
        """Return whether a day was made of these recordings."""
        inputs = self.markers[day].inputs if day in self.markers else ()
        return {each.hash for each in recordings} == {each["hash"] for each in inputs}


def vehicles_of(found: Iterable[Named], markers: Iterable[Marker]) -> list[Vehicle]:
    """Return the vehicles of which a recording is named, and what is there of them."""
    vehicles: dict[str, Vehicle] = {}
    for each in found:
        vehicle = vehicles.setdefault(each.vehicle, Vehicle(each.vehicle))
        vehicle.named[str(each.path)] = each
    for marker in markers:
        if marker.vehicle in vehicles:
            vehicle = vehicles[marker.vehicle]
            vehicle.markers[marker.day] = marker
            vehicle.recordings.update((each["path"], recording_of(each)) for each in marker.inputs)
    return [vehicles[name] for name in sorted(vehicles)]


def _is_made_so(marker: Marker | None, made_of: Mapping[str, str]) -> bool:
    """Return whether a partition was made by these databases and options."""
    return marker is not None and made_of.items() <= marker.made_of.items()


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
