"""Group: identified measurements in, columnar batches of readings per slot out.

A slot is one event-time window (an hour; a day for types with a longer period) of one
shard of the patients. Readings that a correlation id ties together have no hour in
common: a shard has one slot for all of them. Readings of a batch are collected per
slot, and only these columns are windowed and shuffled: a fleet of any size is a few
keys per hour. Nothing is dropped for being late (see `lanes`), and within a slot the
order of arrival does not matter. What cannot become an Observation (no FHIR template, a
Quantity that is no number, a time that cannot be) becomes a dead letter with the
normalized measurement.
"""

import dataclasses
import itertools
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.transforms import window
from apache_beam.typehints.decorators import no_annotations
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from apache_beam.utils.windowed_value import WindowedValue

from transforms.admission import Admission
from transforms.collected import PARTS, Collected, columns_of
from transforms.dead_letters import fold, measurement_letter
from transforms.errors import ImplausibleTimestampError, RecordError
from transforms.fhir_mapping import FhirMapping
from transforms.instants import MINUTE
from transforms.lanes import WHOLE, ByLane, Travel
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
from transforms.readings import to_record_batch

STAGE = "Group"

_MANY = 65_536
"""Readings that a worker collects before it hands them on."""

_AT_ONCE = 8_192
"""Readings, at least, that become columns together: slots of few readings share what
columns cost, and long texts do not fill an Arrow column, which holds 2 GiB."""


class Grouped(NamedTuple):
    """The outputs of `Group`."""

    lanes: ByLane
    """Each in windows of its own."""
    dead_letters: PCollection[LetterBatch]


class Limits(NamedTuple):
    """How far from its ingestion a reading may have occurred; None: any time."""

    older: int | None = None
    """Microseconds."""
    ahead: int | None = None
    """Microseconds."""

    def check(self, measurement: Measurement) -> None:
        """Compares the message's own times, never the clock.

        Raises:
            ImplausibleTimestampError: the reading is too old, or from the future.
        """
        ingested_at = measurement.ingested_at
        if ingested_at is None:
            return
        age = ingested_at - measurement.occurred_at
        if self.older is not None and age > self.older:
            msg = "the reading was too old for this run when it reached the broker"
            hint = (
                "set the device's clock; if it is right, raise --max_age_days, or give"
                " the messages to a run over files, which takes any age"
            )
            raise ImplausibleTimestampError(msg, hint)
        if self.ahead is not None and -age > self.ahead:
            msg = "the reading is from the future, as seen when it reached the broker"
            hint = "set the device's clock; if it is right, raise --max_ahead_hours"
            raise ImplausibleTimestampError(msg, hint)


ANY_TIME = Limits()


def shard_of(patient_id: str, shards: int) -> int:
    """The shard that owns a patient's slots; a fixed function of the id."""
    return zlib.crc32(patient_id.encode()) % shards


