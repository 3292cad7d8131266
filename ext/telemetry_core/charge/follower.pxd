"""Data sheet of a follower: its plugs, and which rows it takes to them."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from telemetry_core.rows.batch cimport SampleBatch
from telemetry_core.rows.schema cimport Schema
from telemetry_core.charge.changes cimport Changes
from telemetry_core.charge.follow_table cimport FollowTable, Followed, Quantities
from telemetry_core.charge.plug cimport Plug

cdef enum:
    ROUTES = 4                   # plugs that one tag set may be measured at

cdef struct Route:               # of a tag set: at which plugs its modelled rows are measured
    Plug* plugs[ROUTES]
    uint8_t is_own[ROUTES]       # by one of the plug's ends, and not by a third
    uint8_t count

cdef class Follower:
    cdef readonly Schema schema
    cdef readonly tuple specs            # as they were given
    cdef FollowTable table
    cdef Plug** plugs
    cdef Py_ssize_t plug_count
    cdef Plug* nobody                    # nothing is heard or measured there
    cdef Plug** plug_of_channel          # nobody: it is not followed
    cdef Py_ssize_t channel_count
    cdef Route* route_of_tags
    cdef Plug** sole_of_tags             # the only one, of a protocol and measured by its own ends; nobody: see the route
    cdef Py_ssize_t tag_count
    cdef Changes changes
    cdef readonly Py_ssize_t left        # rows of the batch that are not followed yet, from the word `at` on
    cdef size_t at
    cdef size_t held_at                  # of the row before
    cdef bint in_parts

    cdef Plug* _plug(self, channel) except NULL
    cdef Plug* _add_plug(self, Py_ssize_t channel) except NULL
    cdef void _begin(self)
    cdef void _run(self, SampleBatch samples) noexcept nogil
    cdef void _set_place(self, Py_ssize_t left, const uint64_t* row) noexcept nogil
    cdef void _take_routed(self, Py_ssize_t left, const Quantities* found, const uint64_t* row) noexcept nogil
