"""The gateway as its users run it: `nev-telemetry run` as a process, a configuration file, a spool."""

import contextlib
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from telemetry.clock import Clock
from telemetry.errors import UnavailableError
from telemetry.ledger import add, imbalances
from telemetry.live.status_socket import query_status
from telemetry.spool.limits import SpoolLimits
from telemetry.spool.spool import Spool
from tests.support.recording import VEHICLE_DBC
from tests.support.servers import Database
from tests.support.unhurried import UNHURRIED
from tests.support.waiting import wait_until

RUN_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class FinalAccounts:
    """What the spool says after a run: all counters, and how many points still wait."""

    counters: dict[str, int]
    waiting_points: int
    clean: bool


def influx_table(database: Database, directory: Path, url: str = "") -> str:
    """[influx] for `database`, its secrets in files in `directory`; url: of a proxy in between."""
    server = database.server
    lines = ["[influx]", f'url = "{url or server.url}"', f'database = "{database.name}"']
    if server.token:
        lines += [f'org = "{server.org}"', f'token_file = "{_secret_file(directory, server.token)}"']
    elif server.username:
        lines += [f'username = "{server.username}"']
        lines += [f'password_file = "{_secret_file(directory, server.password)}"']
    return "\n".join(lines) + "\n"


NO_SERVER = '[influx]\nurl = "http://127.0.0.1:9"\ndatabase = "d"\n'


def influx_at(url: str) -> str:
    """[influx] of a server without secrets."""
    return f'[influx]\nurl = "{url}"\napi = "v1"\ndatabase = "d"\n'


def bus_at(folder: Path, name: str = "bus", databases: Sequence[Path] = (VEHICLE_DBC,)) -> str:
    """[[can]] whose frames come over a socket of its name in the folder."""
    files = ", ".join(f'"{file}"' for file in databases)
    return f'[[can]]\nname = "{name}"\nsocket = "{folder}/{name}.sock"\ndatabases = [{files}]\n'


def _secret_file(directory: Path, secret: str) -> Path:
    file = directory / "secret"
    file.write_text(secret + "\n")
    file.chmod(0o600)
    return file


@dataclass
class Gateway:
    """One gateway with all its files in `directory`. As a context manager it leaves nothing running.

    influx, sources: the tables [influx] and [[can]], [[replay]] …; top: keys and tables before them; spool:
    keys of [spool] besides its directory; web: what [web] listens at; started_by: the program that starts it,
    with its arguments.
    """

    directory: Path
    influx: str
    sources: str
    top: str = ""
    spool: str = ""
    web: str = "off"
    started_by: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    @property
    def config(self) -> Path:
        return self.directory / "gateway.toml"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def write_config(self) -> None:
        spool = f'[spool]\ndirectory = "spool"\n{self.spool}\n[web]\nlisten = "{self.web}"\n'
        self.config.write_text(f'vehicle = "van"\n{self.top}\n{self.influx}\n{spool}\n{self.sources}')

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the service; its output goes to `log`, after that of earlier runs."""
        if not self.config.exists():
            self.write_config()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.started_by, *UNHURRIED, "run", "-v", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self.process

    def wait(self, timeout_s: float = RUN_TIMEOUT_S) -> int:
        """Until the service ends by itself; its exit code."""
        assert self.process is not None
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout_s} s:\n{self.output()}") from None

    def terminate(self) -> int:
        """SIGTERM, once; its exit code: 75 where the service needs longer than a minute."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def run(self) -> FinalAccounts:
        """Run to the end of all logs."""
        self.start()
        code = self.wait()
        assert code == 0, self.output()
        return self.final_accounts()

    def status(self) -> dict[str, Any]:
        return query_status(self.directory / "spool")

    def account(self, name: str) -> int:
        """Return one of its accounts; 0 as long as it does not answer."""
        try:
            return int(self.status()["accounts"].get(name, 0))
        except UnavailableError:
            return 0

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until `condition` holds; what it asks the service for need not be answered yet."""

        def holds() -> bool:
            with contextlib.suppress(UnavailableError):
                return bool(condition())
            return False

        wait_until(holds, self.output)

    def wait_for_account(self, name: str, least: int = 1) -> None:
        self.wait_for(lambda: self.account(name) >= least)

    def wait_until_sent(self) -> None:
        """Wait until no frame and no point waits."""
        waiting = ("points_waiting_memory", "points_waiting_disk", "frames_waiting")
        self.wait_for(lambda: not any(self.status()["gauges"][name] for name in waiting))

    def end(self) -> FinalAccounts:
        """Stop it; return its accounts, which balance."""
        assert self.terminate() == 0, self.output()
        final = self.final_accounts()
        assert list(imbalances(final.counters, final.waiting_points, {})) == []
        assert final.clean
        return final

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def final_accounts(self) -> FinalAccounts:
        """Open the spool as the next run would, and look."""
        spool = Spool(self.directory / "spool", clock=Clock(), limits=SpoolLimits())
        try:
            recovery = spool.recovery
            return FinalAccounts(
                add(recovery.accounts, spool.counters()), recovery.waiting_points, recovery.clean
            )
        finally:
            spool.close()
