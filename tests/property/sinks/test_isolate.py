"""Isolation against any server that refuses some lines and says more or less about them."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from telemetry.sinks.isolate import MAX_REQUESTS, Isolation, Reason
from telemetry.sinks.verdict import Acknowledged, FieldConflict, RefusalReport, Rejected, Split


@dataclass
class PartialServer:
    """Stores the lines it likes; says in one of several ways which it does not."""

    bad: set[bytes]
    manner: str
    most_bytes: int
    stores_the_rest: bool

    def __post_init__(self) -> None:
        self.stored: set[bytes] = set()

    def write(self, piece: Sequence[bytes]) -> Acknowledged | Rejected | Split:
        if sum(map(len, piece)) > self.most_bytes:
            return Split("too large")
        refused = [index for index, line in enumerate(piece) if line in self.bad]
        if self.stores_the_rest or not refused:
            self.stored.update(line for line in piece if line not in self.bad)
        if not refused:
            return Acknowledged()
        texts = [piece[index].decode() + "': invalid" for index in refused]
        match self.manner:
            case "quotes all":
                return Rejected(RefusalReport("w", quoted=tuple(texts)))
            case "quotes one":
                return Rejected(RefusalReport("w", quoted=(texts[0],)))
            case "numbers":
                return Rejected(RefusalReport("w", line_numbers=tuple(index + 1 for index in refused[:100])))
            case "lists all":
                numbers = tuple(index + 1 for index in refused)
                return Rejected(RefusalReport("w", line_numbers=numbers, others_stored=self.stores_the_rest))
            case "counts":
                return Rejected(RefusalReport("w", dropped=len(refused)))
            case "conflict":
                return Rejected(
                    RefusalReport("w", conflict=FieldConflict("m", "v", "string"), dropped=len(refused))
                )
            case _:
                return Rejected(RefusalReport("w"))


@given(
    st.lists(st.booleans(), min_size=1, max_size=200),
    st.sampled_from(
        ["quotes all", "quotes one", "numbers", "lists all", "counts", "conflict", "says nothing"]
    ),
    st.sampled_from([30, 100, 100_000]),
    st.booleans(),
    st.booleans(),
)
def test_every_line_is_stored_or_dead_and_good_lines_die_only_when_they_could_not_be_separated(
    marks: list[bool], manner: str, most_bytes: int, stores_the_rest: bool, in_order: bool
) -> None:
    batch = [
        b'm,t=a v="bad" %d' % index if bad else b"m,t=a v=1 %d" % index for index, bad in enumerate(marks)
    ]
    bad = {line for line, is_bad in zip(batch, marks, strict=True) if is_bad}
    server = PartialServer(bad, manner, most_bytes, stores_the_rest)
    isolation = Isolation(batch, in_order=in_order)
    requests = 0
    while isolation.piece:
        isolation.answered(server.write(isolation.piece))
        requests += 1
        assert requests <= 4 * len(batch) + MAX_REQUESTS
    dead = {line: letter.reason for letter in isolation.dead for line in letter.lines}
    assert isolation.accepted + len(dead) == len(batch)
    assert bad <= set(dead)
    assert {line for line in batch if line not in dead} <= server.stored
    innocent = {reason for line, reason in dead.items() if line not in bad}
    assert innocent <= {Reason.NOT_ISOLATED}
    if manner not in ("counts", "says nothing"):
        assert not innocent
