"""The framer of text blocks: `CR LF label TAB value` lines that end with a checksum byte.

Promises, for any bytes:

- The same messages come out however the bytes are split.
- Each message has the stamp of the feed that brought its last byte.
- After garbage, messages come again from the second whole one on.
- Memory is bounded. The framer keeps the values of fields alone, never the block.
- Every byte outside of messages is counted.
- A checksum byte may have any value.
- A HEX message (`:` … LF) in the middle of anything is left out of the sum, and what it interrupted goes on.
- A block whose beginning was not seen is skipped.
- A block that has been silent for too long starts over.
- A block that is too long is skipped up to the next `Checksum`, even if it became too long within that word.

Relies on the batch having room (`room_needed`).

Source of the facts: Victron, "VE.Direct Protocol", and its reference implementation's known faults.
"""

from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcmp, memcpy

from telemetry_core.frames.batch cimport Frame, FrameBatch, payload
from telemetry_core.memory cimport zeroed
from telemetry_core.serial.text_values cimport is_hex_digit, read_hex, read_integer, read_switch

cdef enum:
    LABEL_ROOM = 16              # bytes of the longest label
    VALUE_ROOM = 33              # bytes of the longest value, and one more: it was too long
    MAX_NUMBERS = 64
    MAX_TEXTS = 8

cdef struct Text:                # that identifies the device
    uint8_t length               # 0: never heard
    char letters[VALUE_ROOM]

cdef enum State:
    STATE_BEGIN                  # nothing is known: a block begins here, or this is the middle of one
    STATE_SEARCH                 # in the middle of a block: until the next `Checksum`
    STATE_SEARCH_SUM             # its byte
    STATE_BETWEEN                # a block has ended: the next one begins with CR
    STATE_LABEL                  # from here on within a block
    STATE_VALUE
    STATE_SUM                    # the byte after `Checksum`, of any value

cdef struct Label:               # framing.TextLabel
    char name[LABEL_ROOM]
    uint8_t length
    uint8_t form                 # framing.ValueForm
    int16_t number               # its place in the payload; -1: none
    int16_t text                 # its place in TextFramer.texts; -1: none

cdef struct Kind:                # framing.TextKind
    uint64_t labels              # mask of places in the payload
    uint16_t id
    uint16_t first_product       # in TextFramer.products
    uint16_t product_count

cdef struct Role:                # framing.TextRole
    int16_t number               # of its label, the place in the payload; -1: it has no place
    uint16_t kind
    uint16_t id

cdef struct Products:
    uint32_t low
    uint32_t high

cdef enum:
    CR = 0x0D
    LF = 0x0A
    TAB = 0x09
    COLON = 0x3A
    SHORTEST_BLOCK = 12          # CR LF Checksum TAB and its byte
    NUMBER_BYTES = 4
    FORM_NONE = 0                # framing.ValueForm
    FORM_INTEGER = 1
    FORM_HEX = 2
    FORM_SWITCH = 3

cdef const char* CHECKSUM = b"Checksum\t"
cdef enum:
    CHECKSUM_LETTERS = 8


cdef inline bint is_text(uint8_t byte) noexcept nogil:
    """Whether a byte may be part of a label or a value, or lie between them."""
    return 0x20 <= byte < 0x7F or byte == CR or byte == TAB


