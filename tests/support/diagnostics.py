"""Messages of diagnostics as frames: can-isotp cuts them up, so that no test reads our own segmentation."""

from functools import cache

import isotp

FLOW_CONTROL = b"\x30\x00\x00"


@cache
def segments(message: bytes, address: int | None = None) -> tuple[bytes, ...]:
    """Return the data of a message's frames; address: the byte before ISO-TP's own, if any."""
    sent: list[isotp.CanMessage] = []
    asked_for: list[isotp.CanMessage] = []
    has_address = address is not None
    mode = isotp.AddressingMode.Extended_11bits if has_address else isotp.AddressingMode.Normal_11bits
    target, source = (address, 0xF1) if has_address else (None, None)
    layer = isotp.TransportLayerLogic(
        rxfn=lambda timeout: asked_for.pop() if asked_for else None,  # noqa: ARG005  as can-isotp calls it
        txfn=sent.append,
        address=isotp.Address(mode, txid=0x700, rxid=0x708, target_address=target, source_address=source),
        params={"tx_padding": 0x55},
    )
    layer.send(message)
    layer.process()
    if layer.transmitting():
        own = b"\xf1" if has_address else b""
        asked_for.append(isotp.CanMessage(arbitration_id=0x708, data=own + FLOW_CONTROL))
    while layer.transmitting():
        layer.process()
    return tuple(bytes(each.data) for each in sent)
