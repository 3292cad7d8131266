"""The senders stage: which J1939 device the data model takes a message from, where its map names none.

A message that is matched by PGN may come from several addresses. A judged record is taken from one of them at a
time; the rows of the others are marked, and mapper and watcher make nothing of them. So two batteries never
become one.

- Rank: senders have the rank in which they were first heard on their channel, whatever they sent. Of two that send
  one message, the senior is taken: so all that two batteries send comes from the same one.
- Silence: an address that begins after the one that is taken has fallen silent takes its place and its rank, once
  that has been silent for SILENCE_NS. Such is a device that has claimed another address.
- Two devices: of two senders one was heard between two rows of the other, no more than TOGETHER_NS apart. Then
  neither ever takes the place of the other because that is silent.

Promises:
- Marks and findings depend on the rows alone and not on how they were batched.
- A row that is not taken is counted.
- Each finding is reported once.
- Memory is 15 KB for each channel that has such rows.
- A row whose protection field marks its frame as wrong is not judged, and nothing takes it.

Relies on the decoder for tag sets by sender, and on rows whose stamps are frame time. Time that steps back counts like
time that passes.
"""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from telemetry_core.memory cimport lengthened, with_room, zeroed
from telemetry_core.rows.access cimport reports_fault
from telemetry_core.rows.batch cimport ROW_NEW_SENDER, ROW_OTHER_SENDER, RowHead, SampleBatch
from telemetry_core.rows.schema cimport Schema

from telemetry_core.rules.map_spec import SenderFinding

cdef enum:
    ADDRESSES = 256

cdef struct Heard:               # of one sender on one channel
    uint64_t place               # the lower, the senior; 0: never heard
    uint64_t last_row            # number of its newest row among those of the channel
    int64_t last_ns              # the stamp of that row

cdef struct Judged:              # one record on one channel
    int32_t record
    int32_t protection           # the field that says whether a row's frame is right; NOBODY: no field says it
    int32_t taken                # the sender that its rows are taken from; NOBODY: none yet
    uint64_t kept_out            # rows of others
    uint8_t[32] reported         # a bit for each other sender that was reported

cdef struct Known:               # of one channel; made with the first row that has a sender
    Heard[256] heard
    uint8_t[8192] together       # a bit for each pair of senders that were heard at the same time

cdef struct Channel:
    const int32_t* judged_of_record  # of its bus; NULL: nothing is judged there
    uint32_t first_tags          # the tag set of sender 0, those of the others follow it
    uint64_t rows
    Known* known
    Judged* judged
    int32_t left                 # the change that was reported last
    int32_t followed

cdef struct Report:
    int64_t time_ns
    Py_ssize_t row
    int32_t record
    uint16_t channel
    uint8_t taken
    uint8_t other
    uint8_t is_change

cdef enum:
    CHANNELS = 65536
    NOBODY = -1

cdef uint64_t _SILENCE_NS = 10_000_000_000
cdef uint64_t _TOGETHER_NS = 60_000_000_000

OTHER_SENDER = ROW_OTHER_SENDER  # in the id of a row: no entry without a sender takes it
NEW_SENDER = ROW_NEW_SENDER      # in the id of a row: the first of a sender that takes another one's place
SILENCE_NS = _SILENCE_NS
TOGETHER_NS = _TOGETHER_NS


cdef inline uint64_t apart(int64_t one, int64_t other) noexcept nogil:
    # The difference of two 64-bit stamps fits 64 bits without a sign.
    return <uint64_t>one - <uint64_t>other if one >= other else <uint64_t>other - <uint64_t>one


cdef inline uint32_t pair_of(int32_t one, int32_t other) noexcept nogil:
    return min(one, other) * ADDRESSES + max(one, other)


