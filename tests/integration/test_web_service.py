"""The page's server in a service that runs: the same values as the status, true health, and one address."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.gateway import Gateway, bus_at
from tests.support.scripted_server import ScriptedServer, answer
from tests.support.seqpacket import FrameListener
from tests.support.web import WebClient, get
from tests.support.web_gateway import WebGateway, pack_power, web_gateway


@pytest.fixture
def service(tmp_path: Path) -> Iterator[WebGateway]:
    with web_gateway(tmp_path) as made:
        yield made


def test_live_values_metrics_and_health_are_those_of_the_service(service: WebGateway) -> None:
    sent = service.listener.send([pack_power(98.76)] * 3000)
    service.gateway.wait_for_account("frames/bus/decoded", sent)
    service.gateway.wait_for_account("points/acknowledged")
    status = service.gateway.status()
    assert status["state"]["web"] == service.url
    live = get(service.url, "/api/live").json()
    assert live["packs"][0]["battery"] == {"voltage_v": 98.76}
    assert live["sources"][0]["read"] == sent
    assert set(live) == set(status["live"])
    metrics = get(service.url, "/metrics")
    assert metrics.fields["content-type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(metrics.body.decode())}
    (read,) = families["nev_telemetry_frames_read"].samples
    assert (read.labels, read.value) == ({"source": "bus"}, sent)
    requests = families["nev_telemetry_sink_request_duration_seconds"].samples
    assert next(sample.value for sample in requests if sample.name.endswith("_count")) >= 1.0
    assert get(service.url, "/healthz").status == 200
    assert get(service.url, "/readyz").json() == {"ok": True, "reasons": [], "notes": []}
    assert service.gateway.terminate() == 0, service.gateway.output()


def test_the_load_of_a_bus_is_measured_by_the_bit_rate_that_is_configured_at_the_moment(
    tmp_path: Path,
) -> None:
    def loaded(service: WebGateway, load_of_a_frame_pct: float) -> bool:
        service.listener.send([pack_power(98.0)] * 20)
        (source,) = get(service.url, "/api/live").json()["sources"]
        if not source["bus_load_pct"]:
            return False
        wanted = source["frames_per_s"] * load_of_a_frame_pct
        return bool(source["bus_load_pct"] == pytest.approx(wanted, rel=0.001, abs=0.06))

    bits = 111 + 98 // 12  # of a frame of 8 bytes: tests/unit/core/frames/test_traffic.py
    with web_gateway(tmp_path, "bitrate = 500000\n") as service:
        service.gateway.wait_for(lambda: loaded(service, bits / 500_000 * 100))
        config = service.gateway.config
        config.write_text(config.read_text().replace("bitrate = 500000", "bitrate = 250000"))
        assert service.gateway.process is not None
        service.gateway.process.send_signal(signal.SIGHUP)
        service.gateway.wait_for(lambda: loaded(service, bits / 250_000 * 100))
        assert "source_lost" not in service.gateway.output()
        config.write_text(config.read_text().replace("bitrate = 250000\n", ""))
        service.gateway.process.send_signal(signal.SIGHUP)
        service.gateway.wait_for(
            lambda: get(service.url, "/api/live").json()["sources"][0]["bus_load_pct"] is None
        )
        assert service.gateway.terminate() == 0, service.gateway.output()


def test_values_are_pushed_and_the_past_is_kept(service: WebGateway) -> None:
    with WebClient(service.url) as client:
        client.ask("/events")
        assert client.read_head()[0] == 200
        events = client.events()
        service.listener.send([pack_power(98.0)])
        reported = (live for name, live in events if name == "live" and live["packs"])
        assert next(reported)["packs"][0]["battery"]["voltage_v"] == 98.0
        service.listener.send([pack_power(97.0)])
        next(live for live in reported if live["packs"][0]["battery"]["voltage_v"] == 97.0)
    service.gateway.wait_for(lambda: get(service.url, "/api/history").json()["packs"])
    (pack,) = get(service.url, "/api/history").json()["packs"]
    assert pack["pack"] == "main"
    assert {98.0, 97.0} & set(pack["voltage_v"])


def test_the_token_is_in_no_answer(tmp_path: Path) -> None:
    secret = "canary-5f1c0a"
    (tmp_path / "token").write_text(secret)
    (tmp_path / "token").chmod(0o600)
    with FrameListener(tmp_path / "bus.sock") as listener, ScriptedServer() as server:
        server.script(*[answer(401, body=f"unauthorized: {secret}".encode())] * 1000)
        influx = (
            f'[influx]\nurl = "{server.url}"\napi = "v2"\norg = "o"\nbucket = "b"\n'
            f'token_file = "{tmp_path}/token"\n'
        )
        with Gateway(tmp_path, influx, bus_at(tmp_path), web="127.0.0.1:0") as gateway:
            gateway.start()
            listener.accept()
            listener.send([pack_power(1.0)] * 10)
            gateway.wait_for(lambda: page_of(gateway).startswith("http://"))
            url = page_of(gateway)
            gateway.wait_for(lambda: get(url, "/api/live").json()["gauges"]["sink_held"])
            for path in ("/", "/api/live", "/api/history", "/metrics", "/healthz", "/readyz"):
                reply = get(url, path)
                assert secret not in str(reply.fields) + reply.body.decode()
            assert get(url, "/readyz").status == 200
            assert "the server refuses everything" in get(url, "/readyz").json()["notes"][0]


def page_of(gateway: Gateway) -> str:
    return str(gateway.status()["state"]["web"])
