"""Cycles: which pages are one reading, by the time and the order in which they come.

Promises: a reading has pages of one cycle of its sender only, whatever was lost and wherever the rows begin; a
cycle that ends without its reading is given up, once; a page that has stopped coming, or never came, hides the
others no longer than MISSING_CYCLES cycles and MISSING_NS. What is found depends on the rows alone. Takes
constant memory, and time in proportion to the row's pages; to all pages once a cycle.

Relies on a sender that sends its pages over and over. Nobody says where its cycles begin: that is learnt from
turns. A turn runs from one page until it comes again after all others, so it has one end of a cycle in it.
SILENCE: its longest pause is CLEAR times as long as any other. That is the silence between two cycles, and any
pause so long ends a cycle. FIRST_PAGE: otherwise pages are spread over the whole period. A cycle begins with
its lowest page and is over when it lasts as long as a turn. A page of the next cycle comes later than that,
unless its lowest page, which ends the cycle, comes before.

A sender whose stamps are scaled (a simulator at 60 times real time) has pauses wherever its process slept. There
a cycle begins where the order of pages does, `by_order`: what is lost from one page to the next may mix two.

Loss makes turns longer, never shorter. So a shorter turn is believed at once, as is the first one if its
silence is VERY_CLEAR. What else contradicts is believed after several turns that agree. Until something is
known, a reading waits for the next row, which may end the turn, unless its pages came in their order, and
evenly or within BURST_NS. Where a third of all pages is lost before anything is known, what arrives may look like another sender;
then turns are believed that the sender never sent.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from telemetry_core.rows.batch cimport RowHead

cdef enum:
    CLEAR = 3                    # a silence is so many times as long as any other pause,
    VERY_CLEAR = 8               # and if so many times, one turn is enough to believe it,
    STILL_CLEAR = 2              # and, once that is known, so many times
    MISSING_CYCLES = 10          # a page that has not come in so many cycles,
    MISSING_TIMES = 3            # and in so many times as many as it usually leaves out,
    MAX_MISSING_CYCLES = 300     # but no more than these,
    MISSING_NS = 10_000_000_000  # and not for so long, is missing
    BURST_NS = 20_000_000        # no pack reads its cells so often: pages this near are of one cycle
    AGREEING = 2                 # turns in succession are believed
    MANY_AGREEING = 8            # and so many where loss may look alike: longer turns, or a page twice in one,
    FEW_PAGES = 4                # or turns of so few pages, where a page came twice between them
    SLOW = 4                     # a page that comes only every few cycles, so many times in succession, is slow


@cython.overflowcheck(False)  # the difference of two 64-bit stamps fits 64 bits without a sign
cdef inline uint64_t passed(int64_t earlier, int64_t later) noexcept nogil:
    """`later` - `earlier`, which must not be negative."""
    return <uint64_t>later - <uint64_t>earlier


cdef inline uint64_t came_earlier(const CycleState* state, const Page* page) noexcept nogil:
    """The number of the last row before this one that brought the page."""
    return page.before if page.came == state.number else page.came


cdef uint8_t take_row(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                      const uint32_t* there, uint32_t count, const RowHead* head, uint64_t gap_ns) noexcept nogil:
    cdef int64_t time_ns = head.time_ns
    cdef uint64_t pause_ns = 0
    cdef bint is_broken = True   # nothing that came before has to do with this row
    cdef uint8_t found = 0
    cdef uint32_t lead, fresh
    cdef bint was_unknown, is_learnt, is_refresh, begins
    state.number += 1
    if state.number == 1:
        state.expected = page_count
        hold_stamps(pages, page_count, time_ns, True)
    elif time_ns < state.last_ns:
        hold_stamps(pages, page_count, time_ns, False)
    else:
        pause_ns = passed(state.last_ns, time_ns)
        is_broken = pause_ns > gap_ns or state.is_cut
    if state.is_cut:  # what was learnt was of another device
        state.is_cut = False
        state.is_lossy = False
        state.rule = UNKNOWN
        state.rival_turns = 0
    state.last_ns = time_ns
    lead = arrive(state, pages, ranks, page_count, there, count, time_ns, &found)
    fresh = count_fresh(pages, there, count, state.begin)
    is_refresh = not is_broken and fresh == 0 and lead == state.last_lead

    was_unknown = state.rule == UNKNOWN
    is_learnt = not state.by_order and follow_turn(state, pages, ranks, page_count, there, count, lead, pause_ns,
                                                   is_broken)
    if is_learnt and was_unknown:
        found |= settle(state, pages, page_count, pause_ns)
    if is_broken or count == state.expected:
        begins = True
    elif state.by_order:
        begins = ranks[lead] <= ranks[state.last_lead] and not is_refresh
    elif state.rule == SILENCE:
        begins = pause_ns > state.pause_ns
    elif state.rule == FIRST_PAGE:
        begins = ((is_one_of(state.first, there, count) and not is_refresh)
                  or (state.period_ns and passed(state.begin_ns, time_ns) >= state.period_ns))
    else:
        begins = fresh == 0 and not is_refresh
    state.is_held = False

    if begins:
        if state.begin:
            found |= end_cycle(state, pages, ranks, page_count)
            if found & NEWS:
                open_turn(state, lead, count)
        state.begin = state.number
        state.begin_ns = time_ns
        state.seen = 0
        state.rows = 0
        state.is_done = False
        state.in_order = True
    state.seen += count_fresh(pages, there, count, state.begin)
    state.in_order &= state.rows == 0 or ranks[lead] > ranks[state.last_lead]
    state.rows += 1
    state.last_lead = lead
    if state.seen == state.expected and not state.is_done:
        if state.rule != UNKNOWN or state.by_order or count == state.expected or is_evident(state):
            state.is_done = True
            found |= READING
        else:
            state.is_held = True
            state.held = head[0]
            state.held_begin = state.begin
    return found


cdef void hold_stamps(Page* pages, uint32_t page_count, int64_t time_ns, bint is_first) noexcept nogil:
    """No page has a stamp later than `time_ns`, from which time goes on now."""
    cdef uint32_t number
    for number in range(page_count):
        if is_first or pages[number].came_ns > time_ns:
            pages[number].came_ns = time_ns


cdef uint32_t arrive(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                     const uint32_t* there, uint32_t count, int64_t time_ns, uint8_t* found) noexcept nogil:
    """The pages of the row have come; gives the one that leads it, which was away longest."""
    cdef uint32_t lead = there[0]
    cdef uint32_t number
    cdef Page* page
    cdef bint is_back = False
    for number in range(1, count):
        if pages[there[number]].came < pages[lead].came:
            lead = there[number]
    for number in range(count):
        page = &pages[there[number]]
        page.before = page.came
        page.came = state.number
        page.came_ns = time_ns
        page.leads = there[number] == lead
        if page.is_missing:
            page.is_missing = False
            page.news = PAGE_BACK
            state.expected += 1
            is_back = True
    if is_back:
        found[0] |= NEWS
        expect_others(state, pages, ranks, page_count)
    return lead


cdef inline uint32_t count_fresh(const Page* pages, const uint32_t* there, uint32_t count,
                                 uint64_t begin) noexcept nogil:
    """How many of the row's pages had not come since the row `begin`."""
    cdef uint32_t fresh = 0
    cdef uint32_t number
    for number in range(count):
        fresh += pages[there[number]].before < begin
    return fresh


