"""Chunks through Arrow's C data interface, without a copy.

Promises:

- Every array, and each of its columns alone, may outlive all others and the stream that gave it.
- Giving back needs no interpreter.

The layout is that of the specification: a stream of struct arrays, one child a column; a column of words has codes
and a dictionary.
"""

from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from libc.errno cimport ENOMEM
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, strlen

from telemetry_core.columns.chunk cimport (
    Chunk, ColumnData, Dictionary, drop_chunk, drop_dictionary, keep_chunk, keep_dictionary,
)
from telemetry_core.memory cimport resized, zeroed

# The three structs of Arrow's C data and stream interfaces, as its specification lays them out.

cdef enum:
    ARROW_FLAG_NULLABLE = 2

cdef struct ArrowSchema:
    const char* format
    const char* name
    const char* metadata
    int64_t flags
    int64_t n_children
    ArrowSchema** children
    ArrowSchema* dictionary
    void (*release)(ArrowSchema*) noexcept nogil
    void* private_data

cdef struct ArrowArray:
    int64_t length
    int64_t null_count
    int64_t offset
    int64_t n_buffers
    int64_t n_children
    const void** buffers
    ArrowArray** children
    ArrowArray* dictionary
    void (*release)(ArrowArray*) noexcept nogil
    void* private_data

cdef struct ArrowArrayStream:
    int (*get_schema)(ArrowArrayStream*, ArrowSchema* out) noexcept nogil
    int (*get_next)(ArrowArrayStream*, ArrowArray* out) noexcept nogil
    const char* (*get_last_error)(ArrowArrayStream*) noexcept nogil
    void (*release)(ArrowArrayStream*) noexcept nogil
    void* private_data

cdef const char* STRUCT = b"+s"
cdef const char* UTF8 = b"u"
cdef const char* NOTHING = b""

cdef struct ArrayMemory:         # what private_data of an array points to
    const void* buffers[3]
    Chunk* chunk                 # or NULL
    Dictionary* words            # or NULL

cdef struct StreamMemory:
    ArrowSchema schema
    Chunk** chunks
    Dictionary** words           # of each column, or NULL
    size_t count
    size_t next


# --- schemas

cdef void _release_schema(ArrowSchema* schema) noexcept nogil:
    cdef int64_t index
    for index in range(schema.n_children):
        if schema.children[index].release != NULL:
            schema.children[index].release(schema.children[index])
    free(schema.children)
    if schema.dictionary != NULL:
        if schema.dictionary.release != NULL:
            schema.dictionary.release(schema.dictionary)
        free(schema.dictionary)
    free(schema.private_data)
    schema.release = NULL


cdef size_t _metadata_bytes(const char* metadata) noexcept nogil:
    # int32 count, and for each pair two int32 lengths, each followed by so many bytes.
    cdef int32_t count, length
    cdef size_t at = sizeof(int32_t)
    cdef int32_t index
    if metadata == NULL:
        return 0
    memcpy(&count, metadata, sizeof(count))
    for index in range(2 * count):
        memcpy(&length, metadata + at, sizeof(length))
        at += sizeof(length) + length
    return at


cdef bint _set_schema(ArrowSchema* schema, const char* format, const char* name, const char* metadata,
                      int64_t children) noexcept nogil:
    """Fill `schema` with copies; its children are there, and released. False without memory: it is released."""
    cdef size_t format_bytes = strlen(format) + 1
    cdef size_t name_bytes = strlen(name) + 1
    cdef size_t metadata_bytes = _metadata_bytes(metadata)
    cdef int64_t index
    cdef char* text = <char*>malloc(format_bytes + name_bytes + metadata_bytes)
    schema[0] = ArrowSchema(NULL, NULL, NULL, ARROW_FLAG_NULLABLE, 0, NULL, NULL, _release_schema, text)
    if text == NULL:
        schema.release = NULL
        return False
    memcpy(text, format, format_bytes)
    memcpy(text + format_bytes, name, name_bytes)
    schema.format = text
    schema.name = text + format_bytes
    if metadata_bytes:
        memcpy(text + format_bytes + name_bytes, metadata, metadata_bytes)
        schema.metadata = text + format_bytes + name_bytes
    if children:
        schema.children = <ArrowSchema**>calloc(children, sizeof(ArrowSchema*) + sizeof(ArrowSchema))  # and the structs
        if schema.children == NULL:
            _release_schema(schema)
            return False
        schema.n_children = children
        for index in range(children):
            schema.children[index] = <ArrowSchema*>(schema.children + children) + index
    return True


