"""Rounds: cycles of pages that somebody asks for, page by page, as often as they like.

Promises:
- A round is complete when each page has come, in any order, however long it takes.
- It is given up, once, when a page comes again, or after more than `within_ns` without a page.
- The same page twice in succession is a retry: the second one replaces the first. After a complete round it is of
  that round and gives no reading. Where no other page is expected, each is a round.
- A page that does not come is missing as it is of cycles, so that it hides the others for so long at most.
- An optional page is missing, without news, until it first comes. While no round has been read, a reading waits for
  such pages: until a page comes again, or `within_ns` have passed. Later, a page that first comes after its round's
  reading gives a second reading with all of it.

Relies on nothing but pauses, since nothing else says where somebody began to ask:
- A silence is a pause between two whole rounds: LEAST_SILENCE_NS at least, twice as long as any within a whole round,
  and a third of the time from one to the next. A pause nearly as long as the shortest ends a round, too. When it has cut
  one round in two, or MOST_CUT in succession were not whole, pauses as long are within rounds: it is forgotten.
- While none is known, a round whose longest pause is by far the longest ever may be parts of two, unless its pages are
  in their order and more than FEW_PAGES. Its reading waits, too. After such a pause again it was whole. Otherwise it is
  given up, and goes on from that pause as the second of them.
- Nothing else is learnt of the order of pages, and no other reading waits.
Limits:
- Where pages were lost, what is left of one round and the begin of the next look like a round, unless `within_ns`
  passes between them or the silence is known. It is after two whole rounds in succession.
- A pause within a round, nearly as long as a silence that is known, loses the round.
- A round that begins with the page with which the last one ended, without that pause, looks like a retry. It is
  not read.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from telemetry_core.rules.cycles cimport (
    FEW_PAGES, GIVEN_UP, HELD_READING, READING, REPLACES, UNHEARD, CycleState, Page, Turn, arrive, begin_device,
    end_cycle, forget_device, hold_stamps, passed,
)
from telemetry_core.rows.batch cimport RowHead

cdef enum:
    MOST_CUT = 8                 # so many rounds in succession without a reading: pauses are others now
    LEAST_SILENCE_NS = 500_000_000  # between two rounds; a shorter pause may be one within a round

cdef uint64_t UNKNOWN_NS = 0xFFFFFFFFFFFFFFFF


cdef uint8_t take_answer(CycleState* state, Page* pages, const uint32_t* ranks, uint32_t page_count,
                         const uint32_t* there, uint32_t count, const RowHead* head, uint64_t within_ns) noexcept nogil:
    cdef uint8_t found = forget_device(state, pages, ranks, page_count, True) if state.is_cut else 0
    cdef uint64_t earlier = state.number  # the row before
    cdef bint is_doubtful = state.is_held and may_be_two(state)
    cdef bint begins = True
    cdef bint was_done = state.is_done  # before a page that comes for the first time
    cdef bint is_next = False  # in the order of pages
    cdef uint64_t pause_ns = UNKNOWN_NS
    cdef uint32_t expected, lead, number
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
    expected = state.expected
    lead = arrive(state, pages, ranks, page_count, there, count, head.time_ns, &found)
    is_next = state.in_order and ranks[lead] > ranks[state.last_lead]
    if state.expected > expected and (was_done or (state.is_held and state.turn.longest_ns)):
        # A page that was not expected is of this round, or of the next.
        begins |= pause_ns >= LEAST_SILENCE_NS and pause_ns > 2 * state.turn.longest_ns and not is_next
    if not begins:
        for number in range(count):
            if pages[there[number]].before == earlier and state.expected > 1:
                found |= REPLACES
            elif pages[there[number]].before >= state.begin:
                begins = True
    if state.is_held and begins:
        state.is_held = False
        if not is_doubtful or 2 * pause_ns > state.turn.longest_ns:
            found |= HELD_READING
            was_done = True
            end_whole(state)
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
        is_doubtful = may_be_two(state)
        if is_doubtful and came_since(pages, page_count, state.turn.longest_row) == state.expected:
            is_doubtful = False  # all of it came after the silence, and before it only what looks like a retry
            state.turn.repeat_ns = UNKNOWN_NS
            state.turn.longest_ns = 0
        state.is_held = is_doubtful or (not state.is_known and lacks_optional(pages, page_count))
        if state.is_held:
            state.held = head[0]
            state.held_begin = state.begin
        else:
            end_whole(state)
            found |= READING
    return found


cdef void read_held(CycleState* state) noexcept nogil:
    state.is_held = False
    end_whole(state)


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


cdef inline bint lacks_optional(const Page* pages, uint32_t page_count) noexcept nogil:
    cdef uint32_t number
    for number in range(page_count):
        if pages[number].is_missing == UNHEARD:
            return True
    return False


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


cdef inline void end_whole(CycleState* state) noexcept nogil:
    """Note that the round has its reading, and learn from it which pause comes between two."""
    cdef uint64_t silence_ns = state.turn.repeat_ns
    state.is_done = True
    state.is_known = True
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
