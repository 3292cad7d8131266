"""Databases that say what the frames of a log mean, loaded once for many logs."""

from collections.abc import Mapping, Sequence

from telemetry.databases.bus import LoadedPlan
from telemetry.databases.files import database_files
from telemetry.databases.plan_cache import load_plan, user_cache_directory
from telemetry.decode.channels import ChannelPlan, Database, plan_channels
from telemetry.errors import UsageError
from telemetry.model.ids import parse_id_masks
from telemetry.tables.arguments import FilePath, Ids, ids_of, path_of, refuse_beside
from telemetry.tables.warn import warn

Files = FilePath | Sequence[FilePath] | Mapping[str, FilePath | Sequence[FilePath]]


class Databases:
    """Loaded databases; `messages` and `units` say what is in them."""

    def __init__(self, channels: ChannelPlan, plan: LoadedPlan) -> None:
        self._channels = channels
        self._plan = plan

    @property
    def messages(self) -> tuple[str, ...]:
        """Return the names of all messages, each once, in the order of the files."""
        return tuple(dict.fromkeys(spec.message_name for spec in self._plan.spec.records))

    def units(self, message: str) -> dict[str, str]:
        """Return the unit of each signal of a message, "" where it has none; empty for an unknown message."""
        return {
            field.signal_name: field.unit
            for spec in self._plan.spec.records
            if spec.message_name == message
            for field in spec.fields
        }

    def __repr__(self) -> str:
        return f"<Databases: {len(self.messages)} messages>"


def load_databases(
    files: Files,
    *,
    first_wins: bool = False,
    j1939: bool = False,
    keep_not_available: bool = False,
    value_texts: bool = False,
    id_masks: Ids = (),
) -> Databases:
    """Load DBC, ARXML, KCD and SYM files.

    - `files`: a file, a folder or a glob, several of them, or a mapping from a channel's name to its own (""
      for every channel).
    - `first_wins`: of an id in two files take the first one's message; otherwise that is an error.
    - `j1939`: match 29-bit ids by PGN even where messages do not declare it.
    - `keep_not_available`: J1939 "error" and "not available" are values too.
    - `value_texts`: a signal with a value table has a second column, SIGNAL_text, that holds the word.
    - `id_masks`: the bits in which ids are compared, as numbers or hexadecimal of 3 or 8 digits.

    Raises TelemetryError. What was left out of a file is a warning.
    """
    by_channel = files if isinstance(files, Mapping) else {"": files}
    databases = [
        Database(file, channel)
        for channel, paths in by_channel.items()
        for path in (paths if isinstance(paths, list | tuple | set) else [paths])
        for file in database_files(path_of(path, "databases"))
    ]
    for channel in by_channel:
        if not isinstance(channel, str):
            raise UsageError(f"{channel!r} is no channel", where="databases", hint='its name, as "can0"')
    if not databases:
        raise UsageError("names no file", where="databases", hint="give the path of one")
    channels = plan_channels(
        databases,
        first_wins=first_wins,
        j1939=j1939,
        keep_not_available=keep_not_available,
        value_texts=value_texts,
        id_masks=_parsed(id_masks),
    )
    plan = load_plan(channels.databases, user_cache_directory())
    warn(plan.warnings)
    return Databases(channels, plan)


def _parsed(id_masks: Ids) -> tuple[int, int]:
    try:
        return parse_id_masks(ids_of(id_masks, "id_masks"))
    except ValueError as error:
        raise UsageError(str(error), where="id_masks") from error


def plan_of(databases: Databases) -> tuple[ChannelPlan, LoadedPlan]:
    """Return the plans of the files."""
    return databases._channels, databases._plan


def loaded(databases: Files | Databases | None, id_masks: Ids = ()) -> Databases:
    """Return databases that are loaded, or load those that are not."""
    if isinstance(databases, Databases):
        refuse_beside({"id_masks": id_masks}, "Databases", "load_databases takes it")
        return databases
    return load_databases(databases or (), id_masks=id_masks)
