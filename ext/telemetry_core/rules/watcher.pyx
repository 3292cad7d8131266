"""The watcher: alarm bits, limits and crossings in rows of samples, reported when they begin and when they end.

Promises:
- It reports the beginning and the end of a rule, each once, and never a repetition.
- What it reports depends on the rows alone and not on how they were batched.
- The state of a rule is that of one channel. `bind` forgets it.
- A row of a record without rules costs one look into a table.
- It does not hold the GIL, and makes Python objects for transitions only.
- With `every_report` each message that shows a rule begins it, and none ends it.
- A crossing begins each time, and never ends. The first value crosses nothing. A change is that against any value of
  the last `within_ns`, both ends included; the next one begins with the value that made it.

Relies on rows of one schema, message rows and modelled rows alike, whose stamps are frame time.

Nothing begins or ends by:
- a field that the row does not carry, or an absent raw value;
- a row whose protection field marks its frame as wrong;
- a row of a J1939 sender that the rule does not mean.

A limit with `for_ns` begins when it has been crossed in each row of that time. The wait begins again when time steps
back, and with a row of a sender that takes another one's place; so does what a crossing remembers.
"""

cimport cython
from libc.math cimport isfinite
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from telemetry_core.memory cimport lengthened, with_room, zeroed
from telemetry_core.rows.access cimport has_field, is_of_sender, slots_of, reports_fault, value_of
from telemetry_core.rows.batch cimport ROW_NEW_SENDER, RowHead, SampleBatch
from telemetry_core.rows.schema cimport SLOT_FLOAT, Record, Schema
from telemetry_core.rules.past cimport Past, Queue, begin_again, changes_by, push

from telemetry_core.rules.watch_spec import (
    BitTest, CrossingTest, LimitTest, StandingAlarm, Transition, ValueTest, Waiting)

cdef enum Test:
    TEST_BITS = 0
    TEST_VALUES = 1
    TEST_ABOVE = 2
    TEST_BELOW = 3
    TEST_CROSSES_ABOVE = 4
    TEST_CROSSES_BELOW = 5
    TEST_CHANGES = 6

cdef struct Rule:                # watch_spec.RuleSpec
    double limit
    double release
    uint64_t for_ns              # TEST_CHANGES: within which a value changes
    uint64_t mask
    uint32_t first_value         # in `values`
    uint32_t value_count
    uint32_t absent_count        # in `values`, after those
    uint32_t first_field
    uint32_t field_count
    int32_t bus                  # -1: every bus
    int32_t tag_set              # -1: the rows of messages
    int32_t protection           # the field that says whether a row's frame is right; -1: none does
    int32_t sender               # the address whose rows are meant; -1: the one that is taken
    uint32_t sender_mask         # the bits of an id that say who sent it
    uint8_t test

cdef struct RuleRange:           # of one record, in `packed`
    uint32_t first
    uint32_t count

cdef struct State:               # of one rule on one channel
    uint32_t tags                # of the rows that are meant: the first of `tag_count` tag sets
    uint32_t tag_count
    uint8_t active
    uint8_t pending              # beyond the limit, not yet long enough
    int64_t since_ns             # beyond it since then
    int64_t seen_ns              # the stamp of the newest row that has its fields

cdef struct Seen:                # what a row shows of a rule
    double value
    uint32_t member
    uint8_t is_beyond
    uint8_t is_back

cdef struct Change:              # one transition
    int64_t time_ns
    double value
    Py_ssize_t row               # of the batch
    uint32_t rule
    uint32_t member
    uint16_t channel
    uint8_t active

cdef enum:
    CHANNELS = 65536
    TAG_SETS = 65536

_WORD = (1 << 64) - 1


cdef object _raw_values(rule):
    """Return those of its test, followed by those that say nothing."""
    return (*(rule.test.values if isinstance(rule.test, ValueTest) else ()), *rule.absent)


cdef inline bint is_meant(const Rule* rule, const State* state, const RowHead* head) noexcept nogil:
    return state.tags <= head.tags < state.tags + state.tag_count and is_of_sender(
        head, rule.sender, rule.sender_mask)


