"""An ARXML of one frame, whose signal has one scaling."""

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<AUTOSAR xmlns="http://autosar.org/schema/r4.0"><AR-PACKAGES><AR-PACKAGE><SHORT-NAME>P</SHORT-NAME><ELEMENTS>
<CAN-CLUSTER><SHORT-NAME>Main</SHORT-NAME><CAN-CLUSTER-VARIANTS><CAN-CLUSTER-CONDITIONAL><PHYSICAL-CHANNELS>
<CAN-PHYSICAL-CHANNEL><SHORT-NAME>Channel</SHORT-NAME><FRAME-TRIGGERINGS><CAN-FRAME-TRIGGERING>
<SHORT-NAME>T</SHORT-NAME><FRAME-REF DEST="CAN-FRAME">/P/Pack</FRAME-REF><IDENTIFIER>256</IDENTIFIER>
</CAN-FRAME-TRIGGERING></FRAME-TRIGGERINGS></CAN-PHYSICAL-CHANNEL></PHYSICAL-CHANNELS>
</CAN-CLUSTER-CONDITIONAL></CAN-CLUSTER-VARIANTS></CAN-CLUSTER>
<CAN-FRAME><SHORT-NAME>Pack</SHORT-NAME><FRAME-LENGTH>8</FRAME-LENGTH><PDU-TO-FRAME-MAPPINGS>
<PDU-TO-FRAME-MAPPING><SHORT-NAME>M</SHORT-NAME><PDU-REF DEST="I-SIGNAL-I-PDU">/P/Pdu</PDU-REF>
<START-POSITION>0</START-POSITION></PDU-TO-FRAME-MAPPING></PDU-TO-FRAME-MAPPINGS></CAN-FRAME>
"""
TAIL = "</ELEMENTS></AR-PACKAGE></AR-PACKAGES></AUTOSAR>\n"
SIGNAL = """<I-SIGNAL-I-PDU><SHORT-NAME>Pdu</SHORT-NAME><LENGTH>8</LENGTH><I-SIGNAL-TO-PDU-MAPPINGS>
<I-SIGNAL-TO-I-PDU-MAPPING><SHORT-NAME>S</SHORT-NAME><I-SIGNAL-REF DEST="I-SIGNAL">/P/Voltage</I-SIGNAL-REF>
<PACKING-BYTE-ORDER>MOST-SIGNIFICANT-BYTE-LAST</PACKING-BYTE-ORDER><START-POSITION>0</START-POSITION>
</I-SIGNAL-TO-I-PDU-MAPPING></I-SIGNAL-TO-PDU-MAPPINGS></I-SIGNAL-I-PDU>
<I-SIGNAL><SHORT-NAME>Voltage</SHORT-NAME><LENGTH>8</LENGTH>
<SYSTEM-SIGNAL-REF DEST="SYSTEM-SIGNAL">/P/Sys</SYSTEM-SIGNAL-REF></I-SIGNAL>
<SYSTEM-SIGNAL><SHORT-NAME>Sys</SHORT-NAME><PHYSICAL-PROPS><SW-DATA-DEF-PROPS-VARIANTS>
<SW-DATA-DEF-PROPS-CONDITIONAL><COMPU-METHOD-REF DEST="COMPU-METHOD">/P/Scaling</COMPU-METHOD-REF>
</SW-DATA-DEF-PROPS-CONDITIONAL></SW-DATA-DEF-PROPS-VARIANTS></PHYSICAL-PROPS></SYSTEM-SIGNAL>
"""


def document(elements: str, *, pdu: str = "I-SIGNAL-I-PDU") -> str:
    """Return an ARXML whose frame `Pack` has the PDU `Pdu`, of this kind."""
    return HEAD.replace("I-SIGNAL-I-PDU", pdu) + elements + TAIL


def method(category: str, scales: str = "", *, name: str = "Scaling") -> str:
    """Return a COMPU-METHOD; that of `SIGNAL` is called Scaling."""
    return (
        f"<COMPU-METHOD><SHORT-NAME>{name}</SHORT-NAME><CATEGORY>{category}</CATEGORY>\n{scales}\n"
        "</COMPU-METHOD>\n"
    )


def container(inside: str) -> str:
    """Return the PDU `Pdu` as a container."""
    return f"<CONTAINER-I-PDU><SHORT-NAME>Pdu</SHORT-NAME><LENGTH>8</LENGTH>\n{inside}\n</CONTAINER-I-PDU>\n"


def values(name: str, *numbers: str) -> str:
    return f"<{name}>{''.join(f'<V>{number}</V>' for number in numbers)}</{name}>"


def segment(numerators: str, denominators: str, limits: str = "") -> str:
    coefficients = values("COMPU-NUMERATOR", *numerators.split()) + values(
        "COMPU-DENOMINATOR", *denominators.split()
    )
    return (
        f"<COMPU-SCALE>{limits}<COMPU-RATIONAL-COEFFS>{coefficients}</COMPU-RATIONAL-COEFFS></COMPU-SCALE>\n"
    )


def limits(low: str, high: str) -> str:
    return f"<LOWER-LIMIT>{low}</LOWER-LIMIT><UPPER-LIMIT>{high}</UPPER-LIMIT>"


def word(text: str, low: str, high: str) -> str:
    return f"<COMPU-SCALE>{limits(low, high)}<COMPU-CONST><VT>{text}</VT></COMPU-CONST></COMPU-SCALE>\n"


def forward(*scales: str) -> str:
    return f"<COMPU-INTERNAL-TO-PHYS><COMPU-SCALES>{''.join(scales)}</COMPU-SCALES></COMPU-INTERNAL-TO-PHYS>"


def inverse(*scales: str) -> str:
    return forward(*scales).replace("INTERNAL-TO-PHYS", "PHYS-TO-INTERNAL")