class SlotCollector:
    """Collects readings per shard and slot until they are drained.

    Args:
        mapping: the compiled FHIR mapping.
        shards: number of shards of the store.
        mapping_version: hash of the two mapping files.
        limits: how far from its ingestion a reading may have occurred.
    """

    def __init__(
        self,
        mapping: FhirMapping,
        shards: int,
        mapping_version: str,
        limits: Limits = ANY_TIME,
    ) -> None:
        self._limits = None if limits == ANY_TIME else limits
        self._admission = Admission(mapping)
        self._medtech = mapping.rules.medtech
        self._shards = shards
        self._version = mapping_version
        self._rows: dict[tuple[int, Slot], Collected] = {}
        self._streams: dict[tuple[str, str, str], _Stream] = {}
        self.pending = 0
        """Readings collected and not drained yet."""

    @property
    def implausible(self) -> int:
        """Readings collected so far without their number, as it is out of range."""
        return self._admission.implausible

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
        if self._limits is not None:
            self._limits.check(measurement)
        values, period_minutes, slot_minutes = self._admission.admit(measurement)
        occurred_at, type_name = measurement.occurred_at, measurement.type
        patient_id, device_id = identity.patient_id, identity.device_id
        stream = self._streams.get((patient_id, device_id, type_name))
        if stream is None:
            prefix = observation_identifier(patient_id, device_id, type_name, "")
            stream = _Stream(prefix, {}, {})
            self._streams[patient_id, device_id, type_name] = stream
        slot_start = (
            occurred_at - occurred_at % (slot_minutes * MINUTE)
            if slot_minutes > 0
            else CORRELATED.start
        )
        rows = stream.rows.get(slot_start)
        if rows is None:
            key = shard_of(patient_id, self._shards), Slot(slot_start, slot_minutes)
            rows = stream.rows[slot_start] = self._rows.setdefault(key, [])
        if period_minutes > 0:
            period = occurred_at // (period_minutes * MINUTE)
            resource_id = stream.ids.get(period)
            if resource_id is None:
                resource_id = self._id(stream, measurement, period_minutes)
                stream.ids[period] = resource_id
        else:
            resource_id = self._id(stream, measurement, period_minutes)
        for value in values:
            rows += measurement, identity, resource_id, value
        self.pending += len(values)

    def _id(
        self, stream: "_Stream", measurement: Measurement, period_minutes: int
    ) -> str:
        segment = identity_segment(
            measurement.occurred_at,
            period_minutes,
            measurement.correlation,
            self._medtech,
        )
        return observation_id(stream.prefix + segment)

    def drain(self) -> Iterator[SlotReadings]:
        """Hands out what was collected, one batch per shard and slot."""
        collected, self._rows, self.pending = self._rows, {}, 0
        self._streams = {}
        some: dict[tuple[int, Slot], Collected] = {}
        count = 0
        for key, rows in collected.items():
            some[key] = rows
            count += len(rows) // PARTS
            if count >= _AT_ONCE:
                yield from self._batches(some)
                some, count = {}, 0
        if some:
            yield from self._batches(some)

    def _batches(
        self, collected: dict[tuple[int, Slot], Collected]
    ) -> Iterator[SlotReadings]:
        columns = columns_of(list(itertools.chain.from_iterable(collected.values())))
        batch = to_record_batch(columns, self._admission.kinds, self._version)
        start = 0
        for (shard, slot), rows in collected.items():
            count = len(rows) // PARTS
            yield SlotReadings(shard, slot, batch.slice(start, count))
            start += count


class _Stream(NamedTuple):
    """What is known of the readings of one patient, device and type."""

    prefix: str
    """Of the identifiers of its Observations: what says when comes behind."""
    rows: dict[int, Collected]
    """The readings of its shard, by the start of their slot."""
    ids: dict[int, str]
    """Of the Observations of periods, by the number of the period."""


class _CollectSlots(beam.DoFn):
    """Collects across a bundle: fewer, larger batches go into the shuffle."""

    def __init__(
        self, mapping: FhirMapping, shards: int, mapping_version: str, limits: Limits
    ) -> None:
        self._settings = (mapping, shards, mapping_version, limits)
        self._readings = Metrics.counter(STAGE, "Reading")
        self._measurements = Metrics.counter(STAGE, "Measurement")
        self._implausible = Metrics.counter(STAGE, "ReadingImplausible")

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
        self._implausible.inc(self._collector.implausible)

    def _drain(self) -> Iterator[WindowedValue]:
        self._readings.inc(self._collector.pending)
        for readings in self._collector.drain():
            yield WindowedValue(readings, MIN_TIMESTAMP, (window.GlobalWindow(),))


@dataclasses.dataclass
class GroupByShardAndSlot(beam.PTransform):
    """Identified measurements to all new readings of each shard and slot.

    Dead letters stay in the global window. Pane order and pane boundaries carry no
    meaning: the store upserts.

    Args:
        mapping: the compiled FHIR mapping.
        shards: number of shards of the store.
        mapping_version: hash of the two mapping files.
        lanes: how readings travel to their slot.
        limits: how far from its ingestion a reading may have occurred.
    """

    mapping: FhirMapping
    shards: int
    mapping_version: str
    lanes: Travel = WHOLE
    limits: Limits = ANY_TIME

    @no_annotations  # Beam reads no NamedTuple of outputs
    def expand(self, measurements: PCollection[IdentifiedBatch]) -> Grouped:
        """Wires the stage."""
        collect = _CollectSlots(
            self.mapping, self.shards, self.mapping_version, self.limits
        )
        collected = measurements | "CollectSlots" >> beam.ParDo(
            collect
        ).with_output_types(SlotReadings).with_outputs("dead_letters", main="readings")
        return Grouped(self.lanes.group(collected.readings), collected.dead_letters)
