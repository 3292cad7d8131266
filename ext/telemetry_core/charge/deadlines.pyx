"""What passes with time alone in a session: deadlines, windows of ten seconds, and minutes.

Promises:
- Frame time alone counts. A deadline that has passed is reported once, with the stamp at which it was due. It
  counts again when what it awaits has come (`phases`: until then no row is plain).
- Nothing passes before `Known.due_ns`, `window_ns` and a minute after `minute_ns`: so one comparison a row is enough.
- A clock that is set back lengthens no window and no minute by more than itself.
"""

from libc.stdint cimport int64_t, uint32_t

from telemetry_core.charge.changes cimport CHANGE_MINUTE, CHANGE_SILENCE, Change
from telemetry_core.charge.follow_table cimport PackedDeadline
from telemetry_core.charge.measured cimport end_window, report
from telemetry_core.charge.plug cimport FAR_NS, MINUTE_NS, OPEN, WINDOW_NS, Known, Plug

cdef extern from *:
    int lowest_bit "__builtin_ctz" (uint32_t word) noexcept nogil


cdef void pass_timers(Plug* plug, int64_t now_ns) noexcept nogil:
    cdef Known* known = &plug.known
    if known.is_open != OPEN:
        return
    if now_ns >= known.due_ns:
        pass_deadlines(plug, now_ns)
    if now_ns >= known.window_ns or now_ns < known.window_ns - 2 * WINDOW_NS:
        end_window(plug, now_ns)
    if known.below_ns:
        return  # by power: the session is as it was when that fell
    if now_ns - known.minute_ns >= MINUTE_NS:
        known.minute_ns += (now_ns - known.minute_ns) // MINUTE_NS * MINUTE_NS
        report(plug, CHANGE_MINUTE, known.minute_ns)
    elif now_ns < known.minute_ns:
        known.minute_ns = now_ns


cdef void pass_deadlines(Plug* plug, int64_t now_ns) noexcept nogil:
    cdef Known* known = &plug.known
    cdef const PackedDeadline* deadlines = plug.spec.deadlines
    cdef const PackedDeadline* deadline
    cdef int64_t due_ns = FAR_NS
    cdef int64_t since_ns
    cdef int64_t heard_ns
    cdef uint32_t number
    cdef uint32_t left = 0 if known.has_error or plug.spec.records == NULL else plug.spec.due_in[known.phase]
    while left:
        number = lowest_bit(left)
        left &= left - 1
        deadline = &deadlines[number]
        heard_ns = known.heard_ns[deadline.awaited]
        since_ns = known.phase_ns if deadline.since < 0 else known.heard_ns[deadline.since]
        if since_ns and (deadline.is_periodic or not heard_ns) and (heard_ns or not deadline.once_heard):
            since_ns = max(since_ns, heard_ns)
            if known.fired >> number & 1:
                continue
            if now_ns - since_ns > deadline.limit_ns:
                _tell(plug, number, since_ns)
            else:
                due_ns = min(due_ns, since_ns + deadline.limit_ns)
    known.due_ns = due_ns


cdef void _tell(Plug* plug, uint32_t number, int64_t since_ns) noexcept nogil:
    """Report a deadline that counts from since_ns and has passed."""
    cdef Change* change = report(plug, CHANGE_SILENCE, since_ns + plug.spec.deadlines[number].limit_ns)
    plug.known.fired |= <uint32_t>1 << number
    if change != NULL:
        change.number = number
        change.since_ns = since_ns
