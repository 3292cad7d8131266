"""kill -9 of a gateway with a live bus at random moments: how old is the newest frame that survives?

Each frame carries its number. The loss of a kill is the time between two frames: the newest that the server
has once the next start has sent what it adopted, and the last that was handed over before the kill.

    python -m benchmarks.kills --kills 100 --frames-per-s 2000

The machine has its share in it: a process that waits for a processor loses more. So the sender reports how
late it was itself. `chrt -f 20` before the command gives all of it a processor at once.
"""

import argparse
import random
import re
import statistics
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from telemetry.errors import UnavailableError
from tests.support.gateway import Gateway
from tests.support.scripted_server import ScriptedServer
from tests.support.seqpacket import FrameListener

LIFE_S = (1.2, 3.2)  # from the first frame to the kill: several commits
SEND_EVERY_S = 0.002
DEADLINE_S = 60.0
FRAME_ID = 0x300
DATABASE = f"""VERSION ""
NS_ :
BS_:
BU_: A
BO_ {FRAME_ID} Counted: 8 A
 SG_ number : 0|32@1+ (1,0) [0|0] "" A
"""
_NUMBER = re.compile(rb"^Counted,.* number=(\d+)")


class Sender(threading.Thread):
    """Hands numbered frames over at an even pace, from `first` on, and notes when it did."""

    def __init__(self, listener: FrameListener, first: int, frames_per_s: int) -> None:
        super().__init__(daemon=True)
        self._listener = listener
        self._first = first
        self._frames_per_s = frames_per_s
        self._ended = threading.Event()
        self.sent_s: list[float] = []
        self.latest_s = 0.0  # by how much a frame was late at most

    def run(self) -> None:
        start_s = time.monotonic()
        while not self._ended.wait(SEND_EVERY_S):
            due = int((time.monotonic() - start_s) * self._frames_per_s)
            try:
                while len(self.sent_s) < due:
                    number = len(self.sent_s)
                    self._listener.send([(FRAME_ID, struct.pack("<Q", self._first + number))])
                    self.sent_s.append(time.monotonic())
                    late_s = self.sent_s[-1] - start_s - number / self._frames_per_s
                    self.latest_s = max(self.latest_s, late_s)
            except OSError:  # the gateway was killed
                return

    def end(self) -> None:
        """Send nothing more."""
        self._ended.set()
        self.join()


def measure_losses(folder: Path, kills: int, frames_per_s: int, seed: int) -> tuple[list[float], float]:
    """Return the loss of each kill, and by how much the sender was late at most; in s."""
    chance = random.Random(seed)
    database, socket = folder / "counted.dbc", folder / "bus.sock"
    database.write_text(DATABASE)
    losses_s, latest_s, first = [], 0.0, 1
    with ScriptedServer() as server, FrameListener(socket) as listener:
        influx = f'[influx]\nurl = "{server.url}"\napi = "v1"\ndatabase = "kills"\n'
        bus = f'[[can]]\nname = "bus"\nsocket = "{socket}"\ndatabases = ["{database}"]\n'
        with Gateway(folder, influx, bus) as gateway:
            for _ in range(kills):
                process = gateway.start()
                listener.accept()
                sender = Sender(listener, first, frames_per_s)
                sender.start()
                time.sleep(chance.uniform(*LIFE_S))
                killed_s = time.monotonic()
                process.kill()
                process.wait()
                sender.end()
                listener.hang_up()
                gateway.start()  # it adopts what is left, and gets no other frame
                listener.accept()
                _wait_until(lambda: _has_sent_all(gateway))
                assert gateway.terminate() == 0, gateway.output()
                listener.hang_up()
                newest = max(_numbers(server), default=first) - first
                handed_over_s = max(sent_s for sent_s in sender.sent_s if sent_s <= killed_s)
                losses_s.append(max(handed_over_s - sender.sent_s[newest], 0.0))
                latest_s = max(latest_s, sender.latest_s)
                first += len(sender.sent_s)
                server.stored.clear()
    return losses_s, latest_s


def _numbers(server: ScriptedServer) -> list[int]:
    return [int(found[1]) for line in server.stored if (found := _NUMBER.match(line))]


def _has_sent_all(gateway: Gateway) -> bool:
    try:
        gauges = gateway.status()["gauges"]
    except UnavailableError:
        return False  # it is starting
    return not gauges["points_waiting_memory"] and not gauges["points_waiting_disk"]


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline_s, "the next start does not send what was left"
        time.sleep(0.01)


def main() -> int:
    """Run it and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--frames-per-s", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="nev-telemetry-kills-") as name:
        losses_s, latest_s = measure_losses(
            Path(name), arguments.kills, arguments.frames_per_s, arguments.seed
        )
    print(f"{len(losses_s)} kills at {arguments.frames_per_s:,} frames/s, loss in s:")
    print(
        f"mean {statistics.mean(losses_s):.3f}, median {statistics.median(losses_s):.3f},"
        f" most {max(losses_s):.3f}; the sender was {latest_s:.3f} late at most"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
