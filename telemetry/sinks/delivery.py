"""One batch on its way to the server: first as a whole, then in pieces if it was refused.

Promises:
- Every line ends as accepted or dead.
- A server's own trouble is not taken for a fault of the batch. An answer that names no line (a repeated
  status 500, a refused request) counts against the batch only while others are accepted.

Pure: it hands out bytes to send, and receives what came of them.
"""

from collections.abc import Sequence
from enum import Enum

from telemetry.errors import DataError
from telemetry.model.read_point import row_key
from telemetry.sinks.isolate import DeadLines, Isolation, Reason
from telemetry.sinks.verdict import Acknowledged, RefusalReport, Rejected, Retry, Split
from telemetry.spool.batch import Entry
from telemetry.spool.compress import compress, decompress

MOST_ALIKE = 10  # identical answers 500 in a row before the batch itself is suspected
MOST_REFUSALS = 10  # of the request as a whole, before its lines are dead
SHORT_LINE_BYTES = 4000  # one of fewer is too large for no store
MAX_BATCH_BYTES = 256 * 1024 * 1024  # of lines; what is larger is damage


class Doubt(Enum):
    """What only another batch can settle, by being accepted or not."""

    SERVER_ERROR = "it, or the server"  # the same answer 500 many times
    REQUEST = "it, or every request"  # another status 4xx
    DEAD_LINES = "dead lines, or trouble again"  # isolated by answers 500, the last of which nothing followed
    ALL_LINES = "all its lines, or all lines"  # every piece was refused, and no line named


class Delivery:
    """The delivery of one entry."""

    def __init__(self, entry: Entry, payload: bytes) -> None:
        """Begin with `payload`: gzip-compressed lines, the entry's own or restamped ones."""
        self.entry = entry
        self._whole = payload
        self._isolation: Isolation | None = None
        self._accepted_whole = False
        self._refusals = 0  # of the request
        self._forget_errors()

    def _forget_errors(self) -> None:
        self.doubt: Doubt | None = None
        self._sign = b""  # of the latest answer 500
        self._words = ""
        self._alike = 0  # how many in a row had that sign
        self._refusing_sign = b""  # of an answer 500 that counts as a refusal by now
        self._refused_in_a_row = 0

    @property
    def sequence(self) -> int:
        """Return the number of its entry."""
        return self.entry.sequence

    @property
    def payload(self) -> bytes:
        """Return what to send next."""
        if self._isolation is None:
            return self._whole
        return compress(b"".join(line + b"\n" for line in self._isolation.piece))

    @property
    def needs_comparison(self) -> bool:
        """Return whether another batch must be accepted, or not, before this one can go on."""
        return self.doubt in (Doubt.SERVER_ERROR, Doubt.DEAD_LINES, Doubt.ALL_LINES)

    @property
    def is_one_short_line(self) -> bool:
        """Return whether what it sends next is a single line that is too large for no store."""
        piece = self._isolated().piece
        return len(piece) == 1 and len(piece[0]) < SHORT_LINE_BYTES

    @property
    def costs_requests(self) -> bool:
        """Return whether it takes more of them, by answers so far: others should not wait for it."""
        return self._isolation is not None or self._alike > 0

    @property
    def isolating(self) -> bool:
        """Return whether it is sent in pieces."""
        return self._isolation is not None

    @property
    def done(self) -> bool:
        """Return whether every line has found its end, without a doubt."""
        return self._all_sent and self.doubt is None

    @property
    def dead(self) -> Sequence[DeadLines]:
        """Return the lines that the server will never take."""
        return self._isolation.dead if self._isolation else ()

    def answered(self, verdict: Acknowledged | Rejected | Split) -> None:
        """Take the answer to `payload`."""
        self.doubt = None
        self._alike = self._refused_in_a_row = 0
        if self._isolation is None and isinstance(verdict, Acknowledged):
            self._accepted_whole = True
        else:
            self._pass_to_isolation(verdict)
            if self._isolated().all_refused_unnamed:
                self.doubt = Doubt.ALL_LINES

    def answered_retry(self, verdict: Retry) -> bool:
        """Take an answer that shows a server's trouble.

        Return whether the lines are to blame, as far as known.
        """
        if not verdict.sign:
            return False
        if verdict.sign == self._refusing_sign:
            self._refused_in_a_row += 1
            self._pass_to_isolation(Rejected(RefusalReport(verdict.reason)))
            # A single bad line is found by two halves. One of them is accepted, before or after the other.
            if self._all_sent and self._refused_in_a_row > 1:
                self.doubt = Doubt.DEAD_LINES
            return True
        self._alike = self._alike + 1 if verdict.sign == self._sign else 1
        self._sign, self._words = verdict.sign, verdict.reason
        if self._alike >= MOST_ALIKE:
            self.doubt = Doubt.SERVER_ERROR
        return False

    def answered_refused(self, words: str) -> None:
        """Take an answer that refuses the request and names no line."""
        self._refusals += 1
        self.doubt = Doubt.REQUEST
        if self._refusals >= MOST_REFUSALS:
            self.give_up(Reason.REQUEST_REFUSED, words)

    def give_up(self, reason: Reason, words: str) -> None:
        """Make dead whatever was not accepted yet."""
        self.doubt = None
        self._isolated().give_up(reason, words)

    def others_are_accepted(self) -> None:
        """Note that the server has accepted another batch meanwhile."""
        if self.doubt is Doubt.SERVER_ERROR:
            self._refusing_sign = self._sign
            self._pass_to_isolation(Rejected(RefusalReport(self._words)))
        self.doubt = None

    def others_are_unknown(self) -> None:
        """Note that no other batch can be tried."""
        if self.doubt is Doubt.ALL_LINES:
            self.doubt = None  # as the answers say
        self.others_are_not()

    def others_are_not(self) -> None:
        """Note that the server was in trouble with another batch too."""
        if self.doubt in (Doubt.DEAD_LINES, Doubt.ALL_LINES):
            self.start_over()
        elif self.doubt is Doubt.SERVER_ERROR:
            self._forget_errors()

    def start_over(self) -> None:
        """Forget what the server said of it: send the whole again."""
        self._isolation = None
        self._forget_errors()

    @property
    def _all_sent(self) -> bool:
        return self._accepted_whole or (self._isolation is not None and not self._isolation.piece)

    def _isolated(self) -> Isolation:
        if self._isolation is None:
            try:
                lines = decompress(self._whole, MAX_BATCH_BYTES).split(b"\n")
            except DataError as error:
                # Not from the spool, whose records carry a check. The count must come out right all the same.
                self._isolation = Isolation([b"#"] * self.entry.batch.points, in_order=False)
                self._isolation.give_up(Reason.UNREADABLE, str(error))
            else:
                lines = [line for line in lines if line]
                self._isolation = Isolation(lines, in_order=_replace_one_another(lines))
        return self._isolation

    def _pass_to_isolation(self, verdict: Acknowledged | Rejected | Split) -> None:
        isolation = self._isolated()
        if isolation.piece:
            isolation.answered(verdict)


def _replace_one_another(lines: Sequence[bytes]) -> bool:
    """Return whether two of these lines are the same point, so that the last one must be sent last."""
    return len({row_key(line) for line in lines}) < len(lines)
