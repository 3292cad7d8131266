"""What tests of a misbehaving server share."""

from collections.abc import Iterator

import pytest

from tests.support.client_rig import ClientRig
from tests.support.scripted_server import ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def rig(server: ScriptedServer, request: pytest.FixtureRequest) -> Iterator[ClientRig]:
    rig = ClientRig(server, **getattr(request, "param", {}))
    yield rig
    rig.client.close()
