"""Records of one group of an MF4 log in a window over the data that it shares with others.

A stream brings the records of one id: fixed ones of up to 64 KiB, or those that say their own length.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from telemetry_core.frames.batch cimport MAX_PAYLOAD

cdef extern from *:
    """
    #define swap64(word) __builtin_bswap64(word)
    """
    uint64_t swap64(uint64_t word) nogil

cdef enum Found:
    FOUND
    FOUND_NOTHING                # more bytes are needed
    FOUND_END

cdef enum:
    WINDOW = 163840              # bytes: a record, what comes before it, and half as much again of new ones
    SLACK = 8                    # bytes after the window, which a field may be read from
    TILE = 16384                 # bytes that are transposed at once: they stay in the first cache
    LENGTH_BYTES = 4             # before a payload whose length varies

cdef struct Field:
    uint64_t mask                # 0: it is not there, and is 0
    uint32_t byte
    uint8_t shift
    uint8_t unused               # bits of a big-endian word after the field's bytes

cdef struct RecordSize:
    uint64_t id
    int64_t size                 # bytes; -1: the record says its own

cdef struct Stream:              # the records of one id
    char* window
    Py_ssize_t begin             # first byte not yet taken
    Py_ssize_t end
    int64_t ahead                # bytes to skip before the next record
    int64_t record_bytes         # of the record that was found, with its id
    uint64_t id
    RecordSize* sizes            # of all records, by id
    Py_ssize_t size_count
    uint8_t id_bytes
    bint has_all
    bint is_lost                 # at a record of an unknown id
    int64_t block                # where in the file that is from which the newest bytes are


cdef inline uint64_t number_at(const char* record, const Field* field) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, record + field.byte, sizeof(word))
    if field.unused:
        word = swap64(word) >> (field.unused - 1)
    return word >> field.shift & field.mask


cdef inline int64_t size_of(const Stream* stream, uint64_t id) noexcept nogil:
    # Of a record in bytes; -1: it says its own, -2: there is no such id.
    cdef Py_ssize_t low = 0, high = stream.size_count, middle
    while low < high:
        middle = (low + high) // 2
        if stream.sizes[middle].id < id:
            low = middle + 1
        else:
            high = middle
    return stream.sizes[low].size if low < stream.size_count and stream.sizes[low].id == id else -2


cdef inline int find_record(Stream* stream) noexcept nogil:
    # Go to the next record of the stream's id. It may be found again until `ahead` goes over it.
    cdef int nothing = FOUND_END if stream.has_all else FOUND_NOTHING
    cdef const char* at
    cdef Py_ssize_t left, count
    cdef uint64_t id
    cdef uint32_t length
    cdef int64_t size
    while True:
        count = min(<int64_t>(stream.end - stream.begin), stream.ahead)
        stream.begin += count
        stream.ahead -= count
        left = stream.end - stream.begin
        if stream.ahead or left < stream.id_bytes:
            return nothing
        at = stream.window + stream.begin
        id = 0
        memcpy(&id, at, stream.id_bytes)
        size = stream.sizes[0].size if stream.id_bytes == 0 else size_of(stream, id)
        count = size
        if size == -2:
            stream.is_lost = True
            return FOUND_NOTHING
        if size < 0:
            if left < stream.id_bytes + LENGTH_BYTES:
                return nothing
            memcpy(&length, at + stream.id_bytes, sizeof(length))
            size = <int64_t>length + LENGTH_BYTES
            count = min(size, <int64_t>MAX_PAYLOAD + LENGTH_BYTES)
        if stream.id_bytes and id != stream.id:
            stream.ahead = stream.id_bytes + size
            continue
        if left < stream.id_bytes + count:
            return nothing
        stream.record_bytes = stream.id_bytes + size
        return FOUND


cdef inline const char* record_at(const Stream* stream) noexcept nogil:
    return stream.window + stream.begin + stream.id_bytes


cdef inline void pass_record(Stream* stream) noexcept nogil:
    stream.ahead = stream.record_bytes


cdef inline void turn_back(char* to, const char* block, Py_ssize_t size, Py_ssize_t columns, Py_ssize_t begin,
                           Py_ssize_t end, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # Bytes of a transposed block, from `begin` to `end`, as they were: column after column of whole rows. Of each
    # row those from `first` to `last` are enough.
    cdef Py_ssize_t rows = size // columns, whole = rows * columns
    cdef Py_ssize_t column, at, stop
    cdef const char* source
    while begin < end:
        stop = min(begin + TILE, end)
        for column in range(first, min(last, columns)):
            at = (begin - column + columns - 1) // columns
            source = block + column * rows + at
            at = at * columns + column
            while at < stop and at < whole:
                to[at - begin] = source[0]
                source += 1
                at += columns
        if stop > whole:
            at = max(whole, begin)
            memcpy(to + at - begin, block + at, stop - at)
        to += stop - begin
        begin = stop
