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

Rounds are cycles of pages that somebody asks for, page by page, as often as they like (`take_answer`):
- A round is complete when each page has come, in any order, however long it takes.
- It is given up, once, when a page comes again, or after more than `within_ns` without a page.
- The same page twice in succession is a retry: the second one replaces the first. After a complete round it is of
  that round and gives no reading.
- A silence is a pause between two whole rounds: LEAST_SILENCE_NS at least, twice as long as any within a whole round,
  and a third of the time from one to the next. A pause nearly as long as the shortest ends a round, too. When it has cut
  one round in two, or MOST_CUT in succession were not whole, pauses as long are within rounds: it is forgotten.
- While none is known, a round whose longest pause is by far the longest ever may be parts of two, unless its pages are
  in their order and more than FEW_PAGES. The next row tells: after such a pause too it was whole, and its reading comes
  now. Otherwise it is given up, and goes on from that pause as the second of them.
- Nothing else is learnt of the order of pages, and no other reading waits for a later row.
- A page that does not come is missing as it is of cycles, so that it hides the others for so long at most.
- An optional page is missing until it first comes, and nobody is told. Where that is after the round's reading, a
  second reading has all of it.
Limits, since nothing but a pause says where somebody began to ask:
- Where pages were lost, what is left of one round and the begin of the next look like a round, unless `within_ns`
  passes between them or the silence is known. It is after two whole rounds in succession.
- A pause within a round, nearly as long as a silence that is known, loses the round.
- A round that begins with the page with which the last one ended, without that pause, looks like a retry. It is
  not read.
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
    MOST_CUT = 8                 # so many rounds in succession without a reading: pauses are others now
    LEAST_SILENCE_NS = 500_000_000  # between two rounds; a shorter pause may be one within a round
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


cdef uint64_t UNKNOWN_NS = 0xFFFFFFFFFFFFFFFF


cdef uint8_t take_answer(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                         const uint32_t* there, uint32_t count, const RowHead* head, uint64_t within_ns) noexcept nogil:
    cdef uint8_t found = forget_device(state, pages, ranks, page_count, True) if state.is_cut else 0
    cdef uint64_t earlier = state.number  # the row before
    cdef bint begins = True
    cdef bint was_done = state.is_done  # before a page that comes for the first time
    cdef bint is_next = False  # in the order of pages
    cdef uint64_t pause_ns = UNKNOWN_NS
    cdef uint32_t lead, number
    state.number += 1
    if state.begin == 0:
        begin_device(state, pages, page_count, head.time_ns)
    elif head.time_ns < state.last_ns:
        hold_stamps(pages, page_count, head.time_ns)
    else:
        pause_ns = passed(state.last_ns, head.time_ns)
        begins = pause_ns > within_ns
        if not begins and state.pause_ns and pause_ns > state.pause_ns - state.pause_ns // 8:
            begins = True
            if not was_done:
                believe_less(state, pages, page_count)
    state.last_ns = head.time_ns
    lead = arrive(state, pages, ranks, page_count, there, count, head.time_ns, &found)
    is_next = state.in_order and ranks[lead] > ranks[state.last_lead]
    if was_done and not state.is_done:  # a page for the first time: of the round that was read, or of the next
        begins |= pause_ns >= LEAST_SILENCE_NS and pause_ns > 2 * state.turn.longest_ns and not is_next
    if not begins:
        for number in range(count):
            if pages[there[number]].before == earlier:
                found |= REPLACES
            elif pages[there[number]].before >= state.begin:
                begins = True
    if state.is_held and begins:
        state.is_held = False
        if 2 * pause_ns > state.turn.longest_ns:
            found |= HELD_READING
            was_done = True
            learn_silence(state)
        else:  # it was parts of two
            found |= GIVEN_UP
            begin_round(state, state.turn.longest_row, state.turn.begin_ns, state.turn.longest_ns)
            begins = False
            state.seen = came_since(pages, page_count, state.begin)
            for number in range(count):
                state.seen -= pages[there[number]].before < state.begin
            for number in range(count):
                begins |= pages[there[number]].before >= state.begin and pages[there[number]].before != earlier
    if begins:
        found &= ~REPLACES
        if state.begin:
            state.is_done = was_done
            found |= end_cycle(state, pages, ranks, page_count, True)
        begin_round(state, state.number, head.time_ns, pause_ns if was_done else UNKNOWN_NS)
        state.is_after_silence = within_ns < pause_ns < UNKNOWN_NS
        state.in_order = True
    else:
        note_pause(state, pause_ns)
        state.in_order = is_next or (found & REPLACES and state.in_order)
    state.last_lead = lead
    for number in range(count):
        state.seen += pages[there[number]].before < state.begin
    if state.seen == state.expected and not state.is_done:
        state.is_held = may_be_two(state)
        if state.is_held and came_since(pages, page_count, state.turn.longest_row) == state.expected:
            state.is_held = False  # all of it came after the silence, and before it only what looks like a retry
            state.turn.repeat_ns = UNKNOWN_NS
            state.turn.longest_ns = 0
        if state.is_held:
            state.held = head[0]
            state.held_begin = state.begin
        else:
            state.is_done = True
            learn_silence(state)
            found |= READING
    return found


