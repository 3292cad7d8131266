"""The values in the charger's messages of vehicle.dbc."""

from collections.abc import Mapping

from firmware_sim.ecus.charger import Charger
from firmware_sim.wire.broadcast import Values


def _output(charger: Charger) -> dict[str, float]:
    return {
        "Phase": charger.phase,
        "OutputVoltage": charger.voltage_v,
        "OutputCurrent": charger.current_a,
        "OutputPower": charger.power_w,
    }


def _limits(charger: Charger) -> dict[str, float]:
    return {
        "MaxVoltage": charger.spec.max_voltage_v,
        "MaxCurrent": charger.spec.max_current_a,
        "MaxPower": charger.max_power_w,
    }


def _state(charger: Charger) -> dict[str, float]:
    return {
        "Fault": charger.fault,
        "Temperature": charger.temperature_c,
        "EnergyDelivered": charger.energy_wh,
    }


def charger_messages(charger: Charger) -> Mapping[str, Values]:
    """Return by message what gives its values, as they are when it is called."""
    return {
        "CHG_Output": lambda: _output(charger),
        "CHG_Limits": lambda: _limits(charger),
        "CHG_State": lambda: _state(charger),
    }
