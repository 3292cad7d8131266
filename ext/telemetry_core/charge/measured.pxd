"""Data sheet of what is measured at a plug; with what takes a sample, which runs for most rows."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from telemetry_core.rows.batch cimport RowHead
from telemetry_core.charge.follow_table cimport Quantities
from telemetry_core.charge.plug cimport NEVER_NS, Common, Known, Mark, Measured, Plug, Sample
from telemetry_core.charge.changes cimport Change

# A session begins: nothing has been measured.
cdef void begin_measuring(Known* known, int64_t now_ns) noexcept nogil
# Add the trapezoids from the side's newest sample to this one. Voltage and current may be NaN: they are not known.
cdef void add_sample(Plug* plug, uint8_t side, double power_w, double voltage_v, double current_a,
                     int64_t now_ns) noexcept nogil
# Report the window that ends, and begin that of now_ns.
cdef void end_window(Plug* plug, int64_t now_ns) noexcept nogil
# The state of charge has been heard: it may be in another percent.
cdef void hear_percent(Plug* plug, int64_t now_ns) noexcept nogil
# Report the percent under way, unless it has been reported.
cdef void leave_percent(Plug* plug, int64_t now_ns) noexcept nogil
# Add a change with the totals as they are; NULL without memory.
cdef Change* report(Plug* plug, uint8_t kind, int64_t time_ns) noexcept nogil
# The totals of the session so far, by follow_spec.TOTALS.
cdef void find_totals(const Known* known, double* totals) noexcept nogil


cdef extern from *:
    """
    typedef double telemetry_pair __attribute__((vector_size(16), aligned(8), may_alias));

    static inline void telemetry_add_pair(double *sums, double *last, const void *now, double half_s) {
        telemetry_pair value = *(const telemetry_pair *)now;
        *(telemetry_pair *)sums += (*(telemetry_pair *)last + value) * half_s;
        *(telemetry_pair *)last = value;
    }
    """
    # Two trapezoids side by side: those of voltage and current.
    void add_pair "telemetry_add_pair"(double* sums, double* last, const void* now, double half_s) noexcept nogil


cdef inline void pass_other(Plug* plug, uint32_t side, const void* values, int64_t now_ns) noexcept nogil:
    # A side passes the other's newest sample, which is later than its own: until there both are known. What stood
    # there is found only when somebody asks. values: voltage, current and power, as doubles.
    cdef const Measured* one = plug.measured[side]
    cdef const Measured* other = plug.others[side]
    cdef Common* common = &plug.known.common
    if other.newest.time_ns > now_ns:
        return
    memcpy(&common.before, &one.newest, sizeof(Sample))
    memcpy(&common.at_before, &one.now, sizeof(Mark))
    memcpy(&common.after, values, 3 * sizeof(double))
    common.after.time_ns = now_ns
    memcpy(&common.at_until_of_other, &other.now, sizeof(Mark))
    common.until_ns = other.newest.time_ns
    common.passing = <uint8_t>side


cdef inline bint add_whole_sample(Plug* plug, uint32_t side, const Quantities* found, const uint64_t* row) noexcept nogil:
    # add_sample, of a row that has voltage, current and power and follows such a one without a gap. False: it does not,
    # or has no power, and nothing is taken.
    cdef Measured* one = plug.measured[side]
    cdef const uint64_t* values = row + found.voltage.word
    cdef int64_t now_ns = (<const RowHead*>row).time_ns
    cdef int64_t dt_ns = now_ns - one.newest.time_ns
    cdef double half_s
    cdef double power_w
    memcpy(&power_w, &values[2], sizeof(double))
    if <uint64_t>dt_ns >= one.reach_ns or power_w == 0:
        return False
    if plug.others[side].newest.time_ns > one.newest.time_ns:
        if plug.known.common.until_ns == NEVER_NS:  # with which what both cover begins
            return False
        pass_other(plug, side, values, now_ns)
    half_s = dt_ns / 2e9
    one.newest.time_ns += dt_ns
    one.covered_ns += dt_ns
    one.now.sums.ws += (one.newest.power_w + power_w) * half_s
    one.newest.power_w = power_w
    if power_w > one.peak_w:
        one.peak_w = power_w
    add_pair(&one.now.sums.vs, &one.newest.voltage_v, values, half_s)
    return True
