# distutils: language = c++
"""Rows into columns, one table a message or measurement.

Promises:

- A value is the one that text outputs print, read back (values.pyx).
- A row without any field that has a column gives no row. Rows of a table keep their order, with the frame's own stamp.
- Nothing moves while tables grow: they are lists of chunks, each one larger than the one before, up to `most_rows`.
- No Python object is made for a value. A word is made once.

A batch is sorted by table first. Then each column is filled in one loop, with all that the loop needs in registers.
"""

from cpython.object cimport PyObject
cimport cython
from libc.stdint cimport SIZE_MAX, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free

from telemetry_core.columns.batches cimport Batches, Words
from telemetry_core.columns.chunk cimport Chunk, ColumnData, drop_chunk, make_values, mark, new_chunk, seal, set_bit
from telemetry_core.columns.values cimport (
    KIND_BOOL, KIND_FLOAT64, KIND_ID, KIND_TIME, KIND_UINT64, KIND_WORDS, FieldColumn, add_values,
)
from telemetry_core.frames.batch cimport ID_MASK
from telemetry_core.memory cimport resized, zeroed
from telemetry_core.rows.batch cimport RowHead, SampleBatch
from telemetry_core.rows.schema cimport HEAD_WORDS, Record, Schema, printable
from telemetry_core.text.printing cimport FieldPlan, plan_fields

from telemetry_core.columns.batches import bits_of, new_batches
from telemetry_core.columns.spec import ColumnKind

cdef enum Head:                  # where a value that is not a field's comes from
    HEAD_NONE = 0
    HEAD_CHANNEL = 1
    HEAD_TAGS = 2

cdef struct TablePlan:
    uint32_t column_count
    uint8_t* bits                # of each column
    uint8_t* kinds
    uint8_t* heads
    int32_t** head_codes         # of HEAD_CHANNEL and HEAD_TAGS: code + 1 by index; 0: absent
    Chunk* chunk                 # that is being filled; NULL: the next row begins one
    size_t next_room
    size_t row_bits              # about what a row takes
    size_t full_rows             # in chunks that are full
    uint64_t** rows              # of the batch at hand, its own part of Columns.order
    size_t row_count

cdef enum:
    INDEXES = 65536              # of channels and of tag sets
    GROWTH = 4                   # a chunk has so many times the rows of the one before


