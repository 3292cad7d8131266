"""What Health reports, as Python objects."""

from libc.stdint cimport uint32_t

from telemetry_core.health.pack cimport Pack

# What has `found` (bits of Changed) in a pack, in the order in which it happened; and forget what was reported.
cdef list take_changes(Pack* pack, Py_ssize_t number, uint32_t found, Py_ssize_t row)
# Its day as it is, in a list; none where nothing was counted.
cdef list day_of_pack(const Pack* pack, Py_ssize_t number, Py_ssize_t row)
