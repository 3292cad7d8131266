"""Data sheet of a cycle: what is remembered of its pages between two rows, and what is learnt of its time."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from telemetry_core.rows.batch cimport RowHead

cdef enum:
    FEW_PAGES = 4                # so few may look like others where one came twice between them, or was lost

cdef enum Rule:                  # where a cycle begins
    UNKNOWN = 0                  # not learnt yet
    SILENCE = 1                  # after a pause longer than those between its pages
    FIRST_PAGE = 2               # with its first page, since no pause is longer than the others

cdef enum Missing:               # of one page
    NOT_MISSING = 0
    MISSING = 1                  # it was reported
    UNHEARD = 2                  # it is optional and has not come yet: that is no news

cdef enum News:                  # of one page, by one row
    NO_NEWS = 0
    PAGE_MISSING = 1
    PAGE_BACK = 2

cdef enum Found:                 # bits: what a row means for its cycle
    READING = 1                  # all pages are in
    HELD_READING = 2             # all pages were in before this row, as is known only now
    GIVEN_UP = 4                 # a cycle has ended without a reading
    NEWS = 8                     # pages are missing or back
    REPLACES = 16                # it is the last row once more

cdef struct Page:
    uint64_t came                # number of the row that brought it last; 0: none has
    uint64_t before              # number of the row that brought it before that
    int64_t came_ns              # stamp of the last one; of the cycle's first row until one has come
    uint64_t pause_ns            # before the last one
    double mean_ns               # the pause before it, over the last turns
    uint32_t place               # in the cycle, from 0 on
    uint32_t skips               # cycles without it since then
    uint32_t usual               # cycles without it before it came last
    uint8_t streak               # how many times in succession there were such cycles
    uint8_t leads                # its row brought no page that had been away for longer
    uint8_t is_missing           # Missing
    uint8_t is_optional          # of a round: not expected until it first comes
    uint8_t news

cdef struct Turn:                # from a page until it comes again after all others
    uint64_t begin               # number of its first row; 0: none is open
    int64_t begin_ns
    uint64_t longest_ns          # pause between two rows
    uint64_t longest_row         # number of the row after it
    uint64_t next_ns             # the longest pause but that one
    uint32_t page
    uint32_t unseen              # pages that have not come since it began
    uint64_t repeat_ns           # the longest pause before a page that had just come
    uint8_t is_second            # the turn before it began with the same page, and had to be given up
    uint8_t is_plain             # the other rows have brought pages that no row before them brought

cdef struct CycleState:          # of one cycle of one sender
    uint64_t number              # of the last row; the first is 1
    uint64_t begin               # number of the row that began the open cycle
    int64_t begin_ns
    int64_t last_ns              # of the last row
    uint64_t pause_ns            # SILENCE: a cycle begins after a longer pause, unless places say otherwise
    uint64_t period_ns           # from one cycle to the next; 0: not known
    double silence_ns            # the longest of the mean pauses
    uint64_t silent_row          # SILENCE: number of the row after the silence of the last turn
    uint64_t rival_ns            # the period of the last turns, which contradict what is known
    uint64_t held_begin          # `begin` of the reading that is held
    RowHead held                 # of its last row
    Turn turn
    uint32_t expected            # pages that are not missing
    uint32_t seen                # of these, since `begin`
    uint32_t first               # FIRST_PAGE: the page
    uint32_t last_lead           # the page that led the last row
    uint32_t rows                # since `begin`
    uint32_t fitted              # number of the highest cell that ever had a voltage
    uint32_t silent              # SILENCE: the page that comes after it
    uint8_t rule
    uint8_t turns                # in the mean pauses, up to MANY_AGREEING
    uint8_t is_placed            # the pages' places are known
    uint8_t is_in_place          # and all rows came in their order since the last turn that was learnt from
    uint8_t unlearnt_turns       # since then
    uint8_t rival_rule           # what these turns say
    uint8_t rival_turns
    uint8_t is_lossy             # a page came twice since then before all others had come
    uint8_t is_done              # the open cycle has had its reading
    uint8_t is_held              # all pages are in, and what comes next says whether they are one reading
    uint8_t by_order             # stamps do not show pauses: only the order of pages counts
    uint8_t is_cut               # the next row is of another device
    uint8_t in_order             # its rows came in the order of the pages
    uint8_t is_after_silence     # of a round: before it nothing came for longer than any pause within one may be
    uint8_t is_known             # of rounds: one has been read
    uint64_t inner_ns            # of rounds: the longest pause within a whole one

cdef inline uint64_t passed(int64_t earlier, int64_t later) noexcept nogil:
    # `later` - `earlier`, which must not be negative: the difference of two stamps fits 64 bits without a sign.
    return <uint64_t>later - <uint64_t>earlier

cdef inline uint64_t came_earlier(const CycleState* state, const Page* page) noexcept nogil:
    # The number of the last row before this one that brought the page.
    return page.before if page.came == state.number else page.came

cdef inline uint32_t begin_page(const CycleState* state) noexcept nogil:
    return state.silent if state.rule == SILENCE else state.first

# Put the next row into its cycle. `there`: the `count` pages that it brings, one at least. `ranks`: the order of the
# pages. Returns bits of Found.
cdef uint8_t take_row(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                      const uint32_t* there, uint32_t count, const RowHead* head, uint64_t gap_ns) noexcept nogil

# What cycles and rounds have in common.
cdef uint8_t forget_device(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                           bint is_round) noexcept nogil
cdef void begin_device(CycleState* state, Page* pages, uint32_t page_count, int64_t time_ns) noexcept nogil
cdef void hold_stamps(Page* pages, uint32_t page_count, int64_t time_ns) noexcept nogil
cdef uint32_t arrive(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                     const uint32_t* there, uint32_t count, int64_t time_ns, uint8_t* found) noexcept nogil
cdef uint8_t end_cycle(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                       bint is_round) noexcept nogil
