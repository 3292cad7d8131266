"""Why a charge ended, in words: of each signal with which charger or vehicle stops it or reports an error.

Names are as a session has them: the tracker has already given each the meaning of the session's edition
(`relay_fault` of 2015 is `other_fault` in 2011). A name that is not known here is shown with blanks.

Source: GB/T 27930-2011 and -2015, messages BST, CST, BEM and CEM.
"""

from collections.abc import Mapping

_REASONS: Mapping[str, str] = {
    "soc_reached": "the state of charge asked for is reached",
    "voltage_reached": "the pack's set voltage is reached",
    "cell_voltage_reached": "a cell's set voltage is reached",
    "condition_reached": "the charger's set condition is reached",
    "stopped_by_person": "a person stopped it",
    "charger_stopped": "the charger stopped",
    "vehicle_stopped": "the vehicle stopped",
    "insulation_fault": "an insulation fault",
    "connector_overtemperature": "the connector is too hot",
    "component_overtemperature": "a component of the vehicle is too hot",
    "connector_fault": "the connector is at fault",
    "battery_overtemperature": "the battery is too hot",
    "relay_fault": "a high-voltage relay is at fault",
    "cc2_fault": "the voltage at detection point 2 (CC2) is wrong",
    "other_fault": "another fault",
    "current_too_high": "the current is higher than asked for",
    "current_mismatch": "the current does not match",
    "voltage_abnormal": "the voltage is abnormal",
    "parameter_mismatch": "the parameters of charger and battery do not match",
    "fault": "a fault",
    "charger_overtemperature": "the charger is too hot",
    "internal_overtemperature": "the inside of the charger is too hot",
    "energy_not_deliverable": "the energy asked for cannot be delivered",
    "emergency_stop": "the emergency stop",
    "self_check_fault": "the charger's self-check failed",
    "precharge_fault": "pre-charging failed",
    "unexplained": "no reason given",
}
_MESSAGES: Mapping[str, str] = {"crm_00": "CRM (00)", "crm_aa": "CRM (AA)", "cts_cml": "CTS and CML"}
_TIMEOUT = "_timeout"


def reason_words(name: str) -> str:
    """Return the words for one name."""
    if name.endswith(_TIMEOUT):
        message = name.removesuffix(_TIMEOUT)
        return f"{_MESSAGES.get(message, message.upper())} not heard in time"
    return _REASONS.get(name, name.replace("_", " "))


def reasons(names: str) -> list[str]:
    """Return the words for names with commas between them."""
    return [reason_words(name) for name in names.split(",") if name]