@cython.no_gc_clear  # __dealloc__ counts by its Python attributes
cdef class Columns:
    """Takes rows of one Schema into the tables that `tables`, TableSpecs, lay out.

    `first_rows` and `most_rows` are those of a table's first chunk and of any. `apart`: each chunk that is full is
    Batches of its own, for `take_full`. `left_out` counts the values that were not finite. The constructor raises
    ValueError for a table that does not fit the schema.
    """

    cdef readonly Schema schema
    cdef readonly tuple tables   # the TableSpecs
    cdef readonly int64_t left_out
    cdef FieldPlan* plans        # as Schema.fields
    cdef FieldColumn* targets    # likewise
    cdef int32_t* table_of       # as Schema.records; -1: rows of it are not wanted
    cdef TablePlan* plan
    cdef Py_ssize_t table_count
    cdef size_t first_rows
    cdef size_t most_rows
    cdef uint64_t** order
    cdef size_t order_room
    cdef list words              # a list a table: Words of each column, or None
    cdef uint64_t* written       # of each record a mask of the fields that have a column, `mask_words` long
    cdef Py_ssize_t mask_words
    cdef dict heads              # by name: (Words, list of addresses)
    cdef list full               # a Batches a table
    cdef list apart              # Batches of one full chunk each; None: they are in `full`

    def __cinit__(self, Schema schema not None, tables, size_t first_rows=1024, size_t most_rows=65536, *,
                  bint apart=False):
        self.schema = schema
        self.tables = tuple(tables)
        self.table_count = len(self.tables)
        self.most_rows = max(most_rows, <size_t>1)
        self.first_rows = min(max(first_rows, <size_t>1), self.most_rows)
        self.words = []
        self.full = []
        self.apart = [] if apart else None
        self.heads = {}
        self.plans = plan_fields(schema)
        self.targets = <FieldColumn*>zeroed(schema.field_count, sizeof(FieldColumn))
        self.table_of = <int32_t*>zeroed(schema.record_count, sizeof(int32_t))
        self.plan = <TablePlan*>zeroed(self.table_count, sizeof(TablePlan))
        cdef Py_ssize_t record
        for record in range(schema.record_count):
            self.mask_words = max(self.mask_words, schema.records[record].mask_words)
        self.written = <uint64_t*>zeroed(schema.record_count * self.mask_words, sizeof(uint64_t))
        try:
            self._lay_out(self.first_rows)
        except (IndexError, KeyError) as error:
            raise ValueError(f"tables that do not fit the schema: {error!r}") from error

    def __dealloc__(self):
        cdef Py_ssize_t index
        if self.plan != NULL:
            for index in range(self.table_count):
                drop_chunk(self.plan[index].chunk)
                free(self.plan[index].bits)
                free(self.plan[index].kinds)
                free(self.plan[index].heads)
                free(self.plan[index].head_codes)
        if self.targets != NULL:
            for index in range(self.schema.field_count):
                free(self.targets[index].codes)
        for _, address in (self.heads or {}).values():
            free(<void*><size_t>address)
        free(self.plans)
        free(self.targets)
        free(self.table_of)
        free(self.plan)
        free(self.written)
        free(self.order)

    cdef object _lay_out(self, size_t first_rows):
        cdef Py_ssize_t index, record
        cdef TablePlan* plan
        for record in range(self.schema.record_count):
            self.table_of[record] = -1
        for index, table in enumerate(self.tables):
            plan = &self.plan[index]
            plan.next_room = first_rows
            plan.column_count = len(table.columns)
            plan.bits = <uint8_t*>zeroed(plan.column_count, 1)
            plan.kinds = <uint8_t*>zeroed(plan.column_count, 1)
            plan.heads = <uint8_t*>zeroed(plan.column_count, 1)
            plan.head_codes = <int32_t**>zeroed(plan.column_count, sizeof(int32_t*))
            words = []
            for number, column in enumerate(table.columns):
                plan.bits[number] = bits_of(column.kind)
                plan.row_bits += plan.bits[number] + 1
                plan.kinds[number] = column.kind
                words.append(Words() if column.kind is ColumnKind.WORDS else None)
                if column.head:
                    self._lay_out_head(plan, number, column, words)
            self.words.append(words)
            self.full.append(new_batches(table, words))
            for record, columns in table.records:
                self._lay_out_record(index, record, columns)
            for column, texts in zip(table.columns, words):
                if texts is not None and not column.head:
                    (<Words>texts).fixed = len((<Words>texts).texts)

    cdef object _lay_out_head(self, TablePlan* plan, Py_ssize_t number, column, list words):
        if column.kind is not ColumnKind.WORDS:
            raise ValueError(f"{column.name}: a head is words")
        if column.head not in self.heads:
            self.heads[column.head] = Words(), <size_t>zeroed(INDEXES, sizeof(int32_t))
        words[number], address = self.heads[column.head]
        plan.heads[number] = HEAD_CHANNEL if column.head == "channel" else HEAD_TAGS
        plan.head_codes[number] = <int32_t*><size_t>address

    cdef object _lay_out_record(self, Py_ssize_t table, Py_ssize_t record, columns):
        cdef Py_ssize_t field
        cdef uint32_t index
        cdef FieldColumn* target
        cdef Words words
        if not 0 <= record < self.schema.record_count:
            raise ValueError(f"there is no record {record}")
        spec = self.schema.specs[record]
        self.table_of[record] = table
        for index, (field_spec, column) in enumerate(zip(spec.fields, columns, strict=True)):
            if column < 0:
                continue
            self.written[record * self.mask_words + index // 64] |= <uint64_t>1 << (index % 64)
            field = self.schema.records[record].first_field + index
            target = &self.targets[field]
            target.table = table
            target.column = column
            target.kind = self.tables[table].columns[column].kind
            is_words = field_spec.kind in (4, 5, 6)
            if is_words != (target.kind == KIND_WORDS) or target.kind in (KIND_TIME, KIND_ID):
                raise ValueError(f"{field_spec.name}: not a value of its column")
            if is_words:
                words = self.words[table][column]
                target.words = <PyObject*>words
                target.codes = <int32_t*>zeroed(self.schema.fields[field].text_count, sizeof(int32_t))
                for number, (_, text) in enumerate(sorted(field_spec.texts)):  # in the order that Schema has
                    target.codes[number] = words.add(printable(text))

    def set_word(self, str head not None, uint16_t index, str text):
        """Say what the columns of a head hold for rows of channel or tag set `index`; None: nothing.

        A head that no table has is ignored.
        """
        if head not in self.heads:
            return
        words, address = self.heads[head]
        (<int32_t*><size_t>address)[index] = 0 if text is None else (<Words>words).add(text) + 1

    def append(self, SampleBatch samples not None):
        """Add the rows. Raises ValueError for rows of another schema."""
        cdef Py_ssize_t table
        if samples.schema is not self.schema:
            raise ValueError("the rows are of another schema than the columns'")
        with nogil:
            self._sort(samples)
            for table in range(self.table_count):
                if self.plan[table].row_count:
                    self._append(table)

    def append_row(self, Py_ssize_t table, values):
        """Add one row from Python: a value for each column, None where it is absent.

        For what comes rarely. A value that a column cannot hold raises TypeError or OverflowError, and adds no row.
        """
        cdef TablePlan* plan
        cdef ColumnData* data
        cdef size_t row
        cdef double number
        cdef int64_t whole
        cdef uint32_t narrow
        if not 0 <= table < self.table_count:
            raise IndexError(table)
        plan = &self.plan[table]
        if len(values) != plan.column_count:
            raise ValueError(f"{len(values)} values for {plan.column_count} columns")
        self._open(plan)
        row = plan.chunk.rows
        for index, value in enumerate(values):
            if value is None:
                continue
            data = &plan.chunk.columns[index]
            kind = plan.kinds[index]
            if not make_values(plan.chunk, data):
                raise MemoryError
            if kind == KIND_FLOAT64:
                number = value
                (<double*>data.values)[row] = number
            elif kind == KIND_WORDS:
                (<int32_t*>data.values)[row] = (<Words>self.words[table][index]).add(value)
            elif kind == KIND_ID:
                narrow = value
                (<uint32_t*>data.values)[row] = narrow
            elif kind == KIND_UINT64:
                (<uint64_t*>data.values)[row] = value
            elif kind != KIND_BOOL:
                whole = value
                (<int64_t*>data.values)[row] = whole
        # What cannot be taken back comes last, when all values fit.
        for index, value in enumerate(values):
            if value is None:
                continue
            data = &plan.chunk.columns[index]
            if plan.kinds[index] == KIND_BOOL and value:
                set_bit(<uint8_t*>data.values, row)
            if not mark(plan.chunk, data, row):
                raise MemoryError
        plan.chunk.rows += 1

    def rows(self, Py_ssize_t table):
        """Return how many rows `take` would give of a table."""
        if not 0 <= table < self.table_count:
            raise IndexError(table)
        return self._rows(table)

    cdef inline size_t _rows(self, Py_ssize_t table) noexcept nogil:
        return self.plan[table].full_rows + (0 if self.plan[table].chunk == NULL else self.plan[table].chunk.rows)

    cdef inline size_t _bytes(self, Py_ssize_t table) noexcept nogil:
        return self._rows(table) * self.plan[table].row_bits // 8

    def take(self, Py_ssize_t table):
        """Return the rows of a table as Batches. They are not here any more."""
        cdef Batches taken
        cdef TablePlan* plan
        if not 0 <= table < self.table_count:
            raise IndexError(table)
        plan = &self.plan[table]
        if plan.chunk != NULL and plan.chunk.rows:
            self._keep_chunk(plan)
            plan.next_room = min(max(self.rows(table), self.first_rows), self.most_rows)  # as many again
        taken = self.full[table]
        self._renew_words(table)
        self.full[table] = new_batches(taken.spec, self.words[table])
        plan.full_rows = 0
        return taken

    def take_full(self):
        """Return the chunks that are full, in their order, each as Batches. They are not here any more."""
        full, self.apart = self.apart, []
        return full

    @property
    def held_bytes(self):
        """Return about how much memory the rows take that `take` would give."""
        cdef Py_ssize_t table
        cdef size_t held = 0
        for table in range(self.table_count):
            held += self._bytes(table)
        return held

    cdef object _renew_words(self, Py_ssize_t table):
        """Forget the words of a table that came with its rows: the rows that have them are taken."""
        cdef Words old, new
        cdef Py_ssize_t field
        cdef list words = list(self.words[table])
        for index, texts in enumerate(words):
            if texts is None or not 0 <= (<Words>texts).fixed < len((<Words>texts).texts):
                continue
            old, new = texts, Words()
            for text in old.texts[:old.fixed]:
                new.add(text)
            new.fixed = old.fixed
            words[index] = new
            for field in range(self.schema.field_count):
                if self.targets[field].words == <PyObject*>old:
                    self.targets[field].words = <PyObject*>new
        self.words[table] = words

    def tables_of(self, size_t rows, size_t most_bytes=SIZE_MAX):
        """Return the indexes of the tables that have at least so many rows, and then of others, the largest first.

        Of others as many as it needs for the rest to take at most `most_bytes`.
        """
        cdef Py_ssize_t table
        cdef list found = [table for table in range(self.table_count) if self._rows(table) >= rows]
        cdef size_t left = self.held_bytes - sum([self._bytes(table) for table in found])
        if left > most_bytes:
            others = sorted([(self._bytes(table), table) for table in range(self.table_count) if table not in found])
            while left > most_bytes:
                size, table = others.pop()
                left -= <size_t>size
                found.append(table)
        return found

    cdef int _sort(self, SampleBatch samples) except -1 nogil:
        """Give each table its rows of the batch, in their order; those without any field are left out."""
        cdef uint64_t* row = samples.words
        cdef uint64_t* end = row + samples.used
        cdef size_t at = 0
        cdef Record* record
        cdef TablePlan* plan
        cdef int32_t table
        cdef uint32_t word
        cdef uint64_t any_field
        for table in range(<int32_t>self.table_count):
            self.plan[table].row_count = 0
        if <size_t>samples.rows > self.order_room:
            self.order = <uint64_t**>resized(self.order, samples.rows * sizeof(uint64_t*))
            self.order_room = samples.rows
        while row < end:
            table = self.table_of[(<RowHead*>row).record]
            if table >= 0:
                self.plan[table].row_count += 1
            row += self.schema.records[(<RowHead*>row).record].row_words
        for table in range(<int32_t>self.table_count):
            plan = &self.plan[table]
            plan.rows = self.order + at
            at += plan.row_count
            plan.row_count = 0
        row = samples.words
        while row < end:
            record = &self.schema.records[(<RowHead*>row).record]
            table = self.table_of[(<RowHead*>row).record]
            if table >= 0:
                any_field = 0
                for word in range(record.mask_words):
                    any_field |= row[HEAD_WORDS + word] & self.written[(<RowHead*>row).record * self.mask_words + word]
                if any_field:
                    plan = &self.plan[table]
                    plan.rows[plan.row_count] = row
                    plan.row_count += 1
            row += record.row_words
        return 0

    cdef int _open(self, TablePlan* plan) except -1 nogil:
        """Have a chunk with room for a row."""
        if plan.chunk != NULL and plan.chunk.rows == plan.chunk.room:
            with gil:
                self._keep_chunk(plan)
                if self.apart is not None:
                    self.apart.append(self.take(plan - self.plan))
        if plan.chunk == NULL:
            plan.chunk = new_chunk(plan.column_count, plan.bits, plan.next_room)
            if plan.chunk == NULL:
                raise MemoryError
            plan.next_room = min(plan.next_room * GROWTH, self.most_rows)
        return 0

    cdef object _keep_chunk(self, TablePlan* plan):
        """Put a chunk to those that are full."""
        if not seal(plan.chunk):
            raise MemoryError
        (<Batches>self.full[plan - self.plan]).add(plan.chunk)
        plan.full_rows += plan.chunk.rows
        plan.chunk = NULL

    cdef int _append(self, Py_ssize_t table) except -1 nogil:
        cdef TablePlan* plan = &self.plan[table]
        cdef uint64_t** rows = plan.rows
        cdef size_t left = plan.row_count
        cdef size_t count, first, last
        cdef uint32_t record
        while left:
            self._open(plan)
            count = min(left, plan.chunk.room - plan.chunk.rows)
            self._add_heads(plan, rows, count)
            first = 0
            while first < count:  # a table may have rows of several records, one bus' message each
                record = (<RowHead*>rows[first]).record
                last = first + 1
                while last < count and (<RowHead*>rows[last]).record == record:
                    last += 1
                self._add_fields(plan.chunk, record, rows + first, plan.chunk.rows + first, last - first)
                first = last
            plan.chunk.rows += count
            rows += count
            left -= count
        return 0

    cdef int _add_heads(self, TablePlan* plan, uint64_t** rows, size_t count) except -1 nogil:
        cdef uint32_t column
        cdef size_t index
        cdef size_t first = plan.chunk.rows
        cdef ColumnData* data
        cdef RowHead* head
        cdef int32_t code
        for column in range(plan.column_count):
            data = &plan.chunk.columns[column]
            if plan.kinds[column] != KIND_TIME and plan.kinds[column] != KIND_ID and not plan.heads[column]:
                continue
            if not make_values(plan.chunk, data):
                raise MemoryError
            if plan.kinds[column] == KIND_TIME:
                for index in range(count):
                    (<int64_t*>data.values)[first + index] = (<RowHead*>rows[index]).time_ns
                data.present += count
            elif plan.kinds[column] == KIND_ID:
                for index in range(count):
                    (<uint32_t*>data.values)[first + index] = (<RowHead*>rows[index]).id & ID_MASK
                data.present += count
            else:
                for index in range(count):
                    head = <RowHead*>rows[index]
                    code = plan.head_codes[column][head.channel if plan.heads[column] == HEAD_CHANNEL else head.tags]
                    (<int32_t*>data.values)[first + index] = code - 1 if code else 0
                    if code and not mark(plan.chunk, data, first + index):
                        raise MemoryError
        return 0

    cdef int _add_fields(self, Chunk* chunk, uint32_t record, uint64_t** rows, size_t first, size_t count) except -1 nogil:
        """Add the fields of `count` rows of one record, from row `first` of the chunk on."""
        cdef Record* layout = &self.schema.records[record]
        cdef uint32_t word, index
        cdef size_t row, field
        cdef uint64_t in_all, in_any
        for word in range(layout.mask_words):
            in_all = ~<uint64_t>0
            in_any = 0
            for row in range(count):
                in_all &= rows[row][HEAD_WORDS + word]
                in_any |= rows[row][HEAD_WORDS + word]
            in_any &= self.written[record * self.mask_words + word]
            for index in range(64 * word, min(64 * word + 64, layout.field_count)):
                if (in_any >> (index % 64)) & 1:
                    field = layout.first_field + index
                    self.left_out += add_values(chunk, &self.targets[field], &self.plans[field], index,
                                                HEAD_WORDS + layout.mask_words + index, rows, first, count,
                                                (in_all >> (index % 64)) & 1)
        return 0
