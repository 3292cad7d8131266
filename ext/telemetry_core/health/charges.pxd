"""Charges and drives of a pack, from its current and its state of charge. Bits of Changed come back.

Promises:
- A charge begins with the first row of 10 s of current over the threshold. It ends once 10 s of such current flow out,
  after 15 min without current, or after 60 s in which some flowed out. Under 120 s, or too small, it is no charge.
- Under the threshold nothing is counted, but in `Net`.
- Charge, energy and time count from the first row with current to the last one.
- A gap up to 60 s between like currents is bridged, and told apart. What lies in any other gap is not counted.
- A drive begins with the first row of 10 s of current out of the pack. It ends after 15 min without current, or when a
  charge is known to have begun.
"""

from libc.math cimport NAN, fabs
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memset

from telemetry_core.health.levels cimport end_stretch, forget_levels, take_steady
from telemetry_core.health.pack cimport (
    BEGUN, CHARGE_BEGUN, CHARGE_ENDED, CHARGING, DRIVE_BEGUN, DRIVE_ENDED, MINUTE_NS, NEVER_NS, NO_CHARGE, RISING,
    SECOND_NS, SILENCE_NS, Charge, Known, Net, Pack, Sums,
)

cdef extern from *:
    """
    #define RISE_NS (10 * SECOND_NS)   /* so long current flows either way before it is a charge, or none */
    #define LEAST_NS (120 * SECOND_NS) /* shorter ones are regeneration */
    #define LIKE 0.05                  /* currents that differ by less, of the larger */
    """
    const int64_t RISE_NS, LEAST_NS
    const double LIKE


cdef inline uint32_t end_charge(Known* known) noexcept nogil:
    # What was counted stays until the next one rises.
    cdef uint32_t found = CHARGE_ENDED if known.state == BEGUN else 0
    if known.state != NO_CHARGE:
        known.charge.still_as = max(known.charge.still_as, known.charge.counted.as_ - known.charge.changed_as)
        known.state = NO_CHARGE
    return found


cdef inline uint32_t end_drive(const Known* known) noexcept nogil:
    return DRIVE_ENDED if known.drive_ns != NEVER_NS else 0


cdef inline uint32_t end_what_is_over(Known* known, int64_t now_ns) noexcept nogil:
    # No row with this stamp can belong to it: a pause is bridged if no current flows out in it.
    cdef const Charge* charge = &known.charge
    cdef uint32_t found = end_drive(known) if now_ns - known.moved_ns > SILENCE_NS else 0
    if known.state >= CHARGING and (now_ns - charge.end_ns > SILENCE_NS or (
            charge.has_flowed_out and now_ns - charge.under_ns >= MINUTE_NS)):
        found |= end_charge(known)
    return found


cdef inline void begin_gap(Known* known) noexcept nogil:
    if not known.is_in_gap:
        known.is_in_gap = True
        known.gap_soc_pct = known.soc_pct


cdef inline void count_current(Pack* pack, double a, int64_t passed_ns) noexcept nogil:
    # The time from the last row to this one, if the current in it is known, or bridged.
    cdef Known* known = pack.known
    cdef Sums* sums = &known.charge.sums
    cdef double before = known.last.a
    cdef double half_s = passed_ns / 2e9
    cdef bint is_bridged = passed_ns > pack.gap_ns
    if is_bridged and not (passed_ns <= MINUTE_NS and before > pack.threshold_a and a > pack.threshold_a
                           and fabs(a - before) <= LIKE * max(a, before)):
        begin_gap(known)
        sums.gap_ns += passed_ns
        return
    known.net.as_ += (before + a) * half_s
    known.net.covered_ns += passed_ns
    before = before if fabs(before) > pack.threshold_a else 0.0
    a = a if fabs(a) > pack.threshold_a else 0.0
    if known.state == NO_CHARGE or not (before or a):
        return
    sums.as_ += (before + a) * half_s
    if is_bridged:
        sums.bridged_as += (before + a) * half_s
    sums.ws += (before * (known.last_v if known.last_v == known.last_v else known.v) + a * known.v) * half_s
    sums.covered_ns += passed_ns
    if known.temp_c == known.temp_c:
        sums.temp_ks += known.temp_c * 2 * half_s
        sums.temp_ns += passed_ns


