"""The state machine of a plug: what its signs make of a session.

Promises:
- Phases go forward only, until a sign begins the next attempt or session.
- Frame time alone counts. A sign that comes too late ends the session where the one before it was.
- `Known.calm_until_ns` is a stamp only while rows that say that the phase goes on may pass unlooked at: what changes
  the phase, a pause, an error or a wait sets it back, and `hear` finds it again.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from telemetry_core.rows.access cimport has_field
from telemetry_core.rows.batch cimport RowHead
from telemetry_core.rows.schema cimport HEAD_WORDS
from telemetry_core.charge.changes cimport (
    CHANGE_DOUBT, CHANGE_EDITION, CHANGE_ERROR, CHANGE_MINUTE, CHANGE_PAUSED, CHANGE_RESUMED, CHANGE_ROW, CHANGE_STOP,
    CHANGE_UNKNOWN, Change,
)
from telemetry_core.charge.deadlines cimport pass_deadlines, pass_timers
from telemetry_core.charge.follow_table cimport (
    PHASE_CHARGING, PHASE_CONFIGURATION, PHASE_ENDED, PHASE_NONE, PHASE_RECOGNITION, SIGN_AGAIN, SIGN_BEGIN, SIGN_DOUBT, SIGN_ERROR,
    SIGN_HEARD, SIGN_NEW, SIGN_OLD, SIGN_PAUSE, SIGN_RESUME, SIGN_STOP, SIGN_UNKNOWN, Followed, PackedSign, Spec, plain_bits,
)
from telemetry_core.charge.measured cimport report
from telemetry_core.charge.plug cimport (
    GRACE_NS, MINUTE_NS, NOT_RESTORED, OPEN, SECOND_NS, STEPPED, UNDECIDED, UNHEARD, WINDOW_NS, Known, Plug, heard_at,
)
from telemetry_core.charge.transitions cimport (
    END_NEXT, END_SILENCE, begin_attempt, end_session, enter, go_on, judge_restored, open_session, skip,
)

cdef int64_t STRAY_NS = 2 * SECOND_NS  # so long after the end a frame of charging may be late


cdef void hear(Plug* plug, const uint64_t* row, const Followed* followed) noexcept nogil:
    cdef Known* known = &plug.known
    cdef const uint64_t* slots = row + HEAD_WORDS + followed.mask_words
    cdef const PackedSign* signs = plug.spec.signs + followed.first_sign
    cdef int64_t now_ns = (<const RowHead*>row).time_ns
    cdef uint32_t number
    cdef uint8_t phase = 0
    cdef bint is_begin = False
    cdef bint is_again = False
    cdef bint is_alive = False
    cdef bint says_any = False   # in this phase
    cdef uint64_t held = 0       # signs that the row has, as bits
    if _hear_plain(plug, row, followed):
        return
    for number in range(followed.sign_count):
        if _holds(&signs[number], row, slots):
            held |= <uint64_t>1 << number
            is_alive |= signs[number].kind != SIGN_DOUBT and signs[number].kind != SIGN_UNKNOWN
            if _applies(known, &signs[number]):
                phase = max(phase, signs[number].phase)
                is_begin |= signs[number].kind == SIGN_BEGIN
                says_any = True
            is_again |= signs[number].kind == SIGN_AGAIN
    if not held:
        return
    if known.is_restored == UNHEARD and not says_any and known.phase >= PHASE_CHARGING:
        return  # what was left open is not heard of yet: such rows come in any phase
    if known.is_open and is_alive:
        _pass_time(plug, now_ns, phase, is_begin, is_again)
    for number in range(followed.sign_count):
        if held >> number & 1:
            _act(plug, &signs[number], row, slots, now_ns)
    if not (known.is_open and is_alive):
        return
    known.last_ns = now_ns
    if row[HEAD_WORDS] & followed.minutes.bit:
        _hear_minutes(plug, <int32_t>row[followed.minutes.word], now_ns)
    if followed.report_slot >= 0:
        _report_row(plug, row, followed)
    _find_calm(plug, now_ns)


cdef void _find_calm(Plug* plug, int64_t now_ns) noexcept nogil:
    """Find out until when plain rows change nothing else than what is heard; now_ns: of the last sign."""
    cdef Known* known = &plug.known
    known.calm_until_ns = 0
    if (now_ns > 0 and known.is_open == OPEN and known.phase != PHASE_ENDED
            and not (known.has_error or known.is_restored or known.pauses or known.fired & plug.spec.periodic)):
        known.calm_until_ns = min(now_ns + plug.spec.silence_ns, known.window_ns, known.due_ns,
                                  known.minute_ns + MINUTE_NS)
        known.plain = plain_bits(known.phase, known.is_new)


cdef bint _hear_plain(Plug* plug, const uint64_t* row, const Followed* followed) noexcept nogil:
    """Take a plain row that comes when time has passed for something else; false: it may say more."""
    cdef Known* known = &plug.known
    cdef int64_t now_ns = (<const RowHead*>row).time_ns
    if not (known.calm_until_ns and followed.plain & known.plain):
        return False
    if not 0 <= now_ns - known.last_ns <= plug.spec.silence_ns:
        return False
    if row[HEAD_WORDS] & followed.pausing.bit and row[followed.pausing.word] == followed.pausing_value:
        return False
    pass_timers(plug, now_ns)
    if known.fired & plug.spec.periodic:  # it may be what was missed
        return False
    known.heard_ns[followed.plain_slot] = known.last_ns = now_ns
    if row[HEAD_WORDS] & followed.minutes.bit:
        _hear_minutes(plug, <int32_t>row[followed.minutes.word], now_ns)
    _find_calm(plug, now_ns)
    return True


cdef bint _holds(const PackedSign* sign, const uint64_t* row, const uint64_t* slots) noexcept nogil:
    """Return whether the row has what the sign says, whatever the session's phase."""
    cdef uint32_t number
    if sign.field >= 0 and not (has_field(row, sign.field) and slots[sign.field] == sign.value):
        return False
    if sign.lacks >= 0 and has_field(row, sign.lacks):
        return False
    for number in range(sign.first_zero, sign.first_zero + sign.zero_count):
        if not has_field(row, number) or slots[number]:
            return False
    return True


