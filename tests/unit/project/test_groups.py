"""Tests that share something costly run in one worker."""

import pytest


@pytest.mark.xdist_group("one group")
def test_the_id_of_a_test_in_a_group_names_the_group_where_tests_run_in_workers(
    request: pytest.FixtureRequest,
) -> None:
    in_workers = getattr(request.config.option, "loadgroup", False)
    assert request.node.nodeid.endswith("@one group") == in_workers
