"""Frames into arrays side by side.

Promises: one pass, no Python object a frame. `flags` are those of the data sheet (frames/batch.pxd) of the frame's
format, then those that lie in its id: extended, remote, error.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from telemetry_core.frames.batch cimport (
    FLAG_BRS, FLAG_ESI, FLAG_FD, ID_ERROR, ID_EXTENDED, ID_MASK, ID_REMOTE, Frame, FrameBatch, payload,
)

cdef enum:
    EXTENDED = 8
    REMOTE = 16
    ERROR = 32


def longest(FrameBatch frames not None):
    """Return the bytes of the longest payload."""
    cdef Py_ssize_t index
    cdef uint16_t found = 0
    for index in range(frames.count):
        found = max(found, frames.frames[index].length)
    return found


def copy_frames(FrameBatch frames not None, Py_ssize_t first, int64_t[::1] time_ns not None,
                uint16_t[::1] channel not None, uint32_t[::1] id not None, uint8_t[::1] flags not None,
                uint16_t[::1] length not None, uint8_t[:, ::1] data not None):
    """Write the frames into the arrays from index `first` on; payloads are followed by zeros.

    Raises ValueError without room for all, or for a payload longer than a row of `data`.
    """
    cdef Py_ssize_t index, at
    cdef size_t width = data.shape[1]
    cdef Frame* frame
    if first < 0 or min(time_ns.shape[0], channel.shape[0], id.shape[0], flags.shape[0], length.shape[0],
                        data.shape[0]) < first + frames.count:
        raise ValueError("no room for these frames")
    if longest(frames) > width:
        raise ValueError("a payload is longer than a row")
    for index in range(frames.count):
        at = first + index
        frame = &frames.frames[index]
        time_ns[at] = frame.time_ns
        channel[at] = frame.channel
        id[at] = frame.id & ID_MASK
        flags[at] = (frame.flags & (FLAG_FD | FLAG_BRS | FLAG_ESI) | (EXTENDED if frame.id & ID_EXTENDED else 0)
                     | (REMOTE if frame.id & ID_REMOTE else 0) | (ERROR if frame.id & ID_ERROR else 0))
        length[at] = frame.length
        if width:
            memcpy(&data[at, 0], payload(frame, frames.payloads), frame.length)
            memset(&data[at, 0] + frame.length, 0, width - frame.length)
