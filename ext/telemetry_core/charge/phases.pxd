"""Data sheet of the state machine of a plug."""

from libc.stdint cimport uint64_t

from telemetry_core.charge.follow_table cimport Followed
from telemetry_core.charge.plug cimport Plug

# Take a row of messages that `followed` says what is to be looked for in.
cdef void hear(Plug* plug, const uint64_t* row, const Followed* followed) noexcept nogil
