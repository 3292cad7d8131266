"""What stages remember at the end of a day, as text that another process goes on with.

Promises:
- The same memory is the same text, in each process.
- A text that somebody else has made is refused, or is plain values: nothing of it runs.

Relies on a marker's version: what stages remember in another version of this program is not read.
"""

import base64
import io
import pickle
import zlib
from typing import Any

from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages

Memory = tuple[list[Binding], dict[str, Any]]
_MOST_BYTES = 1 << 28
_ROOMS = (
    *("telemetry.charging.", "telemetry.health.", "telemetry.stages.", "telemetry.model."),
    "telemetry_core.charge.follow_spec",
)


def text_of(stages: Stages) -> str:
    """Return what the stages remember of rows so far; "": nothing."""
    memory = stages.writing.memory()
    if not memory:
        return ""
    content = io.BytesIO()
    pickler = pickle.Pickler(content, protocol=4)
    pickler.fast = True  # which objects are one does not count
    pickler.dump(([channel.binding for channel in stages.channels], memory))
    return base64.b85encode(zlib.compress(content.getvalue(), 6)).decode()


def read_memory(text: str) -> Memory:
    """Return the channels in their order, and the memory. Raises ValueError for another text."""
    try:
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(base64.b85decode(text), _MOST_BYTES)
        if not unpacker.eof:
            raise ValueError("it is cut, or too long")
        bindings, memory = _Values(io.BytesIO(content)).load()
        if all(isinstance(each, Binding) for each in bindings) and isinstance(memory, dict):
            return bindings, memory
        raise ValueError("it holds something else")
    except Exception as error:
        raise ValueError(f"has a damaged memory: {error}") from error


class _Values(pickle.Unpickler):
    """Plain values, and our own classes of them."""

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name) if module.startswith(_ROOMS) else None
        if not isinstance(found, type) or not found.__module__.startswith(_ROOMS):
            raise pickle.UnpicklingError(f"{module}.{name} is no value")
        return found
