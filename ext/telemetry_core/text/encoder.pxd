"""Data sheet of the encoder."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from telemetry_core.text.lines cimport LineBuffer
from telemetry_core.text.printing cimport FieldPlan, RecordPlan
from telemetry_core.rows.batch cimport RowHead, SampleBatch
from telemetry_core.rows.schema cimport Schema
from telemetry_core.text.series_stamps cimport SeriesStamps
from telemetry_core.text.texts cimport Texts

cdef enum TimeForm:
    TIME_NS = 0
    TIME_ISO = 1
    TIME_RELATIVE = 2

cdef class Encoder:
    cdef readonly Schema schema
    cdef public int64_t shift_ns
    cdef readonly int64_t left_out
    cdef int time_form           # TimeForm, of csv and ndjson
    cdef public int64_t origin_ns
    cdef FieldPlan* plans        # as Schema.fields
    cdef RecordPlan* records     # as Schema.records
    cdef uint64_t* field_bytes   # as Schema.records: of line protocol
    cdef bint is_guarded         # csv: texts that a spreadsheet may take for formulas follow an apostrophe
    cdef Texts tag_sets
    cdef readonly SeriesStamps modelled_series
    cdef Texts addresses         # of devices, by channel; empty: the id of a row is that of its frame
    cdef Texts csv_channels
    cdef Texts csv_messages      # as Schema.records: `name,`; None until csv is asked for
    cdef Texts csv_signals       # as Schema.fields: `name,`
    cdef Texts csv_owners        # by tag set: `,pack,charger,source,log`, or less
    cdef Texts json_owners       # likewise
    cdef uint8_t[8192] without_channel  # a bit for each of 65536 tag sets
    cdef Texts json_channels
    cdef Texts json_messages     # as Schema.records: `"name"`; None until ndjson is asked for
    cdef Texts json_signals      # as Schema.fields: `,"name":`

    cdef dict _sums(self, counts)
    cdef object _check(self, SampleBatch samples)
    cdef tuple _named(self, as_text, bytes message_form, bytes signal_form)
    cdef int _encode(self, SampleBatch samples, LineBuffer lines) except -1 nogil
    cdef int _encode_csv(self, SampleBatch samples, LineBuffer lines) except -1 nogil
    cdef int _encode_ndjson(self, SampleBatch samples, LineBuffer lines) except -1 nogil
    cdef char* put_channel(self, char* out, Texts channels, RowHead* head) noexcept nogil
    cdef char* put_time(self, char* out, int64_t time_ns) noexcept nogil
    cdef char* put_head_id(self, char* out, RowHead* head) noexcept nogil
    cdef char* _put_csv_head(self, char* out, RowHead* head) noexcept nogil
    cdef char* put_csv_value(self, char* out, uint32_t field, const uint64_t* slot) noexcept nogil
    cdef char* _put_json_head(self, char* out, RowHead* head) noexcept nogil
