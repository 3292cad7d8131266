"""Data sheet of the encoder: what it prepares of each field, packed for its hot loop."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.lines cimport LineBuffer
from telemetry_core.samples cimport SampleBatch
from telemetry_core.schema cimport Record, Schema

cdef enum:
    KEY_HEAD = 32                # bytes of a key that are copied at once

cdef enum Form:                  # how a slot becomes text
    FORM_DECIMAL = 0             # (raw * multiplier + bias) / 10**decimals
    FORM_FLAG = 1                # true, false
    FORM_WHOLE_INT = 2           # raw * multiplier + bias, int64 or uint64, exact while it fits 64 bits
    FORM_WHOLE_UINT = 3
    FORM_INT = 4                 # raw * factor + offset in double precision
    FORM_UINT = 5
    FORM_FLOAT = 6

cdef struct FieldPlan:           # one cache line
    char key[KEY_HEAD]           # the beginning of the escaped `,name=`
    int64_t multiplier
    int64_t bias
    uint32_t key_at              # the whole key, in Schema.text
    uint16_t key_length
    uint8_t form
    uint8_t decimals
    uint32_t field               # index into Schema.fields
    uint32_t reserved

cdef struct Text:                # TEXT_SLACK readable bytes behind its end
    char* data
    uint32_t length

cdef class Texts:
    cdef Text* items
    cdef Text unset              # stands for every index that has no text
    cdef Py_ssize_t count
    cdef size_t longest          # bytes

    cdef object put(self, Py_ssize_t index, bytes text)
    cdef object _grow(self, Py_ssize_t count)
    cdef object _set(self, Text* item, bytes text)
    cdef char* copy(self, char* out, Py_ssize_t index) noexcept nogil

cdef class Encoder:
    cdef readonly Schema schema
    cdef public int64_t shift_ns
    cdef readonly int64_t left_out
    cdef readonly int64_t empty_rows
    cdef FieldPlan* plans        # as Schema.fields
    cdef uint32_t* line_bytes    # as Schema.records: room that a line may need, tags apart
    cdef Texts measurements      # as Schema.records
    cdef Texts tag_sets
    cdef Texts csv_channels
    cdef Texts csv_messages      # as Schema.records: `name,`; None until csv is asked for, and so on
    cdef Texts csv_signals       # as Schema.fields: `name,`
    cdef Texts json_channels
    cdef Texts json_messages     # as Schema.records: `"name"`
    cdef Texts json_signals      # as Schema.fields: `,"name":`

    cdef object _check(self, SampleBatch samples)
    cdef object _name_for_csv(self)
    cdef object _name_for_json(self)
    cdef bint _encode(self, SampleBatch samples, LineBuffer lines) noexcept nogil
    cdef bint _encode_csv(self, SampleBatch samples, LineBuffer lines) noexcept nogil
    cdef bint _encode_ndjson(self, SampleBatch samples, LineBuffer lines) noexcept nogil
    cdef char* _put_fields(self, char* out, uint64_t* row, Record* record) noexcept nogil
