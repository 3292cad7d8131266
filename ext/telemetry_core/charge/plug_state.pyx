"""The state of a plug, handed out and taken back: its struct as bytes, after what these bytes depend on.

Promises:
- Bytes of another version, layout or protocol are refused, and change nothing. Indexes of the schema are in none.
- A session that is open goes on only once the bus has shown that it is the same one (`phases.judge_restored`).
- A clock that was wrong is mended in one place: `move` knows every stamp.
"""

from libc.math cimport NAN
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from telemetry_core.charge.changes cimport TOTAL_COUNT
from telemetry_core.charge.measured cimport find_totals
from telemetry_core.charge.follow_table cimport SIDES, SLOTS
from telemetry_core.charge.plug cimport NEVER_NS, NOT_RESTORED, UNHEARD, WINDOW_NS, Known

from zlib import crc32

_VERSION = 5


cdef bytes _layout():
    return crc32(f"{_VERSION} {sizeof(Known)}".encode()).to_bytes(4, "little")


cdef bytes state_head(spec, records):
    return _layout() + crc32(spec.kept_by(records).encode()).to_bytes(4, "little")


cdef bytes packed(bytes head, const Known* known):
    return head + (<const char*>known)[:sizeof(Known)]


cdef bint unpack(bytes head, state, Known* known) except -1:
    if state[:len(head)] != head or len(state) != len(head) + <Py_ssize_t>sizeof(Known):
        return False
    cdef bytes body = bytes(state[len(head):])
    memcpy(known, <const char*>body, sizeof(Known))
    known.is_restored = UNHEARD if known.is_open else NOT_RESTORED
    known.calm_until_ns = 0
    known.same_soc = NAN
    return True


def totals_in(bytes state not None):
    """Return the totals of the session in a `state`, by `follow_spec.TOTALS`; () if they are not known."""
    cdef Known known
    cdef double[TOTAL_COUNT] totals
    cdef bytes layout = _layout()
    cdef bytes body = state[2 * len(layout):]
    if state[:len(layout)] != layout or len(body) != <Py_ssize_t>sizeof(Known):
        return ()
    memcpy(&known, <const char*>body, sizeof(Known))
    find_totals(&known, totals)
    return tuple([totals[number] for number in range(TOTAL_COUNT)])


cdef void move(Known* known, int64_t by_ns) noexcept nogil:
    cdef Py_ssize_t number
    cdef int64_t* stamps[12]
    stamps[0], stamps[1], stamps[2] = &known.start_ns, &known.last_ns, &known.phase_ns
    stamps[3], stamps[4], stamps[5] = &known.error_ns, &known.again_ns, &known.minute_ns
    stamps[6], stamps[7], stamps[8] = &known.percent_ns, &known.unknown_ns[0], &known.unknown_ns[1]
    stamps[9], stamps[10], stamps[11] = &known.minutes_ns, &known.restored_ns, &known.below_ns
    for number in range(12):
        if stamps[number][0]:
            stamps[number][0] += by_ns
    for number in range(SLOTS):
        if known.heard_ns[number]:
            known.heard_ns[number] += by_ns
    for number in range(SIDES):
        known.measured[number].begin_ns += by_ns
        if known.measured[number].newest.time_ns != NEVER_NS:
            known.measured[number].newest.time_ns += by_ns
    if known.common.until_ns != NEVER_NS:
        known.common.from_ns += by_ns
        known.common.until_ns += by_ns
        known.common.before.time_ns += by_ns
        known.common.after.time_ns += by_ns
    if known.discharge_ns != NEVER_NS:
        known.discharge_ns += by_ns
    known.window_ns = (known.last_ns // WINDOW_NS + 1) * WINDOW_NS
    known.due_ns = known.calm_until_ns = 0
