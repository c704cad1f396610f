"""Failures leave no cyclic garbage: a local run collects it only after a slice."""

import gc

import orjson
import pytest
from runs import VITAL_MONITOR

from pipeline.mappings import load_mappings
from transforms.group import SlotCollector
from transforms.identify import identify
from transforms.identity import MessageIdentities
from transforms.intake import Intake
from transforms.model import MessageBatch
from transforms.normalize import normalize

MAPPINGS = load_mappings(VITAL_MONITOR / "device.json", VITAL_MONITOR / "fhir.json")

GOOD = {
    "deviceId": "watch-7",
    "patientId": "patient-1",
    "measuredAt": "2026-03-01T08:00:00Z",
    "Heart Rate": 72,
}


@pytest.mark.parametrize(
    "flaw",
    [
        {"measuredAt": "yesterday"},
        {"measuredAt": None},
        {"deviceId": {}},
        {"Heart Rate": "high"},
        {"patientId": None},
    ],
    ids=lambda flaw: next(iter(flaw)),
)
def test_a_failure_keeps_nothing_of_its_batch(flaw):
    payloads = tuple(orjson.dumps({**GOOD, **change}) for change in ({}, flaw, {}))

    def handle():
        batch = MessageBatch("m:", (1, 2, 3), payloads)
        normalized = normalize(batch, MAPPINGS.device, Intake())
        known, lost = identify(normalized.measurements, MessageIdentities(), "v")
        letters = SlotCollector(MAPPINGS.fhir, 1, "v").add(known)
        return len([*normalized.dead_letters, *lost, *letters])

    handle()  # what is made once, such as caches, is no garbage
    gc.collect()
    gc.disable()
    try:
        assert handle() == 1
        assert gc.collect() == 0
    finally:
        gc.enable()
