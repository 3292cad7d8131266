from typing import Any, NamedTuple

class PlugChange(NamedTuple):
    """What a row shows of the plug on `channel`; kind: by `follow_spec.ChangeKind`.

    row: the number of the row in its batch that shows it, -1 without one. time_ns: when it was, which may be
    earlier. values: by `follow_spec.PERCENT` or `WINDOW`; totals: of the session so far, by `TOTALS`; () of a
    WINDOW. NaN: not known. raw: the row's slots by field, if kind is ROW, DOUBT or UNKNOWN.
    """

    row: int
    time_ns: int
    channel: int
    kind: int
    number: int
    side: int
    bits: int
    since_ns: int
    values: tuple[float, ...]
    totals: tuple[float, ...]
    raw: dict[str, Any] | None
