"""What all that reduces rows checks. Functions raise ValueError."""

from libc.stdint cimport int64_t

from telemetry_core.memory cimport zeroed
from telemetry_core.rows.batch cimport SampleBatch
from telemetry_core.rows.schema cimport Schema


# A number for each record, none under `least`, as an array of the caller's own. None: zeros.
cdef inline int64_t* by_record(Schema schema, numbers, int64_t least) except NULL:
    cdef int64_t* found = <int64_t*>zeroed(schema.record_count, sizeof(int64_t))
    cdef Py_ssize_t index
    if numbers is not None and len(numbers) != schema.record_count:
        raise ValueError(f"{len(numbers)} intervals of another schema, of {schema.record_count} records")
    for index in range(schema.record_count if numbers is not None else 0):
        found[index] = numbers[index]
        if found[index] < least:
            raise ValueError("an interval is negative")
    return found


# Whether rows may go into `out`; from `samples`: unless it is None.
cdef inline int check_rows(Schema schema, SampleBatch samples, SampleBatch out) except -1:
    if out.schema is not schema or (samples is not None and samples.schema is not schema):
        raise ValueError("the rows are of another schema")
    if samples is out:
        raise ValueError("a batch cannot be reduced into itself")
    return 0
