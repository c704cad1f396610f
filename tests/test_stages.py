"""Each Beam stage on its own: both outputs, whole values, the real runner."""

import json
import time

import apache_beam as beam
import orjson
import pytest
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import GlobalWindow
from runs import VITAL_MONITOR
from walks import HEART_RATE, PULSES, fhir_template

from pipeline.fhir_settings import FhirServer
from pipeline.ingest import Ingest, build
from pipeline.mappings import load_mappings
from pipeline.message_files import slices_of
from pipeline.read_messages import ReadMessages
from pipeline.store import Store
from pipeline.upsert_files import Folder
from transforms import batch_coder  # noqa: F401 - as the main job does
from transforms.fhir_mapping import FhirMapping
from transforms.group import GroupByShardAndSlot, shard_of
from transforms.identify import Identify
from transforms.identity import MessageIdentities, resource_id
from transforms.intake import Intake
from transforms.lanes import WHOLE, Direct, Live
from transforms.model import (
    CORRELATED,
    IdentifiedBatch,
    Identity,
    Measurement,
    MeasurementBatch,
    MessageBatch,
)
from transforms.normalize import Normalize
from transforms.observe import Observe
from transforms.rules import MEDTECH

MAPPINGS = load_mappings(VITAL_MONITOR / "device.json", VITAL_MONITOR / "fhir.json")
WALKS = FhirMapping.from_json(
    json.dumps(
        {
            "templateType": "CollectionFhir",
            "template": [
                fhir_template("walk", -1, PULSES),
                fhir_template("heartrate", 0, HEART_RATE),
            ],
        }
    )
)
MEDTECHS = json.dumps(
    {
        "templateType": "CollectionFhir",
        "template": [
            fhir_template("walk", -1, {**HEART_RATE, "valueName": "pulse"}),
            fhir_template("heartrate", 60, HEART_RATE),
        ],
    }
)
EIGHT = 1_772_352_000_000_000  # 2026-03-01T08:00:00Z
HOUR = 3_600_000_000

PATIENT = resource_id("", "patient-1")
WATCH = resource_id("", "watch-7")


def measurement(**changes):
    fields = {
        "type": "heartrate",
        "occurred_at": EIGHT,
        "ended_at": None,
        "utc_offset_minutes": 0,
        "ingested_at": None,
        "device": "watch-7",
        "patient": "patient-1",
        "encounter": None,
        "correlation": None,
        "values": (("hr", "72"),),
        "source": "m:1",
    }
    return Measurement(**{**fields, **changes})


def identified(*measurements):
    identity = Identity(PATIENT, WATCH, None)
    return IdentifiedBatch(list(measurements), [identity] * len(measurements))


@pytest.fixture
def root():
    with TestPipeline(runner="FnApiRunner") as pipeline:
        yield pipeline


def causes(batch):
    return [(letter.stage, letter.error, letter.source) for letter in batch.letters]


def test_read_messages_emits_the_lines_of_its_slices(root, tmp_path):
    path = tmp_path / "m.ndjson"
    path.write_bytes(b'{"a":1}\n\n{"b":2}\n{"c":3}')
    messages = root | ReadMessages(list(slices_of(str(path), 9)))
    assert_that(
        messages | beam.FlatMap(lambda batch: zip(*batch[1:3], strict=True)),
        equal_to([(1, b'{"a":1}'), (3, b'{"b":2}'), (4, b'{"c":3}')]),
    )


def test_normalize_emits_measurements_and_letters(root):
    good = {
        "deviceId": "watch-7",
        "patientId": "patient-1",
        "measuredAt": "2026-03-01T08:00:00Z",
        "Heart Rate": 72,
    }
    batch = MessageBatch("m:", (1, 2, 3), (orjson.dumps(good), b"{", b'{"noise":1}'))
    done = root | beam.Create([batch]) | Normalize(MAPPINGS.device, Intake())
    assert_that(
        done.measurements, equal_to([MeasurementBatch([measurement()])]), "good"
    )
    letters = done.dead_letters | beam.FlatMap(causes)
    expected = [("Normalize", "InvalidDataFormatException", "m:2")]
    assert_that(letters, equal_to(expected), "letters")


def test_identify_emits_identities_and_letters(root):
    nobody = measurement(patient=" ", source="m:2")
    batch = MeasurementBatch([measurement(), nobody])
    done = root | beam.Create([batch]) | Identify(MessageIdentities(), "v")
    assert_that(done.measurements, equal_to([identified(measurement())]), "known")
    letters = done.dead_letters | beam.FlatMap(causes)
    expected = [("Identify", "ResourceIdentityNotDefinedException", "m:2")]
    assert_that(letters, equal_to(expected), "letters")


class _Seen(beam.DoFn):
    """What arrives per key and window: the values of the readings."""

    def process(self, element):
        key, batches = element
        texts = [
            text
            for batch in batches
            for text in batch.readings.column("value_text").to_pylist()
        ]
        yield key, sorted(texts)


def test_group_brings_the_readings_of_a_shard_and_slot_together(root):
    first = identified(
        measurement(), measurement(occurred_at=EIGHT + HOUR, values=(("hr", "80"),))
    )
    late = identified(
        measurement(occurred_at=EIGHT + HOUR - 1, values=(("hr", "75"),)),
        measurement(type="pulse", source="m:9"),
        measurement(values=(("hr", "x"),), source="m:10"),
    )
    done = (
        root | beam.Create([first, late]) | GroupByShardAndSlot(MAPPINGS.fhir, 4, "v")
    )
    shard = shard_of(PATIENT, 4)
    assert_that(
        done.lanes[""] | beam.ParDo(_Seen()),
        equal_to(
            [
                ((shard, EIGHT, 60), ["72", "75"]),
                ((shard, EIGHT + HOUR, 60), ["80"]),
            ]
        ),
        "readings",
    )
    letters = done.dead_letters | beam.FlatMap(causes)
    expected = [
        ("Group", "TemplateNotFoundException", "m:9"),
        ("Group", "InvalidQuantityFhirValueException", "m:10"),
    ]
    assert_that(letters, equal_to(expected), "letters")