cdef inline bint is_one_of(uint32_t page, const uint32_t* there, uint32_t count) noexcept nogil:
    cdef uint32_t number
    for number in range(count):
        if there[number] == page:
            return True
    return False


cdef bint follow_turn(CycleState* state, const Page* pages, const uint32_t* ranks, uint32_t page_count,
                      const uint32_t* there, uint32_t count, uint32_t lead, uint64_t pause_ns,
                      bint is_broken) noexcept nogil:
    """Whether a turn has ended with this row and something was learnt of it."""
    cdef Turn* turn = &state.turn
    cdef uint32_t fresh
    cdef bint is_learnt = False
    if is_broken or turn.begin == 0:
        open_turn(state, lead, count)
        return False
    if pause_ns > turn.longest_ns:
        turn.next_ns = turn.longest_ns
        turn.longest_ns = pause_ns
        turn.longest_row = state.number
    elif pause_ns > turn.next_ns:
        turn.next_ns = pause_ns
    if not is_one_of(turn.page, there, count):
        fresh = count_fresh(pages, there, count, turn.begin)
        turn.unseen -= fresh
        if fresh == 0 and lead == state.last_lead:
            turn.repeat_ns = max(turn.repeat_ns, pause_ns)
        else:
            turn.is_plain &= fresh > 0
    elif turn.unseen == 0:
        is_learnt = learn(state, pages, ranks, page_count)
        open_turn(state, lead, count)
    elif state.number == turn.begin + 1:  # the same page twice
        open_turn(state, lead, count)
    else:
        state.is_lossy = True
        if turn.is_second:  # the next one begins with another page, which may come seldomer
            turn.begin = 0
        else:
            open_turn(state, lead, count)
            turn.is_second = True
    return is_learnt


