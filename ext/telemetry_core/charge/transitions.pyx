"""What a session goes through at a plug: it begins, enters a phase or its next attempt, ends, goes on after a start.

Promises:
- Each of these is reported as it comes to pass, with the totals as they are.
- A session that is restored goes on only if the bus shows that it is the same one: `judge_restored`.
"""

from libc.math cimport NAN, isfinite
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memset

from telemetry_core.charge.changes cimport (
    CHANGE_ATTEMPT, CHANGE_BEGUN, CHANGE_ENDED, CHANGE_PHASE, CHANGE_RESTORED, Change,
)
from telemetry_core.charge.follow_table cimport (
    PHASE_CHARGING, PHASE_CONFIGURATION, PHASE_NONE, PHASE_RECOGNITION, SLOTS,
)
from telemetry_core.charge.measured cimport begin_measuring, leave_percent, report
from telemetry_core.charge.plug cimport (
    GRACE_NS, MINUTE_NS, NEVER_NS, NOT_RESTORED, OPEN, SOC_STEP_PCT, STEPPED, UNDECIDED, WINDOW_NS, Known, Plug,
)


cdef void open_session(Plug* plug, int64_t now_ns) noexcept nogil:
    clear(&plug.known, now_ns)
    report(plug, CHANGE_BEGUN, now_ns)


cdef void clear(Known* known, int64_t now_ns) noexcept nogil:
    _forget(known)
    known.is_open = OPEN
    known.attempt = 1
    known.start_ns = known.last_ns = known.phase_ns = known.minute_ns = now_ns
    known.minutes = -1
    known.restored_ns = NEVER_NS
    begin_measuring(known, now_ns)


cdef void _forget(Known* known) noexcept nogil:
    """Forget the session, but not which other protocols have been reported."""
    cdef int64_t[2] unknown_ns
    unknown_ns[0], unknown_ns[1] = known.unknown_ns[0], known.unknown_ns[1]
    memset(known, 0, sizeof(Known))
    known.unknown_ns[0], known.unknown_ns[1] = unknown_ns[0], unknown_ns[1]


cdef void enter(Plug* plug, uint8_t phase, int64_t now_ns) noexcept nogil:
    cdef Known* known = &plug.known
    cdef Change* change
    if phase > PHASE_CHARGING:
        leave_percent(plug, now_ns)  # what is measured from here on is no charging
    known.phase = phase
    known.phase_ns = now_ns
    known.due_ns = known.calm_until_ns = 0
    known.same_soc = NAN
    known.fired = 0
    known.window_is_charging = False
    if phase != PHASE_CHARGING:
        known.pauses = 0
    if phase == PHASE_CONFIGURATION and not known.has_error:
        known.error_ns = 0  # an error from here on is a new one, even where all stamps are equal
    change = report(plug, CHANGE_PHASE, now_ns)
    if change != NULL:
        change.number = phase


cdef void begin_attempt(Plug* plug, int64_t now_ns) noexcept nogil:
    cdef Known* known = &plug.known
    cdef Py_ssize_t slot
    cdef Change* change
    known.attempt += 1
    known.again_ns = 0
    known.has_error = False
    known.stops = 0
    known.pauses = 0
    known.minutes = -1
    memset(known.reported, 0, sizeof(known.reported))  # what its vehicle says is heard again, be it the same
    for slot in range(SLOTS):
        if not plug.spec.begins[slot]:
            known.heard_ns[slot] = 0
    change = report(plug, CHANGE_ATTEMPT, now_ns)
    if change != NULL:
        change.number = known.attempt
    known.phase = PHASE_NONE
    enter(plug, PHASE_RECOGNITION, now_ns)


cdef void begin_next(Plug* plug, int64_t start_ns) noexcept nogil:
    end_session(plug, END_NEXT, plug.known.last_ns)
    open_session(plug, start_ns)
    enter(plug, PHASE_RECOGNITION, start_ns)


