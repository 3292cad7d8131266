"""The frames of a log by id: how many there are, and a fair sample of them to look at.

Promises: memory is bounded, whatever comes: MOST_KEPT frames, and RUN more for each of `most` ids. Of an id with few
frames all are kept. Of others the first are kept, and those that a draw of runs has chosen (reservoir sampling): each run
of RUN frames in succession is as likely as any other, so that neither a period nor a multiplexer's order hides anything.
The draw depends on the frames alone.
"""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from telemetry_core.frames.batch cimport ID_ERROR, ID_REMOTE, MAX_PAYLOAD, Frame, FrameBatch, payload
from telemetry_core.frames.seen_ids cimport SeenId, SeenIds, seen
from telemetry_core.memory cimport resized, zeroed

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

cdef struct Sample:              # of one id
    int32_t runs                 # that there is room for
    int32_t slot                 # where the present run is kept
    Kept* kept


@cython.final  # so that a frame costs no call
cdef class FramesById(SeenIds):
    """Counts frames by channel and id, and keeps some. Remote frames are left out."""

    cdef Sample* samples         # as `entries`
    cdef size_t kept             # frames that there is room for, without first runs
    cdef uint64_t state          # of the draw

    def __cinit__(self, size_t most):
        self.state = 88172645463325252
        self.samples = <Sample*>zeroed(self.size, sizeof(Sample))

    def __dealloc__(self):
        cdef size_t at
        for at in range(self.size if self.samples != NULL else 0):
            free(self.samples[at].kept)
        free(self.samples)

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
        cdef SeenId* entry = seen(self, frame)
        cdef Sample* sample
        cdef Kept* row
        cdef uint64_t number
        if entry == NULL:
            return 0
        sample = &self.samples[entry - self.entries]
        number = entry.frames - 1
        if number % RUN == 0:
            sample.slot = self._draw(sample, number)
        if sample.slot != NO_SLOT:
            row = &sample.kept[sample.slot * RUN + <int32_t>(number % RUN)]
            row.time_ns = frame.time_ns
            row.number = number
            row.length = frame.length
            memcpy(row.data, data, frame.length)
        return 0

    cdef int32_t _draw(self, Sample* sample, uint64_t number) except -2 nogil:
        """Return where the run from this frame on is kept: in new room, in place of another one, or nowhere."""
        cdef uint64_t drawn
        if not sample.runs or (sample.runs < MOST_RUNS and self.kept < MOST_KEPT):
            self.kept += RUN if sample.runs else 0
            sample.kept = <Kept*>resized(sample.kept, (sample.runs + 1) * RUN * sizeof(Kept))
            sample.runs += 1
            return sample.runs - 1
        self.state ^= self.state << 13
        self.state ^= self.state >> 7
        self.state ^= self.state << 17
        if sample.runs <= FIRST_RUNS:
            return NO_SLOT
        drawn = FIRST_RUNS + self.state % (number // RUN + 1 - FIRST_RUNS)
        return <int32_t>drawn if drawn < <uint64_t>sample.runs else NO_SLOT

    cdef tuple sample(self, size_t at):
        cdef Sample* sample = &self.samples[at]
        cdef Kept* row
        cdef uint64_t index
        rows = []
        for index in range(min(self.entries[at].frames, <uint64_t>sample.runs * RUN)):
            row = &sample.kept[index]
            rows.append((row.number, row.time_ns, (<const char*>row.data)[:row.length]))
        return tuple(zip(*sorted(rows)))
