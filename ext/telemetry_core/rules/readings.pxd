"""Data sheet of rows of the data model, as what is measured at a plug; with what finds out whether one says anything new."""

from libc.stdint cimport uint8_t, uint64_t

from telemetry_core.rows.schema cimport HEAD_WORDS
from telemetry_core.rules.follow_table cimport Quantities, in_slot
from telemetry_core.rules.plug cimport Known, Plug

# Take what the row measures into the session of the plug, if one is open, as of this side; METER: of a third.
cdef void take_reading(Plug* plug, uint8_t side, const Quantities* found, const uint64_t* row) noexcept nogil
# Of this what is not of voltage, current and power.
cdef void take_others(Plug* plug, uint8_t side, const Quantities* found, const uint64_t* row) noexcept nogil


cdef inline bint has_news(const Known* known, const Quantities* found, const uint64_t* row) noexcept nogil:
    # Whether take_others would change anything. Slots of fields that are not there hold anything, which does no harm.
    cdef uint64_t there = row[HEAD_WORDS]
    if there & found.requested:
        if in_slot(row, &found.requested_a) != known.requested_a or in_slot(row, &found.requested_v) != known.requested_v:
            return True
    if not there & found.others:
        return False
    if there & found.rare:
        return True
    if there & found.soc.bit and in_slot(row, &found.soc) != known.same_soc:
        return True
    if there & found.cell_max.bit and not in_slot(row, &found.cell_max) <= known.percent_cell_max:
        return True
    return there & found.temp_max.bit and in_slot(row, &found.temp_max) != known.temp
