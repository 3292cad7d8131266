"""Pieces of decoded logs on their way into a database, with the spool on a disk that is not always well."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from telemetry.clock import Clock
from telemetry.decode import delivery as decode_delivery
from telemetry.decode.delivery import WAITING_POINTS, Patience, Upload
from telemetry.decode.influx import Job, deliver
from telemetry.decode.output import OutputPiece, Progress
from telemetry.decode.screen import Screen
from telemetry.errors import StorageError
from telemetry.ledger import imbalances, points_unaccounted
from telemetry.model.events import Event
from telemetry.sinks.influx.server import Api
from telemetry.sinks.influx.settings import InfluxSettings
from telemetry.sinks.state import SinkState
from telemetry.spool import EncodedBatch, Spool, SpoolLimits
from tests.support.clock import FakeClock
from tests.support.scripted_server import Act, Connection, ScriptedServer, store

LINES_A_PIECE = 6000
TIMEOUT_S = 60.0
NOWHERE = Progress(Path("a.log"), 1, 1, 0, 0, 0)


def piece(number: int) -> OutputPiece:
    """Make a piece with a line for each frame; `number` counts from 1."""
    first = (number - 1) * LINES_A_PIECE
    lines = [b"m,source=can0 v=1 %d\n" % time_ns for time_ns in range(first, first + LINES_A_PIECE)]
    counts = {
        "bus/logs/read": LINES_A_PIECE,
        "frames/logs/decoded": LINES_A_PIECE,
        "points/made/m": LINES_A_PIECE,
    }
    return OutputPiece(
        b"".join(lines),
        LINES_A_PIECE,
        first,
        first + LINES_A_PIECE - 1,
        number * LINES_A_PIECE,
        counts,
        NOWHERE,
    )


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


def store_when(may_answer: threading.Event) -> Act:
    """Behave, but not before."""

    def act(connection: Connection) -> None:
        may_answer.wait(TIMEOUT_S)
        store(connection)

    return act


class Run:
    """One run of a delivery into `folder`."""

    def __init__(
        self, folder: Path, server: ScriptedServer, position: str = "logs@1", clock: Clock | None = None
    ) -> None:
        self.stop = threading.Event()
        self.events: list[Event] = []
        self.delivery = Upload(
            folder,
            InfluxSettings(url=server.url, database="fleet", api=Api.V1),
            clock or Clock(),
            position=position,
            stop=self.stop,
            on_event=self.events.append,
        )

    def take(self, *numbers: int) -> None:
        for number in numbers:
            self.delivery.take(piece(number))

    def finish(self) -> None:
        self.delivery.finish(lambda: None)
        self.delivery.close()

    @property
    def faults(self) -> list[str]:
        """What does not balance."""
        return list(imbalances(self.delivery.accounts, self.delivery.state.waiting_points, {}))


def test_everything_arrives_and_nothing_is_left_on_the_disk(tmp_path: Path, server: ScriptedServer) -> None:
    run = Run(tmp_path / "spool", server)
    run.take(1, 2, 3)
    run.finish()
    run.delivery.remove()
    assert len(server.stored) == 3 * LINES_A_PIECE
    assert run.faults == []
    assert not (tmp_path / "spool").exists()


def test_what_somebody_else_has_put_into_the_folder_stays(tmp_path: Path, server: ScriptedServer) -> None:
    run = Run(tmp_path / "spool", server)
    strange = tmp_path / "spool" / "notes.txt"
    strange.write_text("mine")
    run.take(1)
    run.finish()
    run.delivery.remove()
    assert list((tmp_path / "spool").iterdir()) == [strange]


class NotingClock(Clock):
    """Reports when somebody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.somebody_waits = threading.Event()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        self.somebody_waits.set()
        return super().wait(event, timeout_s)


def test_reading_waits_while_the_server_is_behind(tmp_path: Path, server: ScriptedServer) -> None:
    may_answer = threading.Event()
    server.script(*[store_when(may_answer)] * 100)
    clock = NotingClock()
    run = Run(tmp_path / "spool", server, clock=clock)
    taken: list[int] = []

    def take_all() -> None:
        for number in range(1, 31):
            run.take(number)
            taken.append(number)

    reader = threading.Thread(target=take_all)
    reader.start()
    assert clock.somebody_waits.wait(TIMEOUT_S)
    assert len(taken) == WAITING_POINTS // LINES_A_PIECE
    may_answer.set()
    reader.join(TIMEOUT_S)
    run.finish()
    assert len(server.stored) == 30 * LINES_A_PIECE


