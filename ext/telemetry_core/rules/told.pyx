"""What a follower tells: transitions.

Promises:
- While rows are taken no Python object is made. A transition is a struct until its batch has ended.
- Transitions keep the order in which they arose, and each knows its row.
- Without memory nothing is lost silently: the batch raises MemoryError.
"""

from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.math cimport NAN
from libc.stdint cimport int64_t, uint8_t, uint16_t
from libc.stdlib cimport realloc
from libc.string cimport memset

from telemetry_core.rows.batch cimport SampleBatch

from typing import NamedTuple

_UNKNOWN = NAN
_new = tuple.__new__  # a NamedTuple's own takes ten times as long


class Transition(NamedTuple):
    """What a row shows of the plug on `channel`; the numbers' meanings are those of `follow_spec.Told`.

    row: the number of the row in its batch that shows it, -1 without one. time_ns: when it was, which may be earlier.
    values: by `follow_spec.PERCENT` or `WINDOW`; totals: of the session so far, by `TOTALS`; () of a WINDOW.
    NaN: not known. raw: the row's slots by field, of a row that is told.
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
    change.at = changes.at
    change.row = changes.row
    change.channel = channel
    change.kind = kind
    return change


cdef object transitions(const Changes* changes, SampleBatch samples):
    if changes.is_short_of_memory:
        raise MemoryError
    cdef size_t number
    cdef const Change* change
    found = []
    for number in range(changes.count):
        change = &changes.all[number]
        raw = samples.row_at(change.at).raw if change.has_row else None
        found.append(_new(Transition, (
            change.row, change.time_ns, change.channel, change.kind, change.number, change.side, change.bits,
            change.since_ns, _floats(change.values, change.value_count), _floats(change.totals, change.total_count), raw)))
    return found


cdef tuple _floats(const double* values, Py_ssize_t count):
    cdef Py_ssize_t place
    cdef tuple found = PyTuple_New(count)
    for place in range(count):
        value = _UNKNOWN if values[place] != values[place] else values[place]
        Py_INCREF(value)  # which PyTuple_SET_ITEM takes over
        PyTuple_SET_ITEM(found, place, value)
    return found