cdef class TextFramer:
    """Finds the blocks that a TextFraming describes. `channel` goes into each of its frames.

    Raises ValueError for a framing that makes no sense.
    """

    cdef readonly object framing
    cdef readonly uint16_t channel
    cdef Py_ssize_t kept         # bytes that may still become part of a block
    cdef int64_t messages
    cdef int64_t bad_checksum
    cdef int64_t garbage_bytes
    cdef tuple text_names        # of `texts`
    cdef Text texts[MAX_TEXTS]   # the last of each
    cdef Label* labels
    cdef Py_ssize_t label_count
    cdef Py_ssize_t number_count
    cdef Kind* kinds
    cdef Py_ssize_t kind_count
    cdef Products* products
    cdef int16_t product         # its place in the payload
    cdef Role role
    cdef int64_t silence_ns
    cdef Py_ssize_t longest_block
    cdef State state
    cdef bint in_hex             # a HEX message has interrupted `state`
    cdef int64_t last_ns
    cdef uint8_t sum
    cdef char label[LABEL_ROOM]
    cdef Py_ssize_t label_length # over LABEL_ROOM: it was too long
    cdef char value[VALUE_ROOM]
    cdef Py_ssize_t value_length
    cdef Py_ssize_t matched      # letters of `Checksum` and its tab that were seen while searching
    cdef uint64_t present        # mask of the numbers that the block has
    cdef uint32_t numbers[MAX_NUMBERS]
    cdef Text block_texts[MAX_TEXTS] # of the block so far
    cdef Py_ssize_t kind         # of the last block
    cdef bint has_role           # likewise
    cdef int64_t incomplete
    cdef int64_t oversized
    cdef int64_t hex_messages
    cdef int64_t unknown_labels
    cdef int64_t unreadable_values
    cdef int64_t block_unknown   # the same of the block so far
    cdef int64_t block_unreadable

    def __cinit__(self, framing, uint16_t channel=0):
        self.framing = framing
        self.channel = channel
        self.silence_ns = framing.silence_ns
        self.longest_block = framing.longest_block_bytes
        self.state = STATE_BEGIN
        names = [label.name for label in framing.numbers]
        self.number_count = len(names)
        if self.number_count > MAX_NUMBERS:
            raise ValueError(f"at most {MAX_NUMBERS} labels carry a number")
        self.product = names.index(framing.product)
        self.role.number = -1
        if framing.role is not None:
            self.role = Role(names.index(framing.role.label), framing.role.kind, framing.role.id)
        self.text_names = tuple([name for _, name in framing.identity])
        if len(self.text_names) > MAX_TEXTS:
            raise ValueError(f"at most {MAX_TEXTS} texts are kept")
        self._pack_labels(framing.labels, names)
        self._pack_kinds(framing.kinds, names)

    def __dealloc__(self):
        free(self.labels)
        free(self.kinds)
        free(self.products)

    cdef object _pack_labels(self, labels, names):
        cdef Label* packed
        cdef bytes name
        identifying = [label for label, _ in self.framing.identity]
        self.label_count = len(labels)
        self.labels = <Label*>zeroed(self.label_count, sizeof(Label))
        for index, label in enumerate(labels):
            name = label.name.encode("ascii")
            if len(name) > LABEL_ROOM:
                raise ValueError(f"{label.name}: a label has at most {LABEL_ROOM} letters")
            packed = &self.labels[index]
            memcpy(packed.name, <const char*>name, len(name))
            packed.length = len(name)
            packed.form = label.form
            packed.number = names.index(label.name) if label.name in names else -1
            packed.text = identifying.index(label.name) if label.name in identifying else -1

    cdef object _pack_kinds(self, kinds, names):
        cdef Py_ssize_t at = 0
        cdef Kind* packed
        self.kind_count = len(kinds)
        self.kinds = <Kind*>zeroed(self.kind_count, sizeof(Kind))
        self.products = <Products*>zeroed(sum(len(kind.products) for kind in kinds), sizeof(Products))
        for index, kind in enumerate(kinds):
            packed = &self.kinds[index]
            packed.id = kind.id
            packed.labels = sum(1 << names.index(label) for label in kind.labels)
            packed.first_product = at
            packed.product_count = len(kind.products)
            for low, high in kind.products:
                self.products[at] = Products(low, high)
                at += 1

    def feed(self, const uint8_t[::1] data not None, int64_t time_ns, FrameBatch frames not None):
        """Take bytes from the serial line, and append the messages that are complete now to `frames`.

        `time_ns` is the time of their arrival. Raises IndexError, and takes nothing, when `frames` has less room
        than `room_needed(len(data))`.
        """
        cdef Py_ssize_t index
        cdef Py_ssize_t needed = self.room_needed(data.shape[0])
        if frames.capacity - frames.count < needed:
            raise IndexError(f"the batch has no room for {needed} messages")
        with nogil:
            self._begin_feed(time_ns)
            for index in range(data.shape[0]):
                self._take(data[index], time_ns, frames)

    def finish(self, FrameBatch frames not None):
        """Give up what is unfinished: at the end of a recording, or when a reply is late. No message is in it."""
        self.incomplete += self.state > STATE_BETWEEN
        self._give_up(STATE_BEGIN)

    def room_needed(self, Py_ssize_t byte_count):
        """Return how many messages the next `byte_count` bytes may complete at most."""
        return (self.kept + byte_count) // SHORTEST_BLOCK

    def identity(self):
        """Return what the device last said about itself, by name, in printable letters alone."""
        cdef Py_ssize_t index
        said = {}
        for index, name in enumerate(self.text_names):
            letters = self.texts[index].letters[:self.texts[index].length].decode("ascii", "replace")
            words = "".join(letter if letter.isprintable() else " " for letter in letters).strip()
            if words:
                said[name] = words
        return said

    def forget_identity(self):
        """Forget the device: the port was opened again, and another device may answer."""
        cdef Py_ssize_t index
        for index in range(MAX_TEXTS):
            self.texts[index].length = 0

    def reset(self):
        """Forget what is unfinished, since the port was opened again. Counts go on."""
        self.kind = 0
        self.has_role = False
        self._give_up(STATE_BEGIN)

    def counts(self):
        """Return what was found so far, by name.

        - messages: blocks appended.
        - lost/bad_checksum: blocks whose sum is wrong.
        - lost/incomplete: blocks that fell silent.
        - lost/oversized: blocks that did not end.
        - hex_messages: HEX messages, which are skipped.
        - unknown_labels, unreadable_values: fields left out of good blocks.
        - garbage_bytes: all bytes outside of good blocks, HEX messages apart.
        """
        return {
            "messages": self.messages,
            "lost/bad_checksum": self.bad_checksum,
            "lost/incomplete": self.incomplete,
            "lost/oversized": self.oversized,
            "hex_messages": self.hex_messages,
            "unknown_labels": self.unknown_labels,
            "unreadable_values": self.unreadable_values,
            "garbage_bytes": self.garbage_bytes,
        }

    cdef void _begin_feed(self, int64_t time_ns) noexcept nogil:
        if time_ns > self.last_ns and <uint64_t>time_ns - <uint64_t>self.last_ns > <uint64_t>self.silence_ns:
            if self.state > STATE_BETWEEN:
                self.incomplete += 1
            if self.state != STATE_BETWEEN or self.in_hex:
                self._give_up(STATE_BEGIN)
        self.last_ns = time_ns

    cdef void _give_up(self, State next_state) noexcept nogil:
        self.garbage_bytes += self.kept
        self.kept = 0
        self.state = next_state
        self.in_hex = False
        self.matched = 0

    cdef int _take(self, uint8_t byte, int64_t time_ns, FrameBatch frames) except -1 nogil:
        if self.in_hex:
            if is_hex_digit(byte):
                return 0
            # At times its LF comes as another byte. What may be text is text, whose LF before it was lost.
            self.in_hex = byte == COLON
            self.hex_messages += 1
            if not is_text(byte) or byte == COLON:
                return 0
        elif byte == COLON and self.state != STATE_SUM and self.state != STATE_SEARCH_SUM:
            self.in_hex = True
            return 0
        return self._take_text(byte, time_ns, frames)

    cdef int _take_text(self, uint8_t byte, int64_t time_ns, FrameBatch frames) except -1 nogil:
        if self.state > STATE_BETWEEN:
            return self._take_in_block(byte, time_ns, frames)
        if self.state == STATE_SEARCH:
            # No letter but the first is a C: what matches no further may only begin again.
            self.matched = self.matched + 1 if byte == <uint8_t>CHECKSUM[self.matched] else byte == c"C"
            if self.matched > CHECKSUM_LETTERS:
                self.state = STATE_SEARCH_SUM
        elif self.state == STATE_SEARCH_SUM:
            self.state = STATE_BETWEEN
        elif byte == CR or byte == LF and self.state == STATE_BETWEEN:
            self._begin_block()
            if byte == LF:
                self.sum = CR  # it was taken for the checksum byte, which was lost
            return self._take_in_block(byte, time_ns, frames)
        elif self.state == STATE_BEGIN:
            self.state = STATE_SEARCH
            self.matched = byte == c"C"
        self.garbage_bytes += 1
        return 0

    cdef void _begin_block(self) noexcept nogil:
        cdef Py_ssize_t index
        for index in range(MAX_TEXTS):
            self.block_texts[index].length = 0
        self.state = STATE_LABEL
        self.label_length = 0
        self.sum = 0
        self.present = 0
        self.block_unknown = 0
        self.block_unreadable = 0

    cdef int _take_in_block(self, uint8_t byte, int64_t time_ns, FrameBatch frames) except -1 nogil:
        self.kept += 1
        self.sum += byte
        if self.state == STATE_SUM:
            return self._end_block(time_ns, frames)
        if byte == CR or byte == LF:
            if self.state == STATE_VALUE:
                self._end_value()
            self.state = STATE_LABEL
            self.label_length = 0
        elif self.state == STATE_VALUE:
            if self.value_length < VALUE_ROOM:
                self.value[self.value_length] = <char>byte
                self.value_length += 1
        elif byte != TAB:
            if self.label_length < LABEL_ROOM:
                self.label[self.label_length] = <char>byte
            self.label_length += self.label_length <= LABEL_ROOM
        elif self.label_length == CHECKSUM_LETTERS and memcmp(self.label, CHECKSUM, CHECKSUM_LETTERS) == 0:
            self.state = STATE_SUM
        else:
            self.state = STATE_VALUE
            self.value_length = 0
        if self.kept >= self.longest_block and self.state != STATE_SUM:
            self._give_up_oversized()
        return 0

    cdef void _give_up_oversized(self) noexcept nogil:
        """Search from here on: the label that has begun may be that of a checksum."""
        cdef bint in_label = self.state == STATE_LABEL and self.label_length <= CHECKSUM_LETTERS
        self.oversized += 1
        self._give_up(STATE_SEARCH)
        if in_label and memcmp(self.label, CHECKSUM, self.label_length) == 0:
            self.matched = self.label_length

    cdef void _end_value(self) noexcept nogil:
        """Keep the number and the text of the field that is complete now."""
        cdef const Label* label = self._find_label()
        cdef Text* text
        cdef uint32_t number
        cdef bint is_read
        if label == NULL:
            self.block_unknown += 1
            return
        if self.value_length == 3 and memcmp(self.value, b"---", 3) == 0:
            return
        if label.text >= 0:
            text = &self.block_texts[label.text]
            text.length = <uint8_t>self.value_length
            memcpy(text.letters, self.value, self.value_length)
        if label.form == FORM_NONE:
            return
        if label.form == FORM_INTEGER:
            is_read = read_integer(self.value, self.value_length, &number)
        elif label.form == FORM_HEX:
            is_read = read_hex(self.value, self.value_length, &number)
        else:
            is_read = read_switch(self.value, self.value_length, &number)
        if not is_read:
            self.block_unreadable += 1
            return
        self.numbers[label.number] = number
        self.present |= <uint64_t>1 << label.number

    cdef const Label* _find_label(self) noexcept nogil:
        cdef Py_ssize_t index
        cdef const Label* label
        for index in range(self.label_count):
            label = &self.labels[index]
            if label.length == self.label_length and memcmp(label.name, self.label, label.length) == 0:
                return label
        return NULL

    cdef int _end_block(self, int64_t time_ns, FrameBatch frames) except -1 nogil:
        """Append the whole block to `frames` if its sum is right."""
        if self.sum:
            self.bad_checksum += 1
            self._give_up(STATE_BETWEEN)
            return 0
        cdef Py_ssize_t mask_bytes = (self.number_count + 7) // 8
        cdef Frame* frame = frames.add(<uint16_t>(mask_bytes + NUMBER_BYTES * self.number_count))
        if frame == NULL:
            raise MemoryError
        cdef uint8_t* out = <uint8_t*>payload(frame, frames.payloads)
        cdef Py_ssize_t index, byte
        self.kind = self._kind_of_block()
        frame.time_ns = time_ns
        frame.id = self._id_of_block()
        frame.channel = self.channel
        for byte in range(mask_bytes):
            out[byte] = <uint8_t>(self.present >> (8 * byte))
        out += mask_bytes
        for index in range(self.number_count):
            if (self.present >> index) & 1:
                for byte in range(NUMBER_BYTES):
                    out[byte] = <uint8_t>(self.numbers[index] >> (8 * byte))
            out += NUMBER_BYTES
        self.messages += 1
        self.unknown_labels += self.block_unknown
        self.unreadable_values += self.block_unreadable
        self._keep_texts()
        self.kept = 0
        self.state = STATE_BETWEEN
        return 0

    cdef void _keep_texts(self) noexcept nogil:
        """Keep what a good block says about the device."""
        cdef Py_ssize_t index
        for index in range(MAX_TEXTS):
            if self.block_texts[index].length:
                self.texts[index] = self.block_texts[index]

    cdef uint16_t _id_of_block(self) noexcept nogil:
        cdef uint16_t id = self.kinds[self.kind].id
        if self.role.number < 0:
            return id
        if (self.present >> self.role.number) & 1:
            self.has_role = self.numbers[self.role.number] != 0
        elif (self.present >> self.product) & 1:
            self.has_role = False
        return self.role.id if self.has_role and id == self.role.kind else id

    cdef Py_ssize_t _kind_of_block(self) noexcept nogil:
        cdef Py_ssize_t kind, index
        cdef uint32_t product = self.numbers[self.product]
        for kind in range(self.kind_count):
            if self.present & self.kinds[kind].labels:
                return kind
        if (self.present >> self.product) & 1:
            for kind in range(self.kind_count):
                for index in range(self.kinds[kind].first_product,
                                   self.kinds[kind].first_product + self.kinds[kind].product_count):
                    if self.products[index].low <= product <= self.products[index].high:
                        return kind
        return self.kind
