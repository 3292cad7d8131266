"""Runs a command where the CAN interfaces vcan0 and vcan1 exist.

    python -m tests.support.vcan [--timeout S] [--optional] -- COMMAND [ARGUMENT...]

Where this kernel has CAN sockets, the command runs here; interfaces that are missing are made (as root) and
removed again. Elsewhere it runs in User Mode Linux, a Linux kernel as an ordinary process, whose root file
system is this machine's (hostfs): the same files, working directory and environment, but root's rights
inside, a network of loopback and CAN alone, one CPU, and system calls that are slow: nothing may be
measured there.

Promises: the command's exit status (128 + N after signal N, 127 when it is not found), its output as it
comes, and nothing left behind. 124: the time was up. 125: there is no way to have CAN here; with --optional
the command is then run without. Standard input is empty. Relies on Debian's kmod, iproute2 and, where the
kernel has no CAN, user-mode-linux (amd64 and i386 alone); gcc too where the processor has AMX.
"""

import argparse
import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import tty
from pathlib import Path
from typing import NoReturn

INTERFACES = ("vcan0", "vcan1")
CAN_FD_MTU_BYTES = 72
MODULES = ("can", "can-raw", "can-bcm", "can-gw", "can-dev", "vcan", "vxcan", "slcan")
MEMORY_MIB = 1024
TIME_IS_UP = 124
BED_FAILED = 125

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_RB_POWER_OFF = 0x4321FEDC


class NoBedError(Exception):
    """There is no way to have CAN interfaces on this machine; the message says why."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.vcan")
    parser.add_argument("--timeout", type=float, metavar="S", help="end the command after so many seconds")
    parser.add_argument(
        "--optional", action="store_true", help="run the command even where CAN cannot be had"
    )
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    arguments = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # ip and modprobe, for users other than root
    try:
        if _kernel_has_can() and (made := _make_missing_interfaces()) is not None:
            try:
                return _run(arguments.command, arguments.timeout)
            finally:
                for name in made:
                    _tool("ip", "link", "delete", name)
        return run_in_user_mode_linux(arguments.command, arguments.timeout)
    except NoBedError as error:
        _say(str(error))
        return _run(arguments.command, arguments.timeout) if arguments.optional else BED_FAILED


def run_in_user_mode_linux(command: list[str], timeout_s: float | None) -> int:
    """Boots User Mode Linux on this machine's files and runs the command as its first process' child."""
    kernel = shutil.which("linux.uml")
    modules = Path("/usr/lib/uml/modules")
    absent = [name for name in ("ip", "modprobe") if shutil.which(name) is None]
    if kernel is None or not modules.is_dir() or absent:
        raise NoBedError("no CAN on this kernel: apt-get install user-mode-linux kmod iproute2 (amd64)")
    with tempfile.TemporaryDirectory(prefix="vcan-bed-") as name:
        folder = Path(name)
        _lay_out(folder, command, modules)
        return _boot(kernel, folder, _preloaded(folder), timeout_s)


def _say(message: str) -> None:
    print(f"vcan bed: {message}", file=sys.stderr, flush=True)  # noqa: T201  a command's own message


def _run(command: list[str], timeout_s: float | None) -> int:
    try:
        status = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=timeout_s, check=False).returncode
    except subprocess.TimeoutExpired:
        _say(f"ended after {timeout_s} s")
        return TIME_IS_UP
    except FileNotFoundError as error:
        _say(str(error))
        return 127
    return status if status >= 0 else 128 - status


def _kernel_has_can() -> bool:
    try:
        socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW).close()
    except OSError:
        return False
    return True


def _make_missing_interfaces() -> list[str] | None:
    """Their names; None when they cannot be made on this kernel: no module vcan, or not root."""
    missing = [name for name in INTERFACES if not Path("/sys/class/net", name).exists()]
    try:
        for name in missing:
            _make_interface(name)
    except NoBedError as error:
        _say(str(error))
        return None
    return missing


def _make_interface(name: str) -> None:
    for words in (f"add dev {name} type vcan", f"set dev {name} mtu {CAN_FD_MTU_BYTES} up"):
        _tool("ip", "link", *words.split())


def _tool(*command: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoBedError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")


# Outside: lay out a folder for the kernel, start it, relay what the command prints.


def _lay_out(folder: Path, command: list[str], modules: Path) -> None:
    """Lay out the run's folder: init, what it shall run, and the module tree where modprobe looks."""
    (folder / "tree" / "usr").mkdir(parents=True)
    (folder / "tree" / "lib").mkdir()
    (folder / "tree" / "lib" / "modules").symlink_to(modules)
    (folder / "tree" / "usr" / "lib").symlink_to("../lib")
    (folder / "ram").mkdir()
    job = {"command": command, "cwd": str(Path.cwd()), "environment": dict(os.environ)}
    (folder / "job.json").touch(mode=0o600)
    (folder / "job.json").write_text(json.dumps(job))
    (folder / "init").write_text(
        f"#!/bin/sh\nexec '{sys.executable}' -I -S '{Path(__file__).resolve()}' --inside '{folder}'\n"
    )
    (folder / "init").chmod(0o755)


