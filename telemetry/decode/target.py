"""Where `decode --format influx` writes to, and what one such decode is called, so that it can be resumed.

Promises: the same arguments give the same folder, whatever the working directory; the same files, options and
target give the same position, and others, or files that have changed, another one. Secrets come from a file
or from the environment alone, by the rules of the service's configuration.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

from telemetry.config import SECTIONS
from telemetry.errors import InputMissingError
from telemetry.logs.archives import file_of
from telemetry.logs.content import STDIN
from telemetry.logs.identity import HEAD_BYTES
from telemetry.settings.document import Document
from telemetry.settings.table import TomlTable
from telemetry.sinks.kinds import first_kind, named_sink
from telemetry.sinks.settings import SinkSettings

_DIGITS = 16
_GIVEN = Path("the command line")


def sink_settings(
    config: Path | None, options: Mapping[str, Any], environment: Mapping[str, str]
) -> SinkSettings:
    """Return the sink of a service's configuration, or of the same keys as options. Raises ConfigError."""
    if config is not None:
        top = TomlTable.load(config, environment)
        for name in SECTIONS:
            top.take_table(name)
        kind, table = named_sink(top)
        return kind.read(table, environment)
    return first_kind().read(TomlTable(Document.plain(_GIVEN, options), {}), environment)


def spool_directory(
    environment: Mapping[str, str], settings: SinkSettings, files: Sequence[Path], options: Sequence[object]
) -> Path:
    """Return a folder of this decode's own, where the user keeps state.

    files: logs and databases; options: all else that says what is written.
    """
    words = [[str(file if file == STDIN else file.resolve()) for file in files], *_words(settings, options)]
    digest = hashlib.sha256(json.dumps(words).encode()).hexdigest()[:_DIGITS]
    return state_folder(environment) / "decode" / digest


def state_folder(environment: Mapping[str, str]) -> Path:
    """Return where the user keeps state (XDG Base Directory Specification)."""
    home = environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "nev-telemetry"


def position_name(
    settings: SinkSettings, logs: Sequence[Path], databases: Sequence[Path], options: Sequence[object]
) -> str:
    """Name what the logs are now, by size and beginning, the databases, by all they hold, and the target.

    Of a log of an archive it is the archive's size and beginning, and the log's name in it.
    Empty if it has no name: stdin is another log each time. options: see `spool_directory`; a folder that
    was named may be that of another decode. Raises InputMissingError.
    """
    digest = hashlib.sha256(json.dumps(_words(settings, options)).encode())
    for path in logs:
        file = file_of(path)
        try:
            if not file.is_file():
                return ""
            with file.open("rb") as stream:
                size_bytes, head = file.stat().st_size, stream.read(HEAD_BYTES)
        except OSError as error:  # a folder on the way that this user may not enter, too
            if len(logs) == 1:
                raise _unreadable(path, error) from error
            size_bytes, head = -1, b""  # of several one that cannot be read costs itself
        member = str(path).removeprefix(str(file))
        digest.update(f"{size_bytes} ".encode() + hashlib.sha256(head).digest() + member.encode())
    for path in databases:
        with _opened(path) as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return f"logs@{digest.hexdigest()[:_DIGITS]}"


def _words(settings: SinkSettings, options: Sequence[object]) -> list[list[str]]:
    """Return what is written, besides what the files hold, and where."""
    return [[*map(str, options)], [*settings.target]]


def _opened(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> InputMissingError:
    return InputMissingError(error.strerror or str(error), where=str(path))
