"""Which lines are taken out of a refused batch, and in how many requests."""

from collections.abc import Callable, Sequence

import pytest

from telemetry.sinks.isolate import Isolation, Reason
from telemetry.sinks.verdict import Acknowledged, FieldConflict, RefusalReport, Rejected, Split

Verdict = Acknowledged | Rejected | Split


def lines(count: int) -> list[bytes]:
    return [b"m v=%d %d" % (index, index) for index in range(count)]


def rejected(**named: object) -> Rejected:
    return Rejected(RefusalReport("words", **named))  # type: ignore[arg-type]  # a mapping of checked names


def answered(batch: Sequence[bytes], verdict: Verdict) -> Isolation:
    isolation = Isolation(batch, in_order=False)
    isolation.answered(verdict)
    return isolation


def finish(isolation: Isolation, server: Callable[[Sequence[bytes]], Verdict]) -> int:
    """Let the server answer until every line has found its end; the number of requests."""
    requests = 0
    while isolation.piece:
        isolation.answered(server(isolation.piece))
        requests += 1
    return requests


def dead(isolation: Isolation) -> dict[bytes, Reason]:
    return {line: letter.reason for letter in isolation.dead for line in letter.lines}


def refuses(*bad: bytes) -> Callable[[Sequence[bytes]], Verdict]:
    """Return a server that refuses the bad lines, but names nothing."""
    return lambda piece: rejected() if set(bad) & set(piece) else Acknowledged()


# -- what is named is taken out, and the rest sent at once


def test_a_quoted_line_is_taken_out() -> None:
    isolation = answered(lines(3), rejected(quoted=("m v=1 1': invalid number",)))
    assert isolation.piece == (b"m v=0 0", b"m v=2 2")
    assert dead(isolation) == {b"m v=1 1": Reason.MALFORMED}


def test_a_line_that_swallowed_those_after_it_is_taken_out_alone() -> None:
    batch = [b"m v=0 0", b'm s="open 1', b"m v=2 2"]
    isolation = answered(batch, rejected(quoted=("m s=\"open 1\nm v=2 2': unbalanced quotes",)))
    assert isolation.piece == (b"m v=0 0", b"m v=2 2")


def test_a_quoted_line_may_itself_hold_the_marks_of_a_quotation() -> None:
    batch = [b'm s="it\': no" 1x', b"m v=0 0"]
    isolation = answered(batch, rejected(quoted=("m s=\"it': no\" 1x': bad timestamp",)))
    assert isolation.piece == (b"m v=0 0",)


def test_numbered_lines_are_taken_out() -> None:
    isolation = answered(lines(4), rejected(line_numbers=(2, 4, 99)))
    assert isolation.piece == (b"m v=0 0", b"m v=2 2")


def test_where_the_answer_says_that_the_others_are_stored_nothing_is_sent_again() -> None:
    isolation = answered(lines(4), rejected(line_numbers=(2, 4), others_stored=True))
    assert isolation.piece == ()
    assert isolation.accepted == 2
    assert set(dead(isolation)) == {b"m v=1 1", b"m v=3 3"}


def test_an_answer_that_numbers_a_line_that_was_not_sent_is_not_believed_about_the_others() -> None:
    isolation = answered(lines(4), rejected(line_numbers=(2, 5), others_stored=True))
    assert isolation.piece == (b"m v=0 0", b"m v=2 2", b"m v=3 3")
    assert isolation.accepted == 0


def test_of_a_type_conflict_all_lines_with_the_refused_type_are_taken_out() -> None:
    batch = [b"m v=1 1", b'm,t=a v="x",w=1 2', b'm v="y" 3', b'other v="z" 4', b'm w="v=1" 5']
    isolation = answered(batch, rejected(conflict=FieldConflict("m", "v", "string"), dropped=1))
    assert isolation.piece == (batch[0], batch[3], batch[4])
    assert set(dead(isolation).values()) == {Reason.TYPE_CONFLICT}


@pytest.mark.parametrize(
    ("value", "kind"),
    [(b"1", "float"), (b"-1.5e3", "float"), (b"1i", "integer"), (b"1u", "unsigned"), (b"F", "boolean")],
)
def test_a_type_conflict_knows_every_type(value: bytes, kind: str) -> None:
    batch = [b'm v="text" 1', b"m a=0,v=" + value + b",z=0 2"]
    isolation = answered(batch, rejected(conflict=FieldConflict("m", "v", kind)))
    assert isolation.piece == (batch[0],)


def test_a_type_conflict_without_a_known_type_takes_out_all_lines_with_the_field() -> None:
    batch = [b"m v=1 1", b"m w=2 2", b"other v=3 3"]
    isolation = answered(batch, rejected(conflict=FieldConflict("", "v")))
    assert isolation.piece == (b"m w=2 2",)


