"""Cycles: which pages are one reading, by the time and the order in which they come.

Promises:
- A reading has pages of one cycle of its sender only, but for the limits below. It does not matter what was lost
  and where the rows begin.
- A cycle that ends without its reading is given up, once.
- A page that stopped coming, or never came, hides the others for MISSING_CYCLES cycles and MISSING_NS at most.
- The result depends on the rows alone.
- Memory is constant. Time is in proportion to the row's pages, and to all pages once a cycle.

Relies on a sender that sends its pages over and over. Nothing says where its cycles begin; `turns.pyx` learns it.

With places known, each page has its place in the cycle:
- The page that is next in place belongs to the open cycle, unless it comes half a period later than usual. (That of
  the next cycle comes a whole period later.) So stamps may be off by as much as pages are apart.
- A page whose place is not after that of the last one begins a cycle.
Without places, a pause like the silence ends a cycle. So does the lowest page, or a cycle as long as a turn.

A sender whose stamps are scaled (a simulator at 60 times real time) has pauses wherever its process slept. Its cycle
begins where the order of pages does: `by_order`.

Until something is known, a reading waits for the next row, which may end the turn. It does not wait if its pages came
in their order, and evenly or within BURST_NS.

Limits. A reading may mix pages of two cycles:
- where more than a third of all pages is lost before anything is known: what arrives may look like another sender,
  and turns are believed that the sender never sent;
- with two pages that are lost in turns, and with two evenly spread pages whose stamps are off by as much as the pages
  are apart;
- `by_order`, where everything from one page to the next is lost.

`rounds.pyx` has cycles of pages that somebody asks for.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from telemetry_core.rules.turns cimport learn, learn_places, lowest
from telemetry_core.rows.batch cimport RowHead

cdef enum:
    MISSING_CYCLES = 10          # a page that has not come in so many cycles,
    MISSING_TIMES = 3            # and in so many times as many as it usually leaves out,
    MAX_MISSING_CYCLES = 300     # but no more than these,
    MISSING_NS = 10_000_000_000  # and not for so long, is missing
    BURST_NS = 20_000_000        # no pack reads its cells so often: pages this near are of one cycle
    SLOW = 4                     # a page that comes only every few cycles, so many times in succession, is slow


cdef uint8_t take_row(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                      const uint32_t* there, uint32_t count, const RowHead* head, uint64_t gap_ns) noexcept nogil:
    cdef int64_t time_ns = head.time_ns
    cdef uint64_t pause_ns = 0
    cdef bint is_broken = True   # nothing that came before has to do with this row
    cdef uint8_t found = forget_device(state, pages, ranks, page_count, False) if state.is_cut else 0
    cdef uint32_t lead, fresh
    cdef bint was_placed, was_unknown, is_learnt, is_refresh, begins
    state.number += 1
    if state.begin == 0:
        begin_device(state, pages, page_count, time_ns)
    elif time_ns < state.last_ns:
        hold_stamps(pages, page_count, time_ns)
    else:
        pause_ns = passed(state.last_ns, time_ns)
        is_broken = pause_ns > gap_ns
    state.last_ns = time_ns
    lead = arrive(state, pages, ranks, page_count, there, count, time_ns, &found)
    fresh = count_fresh(pages, there, count, state.begin)
    is_refresh = not is_broken and fresh == 0 and lead == state.last_lead

    was_placed = state.is_placed
    begins = was_placed and is_next_cycle(state, pages, lead, fresh, pause_ns)  # before its pause is learnt
    was_unknown = state.rule == UNKNOWN
    is_learnt = not state.by_order and follow_turn(state, pages, ranks, page_count, there, count, lead, pause_ns,
                                                   is_broken)
    if is_learnt and (was_unknown or state.is_placed):
        found |= settle(state, pages, page_count, pause_ns)
        was_placed = False
        fresh = count_fresh(pages, there, count, state.begin)
    if is_broken or count == state.expected:
        begins = True
    elif state.by_order:
        begins = ranks[lead] <= ranks[state.last_lead] and not is_refresh
    elif state.is_placed:
        if not was_placed:
            begins = is_next_cycle(state, pages, lead, fresh, pause_ns)
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
            found |= end_cycle(state, pages, ranks, page_count, False)
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


cdef uint8_t forget_device(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                           bint is_round) noexcept nogil:
    """End the open cycle: what comes from now on is of another device. What is missing was reported, and stays so."""
    cdef uint64_t last = state.number
    cdef uint8_t by_order = state.by_order
    cdef uint8_t found = 0
    cdef uint32_t number
    cdef Page old
    if state.begin:
        state.number += 1  # of the other device
        found = end_cycle(state, pages, ranks, page_count, is_round)
    memset(state, 0, sizeof(CycleState))
    state.number = last  # values have the numbers of their rows
    state.by_order = by_order
    for number in range(page_count):
        old = pages[number]
        memset(&pages[number], 0, sizeof(Page))
        pages[number].is_missing = UNHEARD if old.is_optional and old.is_missing != MISSING else old.is_missing
        pages[number].is_optional = old.is_optional
        pages[number].news = old.news
    return found


cdef void begin_device(CycleState* state, Page* pages, uint32_t page_count, int64_t time_ns) noexcept nogil:
    """Expect the pages of a device of which nothing has come."""
    cdef uint32_t number
    state.expected = page_count
    for number in range(page_count):
        state.expected -= pages[number].is_missing != NOT_MISSING
        pages[number].came_ns = time_ns


cdef void hold_stamps(Page* pages, uint32_t page_count, int64_t time_ns) noexcept nogil:
    """Let no page have a stamp later than `time_ns`, from which time goes on now."""
    cdef uint32_t number
    for number in range(page_count):
        pages[number].came_ns = min(pages[number].came_ns, time_ns)


cdef uint32_t arrive(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                     const uint32_t* there, uint32_t count, int64_t time_ns, uint8_t* found) noexcept nogil:
    """Note that the pages of the row have come; return the one that leads it, which was away longest."""
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
        if page.is_missing == MISSING:
            page.news = PAGE_BACK
            is_back = True
        elif page.is_missing == UNHEARD:
            state.is_done = False  # with a page that comes for the first time there is more to read
        if page.is_missing:
            page.is_missing = NOT_MISSING
            state.expected += 1
    if is_back:
        found[0] |= NEWS
        expect_others(state, pages, ranks, page_count)
    return lead


cdef inline uint32_t count_fresh(const Page* pages, const uint32_t* there, uint32_t count,
                                 uint64_t begin) noexcept nogil:
    """Return how many of the row's pages had not come since the row `begin`."""
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


