"""Real servers and the official validator.

hapi        a FHIR server in memory that all tests of a session share
start_hapi  starts a server of the test's own, with other properties
validator   HL7's validator, over many resources at once
java        skips the test without Java and Maven, or fails it if `CI` is set

`python -m pytest tests/integration` runs what stands here; plain `pytest` does not.
"""

import pytest
from servers import HapiServer, require_java, validate


@pytest.fixture(scope="session")
def java():
    require_java()


@pytest.fixture(scope="session")
def hapi(java, tmp_path_factory):
    """A server with referential integrity that takes ids of clients.

    What other tests left in it is there: call `wipe` first, or use ids of your own.
    """
    with HapiServer.start(tmp_path_factory.mktemp("hapi")) as server:
        yield server


@pytest.fixture
def start_hapi(java, tmp_path_factory):
    """Starts servers that end with the test; takes the properties of `HapiServer`."""
    servers = []

    def start(**properties):
        folder = tmp_path_factory.mktemp("hapi")
        servers.append(HapiServer.start(folder, **properties))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def validator(java, tmp_path_factory):
    """Takes resources and returns HL7's errors; each call costs a start of the JVM."""

    def judge(resources, *, vitals=True):
        folder = tmp_path_factory.mktemp("validator")
        return validate(resources, folder, vitals=vitals)

    return judge
