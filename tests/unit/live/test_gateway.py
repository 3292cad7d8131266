from telemetry import __version__
from telemetry.live.gateway import HourlyRate, describe, gateway_lines
from telemetry.model.measurements import GATEWAY

COUNTERS = {
    "bus/can0/read": 10,
    "frames/can0/decoded": 8,
    "frames/can0/lost/error_frame": 1,
    "points/made/Pack": 8,
    "points/acknowledged": 5,
}


def test_one_point_for_the_service_and_one_for_each_source() -> None:
    whole, source = gateway_lines("van", 7, COUNTERS, {"points_waiting_memory": 3, "spool_volatile": False})
    assert whole == (
        b"gateway,vehicle=van points_made=8,points_acknowledged=5,points_reduced=0,points_evicted=0,"
        b'points_damaged=0,points_dead=0,points_waiting_memory=3,spool_volatile=false,version="%b" 7'
        % __version__.encode()
    )
    assert source == b"gateway,source=can0,vehicle=van read=10,decoded=8,lost_error_frame=1,in_flight=1 7"


def test_every_field_is_one_of_the_data_model() -> None:
    known = {field.name for field in GATEWAY.fields}
    for line in gateway_lines("van", 7, COUNTERS, {}):
        fields = [pair.split(b"=")[0].decode() for pair in line.split(b" ")[1].split(b",")]
        assert {"lost_REASON" if name.startswith("lost_") else name for name in fields} <= known


def test_a_rate_is_of_the_past_hour() -> None:
    rate = HourlyRate()
    assert rate.add(0.0, 0.0) == 0.0
    assert rate.add(1800.0, 50.0) == 100.0
    assert rate.add(3600.0, 100.0) == 100.0
    assert rate.add(5400.0, 100.0) == 50.0
    assert rate.add(9000.0, 100.0) == 0.0


def test_the_status_holds_accounts_gauges_and_states() -> None:
    status = describe("van", COUNTERS, {"cpu_s": 1.0}, {"sink": "API v1"})
    assert status == {
        "vehicle": "van",
        "accounts": dict(sorted(COUNTERS.items())),
        "gauges": {"cpu_s": 1.0},
        "state": {"sink": "API v1"},
    }
