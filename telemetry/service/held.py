"""What the stages hold of rows of live sources, with the accounts as of the same moment: for the next start.

It travels in the spool's state, as lines that are not counted yet. After a stop in order there is none.
"""

import logging
from collections.abc import Iterator, Mapping

from telemetry_core.text.lines import LineBuffer

from telemetry.service.stamping import Stamping
from telemetry.spool.batch import TimeBase
from telemetry.spool.compress import compress, decompress
from telemetry.spool.trails import MOST_BYTES
from telemetry.stages.stages import Stages

LOG = logging.getLogger("telemetry.service")

_NAME = "[reduce] "  # of a state; no plug is called that. After it the boot that stamps count from
_MOST_LINES_BYTES = 64_000_000


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
    found = {_NAME + boot: compress(each) for boot, each in lines.items() if each.lines}
    return {name: content for name, content in found.items() if len(content) <= MOST_BYTES}


def lines_left(state: Mapping[str, bytes], boot_id: str) -> Iterator[tuple[TimeBase, bytes]]:
    """Yield the lines that a run has left, by what their stamps count from."""
    for name, content in state.items():
        boot = name.removeprefix(_NAME)
        if is_held(name) and boot in ("", boot_id):
            yield TimeBase.BOOT if boot else TimeBase.UNIX, decompress(content, _MOST_LINES_BYTES)
        elif is_held(name):
            LOG.warning("what [reduce] held before the last boot had no time yet, and is lost")
