"""Data sheet of a schema: how the rows of a SampleBatch look, and the bytes that name them."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cdef enum:
    HEAD_WORDS = 3               # words of batch.RowHead
    SLOT_STEP = 4                # slots are written this many at a time: every row has room for it

cdef enum SlotKind:
    SLOT_INT = 0
    SLOT_UINT = 1
    SLOT_FLOAT = 2
    SLOT_BOOL = 3
    SLOT_TEXT = 4
    SLOT_WORD = 5
    SLOT_ASCII = 6

cdef enum:
    SLOT_CHARACTERS = 8          # of a text in one word
    MOST_CHARACTERS = 24

cdef struct FieldText:           # what a field of texts writes for one raw value
    int64_t raw
    const char* quoted           # as line protocol and JSON write it, with its quotes
    const char* plain            # as csv writes it
    uint32_t quoted_length
    uint32_t plain_length

cdef struct Field:
    double factor
    double offset
    int64_t multiplier           # with `decimal`: (raw * multiplier + bias) / 10**decimals, never overflows
    int64_t bias
    uint32_t key                 # in Schema.text: the escaped `,name=`
    uint16_t key_length
    uint16_t name_length         # in Schema.text, right after the key: the plain name of the signal (UTF-8)
    uint8_t kind                 # SlotKind
    uint8_t decimal
    uint8_t decimals
    uint8_t passes               # a change of it is never reduced away
    uint8_t characters           # of SLOT_ASCII: at most
    uint16_t rest                # of SLOT_ASCII: words from its slot to those of the characters past the eighth
    uint32_t text_count
    const FieldText* texts       # sorted by raw value

cdef struct Record:
    uint32_t key                 # in Schema.text: the escaped measurement
    uint32_t name                # in Schema.text: the plain name of the message (UTF-8)
    uint16_t key_length
    uint16_t name_length
    uint32_t first_field
    uint32_t field_count
    uint32_t mask_words          # (field_count + 63) // 64
    uint32_t row_words           # HEAD_WORDS + mask_words + field_count, up to SLOT_STEP - 1 unused ones, rest_words
    uint32_t rest_words          # of texts, what their slots have no room for
    uint8_t modelled
    uint8_t hidden               # rows of it are never written

cdef class Schema:
    cdef Record* records
    cdef Field* fields
    cdef char* text
    cdef FieldText* field_texts
    cdef list kept               # the bytes that they point into
    cdef readonly Py_ssize_t longest_text  # bytes of the longest of them
    cdef readonly Py_ssize_t record_count
    cdef readonly Py_ssize_t field_count
    cdef readonly tuple specs    # the RecordSpecs it was made of
    cdef tuple names             # of their fields, by record

    cdef object _pack(self)
    cdef object _pack_texts(self)

# A text of a value table as it is written: with spaces for what cannot be printed.
cdef str printable(str text)

# Whether a spreadsheet may take a cell of csv that begins like this for a formula.
cdef inline bint begins_formula(char letter) noexcept nogil:
    return letter == c"=" or letter == c"+" or letter == c"-" or letter == c"@" or letter == c"\t"

# The characters of a field of SLOT_ASCII, whose slot is at `slot`, into MOST_CHARACTERS bytes; how many there are.
cdef inline size_t get_characters(char* out, const Field* field, const uint64_t* slot) noexcept nogil:
    cdef size_t count = 0
    memcpy(out, slot, SLOT_CHARACTERS)
    if field.characters > SLOT_CHARACTERS:
        memcpy(out + SLOT_CHARACTERS, slot + field.rest, MOST_CHARACTERS - SLOT_CHARACTERS
               if field.characters > 2 * SLOT_CHARACTERS else SLOT_CHARACTERS)
    while count < field.characters and out[count]:
        count += 1
    return count

# The reverse: `count` characters, at most as many as the field has, none of them 0.
cdef inline void set_characters(uint64_t* slot, const Field* field, const char* text, size_t count) noexcept nogil:
    cdef char[MOST_CHARACTERS] padded
    memset(padded, 0, MOST_CHARACTERS)
    memcpy(padded, text, count)
    memcpy(slot, padded, SLOT_CHARACTERS)
    if field.characters > SLOT_CHARACTERS:
        memcpy(slot + field.rest, padded + SLOT_CHARACTERS, MOST_CHARACTERS - SLOT_CHARACTERS
               if field.characters > 2 * SLOT_CHARACTERS else SLOT_CHARACTERS)

# Copy what the slots of a row's texts have no room for, of the fields that are there: `slots` is laid out as in a row.
cdef void copy_rests(Schema schema, uint32_t record, const uint64_t* row, uint64_t* slots) noexcept nogil

# What `field` writes for a raw value; NULL when its table has no text for it.
cdef const FieldText* find_text(const Field* field, int64_t raw) noexcept nogil
