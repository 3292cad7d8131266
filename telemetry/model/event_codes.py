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


# Below these numbers are the gateway's events and its sources', among them those that a `[[map]]` or a limit
# may report of batteries and chargers, above them those of charging sessions.
ALARM_NUMBERS = range(100, 200)
FIRST_OF_CHARGING = ALARM_NUMBERS.stop
_EVENT_TABLE = (
    EventCode(1, "service_start", Level.INFORMATION, "the service has started"),
    EventCode(2, "service_stop", Level.INFORMATION, "the service stops on request"),
    EventCode(
        3,
        "unclean_stop",
        Level.WARNING,
        "the last run was cut off; the text says what was saved and what is lost",
    ),
    EventCode(4, "config_reloaded", Level.INFORMATION, "a changed configuration has taken effect"),
    EventCode(5, "config_refused", Level.WARNING, "a changed configuration is wrong: the old one goes on"),
    EventCode(10, "source_lost", Level.WARNING, "a bus or port is gone or silent"),
    EventCode(11, "source_back", Level.INFORMATION, "a bus or port that was lost is back"),
    EventCode(12, "source_end", Level.INFORMATION, "a log has been read to its end"),
    EventCode(13, "frames_dropped", Level.WARNING, "the kernel or a queue dropped frames"),
    EventCode(14, "log_damaged", Level.WARNING, "a log holds damaged places; they were skipped"),
    EventCode(
        15, "values_unknown", Level.WARNING, "a device has sent nothing for 10 s: its values are unknown"
    ),
    EventCode(16, "device_offline", Level.WARNING, "a device has sent nothing for 60 s"),
    EventCode(
        17,
        "page_missing",
        Level.WARNING,
        "cells have not come for ten cycles and 10 s: the others are read without them",
    ),
    EventCode(
        18,
        "second_sender",
        Level.WARNING,
        "a message comes from a second J1939 sender or module, which fills no field",
    ),
    EventCode(
        19,
        "sender_changed",
        Level.INFORMATION,
        "a J1939 message comes from another sender, in place of the last",
    ),
    EventCode(20, "bus_off", Level.CRITICAL, "the CAN controller has left the bus after too many errors"),
    EventCode(21, "bus_restarted", Level.INFORMATION, "the CAN controller is on the bus again"),
    EventCode(22, "error_warning", Level.WARNING, "an error counter of the CAN controller is over 96"),
    EventCode(23, "error_passive", Level.WARNING, "an error counter of the CAN controller is over 127"),
    EventCode(24, "error_active", Level.INFORMATION, "the CAN controller's error counters are low again"),
    EventCode(25, "controller_overflow", Level.WARNING, "a buffer of the CAN controller has overflowed"),
    EventCode(26, "bus_error", Level.WARNING, "the CAN controller reports errors on the wire"),
    EventCode(27, "no_acknowledge", Level.WARNING, "no other node has acknowledged a frame"),
    EventCode(28, "transceiver_fault", Level.CRITICAL, "the CAN transceiver reports a fault of the wiring"),
    EventCode(
        29,
        "device_changed",
        Level.WARNING,
        "another device answers at a port: its values are dropped until the one before is back",
    ),
    EventCode(30, "clock_unknown", Level.WARNING, "the time is not known yet: batches wait to be stamped"),
    EventCode(31, "clock_step", Level.WARNING, "the wall clock has jumped"),
    EventCode(40, "spool_volatile", Level.CRITICAL, "the disk refuses: live data flows from memory alone"),
    EventCode(41, "spool_evicting", Level.CRITICAL, "the spool is at its cap: the oldest data is evicted"),
    EventCode(42, "spool_damaged", Level.CRITICAL, "damaged bytes were found in the spool"),
    EventCode(50, "sink_hold", Level.CRITICAL, "the server refuses everything: batches are held"),
    EventCode(51, "sink_unreachable", Level.WARNING, "the server cannot be reached or does not answer"),
    EventCode(52, "sink_refused", Level.WARNING, "the server refused points: they are dead letters"),
    EventCode(100, "cell_overvoltage", Level.CRITICAL, "a cell's voltage is too high"),
    EventCode(101, "cell_undervoltage", Level.CRITICAL, "a cell's voltage is too low"),
    EventCode(102, "pack_overvoltage", Level.CRITICAL, "the pack's voltage is too high"),
    EventCode(103, "pack_undervoltage", Level.CRITICAL, "the pack's voltage is too low"),
    EventCode(104, "charge_overtemperature", Level.CRITICAL, "the battery is too hot to be charged"),
    EventCode(105, "charge_undertemperature", Level.WARNING, "the battery is too cold to be charged"),
    EventCode(106, "discharge_overtemperature", Level.CRITICAL, "the battery is too hot to be discharged"),
    EventCode(107, "discharge_undertemperature", Level.WARNING, "the battery is too cold to be discharged"),
    EventCode(108, "charge_overcurrent", Level.CRITICAL, "the current into the battery is too high"),
    EventCode(109, "discharge_overcurrent", Level.CRITICAL, "the current out of the battery is too high"),
    EventCode(110, "short_circuit", Level.CRITICAL, "the pack's output is shorted"),
    EventCode(111, "bms_fault", Level.CRITICAL, "the BMS itself is at fault"),
    EventCode(112, "switch_locked", Level.WARNING, "a switch of the BMS is locked by command"),
    EventCode(113, "charge_timeout", Level.WARNING, "charging, or a phase of it, took too long"),
    EventCode(114, "cell_imbalance", Level.WARNING, "the cells' voltages lie too far apart"),
    EventCode(115, "sensor_fault", Level.WARNING, "a sensor is missing or reports impossible values"),
    EventCode(116, "soc_low", Level.WARNING, "the state of charge is low"),
    EventCode(117, "insulation_low", Level.CRITICAL, "the insulation to the chassis is too low"),
    EventCode(118, "communication_lost", Level.WARNING, "a device says that it does not hear another one"),
    EventCode(119, "overtemperature", Level.CRITICAL, "something is too hot; the text says what"),
    EventCode(120, "undertemperature", Level.WARNING, "something is too cold; the text says what"),
    EventCode(121, "charger_fault", Level.CRITICAL, "the charger is at fault"),
    EventCode(122, "balancing_fault", Level.WARNING, "balancing does not work"),
    EventCode(123, "soc_high", Level.WARNING, "the state of charge is high"),
    EventCode(124, "input_fault", Level.WARNING, "the charger's supply is missing, too high or too low"),
    EventCode(125, "overload", Level.WARNING, "more power is drawn than the device can give"),
    EventCode(
        190, "limit", Level.WARNING, "a limit of the configuration without a code of its own is crossed"
    ),
    EventCode(200, "charging_started", Level.INFORMATION, "a charging session has begun"),
    EventCode(
        201, "charging_stopped", Level.INFORMATION, "vehicle or charger stopped charging; the text says why"
    ),
    EventCode(
        202, "charging_error", Level.WARNING, "vehicle or charger reports that it did not hear the other one"
    ),
    EventCode(203, "charging_reconnect", Level.INFORMATION, "the same session begins again after an error"),
    EventCode(204, "charging_cut", Level.WARNING, "a charging session ended without a stop or an error"),
    EventCode(
        205, "charging_silence", Level.WARNING, "a message that is due in this phase has not been heard"
    ),
    EventCode(206, "charging_paused", Level.INFORMATION, "vehicle or charger pauses charging"),
    EventCode(
        207,
        "charging_current_doubtful",
        Level.WARNING,
        "charger and vehicle agreed on something that may change what currents mean",
    ),
    EventCode(
        208,
        "charging_protocol_unknown",
        Level.WARNING,
        "charger and vehicle negotiate a protocol that is not decoded",
    ),
    EventCode(
        209, "measurements_disagree", Level.WARNING, "vehicle, charger and meter measure different values"
    ),
    EventCode(210, "request_not_met", Level.WARNING, "the charger gives less current than is asked for"),
    EventCode(
        211, "request_exceeded", Level.WARNING, "the charger gives more voltage or current than is asked for"
    ),
    EventCode(
        212, "pack_swapped", Level.INFORMATION, "another battery pack is in the vehicle; the text says which"
    ),
)
EVENT_CODES = {code.name: code for code in _EVENT_TABLE}
