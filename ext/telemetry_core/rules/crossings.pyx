"""Values that cross a limit, or change by so much within so long: what sets off a trigger.

Promises:
- A limit is crossed from one value of a series to its next: the first value crosses none.
- A change is that against any value of the last `within_ns`, both ends included. The next one begins with the value
  that made it.
- Time that steps back begins again, and values that are not numbers do not count.
- What is found depends on the rows alone and not on how they were batched; a row of another record costs one look
  into a table.

Memory is 16 bytes for each value within the time of a test, at most twice.
"""

cimport cython
from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memmove

from telemetry_core.memory cimport with_room, zeroed
from telemetry_core.rows.access cimport has_field, reports_fault, slots_of, value_of
from telemetry_core.rows.batch cimport ROW_OTHER_SENDER, RowHead, SampleBatch
from telemetry_core.rows.schema cimport Field, Schema

from telemetry_core.rules.watch_spec import Crossing

cdef enum:
    TAG_SETS = 65536

cdef enum Kind:
    ABOVE = 0
    BELOW = 1
    CHANGES_BY = 2

cdef struct Test:
    double limit
    int64_t within_ns
    uint32_t record
    uint32_t field
    int protection
    Kind kind

cdef struct Point:
    int64_t time_ns
    double value

cdef struct Queue:               # of values that may still be the highest, or the lowest, the oldest first
    Point* points
    size_t begin
    size_t end
    size_t room

cdef struct State:               # of one test and one tag set
    Queue highest
    Queue lowest
    int64_t last_ns
    double last
    bint seen


cdef int _push(Queue* queue, int64_t time_ns, double value, double sign) except -1 nogil:
    while queue.end > queue.begin and sign * queue.points[queue.end - 1].value <= sign * value:
        queue.end -= 1
    if queue.begin and queue.end >= queue.room:
        memmove(queue.points, queue.points + queue.begin, (queue.end - queue.begin) * sizeof(Point))
        queue.end -= queue.begin
        queue.begin = 0
    queue.points = <Point*>with_room(queue.points, &queue.room, queue.end, sizeof(Point))
    queue.points[queue.end] = Point(time_ns, value)
    queue.end += 1
    return 0


cdef double _change(Queue* queue, int64_t from_ns, double value) noexcept nogil:
    # From the highest or lowest value since `from_ns` to this one; 0 without any.
    while queue.begin < queue.end and queue.points[queue.begin].time_ns < from_ns:
        queue.begin += 1
    return value - queue.points[queue.begin].value if queue.begin < queue.end else 0.0


cdef void _empty(State* state) noexcept nogil:
    state.highest.begin = state.highest.end = state.lowest.begin = state.lowest.end = 0


