"""The names of the files of one recording: the one that was asked for, or numbered ones."""

from pathlib import Path

from telemetry.errors import UsageError

FORMATS = (".log", ".asc", ".blf", ".mf4")  # of recordings of a bus, by the endings of their names
_DIGITS = 6


class FileNames:
    """`next` is the name of each file when it begins."""

    def __init__(self, file: Path, *, numbered: bool) -> None:
        """Begin before the first. numbered: FILE-000001 and so on, after the highest number that is there."""
        self._file = file
        self._number = self._highest() if numbered else None

    def next(self) -> Path:
        """Return the name of the next file. Raises UsageError for one that exists."""
        file = self._file
        if self._number is not None:
            self._number += 1
            file = file.with_stem(f"{file.stem}-{self._number:0{_DIGITS}}")
        if file.exists():
            raise UsageError("is there already", where=str(file), hint="give another --output")
        return file

    def _highest(self) -> int:
        begins = f"{self._file.stem}-"
        numbers = (
            path.stem.removeprefix(begins)
            for path in self._file.parent.glob("*")
            if path.stem.startswith(begins) and path.suffix == self._file.suffix
        )
        return max((int(number) for number in numbers if number.isdecimal()), default=0)
