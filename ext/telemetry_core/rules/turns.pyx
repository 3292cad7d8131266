"""Turns: how a sender's cycle is learnt from the pages that it sends over and over.

A turn runs from one page until that comes again after all others. So it contains one end of a cycle.

Where turns bring each page once, the mean pause before each page says where a cycle begins:
- SILENCE: one mean pause is CLEAR times as long as any other. That is the silence between two cycles.
- FIRST_PAGE: otherwise pages are spread over the whole period, and a cycle begins with its lowest page.
Either way each page gets its place in the cycle.

Where turns bring a page more than once there are no places. Then the longest pause of a turn is its silence, or the
cycle begins with the lowest page.

What is believed:
- Loss makes turns longer, never shorter. So a much shorter turn is believed at once.
- The first turn is believed at once if its silence is VERY_CLEAR.
- Whatever else contradicts is believed after several turns that agree.
"""

from libc.math cimport fabs
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from telemetry_core.rules.cycles cimport (
    FEW_PAGES, FIRST_PAGE, SILENCE, UNKNOWN, CycleState, Page, Turn, begin_page, came_earlier, passed,
)

cdef enum:
    CLEAR = 3                    # a silence is so many times as long as any other pause,
    VERY_CLEAR = 8               # and if so many times, one turn is enough to believe it,
    STILL_CLEAR = 2              # and, once that is known, so many times
    AGREEING = 2                 # turns in succession are believed
    MANY_AGREEING = 8            # and so many where loss may look alike: longer turns, a page twice in one, few pages
    STEADY = 3                   # and so many where each pause is as it was before
    STEADY_PART = 8              # but for such a part of the second longest one
    FEW_TURNS = 3                # of those in the known order so many are passed over, once enough are known
    SMOOTHED = 8                 # a turn changes the period by so little of what it differs


cdef bint learn_places(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count) noexcept nogil:
    """Learn from the turn that this row ends, and that brought each page once.

    Return whether it changed where a cycle is known to begin.
    """
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


cdef bint take_period(CycleState* state, uint64_t period_ns) noexcept nogil:
    """Return whether the turn, which took so long, is of one cycle as far as is known."""
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
    """Return the Rule that the mean pauses show, or UNKNOWN. is_lowest: the lowest page comes after the longest one."""
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
    """Give pages their places: a cycle begins with `first` and goes on as the turn did that has just ended."""
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
    """Return whether the turn that ends with this row shows a rule, and is believed."""
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
    """Return whether the turn that has ended may replace what is known."""
    cdef const Turn* turn = &state.turn
    cdef uint8_t needed = AGREEING
    # A page twice in succession is a sign of loss, unless there is a silence that is much longer.
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
    """Return whether it is longer by more than turns of one period differ."""
    return period_ns > other_ns + other_ns // 4


cdef uint32_t lowest(const Page* pages, const uint32_t* ranks, uint32_t page_count) noexcept nogil:
    """Return the lowest page that comes and has a row of its own; without one, `page_count`."""
    cdef uint32_t best = page_count
    cdef uint32_t number
    for number in range(page_count):
        if pages[number].leads and not pages[number].is_missing and (best == page_count
                                                                    or ranks[number] < ranks[best]):
            best = number
    return best
