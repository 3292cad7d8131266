"""Rows of one table as they are handed on: through Arrow's interface, or copied into arrays.

Promises: neither needs a Python object a value; what has been handed on may outlive the Batches. Relies on chunks
that are sealed.
"""

from libc.math cimport NAN
from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from telemetry_core.columns.chunk cimport (
    Chunk, ColumnData, Dictionary, drop_chunk, drop_dictionary, get_bit, make_values, mark, new_chunk, seal, set_bit,
)
from telemetry_core.columns.export cimport array_capsule, new_dictionary, schema_capsule, stream_capsule
from telemetry_core.memory cimport with_room, zeroed

import struct

from telemetry_core.columns.spec import ColumnKind

_FORMATS = {
    ColumnKind.TIME: b"tsn:UTC",
    ColumnKind.INT64: b"l",
    ColumnKind.UINT64: b"L",
    ColumnKind.FLOAT64: b"g",
    ColumnKind.BOOL: b"b",
    ColumnKind.WORDS: b"i",
    ColumnKind.ID: b"I",
}
cdef enum:
    CHUNK_ROWS = 65536
_BITS = {ColumnKind.BOOL: 1, ColumnKind.WORDS: 32, ColumnKind.ID: 32}  # of others 64


def bits_of(kind):
    """Return how many bits of a chunk a value of a kind takes."""
    return _BITS.get(kind, 64)


def new_batches(spec, list words):
    """Return no rows of the table `spec`, whose columns have these Words, or None."""
    cdef Batches batches = Batches()
    batches.spec = spec
    batches.fields = tuple(_field_of(column) for column in spec.columns)
    batches.metadata = _packed(spec.metadata)
    batches.words = words
    return batches


