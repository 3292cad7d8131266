"""Data sheet of a row of samples and of a batch of rows.

A row is `row_words` 64-bit words, as its record says: the head, `mask_words` words of validity (bit i of
word i // 64: field i is there), one slot a field, and the characters of texts for which a slot has no room. Slots
of fields that are not there hold anything, and so do the words that round the slots up to a multiple of SLOT_STEP.
"""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from telemetry_core.rows.schema cimport Field, Schema

cdef enum:                       # in a row's id, where frames have ID_ERROR and ID_REMOTE, which make no rows
    ROW_OTHER_SENDER = 0x20000000  # of a J1939 sender that is ignored where the map names none
    ROW_NEW_SENDER = 0x40000000  # the first row of a sender that replaces another
    ROW_REPLACES = 0x40000000    # after bounds: a value may be of a stamp that its field has had

cdef struct RowHead:             # HEAD_WORDS words
    int64_t time_ns              # the frame's own stamp
    uint32_t record              # index into the schema
    uint16_t tags                # index of the encoder's tag set
    uint16_t channel             # of the frame that made the row
    uint32_t id                  # of that frame, with its ID_EXTENDED; and ROW_* bits
    uint32_t nudge_ns            # of that frame; 0 in modelled rows

# A slot as a Python value of its kind, without scale; `slot` is its place in the row.
cdef object raw_value(const uint64_t* slot, const Field* field)

cdef class SampleBatch:
    cdef uint64_t* words
    cdef size_t used             # words
    cdef size_t room             # words
    cdef Py_ssize_t rows
    cdef readonly Schema schema

    # Make room for `count` words after `used`. May move `words`. Raises MemoryError, as all that follow do.
    cdef int make_room(self, size_t count) except -1 nogil

    # Add a row: `row_words` writable words, with head and mask zeroed. The row counts already.
    # Valid until the next call.
    cdef uint64_t* add_row(self, uint32_t record) except NULL nogil
    # Remove the row just added.
    cdef void drop_row(self, uint32_t record) noexcept nogil
    # Add `count` words that are `rows` whole rows of this schema, taken from another batch.
    cdef int append_rows(self, const uint64_t* words, size_t count, Py_ssize_t rows) except -1 nogil
    # The Row whose words begin at word `at`.
    cdef object row_at(self, size_t at)
    # Its `raw` alone.
    cdef dict raw_at(self, size_t at)
