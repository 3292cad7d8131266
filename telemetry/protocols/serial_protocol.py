"""The serial protocols that there are, by name."""

from collections.abc import Mapping

from telemetry.protocols.jbd import JBD
from telemetry.protocols.serial_table import SerialProtocol
from telemetry.protocols.vedirect import VEDIRECT

PROTOCOLS: Mapping[str, SerialProtocol] = {protocol.name: protocol for protocol in (JBD, VEDIRECT)}
