"""Texts that are copied often: tag sets, names of channels, messages and signals.

Promises: a text is copied by a few wide moves, since readable bytes follow its end.
"""

cimport cython
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy


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
        cdef Text* grown = <Text*>realloc(self.items, count * sizeof(Text))
        if grown == NULL:
            raise MemoryError
        self.items = grown
        while self.count < count:
            grown[self.count].data = NULL
            self.count += 1
            self._set(&grown[self.count - 1], self.unset.data[:self.unset.length])

    cdef object _set(self, Text* item, bytes text):
        cdef char* data = <char*>calloc(1, len(text) + TEXT_SLACK)
        if data == NULL:
            raise MemoryError
        memcpy(data, <char*>text, len(text))
        free(item.data)
        item.data = data
        item.length = len(text)
        self.longest = max(self.longest, <size_t>len(text))
