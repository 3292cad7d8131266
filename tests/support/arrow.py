"""A small consumer of Arrow's C stream interface, from its specification and without a library."""

import ctypes
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

Release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_FORMATS = {
    b"tsn:UTC": ctypes.c_int64,
    b"l": ctypes.c_int64,
    b"L": ctypes.c_uint64,
    b"g": ctypes.c_double,
    b"i": ctypes.c_int32,
    b"I": ctypes.c_uint32,
}


class ArrowSchema(ctypes.Structure):
    """See the specification."""


class ArrowArray(ctypes.Structure):
    """See the specification."""


class ArrowArrayStream(ctypes.Structure):
    """See the specification."""

    _fields_: ClassVar = [
        ("get_schema", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ArrowSchema))),
        ("get_next", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ArrowArray))),
        ("get_last_error", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)),
        ("release", Release),
        ("private_data", ctypes.c_void_p),
    ]


ArrowSchema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_void_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(ArrowSchema))),
    ("dictionary", ctypes.POINTER(ArrowSchema)),
    ("release", Release),
    ("private_data", ctypes.c_void_p),
]
ArrowArray._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(ArrowArray))),
    ("dictionary", ctypes.POINTER(ArrowArray)),
    ("release", Release),
    ("private_data", ctypes.c_void_p),
]

_pointer: Any = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype = ctypes.c_void_p
_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def release(struct: Any) -> None:
    """Give it back, once."""
    assert struct.release
    struct.release(ctypes.addressof(struct))
    assert not struct.release


class Stream:
    """A stream that a capsule holds: `schema`, then `batches`, each of which the caller releases."""

    def __init__(self, capsule: object) -> None:
        self._capsule = capsule
        self._stream = ArrowArrayStream.from_address(_pointer(capsule, b"arrow_array_stream"))

    def schema(self) -> ArrowSchema:
        schema = ArrowSchema()
        assert self._stream.get_schema(ctypes.addressof(self._stream), schema) == 0
        return schema

    def batches(self) -> Iterator[ArrowArray]:
        while True:
            array = ArrowArray()
            assert self._stream.get_next(ctypes.addressof(self._stream), array) == 0
            if not array.release:
                return
            yield array

    def release(self) -> None:
        release(self._stream)


def child(array: ArrowArray, index: int) -> ArrowArray:
    """Move a child out of its array, as a consumer that wants one column alone does."""
    source = array.children[index].contents
    moved = ArrowArray.from_buffer_copy(source)
    source.release = Release(0)
    return moved


def names(schema: ArrowSchema) -> list[str]:
    return [schema.children[index].contents.name.decode() for index in range(schema.n_children)]


def values(schema: ArrowSchema, array: ArrowArray) -> list[Any]:
    """Return what one column holds as Python values, with None where it is null."""
    rows = [_present(array, row) for row in range(array.length)]
    assert rows.count(False) == array.null_count
    read = _reader(schema, array)
    return [read(row) if is_there else None for row, is_there in enumerate(rows)]


def _present(array: ArrowArray, row: int) -> bool:
    bits = array.buffers[0]
    return not bits or bool(ctypes.c_uint8.from_address(bits + row // 8).value >> row % 8 & 1)


def _reader(schema: ArrowSchema, array: ArrowArray) -> Callable[[int], Any]:
    data = array.buffers[1]
    if schema.format == b"b":
        return lambda row: bool(ctypes.c_uint8.from_address(data + row // 8).value >> row % 8 & 1)
    kind: Any = _FORMATS[schema.format]
    if not schema.dictionary:
        return lambda row: kind.from_address(data + row * ctypes.sizeof(kind)).value
    assert schema.dictionary.contents.format == b"u"
    words = array.dictionary.contents
    offsets = (ctypes.c_int32 * (words.length + 1)).from_address(words.buffers[1])
    texts = [
        ctypes.string_at(words.buffers[2] + offsets[code], offsets[code + 1] - offsets[code]).decode()
        for code in range(words.length)
    ]
    return lambda row: texts[kind.from_address(data + row * ctypes.sizeof(kind)).value]


def read_all(capsule: object) -> dict[str, list[Any]]:
    """Read all values of a stream, by column, and give everything back."""
    stream = Stream(capsule)
    schema = stream.schema()
    found: dict[str, list[Any]] = {name: [] for name in names(schema)}
    for array in stream.batches():
        for index, name in enumerate(names(schema)):
            found[name] += values(schema.children[index].contents, array.children[index].contents)
        release(array)
    release(schema)
    stream.release()
    return found
