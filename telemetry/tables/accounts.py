"""What became of what was read, and what was wrong with it, as plain data.

Promises:
- Each frame of each log is in the counters once: `bus/logs/read` is the sum of all `frames/logs/…`. Names
  are those of the service's accounts (docs/architecture.md).
- A log's hash is made while it is read. An archive and an MF4 log, which are not read in their order, and a
  log that cannot be opened as one are read once more for it. A pipe has none.
- All of it can be pickled, and is JSON by `dataclasses.asdict`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from telemetry import __version__
from telemetry.decode.decoder import Decoder
from telemetry.decode.output import OutputPiece
from telemetry.logs.archives import file_of
from telemetry.logs.content import Digest, file_digest
from telemetry.logs.unread import Unread
from telemetry.tables.warn import warn

_PLACE = re.compile(r"(.+?)(?::([0-9]+))?: (.*)")

Kind = Literal["unread", "log", "database", "loss"]


@dataclass(frozen=True, slots=True)
class Input:
    """A file that was read, or an archive as one. Without a hash: a pipe, or what cannot be read at all."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Accounts:
    """What was read, and what became of it.

    - counters: by the names of docs/architecture.md
    - inputs: the logs, each once
    - databases_sha256: of what says what the logs hold, wherever it lies; "" where a protocol alone does
    - version: of nev-telemetry
    """

    counters: Mapping[str, int]
    inputs: Sequence[Input]
    databases_sha256: str
    version: str = __version__


NOTHING_READ = Accounts({}, (), "")


@dataclass(frozen=True, slots=True)
class Problem:
    """What a warning said.

    - kind: `unread`: a log, or the rest of one, could not be read; `log`: something is wrong with one;
      `database`: a part of a database is left out; `loss`: frames or values are left out, or what was read
      does not fit to what describes it
    - file: the log or the database; "" where it is of all of them
    - place: in the file, mostly a line; "" where it is of all of it
    """

    kind: Kind
    file: str
    place: str
    words: str


class Said:
    """Warns, and keeps what was said."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def of_files(self, lines: Iterable[str], kind: Kind = "log") -> None:
        """Warn of files: each line is `FILE: WORDS` or `FILE:LINE: WORDS`."""
        lines = [*lines]
        self.keep(lines, kind)
        warn(lines)

    def keep(self, lines: Iterable[str], kind: Kind) -> None:
        """Keep what somebody else has warned of."""
        for line in lines:
            file, place, words = found.groups("") if (found := _PLACE.fullmatch(line)) else ("", "", line)
            self.problems.append(Problem(kind, file, place, words))

    def of_log(self, piece: OutputPiece, unread: Unread) -> None:
        """Warn of the log that has ended with a piece."""
        for line in piece.warnings:
            kind: Kind = "unread" if line in unread.lines else "log"
            file, place, words = str(piece.progress.path), "", line
            if line.startswith(f"{file}:"):
                place, _, words = line.removeprefix(file).partition(": ")
            self.problems.append(Problem(kind, file, place.removeprefix(":"), words))
        warn(piece.warnings)

    def of_all(self, lines: Sequence[str]) -> None:
        """Warn of what was left out of all that was read."""
        self.problems += [Problem("loss", "", "", line) for line in lines]
        warn(lines)


def accounts_of(decoder: Decoder, databases_sha256: str) -> Accounts:
    """Return the accounts of all that it has read, and hash what was not hashed meanwhile. At the end.

    Without points: a table has rows, and `len()` of it counts them.
    """
    counters = {name: count for name, count in decoder.accounts().items() if not name.startswith("points/")}
    digests: dict[Path, Digest] = {}
    for path in decoder.unread.paths:
        file = file_of(path)
        if file not in digests:
            digests[file] = decoder.digests.get(path) or file_digest(file)
    inputs = (Input(_text(file), *digest) for file, digest in digests.items())
    return Accounts(counters, tuple(inputs), databases_sha256)


def _text(file: Path) -> str:
    return str(file).encode("utf-8", "replace").decode()  # as the column `log` has it
