"""The health of one pack: what the compiled core reports becomes rows of the data model, and events.

Promises:
- Rows depend on the changes and the history alone: logs, the running service and one that was killed agree.
- An event comes with the charge at which its cause begins, and again once it had gone; of a cell with the
  third charge running that shows it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from telemetry_core.health.health_spec import CountedCharge, HealthChange, HealthKind

from telemetry.charging.items import Point
from telemetry.health import cells, rows
from telemetry.health.capacity import Estimate, Used, estimate
from telemetry.health.cells import Cell
from telemetry.health.charge import SOC, SWAP, WINDOW, Charge, judged
from telemetry.health.history import PackHistory
from telemetry.health.settings import LFP, HealthSettings
from telemetry.model.event_codes import EVENT_CODES
from telemetry.model.events import Event
from telemetry.model.health import BATTERY_USE, CELL_CHARGE, CELL_DRIFT, CELL_RESISTANCE

_MOST_OFFSET_A = 0.5
_LEAST_SOH = 0.8
_LEAST_PART = 0.3  # of the capacity, for charges of cells
_RUNNING = 3  # charges
_SURELY = 0.9  # of the window, by what was counted

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
                return [*self._cell_resistance(change, cells.by_resistance(change.cell_steps))]
            case HealthKind.REST:
                drift, soc_pct = enumerate(change.drift_mv, 1), change.soc_pct
                return [*rows.of_cells(CELL_DRIFT, self._tags, change.time_ns, drift, soc_pct=soc_pct)]
            case HealthKind.DAY if change.day and change.time_ns != self.history.left_day_ns:
                day, capacity_ah = self._whole_day(change), self._capacity_ah()
                cycles = day.get("charge_out_ah", 0.0) / capacity_ah if capacity_ah else None
                known = {**day, "full_cycles": cycles}
                return [rows.point(BATTERY_USE, self._tags, change.time_ns, known)]
        return ()

    def wait(self, made: Iterable[Made]) -> None:
        """Remember rows and events that are not written yet; see `made_of`."""
        self.history.waiting += (
            [one.time_ns, one.measurement, dict(one.fields)]
            if isinstance(one, Point)
            else [one[1], one[0].code, one[0].text]
            for one in made
        )

    def made_of(self, waiting: Iterable[Sequence[Any]]) -> Iterator[Made]:
        """Yield the rows and events that wait so."""
        for time_ns, name, known in waiting:
            is_event = isinstance(known, str)
            yield (self._event(name, known), time_ns) if is_event else Point(name, self._tags, known, time_ns)

    def replace(self, other: "PackHealth", others: HealthChange, own: HealthChange | None) -> None:
        """Take the place of `other` in the day `others`. own: the newest day on which this one was here."""
        before, is_same = other._whole_day(others), own is not None and own.time_ns == others.time_ns
        counted = own.day if own and own.day and is_same else {}
        shared = {name: value - counted.get(name, 0.0) for name, value in before.items()}
        self.history.others_day = (others.time_ns, shared)
        self.history.left_day_ns = own.time_ns if own and not is_same else 0

    def _whole_day(self, change: HealthChange) -> dict[str, float]:
        """Return the use of a day, by those too that were here before on that day."""
        day_ns, others = self.history.others_day
        own = change.day or {}
        if change.time_ns != day_ns:
            return dict(own)
        return {name: own.get(name, 0.0) + others.get(name, 0.0) for name in {**others, **own}}

    def _estimate(self) -> Estimate | None:
        return estimate(self.history.used, self._settings, self.history.offset_a)

    def _capacity_ah(self) -> float:
        """Return the capacity as it is known best; 0: not at all."""
        found = self._estimate()
        return found.capacity_ah if found else self.rated_ah

    def _charge(self, change: HealthChange, counted: CountedCharge, *, swapped: bool) -> Iterator[Made]:
        known_ah = self._capacity_ah()
        charge = self._judged(counted, known_ah, swapped=swapped)
        is_full = charge.ended_full and charge.reason not in (SWAP, SOC)
        offset_a = self.history.measured_offset_a(counted, known_ah, is_full=is_full)
        found = None
        if charge.capacity_ah and charge.sd_ah:
            measured = (charge.capacity_ah, charge.sd_ah, counted.mean_current_a, charge.window_pct)
            self.history.use(Used(change.time_ns, *measured))
            found = self._estimate()
        by_resistance = cells.by_resistance(change.cell_steps)
        by_charge = self._by_charge(change, charge, known_ah, by_resistance)
        more = {**rows.estimated(found, self.rated_ah), "current_offset_a": offset_a}
        yield rows.battery_health(self._tags, change, charge, by_charge, by_resistance, more)
        yield from self._cell_resistance(change, by_resistance)
        ratios = ((one.number, one.ratio) for one in by_charge)
        yield from rows.of_cells(CELL_CHARGE, self._tags, change.time_ns, ratios)
        for event in self._events(by_charge, by_resistance, offset_a, found):
            yield event, counted.end_ns

    def _judged(self, counted: CountedCharge, known_ah: float, *, swapped: bool) -> Charge:
        charge = judged(counted, self._settings, known_ah=known_ah, swapped=swapped)
        if charge.reason in ("", WINDOW) and (charge.ended_full or self._settings.chemistry != LFP):
            coarse_ah = self.history.coarse_ah(counted.charge_ah, charge.window_pct)
            # Of many short charges errors make a few wide: these would all say too little.
            if 100.0 * counted.charge_ah < _SURELY * self._settings.min_window_pct * coarse_ah:
                return charge._replace(reason=WINDOW, capacity_ah=None, sd_ah=None)
        return charge

    def _by_charge(
        self, change: HealthChange, charge: Charge, known_ah: float, by_resistance: Sequence[Cell]
    ) -> Sequence[Cell]:
        """Return the charge of cells, if the pack's is wide enough for it, whatever its SOC says."""
        counted = charge.counted
        part = counted.charge_ah / known_ah if known_ah else charge.window_pct / 100.0
        if self._settings.chemistry == LFP or not part >= _LEAST_PART:
            return []
        return cells.by_charge(
            change.cell_charges,
            by_resistance,
            current_a=counted.highest_current_a,
            capacity_ah=charge.capacity_ah or known_ah or counted.charge_ah / part,
            from_soc_pct=counted.from_soc_pct,
        )

    def _cell_resistance(self, change: HealthChange, known: Iterable[Cell]) -> Iterator[Point]:
        values = ((one.number, one.mohm) for one in known)
        return rows.of_cells(CELL_RESISTANCE, self._tags, change.time_ns, values)

    def _events(
        self,
        by_charge: Sequence[Cell],
        by_resistance: Sequence[Cell],
        offset_a: float | None,
        found: Estimate | None,
    ) -> Iterator[Event]:
        history = self.history
        weak = [one for one in by_charge if one.ratio + 2.0 * one.sd < cells.WEAK]
        resistive = [one for one in by_resistance if one.ratio - 2.0 * one.sd > cells.RESISTIVE]
        history.weak_runs = cells.counted_on(history.weak_runs, by_charge, weak)
        history.resistive_runs = cells.counted_on(history.resistive_runs, by_resistance, resistive)
        for code, runs, shown, what in (
            ("weak_cell", history.weak_runs, weak, "charge"),
            ("resistance_high", history.resistive_runs, resistive, "resistance"),
        ):
            for cell in shown:
                if runs[cell.number] == _RUNNING:
                    words = f"{cell.ratio:.3f} of the median cell's {what} (sd {cell.sd:.3f})"
                    yield self._event(code, f"cell {cell.number} has {words}")
        if offset_a is not None and self._begins("current_offset", is_so=abs(offset_a) > _MOST_OFFSET_A):
            words = f"the current shows {offset_a:+.2f} A too much, from full to full"
            yield self._event("current_offset", words)
        low_ah = _LEAST_SOH * self.rated_ah
        if found and low_ah and self._begins("capacity_low", is_so=found.high_ah < low_ah):
            words = f"{found.capacity_ah:.1f} Ah, at most {found.high_ah:.1f} Ah of {self.rated_ah:g} Ah"
            yield self._event("capacity_low", words)

    def _begins(self, code: str, *, is_so: bool) -> bool:
        """Return whether it is so from now on, and was not."""
        was_so = code in self.history.told
        self.history.told = [each for each in self.history.told if each != code] + [code] * is_so
        return is_so and not was_so

    def _event(self, code: str, text: str) -> Event:
        return Event(code, EVENT_CODES[code].level, active=True, text=text, pack=self._settings.pack)