cdef bint _add_dictionary(ArrowSchema* schema) noexcept nogil:
    schema.dictionary = <ArrowSchema*>calloc(1, sizeof(ArrowSchema))
    return schema.dictionary != NULL and _set_schema(schema.dictionary, UTF8, NOTHING, NULL, 0)


cdef bint _copy_schema(ArrowSchema* source, ArrowSchema* out) noexcept nogil:
    cdef int64_t index
    cdef ArrowSchema* child
    if not _set_schema(out, source.format, source.name, source.metadata, source.n_children):
        return False
    out.flags = source.flags
    for index in range(source.n_children):
        child = source.children[index]
        if (not _set_schema(out.children[index], child.format, child.name, child.metadata, 0)
                or (child.dictionary != NULL and not _add_dictionary(out.children[index]))):
            _release_schema(out)
            return False
    return True


cdef int _fill_schema(ArrowSchema* schema, tuple columns, of_all) except -1:
    cdef bytes format, name
    cdef const char* packed = <const char*>(<bytes>of_all) if of_all else NULL
    if not _set_schema(schema, STRUCT, NOTHING, packed, len(columns)):
        raise MemoryError
    schema.flags = 0
    for index, (format, name, metadata, has_words) in enumerate(columns):
        packed = <const char*>(<bytes>metadata) if metadata else NULL
        if (not _set_schema(schema.children[index], format, name, packed, 0)
                or (has_words and not _add_dictionary(schema.children[index]))):
            _release_schema(schema)
            raise MemoryError
    return 0


cdef void _end_schema_capsule(object capsule) noexcept:
    cdef ArrowSchema* schema = <ArrowSchema*>PyCapsule_GetPointer(capsule, "arrow_schema")
    if schema.release != NULL:
        schema.release(schema)
    free(schema)


cdef object schema_capsule(tuple columns, metadata):
    cdef ArrowSchema* schema = <ArrowSchema*>zeroed(1, sizeof(ArrowSchema))
    try:
        _fill_schema(schema, columns, metadata)
        return PyCapsule_New(schema, "arrow_schema", _end_schema_capsule)
    except:
        free(schema)
        raise


# --- arrays

cdef void _release_array(ArrowArray* array) noexcept nogil:
    cdef int64_t index
    cdef ArrayMemory* memory = <ArrayMemory*>array.private_data
    for index in range(array.n_children):
        if array.children[index].release != NULL:
            array.children[index].release(array.children[index])
    free(array.children)
    if array.dictionary != NULL:
        if array.dictionary.release != NULL:
            array.dictionary.release(array.dictionary)
        free(array.dictionary)
    drop_chunk(memory.chunk)
    drop_dictionary(memory.words)
    free(memory)
    array.release = NULL


cdef ArrayMemory* _set_array(ArrowArray* array, size_t rows, int64_t buffers, int64_t children) noexcept nogil:
    """Fill `array`; its children are there, and released. NULL without memory: it is released."""
    cdef int64_t index
    cdef ArrayMemory* memory = <ArrayMemory*>calloc(1, sizeof(ArrayMemory))
    array.release = NULL
    if memory == NULL:
        return NULL
    array[0] = ArrowArray(rows, 0, 0, buffers, 0, &memory.buffers[0], NULL, NULL, _release_array, memory)
    if children:
        array.children = <ArrowArray**>calloc(children, sizeof(ArrowArray*) + sizeof(ArrowArray))  # and the structs
        if array.children == NULL:
            _release_array(array)
            return NULL
        array.n_children = children
        for index in range(children):
            array.children[index] = <ArrowArray*>(array.children + children) + index
    return memory


cdef bint _set_words(ArrowArray* codes, Dictionary* words) noexcept nogil:
    codes.dictionary = <ArrowArray*>calloc(1, sizeof(ArrowArray))
    if codes.dictionary == NULL:
        return False
    cdef ArrayMemory* memory = _set_array(codes.dictionary, words.count, 3, 0)
    if memory == NULL:
        return False
    keep_dictionary(words)
    memory.words = words
    memory.buffers[1] = words.offsets
    memory.buffers[2] = words.text
    return True


cdef bint _set_column(ArrowArray* array, Chunk* chunk, uint32_t column, Dictionary* words) noexcept nogil:
    cdef ColumnData* data = &chunk.columns[column]
    cdef ArrayMemory* memory = _set_array(array, chunk.rows, 2, 0)
    if memory == NULL:
        return False
    keep_chunk(chunk)
    memory.chunk = chunk
    array.null_count = chunk.rows - data.present
    memory.buffers[0] = data.validity
    memory.buffers[1] = data.values
    return words == NULL or _set_words(array, words)


