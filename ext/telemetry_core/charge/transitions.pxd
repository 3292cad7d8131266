"""Data sheet of what a session goes through: begin, phases, attempts, end, and going on after a start."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from telemetry_core.charge.plug cimport Known, Plug

cdef enum Ends:                  # follow_spec.End
    END_SILENCE = 1
    END_NEXT = 2
    END_FINISHED = 3
    END_BELOW = 4

# Until when the session waits for its next sign, or for power to return; it is over after that.
cdef int64_t awaited_until(const Plug* plug) noexcept nogil
# A session begins, of which nothing is known.
cdef void open_session(Plug* plug, int64_t now_ns) noexcept nogil
cdef void clear(Known* known, int64_t now_ns) noexcept nogil
cdef void enter(Plug* plug, uint8_t phase, int64_t now_ns) noexcept nogil
cdef void begin_attempt(Plug* plug, int64_t now_ns) noexcept nogil
cdef void end_session(Plug* plug, uint32_t why, int64_t at_ns) noexcept nogil
# The session ends, and that of the vehicle which is being recognised begins.
cdef void begin_next(Plug* plug, int64_t start_ns) noexcept nogil
# Nobody listened until now_ns: no deadline has passed meanwhile.
cdef void skip(Known* known, int64_t now_ns) noexcept nogil
# Decide whether what goes on is the session that was saved, once minutes and SOC have been heard.
cdef void judge_restored(Plug* plug, int64_t now_ns) noexcept nogil
# Return whether a state of charge has fallen by so much at most, and risen no faster than the charger raises it in
# `rise_s`, but for what is rounded.
cdef bint is_reachable(const Plug* plug, double from_pct, double soc_pct, double fall_pct, double rise_s) noexcept nogil
# It is.
cdef void go_on(Plug* plug) noexcept nogil