def batches_of(spec, size_t rows, columns):
    """Return `rows` rows of the table `spec` out of arrays, the reverse of `Batches.copy`.

    `columns` yields for each column its texts (of words, otherwise None), its values and its absent flags, as `copy`
    writes them. One is asked for after the other, and none is kept. Raises ValueError for another number of rows.
    """
    cdef size_t first, room, width, index
    cdef size_t column
    cdef const uint8_t[::1] values, absent
    cdef Chunk* chunk
    cdef Batches made = new_batches(spec, [Words() if each.kind is ColumnKind.WORDS else None for each in spec.columns])
    cdef uint8_t[::1] bits = bytearray(bits_of(each.kind) for each in spec.columns)
    for first in range(0, rows, CHUNK_ROWS):
        chunk = new_chunk(bits.shape[0], &bits[0], min(rows - first, <size_t>CHUNK_ROWS))
        if chunk == NULL:
            raise MemoryError
        chunk.rows = chunk.room
        made.add(chunk)
    for column, (texts, values, absent) in enumerate(columns):
        width = max(bits[column] // 8, 1)
        if values.shape[0] != <Py_ssize_t>(rows * width) or absent.shape[0] != <Py_ssize_t>rows:
            raise ValueError(f"{spec.columns[column].name}: another number of rows")
        for text in texts or ():
            (<Words>made.words[column]).add(text)
        first = 0
        for index in range(made.count):
            if not _fill(made.chunks[index], column, &values[first * width], &absent[first], width):
                raise MemoryError
            first += made.chunks[index].rows
    for index in range(made.count):
        if not seal(made.chunks[index]):
            raise MemoryError
    return made


cdef bint _fill(Chunk* chunk, size_t column, const uint8_t* values, const uint8_t* absent, size_t width) noexcept nogil:
    """Fill a column of a chunk. False without memory."""
    cdef size_t row
    cdef ColumnData* data = &chunk.columns[column]
    if not make_values(chunk, data):
        return False
    if data.bits != 1:
        memcpy(data.values, values, chunk.rows * width)
    for row in range(chunk.rows):
        if data.bits == 1 and values[row]:
            set_bit(<uint8_t*>data.values, row)
        if not absent[row] and not mark(chunk, data, row):
            return False
    return True


def _field_of(column):
    """Return what export.schema_capsule wants of a ColumnSpec, its unit and what else is known as metadata."""
    scale = {} if (column.factor, column.offset) == (1, 0) else {"factor": column.factor, "offset": column.offset}
    said = {"unit": column.unit, **scale, "comment": column.comment}
    # Of a number the digits that give it again, and of a whole one no more than those.
    texts = [(key, repr(value).removesuffix(".0") if isinstance(value, float) else value)
             for key, value in said.items() if value not in ("", None)]
    name = column.name.replace("\0", " ").encode("utf-8", "replace")
    return _FORMATS[column.kind], name, _packed(texts), column.kind is ColumnKind.WORDS


def _packed(texts):
    """Return pairs of texts as the specification lays out metadata; None without any."""
    parts = [part.encode("utf-8", "replace") for pair in texts for part in pair]
    lengths = (struct.pack("=i", len(part)) + part for part in parts)
    return struct.pack("=i", len(parts) // 2) + b"".join(lengths) if parts else None


cdef class Words:
    """The texts of a column, by code."""

    def __cinit__(self):
        self.texts = []
        self.codes = {}
        self.fixed = -1

    cdef int32_t add(self, str text) except -1:
        code = self.codes.get(text)
        if code is None:
            code = self.codes[text] = len(self.texts)
            self.texts.append(text)
        return code


cdef class Batches:
    """Some rows of one table; `len()` is their number. `spec` is the TableSpec."""

    def __len__(self):
        cdef size_t index
        cdef size_t rows = 0
        for index in range(self.count):
            rows += self.chunks[index].rows
        return rows

    def __dealloc__(self):
        cdef size_t index
        for index in range(self.count):
            drop_chunk(self.chunks[index])
        free(self.chunks)

    cdef int add(self, Chunk* chunk) except -1:
        """Append a chunk, whose reference is taken over."""
        self.chunks = <Chunk**>with_room(self.chunks, &self.room, self.count, sizeof(Chunk*))
        self.chunks[self.count] = chunk
        self.count += 1
        return 0

    def schema(self):
        """Return the capsule `arrow_schema` of a struct with a child a column."""
        return schema_capsule(self.fields, self.metadata)

    def array(self):
        """Return a capsule `arrow_array` of all rows. Raises ValueError where they are not one chunk."""
        if self.count != 1:
            raise ValueError(f"{self.count} chunks are no record batch")
        cdef Dictionary** words = self._dictionaries()
        try:
            return array_capsule(self.chunks[0], words)
        finally:
            self._drop(words)

    def stream(self):
        """Return a capsule `arrow_array_stream` of all rows. They are not copied."""
        cdef Dictionary** words = self._dictionaries()
        try:
            return stream_capsule(self.fields, self.metadata, self.chunks, self.count, words)
        finally:
            self._drop(words)

    cdef Dictionary** _dictionaries(self) except NULL:
        """Return the words of each column as Arrow has them, NULL without; `_drop` takes them."""
        cdef Py_ssize_t index
        cdef Dictionary** words = <Dictionary**>zeroed(len(self.words), sizeof(Dictionary*))
        try:
            for index, texts in enumerate(self.words):
                if texts is not None:
                    words[index] = new_dictionary([text.encode("utf-8", "replace")
                                                   for text in (<Words>texts).texts])
        except:
            self._drop(words)
            raise
        return words

    cdef object _drop(self, Dictionary** words):
        cdef Py_ssize_t index
        for index in range(len(self.words)):
            drop_dictionary(words[index])
        free(words)

    def texts(self, Py_ssize_t column):
        """Return the words of a column of words; a code is an index of them."""
        return tuple((<Words>self.words[column]).texts)

    def absent(self, Py_ssize_t column):
        """Return how many rows have no value in a column."""
        cdef size_t index
        cdef size_t rows = 0
        self._check(column)
        for index in range(self.count):
            rows += self.chunks[index].rows - self.chunks[index].columns[column].present
        return rows

    def row(self, size_t row):
        """Return the values of one row, None where one is absent; times are ns since 1970. For what looks at a few."""
        cdef size_t index = 0
        cdef size_t column
        cdef ColumnData* data
        while index < self.count and row >= self.chunks[index].rows:
            row -= self.chunks[index].rows
            index += 1
        if index == self.count:
            raise IndexError(row)
        values = []
        for column, spec in enumerate(self.spec.columns):
            data = &self.chunks[index].columns[column]
            if data.validity != NULL and not get_bit(data.validity, row):
                values.append(None)
            elif spec.kind is ColumnKind.FLOAT64:
                values.append((<double*>data.values)[row])
            elif spec.kind is ColumnKind.BOOL:
                values.append(get_bit(<uint8_t*>data.values, row))
            elif spec.kind is ColumnKind.WORDS:
                values.append((<Words>self.words[column]).texts[(<int32_t*>data.values)[row]])
            elif spec.kind is ColumnKind.ID:
                values.append((<uint32_t*>data.values)[row])
            elif spec.kind is ColumnKind.UINT64:
                values.append((<uint64_t*>data.values)[row])
            else:
                values.append((<int64_t*>data.values)[row])
        return tuple(values)

    def extent(self, Py_ssize_t column):
        """Return the least and the greatest value of a column of times or INT64 without gaps; None without rows."""
        cdef size_t index, row
        cdef int64_t* values
        cdef int64_t least = INT64_MAX
        cdef int64_t most = INT64_MIN
        self._check(column)
        for index in range(self.count):
            values = <int64_t*>self.chunks[index].columns[column].values
            for row in range(self.chunks[index].rows):
                least = min(least, values[row])
                most = max(most, values[row])
        return (least, most) if self.count else None

    def copy(self, Py_ssize_t column, uint8_t[::1] values not None, uint8_t[::1] absent=None):
        """Write the values of a column side by side, as bytes: flags one a byte, others as the kind has them.

        An absent float is NaN, any other absent value 0. `absent` gets a 1 for each absent value, and 0 otherwise.
        Raises ValueError for room that does not fit.
        """
        self._check(column)
        cdef size_t width = max(bits_of(self.spec.columns[column].kind) // 8, 1)
        cdef bint is_float = self.spec.columns[column].kind is ColumnKind.FLOAT64
        cdef size_t rows = len(self)
        if values.shape[0] != rows * width or (absent is not None and absent.shape[0] != rows):
            raise ValueError("room for another number of rows")
        if rows:
            with nogil:
                _copy(self.chunks, self.count, column, &values[0], NULL if absent is None else &absent[0], width, is_float)

    cdef object _check(self, Py_ssize_t column):
        if not 0 <= column < len(self.fields):
            raise IndexError(column)


cdef void _copy(Chunk** chunks, size_t count, size_t column, uint8_t* values, uint8_t* absent, size_t width,
                bint is_float) noexcept nogil:
    cdef size_t index, row
    cdef Chunk* chunk
    cdef ColumnData* data
    cdef double nothing = NAN
    for index in range(count):
        chunk = chunks[index]
        data = &chunk.columns[column]
        if data.bits == 1:
            for row in range(chunk.rows):
                values[row] = get_bit(<uint8_t*>data.values, row)
        else:
            memcpy(values, data.values, chunk.rows * width)
        if absent != NULL:
            memset(absent, 0, chunk.rows)
        if data.present < chunk.rows:
            for row in range(chunk.rows):
                if get_bit(data.validity, row):
                    continue
                if is_float:
                    memcpy(values + 8 * row, &nothing, 8)
                if absent != NULL:
                    absent[row] = 1
        values += chunk.rows * width
        if absent != NULL:
            absent += chunk.rows
