"""The demonstration's report, as text: what was sent beside what arrived, and the three accounts."""

from collections.abc import Iterator

from telemetry.demo.gateway_config import SOURCE, expected_points
from telemetry.demo.verdict import Outcome, energy_difference, faults
from telemetry.ledger import POINT_ENDS, total

_BUSY_S = 0.1  # a simulator that is so late tells its time wrongly


def render(outcome: Outcome, *, database: str, wall_s: float) -> str:
    """The whole report. database: what the points were read back from; wall_s: how long the run took."""
    duration_s = outcome.truth.duration_s
    late_ms = 1000.0 * outcome.truth.late_max_s
    title = (
        f"{duration_s / 60.0:.0f} minutes of driving and charging in {wall_s:.0f} s"
        f" (no frame over {late_ms:.0f} ms late), read back from {database}"
    )
    sections = (_points(outcome), _battery(outcome), _accounts(outcome), _conclusion(outcome))
    return "\n\n".join([title, *("\n".join(section) for section in sections)]) + "\n"


def _points(outcome: Outcome) -> Iterator[str]:
    yield f"  {'points':<28}{'expected':>14}{'stored':>14}"
    expected = expected_points(outcome.truth.frames)
    for measurement, count in expected.items():
        stored = outcome.stored.get(measurement, 0)
        mark = "" if stored == count else "  <-"
        yield f"    {measurement:<26}{count:>14,}{stored:>14,}{mark}"
    stored_all = sum(outcome.stored.get(measurement, 0) for measurement in expected)
    yield f"    {'all':<26}{sum(expected.values()):>14,}{stored_all:>14,}"


def _battery(outcome: Outcome) -> Iterator[str]:
    measured, true = outcome.measured, outcome.truth.measured
    yield f"  {'battery':<28}{'the plant':>14}{'stored':>14}{'difference':>14}"
    for name, true_pct, measured_pct in (
        ("state of charge, start", true.soc_start_pct, measured.soc_start_pct),
        ("state of charge, end", true.soc_end_pct, measured.soc_end_pct),
    ):
        yield f"    {name:<26}{true_pct:>12.2f} %{measured_pct:>12.2f} %{measured_pct - true_pct:>+12.2f} %"
    for name, true_wh, measured_wh in (
        ("energy in", true.energy_in_wh, measured.energy_in_wh),
        ("energy out", true.energy_out_wh, measured.energy_out_wh),
    ):
        difference_pct = 100.0 * energy_difference(measured_wh, true_wh)
        yield f"    {name:<26}{true_wh:>11,.1f} Wh{measured_wh:>11,.1f} Wh{difference_pct:>+12.3f} %"
    for name, true_v, measured_v in (
        ("lowest cell, end", true.cell_min_v, measured.cell_min_v),
        ("highest cell, end", true.cell_max_v, measured.cell_max_v),
    ):
        difference_mv = 1000.0 * (measured_v - true_v)
        yield f"    {name:<26}{true_v:>12.4f} V{measured_v:>12.4f} V{difference_mv:>+11.2f} mV"
    spreads_mv = [1000.0 * (side.cell_max_v - side.cell_min_v) for side in (true, measured)]
    yield f"    {'cell spread, end':<26}" + "".join(f"{spread_mv:>11.1f} mV" for spread_mv in spreads_mv)


def _accounts(outcome: Outcome) -> Iterator[str]:
    accounts = outcome.accounts
    bus, frames = f"bus/{SOURCE}/", f"frames/{SOURCE}/"
    ends = {end: accounts.get(f"points/{end}", 0) for end in POINT_ENDS}
    rows = {
        "bus": {
            "sent": outcome.truth.frames_sent,
            "read": accounts.get(f"{bus}read", 0),
            "dropped by the kernel": accounts.get(f"{bus}kernel_dropped", 0),
        },
        "frames": {
            "decoded": accounts.get(f"{frames}decoded", 0),
            "absorbed": accounts.get(f"{frames}absorbed", 0),
            "not in any database": accounts.get(f"{frames}unknown", 0),
            "lost": total(accounts, f"{frames}lost/"),
        },
        "points": {
            "made": total(accounts, "points/made/"),
            "acknowledged": ends.pop("acknowledged"),
            "waiting": outcome.waiting_points,
            "dead letters": ends.pop("dead"),
            **ends,
        },
    }
    yield "  accounts"
    for account, counts in rows.items():
        yield f"    {account:<8}" + ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _conclusion(outcome: Outcome) -> Iterator[str]:
    found = faults(outcome)
    if not found:
        yield "  Every frame sent is stored, every account balances, nothing was lost."
    for sentence in found:
        yield f"  NOT AS IT SHOULD BE: {sentence}"
    late_s = outcome.truth.late_max_s
    if found and late_s > _BUSY_S:
        yield f"  The machine was busy: frames went out up to {late_s:.1f} s late, so their stamps lie."
        yield "  Try again with a smaller --time-scale."
