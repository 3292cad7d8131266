"""influxdb-client without what the service does not use; each test in a new process."""

import subprocess
import sys
from textwrap import dedent

import pytest

OURS = "from telemetry.sinks.influx.library import InfluxDBClient"
LOADED = """
def loaded():
    parts = ("influxdb_client.domain.", "influxdb_client.service.")
    real = {name for name, module in sys.modules.items() if "__file__" in vars(module)}
    return {name for name in real if name.startswith(parts)}
"""


def run(program: str, first: str = OURS) -> str:
    """What a new interpreter prints, with warnings as errors."""
    source = f"import sys\n{first}\n{LOADED}\n{dedent(program)}"
    command = [sys.executable, "-W", "error", "-c", source]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


def test_models_and_services_of_the_api_are_not_loaded() -> None:
    assert int(run("print(len(loaded()))")) < 20
    # By itself the library loads some 360.
    assert int(run("print(len(loaded()))", first="import influxdb_client")) > 300


def test_numpy_is_not_loaded_and_can_be_later() -> None:
    pytest.importorskip("numpy")
    assert (
        run("""
        before = "numpy" in sys.modules
        import numpy
        print(before, numpy.arange(3)[2])
    """)
        == "False 2"
    )


def test_another_thread_can_import_numpy_meanwhile() -> None:
    """As the source of an MF4 log does, whose asammdf needs it, while the sink imports the client."""
    pytest.importorskip("numpy")
    assert (
        run(
            """
            import threading

            def import_numpy():
                import numpy
                print(numpy.arange(3)[2])

            def meanwhile(event, arguments):
                if event == "import" and arguments[0] == "influxdb_client.client.write.point":
                    other = threading.Thread(target=import_numpy)
                    other.start()
                    other.join()

            sys.addaudithook(meanwhile)
            from telemetry.sinks.influx.library import InfluxDBClient
            """,
            first="",
        )
        == "2"
    )


def test_a_model_comes_when_it_is_used() -> None:
    assert run("""
        before = loaded()
        from influxdb_client import Bucket
        from influxdb_client.domain import Bucket as Again
        bucket = Bucket(name="fleet", retention_rules=[])
        print(*loaded() - before)
        print(bucket.name, Bucket.openapi_types["name"])
        print(isinstance(bucket, Bucket), isinstance(bucket, Again), isinstance("fleet", Bucket))
    """).splitlines() == ["influxdb_client.domain.bucket", "fleet str", "True True False"]


def test_a_model_can_be_inherited_from() -> None:
    assert (
        run("""
        from influxdb_client import Bucket
        class Mine(Bucket): pass
        from influxdb_client.domain.bucket import Bucket as Real
        print(issubclass(Mine, Real))
    """)
        == "True"
    )


def test_the_write_api_works_against_a_server() -> None:
    assert (
        run("""
        from influxdb_client import Point
        from influxdb_client.client.write_api import SYNCHRONOUS
        from tests.support.scripted_server import ScriptedServer
        with ScriptedServer() as server:
            client = InfluxDBClient(url=server.url, token="t", org="o")
            client.write_api(write_options=SYNCHRONOUS).write("b", record=Point("m").field("a", 1).time(7))
            client.close()
            print(server.requests[0].lines)
    """)
        == "[b'm a=1i 7']"
    )


def test_a_library_that_is_there_is_taken_as_it_is() -> None:
    assert (
        run(f"{OURS}\nprint(isinstance(influxdb_client.Bucket, type))", first="import influxdb_client")
        == "True"
    )