cdef inline bint is_set(const uint8_t* bits, uint32_t number) noexcept nogil:
    return (bits[number // 8] >> (number % 8)) & 1


cdef inline void set_bit(uint8_t* bits, uint32_t number) noexcept nogil:
    bits[number // 8] |= <uint8_t>(1 << (number % 8))


cdef void free_channel(Channel* channel) noexcept nogil:
    free(channel.known)
    free(channel.judged)
    memset(channel, 0, sizeof(Channel))


@cython.final
@cython.no_gc_clear  # __dealloc__ counts by its Python attributes
cdef class Senders:
    """Judges rows of `schema`.

    judged: by bus of the plan, the records whose sender no entry names. Each comes with the field that says whether a
    row's frame is right (-1: no field says it). Raises ValueError for a record or a field that is not in the schema.
    """

    cdef readonly Schema schema
    cdef tuple judged_records            # by bus: records, each with its field of protection
    cdef int32_t** judged_of_record      # by bus; of each record its place among them, NOBODY: not judged
    cdef Channel* channels
    cdef Py_ssize_t channel_count
    cdef Report* reports
    cdef size_t report_count
    cdef size_t report_room

    def __cinit__(self, Schema schema not None, judged):
        self.schema = schema
        self.judged_records = tuple(tuple(records) for records in judged)
        cdef Py_ssize_t bus, record, place
        self.judged_of_record = <int32_t**>zeroed(len(self.judged_records), sizeof(int32_t*))
        for bus in range(len(self.judged_records)):
            self.judged_of_record[bus] = <int32_t*>zeroed(schema.record_count, sizeof(int32_t))
            for record in range(schema.record_count):
                self.judged_of_record[bus][record] = NOBODY
            for place, (record, protection) in enumerate(self.judged_records[bus]):
                if not 0 <= record < schema.record_count:
                    raise ValueError(f"record {record} is not one of {schema.record_count}")
                if not -1 <= protection < schema.records[record].field_count:
                    raise ValueError(f"field {protection} is not one of {schema.records[record].field_count}")
                self.judged_of_record[bus][record] = <int32_t>place

    def __dealloc__(self):
        cdef Py_ssize_t number
        for number in range(self.channel_count):
            free_channel(&self.channels[number])
        free(self.channels)
        if self.judged_of_record != NULL:
            for number in range(len(self.judged_records)):
                free(self.judged_of_record[number])
        free(self.judged_of_record)
        free(self.reports)

    def bind(self, Py_ssize_t channel, Py_ssize_t bus, uint32_t first_tags):
        """Judge the rows of `channel` as those of the plan's bus `bus` (-1: none). Forget what was known of it.

        first_tags: the tag set of rows of sender 0; those of the others follow it.
        Raises IndexError for a channel over 65535, ValueError for an unknown bus.
        """
        if not 0 <= channel < CHANNELS:
            raise IndexError(channel)
        if not -1 <= bus < len(self.judged_records):
            raise ValueError(f"bus {bus} is not one of {len(self.judged_records)}")
        if channel >= self.channel_count:
            self.channels = <Channel*>lengthened(self.channels, self.channel_count, channel + 1, sizeof(Channel))
            self.channel_count = channel + 1
        cdef Channel* bound = &self.channels[channel]
        free_channel(bound)
        if bus < 0 or not self.judged_records[bus]:
            return
        cdef Py_ssize_t place
        records = self.judged_records[bus]
        bound.judged = <Judged*>zeroed(len(records), sizeof(Judged))
        for place, (record, protection) in enumerate(records):
            bound.judged[place].record = record
            bound.judged[place].protection = protection
            bound.judged[place].taken = NOBODY
        bound.judged_of_record = self.judged_of_record[bus]
        bound.first_tags = first_tags
        bound.left = bound.followed = NOBODY

    cdef Py_ssize_t _count_judged(self, const Channel* channel) noexcept:
        cdef Py_ssize_t bus
        for bus in range(len(self.judged_records)):
            if channel.judged_of_record != NULL and channel.judged_of_record == self.judged_of_record[bus]:
                return len(self.judged_records[bus])
        return 0

    def forget(self, Py_ssize_t channel):
        """Forget what came on `channel`: what comes next has nothing to do with it. Counts stay."""
        if channel >= self.channel_count:
            return
        cdef Channel* bound = &self.channels[channel]
        cdef Py_ssize_t place
        free(bound.known)
        bound.known = NULL
        bound.rows = 0
        bound.left = bound.followed = NOBODY
        for place in range(self._count_judged(bound)):
            bound.judged[place].taken = NOBODY
            memset(bound.judged[place].reported, 0, sizeof(bound.judged[place].reported))

    def go_on_from(self, Senders before not None, Py_ssize_t channel):
        """Take over what `before` knew of `channel`, which is bound. Records are the same by their names."""
        if channel >= self.channel_count or channel >= before.channel_count:
            return
        cdef Channel* bound = &self.channels[channel]
        cdef Channel* source = &before.channels[channel]
        cdef Judged* judged
        cdef Py_ssize_t place
        if bound.judged == NULL or source.known == NULL:
            return
        if bound.known == NULL:
            bound.known = <Known*>zeroed(1, sizeof(Known))
        memcpy(bound.known, source.known, sizeof(Known))
        bound.rows = source.rows
        bound.left, bound.followed = source.left, source.followed
        places = {before.schema.specs[source.judged[place].record].measurement: place
                  for place in range(before._count_judged(source))}
        for place in range(self._count_judged(bound)):
            judged = &bound.judged[place]
            same = places.get(self.schema.specs[judged.record].measurement)
            if same is not None:
                judged.taken = source.judged[<Py_ssize_t>same].taken
                memcpy(judged.reported, source.judged[<Py_ssize_t>same].reported, sizeof(judged.reported))

    def memory(self, Py_ssize_t channel):
        """Return what is known of `channel`, as plain values, but for the counts; None: nothing is."""
        cdef Channel* bound = &self.channels[channel]
        cdef Py_ssize_t place
        if bound.known == NULL:
            return None
        taken = [(bound.judged[place].taken, <bytes>bound.judged[place].reported[:32])
                 for place in range(self._count_judged(bound))]
        heard = [bound.known.heard[place] for place in range(ADDRESSES)]
        return bound.rows, bound.left, bound.followed, heard, <bytes>bound.known.together[:8192], taken

    def remember(self, Py_ssize_t channel, memory):
        """Go on with the `memory` of a stage of the same records, which had bound `channel` likewise."""
        cdef Channel* bound = &self.channels[channel]
        cdef Py_ssize_t place
        cdef const uint8_t* bits
        bound.rows, bound.left, bound.followed, heard, together, taken = memory
        if bound.judged == NULL or len(heard) != ADDRESSES or len(together) != 8192 or (
                len(taken) != self._count_judged(bound)):
            raise ValueError("the memory is of other records")
        if bound.known == NULL:
            bound.known = <Known*>zeroed(1, sizeof(Known))
        for place in range(ADDRESSES):
            bound.known.heard[place] = heard[place]
        bits = together
        memcpy(bound.known.together, bits, 8192)
        for place in range(len(taken)):
            bound.judged[place].taken = taken[place][0]
            bits = taken[place][1]
            memcpy(bound.judged[place].reported, bits, 32)

    def kept_out(self, Py_ssize_t channel):
        """Return how many rows of `channel` were not taken, by message, without messages that have none."""
        counts = {}
        if channel >= self.channel_count:
            return counts
        cdef Py_ssize_t place
        cdef Judged* judged
        for place in range(self._count_judged(&self.channels[channel])):
            judged = &self.channels[channel].judged[place]
            if judged.kept_out:
                spec = self.schema.specs[judged.record]
                counts[spec.message_name] = judged.kept_out
        return counts

    def judge(self, SampleBatch samples not None):
        """Mark the rows of `samples`, which come from the decoder. Return the findings in the order of the rows.

        Raises ValueError unless the rows are of this stage's schema.
        """
        if samples.schema is not self.schema:
            raise ValueError("the rows are of another schema than the senders'")
        with nogil:
            self._run(samples)
        cdef size_t number
        cdef Report* report
        found = []
        for number in range(self.report_count):
            report = &self.reports[number]
            found.append(SenderFinding(report.row, report.time_ns, report.channel, report.record, report.taken,
                                 report.other, report.is_change != 0))
        return found

    cdef int _run(self, SampleBatch samples) except -1 nogil:
        cdef uint64_t* row = samples.words
        cdef uint64_t* this_row
        cdef RowHead* head
        cdef Channel* channel
        cdef int32_t place
        cdef Py_ssize_t number
        self.report_count = 0
        for number in range(samples.rows):
            this_row = row
            head = <RowHead*>row
            row += self.schema.records[head.record].row_words
            if head.channel >= self.channel_count:
                continue
            channel = &self.channels[head.channel]
            if channel.judged_of_record == NULL:
                continue
            place = channel.judged_of_record[head.record]
            if place == NOBODY or reports_fault(self.schema, this_row, channel.judged[place].protection):
                continue
            if not channel.first_tags <= head.tags < channel.first_tags + ADDRESSES:
                continue
            if channel.known == NULL:
                channel.known = <Known*>zeroed(1, sizeof(Known))
            self._judge(channel, &channel.judged[place], head, number)
        return 0

    cdef int _judge(self, Channel* channel, Judged* judged, RowHead* head, Py_ssize_t row) except -1 nogil:
        """Mark one row."""
        cdef int32_t sender = <int32_t>(head.tags - channel.first_tags)
        cdef int32_t before = judged.taken
        cdef Heard* heard = &channel.known.heard[sender]
        cdef Heard* other
        cdef uint8_t* together = channel.known.together
        cdef bint was_between
        channel.rows += 1
        if not heard.place:
            heard.place = channel.rows
        if before == sender or before == NOBODY:
            judged.taken = sender
            heard.last_row = channel.rows
            heard.last_ns = head.time_ns
            return 0
        other = &channel.known.heard[before]
        was_between = (heard.last_row and other.last_row > heard.last_row
                       and apart(heard.last_ns, head.time_ns) <= _TOGETHER_NS)
        heard.last_row = channel.rows
        heard.last_ns = head.time_ns
        if was_between:
            set_bit(together, pair_of(sender, before))
        if (heard.place > other.place and not is_set(together, pair_of(sender, before))
                and apart(other.last_ns, head.time_ns) >= _SILENCE_NS):
            heard.place, other.place = other.place, heard.place
        if heard.place < other.place:
            judged.taken = sender
            head.id |= ROW_NEW_SENDER
        else:
            judged.kept_out += 1
            head.id |= ROW_OTHER_SENDER
        if is_set(together, pair_of(sender, before)):
            sender, before = judged.taken, before if judged.taken == sender else sender
            if is_set(judged.reported, before):
                return 0
            set_bit(judged.reported, before)
            return self._report(judged, head, row, before, False)
        if judged.taken != sender or (channel.left == before and channel.followed == sender):
            return 0
        channel.left, channel.followed = before, sender
        return self._report(judged, head, row, before, True)

    cdef int _report(self, Judged* judged, const RowHead* head, Py_ssize_t row, int32_t other,
                     bint is_change) except -1 nogil:
        self.reports = <Report*>with_room(self.reports, &self.report_room, self.report_count, sizeof(Report))
        self.reports[self.report_count] = Report(head.time_ns, row, judged.record, head.channel,
                                                 <uint8_t>judged.taken, <uint8_t>other, is_change)
        self.report_count += 1
        return 0
