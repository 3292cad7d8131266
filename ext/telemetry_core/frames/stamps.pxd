"""Data sheet of what changes stamps: the nudger's memory of each identifier, and two mappings of time."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from telemetry_core.frames.batch cimport FrameBatch

cdef enum:
    STEPS = 4                    # of the staircase of an identifier

cdef struct Recent:              # 56 bytes
    uint64_t key                 # channel and id; 0: empty
    int64_t stamps[STEPS]        # the latest first
    uint32_t nudges[STEPS]       # the largest at that stamp or later: rising; 0 after the first: no step

cdef struct Table:
    Recent* entries
    size_t size                  # a power of two
    int shift                    # of the hash, to an index
    size_t count                 # entries in use

cdef class Nudger:
    cdef Table current
    cdef Table previous          # what was current before it was full
    cdef readonly int64_t nudged

    cdef void apply(self, FrameBatch batch, Py_ssize_t start) noexcept nogil
    cdef Recent* entry_of(self, uint64_t key) noexcept nogil
    cdef void make_room(self) noexcept nogil

cdef class TimeMap:
    cdef readonly double scale
    cdef readonly int64_t origin_ns
    cdef readonly int64_t wall_ns

cdef class HardwareClock:
    cdef int64_t offset_ns       # from the controller's clock to the kernel's
    cdef int64_t last_hardware_ns
    cdef bint is_anchored

    cdef int64_t anchored(self, int64_t software_ns, int64_t hardware_ns) noexcept nogil
