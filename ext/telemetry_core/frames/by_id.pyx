"""The frames of a log by id: how many there are, and a fair sample of them to look at.

Promises: memory is bounded, whatever comes: MOST_KEPT frames, and RUN more for each of `most` ids. Of an id with few
frames all are kept. Of others the first are kept, and those that a draw of runs has chosen (reservoir sampling): each run
of RUN frames in succession is as likely as any other, so that neither a period nor a multiplexer's order hides anything.
The draw depends on the frames alone.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from telemetry_core.frames.batch cimport ID_ERROR, ID_REMOTE, MAX_PAYLOAD, Frame, FrameBatch, payload
from telemetry_core.memory cimport resized, zeroed

from telemetry_core.frames.spec import SeenFrames

cdef enum:
    RUN = 17                     # odd: a counter does not wrap between two runs each time
    FIRST_RUNS = 15              # of an id, which stay: pages of a multiplexer come again in them
    MOST_RUNS = 75               # of an id
    MOST_KEPT = 524_288          # frames of all ids, without the first run of each
    NO_SLOT = -1

RUN_FRAMES = RUN

cdef struct Kept:
    int64_t time_ns
    uint64_t number              # of the id's frames
    uint16_t length
    uint8_t data[64]

cdef struct SeenId:
    uint64_t key                 # channel and id, never 0; 0: empty
    uint64_t frames
    int64_t first_ns
    int64_t last_ns
    uint16_t shortest            # bytes
    uint16_t longest
    int32_t runs                 # that there is room for
    int32_t slot                 # where the present run is kept
    Kept* kept


cdef class FramesById:
    """Counts frames by channel and id, for `most` ids at most. `others` counts the frames of further ones.

    Remote frames are left out. All error frames of a channel have the id ID_ERROR.
    """

    cdef SeenId* entries
    cdef size_t size             # a power of two
    cdef size_t most
    cdef size_t count
    cdef size_t kept             # frames that there is room for, without first runs
    cdef uint64_t state          # of the draw
    cdef readonly int64_t others

    def __cinit__(self, size_t most):
        self.size = 4
        while self.size < 2 * most:
            self.size *= 2
        self.most = most
        self.state = 88172645463325252
        self.entries = <SeenId*>zeroed(self.size, sizeof(SeenId))

    def __dealloc__(self):
        cdef size_t at
        for at in range(self.size if self.entries != NULL else 0):
            free(self.entries[at].kept)
        free(self.entries)

    def take(self, FrameBatch frames not None):
        """Count the frames of a batch, and keep some."""
        cdef Py_ssize_t index
        cdef const Frame* frame
        with nogil:
            for index in range(frames.count):
                frame = &frames.frames[index]
                if (frame.id & ID_ERROR or not frame.id & ID_REMOTE) and frame.length <= MAX_PAYLOAD:
                    self._add(frame, payload(frame, frames.payloads))

    cdef int _add(self, const Frame* frame, const uint8_t* data) except -1 nogil:
        cdef uint64_t key = (<uint64_t>frame.channel + 1) << 32 | (<uint32_t>ID_ERROR if frame.id & ID_ERROR else frame.id)
        cdef size_t at = <size_t>((key * <uint64_t>0x9E3779B97F4A7C15) >> 32) & (self.size - 1)
        cdef SeenId* entry = &self.entries[at]
        cdef Kept* row
        while entry.key and entry.key != key:
            at = (at + 1) & (self.size - 1)
            entry = &self.entries[at]
        if not entry.key:
            if self.count == self.most:
                self.others += 1
                return 0
            self.count += 1
            entry.key = key
            entry.shortest = frame.length
            entry.first_ns = frame.time_ns
        if entry.frames % RUN == 0:
            entry.slot = self._draw(entry)
        if entry.slot != NO_SLOT:
            row = &entry.kept[entry.slot * RUN + <int32_t>(entry.frames % RUN)]
            row.time_ns = frame.time_ns
            row.number = entry.frames
            row.length = frame.length
            memcpy(row.data, data, frame.length)
        entry.frames += 1
        entry.last_ns = frame.time_ns
        entry.shortest = min(entry.shortest, frame.length)
        entry.longest = max(entry.longest, frame.length)
        return 0

    cdef int32_t _draw(self, SeenId* entry) except -2 nogil:
        """Return where the run that begins is kept: in new room, in place of another one, or nowhere."""
        cdef uint64_t drawn
        if not entry.runs or (entry.runs < MOST_RUNS and self.kept < MOST_KEPT):
            self.kept += RUN if entry.runs else 0
            entry.kept = <Kept*>resized(entry.kept, (entry.runs + 1) * RUN * sizeof(Kept))
            entry.runs += 1
            return entry.runs - 1
        self.state ^= self.state << 13
        self.state ^= self.state >> 7
        self.state ^= self.state << 17
        if entry.runs <= FIRST_RUNS:
            return NO_SLOT
        drawn = FIRST_RUNS + self.state % (entry.frames // RUN + 1 - FIRST_RUNS)
        return <int32_t>drawn if drawn < <uint64_t>entry.runs else NO_SLOT

    def found(self):
        """Return them as SeenFrames, by channel and id."""
        cdef size_t at
        cdef SeenId* entry
        cdef Kept* row
        cdef uint64_t index
        ids = []
        for at in range(self.size):
            entry = &self.entries[at]
            if not entry.key:
                continue
            rows = []
            for index in range(min(entry.frames, <uint64_t>entry.runs * RUN)):
                row = &entry.kept[index]
                rows.append((row.number, row.time_ns, (<const char*>row.data)[:row.length]))
            numbers, times_ns, data = zip(*sorted(rows))
            ids.append(SeenFrames((entry.key >> 32) - 1, entry.key & <uint64_t>0xFFFFFFFF, entry.frames, entry.first_ns,
                                  entry.last_ns, entry.shortest, entry.longest, numbers, times_ns, data))
        return sorted(ids)
