"""What is measured at a plug: energies, means and extremes, by side.

Promises:
- Energies are trapezoids over frame time. A gap over `Spec.gap_ns` is never bridged, and each figure has the seconds
  that it covers.
- Differences between vehicle and charger are formed over the time that both cover, split at each other's samples. A
  side's stretch without power counts for none while the other's newest sample has none: contactors may be open.
- Each side has one set of integrals, those of the session. A window or a percent is the difference to where they
  stood when it began. So a sample costs the same with one count and with many.
"""

from libc.math cimport NAN, floor
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.charge.changes cimport CHANGE_PERCENT, CHANGE_WINDOW, TOTAL_COUNT, Change, add_change
from telemetry_core.charge.follow_table cimport CHARGER, METER, PHASE_CHARGING, SIDES, VEHICLE
from telemetry_core.charge.plug cimport (
    NEVER_NS, WINDOW_NS, Common, Known, Mark, Measured, Plug, Sample, Sums, higher, standing,
)


cdef void begin_measuring(Known* known, int64_t now_ns) noexcept nogil:
    cdef Py_ssize_t number
    known.window_ns = (now_ns // WINDOW_NS + 1) * WINDOW_NS
    known.percent = -1
    known.start_soc = known.soc = known.same_soc = known.start_temp = known.temp = known.cell_max = NAN
    known.percent_temp = known.percent_cell_min = known.percent_cell_max = NAN
    known.requested_a = known.requested_v = known.requested_max_a = NAN
    known.window_requested_min = known.window_requested_max = NAN
    known.common.until_ns = known.discharge_ns = NEVER_NS
    for number in range(SIDES):
        known.measured[number].newest.time_ns = NEVER_NS
        known.measured[number].peak_w = NAN


cdef void add_sample(Plug* plug, uint8_t side, double power_w, double voltage_v, double current_a,
                     int64_t now_ns) noexcept nogil:
    cdef Measured* one = plug.measured[side]
    cdef Sample sample = Sample(voltage_v, current_a, power_w, now_ns)
    cdef int64_t dt_ns = now_ns - one.newest.time_ns
    cdef double half_s = dt_ns / 2e9
    cdef double volts = one.newest.voltage_v + voltage_v
    cdef double amperes = one.newest.current_a + current_a
    cdef bint is_idle = not (one.newest.power_w or power_w or plug.others[side].newest.power_w)
    cdef bint is_first
    if <uint64_t>dt_ns > <uint64_t>plug.gap_ns:
        _begin_again(&plug.known, side, now_ns)
    else:
        if plug.others[side].newest.time_ns > one.newest.time_ns and not is_idle:
            is_first = plug.known.common.until_ns == NEVER_NS
            pass_other(plug, side, &sample, now_ns)
            if is_first and plug.known.common.until_ns != NEVER_NS:
                _begin_common(plug)
        one.covered_ns += dt_ns
        one.now.sums.ws += (one.newest.power_w + power_w) * half_s
        if volts == volts:
            one.now.sums.vs += volts * half_s
        elif dt_ns:
            one.now.lacks_v += 2
        if amperes == amperes:
            one.now.sums.as_ += amperes * half_s
        elif dt_ns:
            one.now.lacks_a += 2
        if is_idle:
            _begin_again(&plug.known, side, now_ns)
    one.peak_w = higher(one.peak_w, power_w)
    one.newest = sample
    one.reach_ns = <uint64_t>plug.gap_ns + 1 if voltage_v == voltage_v and current_a == current_a else 0


cdef void _begin_again(Known* known, uint8_t side, int64_t now_ns) noexcept nogil:
    """A side's sample does not continue the one before: what both cover begins again."""
    cdef Measured* one = &known.measured[side]
    cdef Common* common = &known.common
    cdef Measured* other
    one.begin_ns = now_ns
    one.begin = one.now
    if side == METER:
        return
    common.covered_ns = _common_ns(common)
    common.sums[0], common.sums[1] = _common_sums(common, 0), _common_sums(common, 1)
    common.until_ns = NEVER_NS
    other = &known.measured[1 - side]
    if other.newest.time_ns == now_ns:
        common.from_ns = common.until_ns = now_ns
        common.at_from[side] = one.begin
        common.at_from[1 - side] = other.now


cdef void _begin_common(Plug* plug) noexcept nogil:
    """What both sides cover begins, as the first has passed the other."""
    cdef Common* common = &plug.known.common
    cdef uint8_t side = common.passing
    cdef const Measured* other = plug.others[side]
    if other.begin_ns >= common.before.time_ns:  # it began between this side's samples
        common.from_ns = other.begin_ns
        common.at_from[1 - side] = other.begin
    else:
        common.from_ns = common.until_ns
        common.at_from[1 - side] = other.now
    _find_mark(common, common.from_ns, &common.at_from[side])


cdef int64_t _common_ns(const Common* common) noexcept nogil:
    return common.covered_ns + (common.until_ns - common.from_ns if common.until_ns != NEVER_NS else 0)


cdef Sums _common_sums(const Common* common, uint8_t side) noexcept nogil:
    """The integrals of one side over the time that both cover; NaN where not all is known."""
    cdef Mark at_until = common.at_until_of_other
    cdef Sums part
    if common.until_ns == NEVER_NS or common.until_ns == common.from_ns:
        return common.sums[side]
    if side == common.passing:
        _find_mark(common, common.until_ns, &at_until)
    part = _since(&at_until, &common.at_from[side])
    return Sums(common.sums[side].vs + part.vs, common.sums[side].as_ + part.as_, common.sums[side].ws + part.ws)


cdef void _find_mark(const Common* common, int64_t at_ns, Mark* mark) noexcept nogil:
    """Where the integrals of the side that passes stand at a stamp within the straight line between its samples."""
    cdef const Sample* one = &common.before
    cdef const Sample* next = &common.after
    cdef double share = (<double>(at_ns - one.time_ns)) / (<double>(next.time_ns - one.time_ns))
    cdef double half_s = (at_ns - one.time_ns) / 2e9
    cdef double volts = 2 * one.voltage_v + (next.voltage_v - one.voltage_v) * share
    cdef double amperes = 2 * one.current_a + (next.current_a - one.current_a) * share
    cdef uint32_t ends = (at_ns > one.time_ns) + (at_ns == next.time_ns)
    mark[0] = common.at_before
    mark.sums.ws += (2 * one.power_w + (next.power_w - one.power_w) * share) * half_s
    if volts == volts:
        mark.sums.vs += volts * half_s
    else:
        mark.lacks_v += ends
    if amperes == amperes:
        mark.sums.as_ += amperes * half_s
    else:
        mark.lacks_a += ends


cdef inline Sums _since(const Mark* now, const Mark* before) noexcept nogil:
    """The integrals between two marks; NaN where not all is known. An odd count is within what is not."""
    return Sums(now.sums.vs - before.sums.vs if now.lacks_v == before.lacks_v and not now.lacks_v & 1 else NAN,
                now.sums.as_ - before.sums.as_ if now.lacks_a == before.lacks_a and not now.lacks_a & 1 else NAN,
                now.sums.ws - before.sums.ws)


cdef void _find_means(const Measured* one, const Mark* since, double covered_s, double* volts,
                      double* amperes) noexcept nogil:
    """Means over what is covered since the mark; NaN where nothing is, or not all of it is known."""
    cdef Sums part = _since(&one.now, since)
    volts[0] = part.vs / covered_s if covered_s > 0 else NAN
    amperes[0] = part.as_ / covered_s if covered_s > 0 else NAN


cdef void end_window(Plug* plug, int64_t now_ns) noexcept nogil:
    cdef Known* known = &plug.known
    cdef Measured* side
    cdef Change* change
    cdef Py_ssize_t number
    cdef bint has_any = False
    for number in range(SIDES):
        has_any |= known.measured[number].covered_ns > known.measured[number].window_covered_ns
    change = add_change(plug.changes, CHANGE_WINDOW, <uint16_t>plug.channel, known.window_ns) if has_any else NULL
    if change != NULL:
        change.since_ns = known.window_ns - WINDOW_NS
        change.number = known.below_ns != 0
        change.value_count = 14
        for number in range(SIDES):
            side = &known.measured[number]
            change.values[3 * number] = (side.covered_ns - side.window_covered_ns) / 1e9
            _find_means(side, &side.window, change.values[3 * number], &change.values[3 * number + 1], &change.values[3 * number + 2])
        change.values[9] = known.requested_a
        change.values[10] = known.window_requested_min
        change.values[11] = known.window_requested_max
        change.values[12] = known.requested_v
        change.values[13] = known.window_is_charging
    for number in range(SIDES):
        known.measured[number].window_covered_ns = known.measured[number].covered_ns
        known.measured[number].window = known.measured[number].now
    known.window_ns = (now_ns // WINDOW_NS + 1) * WINDOW_NS
    known.window_requested_min = known.window_requested_max = known.requested_a
    known.window_is_charging = known.phase == PHASE_CHARGING and not known.pauses and not known.has_error


cdef void hear_percent(Plug* plug, int64_t now_ns) noexcept nogil:
    cdef Known* known = &plug.known
    cdef int32_t percent = <int32_t>floor(min(max(known.soc, 0.0), 127.0))
    cdef Py_ssize_t number
    if percent == known.percent:
        return
    leave_percent(plug, now_ns)
    known.percent = percent
    known.percent_ns = now_ns
    known.is_fresh = not known.seen_percents[percent // 64] >> (percent % 64) & 1
    known.seen_percents[percent // 64] |= <uint64_t>1 << (percent % 64)
    for number in range(SIDES):
        known.measured[number].percent_covered_ns = known.measured[number].covered_ns
        known.measured[number].percent = known.measured[number].now
    known.percent_temp = known.temp
    known.percent_cell_min = known.percent_cell_max = NAN


cdef void leave_percent(Plug* plug, int64_t now_ns) noexcept nogil:
    cdef Known* known = &plug.known
    cdef Change* change
    cdef Measured* side
    cdef Py_ssize_t number
    if not known.is_fresh:
        return
    known.is_fresh = False
    change = report(plug, CHANGE_PERCENT, now_ns)
    if change == NULL:
        return
    change.number = known.percent
    change.since_ns = known.percent_ns
    change.value_count = 11
    for number in range(2):
        side = &known.measured[number]
        change.values[4 * number] = (side.covered_ns - side.percent_covered_ns) / 1e9
        change.values[4 * number + 1] = (side.now.sums.ws - side.percent.sums.ws) / 3600
        _find_means(side, &side.percent, change.values[4 * number], &change.values[4 * number + 2], &change.values[4 * number + 3])
    change.values[8] = known.percent_temp
    change.values[9] = known.percent_cell_min
    change.values[10] = known.percent_cell_max


cdef Change* report(Plug* plug, uint8_t kind, int64_t time_ns) noexcept nogil:
    cdef Change* change = add_change(plug.changes, kind, <uint16_t>plug.channel, time_ns)
    if change != NULL:
        find_totals(standing(plug), change.totals)
        change.total_count = TOTAL_COUNT
    return change


cdef void find_totals(const Known* known, double* totals) noexcept nogil:
    cdef const Measured* side
    cdef Sums vehicle = _common_sums(&known.common, VEHICLE)
    cdef Sums charger = _common_sums(&known.common, CHARGER)
    cdef Py_ssize_t number
    for number in range(SIDES):
        side = &known.measured[number]
        totals[number] = side.now.sums.ws / 3600
        totals[SIDES + number] = side.covered_ns / 1e9
        totals[2 * SIDES + number] = NAN if side.now.lacks_a else side.now.sums.as_ / 3600
        totals[3 * SIDES + number] = side.peak_w
    totals[12] = _common_ns(&known.common) / 1e9
    totals[13] = vehicle.ws / 3600
    totals[14] = charger.ws / 3600
    totals[15] = charger.as_ - vehicle.as_
    totals[16] = charger.vs - vehicle.vs
    totals[17] = known.start_soc
    totals[18] = known.soc
    totals[19] = known.start_temp
    totals[20] = known.temp
    totals[21] = known.cell_max
    totals[22] = known.requested_max_a
    totals[23] = known.gap_s
    totals[24] = known.discharge_ws / 3600
