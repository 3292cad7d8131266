"""Data sheet of what is measured at a plug; with what takes a sample, which runs for most rows."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from telemetry_core.rules.follow_table cimport CHARGER, METER
from telemetry_core.rules.plug cimport Known, Measured, Plug
from telemetry_core.rules.told cimport Change

# A session begins: nothing has been measured.
cdef void begin_measuring(Known* known, int64_t now_ns) noexcept nogil
# A side's sample does not continue the one before: what is covered begins again.
cdef void begin_again(Known* known, uint8_t side, int64_t now_ns) noexcept nogil
# A side passes the other's newest sample: until there both are known. The arguments are those of add_sample.
cdef void add_common(Known* known, uint8_t side, double power_w, double voltage_v, double current_a,
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


cdef inline void add_sample(Known* known, uint8_t side, double power_w, double voltage_v, double current_a,
                            int64_t now_ns, int64_t gap_ns) noexcept nogil:
    # Add the trapezoids from the side's newest sample to this one. Voltage and current may be NaN.
    cdef Measured* one = &known.measured[side]
    cdef int64_t dt_ns = now_ns - one.last_ns
    cdef double half_s = dt_ns / 2e9
    cdef double volts = one.voltage_v + voltage_v
    cdef double amperes = one.current_a + current_a
    if <uint64_t>dt_ns > <uint64_t>gap_ns:
        begin_again(known, side, now_ns)
    else:
        # whether the other's newest sample is later than this side's, and not later than now
        if side != METER and <uint64_t>(now_ns - known.measured[CHARGER - side].last_ns) < <uint64_t>dt_ns:
            add_common(known, side, power_w, voltage_v, current_a, now_ns)
        one.covered_ns += dt_ns
        one.sums.ws += (one.power_w + power_w) * half_s
        if volts == volts:
            one.sums.vs += volts * half_s
        else:
            one.lacks_v += 2 if dt_ns else 0
        if amperes == amperes:
            one.sums.as_ += amperes * half_s
        else:
            one.lacks_a += 2 if dt_ns else 0
    if not one.peak_w >= power_w:
        one.peak_w = power_w
    one.last_ns = now_ns
    one.power_w = power_w
    one.voltage_v = voltage_v
    one.current_a = current_a