cdef bint _applies(const Known* known, const PackedSign* sign) noexcept nogil:
    """Return whether the sign says anything in this phase, after what has been heard."""
    if known.phase < sign.from_phase or (known.is_open and known.phase > sign.to_phase):
        return False
    if sign.after >= 0 and not known.heard_ns[sign.after]:
        return False
    return sign.unless < 0 or not known.heard_ns[sign.unless]


cdef void _pass_time(Plug* plug, int64_t now_ns, uint8_t phase, bint is_begin, bint is_again) noexcept nogil:
    """A sign comes at now_ns: what has happened until then."""
    cdef Known* known = &plug.known
    cdef const Spec* spec = plug.spec
    cdef int64_t gap_ns = now_ns - known.last_ns
    cdef int64_t silence_ns = spec.reconnect_ns if known.has_error and is_again else spec.silence_ns
    cdef bint is_next = _is_next(known, now_ns, phase, is_begin, is_again)
    cdef bint goes_on = phase >= PHASE_CHARGING and not is_begin and not is_again and not is_next
    if gap_ns < -SECOND_NS:  # the clock has been set back: what has lasted until then is reported, and counts
        report(plug, CHANGE_MINUTE, known.last_ns)
        report(plug, CHANGE_MINUTE, now_ns)
        known.minute_ns = now_ns
    if known.is_restored == UNHEARD and is_next and gap_ns <= silence_ns:
        end_session(plug, END_NEXT, known.last_ns)
        return
    if known.is_restored == UNHEARD and (goes_on or gap_ns <= silence_ns):
        known.is_restored = UNDECIDED if goes_on else NOT_RESTORED
        skip(known, now_ns)
    elif gap_ns > silence_ns:
        if (known.is_restored == UNHEARD or gap_ns <= GRACE_NS or phase != PHASE_CHARGING or known.minutes < 0
                or known.phase != PHASE_CHARGING or known.has_error):
            if known.is_restored != UNHEARD:
                pass_deadlines(plug, known.last_ns + silence_ns)
            end_session(plug, END_SILENCE, known.last_ns)
            return
        plug.saved = known[0]
        known.is_restored = STEPPED
        skip(known, now_ns)
    if known.is_restored == UNDECIDED and phase > PHASE_CHARGING:
        go_on(plug)
    if known.again_ns and (now_ns - known.error_ns > spec.same_error_ns or phase > PHASE_RECOGNITION):
        begin_attempt(plug, known.again_ns)
    if is_next:
        pass_deadlines(plug, now_ns)  # the session ends with the sign before: no minute after that is one of it
        end_session(plug, END_NEXT, known.last_ns)
    else:
        pass_timers(plug, now_ns)


