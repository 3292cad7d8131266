"""The known protocols by name: of serial ports, and of CAN."""

from collections.abc import Mapping

from telemetry.protocols.can.chademo import CHADEMO
from telemetry.protocols.can.elcon import ELCON
from telemetry.protocols.can.elcon_extended import ELCON_EXTENDED
from telemetry.protocols.can.gbt27930 import GBT27930
from telemetry.protocols.can.huawei_r48xx import HUAWEI_R48XX
from telemetry.protocols.can.infypower import INFYPOWER
from telemetry.protocols.can.table import CanProtocol
from telemetry.protocols.serial.ant_new import ANT_NEW
from telemetry.protocols.serial.ant_old import ANT_OLD
from telemetry.protocols.serial.daly import DALY
from telemetry.protocols.serial.daly_modbus import DALY_MODBUS
from telemetry.protocols.serial.dlt645 import DLT645
from telemetry.protocols.serial.jbd import JBD
from telemetry.protocols.serial.jk_55aa import JK_55AA
from telemetry.protocols.serial.jk_nw import JK_NW
from telemetry.protocols.serial.modbus import raw_modbus
from telemetry.protocols.serial.pylontech import PYLONTECH
from telemetry.protocols.serial.seplos_v2 import SEPLOS_V2
from telemetry.protocols.serial.vedirect import VEDIRECT
from telemetry.protocols.serial.vedirect_hex import VEDIRECT_HEX
from telemetry.protocols.table import SerialProtocol

MODBUS = raw_modbus()  # a map of registers makes more of it

PROTOCOLS: Mapping[str, SerialProtocol] = {
    protocol.name: protocol
    for protocol in (
        ANT_NEW,
        ANT_OLD,
        DALY,
        DALY_MODBUS,
        DLT645,
        JBD,
        JK_55AA,
        JK_NW,
        MODBUS,
        PYLONTECH,
        SEPLOS_V2,
        VEDIRECT,
        VEDIRECT_HEX,
    )
}
CAN_PROTOCOLS: Mapping[str, CanProtocol] = {
    protocol.name: protocol
    for protocol in (GBT27930, CHADEMO, ELCON, ELCON_EXTENDED, HUAWEI_R48XX, INFYPOWER)
}
