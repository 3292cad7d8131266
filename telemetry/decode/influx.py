"""`decode --format influx`: one decode into one database, from the first frame to the last acknowledgement.

Promises: ends with success only when everything is acknowledged, and then leaves nothing on the disk; a
signal stops it in order within seconds; what is left then waits in the spool, and the same command goes on
with it.
"""

import signal
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from telemetry.clock import Clock
from telemetry.decode.channels import ACCOUNT
from telemetry.decode.delivery import Patience, Upload
from telemetry.decode.output import FileDecoder, OutputPiece
from telemetry.decode.screen import Screen
from telemetry.decode.target import position_name
from telemetry.errors import EXIT_OK, RefusedError, StorageError, TelemetryError, UnavailableError
from telemetry.ledger import total
from telemetry.model.events import Event
from telemetry.sinks.settings import SinkSettings
from telemetry.sources.stop import StopSignal
from telemetry.stopping import SignalWatch

EXIT_INTERRUPTED = 128 + signal.SIGINT


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be written where.

    options: all that says what is written, besides the files; patience: with the server, None: endless.
    """

    logs: Sequence[Path]
    databases: Sequence[Path]
    options: Sequence[object]
    sink: SinkSettings
    spool: Path
    patience: Patience | None


def deliver(job: Job, make_decoder: Callable[[int], FileDecoder], screen: Screen, clock: Clock) -> int:
    """Do it; the exit code. Raises TelemetryError.

    make_decoder: of line protocol with accounts, of which so many frames are not needed any more.
    """
    with StopSignal() as stop, SignalWatch(stop.set) as signals:  # before there are other threads
        return _deliver(job, make_decoder, screen, clock, stop, signals)


def _deliver(
    job: Job,
    make_decoder: Callable[[int], FileDecoder],
    screen: Screen,
    clock: Clock,
    stop: StopSignal,
    signals: SignalWatch,
) -> int:
    def show(event: Event) -> None:
        screen.say(f"{'warning: ' if event.active else ''}{event.code}: {event.text}")

    started_s = clock.monotonic_s()
    delivery = Upload(
        job.spool,
        job.sink,
        clock,
        position=position_name(job.sink, job.logs, job.databases, job.options),
        stop=stop.event,
        on_event=show,
        patience=job.patience,
    )
    failure: TelemetryError | None = None
    try:
        if delivery.done_frames or delivery.found_points:
            screen.say(
                f"goes on after frame {delivery.done_frames:,}; "
                f"{delivery.found_points:,} points of an earlier run wait"
            )
        with signals.interrupting():  # parsing the databases may take minutes
            decoder = make_decoder(delivery.done_frames)
        with decoder.pieces(job.logs) as pieces:
            stop.on_set(pieces.stop)
            try:
                last = _take_all(pieces, delivery, screen, stop.event)
            except TelemetryError as error:  # of a log: what comes before it is delivered
                failure, last = error, None
            delivery.finish(lambda: _show(last, delivery, screen))
            delivery.close()
    except BaseException:
        delivery.close()
        raise
    if not failure:
        screen.warn(decoder.warnings())
    screen.clear()
    for line in account_lines(delivery.accounts, delivery.state.waiting_points):
        screen.say(line)
    elapsed_s = max(clock.monotonic_s() - started_s, 1e-3)
    stored = delivery.state.acknowledged_points
    screen.say(f"stored: {stored:,} points in {elapsed_s:.1f} s, {stored / elapsed_s:,.0f} points/s")
    if failure is not None:
        if delivery.is_empty:
            delivery.remove()
        raise failure
    code = _end(delivery, job, screen, interrupted=stop.is_set())
    if code == EXIT_OK:
        decoder.raise_unread()
    return code


def _take_all(
    pieces: Iterable[OutputPiece], delivery: Upload, screen: Screen, stop: threading.Event
) -> OutputPiece | None:
    last = None
    for last in pieces:
        delivery.take(last)
        _show(last, delivery, screen)
        screen.warn(last.warnings)
        if stop.is_set():
            break
    return last


def _show(piece: OutputPiece | None, delivery: Upload, screen: Screen) -> None:
    if piece is None:
        return
    state = delivery.state
    notes = [f"{state.waiting_points:,} points wait"]
    if state.trouble:
        notes.append(state.trouble)
    screen.show(piece.progress, notes)


def _end(delivery: Upload, job: Job, screen: Screen, *, interrupted: bool) -> int:
    """Return what it came to, said and done."""
    state = delivery.state
    where = str(job.spool)
    if delivery.gave_up:
        raise UnavailableError(
            f"given up: {state.trouble}",
            where=job.sink.address,
            hint=f"{state.waiting_points:,} points wait in {where}: the same command goes on; "
            "--wait waits until the server takes them",
        )
    if state.lost_points:
        raise StorageError(
            f"{state.lost_points} points found no room, or were damaged",
            where=where,
            hint="free the disk; the same command writes everything once more",
        )
    if interrupted:
        screen.say(f"interrupted; {state.waiting_points:,} points wait in {where}: the same command goes on")
        return EXIT_INTERRUPTED
    if state.dead_points:
        raise RefusedError(
            f"the server refused {state.dead_points} points, which are kept",
            where=where,
            hint=f"`nev-telemetry spool list {where}` says why",
        )
    delivery.remove()
    return EXIT_OK


def account_lines(accounts: Mapping[str, int], waiting_points: int) -> list[str]:
    """Return the accounts of frames, which are messages of a serial port, and of points, for people."""
    lines = []
    read = accounts.get(f"bus/{ACCOUNT}/read", 0)
    if read:
        fates = {
            "decoded": accounts.get(f"frames/{ACCOUNT}/decoded", 0),
            "absorbed": accounts.get(f"frames/{ACCOUNT}/absorbed", 0),
            "not in any database": accounts.get(f"frames/{ACCOUNT}/unknown", 0),
            "lost": total(accounts, f"frames/{ACCOUNT}/lost/"),
        }
        if silent := accounts.get(f"frames/{ACCOUNT}/without_signals", 0):
            fates["without signals"] = silent
        lines.append(f"frames: read {read:,}, " + _in_words(fates))
    ends = {
        "acknowledged": accounts.get("points/acknowledged", 0),
        "waiting": waiting_points,
        "dead letters": accounts.get("points/dead", 0),
        "evicted": accounts.get("points/evicted", 0),
        **({"reduced": reduced} if (reduced := accounts.get("points/reduced", 0)) else {}),
        "damaged": accounts.get("points/damaged", 0),
    }
    lines.append(f"points: made {total(accounts, 'points/made/'):,}, " + _in_words(ends))
    return lines


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
