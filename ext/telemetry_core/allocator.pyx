"""How the C library keeps the memory of batches.

Promises: after `return_large_blocks` a block of LARGE_BYTES or more goes back to the system as soon as it is
freed. glibc would keep such blocks among the small ones once it has seen one go (mallopt(3), "dynamic mmap
threshold"), and a process that runs for months keeps the holes. Other C libraries are left as they are.
"""

cdef extern from *:
    """
    #include <stdlib.h>
    #if defined(__GLIBC__)
    #include <malloc.h>
    static void telemetry_limit_heap(int large_bytes, int spare_bytes)
    {
        mallopt(M_MMAP_THRESHOLD, large_bytes);
        mallopt(M_TRIM_THRESHOLD, spare_bytes);  /* setting the one fixes the other at 128 KiB */
    }
    #else
    static void telemetry_limit_heap(int large_bytes, int spare_bytes)
    {
        (void)large_bytes;
        (void)spare_bytes;
    }
    #endif
    """
    void telemetry_limit_heap(int large_bytes, int spare_bytes) nogil

LARGE_BYTES = 320 * 1024  # more than what isal takes while it compresses one batch: 280 KiB
_SPARE_BYTES = 8 * 1024 * 1024  # kept at the heap's end: returning and asking again costs more than it is worth


def return_large_blocks():
    """Return blocks of LARGE_BYTES or more to the system when they are freed, from now on."""
    telemetry_limit_heap(LARGE_BYTES, _SPARE_BYTES)
