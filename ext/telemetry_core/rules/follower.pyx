"""The follower: charging sessions as a listener sees them, from rows of messages and of the data model.

Promises:
- It tells transitions only: a phase, an attempt, an error, a stop, one percent, ten seconds, one minute. It changes
  nothing.
- What it tells depends on the rows alone, by their stamps and their order, and not on how they were batched.
- Phases go forward only, until a sign begins the next attempt or session.
- Energies are trapezoids of power over frame time. A gap over 2 s is never bridged. Differences between vehicle and
  charger are formed over the time that both cover.
- The state of a plug is one struct, whose bytes go on in another process (`state`, `restore`).
- It does not hold the GIL, and makes Python objects for transitions only.

Relies on rows of one schema: of messages, in which it looks for signs, and modelled ones, which the mapper puts right
after the message that they come from.
"""

cimport cython
from libc.math cimport NAN, floor, isfinite
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from telemetry_core.rows.access cimport get_double, has_field, slots_of
from telemetry_core.rows.batch cimport ROW_OTHER_SENDER, RowHead, SampleBatch
from telemetry_core.rows.schema cimport HEAD_WORDS, Record, Schema

from typing import NamedTuple
from zlib import crc32

from telemetry_core.rules.follow_spec import PowerSpec, SignKind, Tell

cdef enum:
    CHANNELS = 65536
    VEHICLE = 0
    CHARGER = 1
    METER = 2

cdef enum FollowedPhases:
    PHASE_NONE = 0
    PHASE_RECOGNITION = 2
    PHASE_CONFIGURATION = 3
    PHASE_CHARGING = 4
    PHASE_ENDED = 6

cdef enum SignKinds:
    SIGN_HEARD = 0
    SIGN_BEGIN = 1
    SIGN_AGAIN = 2
    SIGN_ERROR = 3
    SIGN_STOP = 4
    SIGN_PAUSE = 5
    SIGN_RESUME = 6
    SIGN_OLD = 7
    SIGN_DOUBT = 8
    SIGN_UNKNOWN = 9
    SIGN_NEW = 10

cdef enum ToldKinds:
    TOLD_BEGUN = 1
    TOLD_PHASE = 2
    TOLD_ATTEMPT = 3
    TOLD_ERROR = 4
    TOLD_STOP = 5
    TOLD_SILENCE = 6
    TOLD_PAUSED = 7
    TOLD_RESUMED = 8
    TOLD_ROW = 9
    TOLD_PERCENT = 10
    TOLD_WINDOW = 11
    TOLD_MINUTE = 12
    TOLD_DOUBT = 13
    TOLD_UNKNOWN = 14
    TOLD_ENDED = 15
    TOLD_RESTORED = 16
    TOLD_EDITION = 17

cdef enum Ends:
    END_SILENCE = 1
    END_NEXT = 2
    END_FINISHED = 3
    END_BELOW = 4

cdef enum Restored:
    NOT_RESTORED = 0
    UNHEARD = 1                  # nothing has come since
    UNDECIDED = 2                # charging goes on: is it the same session?
    STEPPED = 3                  # so it does after a silence: has the clock been set?

cdef int64_t SECOND_NS = 1_000_000_000
cdef int64_t WINDOW_NS = 10 * SECOND_NS
cdef int64_t MINUTE_NS = 60 * SECOND_NS
cdef int64_t GRACE_NS = 120 * SECOND_NS  # of the charger's minutes, which it may round as it likes
cdef int64_t FAR_NS = 9_223_372_036_854_775_807

_STATE_VERSION = 2
_WORD = (1 << 64) - 1


class Transition(NamedTuple):
    """What a row shows of the plug on `channel`; the numbers' meanings are those of `follow_spec.Told`.

    row: the number of the row in its batch that shows it, -1 without one. time_ns: when it was, which may be earlier.
    values: by `follow_spec.PERCENT` or `WINDOW`; totals: of the session so far, by `TOTALS`. NaN: not known.
    raw: the row's slots by field, of a row that is told.
    """

    row: int
    time_ns: int
    channel: int
    kind: int
    number: int
    side: int
    bits: int
    since_ns: int
    values: tuple
    totals: tuple
    raw: object


def _bits(*fields):
    return sum(1 << field for field in fields if 0 <= field < 64)


cdef void* _zeroed(Py_ssize_t count, size_t size) except NULL:
    cdef void* memory = calloc(max(count, 1), size)
    if memory == NULL:
        raise MemoryError
    return memory


cdef inline int64_t _heard_at(int64_t now_ns) noexcept nogil:
    """A stamp that is kept: 0 stands for never."""
    return now_ns if now_ns else 1


cdef inline double _max(double known, double value) noexcept nogil:
    return value if not known >= value else known


cdef inline double _min(double known, double value) noexcept nogil:
    return value if not known <= value else known


cdef inline double _value(const uint64_t* row, uint32_t mask_words, int32_t field) noexcept nogil:
    return get_double(row, mask_words, field) if field >= 0 and has_field(row, field) else NAN


