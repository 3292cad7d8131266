"""The codes of events: one closed vocabulary, whose numbers and names are kept for ever."""

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How much an event matters."""

    INFORMATION = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True)
class EventCode:
    """One word of the closed vocabulary. `decode --format csv` prints its `number`."""

    number: int
    name: str
    level: Level
    meaning: str
    ends: bool = False  # by another event of the same code; alarms do too, all others happen in a moment

    @property
    def is_alarm(self) -> bool:
        """Return whether a `[[map]]` or a limit may report it, of a battery or charger."""
        return self.number in ALARM_NUMBERS


# Below these numbers are the gateway's events and its sources', among them those that a `[[map]]` or a limit
# may report of batteries and chargers, above them those of charging sessions and of battery health.
ALARM_NUMBERS = range(100, 200)
INFORMATION, WARNING, CRITICAL = Level
ENDS = True
_EVENT_TABLE = (
    EventCode(1, "service_start", INFORMATION, "the service has started"),
    EventCode(2, "service_stop", INFORMATION, "the service stops on request"),
    EventCode(
        3, "unclean_stop", WARNING, "the last run was cut off; the text says what was saved and what is lost"
    ),
    EventCode(4, "config_reloaded", INFORMATION, "a changed configuration has taken effect"),
    EventCode(5, "config_refused", WARNING, "a changed configuration is wrong: the old one goes on"),
    EventCode(6, "resolution_changed", INFORMATION, "bounds have another factor; the text says which"),
    EventCode(10, "source_lost", WARNING, "a bus or port is gone or silent", ENDS),
    EventCode(11, "source_back", INFORMATION, "a bus or port that was lost is back"),
    EventCode(12, "source_end", INFORMATION, "a log has been read to its end"),
    EventCode(13, "frames_dropped", WARNING, "the kernel or a queue dropped frames"),
    EventCode(14, "log_damaged", WARNING, "a log holds damaged places; they were skipped"),
    EventCode(
        15, "values_unknown", WARNING, "a device has sent nothing for 10 s: its values are unknown", ENDS
    ),
    EventCode(16, "device_offline", WARNING, "a device has sent nothing for 60 s", ENDS),
    EventCode(
        17,
        "page_missing",
        WARNING,
        "cells have not come for ten cycles and 10 s: the others are read without them",
        ENDS,
    ),
    EventCode(
        18,
        "second_sender",
        WARNING,
        "a message comes from a second J1939 sender or module, which fills no field",
    ),
    EventCode(
        19, "sender_changed", INFORMATION, "a J1939 message comes from another sender, in place of the last"
    ),
    EventCode(20, "bus_off", CRITICAL, "the CAN controller has left the bus after too many errors", ENDS),
    EventCode(21, "bus_restarted", INFORMATION, "the CAN controller is on the bus again"),
    EventCode(22, "error_warning", WARNING, "an error counter of the CAN controller is over 96", ENDS),
    EventCode(23, "error_passive", WARNING, "an error counter of the CAN controller is over 127", ENDS),
    EventCode(24, "error_active", INFORMATION, "the CAN controller's error counters are low again"),
    EventCode(25, "controller_overflow", WARNING, "a buffer of the CAN controller has overflowed"),
    EventCode(26, "bus_error", WARNING, "the CAN controller reports errors on the wire"),
    EventCode(27, "no_acknowledge", WARNING, "no other node has acknowledged a frame"),
    EventCode(28, "transceiver_fault", CRITICAL, "the CAN transceiver reports a fault of the wiring"),
    EventCode(
        29,
        "device_changed",
        WARNING,
        "another device answers at a port: its values are dropped until the one before is back",
    ),
    EventCode(30, "clock_unknown", WARNING, "the time is not known yet: batches wait to be stamped", ENDS),
    EventCode(31, "clock_step", WARNING, "the wall clock has jumped"),
    EventCode(40, "spool_volatile", CRITICAL, "the disk refuses: live data flows from memory alone", ENDS),
    EventCode(41, "spool_evicting", CRITICAL, "the spool is at its cap: the oldest data is evicted", ENDS),
    EventCode(42, "spool_damaged", CRITICAL, "damaged bytes were found in the spool", ENDS),
    EventCode(50, "sink_hold", CRITICAL, "the server refuses everything: batches are held", ENDS),
    EventCode(51, "sink_unreachable", WARNING, "the server cannot be reached or does not answer", ENDS),
    EventCode(52, "sink_refused", WARNING, "the server refused points: they are dead letters"),
    EventCode(60, "trigger", INFORMATION, "a `[[trigger]]` of a signal or field; the text says which"),
    EventCode(61, "capture_dropped", WARNING, "the black box has dropped a frozen capture: too many"),
    EventCode(100, "cell_overvoltage", CRITICAL, "a cell's voltage is too high"),
    EventCode(101, "cell_undervoltage", CRITICAL, "a cell's voltage is too low"),
    EventCode(102, "pack_overvoltage", CRITICAL, "the pack's voltage is too high"),
    EventCode(103, "pack_undervoltage", CRITICAL, "the pack's voltage is too low"),
    EventCode(104, "charge_overtemperature", CRITICAL, "the battery is too hot to be charged"),
    EventCode(105, "charge_undertemperature", WARNING, "the battery is too cold to be charged"),
    EventCode(106, "discharge_overtemperature", CRITICAL, "the battery is too hot to be discharged"),
    EventCode(107, "discharge_undertemperature", WARNING, "the battery is too cold to be discharged"),
    EventCode(108, "charge_overcurrent", CRITICAL, "the current into the battery is too high"),
    EventCode(109, "discharge_overcurrent", CRITICAL, "the current out of the battery is too high"),
    EventCode(110, "short_circuit", CRITICAL, "the pack's output is shorted"),
    EventCode(111, "bms_fault", CRITICAL, "the BMS itself is at fault"),
    EventCode(112, "switch_locked", WARNING, "a switch of the BMS is locked by command"),
    EventCode(113, "charge_timeout", WARNING, "charging, or a phase of it, took too long"),
    EventCode(114, "cell_imbalance", WARNING, "the cells' voltages lie too far apart"),
    EventCode(115, "sensor_fault", WARNING, "a sensor is missing or reports impossible values"),
    EventCode(116, "soc_low", WARNING, "the state of charge is low"),
    EventCode(117, "insulation_low", CRITICAL, "the insulation to the chassis is too low"),
    EventCode(118, "communication_lost", WARNING, "a device says that it does not hear another one"),
    EventCode(119, "overtemperature", CRITICAL, "something is too hot; the text says what"),
    EventCode(120, "undertemperature", WARNING, "something is too cold; the text says what"),
    EventCode(121, "charger_fault", CRITICAL, "the charger is at fault"),
    EventCode(122, "balancing_fault", WARNING, "balancing does not work"),
    EventCode(123, "soc_high", WARNING, "the state of charge is high"),
    EventCode(124, "input_fault", WARNING, "the charger's supply is missing, too high or too low"),
    EventCode(125, "overload", WARNING, "more power is drawn than the device can give"),
    EventCode(190, "limit", WARNING, "a limit of the configuration without a code of its own is crossed"),
    EventCode(200, "charging_started", INFORMATION, "a charging session has begun"),
    EventCode(201, "charging_stopped", INFORMATION, "vehicle or charger stopped charging; the text says why"),
    EventCode(
        202, "charging_error", WARNING, "vehicle or charger reports that it did not hear the other one"
    ),
    EventCode(203, "charging_reconnect", INFORMATION, "the same session begins again after an error"),
    EventCode(204, "charging_cut", WARNING, "a charging session ended without a stop or an error"),
    EventCode(205, "charging_silence", WARNING, "a message that is due in this phase has not been heard"),
    EventCode(206, "charging_paused", INFORMATION, "vehicle or charger pauses charging"),
    EventCode(
        207,
        "charging_current_doubtful",
        WARNING,
        "charger and vehicle agreed on something that may change what currents mean",
    ),
    EventCode(
        208,
        "charging_protocol_unknown",
        WARNING,
        "charger and vehicle negotiate a protocol that is not decoded",
    ),
    EventCode(
        209, "measurements_disagree", WARNING, "vehicle, charger and meter measure different values", ENDS
    ),
    EventCode(210, "request_not_met", WARNING, "the charger gives less current than is asked for", ENDS),
    EventCode(
        211, "request_exceeded", WARNING, "the charger gives more voltage or current than is asked for", ENDS
    ),
    EventCode(
        212, "pack_swapped", INFORMATION, "another battery pack is in the vehicle; the text says which"
    ),
    EventCode(220, "weak_cell", WARNING, "a cell takes less charge than the others, three charges running"),
    EventCode(
        221, "resistance_high", WARNING, "a cell has more resistance than the others, three charges running"
    ),
    EventCode(222, "current_offset", WARNING, "the current is off by more than 0.5 A from full to full"),
    EventCode(223, "capacity_low", WARNING, "the pack's capacity is surely under 80 % of its rated one"),
)
EVENT_CODES = {code.name: code for code in _EVENT_TABLE}
