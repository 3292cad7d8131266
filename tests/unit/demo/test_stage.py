"""telemetry/demo/stage.py: when a run is over."""

from telemetry.demo.stage import progress

READ = {"bus/can/read": 1000, "bus/plug/read": 500, "points/made/battery": 1400}


def test_points_that_a_gateway_makes_of_itself_are_no_progress() -> None:
    delivered = {**READ, "points/made/gateway": 20, "points/acknowledged": 1420}
    later = {**delivered, "points/made/gateway": 24, "points/acknowledged": 1424}
    assert progress(later) == progress(delivered)


def test_frames_that_are_read_and_points_that_arrive_are_progress() -> None:
    begun = {**READ, "points/made/gateway": 20, "points/acknowledged": 900}
    assert progress({**begun, "points/acknowledged": 901}) != progress(begun)
    assert progress({**begun, "bus/plug/read": 501}) != progress(begun)
