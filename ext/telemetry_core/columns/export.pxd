"""Data sheet of the export: chunks as capsules of Arrow's C data interface."""

from telemetry_core.columns.chunk cimport Chunk, Dictionary

# A dictionary of `words`, texts; its one reference is the caller's. Raises MemoryError, OverflowError past 2 GiB.
cdef Dictionary* new_dictionary(list words) except NULL

# `columns`: format, name and metadata of each, bytes; metadata: of all, packed, or None; words: one for each column,
# NULL without words.
cdef object schema_capsule(tuple columns, object metadata)
cdef object array_capsule(Chunk* chunk, Dictionary** words)
cdef object stream_capsule(tuple columns, object metadata, Chunk** chunks, size_t count, Dictionary** words)
