"""telemetry/demo/stage.py: where the demonstration writes, and when a run is over."""

from telemetry.demo.stage import OWN_BUCKET, named_server, progress

READ = {"bus/can/read": 1000, "bus/plug/read": 500, "points/made/battery": 1400}


def test_points_that_a_gateway_makes_of_itself_are_no_progress() -> None:
    delivered = {**READ, "points/made/gateway": 20, "points/acknowledged": 1420}
    later = {**delivered, "points/made/gateway": 24, "points/acknowledged": 1424}
    assert progress(later) == progress(delivered)


def test_frames_that_are_read_and_points_that_arrive_are_progress() -> None:
    begun = {**READ, "points/made/gateway": 20, "points/acknowledged": 900}
    assert progress({**begun, "points/acknowledged": 901}) != progress(begun)
    assert progress({**begun, "bus/plug/read": 501}) != progress(begun)


ENVIRONMENT = {"INFLUXDB_V2_URL": "http://localhost:8086", "INFLUXDB_V2_BUCKET": "production"}


def test_the_bucket_that_the_environment_names_is_never_written_to() -> None:
    assert named_server(ENVIRONMENT) == {"bucket": OWN_BUCKET, "create": True}


def test_a_bucket_that_was_asked_for_is_taken_and_not_made() -> None:
    assert named_server(ENVIRONMENT, "production") == {"bucket": "production"}


def test_an_environment_without_a_server_names_none() -> None:
    assert named_server({"INFLUXDB_V2_BUCKET": "production"}) is None
