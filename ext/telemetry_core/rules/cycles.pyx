"""Cycles: which pages are one reading, by the time and the order in which they come.

Promises: a reading has pages of one cycle of its sender only, whatever was lost and wherever the rows begin; a
cycle that ends without its reading is given up, once; a page that has stopped coming, or never came, hides the
others no longer than MISSING_CYCLES cycles and MISSING_NS. What is found depends on the rows alone. Takes
constant memory, and time in proportion to the row's pages; to all pages once a cycle.

Relies on a sender that sends its pages over and over. Nobody says where its cycles begin: that is learnt from
turns. A turn runs from one page until it comes again after all others, so it has one end of a cycle in it. Of
turns that bring each page once the mean pause before each page is kept. SILENCE: one of these is CLEAR times as
long as any other. That is the silence between two cycles. FIRST_PAGE: otherwise pages are spread over the whole
period, and a cycle begins with its lowest page. Either way each page has its place in the cycle. A page that
comes later in it than the last one, by one place, is of the open cycle, unless it comes half a period later than
usual: that of the next cycle comes a whole period later. So stamps may be off by as much as pages are apart. A
page whose place is not after the last one's begins a cycle.

Where turns bring a page more than once there are no places. There a pause like the silence ends a cycle, or the
lowest page, or that the cycle lasts as long as a turn.

A sender whose stamps are scaled (a simulator at 60 times real time) has pauses wherever its process slept. There
a cycle begins where the order of pages does, `by_order`: what is lost from one page to the next may mix two.

Loss makes turns longer, never shorter. So a much shorter turn is believed at once, as is the first one if its
silence is VERY_CLEAR. What else contradicts is believed after several turns that agree. Until something is
known, a reading waits for the next row, which may end the turn, unless its pages came in their order, and
evenly or within BURST_NS. Where a third of all pages is lost before anything is known, what arrives may look
like another sender; then turns are believed that the sender never sent. So it is with two pages that are lost in
turns, and with two evenly spread pages whose stamps are off by as much as they are apart.
"""

from libc.math cimport fabs
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
    STEADY = 3                   # and so many where each pause is as it was before
    STEADY_PART = 8              # but for such a part of the second longest one
    FEW_TURNS = 3                # of those in the known order so many are passed over, once enough are known
    SMOOTHED = 8                 # a turn changes the period by so little of what it differs
    SLOW = 4                     # a page that comes only every few cycles, so many times in succession, is slow


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
    cdef bint was_placed, was_unknown, is_learnt, is_refresh, begins
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
        state.period_ns = 0
        state.turns = 0
        state.is_placed = False
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


cdef bint follow_turn(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                      const uint32_t* there, uint32_t count, uint32_t lead, uint64_t pause_ns,
                      bint is_broken) noexcept nogil:
    """Whether a turn has ended with this row and something was learnt of it."""
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


cdef inline bint is_next_cycle(CycleState* state, const Page* pages, uint32_t lead, uint32_t fresh,
                               uint64_t pause_ns) noexcept nogil:
    """Whether a row that `lead` leads is of another cycle than the last row, by the places of pages."""
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


cdef bint learn_places(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count) noexcept nogil:
    """Whether it is known with this row, which ends a turn that brought each page once, where a cycle begins."""
    cdef const Turn* turn = &state.turn
    cdef uint32_t silent = page_count
    cdef uint32_t number, first
    cdef double longest
    cdef double longest_ns = 0
    cdef double next_ns = 0
    cdef double jitter_ns = 0
    cdef uint32_t begin = begin_page(state)
    cdef bint was_known
    cdef uint8_t rule
    cdef Page* page
    if not take_period(state, passed(turn.begin_ns, state.last_ns)):
        return False
    was_known = state.rule != UNKNOWN
    longest = <double>turn.longest_ns
    if not state.silence_ns <= 2 * longest <= 4 * state.silence_ns:  # another pace
        state.turns = 0
    elif (state.rule == SILENCE and turn.longest_ns >= VERY_CLEAR * turn.next_ns
          and pages[state.silent].came != turn.longest_row):  # another order
        state.turns = 0
    if state.turns == MANY_AGREEING and state.is_placed and state.is_in_place and state.unlearnt_turns < FEW_TURNS:
        state.unlearnt_turns += 1
        return False
    state.unlearnt_turns = 0
    state.is_in_place = True
    if state.turns == 0:
        state.is_lossy = False
    state.turns += state.turns < MANY_AGREEING
    for number in range(page_count):
        page = &pages[number]
        if page.is_missing or not page.leads:
            continue
        if state.turns == 1:
            page.mean_ns = <double>page.pause_ns
        else:
            page.mean_ns += (<double>page.pause_ns - page.mean_ns) / state.turns
            jitter_ns = max(jitter_ns, fabs(<double>page.pause_ns - page.mean_ns))
        if page.mean_ns > longest_ns:
            next_ns = longest_ns
            longest_ns = page.mean_ns
            silent = number
        elif page.mean_ns > next_ns:
            next_ns = page.mean_ns
    state.silence_ns = longest_ns
    first = lowest(pages, ranks, page_count)
    rule = judge(state, longest_ns, next_ns, silent == first,
                 state.turns >= STEADY and STEADY_PART * jitter_ns <= next_ns)
    if rule != UNKNOWN:
        state.rule = rule
        state.silent = silent
        state.first = first
        # Near the shorter pauses: the silence may have been measured where a whole cycle was lost.
        state.pause_ns = <uint64_t>min((longest_ns + next_ns) / 2, max(4 * next_ns, longest_ns / 8))
    if rule != UNKNOWN or state.is_placed or state.rule == FIRST_PAGE:
        place_pages(state, pages, page_count, begin_page(state))
    return state.rule != UNKNOWN and not (was_known and begin == begin_page(state))


