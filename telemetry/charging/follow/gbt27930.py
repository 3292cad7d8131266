"""GB/T 27930: who sends what in which phase, and what is due when.

Sources: GB/T 27930-2011 (timeouts, bits), public transcripts of the edition of 2015, and captures. A listener
judges sessions of 2011 by 1 s, too, since jitter alone exceeds their limit of 100 ms. A CCS of 2011 that is
filled with zeros reads as a pause, so only a session that shows a later edition has pauses.
"""

from telemetry_core.charge.follow_spec import (
    Deadline,
    FollowedPhase,
    FollowSpec,
    Reporting,
    Side,
    Sign,
    SignKind,
)

from telemetry.protocols.can import gbt27930 as protocol

_VEHICLE, _CHARGER = Side.VEHICLE, Side.CHARGER
_HANDSHAKE = FollowedPhase.HANDSHAKE
_RECOGNITION = FollowedPhase.RECOGNITION
_CONFIGURATION = FollowedPhase.CONFIGURATION
_CHARGING = FollowedPhase.CHARGING
_STOPPING = FollowedPhase.STOPPING
_ENDED = FollowedPhase.ENDED
_READY = 0xAA
_PAUSE, _RESUME, _OLD, _NEW = SignKind.PAUSE, SignKind.RESUME, SignKind.OLD, SignKind.NEW
_NAMES = {message.code: [signal.name for signal in message.signals] for message in protocol.GBT27930.messages}
_BSM_STATES = tuple(name for name in _NAMES["BSM"] if name.endswith("_state"))