cdef inline void begin_round(CycleState* state, uint64_t row, int64_t time_ns, uint64_t pause_ns) noexcept nogil:
    """Begin one with the row of that number. pause_ns: from the last page of a whole round to it."""
    state.begin = row
    state.begin_ns = time_ns
    state.seen = 0
    state.is_done = False
    state.in_order = False
    state.is_after_silence = False
    state.turn.repeat_ns = pause_ns
    state.turn.longest_ns = 0
    state.turn.next_ns = 0


cdef inline void note_pause(CycleState* state, uint64_t pause_ns) noexcept nogil:
    if pause_ns > state.turn.longest_ns:
        state.turn.next_ns = state.turn.longest_ns
        state.turn.longest_ns = pause_ns
        state.turn.longest_row = state.number
        state.turn.begin_ns = state.last_ns
    elif pause_ns > state.turn.next_ns:
        state.turn.next_ns = pause_ns


cdef inline uint32_t came_since(const Page* pages, uint32_t page_count, uint64_t begin) noexcept nogil:
    cdef uint32_t seen = 0
    cdef uint32_t number
    for number in range(page_count):
        seen += not pages[number].is_missing and pages[number].came >= begin
    return seen


cdef inline bint may_be_two(const CycleState* state) noexcept nogil:
    """Return whether a silence between two rounds may be in the midst of this one, which began unheard."""
    cdef const Turn* turn = &state.turn
    cdef uint64_t rest_ns = passed(state.begin_ns, state.last_ns) - turn.longest_ns
    if state.pause_ns or state.is_after_silence or (state.in_order and state.expected > FEW_PAGES):
        return False
    if turn.repeat_ns != UNKNOWN_NS and turn.longest_ns <= 2 * turn.repeat_ns:
        return False
    return (turn.longest_ns >= LEAST_SILENCE_NS and 2 * turn.longest_ns > rest_ns and turn.next_ns
            and turn.longest_ns > 2 * max(2 * turn.next_ns, state.inner_ns))


cdef inline void learn_silence(CycleState* state) noexcept nogil:
    """Learn from a whole round which pause comes between two."""
    cdef uint64_t silence_ns = state.turn.repeat_ns
    state.unlearnt_turns = 0
    state.inner_ns = max(state.inner_ns - state.inner_ns // 8, state.turn.longest_ns)
    if LEAST_SILENCE_NS <= silence_ns < UNKNOWN_NS and 2 * silence_ns > passed(state.begin_ns, state.last_ns):
        # The shortest: lost rounds make it longer.
        state.pause_ns = min(state.pause_ns, silence_ns) if state.pause_ns else silence_ns
    if state.pause_ns <= 2 * state.inner_ns:
        state.pause_ns = 0


cdef inline void believe_less(CycleState* state, const Page* pages, uint32_t page_count) noexcept nogil:
    """Forget the silence when it has cut one round in two, or too many in succession were not whole by it."""
    cdef Turn* turn = &state.turn
    cdef bint is_one = (state.unlearnt_turns > 0 and state.seen == turn.unseen and state.expected > FEW_PAGES
                        and came_since(pages, page_count, turn.begin) == state.expected)
    turn.begin = state.begin
    turn.unseen = state.expected - state.seen
    state.unlearnt_turns += 1
    if is_one or state.unlearnt_turns == MOST_CUT:
        state.unlearnt_turns = 0
        state.inner_ns = state.pause_ns
        state.pause_ns = 0
