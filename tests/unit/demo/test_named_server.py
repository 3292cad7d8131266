"""The demonstration writes where nobody's data is."""

from telemetry.demo.stage import OWN_BUCKET, named_server

ENVIRONMENT = {"INFLUXDB_V2_URL": "http://localhost:8086", "INFLUXDB_V2_BUCKET": "production"}


def test_the_bucket_that_the_environment_names_is_never_written_to() -> None:
    assert named_server(ENVIRONMENT) == {"bucket": OWN_BUCKET, "create": True}


def test_a_bucket_that_was_asked_for_is_taken_and_not_made() -> None:
    assert named_server(ENVIRONMENT, "production") == {"bucket": "production"}


def test_an_environment_without_a_server_names_none() -> None:
    assert named_server({"INFLUXDB_V2_BUCKET": "production"}) is None
