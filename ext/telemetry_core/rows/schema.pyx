"""A schema: what the rows of a SampleBatch look like, packed for the hot loops.

Promises:

- Every key is escaped for line protocol once, here.
- The arrays never move, so compiled stages keep pointers into them while they hold the Schema.
- A spec that no row can have (an unknown kind, decimals beyond 18, a name of 64 KiB) raises a ValueError that
  names it.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from telemetry_core.memory cimport zeroed

cdef enum:
    MOST_DECIMALS = 18           # of an int64


def escape_measurement(str name):
    """Return `name` as line protocol writes a measurement."""
    escaped = _escape(name, (",", " "))
    return b"_" + escaped if escaped.startswith(b"#") else escaped  # a line that begins with # is a comment


def escape_key(str name):
    """Return `name` as line protocol writes a tag key, a tag value or a field key."""
    return _escape(name, (",", "=", " "))


cdef bytes _escape(str name, tuple specials):
    # Line protocol can neither escape a line break nor write an empty name. Each server reads a backslash before a
    # special character in its own way, so no backslash is written but our own.
    text = " ".join(name.splitlines()) if name.splitlines() != [name] else name
    text = text.replace("\\", "_") or "_"
    if not text.isprintable():
        text = "".join(character if character.isprintable() else "_" for character in text)
    for special in specials:
        text = text.replace(special, "\\" + special)
    return text.encode("utf-8", "replace")


def guarded(str text):
    """Return `text` with an apostrophe in front if a spreadsheet may take it for a formula."""
    return f"'{text}" if text and begins_formula(<char>min(ord(text[0]), 127)) else text


def csv_text(str text):
    """Return `text` as one value of a csv row: RFC 4180, 2.6 and 2.7."""
    if any(special in text for special in ',"\r\n'):
        text = '"' + text.replace('"', '""') + '"'
    return text.encode("utf-8", "replace")


cdef str printable(str text):
    return "".join(character if character.isprintable() else " " for character in text)


cdef bytes _quoted(str text):
    # The same for line protocol and JSON: of printable characters both escape these two alone.
    return ('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"').encode("utf-8", "replace")


cdef object _pack_record(Record* record, spec, Py_ssize_t first_field, bytearray text):
    measurement = escape_measurement(spec.measurement)
    name = spec.message_name.encode("utf-8", "replace")
    record.key = len(text)
    record.key_length = len(measurement)
    text += measurement
    record.name = len(text)
    record.name_length = len(name)
    text += name
    record.first_field = first_field
    record.field_count = len(spec.fields)
    record.mask_words = (record.field_count + 63) // 64
    record.row_words = HEAD_WORDS + record.mask_words + (record.field_count + SLOT_STEP - 1) // SLOT_STEP * SLOT_STEP
    record.rest_words = sum((field.characters - 1) // SLOT_CHARACTERS for field in spec.fields if field.characters)
    record.row_words += record.rest_words
    record.modelled = spec.modelled
    record.hidden = spec.hidden


cdef object _pack_field(Field* field, spec, bytearray text):
    if not SLOT_INT <= spec.kind <= SLOT_ASCII:
        raise ValueError(f"{spec.name}: there is no kind {spec.kind}")
    if not (1 if spec.kind == SLOT_ASCII else 0) <= spec.characters <= (MOST_CHARACTERS if spec.kind == SLOT_ASCII else 0):
        raise ValueError(f"{spec.name}: {spec.characters} characters")
    if spec.scale is not None and not 0 <= spec.scale.decimals <= MOST_DECIMALS:
        raise ValueError(f"{spec.name}: {spec.scale.decimals} decimals, and not 0 to {MOST_DECIMALS}")
    key = b"," + escape_key(spec.name) + b"="
    name = spec.signal_name.encode("utf-8", "replace")
    field.key = len(text)
    field.key_length = len(key)
    field.name_length = len(name)
    text += key
    text += name
    field.kind = spec.kind
    field.factor = spec.factor
    field.offset = spec.offset
    field.passes = spec.passes
    field.characters = spec.characters
    if spec.scale is not None:
        field.decimal = 1
        field.multiplier = spec.scale.multiplier
        field.bias = spec.scale.bias
        field.decimals = spec.scale.decimals


cdef const FieldText* find_text(const Field* field, int64_t raw) noexcept nogil:
    cdef uint32_t low = 0
    cdef uint32_t high = field.text_count
    cdef uint32_t middle
    while low < high:
        middle = (low + high) // 2
        if field.texts[middle].raw < raw:
            low = middle + 1
        else:
            high = middle
    if low < field.text_count and field.texts[low].raw == raw:
        return &field.texts[low]
    return NULL


cdef void copy_rests(Schema schema, uint32_t record, const uint64_t* row, uint64_t* slots) noexcept nogil:
    cdef const Record* layout = &schema.records[record]
    cdef const uint64_t* its_slots = row + HEAD_WORDS + layout.mask_words
    cdef const Field* field
    cdef uint32_t index
    for index in range(layout.field_count):
        field = &schema.fields[layout.first_field + index]
        if field.rest and row[HEAD_WORDS + index // 64] >> (index % 64) & 1:
            memcpy(slots + index + field.rest, its_slots + index + field.rest,
                   (field.characters - 1) // SLOT_CHARACTERS * sizeof(uint64_t))


cdef class Schema:
    """Packs RecordSpecs. A row's `record` is an index into them.

    `longest_text` is in bytes. The constructor raises ValueError for a spec that no row can have.
    """

    def __cinit__(self, specs):
        self.specs = tuple(specs)
        self.record_count = len(self.specs)
        self.names = tuple([tuple([field.name for field in spec.fields]) for spec in self.specs])
        self.field_count = sum(len(spec.fields) for spec in self.specs)
        self.records = <Record*>zeroed(self.record_count, sizeof(Record))
        self.fields = <Field*>zeroed(self.field_count, sizeof(Field))
        try:
            self._pack()
        except (TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"not the specs of a schema: {error}") from error

    cdef object _pack(self):
        text = bytearray()
        cdef Py_ssize_t next_field = 0
        cdef Py_ssize_t rest         # the word, counted from the field's slot, where its further characters are
        for index, spec in enumerate(self.specs):
            _pack_record(&self.records[index], spec, next_field, text)
            rest = (len(spec.fields) + SLOT_STEP - 1) // SLOT_STEP * SLOT_STEP
            for field_spec in spec.fields:
                _pack_field(&self.fields[next_field], field_spec, text)
                if field_spec.characters > SLOT_CHARACTERS:
                    self.fields[next_field].rest = <uint16_t>rest
                    rest += (field_spec.characters - 1) // SLOT_CHARACTERS
                if field_spec.characters:  # each may have to be escaped
                    self.longest_text = max(self.longest_text, 2 * field_spec.characters + 2)
                next_field += 1
                rest -= 1
        self.text = <char*>zeroed(len(text), 1)
        memcpy(self.text, <char*>text, len(text))
        self.kept = []
        self._pack_texts()

    def __dealloc__(self):
        free(self.records)
        free(self.fields)
        free(self.text)
        free(self.field_texts)

    cdef object _pack_texts(self):
        cdef Py_ssize_t field = 0
        cdef FieldText* packed
        self.field_texts = <FieldText*>zeroed(
            sum(len(field.texts) for spec in self.specs for field in spec.fields), sizeof(FieldText))
        packed = self.field_texts
        for spec in self.specs:
            for field_spec in spec.fields:
                self.fields[field].texts = packed
                self.fields[field].text_count = len(field_spec.texts)
                for raw, words in sorted(field_spec.texts):
                    words = printable(words)
                    quoted, plain = _quoted(words), csv_text(words)
                    self.kept.append((quoted, plain))
                    packed.raw = raw
                    packed.quoted = quoted
                    packed.plain = plain
                    packed.quoted_length = len(quoted)
                    packed.plain_length = len(plain)
                    self.longest_text = max(self.longest_text, len(quoted), len(plain))
                    packed += 1
                field += 1