def test_store_and_observe_hand_on_complete_observations(root, tmp_path):
    pressure = {"type": "bloodpressure", "occurred_at": EIGHT}
    sent_apart = [
        identified(measurement(**pressure, values=(("systolic", "121"),))),
        identified(measurement(**pressure, values=(("diastolic", "79"),))),
    ]
    grouped = (
        root | beam.Create(sent_apart) | GroupByShardAndSlot(MAPPINGS.fhir, 4, "v")
    )
    groups = grouped.lanes[""] | Store(Folder(str(tmp_path / "measurement")))
    observed = groups | Observe(MAPPINGS.fhir, "v", "")
    assert_that(
        observed.observations
        | beam.FlatMap(lambda batch: batch.resources)
        | beam.Map(orjson.loads)
        | beam.FlatMap(lambda observation: observation["component"])
        | beam.Map(lambda part: (part["code"]["text"], part["valueQuantity"]["value"])),
        equal_to([("systolic", 121), ("diastolic", 79)]),
    )


def walk(**changes):
    fields = {"type": "walk", "correlation": "s", "values": (("pulse", "90"),)}
    return measurement(**{**fields, **changes})


def test_sessions_have_one_slot_of_their_own_per_shard(root):
    batch = identified(
        walk(),
        walk(occurred_at=EIGHT + 30 * HOUR, correlation="t"),
        measurement(values=(("hr", "60"),)),
    )
    done = root | beam.Create([batch]) | GroupByShardAndSlot(WALKS, 4, "v")
    shard = shard_of(PATIENT, 4)
    assert_that(
        done.lanes[""] | beam.ParDo(_Seen()),
        equal_to(
            [
                ((shard, *CORRELATED), ["90", "90"]),
                ((shard, EIGHT, 60), ["60"]),
            ]
        ),
    )


def test_a_session_without_an_id_is_a_letter(root):
    batch = identified(walk(correlation=None), walk(correlation=" "))
    done = root | beam.Create([batch]) | GroupByShardAndSlot(WALKS, 4, "v")
    error = ("Group", "CorrelationIdNotDefinedException", "m:1")
    letters = done.dead_letters | beam.FlatMap(causes)
    assert_that(letters, equal_to([error, error]))


class _Windowed(beam.DoFn):
    def process(self, batch, window=beam.DoFn.WindowParam):
        for letter in batch.letters:
            yield type(window), letter.stage, letter.error, letter.source[:11]


@pytest.mark.parametrize("kind", [walk, measurement])
def test_what_may_not_stand_together_is_a_letter_of_no_slot(root, tmp_path, kind):
    mapping = FhirMapping.from_json(MEDTECHS, rules=MEDTECH)
    batch = identified(kind(), kind(occurred_at=EIGHT + 1), kind(device="other"))
    batch.identities[2] = Identity(PATIENT, "other", None)
    grouped = root | beam.Create([batch]) | GroupByShardAndSlot(mapping, 4, "v")
    groups = grouped.lanes[""] | Store(Folder(str(tmp_path)))
    observed = groups | Observe(mapping, "v", "")
    letters = observed.dead_letters | beam.ParDo(_Windowed())
    error = (GlobalWindow, "Observe", "InvalidQuantityFhirValueException")
    assert_that(letters, equal_to([(*error, "Observation")]), "letters")
    counts = observed.observations | beam.Map(
        lambda batch: (len(batch.ids), len(batch.removed), batch.rows.num_rows)
    )
    assert_that(counts, equal_to([(1, 1, 1)]), "observations")


TOP = {
    "ReadMessages",
    "Normalize",
    "Identify",
    "Group",
    "Observe",
    "WriteFhir1",
    "WriteFhirServer1",
    "WriteObservations",
}


@pytest.mark.parametrize(
    ("lanes", "more"),
    [
        (WHOLE, {"Store", "Flatten", "WriteDeadLetters"}),
        (
            Live(30, time.time),
            {
                *("StoreHours", "StoreDays", "StoreBeside"),
                *("OutOfSlots1", "OutOfSlots2", "OutOfSlots3", "FromAllLanes"),
                *("Flatten", "WriteDeadLetters"),
            },
        ),
        (Direct(), {"Store", *(f"WriteDeadLetters{number}" for number in range(1, 6))}),
    ],
)
def test_labels_are_stable(lanes, more):
    """Renaming a transform breaks a running streaming job: say so in CHANGELOG.md."""
    pipeline = beam.Pipeline(runner="FnApiRunner")
    job = Ingest(
        device_mapping=MAPPINGS.device,
        fhir_mapping=MAPPINGS.fhir,
        intake=Intake(),
        device_system="",
        shards=4,
        parquet=Folder("p"),
        fhir=(Folder("f"),),
        dead_letters=Folder("d"),
        servers=(FhirServer(base="https://server/fhir"),),
        lanes=lanes,
    )
    build(pipeline, job, ReadMessages([], distribute=True))
    assert {label.partition("/")[0] for label in pipeline.applied_labels} == TOP | more