cdef inline uint32_t begin_page(const CycleState* state) noexcept nogil:
    return state.silent if state.rule == SILENCE else state.first


cdef bint take_period(CycleState* state, uint64_t period_ns) noexcept nogil:
    """Whether the turn, which took so long, is of one cycle as far as one knows."""
    if state.period_ns and is_longer(period_ns, state.period_ns):
        if state.rival_turns == 0 or is_longer(period_ns, state.rival_ns) or is_longer(state.rival_ns, period_ns):
            state.rival_turns = 0
            state.rival_ns = period_ns
        state.rival_turns += 1
        if state.rival_turns < MANY_AGREEING:
            state.period_ns += state.period_ns // (4 * SMOOTHED)
            return False
        state.period_ns = 0
    state.rival_turns = 0
    if state.period_ns == 0 or 16 * period_ns < 9 * state.period_ns:
        state.period_ns = period_ns
        if state.turns < AGREEING:
            state.rule = UNKNOWN
            state.is_placed = False
        state.turns = 0  # those before had more than one cycle in them
    elif period_ns > state.period_ns:
        state.period_ns += (period_ns - state.period_ns) // SMOOTHED
    else:
        state.period_ns -= (state.period_ns - period_ns) // SMOOTHED
    return True


cdef uint8_t judge(const CycleState* state, double longest_ns, double next_ns, bint is_lowest,
                   bint is_steady) noexcept nogil:
    """What the mean pauses say; UNKNOWN: nothing yet. is_lowest: the lowest page comes after the longest one."""
    cdef bint is_few = state.expected <= FEW_PAGES
    cdef bint is_doubtful = is_few and state.is_lossy and state.rule == UNKNOWN
    cdef double clear = CLEAR
    if state.turns < (MANY_AGREEING if is_doubtful else AGREEING):
        clear = 4 * VERY_CLEAR if is_few and not is_lowest else VERY_CLEAR
        if state.rule != FIRST_PAGE and longest_ns > 0 and longest_ns >= clear * next_ns:
            return SILENCE
        return UNKNOWN
    if is_few and state.turns < MANY_AGREEING and not is_steady:
        clear = 2 * CLEAR
    if longest_ns > 0 and longest_ns >= clear * next_ns:
        return SILENCE
    if 2 * longest_ns < 3 * next_ns or longest_ns == 0:
        return FIRST_PAGE
    if is_lowest:  # both rules say the same
        return FIRST_PAGE
    if state.turns < MANY_AGREEING and not is_steady:
        return UNKNOWN
    if state.rule == SILENCE:
        return SILENCE if longest_ns >= STILL_CLEAR * next_ns else FIRST_PAGE
    return SILENCE if 2 * longest_ns >= (6 if is_steady else 5) * next_ns else FIRST_PAGE


cdef void place_pages(CycleState* state, Page* pages, uint32_t page_count, uint32_t first) noexcept nogil:
    """A cycle begins with the page `first`, and goes on as the turn did that has just ended."""
    cdef uint64_t rows = state.number - state.turn.begin
    cdef uint64_t begin = came_earlier(state, &pages[first])
    cdef uint64_t row
    cdef uint32_t number
    for number in range(page_count):
        if pages[number].is_missing:
            continue
        row = came_earlier(state, &pages[number])
        pages[number].place = <uint32_t>(row - begin if row >= begin else row + rows - begin)
    state.is_placed = True


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
    if (not turn.is_plain or turn.longest_ns < CLEAR * turn.repeat_ns
            or (state.rule != UNKNOWN and is_longer(period_ns, state.period_ns))):
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
    state.turns = 0
    state.is_placed = False
    state.first = lowest(pages, ranks, page_count)


cdef inline bint is_evident(const CycleState* state) noexcept nogil:
    """Whether the open cycle, all of whose pages are in, can be no piece of two, though nothing is known yet."""
    cdef const Turn* turn = &state.turn
    cdef uint64_t span_ns = passed(state.begin_ns, state.last_ns)
    cdef bint is_even = turn.begin == state.begin and (state.rows - 1) * turn.longest_ns <= span_ns + span_ns // 8
    if state.rows < FEW_PAGES:  # of so few, one of each cycle may come as evenly
        is_even = False
    return state.in_order and (is_even or span_ns <= BURST_NS)


cdef uint8_t settle(CycleState* state, Page* pages, uint32_t page_count, uint64_t pause_ns) noexcept nogil:
    """With the first turn over: what the rows before this one, which ends it, were."""
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
