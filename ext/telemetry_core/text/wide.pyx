# distutils: language = c++
"""Rows as wide csv: one line a row, one column for each signal of a schema.

Promises those of the encoder, by which it writes. Signals of one name that exclude each other share a column.
"""

cimport cython
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from telemetry_core.memory cimport zeroed
from telemetry_core.rows.access cimport has_field
from telemetry_core.rows.batch cimport RowHead, SampleBatch
from telemetry_core.rows.schema cimport HEAD_WORDS, Record, Schema
from telemetry_core.text.encoder cimport Encoder
from telemetry_core.text.lines cimport LineBuffer
from telemetry_core.text.printing cimport FORM_WORD, NUMBER_ROOM
from telemetry_core.text.texts cimport TEXT_SLACK, put_text_of

from telemetry_core.rows.spec import SlotKind

cdef struct Cell:
    uint32_t column
    uint32_t field


@cython.final
cdef class WideRows:
    """Writes rows of the schema of `encoder`, whose times, channels and counts are theirs.

    `columns` has the names of the signals' columns, as csv writes them. `columns_before` and `columns_after` are empty
    columns, for what another WideRows writes into the same lines.
    """

    cdef Encoder encoder
    cdef Cell* cells             # those of a record side by side, by column
    cdef uint32_t* cell_ends     # as Schema.records: index after its last cell
    cdef Py_ssize_t column_count
    cdef readonly list columns
    cdef public Py_ssize_t columns_before
    cdef public Py_ssize_t columns_after

    def __cinit__(self, Encoder encoder not None):
        cdef Schema schema = encoder.schema
        cdef uint32_t at = 0
        cdef uint32_t first_field = 0
        self.encoder = encoder
        self.cell_ends = <uint32_t*>zeroed(schema.record_count, sizeof(uint32_t))
        self.cells = <Cell*>zeroed(schema.field_count, sizeof(Cell))
        columns = {}
        for record, spec in enumerate(schema.specs):
            cells = [(columns.setdefault(_column(spec, field), len(columns)), first_field + index)
                     for index, field in enumerate(spec.fields) if not spec.hidden and _is_written(spec, field)]
            for column, index in sorted(cells):
                self.cells[at] = Cell(column, index)
                at += 1
            first_field += len(spec.fields)
            self.cell_ends[record] = at
        self.column_count = len(columns)
        self.columns = [encoder.csv_cell(name) for name in columns]

    def __dealloc__(self):
        free(self.cells)
        free(self.cell_ends)

    def header(self):
        """Return the first line of csv, without its newline."""
        return b",".join((self.encoder.time_column.encode(), b"channel,id", *self.columns))

    def encode(self, SampleBatch samples not None, LineBuffer lines not None):
        """Append one csv row a row: a column for each signal, empty where the row has no value.

        A column is `message.signal`; values and times are as in Encoder.encode_csv. A row without any value gives no
        line. Raises ValueError for rows of another schema.
        """
        self.encoder._check(samples)
        with nogil:
            self._encode(self.encoder, self.encoder.schema, samples, lines)

    cdef int _encode(self, Encoder encoder, Schema schema, SampleBatch samples, LineBuffer lines) except -1 nogil:
        cdef uint64_t* row = samples.words
        cdef Py_ssize_t number
        cdef RowHead* head
        cdef Record* record
        cdef Cell* cell
        cdef uint32_t index, slot
        cdef Py_ssize_t column       # how many are written
        cdef bint is_there
        cdef char* out
        cdef char* end
        cdef size_t head_bytes = (encoder.csv_channels.longest + encoder.csv_owners.longest
                                  + 3 * NUMBER_ROOM + 4 * TEXT_SLACK)
        cdef size_t value_bytes = schema.longest_text + NUMBER_ROOM + TEXT_SLACK
        cdef Py_ssize_t columns = self.columns_before + self.column_count + self.columns_after
        for number in range(samples.rows):
            head = <RowHead*>row
            record = &schema.records[head.record]
            if record.hidden:
                row += record.row_words
                continue
            out = lines.reserve(head_bytes + columns + value_bytes * (record.field_count + 1))
            if out == NULL:
                raise MemoryError
            out = encoder.put_time(out, head.time_ns)
            out[0] = c","
            out = encoder.put_channel(out + 1, encoder.csv_channels, head)
            out[0] = c","
            out += 1
            out = encoder.put_head_id(out, head)
            is_there = False
            column = 0
            for index in range(0 if head.record == 0 else self.cell_ends[head.record - 1],
                               self.cell_ends[head.record]):
                cell = &self.cells[index]
                slot = cell.field - record.first_field
                if not has_field(row, slot):
                    continue
                end = out + self.columns_before + cell.column + 1 - column
                if end == out:  # another signal of this name, which excludes this one, has been written
                    continue
                memset(out, c",", end - out)
                end = encoder.put_csv_value(end, cell.field, &row[HEAD_WORDS + record.mask_words + slot])
                if end == NULL:
                    encoder.left_out += encoder.plans[cell.field].form != FORM_WORD
                    continue
                out = end
                column = self.columns_before + cell.column + 1
                is_there = True
            if is_there:
                memset(out, c",", columns - column)
                out = put_text_of(out + columns - column, encoder.csv_owners, head.tags)
                out[0] = c"\n"
                lines.commit(out + 1, head.time_ns)
            else:
                encoder.records[head.record].empty_rows += 1
            row += record.row_words
        return 0


cdef str _column(spec, field):
    return f"{spec.message_name}.{field.signal_name}"


cdef bint _is_written(spec, field):
    """Return whether csv can have a value of it: not of a word without any text, nor of a text of the data model."""
    return bool(field.texts) if field.kind == SlotKind.WORD else not (spec.modelled and field.kind == SlotKind.TEXT)
