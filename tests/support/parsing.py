"""Databases are parsed in the process of the tests: a child that imports the parser takes ten times as long.

Tests of what the child promises use `parser_in_a_child`.
"""

from collections.abc import Sequence

import pytest

from telemetry.databases import plan_cache
from telemetry.databases.bus import BusDatabases, LoadedPlan
from telemetry.databases.cantools_alone import import_cantools_alone
from telemetry.databases.plan_codec import decoded, encoded

_in_a_child = plan_cache._parse


def _here(buses: Sequence[BusDatabases]) -> LoadedPlan:
    import_cantools_alone()
    from telemetry.databases.build import build_plan

    return decoded(encoded(build_plan(buses)))


vars(plan_cache)["_parse"] = _here


@pytest.fixture
def parser_in_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_cache, "_parse", _in_a_child)
