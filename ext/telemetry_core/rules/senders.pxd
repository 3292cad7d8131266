"""Data sheet of the senders stage: what it knows of each J1939 address on each channel."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.rows.batch cimport RowHead, SampleBatch
from telemetry_core.rows.schema cimport Schema

cdef enum:
    ADDRESSES = 256

cdef struct Heard:               # of one sender on one channel
    uint64_t place               # the lower, the senior; 0: never heard
    uint64_t last_row            # number of its newest row among those of the channel
    int64_t last_ns              # the stamp of that row

cdef struct Judged:              # one record on one channel
    int32_t record
    int32_t protection           # the field that says whether a row's frame is right; NOBODY: no field says it
    int32_t taken                # the sender that its rows are taken from; NOBODY: none yet
    uint64_t kept_out            # rows of others
    uint8_t[32] reported         # a bit for each other sender that was reported

cdef struct Known:               # of one channel; made with the first row that has a sender
    Heard[256] heard
    uint8_t[8192] together       # a bit for each pair of senders that were heard at the same time

cdef struct Channel:
    const int32_t* judged_of_record  # of its bus; NULL: nothing is judged there
    uint32_t first_tags          # the tag set of sender 0, those of the others follow it
    uint64_t rows
    Known* known
    Judged* judged
    int32_t left                 # the change that was reported last
    int32_t followed

cdef struct Report:
    int64_t time_ns
    Py_ssize_t row
    int32_t record
    uint16_t channel
    uint8_t taken
    uint8_t other
    uint8_t is_change

cdef class Senders:
    cdef readonly Schema schema
    cdef tuple judged_records            # by bus: records, each with its field of protection
    cdef int32_t** judged_of_record      # by bus; of each record its place among them, NOBODY: not judged
    cdef Channel* channels
    cdef Py_ssize_t channel_count
    cdef Report* reports
    cdef size_t report_count
    cdef size_t report_room

    cdef object _make_channels(self, Py_ssize_t count)
    cdef Py_ssize_t _count_judged(self, const Channel* channel) noexcept
    cdef bint _run(self, SampleBatch samples) noexcept nogil
    cdef bint _judge(self, Channel* channel, Judged* judged, RowHead* head, Py_ssize_t row) noexcept nogil
    cdef bint _report(self, Judged* judged, const RowHead* head, Py_ssize_t row, int32_t other,
                      bint is_change) noexcept nogil
