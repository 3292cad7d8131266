"""What a framer knows about a protocol, as plain values.

That is where messages begin and end on a serial line, what makes them good, and which bytes the framer hands
on. `telemetry.protocols` writes these values. The compiled framers and their readable models in the tests
read them.
"""

from dataclasses import dataclass
from enum import IntEnum


class ValueForm(IntEnum):
    """How the text of a field becomes 32 bits."""

    NONE = 0  # known, and no number: not in the payload
    INTEGER = 1  # decimal, signed
    HEX = 2  # 0x…, unsigned
    SWITCH = 3  # ON: 1, OFF: 0


@dataclass(frozen=True, slots=True)
class TextLabel:
    """One field of a text block."""

    name: str  # as on the wire, with its case
    form: ValueForm


@dataclass(frozen=True, slots=True)
class TextKind:
    """A kind of device: `id` is the id of its frames.

    Any of `labels` marks it. Without them it is known by a value of `product` in one of `products`
    (inclusive).
    """

    id: int
    labels: tuple[str, ...]
    products: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class TextRole:
    """A setting that makes another kind of a device: one of `kind` whose `label` is not 0 is of `id` instead.

    A block without the label goes by the block before. If it names the product, that device has no such
    setting.
    """

    label: str
    kind: int
    id: int


@dataclass(frozen=True, slots=True)
class TextFraming:
    """Blocks of `label TAB value` lines that end with a checksum byte, HEX messages between and within them.

    The payload of a block: one bit a label, whether it is there (bit n of byte n // 8, padded to whole
    bytes), then four bytes a label, little endian, zero where it is not there.
    """

    labels: tuple[TextLabel, ...]  # 64 at most carry a number
    product: str  # the label that names the device's model
    kinds: tuple[TextKind, ...]  # in this order; otherwise the kind of the block before, at first the first
    silence_ns: int  # after this time without a byte a block starts over
    longest_block_bytes: int
    role: TextRole | None = None
    identity: tuple[tuple[str, str], ...] = ()  # labels that identify the device, and what each is

    @property
    def numbers(self) -> tuple[TextLabel, ...]:
        """Return the labels that have a place in the payload, in its order."""
        return tuple(label for label in self.labels if label.form is not ValueForm.NONE)
