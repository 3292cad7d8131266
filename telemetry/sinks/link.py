"""How many bytes a link carries for requests: what HTTP sends and receives, and about what lies around it.

Around it are, each way, 40 bytes for each packet of 1,400 and 29 for each TLS record of at most 16 KiB; for
each new connection three packets, and with TLS its handshake. Acknowledgements without data, retransmissions
and what the carrier counts besides are not in it.
"""

from dataclasses import dataclass

PACKET_BYTES = 1400
PACKET_HEAD_BYTES = 40  # of IPv4 and TCP, without options
RECORD_BYTES = 16 * 1024
RECORD_HEAD_BYTES = 29
HANDSHAKE_BYTES = 2500  # of TLS 1.3 with one certificate of RSA 2048, both ways (measured: 2,493)
REQUEST_HEAD_BYTES = 277  # of a write, with a token of 88 characters
ANSWER_BYTES = 155  # to a write that is taken


@dataclass(slots=True)
class Traffic:
    """Bytes on the link, both ways."""

    link_bytes: int = 0

    def connected(self, *, tls: bool) -> None:
        """Count a new connection."""
        self.link_bytes += 3 * PACKET_HEAD_BYTES + (HANDSHAKE_BYTES if tls else 0)

    def carried(self, data_bytes: int, *, tls: bool) -> None:
        """Count what was written or read at once."""
        if tls:
            data_bytes += -(-data_bytes // RECORD_BYTES) * RECORD_HEAD_BYTES
        self.link_bytes += data_bytes + -(-data_bytes // PACKET_BYTES) * PACKET_HEAD_BYTES


def of_write(body_bytes: int, *, tls: bool) -> int:
    """Return about what a write with a body of this size costs, on a connection that is there."""
    traffic = Traffic()
    for count in (REQUEST_HEAD_BYTES + body_bytes, ANSWER_BYTES):
        traffic.carried(count, tls=tls)
    return traffic.link_bytes
