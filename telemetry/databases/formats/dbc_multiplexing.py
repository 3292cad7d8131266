"""Which values select each signal of a DBC, where cantools loses it.

cantools knows signals by name. A signal in several branches of a message gets the same ranges in all of them,
and its value table and value type in the first only. cantools also treats a multiplexed signal of a message
without a selector as always there. Relies on Notes for what the file says.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from cantools.database.can import Signal
from cantools.database.conversion import BaseConversion

from telemetry.databases.formats.dbc_mend import Place, Ranges, Selection


def restore_selection(
    signals: Sequence[Signal],
    short_names: Mapping[str, str],
    marks: Mapping[Place, Sequence[int]],
    selections: Mapping[str, Sequence[Selection]],
) -> dict[Signal, Ranges]:
    """Mend the selectors of a message's `signals`, in the order of cantools. Return the ranges that it lacks.

    `short_names` go by the long name; `marks` and `selections`, of Notes, by the short name.
    """
    long_names = {short: long for long, short in short_names.items()}
    names = [short_names.get(signal.name, signal.name) for signal in signals]
    counts = Counter(names)
    selectors = [signal for signal in signals if signal.is_multiplexer]
    left = {place: iter(values) for place, values in marks.items()}  # signals of one place are in file order
    ranges = {}
    for signal, name in zip(signals, names, strict=True):
        mark = next(left.get((name, signal.start, signal.byte_order == "little_endian"), iter(())), None)
        known = [each for each in selections.get(name, ()) if each.selector in counts]
        if mark is not None and counts[name] > 1:
            own = [each for each in known if any(low <= mark <= high for low, high in each.ranges)]
            signal.multiplexer_ids = [mark]
            if own:
                signal.multiplexer_signal = long_names.get(own[0].selector, own[0].selector)
                ranges[signal] = own[0].ranges
        elif signal.multiplexer_signal is not None and known:
            ranges[signal] = known[-1].ranges
        elif signal.multiplexer_signal is None and selectors != [signal]:  # the only one is the root anyhow
            signal.multiplexer_ids = None if mark is None else [mark]
    for name, count in counts.items():
        if count > 1:
            _share_conversion([signal for signal, each in zip(signals, names, strict=True) if each == name])
    return ranges


def _share_conversion(signals: Sequence[Signal]) -> None:
    """Copy value table and value type, which belong to a name: cantools gives them to its first signal."""
    conversions = [signal.conversion for signal in signals]
    choices = next((conversion.choices for conversion in conversions if conversion.choices), None)
    is_float = any(conversion.is_float for conversion in conversions)
    for signal in signals:
        signal.conversion = BaseConversion.factory(
            scale=signal.conversion.scale,
            offset=signal.conversion.offset,
            choices=choices,
            is_float=is_float,
        )
