"""Data sheet of a table of texts."""

from libc.stdint cimport uint32_t

cdef extern from *:
    """
    #include <string.h>

    enum { TEXT_SLACK = 32 }; /* bytes: readable after the end of a text, and writable after the end of its copy */

    /* Most texts are shorter than TEXT_SLACK: those take one copy of fixed size, without a loop or a call. */
    static inline char* put_text(char* out, const char* text, size_t length)
    {
        memcpy(out, text, TEXT_SLACK);
        for (size_t at = TEXT_SLACK; __builtin_expect(at < length, 0); at += TEXT_SLACK)
            memcpy(out + at, text + at, TEXT_SLACK);
        return out + length;
    }

    /* For texts without slack after them. */
    static inline char* put_literal(char* out, const char* text)
    {
        const size_t length = strlen(text); /* of a literal: known when compiled */
        memcpy(out, text, length);
        return out + length;
    }
    """
    cdef enum:
        TEXT_SLACK
    char* put_text(char* out, const char* text, size_t length) nogil
    char* put_literal(char* out, const char* text) nogil

cdef struct Text:                # TEXT_SLACK readable bytes follow its end
    char* data
    uint32_t length

cdef class Texts:
    cdef Text* items
    cdef Text unset              # the text of every index that has none of its own
    cdef Py_ssize_t count
    cdef size_t longest          # bytes

    cdef object put(self, Py_ssize_t index, bytes text)
    cdef object _grow(self, Py_ssize_t count)
    cdef object _set(self, Text* item, bytes text)

# Copy a text to `out`, where TEXT_SLACK writable bytes follow it. Return the end of the copy.
cdef inline char* put_text_of(char* out, Texts texts, Py_ssize_t index) noexcept nogil:
    cdef Text* item = &texts.items[index] if index < texts.count else &texts.unset
    return put_text(out, item.data, item.length)
