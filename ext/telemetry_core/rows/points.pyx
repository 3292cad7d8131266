"""The values of each field over time, as doubles: for pictures.

Promises:

- Points of a field stand in the order of their rows. A text has none.
- Memory is 24 bytes a point, and up to half as much again for points to come.

Relies on one thread. A whole number past 2^53 is rounded, as every double is: `decode` has it exactly.
"""

cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from telemetry_core.memory cimport zeroed
from telemetry_core.rows.access cimport lowest_bit
from telemetry_core.rows.batch cimport RowHead, SampleBatch
from telemetry_core.rows.decimals cimport POWERS_OF_TEN
from telemetry_core.rows.schema cimport HEAD_WORDS, SLOT_ASCII, SLOT_FLOAT, SLOT_UINT, Field, Record, Schema

cdef struct Series:              # of one field
    int64_t* times_ns
    double* values
    uint64_t* origins            # channel and id of the frame
    Py_ssize_t count
    Py_ssize_t room


cdef double value_of(const Field* field, uint64_t slot) noexcept nogil:
    cdef double number
    if field.decimal:
        return <double>(<int64_t>slot * field.multiplier + field.bias) / POWERS_OF_TEN[field.decimals]
    if field.kind == SLOT_FLOAT:
        memcpy(&number, &slot, sizeof(double))
    else:
        number = <double>slot if field.kind == SLOT_UINT else <double><int64_t>slot
    return number * field.factor + field.offset


@cython.no_gc_clear  # __dealloc__ counts by its Python attributes
cdef class Points:
    """Collects rows of one Schema."""

    cdef readonly Schema schema
    cdef Series* series          # as Schema.fields

    def __cinit__(self, Schema schema not None):
        self.schema = schema
        self.series = <Series*>zeroed(schema.field_count, sizeof(Series))

    def __dealloc__(self):
        cdef Py_ssize_t index
        if self.series != NULL:
            for index in range(self.schema.field_count):
                free(self.series[index].times_ns)
                free(self.series[index].values)
                free(self.series[index].origins)
        free(self.series)

    def observe(self, SampleBatch samples not None):
        """Add the values of `samples`. Raises ValueError for rows of another schema."""
        if samples.schema is not self.schema:
            raise ValueError("the rows are of another schema than the points")
        cdef const uint64_t* row = samples.words
        cdef const uint64_t* mask
        cdef const uint64_t* slots
        cdef const RowHead* head
        cdef const Record* record
        cdef Py_ssize_t number
        cdef uint32_t word, field
        cdef uint64_t left
        cdef bint enough = True
        with nogil:
            for number in range(samples.rows):
                head = <const RowHead*>row
                record = &self.schema.records[head.record]
                mask = row + HEAD_WORDS
                slots = mask + record.mask_words
                for word in range(record.mask_words):
                    left = mask[word]
                    while left and enough:
                        field = 64 * word + lowest_bit(left)
                        left &= left - 1
                        enough = self._take(
                            &self.series[record.first_field + field], &self.schema.fields[record.first_field + field],
                            head.time_ns, <uint64_t>head.channel << 32 | head.id, slots[field])
                row += record.row_words
        if not enough:
            raise MemoryError

    cdef bint _take(self, Series* series, const Field* field, int64_t time_ns, uint64_t origin,
                    uint64_t slot) noexcept nogil:
        cdef Py_ssize_t room
        cdef void* grown
        if field.kind == SLOT_ASCII:
            return True
        if series.count == series.room:
            room = series.room + series.room // 2 + 64
            grown = realloc(series.times_ns, room * sizeof(int64_t))
            if grown == NULL:
                return False
            series.times_ns = <int64_t*>grown
            grown = realloc(series.values, room * sizeof(double))
            if grown == NULL:
                return False
            series.values = <double*>grown
            grown = realloc(series.origins, room * sizeof(uint64_t))
            if grown == NULL:
                return False
            series.origins = <uint64_t*>grown
            series.room = room
        series.times_ns[series.count] = time_ns
        series.values[series.count] = value_of(field, slot)
        series.origins[series.count] = origin
        series.count += 1
        return True

    def of(self, Py_ssize_t record, Py_ssize_t field):
        """Return a field's times in ns, its values and their origins, 64 bits each in native order.

        Times are int64 since 1970, values doubles, origins `channel << 32 | id`, with bit 31 set for 29 bits.
        Raises IndexError for a field that the schema does not have.
        """
        if not 0 <= record < self.schema.record_count:
            raise IndexError(record)
        if not 0 <= field < self.schema.records[record].field_count:
            raise IndexError(field)
        cdef Series* series = &self.series[self.schema.records[record].first_field + field]
        return (
            (<char*>series.times_ns)[: series.count * sizeof(int64_t)] if series.count else b"",
            (<char*>series.values)[: series.count * sizeof(double)] if series.count else b"",
            (<char*>series.origins)[: series.count * sizeof(uint64_t)] if series.count else b"",
        )
