"""Recordings into a dataset: what is there already is skipped, all else is made.

Promises:
- The days of a vehicle are made in their order, vehicles side by side as the engine can.
- A recording that cannot be read, or a partition that fails, costs itself.
- The counters of all partitions add up to the frames of all recordings.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from telemetry.charging.installation import KEY_NAME, installation_key
from telemetry.decode.channels import Vehicle
from telemetry.decode.output import Progress
from telemetry.errors import DataError, UsageError
from telemetry.lake.engines import LOCAL, Needed, require, run_chains, workers_of
from telemetry.lake.files import markers
from telemetry.lake.marker import Recording
from telemetry.lake.partitions import named
from telemetry.lake.plan import vehicles_of
from telemetry.lake.store import Where, open_store
from telemetry.lake.task import Outcome, run
from telemetry.lake.types import require_types, types_of
from telemetry.lake.what import What
from telemetry.lake.window import look
from telemetry.ledger import add, total
from telemetry.live.words import counted
from telemetry.model.ids import IsoTpId
from telemetry.settings.document import read_document
from telemetry.tables.arguments import FilePath, Paths, one_of, path_of, paths_of, profiles_of
from telemetry.tables.databases import Databases, Files, loaded


@dataclass(frozen=True, slots=True)
class Written:
    """The result of `write`.

    - outcomes: of the partitions, as they came
    - unread: why recordings could not be read, or not to their end; one line each
    """

    outcomes: Sequence[Outcome] = ()
    unread: Sequence[str] = ()

    @property
    def accounts(self) -> dict[str, int]:
        """Return the counters of these partitions, summed."""
        return add(*(each.accounts for each in self.outcomes))

    @property
    def errors(self) -> list[str]:
        """Return why partitions failed, one line each."""
        return [f"{each.vehicle} {each.day}: {each.error}" for each in self.outcomes if each.error]

    def raise_failed(self) -> None:
        """Raise DataError where something could not be read or made: what a command ends with."""
        if self.unread or self.errors:
            what = [f"{counted(len(self.unread), 'recording')} could not be read"] if self.unread else []
            what += [f"{counted(len(self.errors), 'partition')} failed"] if self.errors else []
            hint = "the warnings say which, and why"
            raise DataError(f"{' and '.join(what)}; all else is in the dataset", hint=hint)


def write(
    *logs: Paths,
    to: Where,
    databases: Files | Databases | None = None,
    config: FilePath | None = None,
    source: str = "",
    protocol: str | None = None,
    vehicle_profile: FilePath | Mapping[str, FilePath] | Sequence[Vehicle] | None = None,
    registers: str | None = None,
    messages: bool = True,
    value_texts: bool = False,
    signals: Sequence[str] = (),
    protect: FilePath | None = None,
    isotp: Sequence[IsoTpId] = (),
    vehicle: str = "",
    recordings: FilePath | None = None,
    engine: str = LOCAL,
    address: str = "",
    jobs: int = 1,
    report: Callable[[Outcome, Progress], object] = lambda *_: None,
    meanwhile: Callable[[], object] = lambda: None,
    warn: Callable[[Iterable[str]], object] = lambda _: None,
) -> Written:
    """Write recordings into the dataset at `to`, a partition for each vehicle's day.

    What says what is in them is as of `telemetry.read`: one of `databases`, `config` and `protocol`, or a
    `vehicle_profile`, which may stand beside `databases`.

    - to: a folder, or an address of an object store: `s3://`, `gs://`, `abfs://`
    - messages: of a protocol or profile the messages themselves, too; value_texts: of a bus, their words
    - recordings: a csv file with the header `path,vehicle,start`, of recordings and their vehicles
    - vehicle: of all others; "": the name of the folder that a recording is in
    - engine: `local`, or `dask` or `ray` at an `address`; jobs: processes of this machine, 1: this one alone
    - report: takes what became of each partition; meanwhile: is called each second; warn: takes lines

    Raises TelemetryError for what is wrong with all of it; `Written` has what is wrong with parts.
    """
    shared = Path.absolute  # workers run in other folders, and so may the next run
    profiles = profiles_of(vehicle_profile)
    if profiles:
        from telemetry.vehicles.known import is_path

        profiles = [
            replace(each, profile=str(shared(Path(each.profile)))) if is_path(each.profile) else each
            for each in profiles
        ]
    described_by = databases if databases is not None else profiles or None
    one_of({"databases": described_by, "config": config, "protocol": protocol}, "write")
    what = What(
        databases=None if databases is None else loaded(databases),
        vehicles=profiles,
        config="" if config is None else str(shared(path_of(config, "config"))),
        vin_key=b"" if config is None else _vin_key(path_of(config, "config")),
        source=source,
        protocol=protocol or "",
        registers=registers,
        messages=messages,
        value_texts=value_texts,
        signals=tuple(signals),
        protect="" if protect is None else str(shared(path_of(protect, "protect"))),
        isotp=tuple(isotp),
    )
    table = None if recordings is None else shared(path_of(recordings, "recordings"))
    found = named([shared(path) for path in paths_of(logs, "write")], table, vehicle, warn)
    if not found:
        raise UsageError("names no recording", where="write", hint="give a log, a folder or a table of them")
    store = open_store(to)
    made_of = what.made_of()
    there = [*markers(store, warn)]
    vehicles = vehicles_of(found, there)
    looks = [[one] for each in vehicles for one in each.to_look_at()]
    outcomes = list[Outcome]()
    store.make_folder()
    with workers_of(engine, address, min(jobs, len(found))) as workers:
        require(workers, _needed(found, what, store.where if store.is_folder else ""))
        done = run_chains(workers, meanwhile, looks, partial(look, what))
        looked = {(each.path, each.start_ns): each for each in done}
        for each in vehicles:
            each.take(looked)
        chains = [each.tasks(store.where, made_of) for each in vehicles]
        days = {(task.vehicle, task.day): task.size_bytes for chain in chains for task in chain}
        require_types(store.where, there, types_of(what), {*days})
        done_bytes, total_bytes, frames = 0, sum(days.values()), 0
        for outcome in run_chains(workers, meanwhile, chains, partial(run, what)):
            outcomes.append(outcome)
            done_bytes += days[outcome.vehicle, outcome.day]
            frames += total(outcome.accounts, "frames/")
            name = Path(f"{outcome.vehicle} {outcome.day}")
            report(outcome, Progress(name, len(outcomes), len(days), done_bytes, total_bytes, frames))
    store.sweep()
    known = [each.recordings[path] for each in vehicles for path in each.named]
    return Written(outcomes, [each.problem for each in known if each.problem])


def _vin_key(config: Path) -> bytes:
    """Return the key of digests: the one beside the configuration's spool, or one that this user keeps."""
    from telemetry.decode.target import state_folder  # with all sinks

    folder = read_document(config).values.get("spool", {}).get("directory", "")
    beside = config.parent / str(folder)
    if not (folder and (beside / KEY_NAME).is_file()):
        beside = state_folder(os.environ)
        beside.mkdir(parents=True, exist_ok=True)
    return installation_key(beside)


def _needed(found: Sequence[tuple[str, Recording]], what: What, folder: str) -> Needed:
    """Return what each worker must see; a recording that this machine lacks is told as unread."""
    files = [Path(each.file) for _, each in found]
    profiles = (each.profile for each in what.vehicles if Path(each.profile).is_absolute())
    files += [Path(file) for file in (what.config, what.protect, *profiles) if file]
    return Needed({str(file.absolute()): file.stat().st_size for file in files if file.is_file()}, folder)
