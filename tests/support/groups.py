"""How tests are shared among workers: those of `make test` wait as little for each other as they can.

Tests marked `xdist_group` run in one worker, with pytest 9.2 too: pytest-xdist 3.8 writes the group after a
test's id, into an attribute that pytest 9.2 no longer reads. A file of unit or property tests is one piece
of work. Others, which mostly wait for a server or a child, are shared one by one, and early: they lie
between the files that keep a processor busy.
"""

from collections import Counter

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadGroupScheduling

_BUSY = ("tests/unit/", "tests/property/")
_EARLY = 0.8  # of the run, in which those that wait have begun: at its end nothing waits for one


class _Sharing(LoadGroupScheduling):  # type: ignore[misc]  # pytest-xdist carries no types
    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        scope: str = super()._split_scope(nodeid)
        return scope.partition("::")[0] if scope.startswith(_BUSY) else scope


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadGroupScheduling | None:
    return _Sharing(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not getattr(config.option, "loadgroup", False):
        return  # no worker, or another way to share the tests
    busy = Counter(item.nodeid.startswith(_BUSY) for item in items)
    seen: Counter[bool] = Counter()
    turns: dict[pytest.Item, float] = {}
    for item in items:
        is_busy = item.nodeid.startswith(_BUSY)
        turns[item] = seen[is_busy] / busy[is_busy] * (1.0 if is_busy else _EARLY)
        seen[is_busy] += 1
        mark = item.get_closest_marker("xdist_group")
        if mark is not None and not item.nodeid.endswith(f"@{mark.args[0]}"):
            item._id = type(item._id).parse(f"{item.nodeid}@{mark.args[0]}")
    items.sort(key=turns.__getitem__)