cdef void open_turn(CycleState* state, uint32_t lead, uint32_t count) noexcept nogil:
    cdef Turn* turn = &state.turn
    turn.begin = state.number
    turn.begin_ns = state.last_ns
    turn.longest_ns = 0
    turn.longest_row = 0
    turn.next_ns = 0
    turn.repeat_ns = 0
    turn.page = lead
    turn.unseen = state.expected - count
    turn.is_second = False
    turn.is_plain = True


cdef bint learn(CycleState* state, const Page* pages, const uint32_t* ranks, uint32_t page_count) noexcept nogil:
    """Whether the turn that ends with this row says something, and is believed."""
    cdef const Turn* turn = &state.turn
    cdef uint64_t period_ns = passed(turn.begin_ns, state.last_ns)
    cdef uint64_t clear = STILL_CLEAR if state.rule == SILENCE else CLEAR
    cdef uint8_t rule
    if turn.longest_ns > 0 and turn.longest_ns >= clear * turn.next_ns:
        rule = SILENCE
    elif turn.repeat_ns == 0 and (turn.is_plain or not state.is_lossy):
        rule = FIRST_PAGE
    else:
        return False
    if not is_credible(state, rule, period_ns):
        return False
    state.rival_turns = 0
    state.rule = rule
    state.period_ns = period_ns
    # Near the shorter pauses: the silence may have been measured where a whole cycle was lost.
    state.pause_ns = min((turn.longest_ns + turn.next_ns) // 2, max(4 * turn.next_ns, turn.longest_ns // 8))
    state.silent_row = turn.longest_row
    if rule == FIRST_PAGE:
        state.first = lowest(pages, ranks, page_count)
    return True


cdef bint is_credible(CycleState* state, uint8_t rule, uint64_t period_ns) noexcept nogil:
    """Whether the turn that has ended may replace what is known."""
    cdef const Turn* turn = &state.turn
    cdef uint8_t needed = AGREEING
    # A page twice in succession tells of loss, unless there is a silence that is much longer.
    if (not turn.is_plain or turn.longest_ns < CLEAR * turn.repeat_ns) or (state.rule != UNKNOWN and is_longer(period_ns, state.period_ns)):
        needed = MANY_AGREEING
    elif state.rule == UNKNOWN:
        if rule == SILENCE and turn.longest_ns >= VERY_CLEAR * turn.next_ns:
            return True
    elif state.rule == rule or is_longer(state.period_ns, period_ns):
        return True
    if state.rival_turns == 0 or state.rival_rule != rule or (is_longer(period_ns, state.rival_ns)
                                                              or is_longer(state.rival_ns, period_ns)):
        state.rival_turns = 0
        state.is_lossy = False
        state.rival_rule = rule
        state.rival_ns = period_ns
    state.rival_turns += state.rival_turns < MANY_AGREEING
    if state.is_lossy and state.expected <= FEW_PAGES:
        needed = MANY_AGREEING
    return state.rival_turns >= needed


cdef inline bint is_longer(uint64_t period_ns, uint64_t other_ns) noexcept nogil:
    """By more than turns of one period differ."""
    return period_ns > other_ns + other_ns // 4


cdef uint32_t lowest(const Page* pages, const uint32_t* ranks, uint32_t page_count) noexcept nogil:
    """The lowest page that comes and has a row of its own."""
    cdef uint32_t best = page_count
    cdef uint32_t number
    for number in range(page_count):
        if pages[number].leads and not pages[number].is_missing and (best == page_count
                                                                    or ranks[number] < ranks[best]):
            best = number
    return best


cdef void expect_others(CycleState* state, const Page* pages, const uint32_t* ranks,
                        uint32_t page_count) noexcept nogil:
    """The pages that are expected are others now."""
    state.turn.begin = 0
    state.first = lowest(pages, ranks, page_count)


cdef inline bint is_evident(const CycleState* state) noexcept nogil:
    """Whether the open cycle, all of whose pages are in, can be no piece of two, though nothing is known yet."""
    cdef const Turn* turn = &state.turn
    cdef bint is_even = turn.begin == state.begin and turn.longest_ns < CLEAR * turn.next_ns
    if state.rows < FEW_PAGES:  # of so few, one of each cycle may come as evenly
        is_even = False
    return state.in_order and (is_even or passed(state.begin_ns, state.last_ns) <= BURST_NS)


cdef uint8_t settle(CycleState* state, Page* pages, uint32_t page_count, uint64_t pause_ns) noexcept nogil:
    """With the first turn over: what the rows before this one, which ends it, were."""
    cdef uint64_t begin = came_earlier(state, &pages[state.first])
    cdef uint64_t held_begin = begin
    cdef uint32_t number
    cdef uint8_t found
    if state.rule == SILENCE:
        begin = state.silent_row
        held_begin = state.begin if pause_ns > state.pause_ns else 0
    if state.is_held and state.begin == held_begin:
        state.is_done = True
        return HELD_READING
    if not state.begin < begin < state.number:
        return 0
    found = 0 if state.is_done else GIVEN_UP
    state.begin = begin
    state.begin_ns = pages[state.first].came_ns
    state.is_done = False
    state.seen = 0
    for number in range(page_count):
        state.seen += not pages[number].is_missing and came_earlier(state, &pages[number]) >= begin
    return found


cdef uint8_t end_cycle(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count) noexcept nogil:
    """The open cycle is over, and this row is of another."""
    cdef uint8_t found = 0
    cdef bint is_whole = True
    cdef bint lacks_due = False
    cdef uint32_t number
    cdef Page* page
    for number in range(page_count):
        page = &pages[number]
        if came_earlier(state, page) >= state.begin:
            page.streak = min(page.streak + 1, SLOW) if page.skips else 0
            page.usual = page.skips
            page.skips = 0
            continue
        page.skips += page.skips < MAX_MISSING_CYCLES
        if page.is_missing:
            continue
        is_whole = False
        lacks_due |= page.streak < SLOW
        if page.came != state.number and is_overdue(page, state.last_ns):
            page.is_missing = True
            page.news = PAGE_MISSING
            state.expected -= 1
            found |= NEWS
    if found & NEWS:
        expect_others(state, pages, ranks, page_count)
    if not state.is_done and (is_whole or lacks_due):
        found |= GIVEN_UP
    return found


cdef inline bint is_overdue(const Page* page, int64_t time_ns) noexcept nogil:
    cdef uint32_t cycles = min(max(MISSING_CYCLES, MISSING_TIMES * page.usual), MAX_MISSING_CYCLES)
    return page.skips >= cycles and passed(page.came_ns, time_ns) >= MISSING_NS
