"""Walks with a correlation id, their mapping, and the chain without Beam."""

import datetime
import hashlib
import json

from pipeline.resource_files import save_resources
from pipeline.slot_files import slot_file
from pipeline.store import store
from pipeline.upsert_files import Folder
from pipeline.write_observations import write_rows
from transforms.dead_letters import merge
from transforms.fhir_mapping import FhirMapping
from transforms.group import SlotCollector
from transforms.identify import identify
from transforms.identity import MessageIdentities
from transforms.model import Measurement
from transforms.observe import Observer
from transforms.readings import to_table

SERVICE = "https://azure.microsoft.com/en-us/services/iomt-fhir-connector/"
MIDNIGHT = 1_772_409_600_000_000  # 2026-03-02T00:00:00Z


def token(name, **more):
    return {"valueName": name, "valueExpression": f"$.matchedToken.{name}", **more}


def device_template(type_name, *names, **more):
    return {
        "templateType": "CalculatedContent",
        "template": {
            "typeName": type_name,
            "typeMatchExpression": f"$..[?(@{names[0]})]",
            "deviceIdExpression": "$.matchedToken.device",
            "patientIdExpression": "$.matchedToken.patient",
            "encounterIdExpression": "$.matchedToken.visit",
            "timestampExpression": "$.matchedToken.time",
            "values": [token(name) for name in names],
            **more,
        },
    }


DEVICE = {
    "templateType": "CollectionContent",
    "template": [
        device_template(
            "walk", "pulse", "note", correlationIdExpression="$.matchedToken.session"
        ),
        device_template("heartrate", "hr"),
    ],
}


def fhir_template(type_name, period, value, *components):
    return {
        "templateType": "CodeValueFhir",
        "template": {
            "typeName": type_name,
            "periodInterval": period,
            "codes": [{"code": type_name, "system": "urn:x", "display": type_name}],
            "value": value,
            "components": [{"codes": [], "value": each} for each in components],
        },
    }


PULSES = {
    "valueType": "SampledData",
    "valueName": "pulse",
    "defaultPeriod": 600_000,
    "unit": "/min",
}
HEART_RATE = {"valueType": "Quantity", "valueName": "hr", "unit": "/min"}
NOTE = {"valueType": "String", "valueName": "note"}
FHIR = {
    "templateType": "CollectionFhir",
    "template": [
        fhir_template("walk", -1, PULSES, NOTE),
        fhir_template("heartrate", 0, HEART_RATE),
    ],
}
MAPPING = FhirMapping.from_json(json.dumps(FHIR))


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def iso(instant):
    moment = datetime.datetime.fromtimestamp(instant / 1e6, datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def enveloped(body, enqueued):
    return {"Body": body, "SystemProperties": {"x-opt-enqueued-time": iso(enqueued)}}


class Chain:
    """Collects, stores, observes and writes as the stages do.

    A thousandth of the time of a run: laws can be tried on many messages.
    """

    def __init__(self, root, mapping=MAPPING, shards=1):
        self.mapping, self.shards = mapping, shards
        self.measurement = Folder(f"{root}/measurement")
        self.observation = Folder(f"{root}/observation")
        self.fhir = Folder(f"{root}/fhir")
        self.letters = {}

    def run(self, measurements):
        collector = SlotCollector(self.mapping, self.shards, "v")
        known, lost = identify(measurements, MessageIdentities(), "v")
        assert not lost
        assert not collector.add(known)
        observer = Observer(self.mapping, "v", "")
        for shard, slot, readings in collector.drain():
            stored = store(self.measurement, slot, shard, to_table([readings]))
            batches, letters = observer.observe(stored.groups)
            for batch in batches:
                self.write(batch)
            for letter in letters:
                known = self.letters.get(letter.id)
                again = letter if known is None else merge(known, letter)
                self.letters[letter.id] = again

    def write(self, batch):
        where = batch.slot, batch.shard
        lines = dict(zip(batch.ids, batch.resources, strict=True))
        name = slot_file(*where, ".ndjson", batch.date)
        save_resources(self.fhir, name, lines, removed=batch.removed)
        name = slot_file(*where, ".parquet", batch.date)
        write_rows(self.observation, name, batch.rows, batch.removed)


def step(at, **changes):
    fields = {
        "type": "walk",
        "occurred_at": at,
        "ended_at": None,
        "utc_offset_minutes": 0,
        "ingested_at": None,
        "device": "d",
        "patient": "p",
        "encounter": None,
        "correlation": "s",
        "values": (("pulse", "72"),),
        "source": "m:1",
    }
    return Measurement(**{**fields, **changes})
