"""The demonstration's report, as text: what was sent beside what arrived, and the three accounts."""

from collections.abc import Iterator, Mapping
from itertools import groupby

from telemetry.demo.gateway_config import SOURCE, expected_points
from telemetry.demo.measured import Quantity
from telemetry.demo.verdict import Outcome, faults, given_up
from telemetry.ledger import POINT_ENDS, total

_BUSY_S = 0.1  # a simulator that is so late stamps its frames wrongly


def render(outcome: Outcome, *, database: str, wall_s: float) -> str:
    """Return the whole report. database: where the points were read from; wall_s: how long the run took."""
    duration_s = outcome.truth.duration_s
    late_ms = 1000.0 * outcome.truth.late_max_s
    title = (
        f"{duration_s / 60.0:.0f} minutes of driving and charging in {wall_s:.0f} s"
        f" (no frame over {late_ms:.0f} ms late), read back from {database}"
    )
    sections = [
        _points(outcome),
        *(_part(part, list(lines)) for part, lines in groupby(outcome.quantities, lambda one: one.part)),
        _charge(outcome),
        _accounts(outcome),
        _conclusion(outcome),
    ]
    return "\n\n".join([title, *("\n".join(section) for section in sections)]) + "\n"


def _points(outcome: Outcome) -> Iterator[str]:
    yield f"  {'points':<28}{'expected':>14}{'stored':>14}"
    expected = expected_points(outcome.truth.frames)
    for measurement, count in expected.items():
        yield _counted(measurement, count, outcome.stored.get(measurement, 0), given_up(outcome, measurement))
    stored_all = sum(outcome.stored.get(measurement, 0) for measurement in expected)
    yield f"    {'all of the bus':<26}{sum(expected.values()):>14,}{stored_all:>14,}"


def _counted(name: str, expected: int, stored: int, given_up: int) -> str:
    missing = expected - stored
    note = f"  {missing} in incomplete cycles" if 0 < missing <= given_up else "  <-" if missing else ""
    return f"    {name:<26}{expected:>14,}{stored:>14,}{note}"


def _part(part: str, lines: list[Quantity]) -> Iterator[str]:
    yield f"  {part:<28}{'the plant':>14}{'stored':>14}{'difference':>14}{'sampling error':>17}"
    for one in lines:
        texts = (f"{one.true:,.{one.decimals}f}", f"{one.stored.value:,.{one.decimals}f}")
        small = one.decimals + 1
        mark = "  <-" if not one.agrees else "" if one.is_measured else "  not measured"
        yield (
            f"    {one.name:<26}"
            + "".join(f"{text:>{13 - len(one.unit)}} {one.unit}" for text in texts)
            + f"{one.difference:>+{13 - len(one.unit)},.{small}f} {one.unit}"
            + f"{f'± {one.stored.error:,.{small}f}':>{16 - len(one.unit)}} {one.unit}{mark}"
        )


def _charge(outcome: Outcome) -> Iterator[str]:
    yield f"  {'DC charge':<28}{'the plant':>14}{'stored':>14}{'difference':>14}"
    for session in outcome.sessions:
        for side, true_wh, stored_wh in outcome.plug.energies(session):
            if stored_wh is not None:
                texts = f"{true_wh:>11,.1f} Wh{stored_wh:>11,.1f} Wh{stored_wh - true_wh:>+11,.1f} Wh"
                yield f"    {f'energy by the {side}':<26}{texts}"


def _accounts(outcome: Outcome) -> Iterator[str]:
    accounts = outcome.accounts
    ends = {end: accounts.get(f"points/{end}", 0) for end in POINT_ENDS}
    yield "  accounts"
    for index, (source, sent) in enumerate(outcome.sent.items()):
        read = {"sent": sent, "read": outcome.accounts.get(f"bus/{source}/read", 0)}
        if source == SOURCE:
            read["dropped by the kernel"] = outcome.accounts.get(f"bus/{source}/kernel_dropped", 0)
        yield _line("" if index else "bus", source, read)
    for index, source in enumerate(outcome.sent):
        yield _line("" if index else "frames", source, _frames(outcome, source))
    points = {
        "made": total(accounts, "points/made/"),
        "acknowledged": ends.pop("acknowledged"),
        "waiting": outcome.waiting_points,
        "dead letters": ends.pop("dead"),
        **ends,
    }
    yield _line("points", "", points)


def _frames(outcome: Outcome, source: str) -> dict[str, int]:
    prefix = f"frames/{source}/"
    return {
        "decoded": outcome.accounts.get(f"{prefix}decoded", 0),
        "absorbed": outcome.accounts.get(f"{prefix}absorbed", 0),
        "not in any database": outcome.accounts.get(f"{prefix}unknown", 0),
        "lost": total(outcome.accounts, f"{prefix}lost/"),
        **({"stored": outcome.serial_stored[source]} if source in outcome.serial_stored else {}),
    }


def _line(account: str, source: str, counts: Mapping[str, int]) -> str:
    numbers = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    return f"    {account:<8}{source + ' ' * (10 - len(source)) if source else ''}{numbers}"


def _conclusion(outcome: Outcome) -> Iterator[str]:
    found = faults(outcome)
    if not found:
        measured = (
            "all that is stored"
            if all(one.is_measured for one in outcome.quantities)
            else "what was measured"
        )
        yield "  Every frame sent is stored, every account balances, nothing was lost,"
        yield f"  and {measured} agrees with the plant within its own sampling error."
    for sentence in found:
        yield f"  NOT AS IT SHOULD BE: {sentence}"
    late_s = outcome.truth.late_max_s
    if late_s > _BUSY_S:
        yield f"  The machine was busy: frames went out up to {late_s:.1f} s late, so their stamps lie."
        yield "  A smaller --time-scale measures better."