cdef bint follow_turn(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                      const uint32_t* there, uint32_t count, uint32_t lead, uint64_t pause_ns,
                      bint is_broken) noexcept nogil:
    """Return whether this row ended a turn from which something was learnt."""
    cdef Turn* turn = &state.turn
    cdef uint32_t fresh
    cdef bint is_learnt = False
    if is_broken or turn.begin == 0:
        open_turn(state, lead, count)
        return False
    pages[lead].pause_ns = pause_ns
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
        if turn.repeat_ns == 0 and turn.is_plain:
            is_learnt = learn_places(state, pages, ranks, page_count)
        elif learn(state, pages, ranks, page_count):
            state.is_placed = False
            state.turns = 0
            is_learnt = True
        open_turn(state, lead, count)
    elif state.number == turn.begin + 1:  # the same page twice
        open_turn(state, lead, count)
    else:
        state.is_lossy = True
        if turn.is_second:  # the next one begins with another page, which may come less often
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


cdef inline bint is_next_cycle(CycleState* state, const Page* pages, uint32_t lead, uint32_t fresh,
                               uint64_t pause_ns) noexcept nogil:
    """Return whether a row that `lead` leads is of another cycle than the last row, by the places of pages."""
    cdef uint32_t place = pages[lead].place
    cdef uint32_t last = pages[state.last_lead].place
    if fresh == 0:
        return lead != state.last_lead or 2 * pause_ns >= state.period_ns
    if place == last + 1:  # of the next cycle it would come a whole period later than usual
        return pause_ns >= <uint64_t>pages[lead].mean_ns + state.period_ns // 2
    state.is_in_place = state.is_in_place and place == 0
    if place <= last:  # or the order has changed
        return state.rule != SILENCE or 4 * pause_ns >= state.pause_ns
    if state.rule == SILENCE:
        return pause_ns > state.pause_ns
    return passed(state.begin_ns, state.last_ns) >= state.period_ns


cdef void expect_others(CycleState* state, const Page* pages, const uint32_t* ranks,
                        uint32_t page_count) noexcept nogil:
    """Begin to learn again: other pages are expected now."""
    state.turn.begin = 0
    state.turns = 0
    state.is_placed = False
    state.first = lowest(pages, ranks, page_count)


cdef inline bint is_evident(const CycleState* state) noexcept nogil:
    """Return whether the open cycle, whose pages are all in, cannot be parts of two. Nothing is known yet."""
    cdef const Turn* turn = &state.turn
    cdef uint64_t span_ns = passed(state.begin_ns, state.last_ns)
    cdef bint is_even = turn.begin == state.begin and (state.rows - 1) * turn.longest_ns <= span_ns + span_ns // 8
    if state.rows < FEW_PAGES:  # of so few, one of each cycle may come as evenly
        is_even = False
    return state.in_order and (is_even or span_ns <= BURST_NS)


cdef uint8_t settle(CycleState* state, Page* pages, uint32_t page_count, uint64_t pause_ns) noexcept nogil:
    """Say what the earlier rows were, now that this row has ended the first turn."""
    cdef uint32_t first = begin_page(state) if state.is_placed else state.first
    cdef uint64_t begin = came_earlier(state, &pages[first])
    cdef uint64_t held_begin = begin
    cdef uint32_t number
    cdef uint8_t found
    if state.rule == SILENCE and not state.is_placed:
        begin = state.silent_row
        held_begin = state.begin if pause_ns > state.pause_ns else 0
    if state.is_held and state.begin == held_begin:
        state.is_done = True
        return HELD_READING
    if not state.begin < begin < state.number:
        return 0
    found = 0 if state.is_done else GIVEN_UP
    state.begin = begin
    state.begin_ns = pages[first].came_ns
    state.is_done = False
    state.seen = 0
    for number in range(page_count):
        state.seen += not pages[number].is_missing and came_earlier(state, &pages[number]) >= begin
    return found


cdef uint8_t end_cycle(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                       bint is_round) noexcept nogil:
    """End the open cycle: this row is of another. is_round: each page was asked for, however seldom it comes."""
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
            page.is_missing = MISSING
            page.news = PAGE_MISSING
            state.expected -= 1
            found |= NEWS
    if found & NEWS:
        expect_others(state, pages, ranks, page_count)
    if not state.is_done and (is_whole or lacks_due or is_round):
        found |= GIVEN_UP
    return found


cdef inline bint is_overdue(const Page* page, int64_t time_ns) noexcept nogil:
    cdef uint32_t cycles = min(max(MISSING_CYCLES, MISSING_TIMES * page.usual), MAX_MISSING_CYCLES)
    return page.skips >= cycles and passed(page.came_ns, time_ns) >= MISSING_NS
