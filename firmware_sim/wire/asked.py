"""A device that answers requests: bytes of a line in, whole requests out, whatever lies between them."""

from collections.abc import Callable, Sequence


class AskedLine:
    """A device's end of a line. `take` finds a request, `answer` says what the device does with it.

    `take` gets the bytes that have come. It returns how many of them to drop, and the request among them if
    there is one; 0 and no request: more bytes are needed.
    """

    def __init__(
        self,
        take: Callable[[bytes], tuple[int, bytes | None]],
        answer: Callable[[bytes], Sequence[bytes]],
    ) -> None:
        self._take = take
        self._answer = answer
        self._received = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Answers to the requests that are whole by now."""
        self._received += data
        answers: list[bytes] = []
        while self._received:
            dropped, request = self._take(self._received)
            if not dropped:
                break
            self._received = self._received[dropped:]
            if request is not None:
                answers += self._answer(request)
        return answers

    def forget(self) -> None:
        """Drop a request that is not whole: the line was broken."""
        self._received = b""

    def due(self, until_ns: int) -> list[bytes]:  # noqa: ARG002  # other devices talk by themselves
        """Nothing: the device speaks when it is asked."""
        return []


def begins_at(received: bytes, start: bytes) -> int:
    """Where `start` may begin in `received`: it, or as much of it as the last bytes hold."""
    at = received.find(start)
    if at >= 0:
        return at
    for kept in range(len(start) - 1, 0, -1):
        if received.endswith(start[:kept]):
            return len(received) - kept
    return len(received)
