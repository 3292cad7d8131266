"""Data sheet of what is measured at a plug; with what takes a sample, which runs for most rows."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from telemetry_core.rows.batch cimport RowHead
from telemetry_core.rules.follow_table cimport Quantities, in_slot
from telemetry_core.rules.plug cimport Known, Measured, Plug
from telemetry_core.rules.told cimport Change

# A session begins: nothing has been measured.
cdef void begin_measuring(Known* known, int64_t now_ns) noexcept nogil
# Add the trapezoids from the side's newest sample to this one. Voltage and current may be NaN: they are not known.
cdef void add_sample(Plug* plug, uint8_t side, double power_w, double voltage_v, double current_a,
                     int64_t now_ns) noexcept nogil
# A side passes the other's newest sample, which is later than its own: until there both are known. The arguments are
# those of add_sample.
cdef void pass_other(Plug* plug, uint8_t side, double power_w, double voltage_v, double current_a,
                     int64_t now_ns) noexcept nogil
# Tell of the window that ends, and begin that of now_ns.
cdef void end_window(Plug* plug, int64_t now_ns) noexcept nogil
# The state of charge has been heard: it may be in another percent.
cdef void hear_percent(Plug* plug, int64_t now_ns) noexcept nogil
# Tell of the percent under way, unless it has been told.
cdef void leave_percent(Plug* plug, int64_t now_ns) noexcept nogil
# Tell with the totals as they are; NULL without memory.
cdef Change* tell(Plug* plug, uint8_t kind, int64_t time_ns) noexcept nogil
# The totals of the session so far, by follow_spec.TOTALS.
cdef void find_totals(const Known* known, double* totals) noexcept nogil


cdef inline bint add_whole_sample(Plug* plug, uint8_t side, const Quantities* found, const uint64_t* row) noexcept nogil:
    # add_sample, of a row that has voltage, current and power and follows such a one without a gap. False: it does not,
    # and nothing is taken.
    cdef Measured* one = plug.measured[side]
    cdef int64_t now_ns = (<const RowHead*>row).time_ns
    cdef int64_t dt_ns = now_ns - one.last_ns
    cdef double half_s
    cdef double value
    if not one.is_whole or <uint64_t>dt_ns > <uint64_t>plug.gap_ns:
        return False
    if plug.others[side].last_ns > one.last_ns:
        pass_other(plug, side, in_slot(row, &found.power), in_slot(row, &found.voltage), in_slot(row, &found.current),
                   now_ns)
    half_s = dt_ns / 2e9
    one.last_ns = now_ns
    one.covered_ns += dt_ns
    value = in_slot(row, &found.power)
    one.sums.ws += (one.power_w + value) * half_s
    one.power_w = value
    if value > one.peak_w:
        one.peak_w = value
    value = in_slot(row, &found.voltage)
    one.sums.vs += (one.voltage_v + value) * half_s
    one.voltage_v = value
    value = in_slot(row, &found.current)
    one.sums.as_ += (one.current_a + value) * half_s
    one.current_a = value
    return True
