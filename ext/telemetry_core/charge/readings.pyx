"""Rows of the data model as what is measured at a plug, and sessions that power alone shows.

Promises:
- A row counts for the sides that the follower was given it for: battery and cells for the vehicle, charger for the
  charger, and everything else for the meter.
- Power that is not there is voltage times current. What is not there changes nothing.
- A session by power begins with the first row over the threshold, once power has stayed there for long enough, and
  ends with the first row under it, once it has stayed there. What comes after that row counts only if power returns:
  until then `Plug.saved` is the session as it ends.

Relies on the mapper, which leaves out what is not a finite number: whatever is there is one.
"""

from libc.math cimport INFINITY, NAN, isfinite
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from telemetry_core.rows.batch cimport RowHead
from telemetry_core.rows.schema cimport HEAD_WORDS
from telemetry_core.charge.changes cimport CHANGE_BEGUN, CHANGE_MINUTE
from telemetry_core.charge.deadlines cimport pass_timers
from telemetry_core.charge.follow_table cimport (
    CHARGER, METER, PHASE_CHARGING, PHASE_ENDED, VEHICLE, Place, Quantities, Spec, in_slot,
)
from telemetry_core.charge.measured cimport add_sample, hear_percent, report
from telemetry_core.charge.plug cimport (
    NEVER_NS, NOT_OPEN, NOT_RESTORED, OPEN, OVER_THRESHOLD, SOC_STEP_PCT, STEPPED, UNDECIDED, UNHEARD, WINDOW_NS, Known,
    Measured, Plug, higher, lower,
)
from telemetry_core.charge.transitions cimport (
    END_SILENCE, awaited_until, clear, end_session, enter, go_on, is_reachable, judge_restored, skip,
)

cdef extern from *:
    int lowest_bit "__builtin_ctzll" (uint64_t word) noexcept nogil


cdef double _value(const uint64_t* row, const Place* place) noexcept nogil:
    return in_slot(row, place) if row[HEAD_WORDS] & place.bit else NAN


cdef void take_reading(Plug* plug, uint8_t side, const Quantities* found, const uint64_t* row) noexcept nogil:
    cdef int64_t now_ns = (<const RowHead*>row).time_ns
    cdef double voltage_v = _value(row, &found.voltage)
    cdef double current_a = _value(row, &found.current)
    cdef double power_w = _value(row, &found.power)
    if power_w != power_w:
        power_w = voltage_v * current_a
    if plug.spec.records == NULL:
        if plug.known.is_restored and side == VEHICLE and row[HEAD_WORDS] & found.soc.bit:
            _judge_by_soc(plug, in_slot(row, &found.soc), now_ns)
        if side == plug.spec.side and isfinite(power_w):
            _hear_power(plug, power_w, now_ns)
        else:
            _pass_silence(plug, now_ns)
    if plug.known.is_open == NOT_OPEN:
        return
    if isfinite(power_w):
        add_sample(plug, side, power_w, voltage_v, current_a, now_ns)
    if side != METER and (found.cell_count or has_news(&plug.known, found, row)):
        take_others(plug, side, found, row)
    if plug.known.below_ns == now_ns and plug.known.is_open == OPEN and plug.spec.records == NULL:
        plug.saved = plug.known


cdef void take_others(Plug* plug, uint8_t side, const Quantities* found, const uint64_t* row) noexcept nogil:
    cdef Known* known = &plug.known
    cdef uint64_t there = row[HEAD_WORDS]
    cdef double value
    if there & found.requested_a.bit:
        value = in_slot(row, &found.requested_a)
        known.requested_a = value
        known.requested_max_a = higher(known.requested_max_a, value)
        known.window_requested_min = lower(known.window_requested_min, value)
        known.window_requested_max = higher(known.window_requested_max, value)
    if there & found.requested_v.bit:
        known.requested_v = in_slot(row, &found.requested_v)
    if there & found.discharge_a.bit and side == CHARGER:
        _add_discharge(plug, in_slot(row, &found.discharge_a), (<const RowHead*>row).time_ns)
    if there & found.temp_max.bit and side == VEHICLE:
        value = in_slot(row, &found.temp_max)
        known.temp = value
        if known.start_temp != known.start_temp:
            known.start_temp = value
        known.percent_temp = higher(known.percent_temp, value)
    if there & found.cell_max.bit:
        _take_highest(known, in_slot(row, &found.cell_max))
    if there & found.cell_min.bit:
        known.percent_cell_min = lower(known.percent_cell_min, in_slot(row, &found.cell_min))
    if found.cell_count:
        _take_cells(known, found, row)
    if there & found.soc.bit and side == VEHICLE:
        _take_soc(plug, in_slot(row, &found.soc), (<const RowHead*>row).time_ns)


