"""Rounds: which pages are one reading where somebody asks for them, page by page, as often as they like.

Promises:
- A round is complete when each page has come, in any order, however long it takes.
- It is given up, once, when a page comes again, or after more than `within_ns` without a page.
- The same page twice in succession is a retry: the second one replaces the first. After a complete round it is of
  that round and gives no reading.
- Nothing is learnt of the time and the order of pages, and no reading waits for a later row.
- A page that does not come is missing as it is of cycles, so that it hides the others for so long at most.

Limits, since nothing but a pause says where somebody began to ask:
- Where pages were lost, what is left of one round and the begin of the next look like a round, unless `within_ns`
  passes between them.
- A round that begins with the page with which the last one ended, without that pause, looks like a retry. It is
  not read.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from telemetry_core.rows.batch cimport RowHead
from telemetry_core.rules.cycles cimport (
    READING, REPLACES, CycleState, Page, arrive, begin_device, end_cycle, forget_device, hold_stamps, passed,
)


cdef uint8_t take_answer(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                         const uint32_t* there, uint32_t count, const RowHead* head, uint64_t within_ns) noexcept nogil:
    cdef uint8_t found = forget_device(state, pages, ranks, page_count, True) if state.is_cut else 0
    cdef uint64_t earlier = state.number  # the row before
    cdef bint begins = True
    cdef uint32_t number
    state.number += 1
    if state.begin == 0:
        begin_device(state, pages, page_count, head.time_ns)
    elif head.time_ns < state.last_ns:
        hold_stamps(pages, page_count, head.time_ns)
    else:
        begins = passed(state.last_ns, head.time_ns) > within_ns
    state.last_ns = head.time_ns
    arrive(state, pages, ranks, page_count, there, count, head.time_ns, &found)
    if not begins:
        for number in range(count):
            if pages[there[number]].before == earlier:
                found |= REPLACES
            elif pages[there[number]].before >= state.begin:
                begins = True
    if begins:
        found &= ~REPLACES
        if state.begin:
            found |= end_cycle(state, pages, ranks, page_count, True)
        state.begin = state.number
        state.seen = 0
        state.is_done = False
    for number in range(count):
        state.seen += pages[there[number]].before < state.begin
    if state.seen == state.expected and not state.is_done:
        state.is_done = True
        found |= READING
    return found
