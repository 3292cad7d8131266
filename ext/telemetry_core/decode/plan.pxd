"""Data sheet of a decode plan: which message a frame is.

Messages lie on cache lines of one array, and an id leads straight to its line: a lookup costs one table entry and
the message itself, in a database of any size.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from telemetry_core.decode.message cimport CACHE_LINE_BYTES, Message
from telemetry_core.frames.batch cimport ID_EXTENDED, ID_MASK
from telemetry_core.rows.schema cimport Schema

cdef enum:
    STANDARD_IDS = 2048
    EXTENDED_DATA_PAGE = 0x02000000  # bit of an id that is not J1939's
    AMBIGUOUS = 0x80000000           # flag of IdEntry.cache_line: other extended messages have the same PGN
    MOST_MASKS = 4               # of one bus

cdef struct IdEntry:
    uint32_t key                 # an extended id, or one of the J1939 keys below
    uint32_t cache_line          # of the message; 0: free

cdef struct Answer:              # a payload by ISO-TP that is a message of its own
    uint32_t id                  # with its ID_* bits, as far as they are compared
    uint32_t cache_line
    const uint8_t* begins
    const uint16_t* lengths      # 0 of them: any
    uint16_t begins_bytes
    uint16_t length_count

cdef struct Bus:
    uint32_t* standard           # STANDARD_IDS cache lines, 0 when unknown
    IdEntry* extended            # open addressing, at most half full
    uint32_t extended_shift      # 32 - log2 of its size
    uint32_t standard_mask       # the bits in which its ids are compared
    uint32_t extended_mask
    uint32_t answer_count
    Answer* answers              # by id
    uint8_t by_pgn               # whether any message is matched by PGN
    uint8_t mask_count
    uint32_t[MOST_MASKS] masks   # each with messages of which only these bits of the id count

cdef class Plan:
    cdef readonly object spec
    cdef readonly Schema schema
    cdef readonly Py_ssize_t bus_count
    cdef readonly Py_ssize_t message_count
    cdef Bus* buses              # [0] knows no message; [n + 1] is the n-th of the spec
    cdef Bus* buses_by_pgn       # the same with every extended message matched by PGN: for whole payloads
    cdef char* cache_lines       # [0] is a message that no frame matches: it has no rows
    cdef object memory           # owns all that the structs point to

    cdef object _pack(self)

# Cache line of the message that a data frame or a payload with this id carries; 0: no database has one. `number`: of
# the bus in Plan.buses. by_pgn: a payload of J1939.
cdef uint32_t find_line(Plan plan, uint16_t number, uint32_t id, bint by_pgn) noexcept nogil

# The same of an answer, by what its payload begins with and how long it is.
cdef uint32_t find_answer(const Bus* bus, uint32_t id, const uint8_t* data, uint16_t length) noexcept nogil


cdef inline Message* message_at(char* cache_lines, uint32_t cache_line) noexcept nogil:
    return <Message*>(cache_lines + <size_t>cache_line * CACHE_LINE_BYTES)


# The high bits go into the low ones first: multiplied alone, ids at even steps fall on one another.
cdef inline uint32_t id_slot(const Bus* bus, uint32_t key) noexcept nogil:
    return ((key ^ key >> 15) * <uint32_t>2654435769) >> bus.extended_shift


cdef inline uint32_t find_key(const Bus* bus, uint32_t key) noexcept nogil:
    cdef uint32_t slot = id_slot(bus, key)
    cdef uint32_t last = (<uint32_t>0xFFFFFFFF) >> bus.extended_shift
    while bus.extended[slot].cache_line and bus.extended[slot].key != key:
        slot = (slot + 1) & last
    return bus.extended[slot].cache_line


# Keys of J1939 messages share the table with extended ids (29 bits): bit 29 marks PGN, destination and source
# address, bit 30 PGN and source address, bit 31 the PGN alone. Two or three of these bits mark a message of which
# only some bits of the id count, and which these are.

cdef inline uint32_t pgn_key(uint32_t id) noexcept nogil:
    cdef uint32_t pgn = (id >> 8) & 0x1FFFF
    if (pgn & 0xFF00) < 0xF000:  # PDU1: the low byte is the destination
        pgn &= 0x1FF00
    return <uint32_t>0x80000000 | pgn


cdef inline uint32_t pgn_sender_key(uint32_t id) noexcept nogil:
    return <uint32_t>0x40000000 | (pgn_key(id) & 0x1FFFF) << 8 | (id & 0xFF)


cdef inline uint32_t pgn_pair_key(uint32_t id) noexcept nogil:
    return <uint32_t>0x20000000 | (id & 0x1FFFFFF)


# The message of an id of which some bits do not count; 0: none. Not inline, since few frames come here.
cdef uint32_t find_masked(const Bus* bus, uint32_t id) noexcept nogil


# Cache line of the message with an extended id; 0: unknown. The exact id counts first, then PGN, destination and
# sender, then PGN and sender, then the PGN alone, last the ids of which some bits do not count. The lookup begins with
# the PGN, since messages rarely share it.
cdef inline uint32_t find_extended(const Bus* bus, uint32_t id) noexcept nogil:
    cdef uint32_t same_pgn = 0
    cdef uint32_t found
    if bus.by_pgn and not id & EXTENDED_DATA_PAGE:
        same_pgn = find_key(bus, pgn_key(id))
        if same_pgn and not same_pgn & AMBIGUOUS:
            return same_pgn
    found = find_key(bus, id & bus.extended_mask)
    if not found and same_pgn:
        found = find_key(bus, pgn_pair_key(id))
        if not found:
            found = find_key(bus, pgn_sender_key(id))
    if found:
        return found
    if bus.mask_count and not same_pgn:
        return find_masked(bus, id)
    return same_pgn & ~<uint32_t>AMBIGUOUS