GBT27930 = FollowSpec(
    "gbt27930",
    signs=(
        Sign("CHM", "CHM", _CHARGER, _HANDSHAKE, SignKind.BEGIN),
        Sign("CHM of 2015", "CHM", _CHARGER, kind=_NEW),
        Sign("BHM", "BHM", _VEHICLE, _HANDSHAKE),
        Sign("CRM", "CRM", _CHARGER, _RECOGNITION, SignKind.AGAIN, when=("recognition", 0)),
        Sign("CRM(AA)", "CRM", _CHARGER, _RECOGNITION, when=("recognition", _READY)),
        Sign("BRM", "BRM", _VEHICLE, _RECOGNITION),
        Sign("BRM of 2011", "BRM", _VEHICLE, kind=_OLD, when=("version_minor", 0)),
        Sign("BRM of 2015", "BRM", _VEHICLE, kind=_NEW, when=("version_minor", 1)),
        Sign("BCP", "BCP", _VEHICLE, _CONFIGURATION),
        Sign("CTS", "CTS", _CHARGER, _CONFIGURATION),
        Sign("CML", "CML", _CHARGER, _CONFIGURATION),
        Sign("CML of 2011", "CML", _CHARGER, kind=_OLD, lacks="min_current_a", unless="CHM"),
        Sign("CML of 2011, padded", "CML", _CHARGER, kind=_OLD, when=("min_current_a", 0), unless="CHM"),
        Sign("CML of 2015", "CML", _CHARGER, kind=_NEW),
        Sign("BRO", "BRO", _VEHICLE, _CONFIGURATION),
        Sign("BRO(AA)", "BRO", _VEHICLE, _CONFIGURATION, when=("ready", _READY)),
        Sign("CRO", "CRO", _CHARGER, _CONFIGURATION),
        Sign("CRO(AA)", "CRO", _CHARGER, _CONFIGURATION, when=("ready", _READY)),
        Sign("BCL", "BCL", _VEHICLE, _CHARGING),
        Sign("BCS", "BCS", _VEHICLE, _CHARGING),
        Sign("CCS", "CCS", _CHARGER, _CHARGING),
        Sign("CCS paused", "CCS", _CHARGER, kind=_PAUSE, when=("permitted", 0)),
        Sign("CCS permitted", "CCS", _CHARGER, kind=_RESUME, when=("permitted", 1)),
        Sign("CCS of 2015", "CCS", _CHARGER, kind=_NEW, when=("permitted", 1)),
        Sign("CCS of 2011", "CCS", _CHARGER, kind=_OLD, lacks="permitted", unless="CHM"),
        Sign("BSM", "BSM", _VEHICLE, _CHARGING),
        Sign("BSM paused", "BSM", _VEHICLE, kind=_PAUSE, when=("permitted", 0), zeros=_BSM_STATES),
        Sign("BSM permitted", "BSM", _VEHICLE, kind=_RESUME, when=("permitted", 1)),
        Sign("BMV", "BMV", _VEHICLE, _CHARGING),
        Sign("BMT", "BMT", _VEHICLE, _CHARGING),
        Sign("BSP", "BSP", _VEHICLE, _CHARGING),
        Sign("BST", "BST", _VEHICLE, _STOPPING, SignKind.STOP, reasons=tuple(_NAMES["BST"])),
        Sign("CST", "CST", _CHARGER, _STOPPING, SignKind.STOP, reasons=tuple(_NAMES["CST"])),
        Sign("BSD", "BSD", _VEHICLE, _ENDED),
        Sign("CSD", "CSD", _CHARGER, _ENDED),
        Sign("BEM", "BEM", _VEHICLE, kind=SignKind.ERROR, reasons=tuple(_NAMES["BEM"])),
        Sign("CEM", "CEM", _CHARGER, kind=SignKind.ERROR, reasons=tuple(_NAMES["CEM"])),
        Sign("CFC", "CFC", _CHARGER, kind=SignKind.DOUBT, is_optional=True),
        Sign("BFC", "BFC", _VEHICLE, kind=SignKind.DOUBT, is_optional=True),
        Sign("VNC", "VNC", _CHARGER, kind=SignKind.UNKNOWN, is_optional=True),
        Sign("VNB", "VNB", _VEHICLE, kind=SignKind.UNKNOWN, is_optional=True),
    ),
    deadlines=(
        Deadline("BHM", 10, _HANDSHAKE, _HANDSHAKE, since="CHM"),
        Deadline("CRM", 30, _HANDSHAKE, _HANDSHAKE, since="CHM"),
        Deadline("BRM", 5, _RECOGNITION, _RECOGNITION, since="CRM"),
        Deadline("CRM(AA)", 5, _RECOGNITION, _RECOGNITION, since="BRM"),
        Deadline("BCP", 5, _RECOGNITION, _RECOGNITION, since="CRM(AA)"),
        Deadline("CML", 5, _CONFIGURATION, _CONFIGURATION, since="BCP"),
        Deadline("BRO", 5, _CONFIGURATION, _CONFIGURATION, since="CML"),
        Deadline("BRO(AA)", 60, _CONFIGURATION, _CONFIGURATION, since="BRO"),
        Deadline("CRO", 5, _CONFIGURATION, _CONFIGURATION, since="BRO(AA)"),
        Deadline("CRO(AA)", 60, _CONFIGURATION, _CONFIGURATION, since="CRO"),
        Deadline("BCL", 1, _CHARGING, _CHARGING, is_periodic=True),
        Deadline("CCS", 1, _CHARGING, _CHARGING, is_periodic=True),
        Deadline("BCS", 5, _CHARGING, _CHARGING, is_periodic=True),
        Deadline("BSM", 5, _CHARGING, _CHARGING, is_periodic=True, once_heard=True),
        Deadline("CST", 5, _STOPPING, _STOPPING, since="BST"),
        Deadline("BST", 5, _STOPPING, _STOPPING, since="CST"),
        Deadline("BSD", 10, _STOPPING, _STOPPING),
        Deadline("CSD", 10, _STOPPING, _ENDED),
    ),
    reported={
        "CHM": Reporting.CHANGES,
        "CRM": Reporting.CHANGES,
        "BRM": Reporting.CHANGES,
        "BCP": Reporting.CHANGES,
        "CTS": Reporting.ONCE,
        "CML": Reporting.CHANGES,
        "BSD": Reporting.CHANGES,
        "CSD": Reporting.CHANGES,
    },
    minutes=("CCS", "charged_min"),
)
