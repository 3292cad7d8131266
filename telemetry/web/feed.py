"""The newest message for all that listen to the event stream, made once.

Promises: messages never pile up. There is only the newest one, and a client that is slow misses others.
"""


class StatusFeed:
    """number grows with each message; message: bytes of the event stream."""

    def __init__(self) -> None:
        self.number = 0
        self.message = b""

    def publish(self, event: bytes, data: bytes) -> None:
        """Replace the message. data: of one line, as JSON is."""
        self.message = b"event: %b\ndata: %b\n\n" % (event, data)
        self.number += 1
