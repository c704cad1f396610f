"""The whole dataflow on one screen; each left-hand name is an edge of the picture."""

import dataclasses
from collections.abc import Iterable, Sequence

import apache_beam as beam
from apache_beam.pvalue import PCollection
from apache_beam.transforms.window import GlobalWindows

from pipeline.fhir_settings import FhirServer
from pipeline.firings import Always, ByPane, ByWatermark, FiringRule
from pipeline.spill import Spill
from pipeline.store import Store
from pipeline.truth import Truth
from pipeline.upsert_files import Folder
from pipeline.write_dead_letters import WriteDeadLetters, WriteDeadLettersDirect
from pipeline.write_fhir import WriteFhir
from pipeline.write_fhir_server import WriteFhirServer
from pipeline.write_observations import WriteObservations
from transforms import batch_coder  # noqa: F401 - registers how batches travel
from transforms.device_mapping import DeviceMapping
from transforms.fhir_mapping import FhirMapping
from transforms.group import ANY_TIME, GroupByShardAndSlot, Grouped, Limits
from transforms.identify import Identify
from transforms.identity import (
    BY_MESSAGE,
    Identification,
    Identities,
    MessageIdentities,
)
from transforms.intake import Intake
from transforms.lanes import WHOLE, Direct, Lanes, Live, SlotKey, Travel, Whole
from transforms.model import GroupBatch, LetterBatch, SlotReadings
from transforms.normalize import Normalize
from transforms.observe import Observe
from transforms.slot_state import Firing

