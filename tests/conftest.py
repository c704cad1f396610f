"""A process zone far from UTC for all tests, and how hypothesis runs."""

import time

import pytest
from fhir_server import FhirStub
from hypothesis import settings

settings.register_profile("ci", derandomize=False, deadline=None)
settings.load_profile("ci")


@pytest.fixture(scope="session", autouse=True)
def _process_zone_is_not_utc():
    """Local time is five and three quarter hours ahead: mixing it up shows."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def stub():
    """A small FHIR server that can be told to fail."""
    server = FhirStub()
    yield server
    server.close()