cdef void end_session(Plug* plug, uint32_t why, int64_t at_ns) noexcept nogil:
    cdef Known* known = &plug.known
    cdef Change* change
    if known.below_ns:  # by power: it ended where the power fell, whatever shows it
        at_ns = known.below_ns
        why = END_BELOW if why == END_SILENCE else why
        known[0] = plug.saved
    if known.is_restored == UNDECIDED or known.is_restored == STEPPED:
        known.is_restored = NOT_RESTORED
    if known.again_ns and why != END_FINISHED:
        begin_attempt(plug, known.again_ns)
    if known.is_open == OPEN:
        leave_percent(plug, at_ns)
        change = report(plug, CHANGE_ENDED, at_ns)
        if change != NULL:
            change.number = why
    _forget(known)


cdef int64_t awaited_until(const Plug* plug) noexcept nogil:
    cdef const Known* known = &plug.known
    if known.below_ns:
        return known.below_ns + plug.spec.ends_after_ns
    if plug.spec.records == NULL:
        return known.last_ns + max(plug.spec.ends_after_ns, WINDOW_NS)
    return known.last_ns + (plug.spec.reconnect_ns if known.has_error else plug.spec.silence_ns)


cdef void skip(Known* known, int64_t now_ns) noexcept nogil:
    cdef int64_t gap_ns = now_ns - known.last_ns
    cdef Py_ssize_t slot
    for slot in range(SLOTS):
        if known.heard_ns[slot]:
            known.heard_ns[slot] += gap_ns
    known.gap_s += max(gap_ns, 0) / 1e9
    known.has_new_soc = False
    known.same_soc = NAN
    known.due_ns = known.calm_until_ns = 0
    known.restored_ns = known.last_ns = known.minute_ns = now_ns
    known.window_is_charging = False


cdef void judge_restored(Plug* plug, int64_t now_ns) noexcept nogil:
    cdef Known* known = &plug.known
    cdef const Known* saved = &plug.saved
    cdef bint is_same = True
    cdef bint has_minutes = known.minutes_ns != saved.minutes_ns
    cdef int64_t since_ns = saved.minutes_ns if saved.minutes >= 0 else saved.last_ns
    cdef int64_t grown_ns = (known.minutes - max(saved.minutes, 0)) * MINUTE_NS
    cdef double rise_s
    if has_minutes and known.is_restored == STEPPED:
        is_same = 0 <= grown_ns <= MINUTE_NS
    elif has_minutes and (saved.minutes != 0 or saved.minutes_ns - saved.phase_ns < GRACE_NS):
        is_same = -GRACE_NS <= now_ns - since_ns - grown_ns <= GRACE_NS
    if known.has_new_soc and isfinite(saved.soc):
        rise_s = 60 if known.is_restored == STEPPED else (now_ns - saved.last_ns) / 1e9
        is_same = is_same and is_reachable(plug, saved.soc, known.soc, 0, rise_s)
    if is_same and not (has_minutes and known.has_new_soc) and now_ns - known.restored_ns < WINDOW_NS:
        return
    if is_same:
        go_on(plug)
        return
    known[0] = saved[0]
    known.is_restored = NOT_RESTORED
    end_session(plug, END_SILENCE, known.last_ns)
    open_session(plug, now_ns)
    enter(plug, PHASE_CHARGING, now_ns)


cdef bint is_reachable(const Plug* plug, double from_pct, double soc_pct, double fall_pct, double rise_s) noexcept nogil:
    return from_pct - fall_pct <= soc_pct and soc_pct <= from_pct + SOC_STEP_PCT + plug.most_soc_pct_s * rise_s


cdef void go_on(Plug* plug) noexcept nogil:
    cdef Change* change
    cdef bint has_stepped = plug.known.is_restored == STEPPED
    plug.known.is_restored = NOT_RESTORED
    change = report(plug, CHANGE_RESTORED, plug.known.restored_ns)
    if change != NULL:
        change.number = has_stepped
        change.since_ns = plug.saved.last_ns
