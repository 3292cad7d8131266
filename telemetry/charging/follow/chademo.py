"""CHAdeMO: who says what by which bits. Both ends send all of their messages all the time.

Sources: public notes on IEEE 2030.1.1-2021, and open implementations of both ends; bits agree in two or more.
`stopped` of the charger is also set until charging begins, in some frames together with `charging`. So
charging has begun when `stopped` is no longer set. A start fails where the charger then reports a
malfunction, or where the vehicle no longer enables charging and says why. `stop_before_charging` is a
reason before charging alone. A session begins with the vehicle: any vehicle's own bus may use the charger's
ids. Nothing announces the next session: it begins where a contactor that had opened after a stop is closed
again, or where a charger charges after a start that failed.
"""

from telemetry_core.charge.follow_spec import FollowedPhase, FollowSpec, Reporting, Side, Sign, SignKind

_VEHICLE, _CHARGER = Side.VEHICLE, Side.CHARGER
_HANDSHAKE = FollowedPhase.HANDSHAKE
_CONFIGURATION = FollowedPhase.CONFIGURATION
_CHARGING = FollowedPhase.CHARGING
_STOPPING = FollowedPhase.STOPPING
_ENDED = FollowedPhase.ENDED
_FAULTS = (
    "fault_overvoltage",
    "fault_undervoltage",
    "fault_current_deviation",
    "fault_overtemperature",
    "fault_voltage_deviation",
)
_REFUSALS = (*_FAULTS, "not_in_park", "system_fault", "stop_before_charging")
_CHARGER_STATES = ("charger_malfunction", "battery_incompatible", "system_malfunction")

CHADEMO = FollowSpec(
    "chademo",
    signs=(
        Sign("100", "CHA100", _VEHICLE, _HANDSHAKE, to_phase=_HANDSHAKE),
        Sign("101", "CHA101", _VEHICLE, _HANDSHAKE, to_phase=_HANDSHAKE),
        Sign(
            "102 closes again",
            "CHA102",
            _VEHICLE,
            kind=SignKind.BEGIN,
            when=("charging_enabled", 1),
            zeros=("contactor_open",),
            from_phase=_ENDED,
        ),
        Sign("102", "CHA102", _VEHICLE, _HANDSHAKE, to_phase=_HANDSHAKE),
        Sign("108", "CHA108", _CHARGER, _HANDSHAKE, from_phase=_HANDSHAKE, to_phase=_HANDSHAKE),
        Sign(
            "109 charges after all",
            "CHA109",
            _CHARGER,
            kind=SignKind.BEGIN,
            when=("charging", 1),
            zeros=("stopped",),
            from_phase=_STOPPING,
            unless="109 charging",
        ),
        Sign("109", "CHA109", _CHARGER, _HANDSHAKE, from_phase=_HANDSHAKE, to_phase=_HANDSHAKE),
        Sign(
            "102 enabled",
            "CHA102",
            _VEHICLE,
            _CONFIGURATION,
            when=("charging_enabled", 1),
            to_phase=_CONFIGURATION,
        ),
        Sign(
            "109 charging",
            "CHA109",
            _CHARGER,
            _CHARGING,
            when=("charging", 1),
            zeros=("stopped",),
            from_phase=_HANDSHAKE,
            to_phase=_CHARGING,
        ),
        *(
            Sign(
                f"109 fails to start: {state}",
                "CHA109",
                _CHARGER,
                _STOPPING,
                SignKind.STOP,
                when=(state, 1),
                reasons=_CHARGER_STATES,
                from_phase=_CONFIGURATION,
                to_phase=_CONFIGURATION,
            )
            for state in _CHARGER_STATES
        ),
        *(
            Sign(
                f"102 gives up: {reason}",
                "CHA102",
                _VEHICLE,
                _STOPPING,
                SignKind.STOP,
                when=(reason, 1),
                zeros=("charging_enabled",),
                reasons=_REFUSALS,
                from_phase=_CONFIGURATION,
                to_phase=_CONFIGURATION,
            )
            for reason in _REFUSALS
        ),
        Sign(
            "102 stops",
            "CHA102",
            _VEHICLE,
            _STOPPING,
            SignKind.STOP,
            when=("charging_enabled", 0),
            reasons=(*_FAULTS, "not_in_park", "system_fault"),
            from_phase=_CHARGING,
        ),
        Sign(
            "109 stops",
            "CHA109",
            _CHARGER,
            _STOPPING,
            SignKind.STOP,
            when=("stopped", 1),
            reasons=_CHARGER_STATES,
            from_phase=_CHARGING,
        ),
        Sign(
            "102 opened",
            "CHA102",
            _VEHICLE,
            _ENDED,
            when=("contactor_open", 1),
            from_phase=_STOPPING,
            after="109 charging",
        ),
    ),
    reported={"CHA108": Reporting.CHANGES},
)
