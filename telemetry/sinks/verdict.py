"""What became of one batch of lines at a server, whatever kind of server it is."""

from dataclasses import dataclass
from enum import Enum


class HoldCause(Enum):
    """Why nothing may be sent until somebody has changed something."""

    CREDENTIALS = "credentials refused (mend token or password, or what this account may do)"
    NO_ENDPOINT = "no such endpoint"
    NOT_FOUND = (
        "bucket, database or organisation missing"
        " (mend the name; create = true, or --create, makes the first two)"
    )
    UNNAMED = "no organisation given"
    REDIRECTED = "redirected elsewhere"
    UNTRUSTED = "certificate not trusted"
    NO_DATABASE = "what answers is no database"
    NOT_THE_LINE = "even a short line is called too large"
    REFUSED = "request refused"


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field that exists with another type. An empty measurement is any; an empty type is unknown."""

    measurement: str
    field: str
    refused_type: str = ""  # float, integer, unsigned, string or boolean


@dataclass(frozen=True, slots=True)
class RefusalReport:
    """What the server says about the lines that it does not take.

    quoted: for each line that does not parse, the text from its first character on: the line, `': `, why.
    line_numbers: counted from 1 within the request. dropped: points, when it reports only how many.
    others_stored: those that it does not name are in the database.
    """

    words: str
    quoted: tuple[str, ...] = ()
    line_numbers: tuple[int, ...] = ()
    conflict: FieldConflict | None = None
    dropped: int = 0
    beyond_retention: bool = False
    others_stored: bool = False

    @property
    def names_lines(self) -> bool:
        """Return whether it says anything about which lines, or how many."""
        return bool(self.quoted or self.line_numbers or self.conflict or self.dropped)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Every line is stored."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Send the same again, not before `after_s`. sign: of a status 500, the same for identical answers."""

    reason: str
    after_s: float = 0.0
    sign: bytes = b""

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class Hold:
    """Send nothing until it is mended; ask now and then."""

    cause: HoldCause
    words: str = ""

    def __str__(self) -> str:
        return f"{self.cause.value}: {self.words}" if self.words else self.cause.value


@dataclass(frozen=True, slots=True)
class Split:
    """Too large; send it in parts."""

    words: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Some lines are refused for ever; others may be stored already."""

    refusal: RefusalReport


Verdict = Acknowledged | Retry | Hold | Split | Rejected


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came of one batch: what the last answer means, by which API it came, and how long that took.

    status: of HTTP; 0: no answer. sent_bytes: of bodies, in all its requests. link_bytes: about what these
    cost the link; 0: the client cannot say. plain: the server takes no gzip, so lines are not compressed.
    """

    verdict: Verdict
    api: str
    status: int
    latency_s: float
    sent_bytes: int = 0
    link_bytes: int = 0
    plain: bool = False