@pytest.mark.parametrize(("measurement", "name"), [('m"q', 'a"b'), ('m\\"q', 'a\\"b')])
def test_names_are_found_however_the_server_quotes_them(measurement: str, name: str) -> None:
    batch = [b'm"q,t=1 a"b=t 1', b'm"q,t=1 a"b=2 2', b"m v=1 3"]
    isolation = answered(batch, rejected(conflict=FieldConflict(measurement, name, "boolean")))
    assert isolation.piece == (batch[1], batch[2])


def test_escaped_names_are_found_by_their_plain_form() -> None:
    batch = [b"m\\ x\\,y,t=1 a\\=b\\ c=t 1", b"m v=1 2"]
    isolation = answered(batch, rejected(conflict=FieldConflict("m x,y", "a=b c", "boolean")))
    assert isolation.piece == (batch[1],)


def test_as_many_dropped_as_there_are_lines_means_all() -> None:
    isolation = answered(lines(5), rejected(dropped=5, beyond_retention=True))
    assert not isolation.piece
    assert dead(isolation) == dict.fromkeys(lines(5), Reason.BEYOND_RETENTION)


def test_of_some_beyond_retention_the_oldest_are_taken_out() -> None:
    batch = [b"m v=1 300", b"m v=2 1", b"m v=3 200", b"m v=4 -5"]
    isolation = answered(batch, rejected(dropped=2, beyond_retention=True))
    assert isolation.piece == (batch[0], batch[2])


# -- where nothing is named


def test_a_single_bad_line_of_5000_costs_no_other() -> None:
    isolation = Isolation(lines(5000), in_order=False)
    requests = finish(isolation, refuses(b"m v=4321 4321"))
    assert dead(isolation) == {b"m v=4321 4321": Reason.REFUSED}
    assert isolation.accepted == 4999
    assert requests <= 2 * 13 + 1


def test_no_more_than_64_requests_are_made_and_what_is_left_is_one_letter() -> None:
    batch = lines(5000)
    isolation = Isolation(batch, in_order=False)
    requests = finish(isolation, refuses(*batch[::100]))
    assert requests == 64
    letters = [letter for letter in isolation.dead if letter.reason is Reason.NOT_ISOLATED]
    assert len(letters) == 1
    assert set(batch[::100]) <= set(dead(isolation))
    assert isolation.accepted + len(dead(isolation)) == 5000


def test_naming_lines_one_by_one_may_take_more_requests_than_halving() -> None:
    batch = lines(300)
    bad = set(batch[::2])

    def names_the_first(piece: Sequence[bytes]) -> Verdict:
        first = next((line for line in piece if line in bad), None)
        return rejected(quoted=(first.decode() + "': no",)) if first else Acknowledged()

    isolation = Isolation(batch, in_order=False)
    assert finish(isolation, names_the_first) == 151
    assert set(dead(isolation)) == bad


def test_a_name_that_is_in_no_line_names_nothing() -> None:
    isolation = answered(lines(4), rejected(quoted=("something else': no",)))
    assert len(isolation.piece) == 2


def test_rows_that_replace_each_other_keep_their_order() -> None:
    batch = lines(40)
    isolation = Isolation(batch, in_order=True)
    accepted: list[bytes] = []

    def record(piece: Sequence[bytes]) -> Verdict:
        verdict = refuses(batch[7], batch[30])(piece)
        if isinstance(verdict, Acknowledged):
            accepted.extend(piece)
        return verdict

    finish(isolation, record)
    assert accepted == [line for line in batch if line not in (batch[7], batch[30])]


# -- too large


def test_a_batch_that_is_too_large_is_cut_by_bytes() -> None:
    batch = [b"x" * 1000, *lines(100)]
    isolation = answered(batch, Split())
    assert isolation.piece == (b"x" * 1000,)


def test_a_single_line_that_is_too_large_is_dead() -> None:
    isolation = Isolation([b"x" * 1000, *lines(3)], in_order=False)
    finish(isolation, lambda piece: Split("too large") if sum(map(len, piece)) > 500 else Acknowledged())
    assert dead(isolation) == {b"x" * 1000: Reason.TOO_LARGE}
    assert isolation.accepted == 3


def test_splitting_has_no_limit_of_requests() -> None:
    isolation = Isolation(lines(1000), in_order=False)
    finish(isolation, lambda piece: Split() if len(piece) > 2 else Acknowledged())
    assert isolation.accepted == 1000


@pytest.mark.parametrize(
    ("server", "unnamed"),
    [
        (refuses(*lines(4)), True),
        (refuses(*lines(3)), False),  # one was accepted
        (lambda piece: rejected(line_numbers=tuple(range(1, len(piece) + 1))), False),
    ],
)
def test_a_server_that_refuses_all_without_naming_a_line_may_be_no_database(
    server: Callable[[Sequence[bytes]], Verdict], unnamed: bool
) -> None:
    isolation = Isolation(lines(4), in_order=False)
    assert not isolation.all_refused_unnamed  # nothing has been answered yet
    finish(isolation, server)
    assert isolation.all_refused_unnamed == unnamed
