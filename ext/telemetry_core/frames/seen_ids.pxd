from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from telemetry_core.frames.batch cimport ID_ERROR, Frame

cdef struct SeenId:
    uint64_t key                 # channel and id, never 0; 0: empty
    uint64_t frames
    int64_t first_ns
    int64_t last_ns
    uint16_t shortest            # bytes
    uint16_t longest


cdef class SeenIds:
    cdef SeenId* entries
    cdef size_t size             # a power of two
    cdef size_t most
    cdef size_t count
    cdef readonly int64_t others

    cdef tuple sample(self, size_t at)


# The entry of a frame, which is counted there; NULL: it is of a further id, and counted in `others`.
cdef inline SeenId* seen(SeenIds ids, const Frame* frame) noexcept nogil:
    cdef uint64_t key = (<uint64_t>frame.channel + 1) << 32 | (<uint32_t>ID_ERROR if frame.id & ID_ERROR else frame.id)
    cdef size_t at = <size_t>((key * <uint64_t>0x9E3779B97F4A7C15) >> 32) & (ids.size - 1)
    cdef SeenId* entry = &ids.entries[at]
    while entry.key and entry.key != key:
        at = (at + 1) & (ids.size - 1)
        entry = &ids.entries[at]
    if not entry.key:
        if ids.count == ids.most:
            ids.others += 1
            return NULL
        ids.count += 1
        entry.key = key
        entry.shortest = frame.length
        entry.first_ns = frame.time_ns
    entry.frames += 1
    entry.last_ns = frame.time_ns
    entry.shortest = min(entry.shortest, frame.length)
    entry.longest = max(entry.longest, frame.length)
    return entry
