"""Databases into a plan without paying for the parser: in a child process, and once for each content.

Promises:

- The caller never imports cantools (21 MB, 0.3 s).
- A database on which the parser hangs or grows costs bounded time and memory and is a ConfigError.
- A damaged cache is made again. A cache that cannot be written costs one line in the log.

A cached file is the SHA-256 of the plan, a line end, and the plan, so that no flipped bit becomes a factor.
Its name is a SHA-256 of contents, names and options, so that a changed database or a new version never finds
an old plan. Neither hash is secret. So a folder or file of another user, or one that others may write to, is
neither read nor written: root's commands on a service's configuration parse the databases.
"""

import gc
import hashlib
import json
import logging
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from telemetry_core.decode.plan import Plan
from telemetry_core.rows.schema import Schema

from telemetry import __version__
from telemetry.databases.bus import BusDatabases, LoadedPlan
from telemetry.databases.cantools_alone import import_cantools_alone
from telemetry.databases.plan_codec import decoded, encoded
from telemetry.errors import ConfigError, UnavailableError
from telemetry.ownership import (
    cache_folder,
    make_own_directories,
    own_folder,
    read_own_file,
    replace_in,
)
from telemetry.stopping import unblock

FORMAT_VERSION = 14
PARSE_TIMEOUT_S = 120
PARSE_MEMORY_BYTES = 2 * 1024**3
MAX_PLAN_BYTES = 256 * 1024**2

LOG = logging.getLogger(__name__)


def user_cache_directory() -> Path:
    """Return the folder where commands without a spool keep plans."""
    return cache_folder() / "plans"


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Look for no garbage: a plan is many objects and none, and each look at all of them takes long."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@_without_collecting()
def load_plan(buses: Sequence[BusDatabases], cache_directory: Path | None) -> LoadedPlan:
    """Return the plan for `buses`, from the cache or from a parser's process.

    Raises ConfigError, and UnavailableError where no process can be started.
    """
    sha256 = _contents(buses)
    return replace(_load(buses, sha256, cache_directory), sha256=sha256)


def _load(buses: Sequence[BusDatabases], sha256: str, cache_directory: Path | None) -> LoadedPlan:
    if cache_directory is None:
        return _parse(buses)
    names = [[str(file) for file in bus.databases] for bus in buses]  # which its warnings name
    key = hashlib.sha256(f"{FORMAT_VERSION} {__version__} {sha256} {json.dumps(names)}".encode())
    name = f"{key.hexdigest()}.json"
    try:
        with own_folder(cache_directory) as folder:
            plan = decoded(_whole(read_own_file(folder, name, MAX_PLAN_BYTES)))
        Plan(plan.spec, Schema(plan.spec.records))  # ValueError for what it cannot carry out
        return plan
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass  # if it cannot be written either, `_store` says so
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        LOG.warning("%s: cached plan is of no use, parsing again: %s", cache_directory / name, why)
    plan = _parse(buses)
    content = encoded(plan)
    _store(cache_directory, name, _digest(content) + b"\n" + content)
    return plan


def _whole(content: bytes) -> bytes:
    digest, _, plan = content.partition(b"\n")
    if digest != _digest(plan):
        raise ValueError("damaged")
    return plan


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _contents(buses: Sequence[BusDatabases]) -> str:
    """Return the SHA-256 of what the databases hold, with their options."""
    digest = hashlib.sha256()
    for bus in buses:
        digest.update(json.dumps({**asdict(bus), "databases": [*map(_sha256, bus.databases)]}).encode())
    return digest.hexdigest()


def _sha256(file: Path) -> str:
    try:
        if file.exists() and not (file.is_file() or file.is_dir()):
            raise ConfigError("is no regular file, and is read more than once", where=str(file))
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(file)) from error


def _store(cache_directory: Path, name: str, content: bytes) -> None:
    try:
        make_own_directories(cache_directory)
        with own_folder(cache_directory) as folder:
            replace_in(folder, name, content)
    except OSError as error:
        level = logging.INFO if isinstance(error, PermissionError) else logging.WARNING
        LOG.log(level, "%s: the plan cannot be cached: %s", error.filename or cache_directory, error.strerror)


def _parse(buses: Sequence[BusDatabases]) -> LoadedPlan:
    request = json.dumps([asdict(bus) for bus in buses], default=str)
    files = ", ".join(str(file) for bus in buses for file in bus.databases)
    # The child finds the packages where this process found them.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        child = subprocess.run(
            [sys.executable, "-m", "telemetry.databases.plan_cache"],
            input=request.encode(),
            capture_output=True,
            timeout=PARSE_TIMEOUT_S,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(f"takes more than {PARSE_TIMEOUT_S} s to parse", where=files) from None
    except OSError as error:  # no process, descriptor or memory is left
        raise UnavailableError(f"no parser can be started: {error.strerror}", where=files) from error
    if child.returncode == ConfigError.exit_code:
        raise ConfigError(**json.loads(child.stdout))
    if child.returncode != 0:
        words = child.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise ConfigError(f"the parser failed (status {child.returncode}): {words[-1]}", where=files)
    return decoded(child.stdout)


@_without_collecting()
def _child() -> int:
    """Parse the databases that stdin names. The plan, or the fault, goes to stdout."""
    unblock()
    resource.setrlimit(resource.RLIMIT_AS, (PARSE_MEMORY_BYTES, PARSE_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PARSE_TIMEOUT_S, PARSE_TIMEOUT_S))
    import_cantools_alone()
    from telemetry.databases.build import build_plan

    try:
        plan = build_plan([_bus(request) for request in json.load(sys.stdin)])
    except ConfigError as error:
        json.dump({"what": error.what, "where": error.where, "hint": error.hint}, sys.stdout)
        return error.exit_code
    sys.stdout.buffer.write(encoded(plan))
    return 0


def _bus(request: dict[str, Any]) -> BusDatabases:
    return BusDatabases(**{**request, "databases": tuple(Path(file) for file in request["databases"])})


if __name__ == "__main__":
    sys.exit(_child())
