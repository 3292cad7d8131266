"""Data sheet of the traffic counter."""

from libc.stdint cimport int64_t, uint64_t

from telemetry_core.frames.batch cimport Frame, FrameBatch

cdef struct Counted:             # of one channel
    uint64_t frames
    uint64_t nominal_bits        # at the nominal bit rate: arbitration, and all of a frame that does not switch
    uint64_t data_bits           # at the data bit rate of CAN FD
    int64_t first_ns             # stamp of the first frame
    int64_t time_ns              # stamp of the last frame
    int64_t observed_ns

cdef class Traffic:
    cdef Counted* channels       # one for each 16-bit channel number: untouched pages cost nothing

    cdef void _count(self, const Frame* frame, Counted* counted) noexcept nogil