cdef void _take_cells(Known* known, const Quantities* found, const uint64_t* row) noexcept nogil:
    cdef uint32_t end = found.first_cell + found.cell_count
    cdef uint32_t first = found.first_cell // 64 * 64  # of a word of the mask
    cdef const uint64_t* slots = row + HEAD_WORDS + found.mask_words
    cdef double lowest_v = INFINITY
    cdef double highest_v = -INFINITY
    cdef double value
    cdef uint64_t left
    while first < end:
        left = row[HEAD_WORDS + first // 64]
        if first < found.first_cell:
            left &= <uint64_t>-1 << (found.first_cell - first)
        if end - first < 64:
            left &= (<uint64_t>1 << (end - first)) - 1
        while left:
            memcpy(&value, &slots[first + lowest_bit(left)], sizeof(double))
            lowest_v = value if value < lowest_v else lowest_v
            highest_v = value if value > highest_v else highest_v
            left &= left - 1
        first += 64
    if lowest_v <= highest_v:  # otherwise there is no cell
        known.percent_cell_min = lower(known.percent_cell_min, lowest_v)
        _take_highest(known, highest_v)


cdef void _add_discharge(Plug* plug, double current_a, int64_t now_ns) noexcept nogil:
    """Add the trapezoid up to here, at the voltage that the charger measured last."""
    cdef Known* known = &plug.known
    cdef const Measured* charger = plug.measured[CHARGER]
    cdef uint64_t dt_ns = <uint64_t>(now_ns - known.discharge_ns)
    cdef double power_w = charger.newest.voltage_v * current_a
    if power_w != power_w or <uint64_t>(now_ns - charger.newest.time_ns) > <uint64_t>plug.gap_ns:
        known.discharge_ns = NEVER_NS
        return
    if dt_ns <= <uint64_t>plug.gap_ns:
        known.discharge_ws += (known.discharge_w + power_w) * (dt_ns / 2e9)
    known.discharge_w = power_w
    known.discharge_ns = now_ns


cdef void _take_highest(Known* known, double voltage_v) noexcept nogil:
    known.cell_max = higher(known.cell_max, voltage_v)
    known.percent_cell_max = higher(known.percent_cell_max, voltage_v)


cdef void _take_soc(Plug* plug, double soc_pct, int64_t now_ns) noexcept nogil:
    cdef Known* known = &plug.known
    if known.phase == PHASE_ENDED and known.is_restored == NOT_RESTORED and known.soc == known.soc:
        return  # it may be the next vehicle's already
    known.soc = soc_pct
    known.same_soc = NAN
    known.has_new_soc = True
    if known.is_restored == UNDECIDED or known.is_restored == STEPPED:
        judge_restored(plug, now_ns)
        known.soc = soc_pct  # of the next session, too, if that begins here
    if known.start_soc != known.start_soc or _is_before_charging(plug):  # some is not valid before that
        known.start_soc = soc_pct
    if known.phase == PHASE_CHARGING and known.is_open == OPEN and not known.below_ns:
        hear_percent(plug, now_ns)
        if known.is_restored == NOT_RESTORED:
            known.same_soc = soc_pct


cdef bint _is_before_charging(const Plug* plug) noexcept nogil:
    """Return whether no attempt has charged; by power a session is nothing else."""
    return plug.spec.records != NULL and plug.known.phase < PHASE_CHARGING and plug.known.percent < 0


cdef void _pass_silence(Plug* plug, int64_t now_ns) noexcept nogil:
    if plug.known.is_open and plug.known.is_restored != UNHEARD and now_ns > awaited_until(plug):
        end_session(plug, END_SILENCE, plug.known.last_ns)


cdef void _judge_by_soc(Plug* plug, double soc_pct, int64_t now_ns) noexcept nogil:
    """Decide by a state of charge whether a restored session goes on: a battery neither leaps nor falls in it."""
    cdef double from_pct = plug.known.soc
    cdef double rise_s = (now_ns - plug.saved.last_ns) / 1e9
    if isfinite(from_pct) and not is_reachable(plug, from_pct, soc_pct, SOC_STEP_PCT, rise_s):
        plug.known = plug.saved
        plug.known.is_restored = NOT_RESTORED
        end_session(plug, END_SILENCE, plug.known.last_ns)
        return
    plug.known.has_new_soc = True
    if plug.known.is_restored == UNDECIDED:
        go_on(plug)


cdef void _hear_power(Plug* plug, double power_w, int64_t now_ns) noexcept nogil:
    """A session by power alone begins, goes on or ends."""
    cdef Known* known = &plug.known
    cdef const Spec* spec = plug.spec
    cdef bint is_over = power_w > spec.starts_above_w
    cdef bint is_judged = known.has_new_soc  # since it was restored
    if known.is_open and known.is_restored == UNHEARD:
        known.is_restored = NOT_RESTORED
        if is_over and now_ns >= known.last_ns and not (known.below_ns and now_ns > awaited_until(plug)):
            known.below_ns = 0  # power is back in time
            skip(known, now_ns)
            known.is_restored = UNDECIDED
    if known.is_restored == UNDECIDED and (
            is_judged or not isfinite(known.soc) or not is_over or now_ns - known.restored_ns >= WINDOW_NS):
        go_on(plug)
    _pass_silence(plug, now_ns)
    if known.is_open == OVER_THRESHOLD and (not is_over or now_ns < known.start_ns):
        memset(known, 0, sizeof(Known))
    if not known.is_open:
        if not is_over:
            return
        clear(known, now_ns)
        known.is_open = OVER_THRESHOLD
    if known.is_open == OVER_THRESHOLD and now_ns - known.start_ns >= spec.starts_after_ns:
        known.is_open = OPEN
        report(plug, CHANGE_BEGUN, known.start_ns)
        enter(plug, PHASE_CHARGING, known.start_ns)
        report(plug, CHANGE_MINUTE, known.last_ns)  # whose totals these are
    if is_over:
        known.below_ns = 0
    elif not known.below_ns:
        known.below_ns = now_ns
    known.last_ns = now_ns
    if known.is_restored != UNDECIDED:
        plug.saved.last_ns = now_ns
    pass_timers(plug, now_ns)
