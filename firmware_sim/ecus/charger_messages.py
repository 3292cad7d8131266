"""The values in the charger's messages of vehicle.dbc."""

from collections.abc import Mapping

from firmware_sim.ecus.charger import Charger
from firmware_sim.wire.broadcast import Values


def charger_messages(charger: Charger) -> Mapping[str, Values]:
    """Return by message what gives its values, as they are when it is called."""
    return {
        "CHG_Output": lambda: {
            "Phase": charger.phase,
            "OutputVoltage": charger.voltage_v,
            "OutputCurrent": charger.current_a,
            "OutputPower": charger.power_w,
        },
        "CHG_Limits": lambda: {
            "MaxVoltage": charger.spec.max_voltage_v,
            "MaxCurrent": charger.spec.max_current_a,
            "MaxPower": charger.max_power_w,
        },
        "CHG_State": lambda: {
            "Fault": charger.fault,
            "Temperature": charger.temperature_c,
            "EnergyDelivered": charger.energy_wh,
        },
    }
