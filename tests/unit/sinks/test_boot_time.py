"""When the wall clock may be trusted."""

from pathlib import Path

from telemetry.sinks.boot_time import FILE_NAME, BootTime
from tests.support.clock import FakeClock


def unset_clock() -> FakeClock:
    clock = FakeClock()
    clock.is_synchronised = False
    clock.advance(10.0)
    return clock


def test_a_system_that_does_not_wait_knows_the_time() -> None:
    clock = unset_clock()
    boot_time = BootTime(clock, None, wait_for_clock=False)
    assert boot_time.known()
    assert boot_time.shift_ns() == clock.unix_ns() - clock.boot_ns()


def test_the_time_is_known_once_the_kernel_has_said_so_and_for_the_rest_of_the_boot() -> None:
    clock = unset_clock()
    boot_time = BootTime(clock, None, wait_for_clock=True)
    assert not boot_time.known()
    assert boot_time.shift_ns() is None
    clock.is_synchronised = True
    assert boot_time.known()
    shift_ns = boot_time.shift_ns()
    clock.is_synchronised = False
    clock.step(3600.0)
    assert boot_time.known()
    assert boot_time.shift_ns() == shift_ns


def test_a_later_process_of_the_same_boot_uses_the_same_shift(tmp_path: Path) -> None:
    clock = unset_clock()
    clock.is_synchronised = True
    shift_ns = BootTime(clock, tmp_path, wait_for_clock=True).shift_ns()
    clock.is_synchronised = False
    clock.step(0.5)
    assert BootTime(clock, tmp_path, wait_for_clock=True).shift_ns() == shift_ns


def test_another_boot_starts_over(tmp_path: Path) -> None:
    clock = unset_clock()
    clock.is_synchronised = True
    BootTime(clock, tmp_path, wait_for_clock=True).shift_ns()
    clock.reboot()
    clock.is_synchronised = False
    assert not BootTime(clock, tmp_path, wait_for_clock=True).known()


def test_whatever_the_file_holds_it_is_no_error(tmp_path: Path) -> None:
    clock = unset_clock()
    for content in (b"", b"{", b"[]", b"null", b"\xff", b'{"boot_id":1}', b'{"boot_id":"%s"}' % (b"0" * 32)):
        (tmp_path / FILE_NAME).write_bytes(content)
        assert BootTime(clock, tmp_path, wait_for_clock=True).shift_ns() is None


def test_a_directory_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    clock = unset_clock()
    clock.is_synchronised = True
    assert BootTime(clock, tmp_path / "missing", wait_for_clock=True).shift_ns() is not None
