"""Merging into Observations of a real server while the MedTech service writes too.

The other writer does what MedTech does: read the Observation, put its samples in, write
it back if it still is the version that was read, else look again.
"""

import json
import random
import threading

import orjson
import pytest
import tenacity
from fault_proxy import FaultProxy
from fhir_r4 import assert_valid
from runs import FLEET, resources

from benchmarks.fleet import generate
from pipeline import fhir_identities, fhir_shells
from pipeline.__main__ import main
from pipeline.fhir_draft import Outgoing
from pipeline.fhir_settings import FhirServer
from pipeline.fhir_writer import ServerWriter
from transforms.fhir_mapping import FhirMapping
from transforms.identity import resource_id
from transforms.observation import Mould
from transforms.observation_value import Reading
from transforms.rules import MEDTECH
from transforms.shells import device_shell, patient_shell

SEED = 5
NINE = 1_546_333_200_000_000  # 2019-01-01T09:00:00Z
MINUTE = 60_000_000
HOURS = 40
CELLS = 60
"""Minutes of an hour: even ones are ours, odd ones MedTech's."""

ANN, D = resource_id("", "merge-ann"), resource_id("", "merge-d")
SHELLS = {
    ("Patient", ANN): orjson.dumps(patient_shell(ANN, "merge-ann")),
    ("Device", D): orjson.dumps(device_shell(D, "", "merge-d", ANN)),
}
VALUE = {
    "valueType": "SampledData",
    "valueName": "hr",
    "unit": "/min",
    "defaultPeriod": 60_000,
}
TEMPLATE = {"typeName": "t", "codes": [], "periodInterval": 60, "value": VALUE}
MAPPING = FhirMapping.from_json(
    json.dumps(
        {
            "templateType": "CollectionFhir",
            "template": [{"templateType": "CodeValueFhir", "template": TEMPLATE}],
        }
    ),
    rules=MEDTECH,
)
MOULD = Mould(MAPPING.templates["t"], "t", "v", MEDTECH)


def name(hour):
    return f"merge-{hour}"


def reading(hour, minute, value):
    return Reading(
        observation_id=name(hour),
        patient_id=ANN,
        device_id=D,
        encounter_id=None,
        correlation_id=None,
        record_id=None,
        type="t",
        value_name="hr",
        occurred_at=NINE + (hour * 60 + minute) * MINUTE,
        occurred_tick=0,
        ended_at=None,
        utc_offset_minutes=0,
        value=None,
        value_text=str(value),
        flag=None,
        ingested_at=None,
    )


def made(hour, samples):
    readings = [reading(hour, *one) for one in sorted(samples.items())]
    return MOULD.fill(readings)[0], readings


class MedTech:
    """The other writer, in the proxy: faster than the Bundle that is passed on."""

    def __init__(self, hapi):
        self.hapi = hapi
        self.samples = {hour: {} for hour in range(HOURS)}
        self.chance = random.Random(SEED)
        self.lock = threading.Lock()
        self.between = 0
        """How often it has written between our read and our write."""

    def __call__(self, bundle):
        with self.lock:
            for entry in bundle["entry"]:
                request = entry["request"]
                if request["method"] == "PUT" and "merge-" in request["url"]:
                    hour = int(request["url"].rpartition("-")[2])
                    self.write(hour, self.chance.randrange(1, CELLS, 2))
                    self.between += 1

    def write(self, hour, minute):
        self.samples[hour][minute] = value = self.chance.randrange(100, 200)
        for _ in range(20):
            found = self.hapi.get(f"Observation/{name(hour)}")
            if found.status_code == 404:
                written = self.hapi.put(json.loads(made(hour, {minute: value})[0]))
            else:
                document = found.json()
                cells = document["valueSampledData"]["data"].split(" ")
                cells[minute] = str(value)
                document["valueSampledData"]["data"] = " ".join(cells)
                document["status"] = "amended"
                version = document["meta"]["versionId"]
                written = self.hapi._session.put(
                    f"{self.hapi.base}/Observation/{name(hour)}",
                    json=document,
                    headers={
                        "If-Match": f'W/"{version}"',
                        "Content-Type": "application/fhir+json",
                    },
                )
            if written.status_code in (200, 201):
                return
        raise AssertionError(written.text)