@cython.final
cdef class Watcher:
    """Watches rows of `schema` by RuleSpecs. Raises ValueError when a rule does not fit the schema."""

    cdef readonly Schema schema
    cdef tuple rules_spec                # the RuleSpecs, as they were given
    cdef Rule* packed                    # the rules, sorted by record
    cdef uint32_t* number_of_rule        # of packed[i] among the RuleSpecs
    cdef uint64_t* values
    cdef Py_ssize_t rule_count
    cdef RuleRange* rules_of_record
    cdef State** channels                # one State a rule; NULL: not bound
    cdef Past** pasts                    # as `channels`: one Past a rule, if there is a crossing among them
    cdef bint has_past
    cdef Py_ssize_t channel_count
    cdef Change* changes
    cdef size_t change_count
    cdef size_t change_room
    cdef bint every_report               # of a message, and not where an alarm begins

    def __cinit__(self, Schema schema not None, rules, *, bint every_report=False):
        self.schema = schema
        self.every_report = every_report
        self.rules_spec = tuple(rules)
        self.rule_count = len(self.rules_spec)
        self.rules_of_record = <RuleRange*>zeroed(schema.record_count, sizeof(RuleRange))
        self.packed = <Rule*>zeroed(self.rule_count, sizeof(Rule))
        self.number_of_rule = <uint32_t*>zeroed(self.rule_count, sizeof(uint32_t))
        self.values = <uint64_t*>zeroed(sum(len(_raw_values(rule)) for rule in self.rules_spec), sizeof(uint64_t))
        cdef Py_ssize_t value_count = 0
        cdef uint32_t count = 0
        for number, spec in sorted(enumerate(self.rules_spec), key=lambda pair: pair[1].record):
            self._pack(&self.packed[count], spec, value_count)
            value_count += len(_raw_values(spec))
            self.number_of_rule[count] = number
            if self.rules_of_record[<size_t>spec.record].count == 0:
                self.rules_of_record[<size_t>spec.record].first = count
            self.rules_of_record[<size_t>spec.record].count += 1
            count += 1

    def __dealloc__(self):
        cdef Py_ssize_t number
        for number in range(self.channel_count):
            self._forget_past(number)
            free(self.pasts[number])
            free(self.channels[number])
        free(self.pasts)
        free(self.channels)
        free(self.packed)
        free(self.number_of_rule)
        free(self.values)
        free(self.rules_of_record)
        free(self.changes)

    cdef object _pack(self, Rule* rule, spec, Py_ssize_t first_value):
        if not 0 <= spec.record < self.schema.record_count:
            raise ValueError(f"record {spec.record} is not one of {self.schema.record_count}")
        cdef Record* record = &self.schema.records[<size_t>spec.record]
        if not (0 <= spec.field and 1 <= spec.field_count and spec.field + spec.field_count <= record.field_count):
            raise ValueError(f"fields {spec.field}+{spec.field_count} are not among {record.field_count}")
        if not -1 <= spec.protection < record.field_count:
            raise ValueError(f"field {spec.protection} is not one of {record.field_count}")
        if not -1 <= spec.sender < 256:
            raise ValueError(f"sender {spec.sender} is no address")
        rule.sender = spec.sender
        rule.sender_mask = spec.sender_mask
        rule.protection = spec.protection
        rule.first_field = spec.field
        rule.field_count = spec.field_count
        rule.bus = spec.bus
        rule.tag_set = spec.tag_set
        kinds = {self.schema.fields[record.first_field + field].kind
                 for field in range(spec.field, spec.field + spec.field_count)}
        test = spec.test
        if isinstance(test, CrossingTest):
            if spec.field_count != 1 or spec.absent:
                raise ValueError("a crossing is that of one number")
            rule.test = TEST_CHANGES if test.within_ns else TEST_CROSSES_ABOVE if test.is_upper else TEST_CROSSES_BELOW
            rule.limit = test.limit
            rule.for_ns = test.within_ns
            self.has_past = True
            return
        if isinstance(test, LimitTest):
            if kinds != {SLOT_FLOAT}:
                raise ValueError("a limit is for floats")
            if spec.absent:
                raise ValueError("absent values are raw ones: a float has none")
            if not (test.release <= test.limit if test.is_upper else test.release >= test.limit):
                raise ValueError(f"{test.release} is not on the good side of {test.limit}")
            rule.test = TEST_ABOVE if test.is_upper else TEST_BELOW
            rule.limit = test.limit
            rule.release = test.release
            rule.for_ns = test.for_ns
            return
        if SLOT_FLOAT in kinds or spec.field_count != 1:
            raise ValueError("bits and raw values are those of one integer, flag or text")
        rule.first_value = <uint32_t>first_value
        rule.absent_count = len(spec.absent)
        for number, value in enumerate(_raw_values(spec)):
            self.values[first_value + <Py_ssize_t>number] = <uint64_t>(value & _WORD)
        if isinstance(test, BitTest):
            rule.test = TEST_BITS
            rule.mask = <uint64_t>(test.mask & _WORD)
            return
        rule.test = TEST_VALUES
        rule.value_count = len(test.values)

    @property
    def rules(self):
        """The rules, as they were given."""
        return self.rules_spec

    def bind(self, channel, bus, own_tags, map_tags, own_tag_count=1):
        """Watch the rows of `channel` as those of the plan's bus `bus` (-1: none). Forget what was known of it.

        own_tags: the first of the `own_tag_count` tag sets that its messages' rows may have.
        map_tags: the tag sets of its modelled rows, by the map's tag sets.
        Raises ValueError for a channel or a tag set over 65535.
        """
        if not 0 <= channel < CHANNELS:
            raise ValueError(f"channel {channel} is not one of {CHANNELS}")
        if not all(0 <= tags < TAG_SETS for tags in (own_tags, *map_tags)):
            raise ValueError(f"a tag set is not one of {TAG_SETS}")
        if channel >= self.channel_count:
            self.channels = <State**>lengthened(self.channels, self.channel_count, channel + 1, sizeof(State*))
            self.pasts = <Past**>lengthened(self.pasts, self.channel_count, channel + 1, sizeof(Past*))
            self.channel_count = channel + 1
        cdef State* states = <State*>zeroed(self.rule_count, sizeof(State))
        cdef Rule* rule
        cdef Py_ssize_t number
        for number in range(self.rule_count):
            rule = &self.packed[number]
            if rule.bus >= 0 and rule.bus != bus:
                continue
            if rule.tag_set < 0:
                states[number].tags = own_tags
                states[number].tag_count = own_tag_count
            elif rule.tag_set < len(map_tags):
                states[number].tags = map_tags[rule.tag_set]
                states[number].tag_count = 1
        free(self.channels[<size_t>channel])
        self.channels[<size_t>channel] = states
        self._forget_past(channel)
        if self.has_past and self.pasts[<size_t>channel] == NULL:
            self.pasts[<size_t>channel] = <Past*>zeroed(self.rule_count, sizeof(Past))

    cdef void _forget_past(self, Py_ssize_t channel) noexcept nogil:
        cdef Py_ssize_t number
        for number in range(self.rule_count if self.pasts[channel] != NULL else 0):
            begin_again(&self.pasts[channel][number])

    cdef State* _states(self, Py_ssize_t channel) noexcept:
        return self.channels[channel] if 0 <= channel < self.channel_count else NULL

    cdef State* _state(self, Py_ssize_t channel, Py_ssize_t rule) except NULL:
        cdef State* states = self._states(channel)
        cdef Py_ssize_t number
        for number in range(self.rule_count if states != NULL else 0):
            if self.number_of_rule[number] == rule and states[number].tag_count:
                return &states[number]
        raise ValueError(f"rule {rule} is not watched on channel {channel}")

    def memory(self, channel):
        """Return what is remembered of the rules on `channel`, as plain values."""
        cdef State* states = self._states(channel)
        cdef Py_ssize_t number
        cdef Py_ssize_t count = self.rule_count if states != NULL else 0
        pasts = [self._past(&self.pasts[channel][number]) for number in range(count if self.has_past else 0)]
        return [states[number] for number in range(count)], pasts

    cdef tuple _past(self, Past* past):
        highest = [past.highest.points[at] for at in range(past.highest.begin, past.highest.end)]
        lowest = [past.lowest.points[at] for at in range(past.lowest.begin, past.lowest.end)]
        return highest, lowest, past.last_ns, past.last, bool(past.seen)

    def remember(self, channel, memory):
        """Go on with the `memory` of a watcher of the same rules, which had bound `channel` likewise."""
        cdef State* states = self._states(channel)
        cdef Py_ssize_t number
        cdef Past* past
        remembered, pasts = memory
        cdef Py_ssize_t count = self.rule_count if states != NULL else 0
        if len(remembered) != count or len(pasts) != (count if self.has_past else 0):
            raise ValueError("the memory is of other rules")
        for number in range(count):
            states[number] = remembered[number]
        for number in range(len(pasts)):
            past = &self.pasts[<size_t>channel][number]
            highest, lowest, past.last_ns, past.last, past.seen = pasts[number]
            for point in highest:
                push(&past.highest, point["time_ns"], point["value"], 1.0)
            for point in lowest:
                push(&past.lowest, point["time_ns"], point["value"], -1.0)

    def watched(self, channel):
        """Return the rules that rows of `channel` may begin or end, in their order."""
        cdef State* states = self._states(channel)
        cdef Py_ssize_t number
        return sorted(self.number_of_rule[number] for number in range(self.rule_count if states != NULL else 0)
                      if states[number].tag_count)

    def standing(self, channel):
        """Return the rules that are active on `channel`, in their order."""
        cdef State* states = self._states(channel)
        cdef Py_ssize_t number
        return sorted(StandingAlarm(self.number_of_rule[number], states[number].seen_ns)
                      for number in range(self.rule_count if states != NULL else 0) if states[number].active)

    def waiting(self, channel):
        """Return the limits that are about to begin on `channel`, in their order."""
        cdef State* states = self._states(channel)
        cdef Py_ssize_t number
        return sorted(Waiting(self.number_of_rule[number], states[number].since_ns)
                      for number in range(self.rule_count if states != NULL else 0) if states[number].pending)

    def forget(self, channel):
        """Make nothing active or waiting on `channel`, without reporting an end. No value has come of it."""
        cdef State* states = self._states(channel)
        cdef Py_ssize_t number
        for number in range(self.rule_count if states != NULL else 0):
            states[number].active = states[number].pending = False
        if states != NULL:
            self._forget_past(channel)

    def carry_on(self, channel, rule, seen_ns):
        """Take over that `rule` has begun on `channel`. Raises ValueError if it is not watched there."""
        cdef State* state = self._state(channel, rule)
        state.active = True
        state.pending = False
        state.seen_ns = seen_ns

    def wait_on(self, channel, rule, since_ns):
        """Take over that `rule`, unless it has begun, is crossed since `since_ns`. Raises ValueError as `carry_on`."""
        cdef State* state = self._state(channel, rule)
        state.pending = not state.active
        state.since_ns = since_ns

    def watch(self, SampleBatch samples not None):
        """Return the transitions that these rows make, in their order; of one row in the order of the rules.

        Raises ValueError unless the rows are of this watcher's schema.
        """
        if samples.schema is not self.schema:
            raise ValueError("the rows are of another schema than the watcher's")
        with nogil:
            self._run(samples)
        cdef size_t number
        cdef Change* change
        found = []
        for number in range(self.change_count):
            change = &self.changes[number]
            found.append(Transition(change.row, change.time_ns, change.channel, self.number_of_rule[change.rule],
                                    change.active != 0, change.value, change.member))
        return found

    cdef int _run(self, SampleBatch samples) except -1 nogil:
        cdef const uint64_t* row = samples.words
        cdef const RowHead* head
        cdef const RuleRange* range_of
        cdef State* states
        cdef Py_ssize_t number
        cdef uint32_t rule
        cdef Seen seen
        cdef size_t first = 0  # change of the message
        self.change_count = 0
        for number in range(samples.rows):
            head = <const RowHead*>row
            if self.every_report and not self.schema.records[head.record].modelled:
                self._end_message(first, number)
                first = self.change_count
            range_of = &self.rules_of_record[head.record]
            if range_of.count and head.channel < self.channel_count and self.channels[head.channel] != NULL:
                states = self.channels[head.channel]
                for rule in range(range_of.first, range_of.first + range_of.count):
                    if not is_meant(&self.packed[rule], &states[rule], head):
                        continue
                    if head.id & ROW_NEW_SENDER:
                        states[rule].pending = False
                        if self.has_past:
                            begin_again(&self.pasts[head.channel][rule])
                    if not self._see(row, &self.packed[rule], &seen):
                        continue
                    if (self._crosses(&self.packed[rule], &self.pasts[head.channel][rule], &seen, head.time_ns)
                            if self.packed[rule].test >= TEST_CROSSES_ABOVE
                            else self._turns(&self.packed[rule], &states[rule], &seen, head.time_ns)):
                        self.changes = <Change*>with_room(self.changes, &self.change_room, self.change_count,
                                                          sizeof(Change))
                        self.changes[self.change_count] = Change(
                            head.time_ns, seen.value, number, rule, seen.member, head.channel, seen.is_beyond)
                        self.change_count += 1
            row += self.schema.records[head.record].row_words
        if self.every_report:
            self._end_message(first, samples.rows)
        return 0

    cdef void _end_message(self, size_t first, Py_ssize_t end) noexcept nogil:
        """The changes from `first` on are those of a message whose rows end before `end`."""
        cdef size_t number
        for number in range(first, self.change_count):
            self.changes[number].row = end - 1

    cdef bint _see(self, const uint64_t* row, const Rule* rule, Seen* seen) noexcept nogil:
        """Judge the row by the rule; return false if it has no value of its fields, or its frame is wrong."""
        cdef const uint64_t* slots = slots_of(self.schema, row)
        cdef uint32_t number
        cdef uint64_t raw
        cdef double value
        cdef bint is_there = False
        if reports_fault(self.schema, row, rule.protection):
            return False
        if rule.test == TEST_BITS or rule.test == TEST_VALUES:
            if not has_field(row, rule.first_field):
                return False
            raw = slots[rule.first_field]
            if rule.absent_count and self._is_absent(rule, raw):
                return False
            seen.value = <double><int64_t>raw
            seen.member = 0
            seen.is_beyond = (raw & rule.mask) != 0
            for number in range(rule.first_value, rule.first_value + rule.value_count):
                seen.is_beyond |= raw == self.values[number]
            seen.is_back = not seen.is_beyond
            return True
        if rule.test >= TEST_CROSSES_ABOVE:
            number = self.schema.records[(<const RowHead*>row).record].first_field + rule.first_field
            seen.value = value_of(&self.schema.fields[number], slots[rule.first_field])
            seen.member = 0
            return has_field(row, rule.first_field) and isfinite(seen.value)
        for number in range(rule.field_count):
            if not has_field(row, rule.first_field + number):
                continue
            memcpy(&value, &slots[rule.first_field + number], 8)
            if not is_there or (value > seen.value if rule.test == TEST_ABOVE else value < seen.value):
                seen.value = value
                seen.member = number
                is_there = True
        if rule.test == TEST_ABOVE:
            seen.is_beyond = seen.value > rule.limit
            seen.is_back = seen.value <= rule.release
        else:
            seen.is_beyond = seen.value < rule.limit
            seen.is_back = seen.value >= rule.release
        return is_there

    cdef bint _is_absent(self, const Rule* rule, uint64_t raw) noexcept nogil:
        cdef uint32_t first = rule.first_value + rule.value_count
        cdef uint32_t number
        for number in range(first, first + rule.absent_count):
            if raw == self.values[number]:
                return True
        return False

    cdef bint _crosses(self, const Rule* rule, Past* past, Seen* seen, int64_t time_ns) except -1 nogil:
        """Return whether this value crosses the limit, or is one of a change, which `seen` has then."""
        cdef double before = past.last
        cdef double change = 0.0
        if rule.test == TEST_CHANGES:
            change = changes_by(past, rule.limit, <int64_t>rule.for_ns, time_ns, seen.value)
            seen.is_beyond = change != 0
        elif rule.test == TEST_CROSSES_ABOVE:
            seen.is_beyond = past.seen and before <= rule.limit < seen.value
        else:
            seen.is_beyond = past.seen and before >= rule.limit > seen.value
        past.last, past.last_ns, past.seen = seen.value, time_ns, True
        if change != 0:
            seen.value = change
        return seen.is_beyond

    cdef bint _turns(self, const Rule* rule, State* state, const Seen* seen, int64_t time_ns) noexcept nogil:
        """Return whether the rule begins or ends with this row; update its state."""
        if self.every_report:
            return seen.is_beyond
        state.seen_ns = time_ns
        if state.active:
            state.active = not seen.is_back
            return seen.is_back
        if not seen.is_beyond:
            state.pending = False
            return False
        if not state.pending or time_ns < state.since_ns:
            state.pending = True
            state.since_ns = time_ns
        if <uint64_t>time_ns - <uint64_t>state.since_ns < rule.for_ns:
            return False
        state.pending = False
        state.active = True
        return True
