"""What stages remember, as bytes that another process goes on with.

Promises: the same memory is the same bytes, in each process. Bytes that somebody else has made are refused,
or are plain values: nothing of them runs. Relies on both processes having the same version and configuration.
"""

import io
import pickle
from typing import Any

from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages

Memory = tuple[list[Binding], dict[str, Any]]
_ROOMS = (
    *("telemetry.charging.", "telemetry.health.", "telemetry.stages.", "telemetry.model."),
    "telemetry_core.charge.follow_spec",
)


def pack_memory(stages: Stages) -> bytes:
    """Return what the stages remember of rows so far; empty: nothing."""
    memory = stages.writing.memory()
    if not memory:
        return b""
    content = io.BytesIO()
    pickler = pickle.Pickler(content, protocol=4)
    pickler.fast = True  # which objects are one does not count
    pickler.dump(([channel.binding for channel in stages.channels], memory))
    return content.getvalue()


def unpack_memory(content: bytes) -> Memory:
    """Return the channels in their order, and the memory. Raises ValueError for other bytes."""
    try:
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
