"""The follower: charging sessions as a listener sees them, from rows of messages and of the data model.

Promises:
- It reports changes only: a phase, an attempt, an error, a stop, one percent, ten seconds, one minute. It alters
  no row.
- Its reports depend on the rows, their stamps and their order, and not on how they were batched.
- Most rows say that the phase goes on, or bring a sample of one side. They are taken here, in one pass, without a
  call; the rest goes to `phases` and `readings`.
- It does not hold the GIL, and makes Python objects for changes only.

Relies on rows of one schema: of messages, in which it looks for signs, and modelled ones, which the mapper puts right
after the message that they come from. A message in which there are signs has one sender alone.
"""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from telemetry_core.memory cimport lengthened, resized, zeroed
from telemetry_core.rows.batch cimport RowHead, SampleBatch
from telemetry_core.rows.schema cimport HEAD_WORDS, Schema
from telemetry_core.charge.changes cimport CHANGE_MINUTE, TOTAL_COUNT, plug_changes
from telemetry_core.charge.deadlines cimport pass_deadlines
from telemetry_core.charge.follow_table cimport (
    CELLS, CHARGER, MESSAGE, METER, PHASE_ENDED, READING, SIDES, VEHICLE, FollowTable, Followed, Quantities, Visit,
)
from telemetry_core.charge.measured cimport add_whole_sample, find_totals, report
from telemetry_core.charge.phases cimport hear
from telemetry_core.charge.plug cimport OPEN, UNHEARD, Known, Plug
from telemetry_core.charge.readings cimport asks_otherwise, has_news, take_reading
from telemetry_core.charge.transitions cimport (
    END_FINISHED, END_SILENCE, awaited_until, begin_attempt, begin_next, end_session,
)

cdef enum:
    CHANNELS = 65536

MOST_SOC_PCT_S = 100 / 360  # ten times what the battery holds, in an hour


cdef Plug** _more_plugs(Plug** plugs, Py_ssize_t before, Py_ssize_t count, Plug* plug) except NULL:
    """Make room for `count`; each that there was no room for is `plug`."""
    cdef Plug** grown = <Plug**>resized(plugs, count * sizeof(Plug*))
    cdef Py_ssize_t number
    for number in range(before, count):
        grown[number] = plug
    return grown


def no_numbers():
    """Return the numbers of a `Follower.state` of which nothing is known."""
    cdef Known nothing
    memset(&nothing, 0, sizeof(Known))
    return nothing


def totals_in(known):
    """Return the totals of a session by the numbers of a `Follower.state`, in the order of `follow_spec.TOTALS`."""
    cdef Known found = known
    cdef double[TOTAL_COUNT] totals
    find_totals(&found, totals)
    return tuple([totals[number] for number in range(TOTAL_COUNT)])


