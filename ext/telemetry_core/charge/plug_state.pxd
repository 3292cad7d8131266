"""Data sheet of the state of a plug as bytes."""

from libc.stdint cimport int64_t

from telemetry_core.charge.plug cimport Known

# What the bytes of a plug that follows `spec` begin with.
cdef bytes state_head(spec, records)
cdef bytes packed(bytes head, const Known* known)
# Return whether `state` is of this kind; otherwise `known` is as before.
cdef bint unpack(bytes head, state, Known* known) except -1
# Add `by_ns` to all stamps that are known.
cdef void move(Known* known, int64_t by_ns) noexcept nogil