@cython.final
cdef class Crossings:
    """Looks for them in rows of one Schema. tests: of `watch_spec.CrossingSpec`."""

    cdef readonly Schema schema
    cdef tuple specs
    cdef Test* tests
    cdef Py_ssize_t test_count
    cdef uint32_t* first_of      # by record, in `tests`, which are sorted by it
    cdef State** of_tags         # one State a test; untouched pages cost nothing

    def __cinit__(self, Schema schema not None, specs):
        cdef Py_ssize_t number
        self.schema = schema
        self.specs = tuple(sorted(specs, key=lambda spec: spec.record))
        self.test_count = len(self.specs)
        self.tests = <Test*>zeroed(self.test_count, sizeof(Test))
        self.first_of = <uint32_t*>zeroed(schema.record_count + 1, sizeof(uint32_t))
        self.of_tags = <State**>zeroed(TAG_SETS, sizeof(State*))
        for number, spec in enumerate(self.specs):
            self.tests[number] = Test(spec.limit, spec.within_ns, spec.record, spec.field, spec.protection,
                                      CHANGES_BY if spec.within_ns else ABOVE if spec.is_upper else BELOW)
        for number in range(schema.record_count + 1):
            self.first_of[number] = sum(spec.record < number for spec in self.specs)

    def __dealloc__(self):
        cdef Py_ssize_t tags
        for tags in range(TAG_SETS if self.of_tags != NULL else 0):
            self._forget(tags)
        free(self.of_tags)
        free(self.tests)
        free(self.first_of)

    cdef void _forget(self, Py_ssize_t tags) noexcept nogil:
        cdef Py_ssize_t number
        if self.of_tags[tags] != NULL:
            for number in range(self.test_count):
                free(self.of_tags[tags][number].highest.points)
                free(self.of_tags[tags][number].lowest.points)
            free(self.of_tags[tags])
            self.of_tags[tags] = NULL

    def forget(self, uint16_t tags):
        """Begin again with rows of this tag set."""
        self._forget(tags)

    def look(self, SampleBatch samples not None):
        """Return the `watch_spec.Crossing`s that these rows show, in their order.

        Raises ValueError for rows of another schema.
        """
        if samples.schema is not self.schema:
            raise ValueError("the rows are of another schema")
        cdef const uint64_t* row = samples.words
        cdef const RowHead* head
        cdef Py_ssize_t number
        cdef uint32_t at
        cdef Test* test
        cdef double value, change
        found = []
        for number in range(samples.rows):
            head = <const RowHead*>row
            for at in range(self.first_of[head.record], self.first_of[head.record + 1]):
                test = &self.tests[at]
                if (not has_field(row, test.field) or head.id & ROW_OTHER_SENDER
                        or reports_fault(self.schema, row, test.protection)):
                    continue
                value = value_of(&self.schema.fields[self.schema.records[head.record].first_field + test.field],
                                 slots_of(self.schema, row)[test.field])
                change = 0.0
                if isfinite(value) and self._crosses(self._state(head.tags, at), test, head.time_ns, value, &change):
                    found.append(Crossing(number, head.time_ns, head.channel, head.tags, self.specs[at], value, change))
            row += self.schema.records[head.record].row_words
        return found

    cdef State* _state(self, uint16_t tags, uint32_t test) except NULL:
        if self.of_tags[tags] == NULL:
            self.of_tags[tags] = <State*>zeroed(self.test_count, sizeof(State))
        return &self.of_tags[tags][test]

    cdef bint _crosses(self, State* state, const Test* test, int64_t time_ns, double value,
                       double* change) except -1 nogil:
        cdef bint crosses = False
        cdef double before = state.last
        cdef double rise
        cdef bint was_seen = state.seen
        if test.kind == CHANGES_BY:
            if was_seen and time_ns < state.last_ns:
                _empty(state)
            change[0] = _change(&state.highest, time_ns - test.within_ns, value)
            rise = _change(&state.lowest, time_ns - test.within_ns, value)
            if rise > -change[0]:
                change[0] = rise
            crosses = change[0] >= test.limit or -change[0] >= test.limit
            if crosses:
                _empty(state)
            _push(&state.highest, time_ns, value, 1.0)
            _push(&state.lowest, time_ns, value, -1.0)
        elif was_seen:
            crosses = before <= test.limit < value if test.kind == ABOVE else before >= test.limit > value
        state.last, state.last_ns, state.seen = value, time_ns, True
        return crosses

    def memory(self):
        """Return what is remembered of values, as plain values: for another one of the same tests."""
        return {tags: [self._plain(&self.of_tags[tags][number]) for number in range(self.test_count)]
                for tags in range(TAG_SETS) if self.of_tags[<size_t>tags] != NULL}

    cdef tuple _plain(self, State* state):
        queues = [[state.highest.points[at] for at in range(state.highest.begin, state.highest.end)],
                  [state.lowest.points[at] for at in range(state.lowest.begin, state.lowest.end)]]
        return queues, state.last_ns, state.last, bool(state.seen)

    def remember(self, memory):
        """Go on with the `memory` of another one; this one has seen nothing yet."""
        cdef State* state
        for tags, states in memory.items():
            if len(states) != self.test_count:
                raise ValueError("the memory is of other triggers")
            for number, ((highest, lowest), last_ns, last, seen) in enumerate(states):
                state = self._state(tags, number)
                for point in highest:
                    _push(&state.highest, point["time_ns"], point["value"], 1.0)
                for point in lowest:
                    _push(&state.lowest, point["time_ns"], point["value"], -1.0)
                state.last_ns, state.last, state.seen = last_ns, last, seen
