from collections.abc import Iterable

from telemetry_core.decode.plan import Plan
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rules.protection_spec import ProtectionRule

def crc8_j1850(data: bytes) -> int:
    """CRC-8 of SAE J1850: polynomial 0x1D, start and xor 0xFF."""

def crc8_h2f(data: bytes) -> int:
    """CRC-8H2F of AUTOSAR's CRC library: polynomial 0x2F, start and xor 0xFF."""

def crc16_ccitt(data: bytes) -> int:
    """CRC-16 of CCITT as AUTOSAR has it: polynomial 0x1021, start 0xFFFF."""

class Protection:
    """Judges checksums and alive counters of frames, by rules for messages of one Plan."""

    @property
    def plan(self) -> Plan: ...
    @property
    def specs(self) -> tuple[ProtectionRule, ...]: ...
    def __init__(self, plan: Plan, rules: Iterable[ProtectionRule]) -> None:
        """ValueError for a rule that no frame matches, protects a message twice or does not fit its frame."""
    def bind(self, channel: int, bus: int) -> None:
        """Judge `channel` as this bus of the plan (-1: none), and forget what was remembered of it.

        IndexError for an unknown bus.
        """
    def check(self, frames: FrameBatch) -> FrameBatch:
        """The frames for the decoder: marked, dropped or kept, as the rules say.

        This is `frames` itself where no frame is marked or dropped. Otherwise it is a batch that is valid
        until the next call.
        """
    def counts(self, channel: int) -> dict[str, int]:
        """Frames that go no further, each in one count, without payloads of several frames."""
    def message_counts(self, channel: int) -> dict[str, int]:
        """Frames and payloads with a fault, dropped or not, by `NAME/FAULT`, without zeros."""
    def countable(self, bus: int) -> tuple[list[str], list[str]]:
        """The names that `counts` and `message_counts` can have for channels of this bus."""
