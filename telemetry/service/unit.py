"""Foretells what systemd will refuse to the service whose unit starts a configuration.

Promises: asks systemctl once and changes nothing. Without systemd, and where the unit nev-telemetry
does not start this configuration, it yields nothing. Relies on root for what only root may look at: modes of
files in folders that are closed to others.
"""

import contextlib
import grp
import os
import pwd
import stat
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

from telemetry.config import Config
from telemetry.model.finding import Finding, Grade
from telemetry.settings.document import shown_name
from telemetry.sources.device_class import device_class

UNIT = "nev-telemetry.service"
_EDIT = f"systemctl edit {UNIT}"
_BY_UDEV = "have a udev rule give it to the group dialout, as packaging/udev does for adapters"
Properties = Mapping[str, list[str]]

_HANDED_OVER = "LoadCredential="  # which `show` does not print

_TIMEOUT_S = 10.0
_OWN_FOLDERS = {  # of a unit, and below which folder each of them lies
    "StateDirectory": "/var/lib",
    "CacheDirectory": "/var/cache",
    "LogsDirectory": "/var/log",
    "RuntimeDirectory": "/run",
}
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - nothing is written there


def ask_systemd() -> Properties:
    """Return the properties of the unit by name, a value a line; none without systemd."""
    found: dict[str, list[str]] = {}
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        for line in _systemctl("show", "--no-pager", UNIT):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
        handed_over = [
            line for line in _systemctl("cat", "--no-pager", UNIT) if line.startswith(_HANDED_OVER)
        ]
        if _HANDED_OVER in handed_over:  # an empty one takes back those before it
            handed_over = handed_over[len(handed_over) - handed_over[::-1].index(_HANDED_OVER) :]
        found["LoadCredential"] = [line.removeprefix(_HANDED_OVER) for line in handed_over]
    return found


def _systemctl(*arguments: str) -> list[str]:
    command = ("systemctl", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S)
    return done.stdout.splitlines()


def unit_findings(config: Config, ask: Callable[[], Properties] = ask_systemd) -> Iterator[Finding]:
    """Yield, with its remedy, what the unit's service may not do that this configuration asks of it."""
    unit = _Unit(ask())
    name = str(config.file.absolute())
    if not any(name in command.split() for command in unit.all("ExecStart")):
        return
    yield Finding(Grade.FACT, f"unit {UNIT}: starts {shown_name(config.file)} as {unit.user or 'root'}")
    for words in unit.refusals(config):
        yield Finding(Grade.FAULT, f"unit {UNIT}: {words}")


