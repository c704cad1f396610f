"""Group: identified measurements in, columnar batches of readings per slot out.

A slot is one event-time window (an hour; a day for types with a longer period) of one
shard of the patients. Readings that a correlation id ties together have no hour in
common: a shard has one slot for all of them. Readings of a batch are collected per
slot, and only these columns are windowed and shuffled: a fleet of any size is a few
keys per hour. Nothing is dropped for being late: bounded input has no lateness, and
within a slot the order of arrival does not matter. What cannot become an Observation
(no FHIR template, a Quantity that is no number) becomes a dead letter with the
normalized measurement.
"""

import dataclasses
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

import apache_beam as beam
from apache_beam.coders.coders import Coder, IntervalWindowCoder
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.transforms import window
from apache_beam.transforms.window import IntervalWindow, NonMergingWindowFn, WindowFn
from apache_beam.typehints.decorators import no_annotations
from apache_beam.utils.timestamp import MIN_TIMESTAMP, Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from transforms.admission import Admission
from transforms.dead_letters import fold, measurement_letter
from transforms.errors import RecordError
from transforms.fhir_mapping import FhirMapping
from transforms.instants import MINUTE
from transforms.model import (
    CORRELATED,
    DeadLetter,
    IdentifiedBatch,
    Identity,
    LetterBatch,
    Measurement,
    Slot,
    SlotReadings,
)
from transforms.observation import (
    identity_segment,
    observation_id,
    observation_identifier,
)
from transforms.readings import ReadingKind, to_record_batch

STAGE = "Group"

_MANY = 200_000
"""Readings that a worker collects before it hands them on."""


class Grouped(NamedTuple):
    """The outputs of `Group`."""

    readings: PCollection[tuple[int, Iterable[SlotReadings]]]
    dead_letters: PCollection[LetterBatch]


def shard_of(patient_id: str, shards: int) -> int:
    """The shard that owns a patient's slots; a fixed function of the id."""
    return zlib.crc32(patient_id.encode()) % shards


class SlotCollector:
    """Collects readings per shard and slot until they are drained.

    Args:
        mapping: the compiled FHIR mapping.
        shards: number of shards of the store.
        mapping_version: hash of the two mapping files.
    """

    def __init__(self, mapping: FhirMapping, shards: int, mapping_version: str) -> None:
        self._admission = Admission(mapping)
        self._medtech = mapping.rules.medtech
        self._shards = shards
        self._version = mapping_version
        self._rows: dict[tuple[int, Slot], list[tuple[Any, ...]]] = {}
        # The same lists by patient, so that not every reading hashes for its shard.
        self._by_patient: dict[tuple[str, int, int], list[tuple[Any, ...]]] = {}
        self.pending = 0
        """Readings collected and not drained yet."""

    def add(self, batch: IdentifiedBatch) -> list[DeadLetter]:
        """Collects a batch.

        Returns:
            The letters of the measurements that cannot become an Observation.
        """
        letters = []
        for measurement, identity in zip(*batch, strict=True):
            try:
                self._add(measurement, identity)
            except RecordError as error:
                letters.append(self._letter(error, measurement))
        return fold(letters)

    def _letter(self, error: RecordError, measurement: Measurement) -> DeadLetter:
        location = self._admission.location(measurement.type)
        return measurement_letter(STAGE, error, measurement, self._version, location)

    def _add(self, measurement: Measurement, identity: Identity) -> None:
        values, period_minutes, slot_minutes = self._admission.admit(measurement)
        occurred_at, correlation = measurement.occurred_at, measurement.correlation
        segment = identity_segment(
            occurred_at, period_minutes, correlation, self._medtech
        )
        patient_id, device_id, encounter_id, patient = identity
        identifier = observation_identifier(
            patient_id, device_id, measurement.type, segment
        )
        slot_start = (
            occurred_at - occurred_at % (slot_minutes * MINUTE)
            if slot_minutes > 0
            else CORRELATED.start
        )
        place = (patient_id, slot_start, slot_minutes)
        rows = self._by_patient.get(place)
        if rows is None:
            key = shard_of(patient_id, self._shards), Slot(slot_start, slot_minutes)
            rows = self._by_patient[place] = self._rows.setdefault(key, [])
        common = (
            observation_id(identifier),
            patient_id,
            measurement.patient or patient,
            device_id,
            measurement.device,
            encounter_id,
            correlation,
            measurement.record,
            occurred_at,
            measurement.tick,
            measurement.ended_at,
            measurement.utc_offset_minutes,
        )
        tail = (measurement.ingested_at, measurement.source)
        for kind, number, text, flag in values:
            rows.append((kind, *common, number, text, flag, *tail))
        self.pending += len(values)

    def drain(self) -> Iterator[SlotReadings]:
        """Hands out what was collected, one batch per shard and slot."""
        collected, self._rows, self.pending = self._rows, {}, 0
        self._by_patient = {}
        kinds: list[ReadingKind] = self._admission.kinds
        for (shard, slot), rows in collected.items():
            batch = to_record_batch(rows, kinds, self._version)
            yield SlotReadings(shard, slot, batch)


