"""Modbus RTU devices by a map of registers, and without one what registers a capture reads.

The map is a file (telemetry/protocols/registers/), so that a meter or charger needs no code. Word orders,
BCD and decimal places are undone here: payloads have one place a value.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from telemetry.framing.framing import Framing, Heard, Skipped
from telemetry.framing.secrets import KNOWN_NUMBERS, NUMBER, TEXT, WORDS, Secret, kind_of
from telemetry.protocols.registers.register_map import Group, Register, RegisterMap
from telemetry.protocols.serial.layout import Picker, picker
from telemetry.protocols.serial.rtu import LAST_SLAVE, REFUSAL, Asked, RtuReader, request, shapes
from telemetry.protocols.serial.signals import unsigned
from telemetry.protocols.table import (
    Addresses,
    DeviceRequest,
    LineSettings,
    Mapped,
    Message,
    Scanned,
    SerialProtocol,
    Signal,
    Words,
)

_TITLE = "Modbus device"  # by a serial line, or over TCP
_BLOCK_MESSAGE = "Registers"
_MOST_DECIMALS = 9
_MOST_REQUESTS = 256  # of which it is remembered what they cover
_FLOATS = {"f32": ">f", "f64": ">d"}
# Bytes of a value's place: one more than the value has, so that there is a number that says it is absent. Of
# 64 bits the lowest number does; a float is not a number then.
_PLACE_BYTES = {"u16": 3, "s16": 3, "bcd16": 3, "u32": 5, "s32": 5, "bcd32": 5, "u64": 8, "s64": 8}
_NAN = struct.pack(">d", float("nan"))
_AHEAD = b"\x00\x80"  # bytes that no reply has, at these places of it:
_ZERO, _HIGHEST_BIT = b"\x00", b"\x01"


class _MappedReader(RtuReader):
    """One frame a group of the map of which a reply has registers."""

    def __init__(self, groups: Sequence[Group]) -> None:
        super().__init__()
        self._groups = groups
        self._covered: dict[Asked, list[_Covered]] = {}  # by what was asked
        named = ((one, kind_of(one.name)) for group in groups for one in group.registers)
        self._secrets = [(one, kind) for one, kind in named if kind is not None]

    def registers(self, asked: Asked, data: bytes) -> Sequence[Heard] | Skipped:
        covered = self._covered.get(asked)
        if covered is None:
            covered = self._cover(asked)
            if len(self._covered) < _MOST_REQUESTS:
                self._covered[asked] = covered
        heard = []
        for id, made, texts in covered:
            for text in texts:
                self.identify(text.name, _raw(asked, data, text))
            heard.append(Heard(id, made(data), asked.slave))
        return heard or Skipped.OTHER

    def _cover(self, asked: Asked) -> "list[_Covered]":
        """Return the groups of which a reply has values, and what makes a payload of it."""
        found: list[_Covered] = []
        for id, group in enumerate(self._groups, start=1):
            has = [(one, one.function == asked.function and _has(asked, one)) for one in group.registers]
            texts = [one for one, is_there in has if is_there and one.type == "text"]
            numbers = [(one, is_there) for one, is_there in has if one.type != "text"]
            if any(is_there for _, is_there in numbers):
                found.append((id, _picker_of(numbers, asked), texts))
            elif texts:
                found.append((id, _picker_of((), asked), texts))
        return found

    def secrets(self, message: bytes) -> Iterable[Secret]:
        """Return registers whose names say so; what a reply holds follows from the request before it."""
        is_reply = len(message) % 2 and not message[1] & REFUSAL
        asked = self.answered(message) if is_reply else None
        if not is_reply:
            self.read(message)
        elif asked is None:  # the request was spoiled
            yield Secret(WORDS, slice(3, -2))
        else:
            yield Secret(KNOWN_NUMBERS, slice(3, -2))
            for one, kind in self._secrets:
                if one.function == asked.function and _has(asked, one):
                    at = 3 + 2 * (one.first - asked.first)
                    form = TEXT if one.type == "text" else NUMBER
                    yield Secret(kind, slice(at, at + 2 * one.count), form)


_Covered = tuple[int, Picker, list[Register]]  # id, what makes a payload of the data of a reply, texts


def _picker_of(numbers: Sequence[tuple[Register, bool]], asked: Asked) -> Picker:
    """Return what makes the payload of all `numbers`, each with whether the reply to `asked` has it.

    Numbers without a sign, which most are, need nothing but their bytes in another order.
    """
    if not numbers or not all(_is_plain(one) for one, _ in numbers):
        return lambda data: b"".join(_place(one, asked, data, is_there=is_there) for one, is_there in numbers)
    places = bytes(range(len(_AHEAD), len(_AHEAD) + 2 * asked.quantity))
    moved = picker(
        place for one, is_there in numbers for place in _places(one, asked, places, is_there=is_there)
    )
    return lambda data: moved(_AHEAD + data)


def _places(register: Register, asked: Asked, places: bytes, *, is_there: bool) -> bytes:
    """Return where each byte of its place is in `_AHEAD` and the data after it."""
    return _ZERO + _raw(asked, places, register) if is_there else _HIGHEST_BIT + _ZERO * (2 * register.count)


def _is_plain(register: Register) -> bool:
    return register.type in ("u16", "u32") and register.decimals is None and not register.absent


def _has(asked: Asked, register: Register) -> bool:
    return asked.first <= register.first and register.stop <= asked.first + asked.quantity


def _raw(asked: Asked, data: bytes, register: Register) -> bytes:
    """Return its bytes, the highest first."""
    at = 2 * (register.first - asked.first)
    raw = data[at : at + 2 * register.count]
    if register.order == "ABCD" or (register.order == "CDAB" and register.count == 1):
        return raw
    words = [raw[n : n + 2] for n in range(0, len(raw), 2)]
    if register.order in ("CDAB", "DCBA"):
        words.reverse()
    if register.order in ("BADC", "DCBA"):
        words = [word[::-1] for word in words]
    return b"".join(words)


def _place(register: Register, asked: Asked, data: bytes, *, is_there: bool) -> bytes:
    raw = _raw(asked, data, register) if is_there else b""
    if register.type in _FLOATS:
        return raw or _NAN[: 2 * register.count]
    place_bytes = _place_bytes(register)
    lowest = -(1 << (8 * place_bytes - 1))
    value = _number(register, raw) if raw else None
    if value is not None and register.decimals is not None:
        value = _with_decimals(value, register.decimals, asked, data)
    is_kept = value is not None and lowest < value < -lowest and value not in register.absent
    return (value if is_kept and value is not None else lowest).to_bytes(place_bytes, "big", signed=True)


def _place_bytes(register: Register) -> int:
    return 8 if register.decimals is not None else _PLACE_BYTES[register.type]


def _number(register: Register, raw: bytes) -> int | None:
    kind = register.type[0]
    if kind == "b":
        return int(raw.hex()) if raw.hex().isdecimal() else None
    return int.from_bytes(raw, "big", signed=kind == "s")


def _with_decimals(value: int, register: int, asked: Asked, data: bytes) -> int | None:
    """Return the value times ten to the number that a register holds, or None if the reply has none."""
    at = 2 * (register - asked.first)
    if not 0 <= at < len(data):
        return None
    places = int.from_bytes(data[at : at + 2], "big")
    return value * 10**places if places <= _MOST_DECIMALS else None


def _signal(register: Register, at: int) -> Signal:
    is_float = register.type in _FLOATS
    byte_count = 2 * register.count if is_float else _place_bytes(register)
    return Signal(
        register.name,
        8 * at + 7,
        8 * byte_count,
        signed=not is_float,
        factor=register.scale,
        offset=register.offset,
        invalid=() if is_float else (1 << (8 * byte_count - 1),),
        is_float=is_float,
        unit=register.unit,
    )


def _message(name: str, id: int, group: Group) -> Message:
    signals: list[Signal] = []
    at = 0
    for register in group.registers:
        if register.type != "text":
            signals.append(_signal(register, at))
            at += signals[-1].bit_count // 8
    return Message(name, id, tuple(signals))


def _mapped(name: str, group: Group) -> list[Mapped]:
    fields = [Mapped(f"{name}.{one.name}", one.to) for one in group.registers if one.to]
    alarms = [
        Mapped(f"{name}.{one.name}", f"event.{code}", bit=bit)
        for one in group.registers
        for bit, code in one.bits
    ]
    return fields + alarms


def _ask(group: Group, address: int) -> bytes:
    return request(Asked(address, group.function, group.first, group.count))


def modbus(registers: RegisterMap) -> SerialProtocol:
    """Return the protocol of devices with these registers."""
    names = [f"{_BLOCK_MESSAGE}{n or ''}" for n in (0, *range(2, len(registers.groups) + 1))]
    return SerialProtocol(
        name="modbus",
        title=registers.title,
        baud_rate=registers.baud_rate,
        framing=Framing(
            shapes=shapes(),
            make_reader=partial(_MappedReader, registers.groups),
            frames_per_message=len(registers.groups),
        ),
        messages=tuple(
            _message(name, id, group)
            for id, (name, group) in enumerate(zip(names, registers.groups, strict=True), 1)
        ),
        mapped=tuple(
            one for name, group in zip(names, registers.groups, strict=True) for one in _mapped(name, group)
        ),
        requests=tuple(
            DeviceRequest(partial(_ask, group), group.every_s, id)
            for id, group in enumerate(registers.groups, start=1)
        ),
        addresses=Addresses(default=registers.slave, least=1, most=LAST_SLAVE),
        line=LineSettings(registers.parity, registers.stop_bits),
        reply_timeout_s=registers.reply_timeout_s,
    )


class BlockReader(RtuReader):
    """One frame a block of registers; `blocks` numbers them by what was asked, whatever the slave."""

    def __init__(self, blocks: Mapping[tuple[int, int, int], int]) -> None:
        super().__init__()
        self._blocks = blocks

    def registers(self, asked: Asked, data: bytes) -> Sequence[Heard] | Skipped:
        id = self._blocks.get(asked[1:])
        return Skipped.OTHER if id is None else (Heard(id, data, asked.slave),)


def raw_modbus(blocks: Sequence[tuple[int, int, int]] = ()) -> SerialProtocol:
    """Return the protocol of registers as they are, in blocks (function, first, count), without a map."""
    numbers = {block: id for id, block in enumerate(blocks, start=1)}
    return SerialProtocol(
        name="modbus",
        title=_TITLE,
        baud_rate=9600,
        framing=Framing(shapes=shapes(), make_reader=partial(BlockReader, numbers)),
        messages=tuple(
            Message(
                _BLOCK_MESSAGE,
                id,
                tuple(unsigned(f"r{first + n:05d}", 2 * n) for n in range(count)),
            )
            for (_, first, count), id in numbers.items()
        ),
        mapped=(),
        addresses=Addresses(default=1, least=1, most=LAST_SLAVE),
        scan=Scanned(3, others=tuple(range(2, 17))),
        words=Words(
            "",
            "any Modbus RTU or TCP meter, charger or board, by a [map of its registers](#a-map-of-registers)",
            "the service reads what the map says, each as often as it says",
            scrubbed="with `--registers`: registers whose names say serial, VIN, latitude or longitude",
            line="the map's, or TCP",
            addresses="1 to 16",
        ),
    )


MODBUS = raw_modbus()  # a map of registers makes more of it
