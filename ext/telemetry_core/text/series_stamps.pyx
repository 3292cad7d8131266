"""The newest stamp of each series of the data model, for batches that may be delivered in any order.

Rows of the data model carry the raw stamps of their frames. Two of them may be one point in the database, where
the last one must stay. Promises:

- Of two batches that hold rows of one series with one stamp, the later one is reported to overlap.
- So is a batch that holds a row with an older stamp than an earlier batch: stamps in between are not remembered.
- Rows within one batch do not overlap.
- Without memory for a series every row of it overlaps. Memory is 24 bytes a series.
- Where rows come in parts, each value once, a row overlaps if it says so, or up to a stamp that is assumed.
"""

from libc.stdint cimport INT64_MIN, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free

from telemetry_core.memory cimport zeroed

cdef enum:
    TAG_SETS = 65536


cdef class SeriesStamps:
    """Remembers the newest stamp of each series: one of `kinds` kinds of records with one tag set."""

    def __cinit__(self, uint32_t kinds):
        self.kinds = kinds
        self.in_parts = <uint8_t*>zeroed(kinds, sizeof(uint8_t))
        self.of_tags = <Newest**>zeroed(TAG_SETS, sizeof(Newest*))  # untouched pages cost nothing

    def __dealloc__(self):
        cdef Py_ssize_t tags
        for tags in range(TAG_SETS if self.of_tags != NULL else 0):
            free(self.of_tags[tags])
        free(self.of_tags)
        free(self.in_parts)

    cdef Newest* _add(self, uint16_t tags) noexcept nogil:
        cdef Newest* added = <Newest*>calloc(max(self.kinds, <uint32_t>1), sizeof(Newest))
        cdef uint32_t kind
        if added != NULL:
            for kind in range(self.kinds):
                added[kind].newest_ns = added[kind].earlier_ns = INT64_MIN
            self.of_tags[tags] = added
        return added

    def newest_ns(self, uint16_t tags):
        """Return the newest stamp of all series with this tag set, in ns; -2**63 without any row."""
        cdef int64_t newest_ns = INT64_MIN
        cdef uint32_t kind
        if self.of_tags[tags] != NULL:
            for kind in range(self.kinds):
                newest_ns = max(newest_ns, self.of_tags[tags][kind].newest_ns)
        return newest_ns

    def assume_up_to(self, uint16_t tags, int64_t newest_ns):
        """Assume that earlier batches hold rows of all series with this tag set up to this stamp."""
        cdef Newest* series = self.of_tags[tags]
        cdef uint32_t kind
        if series == NULL:
            series = self._add(tags)
            if series == NULL:
                raise MemoryError
        for kind in range(self.kinds):
            series[kind].newest_ns = max(series[kind].newest_ns, newest_ns)
            series[kind].earlier_ns = max(series[kind].earlier_ns, newest_ns)
