"""What the gateway reports of itself while it runs, as a few lines for people. Pure.

Relies on the status as the service gives it: `accounts`, and in `live` the last values of each pack, charger
and source. What is not known yet is left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from telemetry.demo.gateway_config import JBD, PACK, SOURCE, VEDIRECT
from telemetry.demo.plug import CHARGER
from telemetry.ledger import total

Status = Mapping[str, Any]
Values = Mapping[str, Any]


def live_lines(status: Status, head: str, time_scale: float) -> list[str]:
    """head: what the first line begins with; time_scale: rates are per simulated second."""
    live = status.get("live", {})
    packs = {pack["pack"]: pack for pack in live.get("packs", ())}
    plug = next((each for each in live.get("chargers", ()) if each["charger"] == CHARGER), None)
    chargers = {charger["charger"]: charger["values"] for charger in live.get("chargers", ())}
    lines = ["  ".join((head, *_traffic(status, time_scale)))]
    if PACK in packs:
        lines.append(_line("battery", _battery(packs[PACK]["battery"])))
    if "main" in chargers:
        lines.append(_line("charger", _charger(chargers["main"])))
    if JBD.pack in packs:
        solar = chargers.get(VEDIRECT.charger, {})
        lines.append(_line("service", _service(packs[JBD.pack]["battery"], solar)))
    if plug is not None and plug.get("plug") is not None:
        lines.append(_line("DC plug", _plug({**plug["values"], **plug["plug"]["values"]})))
    return lines


def _traffic(status: Status, time_scale: float) -> Iterator[str]:
    accounts = status["accounts"]
    yield f"{accounts.get(f'bus/{SOURCE}/read', 0):,} frames"
    for source in status.get("live", {}).get("sources", ()):
        if source["source"] == SOURCE:
            yield f"{time_scale * source['frames_per_s']:,.0f}/s"
    stored, made = accounts.get("points/acknowledged", 0), total(accounts, "points/made/")
    yield f"{stored:,} points stored" if stored else f"{made:,} points made"


def _battery(values: Values) -> Iterator[str]:
    yield from _known(
        values, ("soc_pct", "{:6.2f} %"), ("voltage_v", "{:6.1f} V"), ("current_a", "{:+7.1f} A")
    )
    if "voltage_v" in values and "current_a" in values:
        yield f"{values['voltage_v'] * values['current_a'] / 1000.0:+6.1f} kW"
    if "cell_min_v" in values and "cell_max_v" in values:
        yield f"cells {values['cell_min_v']:.3f} to {values['cell_max_v']:.3f} V"


def _charger(values: Values) -> Iterator[str]:
    yield from _known(values, ("phase", "{:<16}"), ("current_a", "{:6.1f} A"))
    if "power_w" in values:
        yield f"{values['power_w'] / 1000.0:5.1f} kW"
    if "energy_wh" in values:
        yield f"{values['energy_wh'] / 1000.0:.2f} kWh"


def _service(values: Values, solar: Values) -> Iterator[str]:
    yield from _known(
        values, ("soc_pct", "{:3.0f} %   "), ("voltage_v", "{:6.2f} V"), ("current_a", "{:+7.2f} A")
    )
    yield from _known(solar, ("power_w", "sun {:4.0f} W"), ("phase", "{}"))


def _plug(values: Values) -> Iterator[str]:
    yield from _known(values, ("soc_pct", "{:6.2f} %"), ("phase", "{:<13}"))
    if values.get("phase") == "charging":  # afterwards both stay as they were reported last
        yield from _known(values, ("current_a", "{:6.1f} A"), ("remaining_min", "{:.0f} min left"))


def _known(values: Values, *wanted: tuple[str, str]) -> Iterator[str]:
    for name, form in wanted:
        if name in values:
            yield form.format(values[name])


def _line(name: str, parts: Iterator[str]) -> str:
    return f"  {name:<9}" + "  ".join(parts)