cdef bint _is_next(const Known* known, int64_t now_ns, uint8_t phase, bint is_begin, bint is_again) noexcept nogil:
    """Return whether a sign is of the next session, as this one cannot come back to it. phase: that it leads into."""
    if is_begin and known.phase > PHASE_RECOGNITION:
        return True
    if known.has_error or known.phase < PHASE_CHARGING:
        return False
    if is_again or known.is_restored == UNHEARD and PHASE_RECOGNITION <= phase <= PHASE_CONFIGURATION:
        return True
    return (known.phase == PHASE_ENDED and PHASE_RECOGNITION <= phase <= PHASE_CHARGING
            and (known.is_restored == UNHEARD or now_ns - known.phase_ns > STRAY_NS))


cdef void _act(Plug* plug, const PackedSign* sign, const uint64_t* row, const uint64_t* slots,
               int64_t now_ns) noexcept nogil:
    """Take one sign that the row has into the session, or let it begin one."""
    cdef Known* known = &plug.known
    cdef uint64_t bits = 0
    cdef Change* change
    if sign.kind == SIGN_UNKNOWN:
        if known.unknown_ns[sign.side] == 0 or not 0 <= now_ns - known.unknown_ns[sign.side] <= WINDOW_NS:
            change = report(plug, CHANGE_UNKNOWN, now_ns)
            if change != NULL:
                change.has_row = True
                change.side = sign.side
                change.number = sign.number
        known.unknown_ns[sign.side] = heard_at(now_ns)
        return
    if sign.kind == SIGN_ERROR:
        bits = _reasons(sign, row, slots)
        if not bits:
            return
    if sign.kind == SIGN_BEGIN and not _applies(known, sign):
        return
    if not (_goes_on(plug, sign, now_ns) and _applies(known, sign)):
        return
    if not known.is_open:
        if sign.phase == PHASE_NONE and sign.kind != SIGN_ERROR:
            return
        open_session(plug, now_ns)
    if sign.redeems or not known.heard_ns[sign.slot]:
        if not known.heard_ns[sign.slot]:
            known.due_ns = 0  # another deadline may count from it, and pass earlier
        known.heard_ns[sign.slot] = heard_at(now_ns)
    if known.fired & sign.redeems:
        known.fired &= ~sign.redeems
        known.due_ns = 0
    if sign.phase > known.phase:
        enter(plug, sign.phase, now_ns)
    if sign.kind == SIGN_ERROR:
        if not (known.error_ns and 0 <= heard_at(now_ns) - known.error_ns <= plug.spec.same_error_ns):
            known.errors = 0
            known.has_error = True
        known.error_ns = heard_at(now_ns)
        known.again_ns = 0
        if known.errors & (1 << sign.side) or not known.has_error:  # which the next attempt may still hear
            return
        known.errors |= 1 << sign.side
        known.window_is_charging = False
        change = report(plug, CHANGE_ERROR, now_ns)
    elif sign.kind == SIGN_STOP:
        if known.stops & (1 << sign.side):
            return
        known.stops |= 1 << sign.side
        bits = _reasons(sign, row, slots)
        change = report(plug, CHANGE_STOP, now_ns)
    elif sign.kind == SIGN_PAUSE or sign.kind == SIGN_RESUME:
        _pause(plug, sign, now_ns)
        return
    elif sign.kind == SIGN_OLD or sign.kind == SIGN_NEW:
        if known.is_old or known.is_new and (sign.kind == SIGN_NEW or known.phase >= PHASE_CHARGING):
            return
        known.is_old = sign.kind == SIGN_OLD
        known.is_new = True
        change = report(plug, CHANGE_EDITION, now_ns)
    elif sign.kind == SIGN_DOUBT and not known.was_doubtful:
        known.was_doubtful = True
        change = report(plug, CHANGE_DOUBT, now_ns)
        if change != NULL:
            change.has_row = True
    else:
        return
    if change != NULL:
        change.number = sign.number
        change.side = sign.side
        change.bits = bits