class _CollectSlots(beam.DoFn):
    """Collects across a bundle: fewer, larger batches go into the shuffle."""

    def __init__(self, mapping: FhirMapping, shards: int, mapping_version: str) -> None:
        self._settings = (mapping, shards, mapping_version)
        self._readings = Metrics.counter(STAGE, "Reading")
        self._measurements = Metrics.counter(STAGE, "Measurement")

    def start_bundle(self) -> None:
        self._collector = SlotCollector(*self._settings)

    def process(self, batch: IdentifiedBatch) -> Iterator[Any]:
        letters = self._collector.add(batch)
        lost = sum(letter.count for letter in letters)
        self._measurements.inc(len(batch.measurements) - lost)
        if letters:
            yield TaggedOutput("dead_letters", LetterBatch(letters))
        if self._collector.pending >= _MANY:
            yield from (value.value for value in self._drain())

    def finish_bundle(self) -> Iterator[Any]:
        yield from self._drain()

    def _drain(self) -> Iterator[WindowedValue]:
        self._readings.inc(self._collector.pending)
        for readings in self._collector.drain():
            yield WindowedValue(readings, MIN_TIMESTAMP, (window.GlobalWindow(),))


def _at_slot(readings: SlotReadings) -> window.TimestampedValue:
    keyed = readings.shard, readings
    return window.TimestampedValue(keyed, Timestamp(micros=readings.slot.start))


_FAR_MINUTES = 60
"""Length of the window of `CORRELATED`: any will do, no reading lies in it."""


class SlotWindows(NonMergingWindowFn):
    """The window of a batch of readings is its slot.

    That of `CORRELATED` begins where instants end. No watermark gets there before the
    input ends, so it is never late and never expires, however long a session lasts:
    on unbounded input only early firings hand its readings on, and the store brings
    them together with those that came before. Discarding panes leave nothing behind.
    """

    def assign(self, context: WindowFn.AssignContext) -> list[IntervalWindow]:
        """One window: the slot that the batch names."""
        _shard, readings = cast(tuple[int, SlotReadings], context.element)
        slot = readings.slot
        start = Timestamp(micros=slot.start)
        minutes = _FAR_MINUTES if slot == CORRELATED else slot.minutes
        return [IntervalWindow(start, start + minutes * 60)]

    def get_window_coder(self) -> Coder:
        """Slots are intervals."""
        return IntervalWindowCoder()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


@dataclasses.dataclass
class GroupByShardAndSlot(beam.PTransform):
    """Identified measurements to all new readings of each shard and slot.

    The readings' window is their slot, the key their shard; dead letters stay in the
    global window. Pane order and pane boundaries carry no meaning: the store upserts.

    Args:
        mapping: the compiled FHIR mapping.
        shards: number of shards of the store.
        mapping_version: hash of the two mapping files.
    """

    mapping: FhirMapping
    shards: int
    mapping_version: str

    @no_annotations  # Beam reads no NamedTuple of outputs
    def expand(self, measurements: PCollection[IdentifiedBatch]) -> Grouped:
        """Wires the stage."""
        collect = _CollectSlots(self.mapping, self.shards, self.mapping_version)
        collected = measurements | "CollectSlots" >> beam.ParDo(
            collect
        ).with_output_types(SlotReadings).with_outputs("dead_letters", main="readings")
        readings = (
            collected.readings
            | "AtSlot" >> beam.Map(_at_slot).with_output_types(tuple[int, SlotReadings])
            | "SlotWindows" >> beam.WindowInto(SlotWindows())
            | "ByShard" >> beam.GroupByKey()
        )
        return Grouped(readings, collected.dead_letters)
