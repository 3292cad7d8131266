"""Notices: which pages of cells went missing or came back in a batch, in the order of its rows."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from telemetry_core.memory cimport with_room
from telemetry_core.rules.cycles cimport NO_NEWS, PAGE_MISSING, Page
from telemetry_core.rows.batch cimport RowHead

cdef struct Notice:              # a page is missing or back
    Py_ssize_t row               # the last of those made of the row that showed it
    int64_t time_ns
    uint32_t cycle
    uint32_t page
    uint16_t channel
    uint8_t is_missing

cdef struct Notices:
    Notice* all
    size_t count
    size_t room


cdef inline int note(Notices* notices, const RowHead* head, uint32_t cycle, Page* pages, uint32_t page_count,
                     Py_ssize_t row) except -1 nogil:
    """Note which pages the row showed as missing or back."""
    cdef uint32_t page
    for page in range(page_count):
        if pages[page].news == NO_NEWS:
            continue
        notices.all = <Notice*>with_room(notices.all, &notices.room, notices.count, sizeof(Notice))
        notices.all[notices.count] = Notice(row, head.time_ns, cycle, page, head.channel,
                                            pages[page].news == PAGE_MISSING)
        notices.count += 1
        pages[page].news = NO_NEWS
    return 0
