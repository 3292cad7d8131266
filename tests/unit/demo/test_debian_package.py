"""Unpacking a program out of a Debian package, with apt-get and dpkg-deb made up."""

from pathlib import Path

import pytest

from telemetry.demo.server import debian_program
from telemetry.errors import UnavailableError
from telemetry.ownership import cache_folder

APT_GET = """#!/bin/sh
echo "$*" >> "{log}"
case "$*" in *download*) touch thing_1.0_all.deb ;; esac
{more}
"""
DPKG_DEB = """#!/bin/sh
mkdir -p "$3/usr/bin" && echo program > "$3/usr/bin/thing"
"""


class Programs:
    """A PATH of our own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"

    def make(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    folder = tmp_path / "bin"
    folder.mkdir()
    made = Programs(folder)
    for name in ("sh", "touch", "mkdir"):
        (folder / name).symlink_to(Path("/bin") / name)
    made.make("apt-get", APT_GET.format(log=made.log, more=""))
    made.make("dpkg-deb", DPKG_DEB)
    monkeypatch.setenv("PATH", str(folder))
    return made


def test_a_program_is_downloaded_once(programs: Programs, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    program = debian_program("thing", "usr/bin/thing", cache)
    assert program.read_text() == "program\n"
    calls = programs.log.read_text().splitlines()
    assert [call.split()[-1] for call in calls] == ["update", "thing"]
    assert debian_program("thing", "usr/bin/thing", cache) == program
    assert len(programs.log.read_text().splitlines()) == 2
    assert [path.name for path in cache.iterdir()] == ["debian"]


def test_nothing_but_the_cache_is_touched(programs: Programs, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    debian_program("thing", "usr/bin/thing", cache)
    for call in programs.log.read_text().splitlines():
        for option in ("Dir::State=", "Dir::Cache="):
            assert f"{option}{cache}/" in call


def test_a_package_without_the_program_is_one_line(programs: Programs, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="Debian package thing: has no usr/bin/other"):
        debian_program("thing", "usr/bin/other", tmp_path / "cache")


def test_a_failing_apt_get_gives_its_last_words(programs: Programs, tmp_path: Path) -> None:
    programs.make("apt-get", APT_GET.format(log=programs.log, more="echo E: no network >&2; exit 100"))
    with pytest.raises(UnavailableError, match="apt-get: E: no network"):
        debian_program("thing", "usr/bin/thing", tmp_path / "cache")


def test_where_there_is_no_apt_get_it_says_so(programs: Programs, tmp_path: Path) -> None:
    (programs.folder / "apt-get").unlink()
    with pytest.raises(UnavailableError, match="this is no Debian"):
        debian_program("thing", "usr/bin/thing", tmp_path / "cache")


def test_the_cache_follows_the_xdg_variable_if_it_is_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/tmp/cache")
    assert cache_folder() == Path("/var/tmp/cache/nev-telemetry")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path.home() / ".cache" / "nev-telemetry"