@cython.final
cdef class Follower:
    """Follows rows of `schema` by FollowSpecs and PowerSpecs. Raises ValueError when one does not fit the schema."""

    def __cinit__(self, Schema schema not None, specs):
        self.schema = schema
        self.specs = tuple(specs)
        self.table = FollowTable(schema, self.specs)
        self.nobody = <Plug*>zeroed(1, sizeof(Plug))
        self.nobody.records = self.table.no_records
        self.nobody.channel = -1

    def __dealloc__(self):
        cdef Py_ssize_t number
        for number in range(self.plug_count):
            free(self.plugs[number])
        free(self.plugs)
        free(self.nobody)
        free(self.plug_of_channel)
        free(self.route_of_tags)
        free(self.sole_of_tags)
        free(self.changes.all)

    def bind(self, channel, spec):
        """Follow the rows of `channel` by specs[spec]. Forget what was known of it.

        Rows of messages count by their channel, modelled ones by their tag set: see `route`.
        Raises ValueError for a channel over 65535.
        """
        if not 0 <= channel < CHANNELS:
            raise ValueError(f"channel {channel} is not one of {CHANNELS}")
        if not 0 <= spec < self.table.spec_count:
            raise ValueError(f"spec {spec} is not one of {self.table.spec_count}")
        cdef Py_ssize_t number = channel
        cdef Plug* plug = self.plug_of_channel[number] if number < self.channel_count else self.nobody
        if plug == self.nobody:
            plug = self._add_plug(number)
        memset(plug, 0, sizeof(Plug))
        plug.spec = &self.table.specs[<size_t>spec]
        plug.records = plug.spec.records if plug.spec.records != NULL else self.table.no_records
        plug.gap_ns = plug.spec.gap_ns
        plug.most_soc_pct_s = MOST_SOC_PCT_S
        for number in range(SIDES):
            plug.measured[number] = &plug.known.measured[number]
        plug.others[VEHICLE], plug.others[CHARGER] = plug.measured[CHARGER], plug.measured[VEHICLE]
        plug.others[METER] = plug.measured[METER]
        plug.changes = &self.changes
        plug.channel = channel

    cdef Plug* _add_plug(self, Py_ssize_t channel) except NULL:
        cdef Py_ssize_t count = channel + 1
        if channel >= self.channel_count:
            self.plug_of_channel = _more_plugs(self.plug_of_channel, self.channel_count, count, self.nobody)
            self.channel_count = count
        self.plugs = <Plug**>resized(self.plugs, (self.plug_count + 1) * sizeof(Plug*))
        cdef Plug* plug = <Plug*>zeroed(1, sizeof(Plug))
        self.plugs[self.plug_count] = self.plug_of_channel[channel] = plug
        self.plug_count += 1
        return plug

    def route(self, tags, channel, *, is_own):
        """Take modelled rows with the tag set `tags` as what is measured at the plug on `channel`.

        is_own: by its two ends: battery and cells by the vehicle, charger by the charger; otherwise, as that of a meter,
        by a third.
        """
        cdef Plug* plug = self._plug(channel)
        cdef Route* route
        cdef Py_ssize_t number
        cdef Py_ssize_t count
        if tags >= self.tag_count:
            count = tags + 1
            self.route_of_tags = <Route*>lengthened(self.route_of_tags, self.tag_count, count, sizeof(Route))
            self.sole_of_tags = _more_plugs(self.sole_of_tags, self.tag_count, count, self.nobody)
            self.tag_count = count
        route = &self.route_of_tags[<size_t>tags]
        number = 0
        while number < route.count and route.plugs[number] != plug:
            number += 1
        if number == ROUTES:
            raise ValueError(f"tag set {tags} is measured at more than {ROUTES} plugs")
        route.plugs[number] = plug
        route.is_own[number] = is_own
        route.count = max(route.count, <uint8_t>(number + 1))
        is_sole = route.count == 1 and is_own and plug.spec.records != NULL
        self.sole_of_tags[<size_t>tags] = plug if is_sole else self.nobody

    cdef Plug* _plug(self, channel) except NULL:
        if not 0 <= channel < self.channel_count or self.plug_of_channel[<size_t>channel] == self.nobody:
            raise ValueError(f"channel {channel} is not followed")
        return self.plug_of_channel[<size_t>channel]

    def follow(self, SampleBatch samples not None, *, in_parts=False, go_on=False):
        """Return the changes that these rows make, in their order.

        in_parts: those up to the first row that is reported, so that `begin_next` may follow; go_on: with the rows that
        are `left`. Raises ValueError unless the rows are of this follower's schema.
        """
        if samples.schema is not self.schema:
            raise ValueError("the rows are of another schema than the follower's")
        self.changes.count = 0
        self.changes.is_held = False
        self.in_parts = in_parts
        if not go_on:
            self.left, self.at = samples.rows, 0
        with nogil:
            self._run(samples)
        return plug_changes(&self.changes, samples)

    cdef void _begin(self):
        """What follows comes of no row."""
        self.changes.count = 0
        self.changes.row = NULL

    def due(self, channel, now_ns):
        """Return what ends on `channel` since its signs have been silent for too long at `now_ns`, in frame time."""
        cdef Plug* plug = self._plug(channel)
        cdef int64_t until_ns = awaited_until(plug)
        self._begin()
        if plug.known.is_open and now_ns > until_ns:
            if plug.known.is_restored != UNHEARD:  # otherwise nobody listened when they passed
                pass_deadlines(plug, until_ns)
            end_session(plug, END_SILENCE, plug.known.last_ns)
        return plug_changes(&self.changes, None)

    def look(self, channel):
        """Return the session that is open on `channel` as it is, as a MINUTE of its last sign; otherwise nothing."""
        cdef Plug* plug = self._plug(channel)
        self._begin()
        if plug.known.is_open == OPEN:
            report(plug, CHANGE_MINUTE, plug.known.below_ns or plug.known.last_ns)
        return plug_changes(&self.changes, None)

    def finish(self, channel, end_ns):
        """Return what ends on `channel`, since no row comes any more. end_ns: stamp of the newest frame of all."""
        cdef Plug* plug = self._plug(channel)
        cdef Known* known = &plug.known
        cdef int64_t until_ns
        self._begin()
        if known.is_open:
            if known.again_ns and end_ns - known.error_ns > plug.spec.same_error_ns:
                begin_attempt(plug, known.again_ns)
            until_ns = awaited_until(plug)
            pass_deadlines(plug, min(<int64_t>end_ns, until_ns))
            end_session(plug, END_SILENCE if end_ns > until_ns else END_FINISHED, known.last_ns)
        return plug_changes(&self.changes, None)

    def last_ns(self, channel):
        """Return the stamp of the last sign on `channel`; 0: none yet."""
        return self._plug(channel).known.last_ns

    def is_open(self, channel):
        """Return whether a session is open on `channel`."""
        return self._plug(channel).known.is_open == OPEN

    def state(self, channel):
        """Return the numbers that are known of the plug on `channel`, and those of the session as it was saved."""
        cdef const Plug* plug = self._plug(channel)
        return plug.known, plug.saved

    def go_on(self, channel, known, saved, most_soc_pct_s=None):
        """Go on where a `state` was taken, in this process or another. Raises ValueError for numbers of another kind.

        most_soc_pct_s: a state of charge that has risen faster since then is another battery's; None: as before.
        """
        cdef Plug* plug = self._plug(channel)
        cdef Known[2] found
        try:
            found[0], found[1] = known, saved
        except (LookupError, OverflowError, TypeError, ValueError) as error:
            raise ValueError("the numbers are not those of a plug") from error
        if found[0].phase > PHASE_ENDED or found[1].phase > PHASE_ENDED:
            raise ValueError("the numbers are not those of a plug: there is no such phase")
        plug.known, plug.saved = found[0], found[1]
        if most_soc_pct_s is not None:
            plug.most_soc_pct_s = most_soc_pct_s

    def begin_next(self, channel, start_ns, before=None):
        """Return the end of the session that is open, and the begin of the next one at `start_ns`: the row that was
        reported last is another vehicle's. It is `left` to be followed again.

        before: numbers of the session without the attempt that showed this.
        """
        cdef Plug* plug = self._plug(channel)
        self._begin()
        if before is not None:
            plug.known = before
        begin_next(plug, start_ns)
        self.left, self.at = self.left + 1, self.held_at
        return plug_changes(&self.changes, None)

    cdef void _run(self, SampleBatch samples) noexcept nogil:
        cdef const Visit* visits = self.table.visits
        cdef Quantities** quantities = self.table.quantities
        cdef const uint64_t* row = samples.words + self.at
        cdef const RowHead* head
        cdef const Visit* visit
        cdef const Followed* followed
        cdef const Quantities* found
        cdef Plug* heard = self.nobody  # by the newest message: most follow one of the same channel
        cdef Plug* measured
        cdef Py_ssize_t left = self.left
        self.left = 0
        while left:
            head = <const RowHead*>row
            visit = &visits[head.record]
            if visit.kind & READING:
                if head.tags < self.tag_count:
                    measured = self.sole_of_tags[head.tags]
                    found = quantities[head.record]
                    if not measured.known.is_open:
                        if measured == self.nobody:
                            self._take_routed(left, found, row)
                    elif not _take_sample(measured, found, row):
                        self._set_place(left, row)
                        take_reading(measured, found.side, found, row)
            elif visit.kind & MESSAGE:
                if head.channel != heard.channel:
                    heard = self.plug_of_channel[head.channel] if head.channel < self.channel_count else self.nobody
                followed = heard.records[head.record]
                if not _take_plain(heard, followed, row) and followed.sign_count:
                    self._set_place(left, row)
                    hear(heard, row, followed)
                    if self.changes.is_held and self.in_parts:
                        self.left, self.held_at = left - 1, row - samples.words
                        self.at = self.held_at + visit.row_words
                        return
            elif visit.kind & CELLS:
                if head.tags < self.tag_count:
                    self._take_routed(left, quantities[head.record], row)
            row += visit.row_words
            left -= 1

    cdef void _set_place(self, Py_ssize_t left, const uint64_t* row) noexcept nogil:
        """Changes from here on come from this row, with which so many are left."""
        self.changes.row = row
        self.changes.left = left

    cdef void _take_routed(self, Py_ssize_t left, const Quantities* found, const uint64_t* row) noexcept nogil:
        """Take the row to its plugs: where a protocol shows the session, power alone shows no second one."""
        cdef uint16_t tags = (<const RowHead*>row).tags
        cdef const Route* route
        cdef Plug* plug
        cdef Py_ssize_t number
        cdef bint is_shown = False
        route = &self.route_of_tags[tags]
        self._set_place(left, row)
        for number in range(route.count):
            plug = route.plugs[number]
            if plug.spec.records != NULL and plug.known.is_open:
                is_shown = True
                _take_reading(plug, route.is_own[number], found, row)
        for number in range(route.count):
            plug = route.plugs[number]
            if plug.spec.records == NULL and (not is_shown or plug.known.is_open == OPEN):
                _take_reading(plug, route.is_own[number], found, row)