class _Unit:
    """A unit, by its properties."""

    def __init__(self, properties: Properties) -> None:
        self._properties = properties
        self.user = self.one("User") or ("a user of its own" if self.one("DynamicUser") == "yes" else "")
        self._groups = self._all_groups()

    def all(self, name: str) -> list[str]:
        return self._properties.get(name, [])

    def one(self, name: str) -> str:
        return "".join(self.all(name)[:1])

    def words(self, name: str) -> list[str]:
        return " ".join(self.all(name)).split()

    def refusals(self, config: Config) -> Iterator[str]:
        """Yield what the service may not do, one clause each."""
        for file in dict.fromkeys((*config.files, *config.sink.files, *_read_by_sources(config))):
            if refused := self._why_unreadable(file.absolute()):
                yield f"{file}: {refused}"
        for file in config.sink.secret_files:
            credential = any(each.partition(":")[0] == file.name for each in self.words("LoadCredential"))
            if not credential and self._why_unreadable(file.absolute()):
                yield f"{file}: the service may not read it: add LoadCredential={file.name}:{file} ({_EDIT})"
        for each in self.words("LoadCredential"):
            place = Path(each.partition(":")[2])
            if place.is_absolute() and not place.exists():
                yield f"{place} is missing, and without it the unit does not start: write the token to it"
        spool = config.spool_directory
        folders = ((spool, "the spool"), (config.cache_directory, "compiled databases"))
        for folder, what in (*folders, (config.black_box.directory or spool, "the black box")):
            if what == "the spool" or not folder.is_relative_to(spool):
                yield from self._unwritable(folder.absolute(), what)
        for resource in (each for source in config.sources for each in source.resources):
            if resource.use == "writes":
                yield from self._unwritable(Path(resource.name).absolute(), resource.key)
            elif resource.key == "port" and "://" not in resource.name:
                yield from self._closed_ports(Path(resource.name))

    def _why_unreadable(self, file: Path) -> str:
        """Return why the service cannot read a file, with the remedy; empty: it can, or nobody knows."""
        for home in _HOMES:
            if self.one("ProtectHome") not in ("", "no", "read-only") and file.is_relative_to(home):
                return f"ProtectHome hides {home} from the service: keep it in /etc/nev-telemetry"
        with contextlib.suppress(OSError):
            for folder in reversed(file.parents):
                if not self._may(folder, 0o1):
                    return f"the service may not enter {folder}: chmod o+x {folder}"
            if not self._may(file, 0o4):
                return f"the service may not read it: chmod o+r {file}"
        return ""

    def _unwritable(self, path: Path, what: str) -> Iterator[str]:
        own = self._own_folders()
        where = f"{what} {path}"
        if self.one("PrivateTmp") == "yes" and any(path.is_relative_to(each) for each in _TEMPORARY):
            yield f"{where}: /tmp is the service's own, and empty at each start: take {own[0]}"
        elif self.one("ProtectSystem") == "strict" and not any(path.is_relative_to(each) for each in own):
            yield f"{where}: the service may not write there: take {own[0]}, or add ReadWritePaths={path}"

    def _own_folders(self) -> list[Path]:
        own = [Path(top, each) for name, top in _OWN_FOLDERS.items() for each in self.words(name)]
        return [*own, *(Path(each.lstrip("-+")) for each in self.words("ReadWritePaths"))] or [
            Path("/var/lib")
        ]

    def _closed_ports(self, port: Path) -> Iterator[str]:
        if not port.exists():
            return
        name, node = device_class(port), port.resolve()
        allowed = [each.split()[0] for each in self.all("DeviceAllow") if "w" in each.rpartition(" ")[2]]
        is_closed = self.one("DevicePolicy") in ("closed", "strict") or bool(allowed)
        if is_closed and not any(fnmatch(name, each) or each in (str(port), str(node)) for each in allowed):
            yield f"{port}: the unit forbids it: add DeviceAllow={name} rw ({_EDIT})"
        elif not self._may(node, 0o6):
            status = node.stat()
            group = _group_name(status.st_gid)
            lets_group = status.st_gid != 0 and group and status.st_mode & 0o060 == 0o060
            remedy = f"add SupplementaryGroups={group} ({_EDIT})" if lets_group else _BY_UDEV
            yield f"{port}: the service may not open it: {remedy}"

    def _may(self, path: Path, wanted: int) -> bool:
        """Return whether the service's user may do `wanted`, as bits of a mode. Raises OSError."""
        if not self.user:
            return True
        status = path.stat()
        mode = stat.S_IMODE(status.st_mode)
        if self._owner_id() == status.st_uid:
            mode >>= 6
        elif status.st_gid in self._groups:
            mode >>= 3
        return mode & wanted == wanted

    def _owner_id(self) -> int | None:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(self.user).pw_uid
        return None

    def _all_groups(self) -> Collection[int]:
        found: set[int] = set()
        with contextlib.suppress(KeyError):
            found.update(os.getgrouplist(self.user, pwd.getpwnam(self.user).pw_gid))
        for name in (*self.words("SupplementaryGroups"), *self.words("Group")):
            with contextlib.suppress(KeyError):
                found.add(grp.getgrnam(name).gr_gid)
        return found


def _group_name(group_id: int) -> str:
    with contextlib.suppress(KeyError):
        return grp.getgrgid(group_id).gr_name
    return ""


def _read_by_sources(config: Config) -> Iterator[Path]:
    for source in config.sources:
        yield from source.files