def test_a_run_goes_on_after_the_last_piece_that_was_stored(tmp_path: Path, server: ScriptedServer) -> None:
    first = Run(tmp_path, server)
    first.take(1, 2)
    first.stop.set()
    first.delivery.close()
    second = Run(tmp_path, server)
    assert second.delivery.done_frames == 2 * LINES_A_PIECE
    second.take(1, 2, 3)
    second.finish()
    assert len(server.stored) == 3 * LINES_A_PIECE
    assert second.faults == []
    assert second.delivery.accounts["bus/logs/read"] == 3 * LINES_A_PIECE
    assert second.delivery.accounts["points/made/m"] == 3 * LINES_A_PIECE


@pytest.mark.parametrize("position", ["logs@2", ""])
def test_other_logs_are_taken_from_their_first_frame_and_the_accounts_still_balance(
    tmp_path: Path, server: ScriptedServer, position: str
) -> None:
    first = Run(tmp_path, server)
    first.take(1, 2)
    first.stop.set()
    first.delivery.close()
    second = Run(tmp_path, server, position)
    assert second.delivery.done_frames == 0
    second.take(1)
    second.finish()
    assert second.faults == []
    assert second.delivery.accounts["bus/logs/read"] == LINES_A_PIECE
    assert second.delivery.accounts["points/made/m"] == 3 * LINES_A_PIECE


def leave_two_pieces(tmp_path: Path, server: ScriptedServer) -> None:
    """Run a delivery that is stopped before the server has answered."""
    may_answer = threading.Event()
    server.script(*[store_when(may_answer)] * 3)
    first = Run(tmp_path, server)
    first.take(1, 2)
    first.stop.set()
    first.delivery.close()
    may_answer.set()


