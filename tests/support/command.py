"""The commands in this process, which takes a tenth of the time of a child."""

import atexit
import contextlib
import io
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from telemetry.__main__ import main


@dataclass(frozen=True, slots=True)
class Done:
    """How a command has ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


@cache
def _home() -> Path:
    """Return a folder of this test process."""
    folder = TemporaryDirectory(prefix="nev-telemetry-tests-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def command(*words: object, home: Path | None = None, folder: Path | None = None) -> Done:
    """Run `nev-telemetry` with these words.

    home: where its caches and state are, in place of folders of the tests; folder: where it runs.
    """
    content, err = io.BytesIO(), io.StringIO()
    out = io.TextIOWrapper(content, "utf-8", newline="")
    if home is None and "XDG_CACHE_HOME" not in os.environ:
        home = _home()
    own = {} if home is None else {"XDG_CACHE_HOME": str(home), "XDG_STATE_HOME": str(home)}
    with contextlib.ExitStack() as around:
        around.enter_context(patch.dict(os.environ, own))
        around.enter_context(contextlib.chdir(folder or Path.cwd()))
        around.enter_context(contextlib.redirect_stdout(out))
        around.enter_context(contextlib.redirect_stderr(err))
        try:
            code = main([*map(str, words)])
        except SystemExit as end:  # of argparse
            code = int(end.code or 0)
        out.flush()
    return Done(code, content.getvalue().decode(), err.getvalue())


def printed(*words: object, home: Path | None = None, folder: Path | None = None) -> str:
    """Run a command that succeeds; return what it prints."""
    done = command(*words, home=home, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def noted(*words: object, home: Path | None = None, folder: Path | None = None) -> str:
    """Run a command that succeeds; return what it says beside its result."""
    done = command(*words, home=home, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stderr


def failed(code: int, *words: object, home: Path | None = None, folder: Path | None = None) -> str:
    """Run a command that ends with that code; return what it says of it."""
    done = command(*words, home=home, folder=folder)
    assert done.returncode == code, done.stderr
    return done.stderr


def refused(code: int, *words: object, home: Path | None = None, folder: Path | None = None) -> str:
    """Run a command that ends with that code, one line on stderr and no result; return the line."""
    done = command(*words, home=home, folder=folder)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done.stderr
    return done.stderr
