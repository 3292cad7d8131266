"""What the stages hold of rows of live sources, with the accounts as of the same moment: for the next start.

It travels in the spool's state, as lines that are not counted yet. After a stop in order nothing is held.
"""

import logging
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice

from telemetry_core.text.lines import LineBuffer

from telemetry.service.stamping import Stamping
from telemetry.spool.batch import TimeBase
from telemetry.spool.compress import compress, decompress
from telemetry.spool.trails import MOST_BYTES
from telemetry.stages.stages import Stages

LOG = logging.getLogger("telemetry.service")

_NAME = (
    "[reduce] "  # of a state; no plug is called that. After it the boot that stamps count from, #, which part
)
_MOST_PARTS = 12  # all of them together must find room in a record


def is_held(name: str) -> bool:
    """Return whether the state of this name is of what was held."""
    return name.startswith(_NAME)


def held_state(stages: Stages, stampings: Mapping[str, Stamping], boot_id: str) -> dict[str, bytes]:
    """Return what is held of these sources, by name of a state. boot_id: of this boot."""
    lines: dict[str, LineBuffer] = {}
    for source, stamping in stampings.items() if stages.writing.pending else ():
        boot = boot_id if stamping.base is TimeBase.BOOT else ""
        into = lines.setdefault(boot, LineBuffer(4096))
        stages.writing.copy_held(source, into, shift_ns=stamping.shift_ns)
    found = {
        f"{_NAME}{boot}#{number}" if number else _NAME + boot: part
        for boot, each in lines.items()
        for number, part in enumerate(_parts(bytes(each)) if each.lines else ())
    }
    if len(found) > _MOST_PARTS:
        _warn_once()
    return dict(islice(found.items(), _MOST_PARTS))


def _parts(lines: bytes) -> Iterator[bytes]:
    """Yield them compressed, in as many parts as a state of one name has room for. No line is so long."""
    part = compress(lines)
    if len(part) <= MOST_BYTES:
        yield part
    elif middle := lines.rfind(b"\n", 0, len(lines) // 2) + 1:
        yield from _parts(lines[:middle])
        yield from _parts(lines[middle:])


@cache
def _warn_once() -> None:
    LOG.warning("[reduce] holds more than a record has room for: a kill now costs the rest")


def lines_left(state: Mapping[str, bytes], boot_id: str) -> Iterator[tuple[TimeBase, bytes]]:
    """Yield the lines that a run has left, by what their stamps count from."""
    for name, content in state.items():
        boot = name.removeprefix(_NAME).partition("#")[0]
        if is_held(name) and boot in ("", boot_id):
            yield TimeBase.BOOT if boot else TimeBase.UNIX, decompress(content, 2000 * len(content))
        elif is_held(name):
            LOG.warning("what [reduce] held before the last boot had no time yet, and is lost")