def test_a_spool_that_has_lost_points_is_fed_from_the_first_frame(
    tmp_path: Path, server: ScriptedServer
) -> None:
    leave_two_pieces(tmp_path, server)
    (segment,) = tmp_path.glob("*.segment")
    content = bytearray(segment.read_bytes())
    content[len(content) // 4] ^= 0xFF  # in the first of two batches
    segment.write_bytes(content)
    second = Run(tmp_path, server)
    assert second.delivery.done_frames == 0
    second.take(1, 2)
    second.finish()
    assert len(server.stored) == 2 * LINES_A_PIECE
    assert points_unaccounted(second.delivery.accounts, 0) == 0


def test_frames_after_the_last_batch_count_as_read_when_it_ends(
    tmp_path: Path, server: ScriptedServer
) -> None:
    run = Run(tmp_path, server)
    run.take(1)
    counts = {"bus/logs/read": 5, "frames/logs/unknown": 5}
    run.delivery.take(OutputPiece(b"", 0, 0, 0, LINES_A_PIECE + 5, counts, NOWHERE))
    run.finish()
    assert run.delivery.accounts["bus/logs/read"] == LINES_A_PIECE + 5
    assert run.faults == []


END = {"bus/logs/read": 2, "frames/logs/lost/incomplete_session": 2}  # of a session that is open then


@pytest.mark.parametrize("is_stored", [True, False])
def test_what_is_counted_at_the_end_is_counted_once_however_often_the_command_is_run(
    tmp_path: Path, server: ScriptedServer, is_stored: bool
) -> None:
    """A run that had read everything is not done until everything is acknowledged: it is run again."""
    end = replace(piece(1), text=b"", lines=0, counts=END, is_end=True)
    first = Run(tmp_path, server)
    first.delivery.take(piece(1) if not is_stored else shortened(piece(1)))
    first.delivery.take(end)
    first.stop.set()
    first.delivery.close()
    for _ in range(2):
        again = Run(tmp_path, server)
        again.take(1)
        again.delivery.take(end)
        again.stop.set()
        again.delivery.close()
        assert again.delivery.accounts["bus/logs/read"] == LINES_A_PIECE + 2
        assert again.delivery.accounts["frames/logs/lost/incomplete_session"] == 2
        assert again.faults == []


def shortened(whole: OutputPiece) -> OutputPiece:
    """Cut the piece to too few lines for a batch of its own: they join what is counted at the end."""
    text = b"".join(whole.text.splitlines(keepends=True)[:10])
    return replace(whole, text=text, lines=10, last_ns=9, counts={**whole.counts, "points/made/m": 10})


@pytest.fixture
def appended(monkeypatch: pytest.MonkeyPatch) -> list[EncodedBatch]:
    """Return a list that gets each batch that any spool is given."""
    noted: list[EncodedBatch] = []
    append = Spool.append

    def note(
        spool: Spool, batch: EncodedBatch, *, accounts: Mapping[str, int], positions: Mapping[str, int]
    ) -> None:
        noted.append(batch)
        append(spool, batch, accounts=accounts, positions=positions)

    monkeypatch.setattr(Spool, "append", note)
    return noted


def test_a_batch_with_a_point_of_an_earlier_one_is_ordered(
    tmp_path: Path, server: ScriptedServer, appended: list[EncodedBatch]
) -> None:
    run = Run(tmp_path, server)
    run.take(1)
    run.delivery.take(replace(piece(2), overlaps=True))
    run.take(3)
    run.finish()
    assert [batch.ordered for batch in appended] == [False, True, False]


def test_a_batch_is_ordered_if_any_piece_of_it_has_a_point_of_an_earlier_one(
    tmp_path: Path, server: ScriptedServer, appended: list[EncodedBatch]
) -> None:
    run = Run(tmp_path, server)
    run.delivery.take(replace(shortened(piece(1)), overlaps=True))
    run.delivery.take(shortened(piece(2)))
    run.finish()
    assert [batch.ordered for batch in appended] == [True]


def test_what_is_read_after_other_arguments_comes_after_what_waits_of_those(
    tmp_path: Path, server: ScriptedServer, appended: list[EncodedBatch]
) -> None:
    leave_two_pieces(tmp_path, server)
    second = Run(tmp_path, server, "logs@2")
    assert second.delivery.found_points
    second.take(1)
    second.finish()
    assert [batch.ordered for batch in appended] == [False, False, True]


class OutputPieces:
    """A `FileDecoder` of some pieces."""

    header = b""

    def __init__(self, *numbers: int) -> None:
        self._numbers = numbers

    @contextmanager
    def pieces(self, _paths: Sequence[Path]) -> Iterator["OutputPieces"]:
        yield self

    def __iter__(self) -> Iterator[OutputPiece]:
        return map(piece, self._numbers)

    def stop(self) -> None: ...

    def warnings(self) -> list[str]:
        return []

    def raise_unread(self) -> None: ...

    def summary(self) -> str:
        return ""


def test_points_that_found_no_room_are_an_error_and_the_spool_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    limits = SpoolLimits(cap_bytes=30_000, segment_bytes=1, keep_free_bytes=0, commit_bytes=1)
    monkeypatch.setattr(decode_delivery, "LIMITS", limits)
    influx = InfluxSettings(url="http://127.0.0.1:1", database="fleet", api=Api.V1)
    job = Job([tmp_path / "a.log"], [], [], influx, spool, None)
    screen = Screen(Clock(), output_is_terminal=False)
    said = rf"{spool}: \d+ points found no room, or were damaged \(free the disk; the same command writes"
    with pytest.raises(StorageError, match=said) as failed:
        deliver(job, lambda _: OutputPieces(*range(1, 9)), screen, Clock())
    assert failed.value.exit_code == 74
    assert list(spool.glob("*.segment"))


@pytest.mark.parametrize(
    ("held", "patience", "given_up_s"),
    [
        ("", Patience(5.0), 5.0),
        ("", Patience(), 10.0),
        ("database missing", Patience(), 0.0),
        ("database missing", Patience(5.0, 5.0), 5.0),
        ("database missing", None, None),
    ],
)
def test_a_server_that_takes_nothing_is_given_up_while_reading_waits_for_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    held: str,
    patience: Patience | None,
    given_up_s: float | None,
) -> None:
    class Failing:
        """A sink whose server has taken nothing since the clock began."""

        state = SinkState(failing_since_s=0.0, held=held)

        def __init__(self, *_: object, **__: object) -> None:
            pass

        def start(self) -> None:
            pass

        def stop(self, timeout_s: float) -> None:
            pass

    class Patient(FakeClock):
        def wait(self, event: threading.Event, timeout_s: float) -> bool:
            if self.monotonic_s() > 3600.0:
                event.set()  # as a signal does
            return super().wait(event, timeout_s)

    monkeypatch.setattr(decode_delivery, "Sink", Failing)
    stop, clock = threading.Event(), Patient()
    settings = InfluxSettings(url="http://127.0.0.1:1", database="fleet", api=Api.V1)
    upload = Upload(
        tmp_path, settings, clock, position="", stop=stop, on_event=lambda _: None, patience=patience
    )
    for number in range(1, WAITING_POINTS // LINES_A_PIECE + 2):
        upload.take(piece(number))
    assert upload.gave_up is (given_up_s is not None)
    assert stop.is_set()
    assert clock.monotonic_s() == pytest.approx(3600.0 if given_up_s is None else given_up_s, abs=0.03)
    upload.close()
