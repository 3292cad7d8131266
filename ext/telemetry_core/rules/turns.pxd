"""Data sheet of learning from turns. `pages` are the `page_count` pages of a cycle, `ranks` their order."""

from libc.stdint cimport uint32_t

from telemetry_core.rules.cycles cimport CycleState, Page

# The row that has just come ends a turn, which brought each page once, or some page more often. Whether that changed
# what is known of the cycle.
cdef bint learn_places(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count) noexcept nogil
cdef bint learn(CycleState* state, const Page* pages, const uint32_t* ranks, uint32_t page_count) noexcept nogil

cdef uint32_t lowest(const Page* pages, const uint32_t* ranks, uint32_t page_count) noexcept nogil
