"""Data sheet of charges and drives: what rows of a pack, and time that passes, make of them. Bits of Changed come back."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from telemetry_core.health.pack cimport CHARGING, MINUTE_NS, NEVER_NS, Known, Pack

cdef extern from *:
    """
    #define SILENCE_NS (15 * MINUTE_NS)
    """
    const int64_t SILENCE_NS     # ends a charge, and a drive


cdef inline bint is_charge_over(const Known* known, int64_t now_ns) noexcept nogil:
    # Whether no row with this stamp can belong to the charge: a pause is bridged if no current flows out in it.
    return known.state == CHARGING and (
        now_ns - known.charge.end_ns > SILENCE_NS
        or (known.charge.has_flowed_out and now_ns - known.charge.under_ns >= MINUTE_NS))


cdef inline bint is_drive_over(const Known* known, int64_t now_ns) noexcept nogil:
    return known.drive_ns != NEVER_NS and now_ns - known.moved_ns > SILENCE_NS

# Take the pack's current: no charge or drive is over at this stamp.
cdef uint32_t take_current(Pack* pack, double a, int64_t now_ns) noexcept nogil
cdef void take_soc(Pack* pack, double soc_pct, int64_t now_ns) noexcept nogil

# End what is open, since nothing comes any more.
cdef uint32_t end_charge(Known* known) noexcept nogil
cdef uint32_t end_drive(Known* known) noexcept nogil