cdef inline uint32_t take_current_in(Pack* pack, double a, int64_t now_ns) noexcept nogil:
    # A charge rises, or goes on.
    cdef Known* known = pack.known
    cdef Charge* charge = &known.charge
    if known.state == NO_CHARGE:
        memset(charge, 0, sizeof(Charge))
        charge.start_ns = now_ns
        charge.from_pct = charge.highest_pct = charge.to_pct = known.soc_pct
        known.state = RISING
    if charge.under_ns != NEVER_NS and now_ns - charge.under_ns >= MINUTE_NS:
        charge.paused_ns += now_ns - charge.under_ns
    take_steady(pack, a, now_ns)
    charge.counted = charge.sums
    known.net_counted.as_ += known.net.as_
    known.net_counted.covered_ns += known.net.covered_ns
    known.net_counted.gap_pct += known.net.gap_pct
    memset(&known.net, 0, sizeof(Net))
    charge.end_ns = now_ns
    charge.end_a = a
    charge.highest_a = max(charge.highest_a, a)
    charge.under_ns = NEVER_NS
    charge.has_flowed_out = False
    if known.state == RISING and now_ns - charge.start_ns >= RISE_NS:
        known.state = CHARGING
        forget_levels(pack)
    if known.state == BEGUN or now_ns - charge.start_ns < LEAST_NS or charge.counted.as_ < pack.least_as:
        return 0
    known.state = BEGUN
    return end_drive(known) | CHARGE_BEGUN


cdef inline uint32_t take_current(Pack* pack, double a, int64_t now_ns) noexcept nogil:
    # After `end_what_is_over`, and after `Known.last`.
    cdef Known* known = pack.known
    cdef Charge* charge = &known.charge
    cdef int64_t passed_ns = now_ns - known.last.time_ns
    cdef bint is_in = a > pack.threshold_a
    cdef bint is_out = a < -pack.threshold_a
    cdef uint32_t found = 0
    if known.state == RISING and (not is_in or passed_ns > MINUTE_NS):
        known.state = NO_CHARGE
    if known.last.time_ns != NEVER_NS:
        count_current(pack, a, passed_ns)
    if not is_out:
        known.out_ns = NEVER_NS
    elif known.out_ns == NEVER_NS or passed_ns > MINUTE_NS:
        known.out_ns = now_ns
    if is_in or is_out:
        known.moved_ns = now_ns
        known.idle_ns = NEVER_NS
    elif known.idle_ns == NEVER_NS:
        known.idle_ns = now_ns
    if is_in:
        found = take_current_in(pack, a, now_ns)
    else:
        end_stretch(pack)
        if known.state >= CHARGING and charge.under_ns == NEVER_NS:
            charge.under_ns = now_ns
        if known.state >= CHARGING and is_out:
            charge.has_flowed_out = True
            if now_ns - known.out_ns >= RISE_NS or now_ns - charge.under_ns >= MINUTE_NS:
                found = end_charge(known)
    if is_out and now_ns - known.out_ns >= RISE_NS and known.drive_ns == NEVER_NS:
        known.drive_ns = known.out_ns
        found |= DRIVE_BEGUN
    known.previous = known.last
    known.last.a, known.last.time_ns = a, now_ns
    known.last_v = known.v
    return found


cdef inline void take_soc(Known* known, double soc_pct, int64_t now_ns) noexcept nogil:
    cdef Charge* charge = &known.charge
    cdef double step
    if known.is_in_gap:
        known.net.gap_pct += fabs(soc_pct - known.gap_soc_pct)
        known.is_in_gap = False
    known.soc_pct = soc_pct
    if known.state == NO_CHARGE or known.out_ns != NEVER_NS:  # what flows out is no charge's
        return
    if charge.from_pct != charge.from_pct and now_ns - charge.start_ns <= RISE_NS:
        charge.from_pct = soc_pct
    step = soc_pct - charge.to_pct
    if step != 0 and step == step:
        if fabs(step) > fabs(charge.step_pct):
            charge.step_pct, charge.step_as = step, charge.sums.as_ - charge.changed_as
        charge.still_as = max(charge.still_as, charge.sums.as_ - charge.changed_as)
        charge.changed_as = charge.sums.as_
    if not soc_pct <= charge.highest_pct:
        charge.highest_pct = soc_pct
    charge.fell_pct = max(charge.fell_pct, charge.highest_pct - soc_pct)
    charge.to_pct, charge.to_ns = soc_pct, now_ns
