"""WriteFhirServer: Observations and whom they refer to, onto a FHIR server.

At least once and idempotent is all that is asked of the runner: everything is written
under its id. A bundle that fails may have written a part of what it holds; the retry
writes it again and changes nothing. After sending, the store is looked at again: what
it says otherwise by then is sent too, so that of two workers the slower one does not
leave an older Observation. What the server refuses for good of one resource is a dead
letter, in the global window.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import apache_beam as beam
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection
from apache_beam.transforms.window import GlobalWindow, GlobalWindows
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from apache_beam.utils.windowed_value import WindowedValue

from pipeline.fhir_draft import Outgoing
from pipeline.fhir_resources import Key
from pipeline.fhir_settings import FhirServer
from pipeline.fhir_writer import STAGE, ServerWriter
from pipeline.latency import WRITTEN, Latency
from pipeline.truth import Truth
from transforms.fhir_mapping import FhirMapping
from transforms.model import GroupBatch, LetterBatch, ObservationBatch
from transforms.observation_value import Reading
from transforms.reading_group import readings_of
from transforms.shells import merge_shells

_ROUNDS = 4
"""Bundles that each connection has to send at a time: enough to keep it busy."""


class _Outbox:
    """What is to be written at once: of one Observation what came last."""

    def __init__(self) -> None:
        self.observations: dict[str, Outgoing] = {}
        self.shells: dict[Key, bytes] = {}
        self.withdrawn: dict[str, str] = {}
        self.batches: list[ObservationBatch] = []

    def __len__(self) -> int:
        return len(self.observations) + len(self.withdrawn)

    def add(self, batch: ObservationBatch) -> None:
        self.batches.append(batch)
        readings = {} if batch.groups is None else _by_observation(batch.groups)
        for resource_id, body in zip(batch.ids, batch.resources, strict=True):
            self.observations[resource_id] = Outgoing(
                resource_id, body, readings.get(resource_id, ()), batch.version
            )
            self.withdrawn.pop(resource_id, None)
        for resource_id, identifier in batch.withdrawn:
            self.withdrawn[resource_id] = identifier
            self.observations.pop(resource_id, None)
        for name, shell in batch.shells.items():
            key = Key(*name)
            self.shells[key] = merge_shells(self.shells.get(key), shell)

    def bodies(self) -> dict[str, bytes | None]:
        """What the server holds once all is sent; None for what it must not hold."""
        written = {key: one.body for key, one in self.observations.items()}
        return {**written, **dict.fromkeys(self.withdrawn)}

    def drop(self, sent: Mapping[str, bytes | None]) -> None:
        """Leaves out what was sent already."""
        for resource_id, body in self.bodies().items():
            if resource_id in sent and sent[resource_id] == body:
                self.observations.pop(resource_id, None)
                self.withdrawn.pop(resource_id, None)


def _by_observation(groups: GroupBatch) -> dict[str, list[Reading]]:
    readings = readings_of(groups.readings)
    ends = (*groups.starts[1:], len(readings))
    return {
        readings[start].observation_id: readings[start:end]
        for start, end in zip(groups.starts, ends, strict=True)
    }


class _SendBatches(beam.DoFn):
    def __init__(
        self,
        server: FhirServer,
        mapping: FhirMapping,
        mapping_version: str,
        truth: Truth | None,
    ) -> None:
        self._settings = (server, mapping_version, mapping)
        self._truth = truth
        self._latency = Latency(WRITTEN)
        self._most = server.bundle_size * server.connections * _ROUNDS

    def setup(self) -> None:
        self._writer = ServerWriter(*self._settings)

    def start_bundle(self) -> None:
        self._outbox = _Outbox()

    def process(self, batch: ObservationBatch) -> Iterator[LetterBatch]:
        self._outbox.add(batch)
        if len(self._outbox) >= self._most:
            yield from self._send()

    def finish_bundle(self) -> Iterator[Any]:
        for letters in self._send():
            yield WindowedValue(letters, MIN_TIMESTAMP, (GlobalWindow(),))

    def _send(self) -> Iterator[LetterBatch]:
        outbox, self._outbox = self._outbox, _Outbox()
        sent: dict[str, bytes | None] = {}
        while outbox:
            written = self._writer.write(
                list(outbox.observations.values()),
                outbox.shells,
                outbox.withdrawn.items(),
            )
            for name, count in written.counts.items():
                Metrics.counter(STAGE, name).inc(count)
            for batch in outbox.batches:
                self._latency.note(batch.arrived)
            if written.letters:
                yield LetterBatch(written.letters)
            sent |= outbox.bodies()
            outbox = self._overtaken(outbox)
            outbox.drop(sent)

    def _overtaken(self, sent: _Outbox) -> _Outbox:
        """What the store says since, and we may have overwritten."""
        newer = _Outbox()
        if self._truth is not None:
            for batch in sent.batches:
                for each in self._truth.newer(batch):
                    newer.add(each)
        return newer


@dataclasses.dataclass
class WriteFhirServer(beam.PTransform):
    """Observations, and the Patients and Devices they refer to, to a server.

    Args:
        server: the server.
        mapping: what the Observations are made by.
        mapping_version: hash of the two mapping files.
        truth: what the Observations were made of; None if nobody else writes.
    """

    server: FhirServer
    mapping: FhirMapping
    mapping_version: str
    truth: Truth | None = None

    def expand(
        self, observations: PCollection[ObservationBatch]
    ) -> PCollection[LetterBatch]:
        """Wires the stage; its output are dead letters."""
        send = _SendBatches(self.server, self.mapping, self.mapping_version, self.truth)
        return (
            observations
            | "OutOfSlots" >> beam.WindowInto(GlobalWindows())
            | "Send" >> beam.ParDo(send).with_output_types(LetterBatch)
        )
