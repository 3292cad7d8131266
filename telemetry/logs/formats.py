"""Which format a log is of: how it begins decides, and the ending of its name where that says nothing.

What is known and not read is refused by its name. Another ending may be that of a package's format
(`telemetry.plugins`).
"""

import re
from enum import StrEnum

from telemetry_core.logs.table_header import header_of

from telemetry import plugins

FIRST_LINE_BYTES = 4096


class LogFormat(StrEnum):
    """A format that is read, in words."""

    ASC = "ASC"
    BLF = "BLF"
    BUSMASTER = "BUSMASTER's log"
    CANDUMP = "candump"
    CANHACKER = "CANHacker's trace"
    CRTD = "CRTD"
    GVRET = "GVRET's CSV"
    KVASER_CSV = "Kvaser's CSV"
    KVASER_TEXT = "Kvaser's text"
    MF4 = "MF4"
    MICROCHIP = "a log of Microchip's CAN BUS Analyzer"
    PCAP = "pcap"
    TABLE = "a table of frames"
    TRC = "TRC"
    ADDED = "the format of a package"


_KNOWN = (
    "candump, ASC, BLF, CRTD, GVRET's and other CSV, TRC, MF4, pcap, CANHacker and others, compressed or not"
)
GVRET_HEADER = "time stamp,id,extended,dir,bus,len,d1"
_ENDINGS = {
    ".asc": LogFormat.ASC,
    ".blf": LogFormat.BLF,
    ".crtd": LogFormat.CRTD,
    ".mf4": LogFormat.MF4,
    ".pcap": LogFormat.PCAP,
    ".pcapng": LogFormat.PCAP,
    ".trc": LogFormat.TRC,
}
plugins.reserve("logs", ("candump", "csv", "log", "txt", *(ending[1:] for ending in _ENDINGS)))
_SIGNATURES = {
    b"LOGG": LogFormat.BLF,
    b"MDF     4": LogFormat.MF4,
    b"UnFinMF 4": LogFormat.MF4,
    b"\xd4\xc3\xb2\xa1": LogFormat.PCAP,
    b"\xa1\xb2\xc3\xd4": LogFormat.PCAP,
    b"\x4d\x3c\xb2\xa1": LogFormat.PCAP,
    b"\xa1\xb2\x3c\x4d": LogFormat.PCAP,
    b"\n\r\r\n": LogFormat.PCAP,
}
_SIGNS = {
    LogFormat.ASC: r"date\s|base\s|begin\s+triggerblock"
    r"|\d+\.\d+\s+(canfd\s|\d+\s+(errorframe\b|[0-9a-f]+x?\s+[rt]x(rq)?\s))",
    LogFormat.CANDUMP: r"(\([-\d.: ]+\)\s+)?\S+\s+([rt]x\s+\S\s+\S\s+)?[0-9a-f]{3,8}(#|\s+[\[{])",
    LogFormat.BUSMASTER: r"\*\*\*busmaster\b",
    LogFormat.CANHACKER: r"@ text @ \d|time\s+id\s+dlc\s+data\b",
    LogFormat.KVASER_CSV: r"time,channel,id,flags,dlc,data0,",
    LogFormat.KVASER_TEXT: r"chn\s+identifier\s+flg\s+dlc\b",
    LogFormat.MICROCHIP: r"microchip technology inc|\d+;[rt]x;(0x)?[0-9a-f]+;\d;",
    LogFormat.CRTD: r"\d+\.\d+\s\d*(C[A-Z]{2}|[RT](11|29))\b",
    LogFormat.GVRET: r"time stamp\s*,\s*id\s*,\s*extended\s*,\s*(dir\s*,\s*)?bus\s*,\s*(len|dlc)\s*,\s*d1\b",
    LogFormat.TRC: r";\$fileversion=|\d+\)\s+\d",
}
_REFUSED = {
    b"SQLite format 3\0": "an SQLite database",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\xd0\xcf\x11\xe0": "a workbook of Excel",
    b"\x89HDF": "a file of HDF5 or MATLAB",
    b"PAR1": "a Parquet file",
    b"MDF     3": "an MDF 3 file",
    b"MDF     2": "an MDF 2 file",
    b"CANSERVER_v": "a log of CANserver",
    b"icsbin": "a buffer of Vehicle Spy (.vsb)",
    b"# Logger type: CL": "a log of a CL1000 or CL2000",
}
_REFUSED_LINES = {  # how the first line of content begins
    "line,abs time(sec)": "Vehicle Spy's CSV",
    "ascii trace ixxat": "a trace of IXXAT",
    "no direction time scale frame type": "text of a USB-CAN tool (CANalyst)",
    "sended messages": "a log of PP2CAN",
    "pp2can log file": "a log of PP2CAN",
}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # of candump -c
_FOREWORD = ("#", "//", "=~=", ";")  # of a line that says nothing, unless it is a sign


def refused(beginning: bytes) -> str:
    """Return what else it is that begins with these bytes, for people; "" if nothing that is known."""
    for signature, what in _REFUSED.items():
        if beginning.startswith(signature):
            return what
    line = " ".join(first_content_line(beginning).replace("\0", " ").lower().split())
    return next((what for start, what in _REFUSED_LINES.items() if line.startswith(start)), "")


def recognised(beginning: bytes) -> LogFormat | None:
    """Return the format that begins with these bytes. None: nothing in them says so."""
    for signature, log_format in _SIGNATURES.items():
        if beginning.startswith(signature):
            return log_format
    line = _COLOUR.sub("", first_content_line(beginning)).strip()
    for log_format, sign in _SIGNS.items():
        if re.match(sign, line, re.IGNORECASE):
            return log_format
    return LogFormat.TABLE if header_of(line) else None


def known_formats() -> str:
    """Return what is read, for people."""
    added = "".join(f"; by packages .{each}" for each in plugins.listed("logs"))
    return f"known are {_KNOWN}{added}"


def of_ending(ending: str) -> LogFormat | None:
    """Return the format that usually has this ending, in small letters; None: several have, or none."""
    return _ENDINGS.get(ending)


def endings() -> set[str]:
    """Return how names of recordings end, without the dot: built in, of packages, and of archives."""
    return {*plugins.known("logs"), "tar", "tgz", "zip"}


def first_content_line(beginning: bytes) -> str:
    """Return the first line that is neither blank nor a comment, stripped; without any, the first of all."""
    lines = [line.strip() for line in beginning.decode("utf-8-sig", "replace").split("\n")]
    return next((line for line in lines if _has_content(line)), lines[0])


def has_first_content_line(beginning: bytes) -> bool:
    """Return whether a line that is neither blank nor a comment is whole."""
    whole = beginning.decode("utf-8-sig", "replace").split("\n")[:-1]
    return any(_has_content(line.strip()) for line in whole)


def _has_content(line: str) -> bool:
    return bool(line) and (not line.startswith(_FOREWORD) or line.lower().startswith(";$fileversion="))
