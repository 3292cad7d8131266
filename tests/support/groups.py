"""Tests marked `xdist_group` run in one worker, with pytest 9.2 too.

pytest-xdist 3.8 writes the group after a test's id, into an attribute that pytest 9.2 no longer reads: each
worker then has tests of every group, and makes for itself what they should share.
"""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not getattr(config.option, "loadgroup", False):
        return  # no worker, or another way to share the tests
    for item in items:
        mark = item.get_closest_marker("xdist_group")
        if mark is not None and not item.nodeid.endswith(f"@{mark.args[0]}"):
            item._id = type(item._id).parse(f"{item.nodeid}@{mark.args[0]}")
