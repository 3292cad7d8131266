# distutils: language = c++
"""Values of a field into its column.

A value is the one that text outputs print, read back: numbers are the nearest double of the printed decimal, whole
numbers are exact. A value that text leaves out (not finite, a raw value without a word) is absent.
"""

from libc.math cimport NAN, isfinite
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from telemetry_core.columns.batches cimport Words
from telemetry_core.columns.chunk cimport Chunk, ColumnData, make_values, mark, set_bit
from telemetry_core.rows.access cimport POWERS_OF_TEN, has_field, value_of
from telemetry_core.rows.batch cimport raw_value
from telemetry_core.rows.schema cimport FieldText, find_text
from telemetry_core.text.printing cimport (
    FORM_ASCII, FORM_DECIMAL, FORM_FLAG, FORM_FLOAT, FORM_INT, FORM_UINT, FORM_WORD, NUMBER_ROOM, FieldPlan, put_value,
)

cdef int64_t WHOLE_LIMIT = 9007199254740992  # 2**53: beyond it a double no longer holds every whole number


cdef int64_t add_values(Chunk* chunk, const FieldColumn* target, FieldPlan* plan, uint32_t index, size_t slot,
                        uint64_t** rows, size_t first, size_t count, bint is_dense) except -1 nogil:
    """Add a field's values of `count` rows, from row `first` of the chunk on. Return how many are left out.

    `index` is the field's in its record, `slot` the word of a row that has its value. `is_dense`: every row has one.
    """
    cdef ColumnData* data = &chunk.columns[target.column]
    cdef int64_t left_out = 0
    cdef size_t row
    cdef double* numbers
    cdef uint64_t* wholes
    cdef double divisor
    cdef uint64_t multiplier = <uint64_t>plan.multiplier
    cdef uint64_t bias = <uint64_t>plan.bias
    cdef int64_t scaled
    if not make_values(chunk, data):
        raise MemoryError
    if is_dense and data.validity == NULL and data.present == first:
        if target.kind == KIND_INT64 or target.kind == KIND_UINT64:
            wholes = <uint64_t*>data.values + first
            if plan.form == FORM_DECIMAL:
                for row in range(count):
                    wholes[row] = rows[row][slot] * multiplier + bias
            elif plan.form == FORM_FLAG:
                for row in range(count):
                    wholes[row] = rows[row][slot] != 0
            else:  # a whole number of 64 bits as it is
                for row in range(count):
                    wholes[row] = rows[row][slot]
            data.present += count
            return 0
        if target.kind == KIND_FLOAT64 and plan.form == FORM_DECIMAL:
            numbers = <double*>data.values + first
            divisor = POWERS_OF_TEN[plan.decimals]
            for row in range(count):
                scaled = <int64_t>(rows[row][slot] * multiplier + bias)
                if -WHOLE_LIMIT <= scaled <= WHOLE_LIMIT:
                    numbers[row] = <double>scaled / divisor
                else:
                    numbers[row] = _printed(plan, rows[row][slot])
            data.present += count
            return 0
    for row in range(count):
        if has_field(rows[row], index):
            left_out += not _add_value(chunk, target, plan, first + row, &rows[row][slot])
    return left_out


cdef bint _add_value(Chunk* chunk, const FieldColumn* target, FieldPlan* plan, size_t row,
                     const uint64_t* at) except -1 nogil:
    """Add one value; False when it is not finite."""
    cdef ColumnData* data = &chunk.columns[target.column]
    cdef const FieldText* found
    cdef uint64_t slot = at[0]
    cdef double number
    cdef int64_t scaled
    cdef int32_t code
    if target.kind == KIND_FLOAT64:
        if plan.form == FORM_DECIMAL:
            scaled = <int64_t>(slot * <uint64_t>plan.multiplier + <uint64_t>plan.bias)
            number = (<double>scaled / POWERS_OF_TEN[plan.decimals] if -WHOLE_LIMIT <= scaled <= WHOLE_LIMIT
                      else _printed(plan, slot))
        elif plan.form == FORM_FLOAT or plan.form == FORM_INT or plan.form == FORM_UINT:
            number = value_of(plan.field, slot)
        else:
            number = _printed(plan, slot)
        if not isfinite(number):
            return False
        (<double*>data.values)[row] = number + 0.0  # no negative zero
    elif target.kind == KIND_BOOL:
        if slot:
            set_bit(<uint8_t*>data.values, row)
    elif target.kind == KIND_WORDS:
        found = find_text(plan.field, <int64_t>slot)
        if plan.form == FORM_ASCII:
            code = _code_of_characters(target, plan, at)
        elif found != NULL:
            code = target.codes[found - plan.field.texts]
        elif plan.form == FORM_WORD:
            return True
        else:
            code = _code_of_digits(target, slot)
        (<int32_t*>data.values)[row] = code
    elif plan.form == FORM_DECIMAL:
        (<uint64_t*>data.values)[row] = slot * <uint64_t>plan.multiplier + <uint64_t>plan.bias
    else:
        (<uint64_t*>data.values)[row] = slot != 0 if plan.form == FORM_FLAG else slot
    if not mark(chunk, data, row):
        raise MemoryError
    return True


cdef int32_t _code_of_digits(const FieldColumn* target, uint64_t slot) except -2 with gil:
    """Return the code of a raw value that has no text: its digits."""
    return (<Words>target.words).add(str(<int64_t>slot))


cdef int32_t _code_of_characters(const FieldColumn* target, FieldPlan* plan, const uint64_t* slot) except -2 with gil:
    """Return the code of a text that the row itself has."""
    return (<Words>target.words).add(raw_value(slot, plan.field))


cdef double _printed(FieldPlan* plan, uint64_t slot) except? -1 with gil:
    """Return the number that text outputs print, read back: for the few whose scaled value no double holds."""
    cdef char[NUMBER_ROOM] text
    cdef char* end
    if plan.form == FORM_FLAG:  # a flag in a column of numbers
        return <double>(slot != 0)
    end = put_value(text, plan, &slot)
    if end == NULL:
        return NAN
    return float((<bytes>text[:end - text]).decode())
