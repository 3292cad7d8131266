"""The health of one pack: what the compiled core reports becomes rows of the data model, and events.

Promises:
- Rows depend on the changes and the history alone: logs, the running service and one that was killed agree.
- An event comes with the charge at which its cause begins, and again once it had gone.
"""

from collections.abc import Iterable, Sequence

from telemetry_core.health.health_spec import CountedCharge, HealthChange, HealthKind

from telemetry.charging.items import Point
from telemetry.health import cells, rows
from telemetry.health.capacity import Used, estimate
from telemetry.health.charge import SOC, SWAP, WINDOW, Charge, judged
from telemetry.health.history import PackHistory
from telemetry.health.rows import Estimated
from telemetry.health.settings import LFP, HealthSettings
from telemetry.model.event_codes import EVENT_CODES
from telemetry.model.events import Event

MOST_OFFSET_A = 0.5
LEAST_SOH_PCT = 80.0
_LEAST_PART = 0.3  # of the capacity, for charges of cells

Made = Point | tuple[Event, int]


class PackHealth:
    """What is known of a pack, and what follows. history: to be saved after each change."""

    def __init__(self, settings: HealthSettings, vehicle: str, history: PackHistory | None = None) -> None:
        self.history = PackHistory() if history is None else history
        self._settings = settings
        self._tags = {"vehicle": vehicle, "pack": settings.pack}

    @property
    def rated_ah(self) -> float:
        """Return the rated capacity as it is configured, or else reported; 0: not known."""
        return self._settings.rated_ah or self.history.reported_ah

    def set_rated(self, rated_ah: float) -> None:
        """Note the rated capacity that the battery reports."""
        self.history.reported_ah = rated_ah

    def take(self, change: HealthChange, *, swapped: bool = False) -> Sequence[Made]:
        """Return the rows and events of a change, each event with its stamp.

        swapped: the charge ends because another pack is there.
        """
        match change.kind:
            case HealthKind.CHARGE_ENDED if change.charge is not None:
                return [*self._charge(change, change.charge, swapped=swapped)]
            case HealthKind.DRIVE_ENDED:
                return [*rows.cell_resistance(self._tags, change)]
            case HealthKind.REST:
                return [*rows.cell_drift(self._tags, change)]
            case HealthKind.DAY if change.day:
                return [rows.battery_use(self._tags, change.time_ns, change.day, self._capacity_ah())]
        return ()

    def _estimate(self) -> Estimated | None:
        found = estimate(self.history.used, self._settings, self.history.offset_a)
        return Estimated(found, self.rated_ah) if found else None

    def _capacity_ah(self) -> float:
        """Return the capacity as it is known best; 0: not at all."""
        found = self._estimate()
        return found.of.capacity_ah if found else self.rated_ah

    def _charge(self, change: HealthChange, counted: CountedCharge, *, swapped: bool) -> Iterable[Made]:
        history, known_ah = self.history, self._capacity_ah()
        charge = judged(counted, self._settings, known_ah=known_ah, swapped=swapped)
        if charge.reason in ("", WINDOW) and (charge.ended_full or self._settings.chemistry != LFP):
            coarse_ah = history.coarse_ah(counted.charge_ah, charge.window_pct)
            # Of many short charges errors make a few wide: these would all say too little.
            if 100.0 * counted.charge_ah < self._settings.min_window_pct * coarse_ah:
                charge = charge.refused(WINDOW)
        is_full = charge.ended_full and charge.reason not in (SWAP, SOC)
        offset_a = history.measured_offset_a(counted, known_ah, is_full=is_full)
        estimated = None
        if charge.capacity_ah and charge.sd_ah:
            measured = (charge.capacity_ah, charge.sd_ah, counted.mean_current_a, charge.window_pct)
            history.use(Used(change.time_ns, *measured))
            estimated = self._estimate()
        by_resistance = cells.by_resistance(change.cell_steps)
        by_charge = cells.by_charge(change.cell_charges) if self._tells_cells(charge, known_ah) else []
        yield rows.battery_health(
            self._tags, change, charge, estimated, offset_a, by_charge=by_charge, by_resistance=by_resistance
        )
        yield from rows.cell_resistance(self._tags, change)
        yield from rows.cell_charge(self._tags, change.time_ns, by_charge)
        end_ns = counted.end_ns
        weak, resistive = cells.weak(by_charge), cells.resistive(by_resistance)
        history.weak_runs = cells.counted_on(history.weak_runs, by_charge, weak)
        history.resistive_runs = cells.counted_on(history.resistive_runs, by_resistance, resistive)
        for cell in weak:
            if history.weak_runs[cell.number] == cells.RUNNING:
                words = f"cell {cell.number} takes {cell.ratio:.3f} of the median cell's charge"
                yield self._event("weak_cell", f"{words} (sd {cell.sd:.3f})"), end_ns
        for cell in resistive:
            if history.resistive_runs[cell.number] == cells.RUNNING:
                words = f"cell {cell.number} has {cell.ratio:.2f} of the median cell's resistance"
                yield self._event("resistance_high", f"{words} (sd {cell.sd:.2f})"), end_ns
        if offset_a is not None and self._begins("current_offset", is_so=abs(offset_a) > MOST_OFFSET_A):
            words = f"the current shows {offset_a:+.2f} A too much, from full to full"
            yield self._event("current_offset", words), end_ns
        if estimated and estimated.rated_ah:
            high_pct = estimated.soh_pct(estimated.of.high_ah)
            if self._begins("capacity_low", is_so=high_pct < LEAST_SOH_PCT):
                of = f"{estimated.of.capacity_ah:.1f} Ah of {estimated.rated_ah:g} Ah"
                yield self._event("capacity_low", f"{of}, at most {high_pct:.0f} %"), end_ns

    def _tells_cells(self, charge: Charge, known_ah: float) -> bool:
        """Return whether a charge is wide enough for those of its cells, whatever its SOC says."""
        if self._settings.chemistry == LFP:
            return False
        part = charge.counted.charge_ah / known_ah if known_ah else charge.window_pct / 100.0
        return part >= _LEAST_PART

    def _begins(self, code: str, *, is_so: bool) -> bool:
        """Return whether it is so from now on, and was not."""
        was_so = code in self.history.told
        (self.history.told.add if is_so else self.history.told.discard)(code)
        return is_so and not was_so

    def _event(self, code: str, text: str) -> Event:
        return Event(code, EVENT_CODES[code].level, active=True, text=text, pack=self._settings.pack)
