"""Texts that are copied often: tag sets, names of channels, messages and signals.

Promises: a text is copied by a few wide moves, since readable bytes follow its end.
"""

cimport cython
from libc.stdlib cimport free
from libc.string cimport memcpy

from telemetry_core.memory cimport lengthened, zeroed


@cython.final
cdef class Texts:
    """Byte strings by number. A number that was never put has the text `default`."""

    def __cinit__(self, bytes default=b""):
        self._set(&self.unset, default)

    def __dealloc__(self):
        cdef Py_ssize_t index
        for index in range(self.count):
            free(self.items[index].data)
        free(self.items)
        free(self.unset.data)

    cdef object put(self, Py_ssize_t index, bytes text):
        if index >= self.count:
            self._grow(index + 1)
        self._set(&self.items[index], text)

    cdef object _grow(self, Py_ssize_t count):
        self.items = <Text*>lengthened(self.items, self.count, count, sizeof(Text))
        while self.count < count:
            self.count += 1
            self._set(&self.items[self.count - 1], self.unset.data[:self.unset.length])

    cdef object _set(self, Text* item, bytes text):
        cdef char* data = <char*>zeroed(1, len(text) + TEXT_SLACK)
        memcpy(data, <char*>text, len(text))
        free(item.data)
        item.data = data
        item.length = len(text)
        self.longest = max(self.longest, <size_t>len(text))
