"""Who charges: the vehicle's number, shown as configured, and the identity of its pack.

Promises:
- A VIN leaves the service as a digest that only this installation can make, unless configured otherwise. To
  tell vehicles apart the digest is kept where none is shown, too.
- A vehicle has MOST_PACKS packs at most. A tag value more would be a series more, for ever.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from telemetry.charging.installation import VinKey

MOST_PACKS = 64
_DIGITS = 12
_MARGIN = 1.25  # of an old pack, which holds less
_MOST_AN_HOUR = 10.0
_SOC_STEP_PCT = 2.0
_NOTHING = (0, 0xFFFFFFFF)


def shown_vin(vin: str, form: str, key: VinKey) -> str | None:
    """Return `vin` as `form` (digest, plain, off) has it; None: it is not shown."""
    if not vin or form == "off":
        return None
    if form == "plain":
        return vin
    return hmac.new(key(), vin.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:_DIGITS]


def pack_identity(maker: str, serial: int | None) -> str | None:
    """Return the pack's own name, of maker and serial number; None: nothing sets it apart."""
    if serial is None or serial in _NOTHING:
        return None
    letters = "".join(letter for letter in maker if letter.isalnum())
    return f"{letters}-{serial:08X}" if letters else f"{serial:08X}"


class PackRegister:
    """The packs of one vehicle."""

    def __init__(self) -> None:
        self._known: dict[str, None] = {}  # in the order in which they came
        self.refused = 0

    def update(self, other: "PackRegister") -> None:
        """Know the packs that `other` knows, too."""
        self._known |= other._known

    def name(self, identity: str | None, configured: str) -> str:
        """Return the tag for a pack: `configured` where it has no identity, or there are too many."""
        if identity is None:
            return configured
        if identity not in self._known and len(self._known) >= MOST_PACKS:
            self.refused += 1
            return configured
        self._known[identity] = None
        return identity


def most_soc_pct_s(facts: Mapping[str, Any]) -> float:
    """Return how fast the state of charge can rise, by what the pack holds and what the charger can give.

    No less than an hour for all of it, no more than six minutes: either may be sent wrong.
    """
    rated_ah, current_a = facts.get("rated_ah"), facts.get("max_current_a")
    full_charges_an_hour = _MARGIN * current_a / rated_ah if rated_ah and current_a else _MOST_AN_HOUR
    return min(max(full_charges_an_hour, 1.0), _MOST_AN_HOUR) * 100 / 3600


def is_reachable(last_pct: float, soc_pct: float, rise_s: float, facts: Mapping[str, Any]) -> bool:
    """Return whether one battery can have both states of charge, the second so long after the first.

    It rises no faster than the charger lets it. Either may be rounded, and of another message.
    """
    return last_pct - _SOC_STEP_PCT <= soc_pct <= last_pct + _SOC_STEP_PCT + most_soc_pct_s(facts) * rise_s


def is_same(
    one: tuple[str | None, Mapping[str, Any]], other: tuple[str | None, Mapping[str, Any]]
) -> bool | None:
    """Return whether two vehicles are the same, each by its number and by what BRM says; None: nothing tells.

    Where not both have a number, or a pack with one, what else they say sets them apart.
    """
    named = [
        (vin, pack_identity(said.get("maker") or "", said.get("pack_serial"))) for vin, said in (one, other)
    ]
    both = [pair for pair in zip(*named, strict=True) if all(pair)]
    if both:
        return all(first == second for first, second in both)
    said = [(one[1].get(name), other[1].get(name)) for name in ("maker", "rated_ah", "battery_type")]
    is_other = any(first != second for first, second in said if first is not None and second is not None)
    return False if is_other else None


def is_swapped(last: Mapping[str, str | None], vin: str | None, pack: str | None) -> bool:
    """Return whether another pack is in the vehicle that was seen last."""
    return bool(pack and last.get("pack") and last["pack"] != pack and last.get("vin") == vin)
