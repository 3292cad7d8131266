"""A real Telegraf as a peer: it takes what we send, reads our metrics, and reads files of `--format lp`."""

from pathlib import Path

import pytest

from telemetry.__main__ import main
from tests.support.telegraf import Telegraf, points_of
from tests.support.waiting import wait_until
from tests.support.web import get
from tests.support.web_gateway import pack_power, web_gateway

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]  # it is compiled once
ROOT = Path(__file__).parents[2]
LOG = ROOT / "examples/charge.log"
DATABASE = ROOT / "firmware_sim/wire/vehicle.dbc"


def decoded(file: Path) -> bytes:
    """Return what `decode --format lp` makes of the log."""
    assert main(["decode", str(LOG), "--dbc", str(DATABASE), "--format", "lp", "-o", str(file)]) == 0
    return file.read_bytes()


def wait_for_points(telegraf: Telegraf, count: int) -> None:
    wait_until(lambda: telegraf.points().total() >= count)


@pytest.mark.parametrize(
    ("plugin", "ready_path", "options"),
    [
        ("influxdb_listener", "/ping", ["--database", "fleet"]),
        ("influxdb_v2_listener", "/api/v2/ready", ["--org", "fleet", "--bucket", "fleet"]),
    ],
)
def test_a_listener_of_telegraf_takes_what_we_send_field_for_field(
    tmp_path: Path, plugin: str, ready_path: str, options: list[str]
) -> None:
    sent = points_of(decoded(tmp_path / "log.lp"))
    telegraf = Telegraf(tmp_path, f'[[inputs.{plugin}]]\nservice_address = "127.0.0.1:{{port}}"\n')
    with telegraf.listening(ready_path) as server:
        command = ["decode", str(LOG), "--dbc", str(DATABASE), "--format", "influx", "--url", server.url]
        assert main([*command, *options, "--spool", str(tmp_path / "spool")]) == 0
        wait_for_points(telegraf, sent.total())
    assert telegraf.points() == sent


def test_telegraf_reads_the_lines_of_decode_from_a_file(tmp_path: Path) -> None:
    written = points_of(decoded(tmp_path / "log.lp"))
    telegraf = Telegraf(
        tmp_path, f'[[inputs.file]]\nfiles = ["{tmp_path / "log.lp"}"]\ndata_format = "influx"\n'
    )
    with telegraf.running():
        wait_for_points(telegraf, written.total())
    assert set(telegraf.points()) == set(written)


def test_telegraf_reads_the_metrics_of_a_service(tmp_path: Path) -> None:
    (tmp_path / "telegraf").mkdir()
    with web_gateway(tmp_path) as service:
        sent = service.listener.send([pack_power(98.0)] * 700)
        service.gateway.wait_for_account("frames/bus/decoded", sent)
        service.gateway.wait_for(lambda: f"}} {sent}.0" in get(service.url, "/metrics").body.decode())
        inputs = f'[[inputs.prometheus]]\nurls = ["{service.url}metrics"]\nmetric_version = 2\n'
        telegraf = Telegraf(tmp_path / "telegraf", inputs)
        with telegraf.running():
            wait_for_points(telegraf, 1)
    read = {
        value
        for _, tags, field, value, _ in telegraf.points()
        if field == "nev_telemetry_frames_read_total" and ("source", "bus") in tags
    }
    assert read == {float(sent)}
