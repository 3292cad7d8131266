"""A device that answers requests: bytes of a line in, whole requests out, whatever lies between them."""

from collections.abc import Callable, Sequence

Take = Callable[[bytes], tuple[int, bytes | None]]


class AskedLine:
    """A device's end of a line. `take` finds a request, `answer` says what the device does with it.

    `take` gets the bytes that have come. It returns how many of them to drop, and the request among them if
    there is one; 0 and no request: more bytes are needed.
    """

    def __init__(
        self,
        take: Take,
        answer: Callable[[bytes], Sequence[bytes]],
    ) -> None:
        self._take = take
        self._answer = answer
        self._received = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return answers to the requests that are whole by now."""
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
        """Return nothing: the device speaks when it is asked."""
        return []


def frames(
    start: bytes, head_bytes: int, size: Callable[[bytes], int], is_good: Callable[[bytes], bool]
) -> Take:
    """Return a `take` of frames that begin with `start`.

    size: returns the bytes of a frame, given `head_bytes` of it at least; 0: it is none. is_good: returns
    whether a whole one is a request.
    """

    def take(received: bytes) -> tuple[int, bytes | None]:
        if at := begins_at(received, start):
            return at, None
        if len(received) < head_bytes:
            return 0, None
        count = size(received)
        if len(received) < count:
            return 0, None
        whole = received[:count]
        return (count, whole) if count and is_good(whole) else (1, None)

    return take


def begins_at(received: bytes, start: bytes) -> int:
    """Return where `start` may begin in `received`: it, or as much of it as the last bytes hold."""
    at = received.find(start)
    if at >= 0:
        return at
    for kept in range(len(start) - 1, 0, -1):
        if received.endswith(start[:kept]):
            return len(received) - kept
    return len(received)
