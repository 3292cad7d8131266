"""Data sheet of rows of the data model, as what is measured at a plug; with what finds out whether one says anything new."""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp

from telemetry_core.rows.schema cimport HEAD_WORDS
from telemetry_core.charge.follow_table cimport Place, Quantities, in_slot
from telemetry_core.charge.plug cimport Known, Plug

# Take what the row measures into the session of the plug, if one is open, as of this side; METER: of a third.
cdef void take_reading(Plug* plug, uint8_t side, const Quantities* found, const uint64_t* row) noexcept nogil
# Of this what is not of voltage, current and power.
cdef void take_others(Plug* plug, uint8_t side, const Quantities* found, const uint64_t* row) noexcept nogil


cdef inline bint is_other(const uint64_t* row, const Place* place, const double* known) noexcept nogil:
    return memcmp(&row[place.word], known, sizeof(double)) != 0


cdef inline bint asks_otherwise(const Known* known, const Quantities* found, const uint64_t* row) noexcept nogil:
    return (is_other(row, &found.requested_a, &known.requested_a)
            or is_other(row, &found.requested_v, &known.requested_v))


cdef inline bint has_news(const Known* known, const Quantities* found, const uint64_t* row) noexcept nogil:
    # Whether take_others would change anything; not of a row of cells. Slots of fields that are not there hold anything,
    # which does no harm.
    cdef uint64_t there = row[HEAD_WORDS]
    if there & found.requested and asks_otherwise(known, found, row):
        return True
    if not there & found.others:
        return False
    if there & found.rare:
        return True
    if there & found.soc.bit and is_other(row, &found.soc, &known.same_soc):
        return True
    if there & found.cell_max.bit and not in_slot(row, &found.cell_max) <= known.percent_cell_max:
        return True
    return there & found.temp_max.bit and is_other(row, &found.temp_max, &known.temp)
