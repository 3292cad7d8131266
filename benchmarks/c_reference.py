"""The C limit: what `cantools generate_c_source` makes of the database, compiled by gcc -O3 and driven in a
loop.

Each frame is found by a switch over the ids, unpacked and every signal that is there scaled to double, into
scratch memory; nothing is looked up, nothing allocated, everything may be inlined. Beside it the encoder's
floor: copying the keys of every line (harness.c). No -march=native, as in the service's own build.
"""

import ctypes
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from cantools.database.can import Database
from cantools.database.can.c_source import CodeGenMessage, CodeGenSignal, generate

GCC = ["gcc", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-w"]
_PREFIX = "reference"
_LINE = re.compile(rb"(\S+ )(\S+) \d+")
_FIELD = re.compile(rb"(,?[^,=]+=)[^,]+")


class CReference:
    """The compiled library; `folder` keeps its sources."""

    def __init__(self, database: Database, folder: Path) -> None:
        header, source, _, _ = generate(
            database, _PREFIX, f"{_PREFIX}.h", f"{_PREFIX}.c", "fuzzer.c", floating_point_numbers=True
        )
        (folder / f"{_PREFIX}.h").write_text(header)
        (folder / f"{_PREFIX}.c").write_text(source)
        harness = (Path(__file__).parent / "harness.c").read_text()
        (folder / "library.c").write_text(f'#include "{_PREFIX}.c"\n{harness}\n{_driver(database)}')
        library = folder / "reference.so"
        subprocess.run([*GCC, "-o", str(library), str(folder / "library.c")], check=True)
        self.path = library
        self._library = ctypes.CDLL(str(library))
        self._library.decode_frames.restype = ctypes.c_size_t
        self._library.copy_keys.restype = ctypes.c_size_t

    def decode(self, can_frames: bytes) -> int:
        """Decode an array of `struct can_frame`; how many signals there were."""
        return int(self._library.decode_frames(can_frames, ctypes.c_size_t(len(can_frames) // 16)))

    def copy_keys(self, shapes: "LineShapes") -> int:
        """Write the lines with each value `0`; how many bytes that were."""
        return int(
            self._library.copy_keys(
                shapes.shape_of_frame,
                ctypes.c_size_t(len(shapes.shape_of_frame)),
                shapes.shapes,
                shapes.keys,
                shapes.text,
                shapes.out,
            )
        )


class LineShapes:
    """How each line of a line protocol text looks but for its values, as `copy_keys` takes it."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        text = bytearray()
        numbers: dict[tuple[bytes, tuple[bytes, ...]], int] = {}
        order: list[int] = []
        shapes: list[int] = []
        keys: list[int] = []

        def stretch(part: bytes) -> tuple[int, int]:
            text.extend(part)
            return len(text) - len(part), len(part)

        longest = 0
        for line in lines:
            match = _LINE.match(line)
            assert match is not None, line
            shape = (match[1], tuple(_FIELD.findall(match[2])))
            if shape not in numbers:
                numbers[shape] = len(numbers)
                head, names = shape
                shapes += [*stretch(head), len(keys) // 2, len(names)]
                for name in names:
                    keys += stretch(name)
            order.append(numbers[shape])
            longest = max(longest, len(line))
        self.shape_of_frame = (ctypes.c_uint16 * len(order))(*order)
        self.shapes = (ctypes.c_uint32 * len(shapes))(*shapes)
        self.keys = (ctypes.c_uint32 * len(keys))(*keys)
        self.text = bytes(text)
        self.out = ctypes.create_string_buffer(4096 * (longest + 64))


def _driver(database: Database) -> str:
    cases = "\n".join(line for message in database.messages for line in _case(CodeGenMessage(message)))
    return f"""
EXPORT size_t decode_frames(const struct frame *frames, size_t frame_count)
{{
    double out[64];
    size_t total = 0;
    for (const struct frame *frame = frames; frame < frames + frame_count; frame++) {{
        size_t n = 0;
        switch (frame->id) {{
{cases}
        }}
        __asm__ volatile("" : : "r"(out) : "memory");
        total += n;
    }}
    return total;
}}
"""


def _case(message: CodeGenMessage) -> Iterator[str]:
    name = f"{_PREFIX}_{message.snake_name}"
    yield f"case {message.message.frame_id}: {{"
    yield f"    struct {name}_t m;"
    yield f"    if ({name}_unpack(&m, frame->data, frame->length) == 0) {{"
    for signal in message.cg_signals:
        value = f"{name}_{signal.snake_name}_decode(m.{signal.snake_name})"
        yield f"        {_condition(message, signal)}out[n++] = {value};"
    yield "    }"
    yield "    break;"
    yield "}"


def _condition(message: CodeGenMessage, signal: CodeGenSignal) -> str:
    selecting = signal.signal.multiplexer_signal
    if selecting is None:
        return ""
    selector = message.get_signal_by_name(selecting).snake_name
    values = signal.signal.multiplexer_ids or []
    return f"if ({' || '.join(f'm.{selector} == {value}' for value in values)}) "
