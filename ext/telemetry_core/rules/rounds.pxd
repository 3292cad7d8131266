"""Data sheet of rounds: the pages of a cycle that somebody asks for."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from telemetry_core.rows.batch cimport RowHead
from telemetry_core.rules.cycles cimport CycleState, Page

# Put the next row into its round. Arguments and result as of `take_row`; two pages of a round are `within_ns` apart
# at most.
cdef uint8_t take_answer(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                         const uint32_t* there, uint32_t count, const RowHead* head, uint64_t within_ns) noexcept nogil
