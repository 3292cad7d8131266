"""A configuration that is read again: what takes effect, what is refused, and one at a time."""

import errno
import subprocess
import threading
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import NoReturn

import pytest

from telemetry.config import Config, load_config
from telemetry.errors import ConfigError, TelemetryError, UnavailableError
from telemetry.service.reload import TAKES_EFFECT, Reload, needs_restart, prepare_again
from telemetry.stages.prepare import Prepared, prepare

BASE = """
vehicle = "van"
[influx]
url = "http://localhost:8086"
database = "d"
[spool]
directory = "spool"
[[can]]
name = "bus"
"""


def config(file: Path, text: str = BASE) -> Config:
    file.write_text(text)
    return load_config(file, {})


def test_a_reload_reads_all_files_of_a_folder_again_and_new_ones_with_them(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "10-gateway.toml").write_text(BASE)
    bus = tmp_path / "conf.d" / "20-bus.toml"
    bus.write_text('[[can]]\nname = "other"\n')
    running = load_config(tmp_path / "conf.d", {})
    assert [source.name for source in running.sources] == ["bus", "other"]
    bus.write_text('[[can]]\nname = "another"\n')
    (tmp_path / "conf.d" / "30-more.toml").write_text('[[can]]\nname = "more"\n')
    again = prepare_again(running).composition.config
    assert [source.name for source in again.sources] == ["bus", "another", "more"]
    assert again.file == tmp_path / "conf.d"
    bus.write_text("[[can]]\nnam = 1\n")
    with pytest.raises(ConfigError, match=r"20-bus\.toml:1: can\[0\]\.name: is missing"):
        prepare_again(running)


@pytest.fixture
def running(tmp_path: Path) -> Config:
    return config(tmp_path / "gateway.toml")


@pytest.mark.parametrize(
    ("before", "after", "line", "key"),
    [
        ('directory = "spool"', 'directory = "elsewhere"', ":7", "spool.directory"),
        ('directory = "spool"', 'directory = "spool"\ncap_mib = 10', ":8", "spool.cap_mib"),
        ('directory = "spool"', 'directory = "spool"\nmax_age_h = 10', ":8", "spool.max_age_h"),
        ('directory = "spool"', 'directory = "spool"\nkeep_free_mib = 10', ":8", "spool.keep_free_mib"),
        ("8086", "8087", ":4", "influx.url"),
        ('name = "bus"', 'name = "bus"\n[web]\nlisten = "off"', ":11", "web.listen"),
        ('vehicle = "van"', 'vehicle = "van"\nclock = "wait"', ":3", "clock"),
    ],
)
def test_what_cannot_change_while_the_service_runs_is_refused_by_name(
    running: Config, before: str, after: str, line: str, key: str
) -> None:
    running.file.write_text(BASE.replace(before, after))
    with pytest.raises(
        ConfigError, match=rf"gateway.toml{line}: {key}: a change takes effect after a restart only"
    ):
        prepare_again(running)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("van", "bus 7"),
        ('vehicle = "van"', 'vehicle = "van"\ngateway_every_s = 1.0'),
        ('name = "bus"', 'name = "bus"\ninterface = "can1"'),
        ('vehicle = "van"', 'vehicle = "van"\nreduce = { every_s = 1.0 }'),
        ('name = "bus"', 'name = "bus"\n[[limit]]\nfield = "cells.v*"\nabove = 4.2\ncode = "limit"'),
        ('name = "bus"', 'name = "bus"\n[[protect]]\nmessage = "Pack"\nprofile = "e2e-5"\ndata_id = 1'),
        ("", ""),
    ],
)
def test_what_concerns_the_line_takes_effect(running: Config, before: str, after: str) -> None:
    assert needs_restart(running, config(running.file, BASE.replace(before, after))) == ""


def test_what_takes_effect_are_keys_of_the_configuration() -> None:
    assert {field.name for field in fields(Config)} >= TAKES_EFFECT


def test_a_file_that_is_no_toml_is_refused_with_its_line(running: Config) -> None:
    running.file.write_text("vehicle = van")
    with pytest.raises(
        ConfigError, match=r"gateway.toml:1: is not valid TOML: .*, at column 11 \(a text stands in quotes\)$"
    ):
        prepare_again(running)


class Reading:
    """A reader that waits for the test."""

    def __init__(self, outcome: Callable[[], Prepared]) -> None:
        self.go_on = threading.Event()
        self.calls = 0
        self._outcome = outcome

    def __call__(self, _running: Config) -> Prepared:
        self.calls += 1
        self.go_on.wait()
        return self._outcome()


def taken(reload: Reload) -> Prepared | TelemetryError:
    while (result := reload.take()) is None:
        pass
    return result


def asked_for(reading: Reading) -> tuple[threading.Event, Reload]:
    """Return a request that was made, and what takes it."""
    asked = threading.Event()
    asked.set()
    return asked, Reload(asked, reading)


def test_it_is_read_beside_the_line_and_handed_over_once(running: Config) -> None:
    asked, prepared = threading.Event(), prepare(running)
    reading = Reading(lambda: prepared)
    reload = Reload(asked, reading)
    assert not reload.begin(running)
    asked.set()
    assert reload.begin(running)
    assert reload.take() is None
    reading.go_on.set()
    assert taken(reload) is prepared
    assert reload.take() is None
    assert not reload.begin(running)


def test_a_second_request_waits_for_the_first(running: Config) -> None:
    prepared = prepare(running)
    reading = Reading(lambda: prepared)
    asked, reload = asked_for(reading)
    assert reload.begin(running)
    asked.set()
    assert not reload.begin(running)
    reading.go_on.set()
    taken(reload)
    assert reload.begin(running)
    taken(reload)
    assert reading.calls == 2


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConfigError("unknown key", where="gateway.toml: vehicel"), "gateway.toml: vehicel: unknown key"),
        (ZeroDivisionError(), "a fault in the program: ZeroDivisionError"),
    ],
)
def test_why_it_is_wrong_is_handed_over_and_a_fault_of_the_program_is_logged_and_ends_nothing(
    running: Config, error: Exception, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Prepared:
        raise error

    reading = Reading(fail)
    reading.go_on.set()
    _, reload = asked_for(reading)
    reload.begin(running)
    assert str(taken(reload)) == words
    assert ("ZeroDivisionError" in caplog.text) is isinstance(error, ZeroDivisionError)


def test_where_no_thread_can_be_had_it_is_refused_and_may_be_asked_again(
    running: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare(running)
    reading = Reading(lambda: prepared)
    reading.go_on.set()
    asked, reload = asked_for(reading)
    with monkeypatch.context() as system:
        system.setattr(threading.Thread, "start", refuse_thread)
        assert reload.begin(running)
        assert "no thread can be started" in str(reload.take())
    assert reload.take() is None
    asked.set()
    assert reload.begin(running)
    assert taken(reload) is prepared


@pytest.mark.usefixtures("parser_in_a_child")
def test_where_no_parser_can_be_started_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_process(*_: object, **__: object) -> NoReturn:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    database = tmp_path / "a.dbc"
    database.write_text("BO_ 1 A: 8 X")
    monkeypatch.setattr(subprocess, "run", refuse_process)
    with pytest.raises(UnavailableError, match=r"a\.dbc: no parser can be started: Resource temporarily"):
        prepare(config(tmp_path / "gateway.toml", BASE + 'databases = ["a.dbc"]\n'))


def refuse_thread(_: threading.Thread) -> NoReturn:
    raise RuntimeError("can't start new thread")
