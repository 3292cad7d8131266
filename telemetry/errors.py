"""One exception tree. Each error is one line (what, where, what to do) and carries its exit code.

The codes are those of sysexits.h. So systemd and scripts distinguish a typing error in a configuration (78:
do not restart) from a disk that refuses (74: restart).
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar, cast

T = TypeVar("T")
R = TypeVar("R")

EXIT_OK = 0

MOST_LINES = 20  # of the errors of a configuration: what one mends at a time
_PLACE = re.compile(r"(.*?):([0-9]+): ")
_LOGIN = re.compile(r"""([A-Za-z][A-Za-z0-9+.-]{0,20}://)[^\s/?#@"'<>\\]{1,400}@""")


def without_login(text: str) -> str:
    """Remove the user and password from any URL in `text`: messages of servers may hold some."""
    return _LOGIN.sub(r"\1***@", text)


def one_line(text: str) -> str:
    """Return `text` as a terminal may show it: it quotes files and servers, which may hold any characters."""
    return printable(without_login(" ".join(text.split())))


def printable(text: str, stand_in: str = "?") -> str:
    """Return `text` with `stand_in` for each letter that a terminal does not show; its spaces are kept."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else stand_in for letter in text)


class TelemetryError(Exception):
    """Base of all errors that a user can act upon.

    - `what`: the fault, in one clause.
    - `where`: file:line, key path or device; what prints as one (`telemetry.settings.document.Where`).
    - `hint`: what to do about it.
    """

    exit_code: ClassVar[int] = 70  # EX_SOFTWARE

    def __init__(self, what: str, *, where: object = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = str(where)
        self.hint = hint

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        return one_line(f"{line} ({self.hint})" if self.hint else line)

    def lines(self) -> list[str]:
        """Return what a terminal shows: a line for each error that it is."""
        return [str(self)]


class NothingFoundError(TelemetryError):
    """A search has ended without a result, as grep's."""

    exit_code = 1


class UsageError(TelemetryError):
    """The command line makes no sense."""

    exit_code = 64  # EX_USAGE


class DataError(TelemetryError):
    """An input file as a whole is not what it should be."""

    exit_code = 65  # EX_DATAERR


class InputMissingError(TelemetryError):
    """An input file cannot be opened or read."""

    exit_code = 66  # EX_NOINPUT


class UnavailableError(TelemetryError):
    """A device, a server or a running service cannot be reached, or refuses."""

    exit_code = 69  # EX_UNAVAILABLE


class MissingPackageError(TelemetryError):
    """A Python package of an extra is not installed; no restart brings it."""

    exit_code = 72  # EX_OSFILE


class StorageError(TelemetryError):
    """The spool directory cannot be used at all, or an output cannot be written."""

    exit_code = 74  # EX_IOERR


@contextlib.contextmanager
def writing(file: Path) -> Iterator[None]:
    """Raise StorageError where the system refuses what is written into `file` meanwhile."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot be written: {error.strerror or error}", where=str(file)) from error


class RefusedError(TelemetryError):
    """The server refused a part of the data, which is kept."""

    exit_code = 76  # EX_PROTOCOL


class ConfigError(TelemetryError):
    """A configuration or a database is wrong; nothing was touched."""

    exit_code = 78  # EX_CONFIG


class SeveralConfigError(ConfigError):
    """Errors of one configuration, each a line of its own; as one line the first, and how many more."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        first = errors[0]
        hint = "; ".join(filter(None, (first.hint, _and_more(len(errors) - 1))))
        super().__init__(first.what, where=first.where, hint=hint)
        self.errors = errors

    def lines(self) -> list[str]:
        """Return a line for each error, MOST_LINES at most and then how many more there are."""
        more = len(self.errors) - MOST_LINES
        return [*map(str, self.errors[:MOST_LINES]), *([_and_more(more)] if more > 0 else [])]


def _and_more(count: int) -> str:
    return f"and {count} more error{'s' if count > 1 else ''}"


class Faults:
    """Gathers errors of a configuration, so that all are reported at once, by their places in its files."""

    def __init__(self) -> None:
        self._found: list[ConfigError] = []

    @contextlib.contextmanager
    def gathered(self) -> Iterator[None]:
        """Keep an error that is raised inside, for `raise_any`; the same one counts once."""
        try:
            yield
        except SeveralConfigError as several:
            self._found += several.errors
        except ConfigError as error:
            self._found.append(error)

    def value(self, read: Callable[[], R]) -> R:
        """Return what `read` returns. Where it fails that is nothing of use, since `raise_any` will raise."""
        for found in self.each(lambda read: read(), [read]):
            return found
        return cast("R", None)

    def each(self, read: Callable[[T], R], items: Iterable[T]) -> tuple[R, ...]:
        """Return `read` of each item, without those that it raises an error for."""
        results = []
        for item in items:
            with self.gathered():
                results.append(read(item))
        return tuple(results)

    def raise_any(self, beside: Iterable[ConfigError] = ()) -> None:
        """Raise what was gathered, if anything. beside: what is a mistake only where there are others."""
        found = sorted(dict.fromkeys((*self._found, *beside) if self._found else ()), key=_place)
        if len(found) == 1:
            raise found[0]
        if found:
            raise SeveralConfigError(found)


def _place(error: ConfigError) -> tuple[str, int]:
    """Return file and line, to sort by; what has none comes first."""
    place = _PLACE.match(error.where)
    return (place[1], int(place[2])) if place else ("", 0)
