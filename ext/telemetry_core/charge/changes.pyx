"""What a follower reports: changes at a plug.

Promises:
- While rows are taken no Python object is made. A change is a struct until its batch has ended.
- Changes keep the order in which they arose, and each knows its row.
- Without memory nothing is lost silently: the batch raises MemoryError.
"""

from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from cpython.type cimport PyType_GenericAlloc
from libc.math cimport NAN, signbit
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t
from libc.stdlib cimport realloc
from libc.string cimport memcmp, memset

from telemetry_core.rows.batch cimport SampleBatch

from telemetry_core.charge.follow_spec import PlugChange

_UNKNOWN = NAN
_NOTHING = 0.0


cdef Change* add_change(Changes* changes, uint8_t kind, uint16_t channel, int64_t time_ns) noexcept nogil:
    cdef size_t room = 2 * changes.room + 16
    cdef Change* change
    if changes.count == changes.room:
        change = <Change*>realloc(changes.all, room * sizeof(Change))
        if change == NULL:
            changes.is_short_of_memory = True
            return NULL
        changes.all = change
        changes.room = room
    change = &changes.all[changes.count]
    changes.count += 1
    memset(change, 0, sizeof(Change))
    change.time_ns = time_ns
    change.row = changes.row
    change.left = changes.left
    change.channel = channel
    change.kind = kind
    return change


cdef object plug_changes(const Changes* changes, SampleBatch samples):
    if changes.is_short_of_memory:
        raise MemoryError
    cdef size_t number
    cdef const Change* change
    cdef const Change* last = NULL  # whose totals these are
    cdef tuple totals = ()
    found = []
    for number in range(changes.count):
        change = &changes.all[number]
        if change.total_count and (last == NULL or memcmp(change.totals, last.totals, sizeof(change.totals))):
            last = change
            totals = _floats(change.totals, change.total_count)
        found.append(_plug_change(change, -1 if change.row == NULL else samples.rows - change.left,
                                  totals if change.total_count else (),
                                  samples.raw_at(change.row - samples.words) if change.has_row else None))
    return found


cdef object _plug_change(const Change* change, Py_ssize_t row, tuple totals, raw):
    """Without the arguments that a NamedTuple's own way takes, which costs ten times as much."""
    one = PyType_GenericAlloc(PlugChange, 11)
    _set(one, 0, row)
    _set(one, 1, change.time_ns)
    _set(one, 2, change.channel)
    _set(one, 3, change.kind)
    _set(one, 4, change.number)
    _set(one, 5, change.side)
    _set(one, 6, change.bits)
    _set(one, 7, change.since_ns)
    _set(one, 8, _floats(change.values, change.value_count))
    _set(one, 9, totals)
    _set(one, 10, raw)
    return one


cdef inline void _set(one, Py_ssize_t place, item):
    """Fill a place of a tuple that is new."""
    Py_INCREF(item)  # which PyTuple_SET_ITEM takes over
    PyTuple_SET_ITEM(one, place, item)


cdef tuple _floats(const double* values, Py_ssize_t count):
    cdef Py_ssize_t place
    cdef tuple found
    if count == 0:
        return ()
    found = PyTuple_New(count)
    for place in range(count):
        if values[place] != values[place]:
            _set(found, place, _UNKNOWN)
        elif values[place] == 0 and not signbit(values[place]):
            _set(found, place, _NOTHING)
        else:
            _set(found, place, values[place])
    return found