def test_no_sample_of_either_is_lost(hapi, monkeypatch):
    short = tenacity.wait_random_exponential(multiplier=0.02, max=0.3)
    monkeypatch.setattr("pipeline.fhir_client._jitter", short)
    for shell in SHELLS.values():
        hapi.put(orjson.loads(shell)).raise_for_status()
    medtech = MedTech(hapi)
    proxy = FaultProxy(hapi.base, SEED, share=0.5, late_s=1.2, other_writer=medtech)
    server = FhirServer(
        base=proxy.base, merge=True, bundle_size=5, timeout_s=0.9, retry_s=60
    )
    chance = random.Random(SEED)
    ours = {hour: {} for hour in range(HOURS)}
    for hour in range(0, HOURS, 2):
        medtech.write(hour, 1)
    for turn in range(200):
        if turn >= 30 and medtech.between >= 30:  # which requests fail is a race
            break
        # A worker that is replaced by another in the middle of its slots.
        writer = ServerWriter(server, "v", MAPPING)
        outgoing = []
        for hour in chance.sample(range(HOURS), 12):
            for _ in range(3):
                ours[hour][chance.randrange(0, CELLS, 2)] = chance.randrange(40, 99)
            body, readings = made(hour, ours[hour])
            outgoing.append(Outgoing(name(hour), body, readings))
        assert writer.write(outgoing, SHELLS).letters == []
    proxy.close()
    assert medtech.between >= 30
    for hour in range(HOURS):
        expected = {**medtech.samples[hour], **ours[hour]}
        if not expected:
            continue
        found = hapi.get(f"Observation/{name(hour)}").json()
        cells = found["valueSampledData"]["data"].split(" ")
        assert {n: int(t) for n, t in enumerate(cells) if t != "E"} == expected
        assert len(cells) == CELLS
        found.pop("meta")
        assert_valid(found)


@pytest.mark.parametrize("mode", ["usual", "medtech"])
def test_a_run_merges_into_what_medtech_has_left(hapi, tmp_path, mode):
    """In mid-hour: what came before the migration stays, what comes after is added."""
    hapi.wipe()
    for module in (fhir_identities, fhir_shells):
        module._memory_of.cache_clear()
    lines = list(generate(1_000, seed=31))
    before, after = tmp_path / "before.ndjson", tmp_path / "after.ndjson"
    before.write_bytes(b"".join(lines[:600]))
    after.write_bytes(b"".join(lines[600:]))
    whole = tmp_path / "whole.ndjson"
    whole.write_bytes(b"".join(lines))
    compat = ["--compat=medtech"] if mode == "medtech" else []

    def run(messages, out, *flags):
        mapping = [
            f"--{kind}_mapping={FLEET / kind}.json" for kind in ("device", "fhir")
        ]
        arguments = [*mapping, f"--messages={messages}", f"--out={tmp_path / out}"]
        assert main(["run", *arguments, *compat, *flags]) in (0, 1)

    # Two stores that know nothing of each other, as MedTech's and ours.
    run(before, "theirs", f"--fhir={hapi.base}")
    run(after, "ours", f"--fhir={hapi.base}", "--fhir_merge")
    run(whole, "both", f"--fhir={tmp_path / 'both'}/fhir")
    expected = resources(tmp_path / "both")
    found = hapi.everything("Observation")
    assert set(found) == set(expected)
    sampled = 0
    for key, one in found.items():
        assert values_of(one) == values_of(expected[key])
        sampled += "valueSampledData" in one
    assert sampled > 10


def values_of(observation):
    return {
        element: observation[element]
        for element in ("valueQuantity", "valueSampledData", "component")
        if element in observation
    }