cdef uint64_t _reasons(const PackedSign* sign, const uint64_t* row, const uint64_t* slots) noexcept nogil:
    """The reasons that the row gives, as bits."""
    cdef uint64_t bits = 0
    cdef uint32_t number
    for number in range(sign.reason_count):
        if has_field(row, sign.first_reason + number) and slots[sign.first_reason + number] == 1:
            bits |= <uint64_t>1 << number
    return bits & sign.reason_mask


cdef bint _goes_on(Plug* plug, const PackedSign* sign, int64_t now_ns) noexcept nogil:
    """Let the sign begin the next attempt where it does so; return whether it says more."""
    cdef Known* known = &plug.known
    if not known.is_open:
        return True
    if sign.kind == SIGN_AGAIN:
        if known.has_error:
            if not known.again_ns:
                _remember(plug, now_ns)
                known.again_ns = heard_at(now_ns)
            return False
        if known.phase == PHASE_CONFIGURATION:
            _remember(plug, now_ns)
            begin_attempt(plug, now_ns)
    elif sign.kind == SIGN_HEARD and known.has_error and _is_next_attempt(plug, sign, now_ns):
        if not known.again_ns:
            _remember(plug, now_ns)
        begin_attempt(plug, known.again_ns if known.again_ns else now_ns)
    return True


cdef void _remember(Plug* plug, int64_t now_ns) noexcept nogil:
    """Keep the session as it is before the attempt that begins, which may show another vehicle.

    Where the attempt is the first that is heard since a start, that is the session which was restored.
    """
    if plug.known.is_restored == NOT_RESTORED and plug.known.restored_ns != now_ns:
        plug.saved = plug.known


cdef bint _is_next_attempt(const Plug* plug, const PackedSign* sign, int64_t now_ns) noexcept nogil:
    """Return whether a sign after an error shows the next attempt, though the one that begins it may be lost."""
    cdef const Known* known = &plug.known
    cdef bint is_later = now_ns - known.error_ns > plug.spec.same_error_ns
    cdef bint is_earliest = known.phase < PHASE_RECOGNITION  # the error may be all that was heard
    if sign.phase == PHASE_RECOGNITION:
        return known.again_ns or known.phase > PHASE_RECOGNITION or is_earliest and is_later
    return sign.phase == PHASE_CONFIGURATION and (known.phase > PHASE_CONFIGURATION or is_earliest) and is_later


cdef void _pause(Plug* plug, const PackedSign* sign, int64_t now_ns) noexcept nogil:
    cdef Known* known = &plug.known
    cdef uint8_t before = known.pauses
    cdef Change* change
    if known.is_old or not known.is_new or known.phase != PHASE_CHARGING:
        return
    if sign.kind == SIGN_PAUSE:
        known.pauses |= 1 << sign.side
    else:
        known.pauses &= ~(1 << sign.side)
    if (before == 0) == (known.pauses == 0):
        return
    known.window_is_charging = False
    change = report(plug, CHANGE_RESUMED if before else CHANGE_PAUSED, now_ns)
    if change != NULL:
        change.side = sign.side


cdef void _report_row(Plug* plug, const uint64_t* row, const Followed* followed) noexcept nogil:
    """Report a row that holds something else than the one before."""
    cdef Known* known = &plug.known
    cdef const uint64_t* mask = row + HEAD_WORDS
    cdef uint32_t hashed = 2166136261
    cdef uint32_t before, number
    cdef uint64_t word
    cdef Change* change
    for number in range(followed.mask_words + followed.field_count):
        word = mask[number]
        if number >= followed.mask_words and not has_field(row, number - followed.mask_words):
            word = 0
        hashed = (hashed ^ <uint32_t>(word ^ word >> 32)) * 16777619
    hashed |= 1
    before = known.reported[followed.report_slot]
    if hashed == before or (followed.reports_once and before):
        return
    known.reported[followed.report_slot] = hashed
    change = report(plug, CHANGE_ROW, (<const RowHead*>row).time_ns)
    if change != NULL:
        change.has_row = True
        change.number = (<const RowHead*>row).record
        plug.changes.is_held = True


cdef void _hear_minutes(Plug* plug, int32_t minutes, int64_t now_ns) noexcept nogil:
    plug.known.minutes = minutes
    plug.known.minutes_ns = now_ns
    if plug.known.is_restored == UNDECIDED or plug.known.is_restored == STEPPED:
        judge_restored(plug, now_ns)
