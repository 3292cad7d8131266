"""Data sheet of the newest stamps of series."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef struct Newest:              # of one series
    int64_t newest_ns            # of all its rows
    int64_t earlier_ns           # of those of earlier batches than `batch`
    uint64_t batch               # that its last row went to

cdef class SeriesStamps:
    cdef uint32_t kinds          # of records
    cdef uint8_t* in_parts       # by kind: rows come in parts, which say themselves whether they may replace one
    cdef Newest** of_tags        # by 16-bit tag set: NULL, or one for each kind

    cdef Newest* _add(self, uint16_t tags) noexcept nogil

    # Note a row of the series `kind` with `tags`, written to `batch`. Return whether an earlier batch may hold a row
    # of it with this stamp or a later one; `replaces`: as a row in parts says.
    cdef inline bint overlaps(self, uint32_t kind, uint16_t tags, int64_t time_ns, uint64_t batch,
                              bint replaces) noexcept nogil:
        cdef Newest* series = self.of_tags[tags]
        if series == NULL:
            series = self._add(tags)
            if series == NULL:
                return True
        series += kind
        if series.batch != batch:
            series.batch = batch
            if not self.in_parts[kind]:
                series.earlier_ns = series.newest_ns
        series.newest_ns = max(series.newest_ns, time_ns)
        return time_ns <= series.earlier_ns or (replaces and self.in_parts[kind])
