"""Data sheet of rows of the data model, as what is measured at a plug."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from telemetry_core.rules.follow_table cimport Quantities
from telemetry_core.rules.plug cimport Plug

# Take what the row measures into the session of the plug, if one is open, as of this side; METER: of a third.
cdef void take_reading(Plug* plug, uint8_t side, const Quantities* found, const uint64_t* row) noexcept nogil
# Of this what is not of voltage, current and power.
cdef void take_others(Plug* plug, uint8_t side, const Quantities* found, const uint64_t* row) noexcept nogil
