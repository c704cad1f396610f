"""Nothing is lost and nothing doubled, whatever goes wrong on the way to the server.

A proxy that lets a third of all requests go wrong stands before a real server, and
several writers send it more than a thousand Bundles of new and changed Observations.
"""

import random
import threading
from collections import Counter

import orjson
import pytest
import tenacity
from fault_proxy import KINDS, FaultProxy

from pipeline.fhir_draft import Outgoing
from pipeline.fhir_errors import FhirUnavailableError
from pipeline.fhir_settings import FhirServer
from pipeline.fhir_writer import ServerWriter
from transforms.identity import resource_id
from transforms.shells import device_shell, patient_shell

SEED = 20261125
WRITERS = 4
ROUNDS = 110
"""Times that each writer has something to write."""
BUNDLE = 4
"""Entries of a Bundle: small, so that there are many."""
LATE_S = 1.2
SERVICE = "https://azure.microsoft.com/en-us/services/iomt-fhir-connector/"


def observation(owner, number, value):
    name = f"faults-{owner}-{number}"
    patient = resource_id("", f"patient-{owner}")
    return {
        "resourceType": "Observation",
        "id": name,
        "identifier": [{"system": SERVICE, "value": f"i.{name}"}],
        "status": "final",
        "code": {"text": "hr"},
        "subject": {"reference": f"Patient/{patient}"},
        "device": {"reference": f"Device/{resource_id('', f'device-{owner}')}"},
        "effectiveDateTime": "2026-03-01T07:14:55Z",
        "valueQuantity": {"value": value},
    }


def shells(owner):
    patient, device = f"patient-{owner}", f"device-{owner}"
    patient_id, device_id = resource_id("", patient), resource_id("", device)
    return {
        ("Patient", patient_id): orjson.dumps(patient_shell(patient_id, patient)),
        ("Device", device_id): orjson.dumps(
            device_shell(device_id, "", device, patient_id)
        ),
    }


class Owner(threading.Thread):
    """A worker that owns some Observations, writes them and changes its mind."""

    def __init__(self, number, server):
        super().__init__()
        self.number = number
        self.chance = random.Random(SEED + number)
        self.server = server
        self.latest = {}
        self.versions = Counter()
        self.letters = []
        self.retried_by_runner = 0
        self.error = None

    def run(self):
        try:
            for _ in range(ROUNDS):
                self._write_some()
        except BaseException as error:
            self.error = error

    def _write_some(self):
        changed = {}
        for _ in range(self.chance.randrange(1, 20)):
            number, value = self.chance.randrange(120), self.chance.randrange(3)
            document = observation(self.number, number, value)
            changed[document["id"]] = document
        outgoing = [Outgoing(n, orjson.dumps(doc)) for n, doc in changed.items()]
        while True:
            # A runner would repeat the bundle, perhaps in another process.
            writer = ServerWriter(self.server, "v")
            try:
                written = writer.write(outgoing, shells(self.number))
                break
            except FhirUnavailableError:
                self.retried_by_runner += 1
        self.letters += written.letters
        for name, document in changed.items():
            self.versions[name] += self.latest.get(name) != document
            self.latest[name] = document


@pytest.mark.parametrize("ids", ["client", "server"])
def test_nothing_is_lost_and_nothing_doubled(hapi, ids, monkeypatch):
    hapi.wipe()
    short = tenacity.wait_random_exponential(multiplier=0.02, max=0.3)
    monkeypatch.setattr("pipeline.fhir_client._jitter", short)
    proxy = FaultProxy(hapi.base, SEED, share=0.33, late_s=LATE_S)
    server = FhirServer(
        base=proxy.base,
        ids=ids,
        bundle_size=BUNDLE,
        connections=2,
        timeout_s=LATE_S - 0.4,
        retry_s=30,
    )
    owners = [Owner(number, server) for number in range(WRITERS)]
    for owner in owners:
        owner.start()
    for owner in owners:
        owner.join()
    proxy.close()
    assert [owner.error for owner in owners] == [None] * WRITERS
    assert [owner.letters for owner in owners] == [[]] * WRITERS
    assert proxy.counts["bundles"] >= 1_000
    assert all(proxy.counts[kind] > 5 for kind in KINDS if kind != "another writer")
    expected = {name: doc for owner in owners for name, doc in owner.latest.items()}
    assert stored(hapi) == {
        doc["identifier"][0]["value"]: doc["valueQuantity"]["value"]
        for doc in expected.values()
    }
    for kind in ("Patient", "Device"):
        assert len(hapi.everything(kind)) == WRITERS
    if ids == "client":
        assert hapi.everything("Observation") == expected


def stored(hapi):
    """Values by identifier; each identifier once."""
    found = hapi.everything("Observation").values()
    values = [
        (one["identifier"][0]["value"], one["valueQuantity"]["value"]) for one in found
    ]
    assert len(dict(values)) == len(values), "an Observation is there twice"
    return dict(values)
