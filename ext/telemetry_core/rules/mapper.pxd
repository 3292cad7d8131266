"""Data sheet of a mapper."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.rules.channel cimport Channel
from telemetry_core.rules.cycles cimport CycleState, Page
from telemetry_core.rules.derived cimport Spread
from telemetry_core.rules.map_table cimport Bus, Cycle, MapTable, Message, Output, Part, Target
from telemetry_core.rows.batch cimport RowHead, SampleBatch
from telemetry_core.rows.schema cimport Schema

cdef struct Notice:              # a page is missing or back
    Py_ssize_t row               # the last of those made of the row that showed it
    int64_t time_ns
    uint32_t cycle
    uint32_t page
    uint16_t channel
    uint8_t is_missing

cdef class Mapper:
    cdef readonly Schema schema
    cdef readonly object spec            # the MapSpec it was made of
    cdef readonly int64_t incomplete_cycles
    cdef MapTable table
    cdef Channel* channels
    cdef Py_ssize_t channel_count
    cdef uint32_t* parts_there           # scratch: what _find_parts found
    cdef uint32_t* pages_there           # scratch: their pages
    cdef Notice* noticed                 # by the last batch
    cdef size_t notice_count
    cdef size_t notice_room
    cdef int64_t* made_rows              # of each record of the map
    cdef Py_ssize_t first_record         # of the map
    cdef double threshold_a
    cdef uint64_t input_age_ns
    cdef uint64_t cycle_gap_ns

    cdef object _make_channels(self, Py_ssize_t count)
    cdef bint _run(self, SampleBatch samples, SampleBatch out) noexcept nogil
    cdef void _refer_to(self, const uint64_t* row, Channel* channel, const Bus* bus) noexcept nogil
    cdef bint _map_row(self, const uint64_t* row, Channel* channel, const Message* message,
                       SampleBatch out) noexcept nogil
    cdef void _change_sender(self, Channel* channel, const Message* message) noexcept nogil
    cdef uint64_t* _begin_row(self, const RowHead* head, Channel* channel, const Target* target,
                              SampleBatch out) noexcept nogil
    cdef void _end_row(self, uint64_t* made, const Target* target, SampleBatch out) noexcept nogil
    cdef uint32_t _find_parts(self, const uint64_t* row, const Output* output) noexcept nogil
    cdef bint _write_plain(self, const uint64_t* row, Channel* channel, const Output* output,
                           const Spread* spread, SampleBatch out) noexcept nogil
    cdef bint _take_pages(self, const uint64_t* row, Channel* channel, const Output* output,
                          const Output* derived, Spread* spread, SampleBatch out) noexcept nogil
    cdef uint8_t _place_row(self, const uint64_t* row, CycleState* state, Page* pages, const Cycle* cycle,
                            const Output* output, uint32_t count) noexcept nogil
    cdef void _take_values(self, const uint64_t* row, Channel* channel, const Cycle* cycle,
                           const Part* part, uint64_t number, uint64_t replaced) noexcept nogil
    cdef bint _write_cells(self, const RowHead* head, Channel* channel, const Output* output, uint64_t begin,
                           Spread* spread, SampleBatch out) noexcept nogil
    cdef bint _write_held(self, Channel* channel, const Output* output, const Output* derived,
                          SampleBatch out) noexcept nogil
    cdef bint _note(self, const RowHead* head, uint32_t cycle, Page* pages, uint32_t page_count,
                    Py_ssize_t row) noexcept nogil