cdef bint _set_chunk(ArrowArray* array, Chunk* chunk, Dictionary** words) noexcept nogil:
    cdef uint32_t column
    if _set_array(array, chunk.rows, 1, chunk.column_count) == NULL:
        return False
    for column in range(chunk.column_count):
        if not _set_column(array.children[column], chunk, column, words[column]):
            _release_array(array)
            return False
    return True


cdef void _end_array_capsule(object capsule) noexcept:
    cdef ArrowArray* array = <ArrowArray*>PyCapsule_GetPointer(capsule, "arrow_array")
    if array.release != NULL:
        array.release(array)
    free(array)


cdef object array_capsule(Chunk* chunk, Dictionary** words):
    cdef ArrowArray* array = <ArrowArray*>zeroed(1, sizeof(ArrowArray))
    if not _set_chunk(array, chunk, words):
        free(array)
        raise MemoryError
    try:
        return PyCapsule_New(array, "arrow_array", _end_array_capsule)
    except:
        _release_array(array)
        free(array)
        raise


# --- streams

cdef int _get_schema(ArrowArrayStream* stream, ArrowSchema* out) noexcept nogil:
    return 0 if _copy_schema(&(<StreamMemory*>stream.private_data).schema, out) else ENOMEM


cdef int _get_next(ArrowArrayStream* stream, ArrowArray* out) noexcept nogil:
    cdef StreamMemory* memory = <StreamMemory*>stream.private_data
    if memory.next == memory.count:
        out.release = NULL
        return 0
    if not _set_chunk(out, memory.chunks[memory.next], memory.words):
        return ENOMEM
    memory.next += 1
    return 0


cdef const char* _get_last_error(ArrowArrayStream* stream) noexcept nogil:
    return NULL


cdef void _free_stream(StreamMemory* memory) noexcept nogil:
    cdef size_t index
    if memory.words != NULL:
        for index in range(<size_t>memory.schema.n_children):
            drop_dictionary(memory.words[index])
    if memory.chunks != NULL:
        for index in range(memory.count):
            drop_chunk(memory.chunks[index])
    if memory.schema.release != NULL:
        memory.schema.release(&memory.schema)
    free(memory.chunks)
    free(memory.words)
    free(memory)


cdef void _release_stream(ArrowArrayStream* stream) noexcept nogil:
    _free_stream(<StreamMemory*>stream.private_data)
    stream.release = NULL


cdef void _end_stream_capsule(object capsule) noexcept:
    cdef ArrowArrayStream* stream = <ArrowArrayStream*>PyCapsule_GetPointer(capsule, "arrow_array_stream")
    if stream.release != NULL:
        stream.release(stream)
    free(stream)


cdef object stream_capsule(tuple columns, metadata, Chunk** chunks, size_t count, Dictionary** words):
    cdef size_t index
    cdef ArrowArrayStream* stream = <ArrowArrayStream*>calloc(1, sizeof(ArrowArrayStream))
    cdef StreamMemory* memory = <StreamMemory*>calloc(1, sizeof(StreamMemory))
    if stream == NULL or memory == NULL:
        free(stream)
        free(memory)
        raise MemoryError
    try:
        _fill_schema(&memory.schema, columns, metadata)
        memory.chunks = <Chunk**>zeroed(count, sizeof(Chunk*))
        memory.words = <Dictionary**>zeroed(len(columns), sizeof(Dictionary*))
        for index in range(count):
            keep_chunk(chunks[index])
            memory.chunks[index] = chunks[index]
        memory.count = count
        for index in range(<size_t>len(columns)):
            if words[index] != NULL:
                keep_dictionary(words[index])
                memory.words[index] = words[index]
        stream[0] = ArrowArrayStream(_get_schema, _get_next, _get_last_error, _release_stream, memory)
        return PyCapsule_New(stream, "arrow_array_stream", _end_stream_capsule)
    except:
        _free_stream(memory)
        free(stream)
        raise


# --- words

cdef Dictionary* new_dictionary(list words) except NULL:
    cdef bytes text = b"".join(words)
    cdef size_t at = 0
    cdef Py_ssize_t index
    if len(text) > 0x7FFFFFFF:
        raise OverflowError("words of more than 2 GiB")
    cdef Dictionary* made = <Dictionary*>zeroed(1, sizeof(Dictionary))
    made.references = 1
    made.count = <int32_t>len(words)
    try:
        made.offsets = <int32_t*>zeroed(len(words) + 1, sizeof(int32_t))
        made.text = <char*>resized(NULL, len(text))
    except MemoryError:
        drop_dictionary(made)
        raise
    memcpy(made.text, <const char*>text, len(text))
    for index in range(len(words)):
        at += len(<bytes>words[index])
        made.offsets[index + 1] = <int32_t>at
    return made
