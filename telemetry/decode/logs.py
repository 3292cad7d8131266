"""CAN logs as recordings: their channels, and what people are told of their frames.

Promises: logs are refused (DataError) where frames came and neither one of them, in any log, nor a payload of
several has a known message. Where few have one, that is a warning.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path

from telemetry.decode.channels import ACCOUNT, Channels
from telemetry.decode.reading import Found, Recordings
from telemetry.errors import DataError
from telemetry.logs.content import named
from telemetry.logs.log import OpenLog
from telemetry.stages.binding import NO_BUS, Binding

FEW_MATCHED = 0.01  # of the frames: fewer are an accident, and the database is of another vehicle
FEW_OF_A_PLUG = 0.2  # the same of a plug's bus, on which nobody speaks but its two ends
WHOSE = "are databases and protocol those of this bus?"
_FAULTS = {"wrong_crc": "wrong checksum", "repeated": "repeated counter", "skipped": "skipped counter"}


class Logs(Recordings):
    """Logs, read once."""

    def __init__(
        self, channels: Channels, *, is_selection: bool = False, few_matched: float = FEW_MATCHED
    ) -> None:
        """Set up the reading of logs.

        - is_selection: messages may have lost signals that were not chosen
        - few_matched: where a smaller share of the frames has a message, that is a warning
        """
        self._channels = channels
        self._is_selection = is_selection
        self._few_matched = few_matched
        self._found: dict[str, tuple[int, Binding]] = {}  # channels that have come, by name

    def open(self, path: Path, bind: Callable[[Binding], int]) -> OpenLog:
        def number_of(name: str) -> int:
            if name not in self._found:
                binding = self._channels.binding(name)
                self._found[name] = bind(binding), binding
            return self._found[name][0]

        return OpenLog(path, number_of)

    def counted(self, frames: int, damaged: int) -> Mapping[str, int]:
        return {f"bus/{ACCOUNT}/read": frames + damaged, f"frames/{ACCOUNT}/lost/damaged": damaged}

    def unknown(self, paths: Sequence[Path], found: Found) -> DataError | None:
        matched = found.matched
        if not matched["unknown"] or matched["decoded"] or _are_some_wrong(found):
            return None
        if self._has_no_database:
            return DataError("; ".join(self._channel_warnings(frozenset())), where=named(paths))
        return none_matched(paths, found.frames, "no known message")

    def _channel_warnings(self, heard: Set[str]) -> Iterator[str]:
        """Yield what of the channels does not fit together."""
        return self._channels.warnings({name: binding for name, (_, binding) in self._found.items()}, heard)

    @property
    def _has_no_database(self) -> bool:
        """Return whether no channel has one."""
        return all(binding.bus == NO_BUS for _, binding in self._found.values())

    def misfits(self, found: Found) -> list[str]:
        lines = [] if found.frames else ["no frames in what was read"]
        if found.frames and found.is_bounded and not any(_of(found, f"frames/{ACCOUNT}/")):
            lines.append(f"no frame between the bounds of time; what was read lasts {found.duration_s:.1f} s")
        lines += self._channel_warnings(frozenset() if self._is_selection else found.heard)
        if not (self._has_no_database or _are_some_wrong(found)):
            lines += _few_matched(found.matched, self._few_matched)
        return lines

    def losses(self, found: Found) -> list[str]:
        lines = self.misfits(found)
        silent = found.counted.get(f"frames/{ACCOUNT}/without_signals", 0)
        if silent and not self._is_selection:
            lines.append(without_signals(silent, found.frames))
        for reason, count in _of(found, f"frames/{ACCOUNT}/lost/"):
            lines.append(f"frames left out ({words(reason)}): {count}")
        for what, count in _of(found, f"protection/{ACCOUNT}/"):
            message, _, fault = what.rpartition("/")
            lines.append(f"{message}: frames with a {_FAULTS[fault]}: {count}")
        for reason, count in _of(found, f"sessions/{ACCOUNT}/"):
            if reason not in ("complete", "orphans"):
                lines.append(f"transport sessions without a message ({words(reason)}): {count}")
        return lines

    def summary(self, found: Found) -> str:
        fates = {
            "decoded": "decoded",
            "absorbed": "in transport sessions",
            "without_signals": "not chosen" if self._is_selection else "of messages without signals",
            "unknown": "in no database",
        }
        counts = {name: found.counted.get(f"frames/{ACCOUNT}/{fate}", 0) for fate, name in fates.items()}
        shares = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        return f"{found.frames} frames: {shares or 'none decoded'}"


def _are_some_wrong(found: Found) -> bool:
    """Return whether a frame of a known message failed its check."""
    return any(_of(found, f"protection/{ACCOUNT}/"))


def _of(found: Found, prefix: str) -> Iterator[tuple[str, int]]:
    """Yield what is not 0 of the counters whose names begin with `prefix`, less that."""
    for name, count in found.counted.items():
        if count and name.startswith(prefix):
            yield name.removeprefix(prefix), count


def _few_matched(matched: Mapping[str, int], least_share: float) -> Iterator[str]:
    """Yield a warning where hardly a frame has a message: the databases are of another vehicle or bus."""
    decoded, unknown = matched["decoded"], matched["unknown"]
    if decoded < least_share * (decoded + unknown):
        yield (
            f"{decoded:,} of {decoded + unknown:,} frames have a known message: {WHOSE} "
            "(scan --log finds what fits, decode --unknown lists the ids without one)"
        )


def without_signals(silent: int, frames: int) -> str:
    """Return the warning of frames that gave nothing, though a database has their ids."""
    return (
        f"{silent:,} of {frames:,} frames gave no value: the database names their messages, and no signal "
        "of them"
    )


def none_matched(paths: Sequence[Path], frames: int, what: str) -> DataError:
    """Return the error of logs with frames and without what was looked for. what: `no known message`."""
    hint = f"{WHOSE} scan --log finds what fits, look shows what is there"
    count = "1 frame" if frames == 1 else f"{frames:,} frames"
    verb = "holds" if len(paths) == 1 else "hold"
    return DataError(f"{verb} {count}, and {what}", where=named(paths), hint=hint)


def words(reason: str) -> str:
    """Return a counter's name as people read it."""
    return reason.replace("_", " ")
