"""The values of each field over time, as doubles: for pictures.

Promises:

- Points of a field stand in the order of their rows. A text has none.
- Memory is 24 bytes a point, and up to half as much again for points to come.

Relies on one thread. A whole number past 2^53 is rounded, as every double is: `decode` has it exactly.
"""

cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport free

from telemetry_core.memory cimport resized, zeroed
from telemetry_core.rows.access cimport lowest_bit, value_of
from telemetry_core.rows.batch cimport RowHead, SampleBatch
from telemetry_core.rows.schema cimport HEAD_WORDS, SLOT_ASCII, Field, Record, Schema

cdef struct Series:              # of one field
    int64_t* times_ns
    double* values
    uint64_t* origins            # channel and id of the frame
    Py_ssize_t count
    Py_ssize_t room


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
        with nogil:
            for number in range(samples.rows):
                head = <const RowHead*>row
                record = &self.schema.records[head.record]
                mask = row + HEAD_WORDS
                slots = mask + record.mask_words
                for word in range(record.mask_words):
                    left = mask[word]
                    while left:
                        field = 64 * word + lowest_bit(left)
                        left &= left - 1
                        self._take(
                            &self.series[record.first_field + field], &self.schema.fields[record.first_field + field],
                            head.time_ns, <uint64_t>head.channel << 32 | head.id, slots[field])
                row += record.row_words

    cdef int _take(self, Series* series, const Field* field, int64_t time_ns, uint64_t origin,
                   uint64_t slot) except -1 nogil:
        cdef Py_ssize_t room = series.room + series.room // 2 + 64
        if field.kind == SLOT_ASCII:
            return 0
        if series.count == series.room:
            series.times_ns = <int64_t*>resized(series.times_ns, room * sizeof(int64_t))
            series.values = <double*>resized(series.values, room * sizeof(double))
            series.origins = <uint64_t*>resized(series.origins, room * sizeof(uint64_t))
            series.room = room
        series.times_ns[series.count] = time_ns
        series.values[series.count] = value_of(field, slot)
        series.origins[series.count] = origin
        series.count += 1
        return 0

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
