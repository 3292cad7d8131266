"""/healthz and /readyz: what they say no to, and what they only mention."""

import pytest

from telemetry.web.health import Health, alive, ready
from tests.support.web import status


def test_a_pipeline_that_got_on_lately_is_alive() -> None:
    assert alive(status(progress_age_s=15.0)) == Health(())


def test_a_pipeline_that_hangs_is_neither_alive_nor_ready() -> None:
    hangs = status(progress_age_s=20.0)
    assert alive(hangs).reasons == ("the pipeline has not got on for 20 s",)
    assert ready(hangs).reasons == alive(hangs).reasons


def test_a_disk_that_refuses_is_not_ready_but_alive() -> None:
    full = status(spool_volatile=True)
    full["state"]["spool"] = "No space left on device"
    assert alive(full).reasons == ()
    assert ready(full).reasons == ("the disk refuses, batches wait in memory alone: No space left on device",)


def test_a_service_that_stops_is_not_ready() -> None:
    stops = status()
    stops["state"]["service"] = "stopping"
    assert ready(stops).reasons == ("the service is stopping",)


@pytest.mark.parametrize("text", ["waiting for can1: no such device", "no good message for 12 s"])
def test_a_silent_device_and_a_server_that_refuses_are_reported_and_no_reason(text: str) -> None:
    reported = status(sink_held=True)
    reported["state"] |= {"source/can1": text, "sink": "401 unauthorized"}
    verdict = ready(reported)
    assert verdict.reasons == ()
    assert verdict.notes == (
        f"can1: {text}",
        "the server refuses everything, batches wait: 401 unauthorized",
    )
    assert verdict.view()["ok"] is True


def test_a_server_that_is_not_reached_is_reported_and_no_reason() -> None:
    reported = status()
    reported["sink"]["failure"] = "no connection: Connection refused"
    verdict = ready(reported)
    assert verdict.reasons == ()
    assert verdict.notes == ("the server takes nothing, batches wait: no connection: Connection refused",)


def test_batches_that_wait_for_the_time_are_reported_and_no_reason() -> None:
    reported = status()
    reported["sink"]["waits_for_time"] = True
    reported["state"]["sink"] = "batches wait until the clock is synchronised"
    assert ready(reported) == Health((), ("batches wait until the clock is synchronised",))
