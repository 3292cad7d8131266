"""Data sheet of a round: the cycle of pages that somebody asks for."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from telemetry_core.rules.cycles cimport CycleState, Page
from telemetry_core.rows.batch cimport RowHead

# Put the next row into its round, as `take_row` does. Two pages of one round are `within_ns` apart at most.
cdef uint8_t take_answer(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                         const uint32_t* there, uint32_t count, const RowHead* head, uint64_t within_ns) noexcept nogil

# Note that the reading that is held is read now: no page can join it any more.
cdef void read_held(CycleState* state) noexcept nogil