def _preloaded(folder: Path) -> dict[str, str]:
    """Return the environment that gives the kernel room for this processor's registers (vcan_xstate.c)."""
    if "amx_tile" not in Path("/proc/cpuinfo").read_text("utf-8"):
        return {}
    source, library = Path(__file__).with_name("vcan_xstate.c"), folder / "xstate.so"
    _tool("gcc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source))
    return {"LD_PRELOAD": str(library)}


def _boot(kernel: str, folder: Path, preloaded: dict[str, str], timeout_s: float | None) -> int:
    # The kernel keeps its memory in an unlinked file in TMPDIR; a /dev/shm too small for it ends in SIGBUS.
    roomy = shutil.disk_usage("/dev/shm").free > MEMORY_MIB << 20 if Path("/dev/shm").is_dir() else False
    pipes = [os.pipe() for _ in (1, 2)]  # ttyS0 and ttyS1 inside: the command's two outputs
    lines = [f"ssl{number}=null,fd:{write_end}" for number, (_, write_end) in enumerate(pipes)]
    options = (
        f"mem={MEMORY_MIB}M rootfstype=hostfs rootflags=/ rw init={folder}/init uml_dir={folder}/ umid=bed"
    )
    options += " con=null con0=null,fd:1 ssl=null panic=-1 noreboot random.trust_bootloader=1"
    with (folder / "console.log").open("wb") as console:
        machine = subprocess.Popen(
            [kernel, *options.split(), *lines],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR": "/dev/shm" if roomy else f"{folder}/ram"}
            | preloaded,
            pass_fds=[write_end for _, write_end in pipes],
            start_new_session=True,
            preexec_fn=lambda: _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
        )
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda number, _frame: sys.exit(128 + number))
    relays = []
    for (read_end, write_end), output in zip(pipes, (1, 2), strict=True):
        os.close(write_end)
        relays.append(threading.Thread(target=_relay, args=(read_end, output), daemon=True))
        relays[-1].start()
    try:
        machine.wait(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _say(f"ended after {timeout_s} s")
        return TIME_IS_UP
    finally:
        with contextlib.suppress(ProcessLookupError):  # all of it has ended
            os.killpg(machine.pid, signal.SIGKILL)
        machine.wait()
        for relay in relays:
            relay.join(timeout=5.0)
    status = folder / "status"
    if status.exists():
        return int(status.read_text())
    _say("User Mode Linux ended early:\n" + (folder / "console.log").read_text(errors="replace")[-2000:])
    return BED_FAILED


def _relay(source: int, target: int) -> None:
    try:
        while data := os.read(source, 65536):
            view = memoryview(data)
            while view:
                view = view[os.write(target, view) :]
    except OSError:  # EIO: the terminal is closed; EPIPE: nobody reads any more
        return


# Inside: this file is the first process of the kernel.


def _inside(folder: Path) -> NoReturn:
    try:
        status = _run_job(folder)
    except BaseException as error:  # noqa: BLE001  the first process must power off, whatever happens
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.stderr.flush()
    else:
        with (folder / "status").open("w") as file:
            file.write(str(status))
            file.flush()
            os.fsync(file.fileno())
    os.sync()
    _libc.reboot(_RB_POWER_OFF)
    raise SystemExit


def _run_job(folder: Path) -> int:
    job = json.loads((folder / "job.json").read_text())
    (folder / "job.json").unlink()
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    _mount("proc", "/proc")
    _mount("sysfs", "/sys")
    if not Path("/dev/ttyS0").exists():
        _mount("devtmpfs", "/dev")
    for folder_name, kind in (("/dev/pts", "devpts"), ("/dev/shm", "tmpfs"), ("/run", "tmpfs")):
        Path(folder_name).mkdir(exist_ok=True)
        _mount(kind, folder_name)
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        if not Path("/dev", name).is_symlink():
            Path("/dev", name).symlink_to(f"/proc/self/{target}")
    _tool("modprobe", "-d", str(folder / "tree"), "-a", *MODULES)
    _tool("ip", "link", "set", "lo", "up")
    for name in INTERFACES:
        _make_interface(name)
    return _run_command(job)


def _run_command(job: dict[str, object]) -> int:
    """Run the command, its two outputs on ttyS0 and ttyS1; reap orphans as the first process must."""
    ends, relays, terminals = [], [], []
    for name in ("/dev/ttyS0", "/dev/ttyS1"):
        read_end, write_end = os.pipe()
        terminal = os.open(name, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(terminal)
        relays.append(threading.Thread(target=_relay, args=(read_end, terminal), daemon=True))
        relays[-1].start()
        ends.append(write_end)
        terminals.append(terminal)
    command, environment = job["command"], job["environment"]
    assert isinstance(command, list)
    assert isinstance(environment, dict)
    os.chdir(str(job["cwd"]))
    os.environ.update(environment)
    try:
        child = os.posix_spawnp(
            command[0],
            command,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, ends[0], 1),
                (os.POSIX_SPAWN_DUP2, ends[1], 2),
            ],
            setsid=True,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
        )
    except OSError as error:
        os.write(ends[1], f"vcan bed: {error}\n".encode())
        child, status = 0, 127 << 8
    while child:
        pid, status = os.wait()
        if pid == child:
            break
    os.kill(-1, signal.SIGKILL)  # what it left running
    for end in ends:
        os.close(end)
    for relay, terminal in zip(relays, terminals, strict=True):
        relay.join(timeout=5.0)
        termios.tcdrain(terminal)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _mount(kind: str, where: str) -> None:
    if _libc.mount(kind.encode(), where.encode(), kind.encode(), 0, None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), where)


if __name__ == "__main__":
    if os.getpid() == 1 and sys.argv[1:2] == ["--inside"]:
        _inside(Path(sys.argv[2]))
    sys.exit(main())