Letters = tuple[PCollection[LetterBatch], ...]
"""The dead letters of each stage."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ingest:
    """Everything a run needs to know, as plain values.

    Args:
        device_mapping: the compiled device mapping.
        fhir_mapping: the compiled FHIR mapping.
        intake: how messages are taken in.
        device_system: system of device identifiers; empty for none.
        shards: number of shards of the store.
        parquet: root of the two tables.
        fhir: folders for FHIR resources, none or several.
        dead_letters: folder of the dead letters.
        servers: FHIR servers, none or several.
        identities: knows whom measurements belong to; None for what messages say.
        identification: what follows from how they are identified.
        lanes: how readings travel to their slot.
        limits: how far from its ingestion a reading may have occurred.
    """

    device_mapping: DeviceMapping
    fhir_mapping: FhirMapping
    intake: Intake
    device_system: str
    shards: int
    parquet: Folder
    fhir: tuple[Folder, ...]
    dead_letters: Folder
    servers: tuple[FhirServer, ...] = ()
    identities: Identities | None = None
    identification: Identification = BY_MESSAGE
    lanes: Lanes = WHOLE
    limits: Limits = ANY_TIME

    @property
    def periods(self) -> frozenset[str]:
        """Lower-case types whose Observations stand for a period."""
        periods = self.fhir_mapping.periods
        return frozenset(name for name, minutes in periods.items() if minutes > 0)


def build(root: beam.Pipeline, job: Ingest, read: beam.PTransform) -> None:
    """Wires the chain.

    Args:
        root: the pipeline to build on.
        job: what to do.
        read: gives the messages, as batches.
    """
    grouped, letters = _grouped(root, job, read, job.lanes)
    _write_letters((*letters, *_write(_stored(grouped, job), job)), job)


def build_spilling(
    root: beam.Pipeline, job: Ingest, read: beam.PTransform, spill: Spill
) -> None:
    """Wires the first half of a chain in two: readings are put aside.

    Args:
        root: the pipeline to build on.
        job: what to do.
        read: gives the messages, as batches.
        spill: where to.
    """
    _grouped_lanes, letters = _grouped(root, job, read, spill)
    _write_letters(letters, job)


def build_settling(root: beam.Pipeline, job: Ingest, read: beam.PTransform) -> None:
    """Wires the second half: what was put aside is stored, and all follows from that.

    Args:
        root: the pipeline to build on.
        job: what to do.
        read: gives the readings, by slot and shard.
    """
    _settle(root | "ReadReadings" >> read, job, _firing_rule(job.lanes))


def _grouped(
    root: beam.Pipeline, job: Ingest, read: beam.PTransform, lanes: Travel
) -> tuple[Grouped, Letters]:
    version = job.intake.mapping_version
    device_mapping, fhir_mapping = job.device_mapping, job.fhir_mapping

    messages = root | "ReadMessages" >> read
    normalized = messages | Normalize(device_mapping, job.intake)
    identities = job.identities or MessageIdentities(job.device_system)
    identified = normalized.measurements | Identify(identities, version)
    grouped = identified.measurements | "Group" >> GroupByShardAndSlot(
        fhir_mapping, job.shards, version, lanes, job.limits
    )
    letters = tuple(stage.dead_letters for stage in (normalized, identified, grouped))
    return grouped, letters


def build_closing(root: beam.Pipeline, job: Ingest, keys: Sequence[SlotKey]) -> None:
    """Wires the end of the chain for slots that no more readings are expected of.

    Args:
        root: the pipeline to build on.
        job: what to do.
        keys: of the slots.
    """
    nothing: list[SlotReadings] = []
    ended = root | "EndedSlots" >> beam.Create(
        [(key, nothing) for key in keys], reshuffle=False
    ).with_output_types(tuple[SlotKey, Iterable[SlotReadings]])
    _settle(ended, job, Always(Firing.LATE))


def _settle(
    readings: PCollection[tuple[SlotKey, Iterable[SlotReadings]]],
    job: Ingest,
    rule: FiringRule,
) -> None:
    store = Store(job.parquet / "measurement", job.periods, rule)
    _write_letters(_write(readings | store, job), job)


def _write(groups: PCollection[GroupBatch], job: Ingest) -> Letters:
    """From groups to all sinks; what cannot be written is returned."""
    version = job.intake.mapping_version
    merges = any(server.merge for server in job.servers)
    how = job.fhir_mapping, version, job.device_system, job.identification, merges
    observed = groups | Observe(*how)
    truth = Truth(job.parquet / "measurement", job.periods, *how)
    for number, folder in enumerate(job.fhir, 1):
        observed.observations | f"WriteFhir{number}" >> WriteFhir(
            folder, job.shards, truth
        )
    refused = tuple(
        observed.observations
        | f"WriteFhirServer{number}"
        >> WriteFhirServer(server, job.fhir_mapping, version, truth)
        for number, server in enumerate(job.servers, 1)
    )
    observed.observations | WriteObservations(job.parquet / "observation", truth)
    return observed.dead_letters, *refused


def _stored(grouped: Grouped, job: Ingest) -> PCollection[GroupBatch]:
    """The groups that readings make, whichever lane they came by."""
    folder, rule = job.parquet / "measurement", _firing_rule(job.lanes)
    stored = tuple(
        readings | f"Store{name}" >> Store(folder, job.periods, rule)
        for name, readings in grouped.lanes.items()
    )
    if len(stored) == 1:
        return stored[0]
    outside = (
        groups | f"OutOfSlots{number}" >> beam.WindowInto(GlobalWindows())
        for number, groups in enumerate(stored, 1)
    )
    return tuple(outside) | "FromAllLanes" >> beam.Flatten()


def _firing_rule(lanes: Lanes) -> FiringRule:
    if isinstance(lanes, Whole):
        if lanes.watermark is None:
            return Always(Firing.WHOLE)
        return ByWatermark(lanes.watermark)
    return Always(Firing.EARLY) if isinstance(lanes, Direct) else ByPane()


def _write_letters(letters: Letters, job: Ingest) -> None:
    if isinstance(job.lanes, Direct):
        # Not flattened: some runners would end the bundle there, and commit too early.
        for number, some in enumerate(letters, 1):
            some | f"WriteDeadLetters{number}" >> WriteDeadLettersDirect(
                job.dead_letters
            )
        return
    flush = job.lanes.flush_seconds if isinstance(job.lanes, Live) else None
    letters | beam.Flatten() | WriteDeadLetters(job.dead_letters, flush)
