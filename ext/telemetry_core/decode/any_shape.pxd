"""Data sheet of messages of any shape: what is left out of them."""

from libc.stdint cimport uint8_t, uint64_t

from telemetry_core.decode.message cimport Message

cdef struct Omitted:             # signals left out, by reason
    uint64_t short_frame
    uint64_t not_a_number
    uint64_t not_available
    uint64_t unknown_multiplexer_value

cdef bint decode_any(const Message* message, const uint8_t* data, Py_ssize_t readable, Py_ssize_t length,
                     uint64_t* mask, Omitted* omitted) noexcept nogil
