"""The known serial protocols, by name."""

from collections.abc import Mapping

from telemetry.protocols.serial.jbd import JBD
from telemetry.protocols.serial.vedirect import VEDIRECT
from telemetry.protocols.table import SerialProtocol

PROTOCOLS: Mapping[str, SerialProtocol] = {protocol.name: protocol for protocol in (JBD, VEDIRECT)}