cdef void _take_reading(Plug* plug, bint is_own, const Quantities* found, const uint64_t* row) noexcept nogil:
    """Take what one of the plug's ends measures, or a meter while the session lasts: no row of its own may end it."""
    if is_own:
        take_reading(plug, found.side, found, row)
    elif found.side != CHARGER and plug.known.phase < PHASE_ENDED:
        if (<const RowHead*>row).time_ns <= awaited_until(plug):
            take_reading(plug, METER, found, row)


cdef inline bint _take_plain(Plug* plug, const Followed* followed, const uint64_t* row) noexcept nogil:
    """Take a row that says that the phase goes on; false: it may say more, and nothing is taken of it."""
    cdef Known* known = &plug.known
    cdef int64_t now_ns = (<const RowHead*>row).time_ns
    if not followed.plain & known.plain or now_ns >= known.calm_until_ns or now_ns < known.last_ns:
        return False
    if not followed.is_bare:
        if row[followed.pausing.word] == followed.pausing_value and row[HEAD_WORDS] & followed.pausing.bit:
            return False
        if row[HEAD_WORDS] & followed.minutes.bit:
            known.minutes = <int>row[followed.minutes.word]
            known.minutes_ns = now_ns
    known.heard_ns[followed.plain_slot] = known.last_ns = now_ns  # past 0, as all that is heard before calm_until_ns
    return True


cdef inline bint _take_sample(Plug* plug, const Quantities* found, const uint64_t* row) noexcept nogil:
    """Take a row of one of the plug's ends that brings a whole sample and nothing else that is new.

    False: nothing is taken of it.
    """
    cdef uint64_t there = row[HEAD_WORDS] & found.all_fields
    if there == found.requested:
        return not asks_otherwise(&plug.known, found, row)
    if there != found.whole:
        if has_news(&plug.known, found, row):
            return False
        if not there & found.electrical:
            return True
        if there & found.electrical != found.whole:
            return False
    return add_whole_sample(plug, found.side, found, row)