@cython.final
cdef class Follower:
    """Follows rows of `schema` by FollowSpecs and PowerSpecs. Raises ValueError when one does not fit the schema."""

    def __cinit__(self, Schema schema not None, specs):
        self.schema = schema
        self.specs_given = tuple(specs)
        self.spec_count = len(self.specs_given)
        self.specs = <Spec*>_zeroed(self.spec_count, sizeof(Spec))
        self.models = <ModelFields*>_zeroed(schema.record_count, sizeof(ModelFields))
        self.is_watched = <uint8_t*>_zeroed(schema.record_count, sizeof(uint8_t))
        for number, spec in enumerate(schema.specs):
            if spec.modelled and spec.measurement in ("battery", "cells", "charger", "meter"):
                self._find_fields(number, spec)
        for number, given in enumerate(self.specs_given):
            self._pack(&self.specs[<size_t>number], given)
        self.state_heads = [
            _state_shape() + crc32(repr(given).encode()).to_bytes(4, "little") for given in self.specs_given]

    def __dealloc__(self):
        cdef Py_ssize_t number
        for number in range(self.spec_count):
            free(self.specs[number].records)
            free(self.specs[number].signs)
            free(self.specs[number].deadlines)
        free(self.specs)
        free(self.models)
        free(self.is_watched)
        free(self.plugs)
        free(self.saved)
        free(self.spec_of_plug)
        free(self.channel_of_plug)
        free(self.plug_of_channel)
        free(self.route_of_tags)
        free(self.changes)

    def _find_fields(self, number, spec):
        cdef ModelFields* fields = &self.models[<size_t>number]
        places = {field.name: place for place, field in enumerate(spec.fields)}
        fields.voltage = places.get("voltage_v", -1)
        fields.current = places.get("current_a", -1)
        fields.power = places.get("power_w", -1)
        fields.soc = places.get("soc_pct", -1)
        fields.temp_max = places.get("temp_max_c", -1)
        fields.cell_max = places.get("cell_max_v", -1)
        fields.cell_min = places.get("cell_min_v", -1)
        fields.requested_v = places.get("requested_voltage_v", -1)
        fields.requested_a = places.get("requested_current_a", -1)
        cells = [place for name, place in places.items() if spec.measurement == "cells" and name[0] == "v"]
        fields.first_cell = min(cells, default=0)
        fields.cell_count = len(cells)
        fields.electrical = _bits(fields.voltage, fields.current, fields.power)
        fields.requested = _bits(fields.requested_v, fields.requested_a)
        fields.others = _bits(fields.soc, fields.temp_max, fields.cell_max, fields.cell_min, *cells)
        if len(spec.fields) > 64:  # one word of the mask does not say what is there
            fields.electrical = fields.requested = fields.others = _WORD
        fields.side = {"charger": CHARGER, "meter": METER}.get(spec.measurement, VEHICLE)
        fields.is_followed = True

    cdef object _pack(self, Spec* spec, given):
        if isinstance(given, PowerSpec):
            spec.side = given.side
            spec.starts_above_w = given.starts_above_w
            spec.starts_after_ns = given.starts_after_ns
            spec.ends_after_ns = given.ends_after_ns
            spec.gap_ns = given.gap_ns
            return
        spec.silence_ns = given.silence_ns
        spec.reconnect_ns = given.reconnect_ns
        spec.same_error_ns = given.same_error_ns
        spec.gap_ns = given.gap_ns
        slots = {}
        last = {deadline.awaited for deadline in given.deadlines if deadline.is_periodic}
        for deadline in given.deadlines:
            for sign in (deadline.awaited, deadline.since):
                if sign >= 0:
                    slots.setdefault(sign, len(slots))
        for sign in given.signs:
            if sign.unless >= 0:
                slots.setdefault(sign.unless, len(slots))
        if len(slots) > SLOTS or len(given.deadlines) > 32 or len(given.tells) > TELLS:
            raise ValueError(f"{given.name} has more deadlines or told records than there is room for")
        spec.records = <Followed*>_zeroed(self.schema.record_count, sizeof(Followed))
        cdef Py_ssize_t number
        for number in range(self.schema.record_count):
            spec.records[number].tell = spec.records[number].minutes = -1
        spec.signs = <PackedSign*>_zeroed(len(given.signs), sizeof(PackedSign))
        cdef uint32_t count = 0
        cdef PackedSign* packed
        for place, sign in sorted(enumerate(given.signs), key=lambda pair: pair[1].record):
            if not 0 <= sign.record < self.schema.record_count:
                raise ValueError(f"{sign.name}: record {sign.record} is not one of {self.schema.record_count}")
            fields = self.schema.records[<size_t>sign.record].field_count
            if max(sign.field, sign.lacks, sum(sign.zeros) - 1, sum(sign.reasons) - 1) >= fields or sign.reasons[1] > 64:
                raise ValueError(f"{sign.name}: it has {fields} fields")
            packed = &spec.signs[count]
            packed.number = place
            packed.record = sign.record
            packed.side = sign.side
            packed.phase = sign.phase
            packed.kind = sign.kind
            packed.field = sign.field
            packed.value = <uint64_t>(sign.value & _WORD)
            packed.lacks = sign.lacks
            packed.first_zero, packed.zero_count = sign.zeros
            packed.first_reason, packed.reason_count = sign.reasons
            packed.reason_mask = sign.reason_mask
            packed.from_phase = sign.from_phase
            packed.to_phase = sign.to_phase
            packed.unless = slots[sign.unless] if sign.unless >= 0 else -1
            packed.slot = slots.get(place, -1)
            packed.is_last = place in last
            if packed.slot >= 0 and sign.kind == SignKind.BEGIN:
                spec.begins[packed.slot] = True
            if spec.records[packed.record].signs.count == 0:
                spec.records[packed.record].signs.first = count
            spec.records[packed.record].signs.count += 1
            self.is_watched[packed.record] = True
            count += 1
        for number in range(self.schema.record_count):
            spec.records[number].is_plain = _is_plain(spec, &spec.records[number].signs)
        spec.deadlines = <PackedDeadline*>_zeroed(len(given.deadlines), sizeof(PackedDeadline))
        spec.deadline_count = len(given.deadlines)
        for place, deadline in enumerate(given.deadlines):
            spec.deadlines[<size_t>place] = PackedDeadline(
                deadline.limit_ns, slots[deadline.awaited], slots[deadline.since] if deadline.since >= 0 else -1,
                deadline.first_phase, deadline.last_phase, deadline.is_periodic, deadline.once_heard)
        for place, (record, tell) in enumerate(given.tells):
            spec.records[<size_t>record].tell = place
            spec.records[<size_t>record].is_plain = False
            spec.records[<size_t>record].tells_once = tell == Tell.ONCE
        if given.minutes[0] >= 0:
            spec.records[<size_t>given.minutes[0]].minutes = given.minutes[1]

    @property
    def specs(self):
        """The specs, as they were given."""
        return self.specs_given

    def bind(self, channel, spec):
        """Follow the rows of `channel` by specs[spec]. Forget what was known of it.

        Rows of messages count by their channel, modelled ones by their tag set: see `route`.
        Raises ValueError for a channel over 65535.
        """
        if not 0 <= channel < CHANNELS:
            raise ValueError(f"channel {channel} is not one of {CHANNELS}")
        self._add_plug(channel, spec)

    def route(self, tags, channel, *, is_own):
        """Take modelled rows with the tag set `tags` as what is measured at the plug on `channel`.

        is_own: by its two ends: battery and cells by the vehicle, charger by the charger; otherwise, as that of a meter,
        by a third.
        """
        cdef Py_ssize_t plug = self._plug(channel)
        cdef Route* route
        cdef Py_ssize_t number
        cdef Py_ssize_t count
        if tags >= self.tag_count:
            count = tags + 1
            self.route_of_tags = <Route*>_grown(self.route_of_tags, count * sizeof(Route))
            memset(self.route_of_tags + self.tag_count, 0, (count - self.tag_count) * sizeof(Route))
            self.tag_count = count
        route = &self.route_of_tags[<size_t>tags]
        for number in range(route.count):
            if route.plugs[number] == plug:
                route.is_own[number] = is_own
                return
        if route.count == ROUTES:
            raise ValueError(f"tag set {tags} is measured at more than {ROUTES} plugs")
        route.plugs[route.count] = plug
        route.is_own[route.count] = is_own
        route.count += 1

    cdef Py_ssize_t _plug(self, channel) except -1:
        if not 0 <= channel < self.channel_count or self.plug_of_channel[<size_t>channel] < 0:
            raise ValueError(f"channel {channel} is not followed")
        return self.plug_of_channel[<size_t>channel]

    cdef object _add_plug(self, Py_ssize_t channel, Py_ssize_t spec):
        cdef Py_ssize_t number
        cdef Py_ssize_t count
        if not 0 <= spec < self.spec_count:
            raise ValueError(f"spec {spec} is not one of {self.spec_count}")
        if channel >= self.channel_count:
            count = channel + 1
            self.plug_of_channel = <int32_t*>_grown(self.plug_of_channel, count * sizeof(int32_t))
            for number in range(self.channel_count, count):
                self.plug_of_channel[number] = NO_PLUG
            self.channel_count = count
        if self.plug_of_channel[channel] == NO_PLUG:
            count = self.plug_count + 1
            self.plugs = <Plug*>_grown(self.plugs, count * sizeof(Plug))
            self.saved = <Plug*>_grown(self.saved, count * sizeof(Plug))
            self.spec_of_plug = <int32_t*>_grown(self.spec_of_plug, count * sizeof(int32_t))
            self.channel_of_plug = <uint16_t*>_grown(self.channel_of_plug, count * sizeof(uint16_t))
            self.channel_of_plug[self.plug_count] = channel
            self.plug_of_channel[channel] = self.plug_count
            self.plug_count = count
        number = self.plug_of_channel[channel]
        memset(&self.plugs[number], 0, sizeof(Plug))
        self.spec_of_plug[number] = spec

    def follow(self, SampleBatch samples not None):
        """Return the transitions that these rows make, in their order.

        Raises ValueError unless the rows are of this follower's schema.
        """
        if samples.schema is not self.schema:
            raise ValueError("the rows are of another schema than the follower's")
        self.change_count = 0
        with nogil:
            self._run(samples)
        return self._transitions(samples)

    def due(self, channel, now_ns):
        """Return what ends on `channel` since its signs have been silent for too long at `now_ns`, in frame time."""
        cdef Py_ssize_t number = self._plug(channel)
        cdef Plug* plug = &self.plugs[number]
        self.change_count = 0
        self.row = -1
        if plug.is_open and now_ns - plug.last_ns > self._silence_ns(number):
            if plug.is_restored != UNHEARD:  # otherwise nobody listened when they passed
                self._deadlines(number, plug.last_ns + self._silence_ns(number))
            self._end(number, END_SILENCE, plug.last_ns)
        return self._transitions(None)

    def look(self, channel):
        """Return the session that is open on `channel` as it is, as a MINUTE of its last sign; otherwise nothing."""
        cdef Py_ssize_t number = self._plug(channel)
        self.change_count = 0
        self.row = -1
        if self.plugs[number].is_open == 1:
            self._tell(number, TOLD_MINUTE, self.plugs[number].last_ns)
        return self._transitions(None)

    def move(self, channel, by_ns):
        """Add `by_ns` to all stamps that are known of the plug on `channel`: its clock was wrong by so much."""
        cdef Py_ssize_t number = self._plug(channel)
        _move(&self.plugs[number], by_ns)
        _move(&self.saved[number], by_ns)

    def finish(self, channel, end_ns):
        """Return what ends on `channel`, since no row comes any more. end_ns: stamp of the newest frame of all."""
        cdef Py_ssize_t number = self._plug(channel)
        cdef Plug* plug = &self.plugs[number]
        self.change_count = 0
        self.row = -1
        if plug.is_open:
            if plug.again_ns and end_ns - plug.error_ns > self.specs[self.spec_of_plug[number]].same_error_ns:
                self._next_attempt(number, plug.again_ns)
            silent = end_ns - plug.last_ns > self._silence_ns(number)
            self._deadlines(number, min(end_ns, plug.last_ns + self._silence_ns(number)))
            self._end(number, END_SILENCE if silent else END_FINISHED, plug.last_ns)
        return self._transitions(None)

    def _silence_ns(self, Py_ssize_t number):
        cdef Spec* spec = &self.specs[self.spec_of_plug[number]]
        if spec.records == NULL:
            return max(spec.ends_after_ns, WINDOW_NS)
        return spec.reconnect_ns if self.plugs[number].has_error else spec.silence_ns

    def last_ns(self, channel):
        """Return the stamp of the last sign on `channel`; 0: none yet."""
        return self.plugs[self._plug(channel)].last_ns

    def is_open(self, channel):
        """Return whether a session is open on `channel`."""
        return self.plugs[self._plug(channel)].is_open == 1

    def state(self, channel):
        """Return what is known of the plug on `channel`, for `restore` in this or another process."""
        cdef Py_ssize_t number = self._plug(channel)
        return self._state_head(number) + (<char*>&self.plugs[number])[:sizeof(Plug)]

    def restore(self, channel, state):
        """Go on where `state` was made. Return whether it is of this kind: nothing is known otherwise."""
        cdef Py_ssize_t number = self._plug(channel)
        head = self._state_head(number)
        if state[:len(head)] != head or len(state) != len(head) + sizeof(Plug):
            return False
        cdef bytes body = bytes(state[len(head):])
        memcpy(&self.plugs[number], <char*>body, sizeof(Plug))
        self.plugs[number].is_restored = UNHEARD if self.plugs[number].is_open else NOT_RESTORED
        self.saved[number] = self.plugs[number]
        return True

    def _state_head(self, Py_ssize_t number):
        """What the bytes of a plug depend on."""
        return self.state_heads[self.spec_of_plug[number]]

    cdef object _transitions(self, SampleBatch samples):
        if self.is_short_of_memory:
            raise MemoryError
        cdef size_t number
        cdef Change* change
        found = []
        for number in range(self.change_count):
            change = &self.changes[number]
            raw = samples.row_at(change.at).raw if change.has_row else None
            found.append(Transition(
                change.row, change.time_ns, change.channel, change.kind, change.number, change.side, change.bits,
                change.since_ns, tuple([change.values[place] for place in range(change.value_count)]),
                tuple([change.totals[place] for place in range(TOTAL_COUNT)]), raw))
        return found

    cdef void _run(self, SampleBatch samples) noexcept nogil:
        cdef const uint64_t* row
        cdef const RowHead* head
        cdef const Route* route
        cdef const ModelFields* model
        cdef const Followed* followed
        cdef const Record* records = self.schema.records
        cdef Spec* spec
        cdef Py_ssize_t number
        cdef int32_t plug
        self.at = 0
        for number in range(samples.rows):
            row = samples.words + self.at
            head = <const RowHead*>row
            self.row = number
            model = &self.models[head.record]
            if model.is_followed:
                if head.tags < self.tag_count and self.route_of_tags[head.tags].count:
                    self._measured_row(&self.route_of_tags[head.tags], model, row)
            elif self.is_watched[head.record] and head.channel < self.channel_count:
                plug = self.plug_of_channel[head.channel]
                if plug >= 0 and not head.id & ROW_OTHER_SENDER:
                    spec = &self.specs[self.spec_of_plug[plug]]
                    if spec.records != NULL and spec.records[head.record].signs.count:
                        followed = &spec.records[head.record]
                        if not (followed.is_plain and self._take_plain(&self.plugs[plug], spec, row, followed)):
                            self._protocol_row(plug, row, followed)
            self.at += records[head.record].row_words
        self.at = 0

    cdef bint _take_plain(self, Plug* plug, const Spec* spec, const uint64_t* row,
                          const Followed* followed) noexcept nogil:
        """Take a row that says that the phase goes on; false: it may say more, and nothing is taken of it."""
        cdef const PackedSign* sign = &spec.signs[followed.signs.first]
        cdef const uint64_t* slots = slots_of(self.schema, row)
        cdef int64_t now_ns = (<const RowHead*>row).time_ns
        cdef uint32_t number
        cdef uint8_t kind
        if plug.is_open != 1 or plug.has_error or plug.is_restored or plug.phase < sign.phase:
            return False
        if now_ns < plug.last_ns or now_ns - plug.last_ns > spec.silence_ns:
            return False
        if now_ns >= plug.due_ns or now_ns >= plug.window_ns or now_ns - plug.minute_ns >= MINUTE_NS:
            return False
        for number in range(1, followed.signs.count):
            kind = sign[number].kind
            if ((kind == SIGN_PAUSE or kind == SIGN_RESUME and plug.pauses or not plug.is_new
                    and (kind == SIGN_OLD or kind == SIGN_NEW)) and self._holds(plug, &sign[number], row, slots)):
                return False
        if sign.slot >= 0 and (sign.is_last or not plug.heard_ns[sign.slot]):
            plug.heard_ns[sign.slot] = _heard_at(now_ns)
        plug.last_ns = now_ns
        if followed.minutes >= 0 and has_field(row, followed.minutes):
            plug.minutes = <int32_t>slots[followed.minutes]
            plug.minutes_ns = now_ns
        return True

    cdef void _protocol_row(self, Py_ssize_t plug_number, const uint64_t* row, const Followed* followed) noexcept nogil:
        cdef Plug* plug = &self.plugs[plug_number]
        cdef Spec* spec = &self.specs[self.spec_of_plug[plug_number]]
        cdef const uint64_t* slots = slots_of(self.schema, row)
        cdef int64_t now_ns = (<const RowHead*>row).time_ns
        cdef uint32_t number
        cdef const PackedSign* sign
        cdef uint8_t phase = 0
        cdef bint is_begin = False
        cdef bint is_again = False
        cdef uint64_t held = 0       # signs that the row has, as bits
        cdef bint is_alive = False
        for number in range(followed.signs.first, followed.signs.first + followed.signs.count):
            sign = &spec.signs[number]
            if self._holds(plug, sign, row, slots):
                held |= <uint64_t>1 << (number - followed.signs.first)
                is_alive |= sign.kind != SIGN_DOUBT and sign.kind != SIGN_UNKNOWN
                phase = max(phase, sign.phase)
                is_begin |= sign.kind == SIGN_BEGIN
                is_again |= sign.kind == SIGN_AGAIN
        if not held:
            return
        if plug.is_open and is_alive:
            self._pass_time(plug_number, now_ns, phase, is_begin, is_again)
        for number in range(followed.signs.first, followed.signs.first + followed.signs.count):
            sign = &spec.signs[number]
            if held >> (number - followed.signs.first) & 1:
                self._act(plug_number, sign, row, slots, now_ns)
        if not (plug.is_open and is_alive):
            return
        plug.last_ns = now_ns
        if followed.minutes >= 0 and has_field(row, followed.minutes):
            self._hear_minutes(plug_number, <int32_t>slots[followed.minutes], now_ns)
        if followed.tell >= 0:
            self._tell_row(plug_number, row, followed)

    cdef bint _holds(self, const Plug* plug, const PackedSign* sign, const uint64_t* row,
                     const uint64_t* slots) noexcept nogil:
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

    cdef void _pass_time(self, Py_ssize_t plug_number, int64_t now_ns, uint8_t phase, bint is_begin,
                         bint is_again) noexcept nogil:
        """A sign comes at now_ns: what has happened until then."""
        cdef Plug* plug = &self.plugs[plug_number]
        cdef Spec* spec = &self.specs[self.spec_of_plug[plug_number]]
        cdef int64_t gap_ns = now_ns - plug.last_ns
        cdef int64_t silence_ns = spec.reconnect_ns if plug.has_error and is_again else spec.silence_ns
        cdef bint goes_on = phase >= PHASE_CHARGING and not is_begin and not is_again
        if gap_ns < -SECOND_NS:  # the clock has been set back: what has lasted until then is told, and counts
            self._tell(plug_number, TOLD_MINUTE, plug.last_ns)
            self._tell(plug_number, TOLD_MINUTE, now_ns)
            plug.minute_ns = now_ns
        if plug.is_restored == UNHEARD and (goes_on or gap_ns <= silence_ns):
            plug.is_restored = UNDECIDED if goes_on else NOT_RESTORED
            self._skip(plug, now_ns)
        elif gap_ns > silence_ns:
            if (plug.is_restored == UNHEARD or gap_ns <= GRACE_NS or phase != PHASE_CHARGING or plug.minutes < 0
                    or plug.phase != PHASE_CHARGING or plug.has_error):
                if plug.is_restored != UNHEARD:
                    self._deadlines(plug_number, plug.last_ns + silence_ns)
                self._end(plug_number, END_SILENCE, plug.last_ns)
                return
            self.saved[plug_number] = plug[0]
            plug.is_restored = STEPPED
            self._skip(plug, now_ns)
        if plug.is_restored == UNDECIDED and phase > PHASE_CHARGING:
            self._go_on(plug_number)
        if plug.again_ns and (now_ns - plug.error_ns > spec.same_error_ns or phase > PHASE_RECOGNITION):
            self._next_attempt(plug_number, plug.again_ns)
        self._timers(plug_number, now_ns)

    cdef void _skip(self, Plug* plug, int64_t now_ns) noexcept nogil:
        """Nobody listened until now_ns: no deadline has passed meanwhile."""
        cdef int64_t gap_ns = now_ns - plug.last_ns
        cdef Py_ssize_t slot
        for slot in range(SLOTS):
            if plug.heard_ns[slot]:
                plug.heard_ns[slot] += gap_ns
        plug.gap_s += max(gap_ns, 0) / 1e9
        plug.has_new_soc = False
        plug.due_ns = 0
        plug.restored_ns = plug.last_ns = plug.minute_ns = now_ns
        plug.window_is_charging = False

    cdef void _act(self, Py_ssize_t plug_number, const PackedSign* sign, const uint64_t* row, const uint64_t* slots,
                   int64_t now_ns) noexcept nogil:
        cdef Plug* plug = &self.plugs[plug_number]
        cdef Spec* spec = &self.specs[self.spec_of_plug[plug_number]]
        cdef uint64_t bits = 0
        cdef uint32_t number
        cdef Change* change
        if sign.kind == SIGN_UNKNOWN:
            if plug.unknown_ns[sign.side] == 0 or not 0 <= now_ns - plug.unknown_ns[sign.side] <= WINDOW_NS:
                change = self._tell(plug_number, TOLD_UNKNOWN, now_ns)
                if change != NULL:
                    change.has_row = True
                    change.side = sign.side
                    change.number = sign.number
            plug.unknown_ns[sign.side] = _heard_at(now_ns)
            return
        for number in range(sign.reason_count):
            if has_field(row, sign.first_reason + number) and slots[sign.first_reason + number] == 1:
                bits |= sign.reason_mask & <uint64_t>1 << number
        if sign.kind == SIGN_ERROR and not (bits and plug.is_open):
            return
        if sign.kind == SIGN_BEGIN and plug.is_open and plug.phase > PHASE_RECOGNITION:
            self._end(plug_number, END_NEXT, plug.last_ns)
        elif sign.kind == SIGN_AGAIN and plug.is_open:
            if plug.has_error:
                if not plug.again_ns:
                    plug.again_ns = _heard_at(now_ns)
                return
            if plug.phase >= PHASE_CHARGING:
                self._end(plug_number, END_NEXT, plug.last_ns)
            elif plug.phase == PHASE_CONFIGURATION:
                self._next_attempt(plug_number, now_ns)
        elif plug.has_error and sign.kind == SIGN_HEARD and self._is_next_attempt(plug, spec, sign, now_ns):
            self._next_attempt(plug_number, plug.again_ns if plug.again_ns else now_ns)
        if plug.phase < sign.from_phase or (plug.is_open and plug.phase > sign.to_phase):
            return
        if sign.unless >= 0 and plug.heard_ns[sign.unless]:
            return
        if not plug.is_open:
            if sign.phase == PHASE_NONE:
                return
            self._open(plug_number, now_ns)
        if sign.slot >= 0 and (sign.is_last or not plug.heard_ns[sign.slot]):
            plug.heard_ns[sign.slot] = _heard_at(now_ns)
        if sign.phase > plug.phase:
            self._enter(plug_number, sign.phase, now_ns)
        if sign.kind == SIGN_ERROR:
            if plug.error_ns and 0 <= _heard_at(now_ns) - plug.error_ns <= spec.same_error_ns:
                plug.again_ns = 0
                plug.error_ns = _heard_at(now_ns)
                return
            plug.error_ns = _heard_at(now_ns)
            plug.again_ns = 0
            plug.has_error = True
            plug.window_is_charging = False
            change = self._tell(plug_number, TOLD_ERROR, now_ns)
        elif sign.kind == SIGN_STOP:
            if plug.stops & (1 << sign.side):
                return
            plug.stops |= 1 << sign.side
            change = self._tell(plug_number, TOLD_STOP, now_ns)
        elif sign.kind == SIGN_PAUSE or sign.kind == SIGN_RESUME:
            self._pause(plug_number, sign, now_ns)
            return
        elif sign.kind == SIGN_OLD or sign.kind == SIGN_NEW:
            if plug.is_old or plug.is_new and (sign.kind == SIGN_NEW or plug.phase >= PHASE_CHARGING):
                return
            plug.is_old = sign.kind == SIGN_OLD
            plug.is_new = True
            change = self._tell(plug_number, TOLD_EDITION, now_ns)
        elif sign.kind == SIGN_DOUBT and not plug.was_doubtful:
            plug.was_doubtful = True
            change = self._tell(plug_number, TOLD_DOUBT, now_ns)
            if change != NULL:
                change.has_row = True
        else:
            return
        if change != NULL:
            change.number = sign.number
            change.side = sign.side
            change.bits = bits

    cdef bint _is_next_attempt(self, const Plug* plug, const Spec* spec, const PackedSign* sign,
                               int64_t now_ns) noexcept nogil:
        """Return whether a sign after an error shows the next attempt, though the one that begins it may be lost."""
        if sign.phase == PHASE_RECOGNITION:
            return plug.again_ns or plug.phase > PHASE_RECOGNITION
        return (sign.phase == PHASE_CONFIGURATION and plug.phase > PHASE_CONFIGURATION
                and now_ns - plug.error_ns > spec.same_error_ns)

    cdef void _pause(self, Py_ssize_t plug_number, const PackedSign* sign, int64_t now_ns) noexcept nogil:
        cdef Plug* plug = &self.plugs[plug_number]
        cdef uint8_t before = plug.pauses
        cdef Change* change
        if plug.is_old or not plug.is_new or plug.phase != PHASE_CHARGING:
            return
        if sign.kind == SIGN_PAUSE:
            plug.pauses |= 1 << sign.side
        else:
            plug.pauses &= ~(1 << sign.side)
        if (before == 0) == (plug.pauses == 0):
            return
        plug.window_is_charging = False
        change = self._tell(plug_number, TOLD_RESUMED if before else TOLD_PAUSED, now_ns)
        if change != NULL:
            change.side = sign.side

    cdef void _open(self, Py_ssize_t plug_number, int64_t now_ns) noexcept nogil:
        self._clear(&self.plugs[plug_number], now_ns)
        self._tell(plug_number, TOLD_BEGUN, now_ns)

    cdef void _clear(self, Plug* plug, int64_t now_ns) noexcept nogil:
        """An open session that begins at now_ns, of which nothing is known."""
        cdef int64_t[2] unknown
        cdef Py_ssize_t number
        unknown[0], unknown[1] = plug.unknown_ns[0], plug.unknown_ns[1]
        memset(plug, 0, sizeof(Plug))
        plug.unknown_ns[0], plug.unknown_ns[1] = unknown[0], unknown[1]
        plug.is_open = 1
        plug.attempt = 1
        plug.start_ns = plug.last_ns = plug.phase_ns = plug.minute_ns = now_ns
        plug.window_ns = (now_ns // WINDOW_NS + 1) * WINDOW_NS
        plug.percent = plug.minutes = -1
        plug.start_soc = plug.soc = plug.start_temp = plug.temp = plug.cell_max = NAN
        plug.percent_temp = plug.percent_cell_min = plug.percent_cell_max = NAN
        plug.requested_a = plug.requested_v = plug.requested_max_a = NAN
        plug.window_requested_min = plug.window_requested_max = NAN
        for number in range(SIDES):
            plug.measured[number].peak_w = NAN

    cdef void _end(self, Py_ssize_t plug_number, uint32_t why, int64_t at_ns) noexcept nogil:
        cdef Plug* plug = &self.plugs[plug_number]
        cdef Change* change
        cdef int64_t[2] unknown
        if plug.is_restored == UNDECIDED or plug.is_restored == STEPPED:
            plug.is_restored = NOT_RESTORED
        if plug.again_ns and why != END_FINISHED:
            self._next_attempt(plug_number, plug.again_ns)
        if plug.is_open == 1:
            self._leave_percent(plug_number, at_ns)
            change = self._tell(plug_number, TOLD_ENDED, at_ns)
            if change != NULL:
                change.number = why
        unknown[0], unknown[1] = plug.unknown_ns[0], plug.unknown_ns[1]
        memset(plug, 0, sizeof(Plug))
        plug.unknown_ns[0], plug.unknown_ns[1] = unknown[0], unknown[1]

    cdef void _enter(self, Py_ssize_t plug_number, uint8_t phase, int64_t now_ns) noexcept nogil:
        cdef Plug* plug = &self.plugs[plug_number]
        cdef Change* change
        if phase > PHASE_CHARGING:
            self._leave_percent(plug_number, now_ns)  # what is measured from here on is no charging
        plug.phase = phase
        plug.phase_ns = now_ns
        plug.due_ns = 0
        plug.fired = 0
        plug.window_is_charging = False
        if phase != PHASE_CHARGING:
            plug.pauses = 0
        if phase == PHASE_CONFIGURATION and not plug.has_error:
            plug.error_ns = 0  # an error from here on is a new one, even where all stamps are equal
        change = self._tell(plug_number, TOLD_PHASE, now_ns)
        if change != NULL:
            change.number = phase

    cdef void _next_attempt(self, Py_ssize_t plug_number, int64_t now_ns) noexcept nogil:
        cdef Plug* plug = &self.plugs[plug_number]
        cdef Spec* spec = &self.specs[self.spec_of_plug[plug_number]]
        cdef Py_ssize_t slot
        cdef Change* change
        plug.attempt += 1
        plug.again_ns = 0
        plug.has_error = False
        plug.stops = 0
        plug.pauses = 0
        plug.minutes = -1
        for slot in range(SLOTS):
            if not spec.begins[slot]:
                plug.heard_ns[slot] = 0
        change = self._tell(plug_number, TOLD_ATTEMPT, now_ns)
        if change != NULL:
            change.number = plug.attempt
        plug.phase = PHASE_NONE
        self._enter(plug_number, PHASE_RECOGNITION, now_ns)

    cdef void _timers(self, Py_ssize_t plug_number, int64_t now_ns) noexcept nogil:
        """Tell of deadlines, windows and minutes that have passed until now_ns."""
        cdef Plug* plug = &self.plugs[plug_number]
        if plug.is_open != 1:
            return
        if now_ns >= plug.due_ns:
            self._deadlines(plug_number, now_ns)
        if now_ns >= plug.window_ns or now_ns < plug.window_ns - 2 * WINDOW_NS:
            self._end_window(plug_number, now_ns)
        if now_ns - plug.minute_ns >= MINUTE_NS:
            plug.minute_ns += (now_ns - plug.minute_ns) // MINUTE_NS * MINUTE_NS
            self._tell(plug_number, TOLD_MINUTE, plug.minute_ns)
        elif now_ns < plug.minute_ns:
            plug.minute_ns = now_ns

    cdef void _end_window(self, Py_ssize_t plug_number, int64_t now_ns) noexcept nogil:
        cdef Plug* plug = &self.plugs[plug_number]
        cdef Measured* side
        cdef Change* change
        cdef Py_ssize_t number
        cdef bint has_any = False
        for number in range(SIDES):
            has_any |= plug.measured[number].window_s > 0
        change = self._tell(plug_number, TOLD_WINDOW, plug.window_ns) if has_any else NULL
        if change != NULL:
            change.since_ns = plug.window_ns - WINDOW_NS
            change.value_count = 14
            for number in range(SIDES):
                side = &plug.measured[number]
                change.values[3 * number] = side.window_s
                change.values[3 * number + 1] = side.window_vs / side.window_s if side.window_s > 0 else NAN
                change.values[3 * number + 2] = side.window_as / side.window_s if side.window_s > 0 else NAN
            change.values[9] = plug.requested_a
            change.values[10] = plug.window_requested_min
            change.values[11] = plug.window_requested_max
            change.values[12] = plug.requested_v
            change.values[13] = plug.window_is_charging
        for number in range(SIDES):
            side = &plug.measured[number]
            side.window_s = side.window_vs = side.window_as = 0
        plug.window_ns = (now_ns // WINDOW_NS + 1) * WINDOW_NS
        plug.window_requested_min = plug.window_requested_max = plug.requested_a
        plug.window_is_charging = plug.phase == PHASE_CHARGING and not plug.pauses and not plug.has_error

    cdef void _deadlines(self, Py_ssize_t plug_number, int64_t now_ns) noexcept nogil:
        """Tell of those that have passed at now_ns, and find the next."""
        cdef Plug* plug = &self.plugs[plug_number]
        cdef Spec* spec = &self.specs[self.spec_of_plug[plug_number]]
        cdef PackedDeadline* deadline
        cdef Change* change
        cdef int64_t since_ns
        cdef int64_t heard_ns
        cdef int64_t limit_ns
        cdef uint32_t number
        plug.due_ns = FAR_NS
        if plug.has_error or spec.records == NULL:
            return
        for number in range(spec.deadline_count):
            deadline = &spec.deadlines[number]
            if not deadline.first_phase <= plug.phase <= deadline.last_phase:
                continue
            heard_ns = plug.heard_ns[deadline.awaited]
            if heard_ns and not deadline.is_periodic or not heard_ns and deadline.once_heard:
                continue
            since_ns = plug.phase_ns if deadline.since < 0 else plug.heard_ns[deadline.since]
            if not since_ns:
                continue
            since_ns = max(since_ns, heard_ns)
            limit_ns = deadline.limit_ns
            if plug.fired & (1 << number):
                if not heard_ns or now_ns - heard_ns > limit_ns:
                    continue
                plug.fired &= ~(<uint32_t>1 << number)
            if now_ns - since_ns > limit_ns:
                plug.fired |= <uint32_t>1 << number
                change = self._tell(plug_number, TOLD_SILENCE, since_ns + limit_ns)
                if change != NULL:
                    change.number = number
                    change.since_ns = since_ns
                if deadline.is_periodic:
                    plug.due_ns = min(plug.due_ns, now_ns + SECOND_NS)
            else:
                plug.due_ns = min(plug.due_ns, since_ns + limit_ns)

    cdef void _tell_row(self, Py_ssize_t plug_number, const uint64_t* row, const Followed* followed) noexcept nogil:
        cdef Plug* plug = &self.plugs[plug_number]
        cdef Record* record = &self.schema.records[(<const RowHead*>row).record]
        cdef uint32_t hashed = 2166136261
        cdef uint32_t number
        cdef uint64_t word
        cdef const uint64_t* mask = row + HEAD_WORDS
        cdef Change* change
        for number in range(record.mask_words + record.field_count):
            word = mask[number]
            if number >= record.mask_words and not has_field(row, number - record.mask_words):
                word = 0
            hashed = (hashed ^ <uint32_t>(word ^ word >> 32)) * 16777619
        hashed |= 1
        if hashed == plug.told[followed.tell] or (followed.tells_once and plug.told[followed.tell]):
            return
        plug.told[followed.tell] = hashed
        change = self._tell(plug_number, TOLD_ROW, (<const RowHead*>row).time_ns)
        if change != NULL:
            change.has_row = True
            change.number = (<const RowHead*>row).record

    cdef void _hear_minutes(self, Py_ssize_t plug_number, int32_t minutes, int64_t now_ns) noexcept nogil:
        cdef Plug* plug = &self.plugs[plug_number]
        plug.minutes = minutes
        plug.minutes_ns = now_ns
        if plug.is_restored == UNDECIDED or plug.is_restored == STEPPED:
            self._judge_restored(plug_number, now_ns)

    cdef void _judge_restored(self, Py_ssize_t plug_number, int64_t now_ns) noexcept nogil:
        """Decide whether what goes on is the session that was saved, once minutes and SOC have been heard."""
        cdef Plug* plug = &self.plugs[plug_number]
        cdef Plug* saved = &self.saved[plug_number]
        cdef bint is_same = True
        cdef bint has_minutes = plug.minutes_ns != saved.minutes_ns
        cdef int64_t since_ns = saved.minutes_ns if saved.minutes >= 0 else saved.last_ns
        cdef int64_t grown_ns = (plug.minutes - max(saved.minutes, 0)) * MINUTE_NS
        if has_minutes and plug.is_restored == STEPPED:
            is_same = 0 <= grown_ns <= MINUTE_NS
        elif has_minutes and (saved.minutes != 0 or saved.minutes_ns - saved.phase_ns < GRACE_NS):
            is_same = -GRACE_NS <= now_ns - since_ns - grown_ns <= GRACE_NS
        if plug.has_new_soc and isfinite(saved.soc):
            is_same = is_same and plug.soc >= saved.soc
        if is_same and not (has_minutes and plug.has_new_soc) and now_ns - plug.restored_ns < WINDOW_NS:
            return
        if is_same:
            self._go_on(plug_number)
            return
        plug[0] = saved[0]
        plug.is_restored = NOT_RESTORED
        self._end(plug_number, END_SILENCE, plug.last_ns)
        self._open(plug_number, now_ns)
        self._enter(plug_number, PHASE_CHARGING, now_ns)

    cdef void _go_on(self, Py_ssize_t plug_number) noexcept nogil:
        cdef Plug* plug = &self.plugs[plug_number]
        cdef Change* change
        plug.is_restored = NOT_RESTORED
        change = self._tell(plug_number, TOLD_RESTORED, plug.restored_ns)
        if change != NULL:
            change.since_ns = self.saved[plug_number].last_ns

    cdef void _measured_row(self, const Route* route, const ModelFields* fields, const uint64_t* row) noexcept nogil:
        """Take the row to its plugs: where a protocol shows the session, power alone shows no second one."""
        cdef Py_ssize_t number
        cdef bint is_shown = False
        for number in range(route.count):
            if self.specs[self.spec_of_plug[route.plugs[number]]].records != NULL and self.plugs[route.plugs[number]].is_open:
                is_shown = True
                self._model_row(route.plugs[number], route.is_own[number], fields, row)
        for number in range(route.count):
            if self.specs[self.spec_of_plug[route.plugs[number]]].records == NULL:
                if not is_shown or self.plugs[route.plugs[number]].is_open == 1:
                    self._model_row(route.plugs[number], route.is_own[number], fields, row)

    cdef void _model_row(self, Py_ssize_t plug_number, bint is_own, const ModelFields* fields,
                         const uint64_t* row) noexcept nogil:
        """Take what the row measures into the session, if one is open."""
        cdef Plug* plug = &self.plugs[plug_number]
        cdef Spec* spec = &self.specs[self.spec_of_plug[plug_number]]
        cdef int64_t now_ns = (<const RowHead*>row).time_ns
        cdef uint32_t words = self.schema.records[(<const RowHead*>row).record].mask_words
        cdef uint8_t side = fields.side if is_own else METER
        cdef uint64_t there = row[HEAD_WORDS] if words == 1 else ~<uint64_t>0
        cdef double voltage = NAN
        cdef double current = NAN
        cdef double power = NAN
        cdef double value
        cdef uint32_t number
        if there & fields.electrical:
            voltage = _value(row, words, fields.voltage)
            current = _value(row, words, fields.current)
            power = _value(row, words, fields.power)
            if power != power:
                power = voltage * current
        if not is_own and fields.side == CHARGER:
            return
        if spec.records == NULL and side == spec.side and isfinite(power):
            self._power_session(plug_number, power, now_ns)
        if not plug.is_open:
            return
        if isfinite(power):
            self._sample(plug_number, side, power, voltage, current, now_ns)
        if side == METER:
            return
        if there & fields.requested:
            value = _value(row, words, fields.requested_a)
            if isfinite(value):
                plug.requested_a = value
                plug.requested_max_a = _max(plug.requested_max_a, value)
                plug.window_requested_min = _min(plug.window_requested_min, value)
                plug.window_requested_max = _max(plug.window_requested_max, value)
            value = _value(row, words, fields.requested_v)
            if isfinite(value):
                plug.requested_v = value
        if not there & fields.others:
            return
        value = _value(row, words, fields.temp_max)
        if side == VEHICLE and isfinite(value):
            plug.temp = value
            if plug.start_temp != plug.start_temp:
                plug.start_temp = value
            plug.percent_temp = _max(plug.percent_temp, value)
        value = _value(row, words, fields.cell_max)
        if isfinite(value):
            plug.cell_max = _max(plug.cell_max, value)
            plug.percent_cell_max = _max(plug.percent_cell_max, value)
        value = _value(row, words, fields.cell_min)
        if isfinite(value):
            plug.percent_cell_min = _min(plug.percent_cell_min, value)
        for number in range(fields.first_cell, fields.first_cell + fields.cell_count):
            value = _value(row, words, number)
            if isfinite(value):
                plug.percent_cell_min = _min(plug.percent_cell_min, value)
                plug.percent_cell_max = _max(plug.percent_cell_max, value)
                plug.cell_max = _max(plug.cell_max, value)
        value = _value(row, words, fields.soc)
        if side == VEHICLE and isfinite(value):
            plug.soc = value
            plug.has_new_soc = True
            if plug.is_restored == UNDECIDED or plug.is_restored == STEPPED:
                self._judge_restored(plug_number, now_ns)
                plug.soc = value  # of the next session, too, if that begins here
            if plug.start_soc != plug.start_soc or plug.phase < PHASE_CHARGING:  # some is not valid before that
                plug.start_soc = value
            if plug.phase == PHASE_CHARGING and plug.is_open == 1:
                self._percent(plug_number, now_ns)

    cdef void _sample(self, Py_ssize_t plug_number, uint8_t side, double power_w, double voltage_v, double current_a,
                      int64_t now_ns) noexcept nogil:
        """Add the trapezoid from the side's last sample to this one."""
        cdef Plug* plug = &self.plugs[plug_number]
        cdef Measured* one = &plug.measured[side]
        cdef int64_t dt_ns = now_ns - one.last_ns
        cdef bint is_covered = one.has_sample and 0 <= dt_ns <= self.specs[self.spec_of_plug[plug_number]].gap_ns
        cdef double dt_s = dt_ns / 1e9
        cdef double ws = (one.power_w + power_w) / 2 * dt_s
        cdef double vs = (one.voltage_v + voltage_v) / 2 * dt_s
        cdef double as_ = (one.current_a + current_a) / 2 * dt_s
        if is_covered:
            one.energy_ws += ws
            one.covered_s += dt_s
            one.charge_as += as_
            one.window_s += dt_s
            one.window_vs += vs
            one.window_as += as_
            if plug.is_fresh:
                one.percent_s += dt_s
                one.percent_ws += ws
                one.percent_vs += vs
                one.percent_as += as_
        if side != METER:
            self._compare(plug, side, Sample(now_ns, power_w, voltage_v, current_a), is_covered)
        one.peak_w = _max(one.peak_w, power_w)
        one.has_sample = True
        one.last_ns = now_ns
        one.power_w = power_w
        one.voltage_v = voltage_v
        one.current_a = current_a

    cdef void _compare(self, Plug* plug, uint8_t side, Sample new, bint is_covered) noexcept nogil:
        """Add the time that this side covers now and the other has covered already to what both cover."""
        cdef Measured* one = &plug.measured[side]
        cdef Measured* other = &plug.measured[1 - side]
        cdef Sample last = Sample(one.last_ns, one.power_w, one.voltage_v, one.current_a)
        cdef int64_t until_ns = other.last_ns
        cdef int64_t from_ns
        cdef Sums part
        cdef double sign = 1 if side == CHARGER else -1
        if not is_covered:
            one.ahead_from_ns = new.time_ns
            one.ahead = Sums(0, 0, 0)
            if other.has_sample and (not one.has_sample or until_ns > one.last_ns):
                other.ahead_from_ns = until_ns
                other.ahead = Sums(0, 0, 0)
            return
        if not other.has_sample or not last.time_ns < until_ns <= new.time_ns:
            part = _part(&last, &new, last.time_ns, new.time_ns)
            one.ahead = Sums(one.ahead.ws + part.ws, one.ahead.vs + part.vs, one.ahead.as_ + part.as_)
            return
        from_ns = max(last.time_ns, other.ahead_from_ns)
        if from_ns < until_ns:
            part = _part(&last, &new, from_ns, until_ns)
            plug.common_s += (until_ns - from_ns) / 1e9
            plug.common_ws[side] += part.ws
            plug.common_ws[1 - side] += other.ahead.ws
            plug.common_vs += sign * (part.vs - other.ahead.vs)
            plug.common_as += sign * (part.as_ - other.ahead.as_)
        other.ahead_from_ns = one.ahead_from_ns = until_ns
        other.ahead = Sums(0, 0, 0)
        one.ahead = _part(&last, &new, until_ns, new.time_ns)

    cdef void _power_session(self, Py_ssize_t plug_number, double power_w, int64_t now_ns) noexcept nogil:
        """A session by power alone begins, goes on or ends."""
        cdef Plug* plug = &self.plugs[plug_number]
        cdef Spec* spec = &self.specs[self.spec_of_plug[plug_number]]
        cdef bint is_over = power_w > spec.starts_above_w
        if plug.is_open and plug.is_restored == UNHEARD:
            plug.is_restored = NOT_RESTORED
            if is_over and now_ns >= plug.last_ns:
                self._skip(plug, now_ns)
                self._go_on(plug_number)
        if plug.is_open and now_ns - plug.last_ns > max(spec.ends_after_ns, WINDOW_NS):
            self._end(plug_number, END_SILENCE, plug.last_ns)
        if plug.is_open == 2 and (not is_over or now_ns < plug.start_ns):
            memset(plug, 0, sizeof(Plug))
        if not plug.is_open:
            if not is_over:
                return
            self._clear(plug, now_ns)
            plug.is_open = 2
        if plug.is_open == 2 and now_ns - plug.start_ns >= spec.starts_after_ns:
            plug.is_open = 1
            self._tell(plug_number, TOLD_BEGUN, plug.start_ns)
            self._enter(plug_number, PHASE_CHARGING, plug.start_ns)
        if is_over:
            plug.below_ns = 0
        elif not plug.below_ns:
            plug.below_ns = now_ns
        elif now_ns - plug.below_ns >= spec.ends_after_ns:
            self._end(plug_number, END_BELOW, plug.below_ns)
            return
        plug.last_ns = now_ns
        self._timers(plug_number, now_ns)

    cdef void _percent(self, Py_ssize_t plug_number, int64_t now_ns) noexcept nogil:
        """The state of charge has been heard: it may be in another percent."""
        cdef Plug* plug = &self.plugs[plug_number]
        cdef int32_t percent = <int32_t>floor(min(max(plug.soc, 0.0), 127.0))
        cdef Measured* side
        cdef Py_ssize_t number
        if percent == plug.percent:
            return
        self._leave_percent(plug_number, now_ns)
        plug.percent = percent
        plug.percent_ns = now_ns
        plug.is_fresh = not plug.seen_percents[percent // 64] >> (percent % 64) & 1
        plug.seen_percents[percent // 64] |= <uint64_t>1 << (percent % 64)
        for number in range(SIDES):
            side = &plug.measured[number]
            side.percent_s = side.percent_ws = side.percent_vs = side.percent_as = 0
        plug.percent_temp = plug.temp
        plug.percent_cell_min = plug.percent_cell_max = NAN

    cdef void _leave_percent(self, Py_ssize_t plug_number, int64_t now_ns) noexcept nogil:
        cdef Plug* plug = &self.plugs[plug_number]
        cdef Change* change
        cdef Measured* side
        cdef Py_ssize_t number
        if not plug.is_fresh:
            return
        plug.is_fresh = False
        change = self._tell(plug_number, TOLD_PERCENT, now_ns)
        if change == NULL:
            return
        change.number = plug.percent
        change.since_ns = plug.percent_ns
        change.value_count = 11
        for number in range(2):
            side = &plug.measured[number]
            change.values[4 * number] = side.percent_s
            change.values[4 * number + 1] = side.percent_ws / 3600
            change.values[4 * number + 2] = side.percent_vs / side.percent_s if side.percent_s > 0 else NAN
            change.values[4 * number + 3] = side.percent_as / side.percent_s if side.percent_s > 0 else NAN
        change.values[8] = plug.percent_temp
        change.values[9] = plug.percent_cell_min
        change.values[10] = plug.percent_cell_max

    cdef Change* _tell(self, Py_ssize_t plug_number, uint8_t kind, int64_t time_ns) noexcept nogil:
        """Add a transition with the totals as they are; NULL without memory."""
        cdef size_t room = 2 * self.change_room + 16
        cdef Change* change
        cdef Plug* plug = &self.plugs[plug_number]
        cdef Py_ssize_t number
        if self.change_count == self.change_room:
            change = <Change*>realloc(self.changes, room * sizeof(Change))
            if change == NULL:
                self.is_short_of_memory = True
                return NULL
            self.changes = change
            self.change_room = room
        change = &self.changes[self.change_count]
        self.change_count += 1
        memset(change, 0, sizeof(Change))
        change.time_ns = time_ns
        change.at = self.at
        change.row = self.row
        change.channel = self.channel_of_plug[plug_number]
        change.kind = kind
        _find_totals(plug, change.totals)
        return change


def totals_in(bytes state not None):
    """Return the totals of the session in a `state`, by `follow_spec.TOTALS`; () if they are not known."""
    cdef Plug plug
    cdef double[TOTAL_COUNT] totals
    cdef bytes shape = _state_shape()
    cdef bytes body = state[2 * len(shape):]
    if state[:len(shape)] != shape or len(body) != sizeof(Plug):
        return ()
    memcpy(&plug, <char*>body, sizeof(Plug))
    _find_totals(&plug, totals)
    return tuple([totals[number] for number in range(TOTAL_COUNT)])


cdef bytes _state_shape():
    return crc32(f"{_STATE_VERSION} {sizeof(Plug)}".encode()).to_bytes(4, "little")


cdef void _find_totals(const Plug* plug, double* totals) noexcept nogil:
    """The totals of the session so far, by follow_spec.TOTALS."""
    cdef Py_ssize_t number
    for number in range(SIDES):
        totals[number] = plug.measured[number].energy_ws / 3600
        totals[SIDES + number] = plug.measured[number].covered_s
        totals[2 * SIDES + number] = plug.measured[number].charge_as / 3600
        totals[3 * SIDES + number] = plug.measured[number].peak_w
    totals[12] = plug.common_s
    totals[13] = plug.common_ws[VEHICLE] / 3600
    totals[14] = plug.common_ws[CHARGER] / 3600
    totals[15] = plug.common_as
    totals[16] = plug.common_vs
    totals[17] = plug.start_soc
    totals[18] = plug.soc
    totals[19] = plug.start_temp
    totals[20] = plug.temp
    totals[21] = plug.cell_max
    totals[22] = plug.requested_max_a
    totals[23] = plug.gap_s


cdef void _move(Plug* plug, int64_t by_ns) noexcept nogil:
    """Add `by_ns` to all stamps that are known."""
    cdef Py_ssize_t number
    cdef int64_t* stamps[12]
    stamps[0], stamps[1], stamps[2] = &plug.start_ns, &plug.last_ns, &plug.phase_ns
    stamps[3], stamps[4], stamps[5] = &plug.error_ns, &plug.again_ns, &plug.minute_ns
    stamps[6], stamps[7], stamps[8] = &plug.percent_ns, &plug.unknown_ns[0], &plug.unknown_ns[1]
    stamps[9], stamps[10], stamps[11] = &plug.minutes_ns, &plug.restored_ns, &plug.below_ns
    for number in range(12):
        if stamps[number][0]:
            stamps[number][0] += by_ns
    for number in range(SLOTS):
        if plug.heard_ns[number]:
            plug.heard_ns[number] += by_ns
    for number in range(SIDES):
        plug.measured[number].last_ns += by_ns
        plug.measured[number].ahead_from_ns += by_ns
    plug.window_ns = (plug.last_ns // WINDOW_NS + 1) * WINDOW_NS
    plug.due_ns = 0


cdef Sums _part(const Sample* first, const Sample* last, int64_t from_ns, int64_t until_ns) noexcept nogil:
    """The integrals between two stamps within the straight line from one sample to another."""
    cdef double whole = last.time_ns - first.time_ns
    cdef double middle = ((from_ns - first.time_ns) + (until_ns - first.time_ns)) / 2.0 / whole if whole else 0
    cdef double dt_s = (until_ns - from_ns) / 1e9
    return Sums((first.power_w + (last.power_w - first.power_w) * middle) * dt_s,
                (first.voltage_v + (last.voltage_v - first.voltage_v) * middle) * dt_s,
                (first.current_a + (last.current_a - first.current_a) * middle) * dt_s)


cdef bint _is_plain(const Spec* spec, const Range* signs) noexcept nogil:
    """Return whether `_take_plain` may take rows with these signs."""
    cdef const PackedSign* sign = &spec.signs[signs.first]
    cdef uint32_t number
    if signs.count == 0 or sign.kind != SIGN_HEARD or sign.field >= 0 or sign.lacks >= 0 or sign.zero_count:
        return False
    for number in range(signs.count):
        if sign[number].unless >= 0 and sign[number].kind != SIGN_OLD:
            return False
        if sign[number].from_phase != PHASE_NONE or sign[number].to_phase != PHASE_ENDED:
            return False
        if number and (sign[number].slot >= 0 or sign[number].phase != PHASE_NONE
                       or sign[number].kind not in (SIGN_PAUSE, SIGN_RESUME, SIGN_OLD, SIGN_NEW)):
            return False
    return True


cdef void* _grown(void* memory, size_t size) except NULL:
    cdef void* grown = realloc(memory, size)
    if grown == NULL:
        raise MemoryError
    return grown
