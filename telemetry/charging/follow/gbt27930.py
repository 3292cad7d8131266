"""GB/T 27930: who sends what in which phase, and what is due when.

Sources: GB/T 27930-2011 (timeouts, bits), public transcripts of the edition of 2015, and captures. A listener
judges sessions of 2011 by 1 s, too, since jitter alone exceeds their limit of 100 ms. A CCS of 2011 that is
filled with zeros reads as a pause, so only a session that shows a later edition has pauses.
"""

from telemetry_core.charge.follow_spec import FollowedPhase, Reporting, Side, SignKind

from telemetry.charging.follow.table import DeadlineEntry, FollowTable, SignEntry
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


GBT27930 = FollowTable(
    "gbt27930",
    signs=(
        SignEntry("CHM", "CHM", _CHARGER, _HANDSHAKE, SignKind.BEGIN),
        SignEntry("CHM of 2015", "CHM", _CHARGER, kind=_NEW),
        SignEntry("BHM", "BHM", _VEHICLE, _HANDSHAKE),
        SignEntry("CRM", "CRM", _CHARGER, _RECOGNITION, SignKind.AGAIN, when=("recognition", 0)),
        SignEntry("CRM(AA)", "CRM", _CHARGER, _RECOGNITION, when=("recognition", _READY)),
        SignEntry("BRM", "BRM", _VEHICLE, _RECOGNITION),
        SignEntry("BRM of 2011", "BRM", _VEHICLE, kind=_OLD, when=("version_minor", 0)),
        SignEntry("BRM of 2015", "BRM", _VEHICLE, kind=_NEW, when=("version_minor", 1)),
        SignEntry("BCP", "BCP", _VEHICLE, _CONFIGURATION),
        SignEntry("CTS", "CTS", _CHARGER, _CONFIGURATION),
        SignEntry("CML", "CML", _CHARGER, _CONFIGURATION),
        SignEntry("CML of 2011", "CML", _CHARGER, kind=_OLD, lacks="min_current_a", unless="CHM"),
        SignEntry("CML of 2011, padded", "CML", _CHARGER, kind=_OLD, when=("min_current_a", 0), unless="CHM"),
        SignEntry("CML of 2015", "CML", _CHARGER, kind=_NEW),
        SignEntry("BRO", "BRO", _VEHICLE, _CONFIGURATION),
        SignEntry("BRO(AA)", "BRO", _VEHICLE, _CONFIGURATION, when=("ready", _READY)),
        SignEntry("CRO", "CRO", _CHARGER, _CONFIGURATION),
        SignEntry("CRO(AA)", "CRO", _CHARGER, _CONFIGURATION, when=("ready", _READY)),
        SignEntry("BCL", "BCL", _VEHICLE, _CHARGING),
        SignEntry("BCS", "BCS", _VEHICLE, _CHARGING),
        SignEntry("CCS", "CCS", _CHARGER, _CHARGING),
        SignEntry("CCS paused", "CCS", _CHARGER, kind=_PAUSE, when=("permitted", 0)),
        SignEntry("CCS permitted", "CCS", _CHARGER, kind=_RESUME, when=("permitted", 1)),
        SignEntry("CCS of 2015", "CCS", _CHARGER, kind=_NEW, when=("permitted", 1)),
        SignEntry("CCS of 2011", "CCS", _CHARGER, kind=_OLD, lacks="permitted", unless="CHM"),
        SignEntry("BSM", "BSM", _VEHICLE, _CHARGING),
        SignEntry("BSM paused", "BSM", _VEHICLE, kind=_PAUSE, when=("permitted", 0), zeros=_BSM_STATES),
        SignEntry("BSM permitted", "BSM", _VEHICLE, kind=_RESUME, when=("permitted", 1)),
        SignEntry("BMV", "BMV", _VEHICLE, _CHARGING),
        SignEntry("BMT", "BMT", _VEHICLE, _CHARGING),
        SignEntry("BSP", "BSP", _VEHICLE, _CHARGING),
        SignEntry("BST", "BST", _VEHICLE, _STOPPING, SignKind.STOP, reasons=tuple(_NAMES["BST"])),
        SignEntry("CST", "CST", _CHARGER, _STOPPING, SignKind.STOP, reasons=tuple(_NAMES["CST"])),
        SignEntry("BSD", "BSD", _VEHICLE, _ENDED),
        SignEntry("CSD", "CSD", _CHARGER, _ENDED),
        SignEntry("BEM", "BEM", _VEHICLE, kind=SignKind.ERROR, reasons=tuple(_NAMES["BEM"])),
        SignEntry("CEM", "CEM", _CHARGER, kind=SignKind.ERROR, reasons=tuple(_NAMES["CEM"])),
        SignEntry("CFC", "CFC", _CHARGER, kind=SignKind.DOUBT, is_optional=True),
        SignEntry("BFC", "BFC", _VEHICLE, kind=SignKind.DOUBT, is_optional=True),
        SignEntry("VNC", "VNC", _CHARGER, kind=SignKind.UNKNOWN, is_optional=True),
        SignEntry("VNB", "VNB", _VEHICLE, kind=SignKind.UNKNOWN, is_optional=True),
    ),
    deadlines=(
        DeadlineEntry("BHM", 10, _HANDSHAKE, _HANDSHAKE, since="CHM"),
        DeadlineEntry("CRM", 30, _HANDSHAKE, _HANDSHAKE, since="CHM"),
        DeadlineEntry("BRM", 5, _RECOGNITION, _RECOGNITION, since="CRM"),
        DeadlineEntry("CRM(AA)", 5, _RECOGNITION, _RECOGNITION, since="BRM"),
        DeadlineEntry("BCP", 5, _RECOGNITION, _RECOGNITION, since="CRM(AA)"),
        DeadlineEntry("CML", 5, _CONFIGURATION, _CONFIGURATION, since="BCP"),
        DeadlineEntry("BRO", 5, _CONFIGURATION, _CONFIGURATION, since="CML"),
        DeadlineEntry("BRO(AA)", 60, _CONFIGURATION, _CONFIGURATION, since="BRO"),
        DeadlineEntry("CRO", 5, _CONFIGURATION, _CONFIGURATION, since="BRO(AA)"),
        DeadlineEntry("CRO(AA)", 60, _CONFIGURATION, _CONFIGURATION, since="CRO"),
        DeadlineEntry("BCL", 1, _CHARGING, _CHARGING, is_periodic=True),
        DeadlineEntry("CCS", 1, _CHARGING, _CHARGING, is_periodic=True),
        DeadlineEntry("BCS", 5, _CHARGING, _CHARGING, is_periodic=True),
        DeadlineEntry("BSM", 5, _CHARGING, _CHARGING, is_periodic=True, once_heard=True),
        DeadlineEntry("CST", 5, _STOPPING, _STOPPING, since="BST"),
        DeadlineEntry("BST", 5, _STOPPING, _STOPPING, since="CST"),
        DeadlineEntry("BSD", 10, _STOPPING, _STOPPING),
        DeadlineEntry("CSD", 10, _STOPPING, _ENDED),
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
