"""The look at logs: every id with what its bytes may be, and what is known of it.

Promises: memory is bounded (`telemetry_core.frames.by_id`), and a log of any size is read once.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from telemetry_core.frames.spec import LEAST_GAPS, SeenFrames

from telemetry.framing.secrets import A_VIN
from telemetry.logs.unread import Unread
from telemetry.look.detect import checksums, counters, multiplexer, texts
from telemetry.look.sample import Sample, sample_of
from telemetry.look.seen import Finding, Look, LookedId, Place
from telemetry.look.transports import transfer
from telemetry.look.windows import windows
from telemetry.rules.find_message import find_message
from telemetry.scan.can_findings import evidence
from telemetry.scan.can_scan import Candidate, Fit, judge
from telemetry.scan.traffic import BusTraffic, frames_of_logs

_SHOWN = 3  # letters of a VIN
_MAY_BE_OF_A_VIN = re.compile(rf"[A-HJ-NPR-Z0-9]{{{_SHOWN + 1},}}")


def timing(seen: SeenFrames) -> tuple[float | None, float | None]:
    """Return the median period and the median distance from it, in ms."""
    gaps = [(after - before) / 1e6 for before, after in seen.pairs(seen.times_ns)]
    if len(gaps) < LEAST_GAPS or (period := median(gaps)) <= 0:
        return None, None
    return period, median(abs(gap - period) for gap in gaps)


def look_at(
    logs: Sequence[Path],
    candidates: Callable[[str], Iterable[Candidate]],
    warn: Callable[[str], None],
    unread: Unread | None = None,
) -> Look:
    """Return what logs hold. Raises InputMissingError, DataError.

    candidates: what a channel may be, by its name; unread: takes those of several logs that cannot be read.
    """
    channels, ids, known = frames_of_logs(logs, warn, unread), list[LookedId](), list[str]()
    several = len(channels) > 1
    seconds = 0.0
    for name, channel in channels.items():
        traffic = BusTraffic(channel)
        seconds = max(seconds, traffic.seconds)
        verdict = judge(traffic, candidates(name))
        known += [f"{name}: " * several + evidence(fit, traffic) for fit in verdict.chosen]
        for seen in channel:
            if seen.id in traffic.ids:
                period_ms, jitter_ms = timing(seen)
                names = _names(seen.id, verdict.chosen)
                ids.append(LookedId(name, seen, period_ms, jitter_ms, findings(seen), ", ".join(names)))
    return Look(sum(one.seen.frames for one in ids), seconds, tuple(ids), tuple(known))


def _names(id: int, chosen: Iterable[Fit]) -> Iterator[str]:
    """Yield what the databases and protocols call an id."""
    for fit in chosen:
        candidate = fit.candidate
        if (message := find_message(candidate.bus, id)) is not None:
            yield f"{message.name} ({candidate.database.name if candidate.database else candidate.name})"


def findings(seen: SeenFrames) -> tuple[Finding, ...]:
    """Return what the bytes of an id may be: each byte is in one of them at least."""
    carried = transfer(seen)
    if carried is not None:
        return (carried,)
    sample = sample_of(seen)
    found = [*counters(sample)]
    for check in [*checksums(sample, found)]:
        own = _bits(check)
        found = [one for one in found if own.isdisjoint(_bits(one))] + [check]
    selector = multiplexer(sample, found)
    if selector is None or selector.place is None:
        found += [*_texts(sample, set()), *windows(sample, _taken(found))]
    else:
        found = [one for one in found if _bytes(one).isdisjoint(_bytes(selector))] + [selector]
        found += _of_pages(sample, selector.place, _taken(found))
    found += _rest(sample, _taken(found))
    return tuple(sorted(found, key=lambda one: one.place.byte if one.place else -1))


def _bytes(finding: Finding) -> set[int]:
    place = finding.place
    return set() if place is None else set(range(place.byte, place.byte + place.byte_count))


def _bits(finding: Finding) -> set[int]:
    place = finding.place
    begin = 0 if place is None else 8 * place.byte + place.shift
    return set(range(begin, begin + (0 if place is None else place.bit_count)))


def _taken(found: Iterable[Finding]) -> set[int]:
    return set().union(*map(_bytes, found))


def _texts(sample: Sample, taken: set[int]) -> list[Finding]:
    return [
        Finding("text", Place(at, len(text), bit_count=8 * len(text)), None, None, _shown(text))
        for at, text in texts(sample, taken)
    ]


def _shown(text: bytes) -> str:
    """Return a text; of a VIN three letters, and of what may be a part of one how many there are."""
    letters = text.strip().decode("ascii")
    if vin := A_VIN.search(text):
        return f"a VIN: {vin[0][:_SHOWN].decode('ascii')}…"
    return _MAY_BE_OF_A_VIN.sub(lambda part: f"({len(part[0])} letters, as a VIN has them)", letters)


def _of_pages(sample: Sample, place: Place, taken: set[int]) -> Iterator[Finding]:
    """Yield what the pages hold: that of several pages once, and of a byte what most pages agree on."""
    found: dict[tuple[str, str], list[tuple[int, Finding]]] = {}
    for page, one in sample.by(place.read(sample.rows)).items():
        for finding in (*_texts(one, taken), *windows(one, taken)):
            what = finding.words if finding.kind == "text" else finding.kind
            found.setdefault((what, str(finding.place)), []).append((page, finding))
    used: set[int] = set()
    for each in sorted(found.values(), key=len, reverse=True):
        bytes_of = _bytes(each[0][1])
        if each[0][1].kind == "text" or used.isdisjoint(bytes_of):
            used |= bytes_of
            yield _merged(each)


def _merged(each: Sequence[tuple[int, Finding]]) -> Finding:
    first = each[0][1]
    pages = ", ".join(str(page) for page, _ in each[:8]) + (" …" if len(each) > 8 else "")
    lows = [one.lowest for _, one in each if one.lowest is not None]
    highs = [one.highest for _, one in each if one.highest is not None]
    return replace(
        first,
        lowest=min(lows, default=None),
        highest=max(highs, default=None),
        words=f"page{'s' * (len(each) > 1)} {pages}: {first.words}",
        pages=tuple(page for page, _ in each),
    )


def _rest(sample: Sample, taken: set[int]) -> list[Finding]:
    return [
        Finding(
            "changes" if byte in sample.changing else "constant",
            Place(byte),
            min(sample.columns[byte]),
            max(sample.columns[byte]),
            "",
        )
        for byte in range(sample.length)
        if byte not in taken
    ]
