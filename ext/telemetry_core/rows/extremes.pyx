"""How often each field came, the lowest, the highest and the last raw value of it.

Promises:

- Batches do not matter. The last value is that of the row that came last, whatever its stamp.
- Integers are compared as integers, whatever their size, and doubles as doubles.
- Memory is four words a field and three a record.

Relies on one thread, and on the decoder's promise that no slot holds NaN.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from telemetry_core.memory cimport zeroed
from telemetry_core.rows.access cimport lowest_bit
from telemetry_core.rows.batch cimport RowHead, SampleBatch, raw_value
from telemetry_core.rows.schema cimport HEAD_WORDS, SLOT_ASCII, SLOT_FLOAT, SLOT_UINT, Field, Record, Schema

from telemetry_core.rows.spec import FieldExtent, RecordExtent

cdef struct Extent:              # of one field
    int64_t values
    uint64_t lowest              # slots; meaningless without values
    uint64_t highest
    uint64_t last

cdef struct Span:                # of one record
    int64_t rows
    int64_t first_ns             # the earliest and the latest stamp; meaningless without rows
    int64_t last_ns


cdef inline bint is_below(uint64_t one, uint64_t other, int kind) noexcept nogil:
    cdef double number, other_number
    if kind == SLOT_FLOAT:
        memcpy(&number, &one, sizeof(double))
        memcpy(&other_number, &other, sizeof(double))
        return number < other_number
    return one < other if kind == SLOT_UINT else <int64_t>one < <int64_t>other


cdef class Extremes:
    """Looks at rows of one Schema: those of one channel, or of all (-1)."""

    cdef readonly Schema schema
    cdef readonly int channel
    cdef Extent* extents         # as Schema.fields
    cdef Span* spans             # as Schema.records

    def __cinit__(self, Schema schema not None, int channel=-1):
        self.schema = schema
        self.channel = channel
        self.extents = <Extent*>zeroed(schema.field_count, sizeof(Extent))
        self.spans = <Span*>zeroed(schema.record_count, sizeof(Span))

    def __dealloc__(self):
        free(self.extents)
        free(self.spans)

    def observe(self, SampleBatch samples not None):
        """Take the rows of `samples` into account. Raises ValueError for rows of another schema."""
        if samples.schema is not self.schema:
            raise ValueError("the rows are of another schema than what is remembered")
        cdef const uint64_t* row = samples.words
        cdef const uint64_t* mask
        cdef const uint64_t* slots
        cdef const RowHead* head
        cdef const Record* record
        cdef Span* span
        cdef Extent* extent
        cdef Py_ssize_t number
        cdef uint32_t word, field
        cdef uint64_t left
        with nogil:
            for number in range(samples.rows):
                head = <const RowHead*>row
                record = &self.schema.records[head.record]
                if self.channel >= 0 and head.channel != self.channel:
                    row += record.row_words
                    continue
                span = &self.spans[head.record]
                span.first_ns = min(span.first_ns, head.time_ns) if span.rows else head.time_ns
                span.last_ns = max(span.last_ns, head.time_ns) if span.rows else head.time_ns
                span.rows += 1
                mask = row + HEAD_WORDS
                slots = mask + record.mask_words
                for word in range(record.mask_words):
                    left = mask[word]
                    while left:
                        field = 64 * word + lowest_bit(left)
                        left &= left - 1
                        extent = &self.extents[record.first_field + field]
                        self._take(extent, slots[field], self.schema.fields[record.first_field + field].kind)
                row += record.row_words

    cdef void _take(self, Extent* extent, uint64_t slot, int kind) noexcept nogil:
        if not extent.values or is_below(slot, extent.lowest, kind):
            extent.lowest = slot
        if not extent.values or is_below(extent.highest, slot, kind):
            extent.highest = slot
        extent.last = slot
        extent.values += 1

    def of(self, Py_ssize_t record):
        """Return what is known of a record. Raises IndexError for one that the schema does not have."""
        if not 0 <= record < self.schema.record_count:
            raise IndexError(record)
        cdef Record* layout = &self.schema.records[record]
        cdef Span* span = &self.spans[record]
        cdef uint32_t field
        return RecordExtent(span.rows, span.first_ns, span.last_ns, tuple([
            self._field(field) for field in range(layout.first_field, layout.first_field + layout.field_count)
        ]))

    cdef object _field(self, uint32_t field):
        cdef Extent* extent = &self.extents[field]
        cdef const Field* layout = &self.schema.fields[field]
        if not extent.values or layout.kind == SLOT_ASCII:
            return FieldExtent(extent.values, None, None, None)
        return FieldExtent(extent.values, raw_value(&extent.lowest, layout), raw_value(&extent.highest, layout),
                           raw_value(&extent.last, layout))
