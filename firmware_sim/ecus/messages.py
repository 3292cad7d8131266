"""The values in the messages of vehicle.dbc, of the BMS and of the charger."""

from collections.abc import Mapping

from firmware_sim.ecus.alarms import THRESHOLDS, AlarmLevel
from firmware_sim.ecus.bms import Bms, BmsState
from firmware_sim.ecus.charger import Charger
from firmware_sim.wire.broadcast import Values

_CELL_SIGNALS = tuple(f"Cell{number:02d}Voltage" for number in range(1, 97))
_MODULE_SIGNALS = tuple(f"Module{number:02d}Temperature" for number in range(1, 13))

_NOT_AVAILABLE_C = 87.75  # raw 511, as vehicle.dbc says
_SERIAL_NUMBER = 0x4E455601
_SOFTWARE_VERSION = 12


def bms_messages(bms: Bms) -> Mapping[str, Values]:
    """Return by message what gives its values, as they are when it is called."""
    return {
        "BMS_PackPower": lambda: {
            "State": bms.state,
            "PackVoltage": bms.pack.voltage_v,
            "PackCurrent": bms.gauge.current_a,
            "LinkVoltage": bms.link_voltage_v,
        },
        "BMS_PackState": lambda: {
            "MainContactorPlus": bms.contactors_closed,
            "MainContactorMinus": bms.contactors_closed or bms.state is BmsState.PRECHARGE,
            "PrechargeContactor": bms.state is BmsState.PRECHARGE,
            "Balancing": bool(bms.pack.balanced_cells),
            "StateOfCharge": bms.gauge.soc_pct,
            "RemainingCapacity": bms.pack.remaining_ah,
            "FullCapacity": bms.pack.capacity_ah,
        },
        "BMS_Limits": lambda: _limits(bms),
        "BMS_CellExtremes": lambda: {
            "CellVoltageMin": bms.cell_min_v,
            "CellVoltageMax": bms.cell_max_v,
            "CellIndexMin": bms.cell_voltages_v.index(bms.cell_min_v) + 1,
            "CellIndexMax": bms.cell_voltages_v.index(bms.cell_max_v) + 1,
        },
        "BMS_CellVoltages": lambda: dict(zip(_CELL_SIGNALS, bms.cell_voltages_v, strict=True)),
        "BMS_Temperatures": lambda: _temperatures(bms),
        "BMS_ModuleTemperatures": lambda: _module_temperatures(bms),
        "BMS_Alarms": lambda: _alarms(bms),
        "BMS_Health": lambda: {
            "StateOfHealth": 100.0 * bms.pack.soh,
            "ChargeCycles": bms.pack.cycles,
            "InsulationResistance": bms.insulation_kohm,
        },
        "BMS_Energy": lambda: {
            "EnergyCharged": bms.pack.energy_in_wh,
            "EnergyDischarged": bms.pack.energy_out_wh,
        },
        "BMS_Identity": lambda: {
            "SerialNumber": _SERIAL_NUMBER,
            "NominalCapacity": bms.pack.spec.cell_capacity_ah,
            "CellCount": bms.pack.spec.cells,
            "SoftwareVersion": _SOFTWARE_VERSION,
        },
        "BMS_ChargeRequest": lambda: _charge_request(bms),
    }


def _limits(bms: Bms) -> dict[str, float]:
    cells = bms.pack.spec.cells
    return {
        "ChargeEnabled": bms.charge_limit_a > 0.0,
        "DischargeEnabled": bms.discharge_limit_a > 0.0,
        "Charging": bms.charging,
        "Discharging": bms.discharging,
        "ChargeCurrentLimit": bms.charge_limit_a,
        "DischargeCurrentLimit": bms.discharge_limit_a,
        "PackVoltageUpperLimit": bms.pack.chemistry.full_v * cells,
        "PackVoltageLowerLimit": bms.pack.chemistry.empty_v * cells,
    }


def _temperatures(bms: Bms) -> dict[str, float]:
    readings = [reading for reading in bms.module_readings_c() if reading is not None]
    return {
        "CoolingOn": bms.pack.cooling_on,
        "TemperatureMin": bms.temp_min_c,
        "TemperatureMax": bms.temp_max_c,
        "TemperatureMean": sum(readings) / len(readings) if readings else 0.0,
        "CoolantTemperature": bms.pack.spec.coolant_c,
    }


def _module_temperatures(bms: Bms) -> dict[str, float]:
    readings = [_NOT_AVAILABLE_C if reading is None else reading for reading in bms.module_readings_c()]
    return dict(zip(_MODULE_SIGNALS, readings, strict=True))


def _alarms(bms: Bms) -> dict[str, float]:
    levels: dict[str, float] = {
        alarm.name: bms.levels.get(alarm.name, AlarmLevel.NONE) for alarm in THRESHOLDS
    }
    return levels | {
        "HighestLevel": max(levels.values()),
        "FaultLatched": bms.state is BmsState.FAULT,
        "LatchedFault": bms.latched_fault,
    }


def _charge_request(bms: Bms) -> dict[str, float]:
    request = bms.charge_request
    return {
        "ChargeRequested": request.enabled,
        "RequestedVoltage": request.voltage_v,
        "RequestedCurrent": request.current_a,
    }


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
