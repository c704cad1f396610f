"""The whole dataflow on one screen; each left-hand name is an edge of the picture."""

import dataclasses
from collections.abc import Sequence

import apache_beam as beam

from pipeline.message_files import Slice
from pipeline.read_messages import ReadMessages
from pipeline.store import Store
from pipeline.upsert_files import Folder
from pipeline.write_dead_letters import WriteDeadLetters
from pipeline.write_fhir import WriteFhir
from pipeline.write_observations import WriteObservations
from transforms import batch_coder  # noqa: F401 - registers how batches travel
from transforms.device_mapping import DeviceMapping
from transforms.fhir_mapping import FhirMapping
from transforms.group import GroupByShardAndSlot
from transforms.identify import Identify
from transforms.intake import Intake
from transforms.normalize import Normalize
from transforms.observe import Observe


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
    """

    device_mapping: DeviceMapping
    fhir_mapping: FhirMapping
    intake: Intake
    device_system: str
    shards: int
    parquet: Folder
    fhir: tuple[Folder, ...]
    dead_letters: Folder


def build(
    root: beam.Pipeline, job: Ingest, slices: Sequence[Slice], *, distribute: bool
) -> None:
    """Wires the chain.

    Args:
        root: the pipeline to build on.
        job: what to do.
        slices: what to read.
        distribute: spread the slices over the workers of a cluster.
    """
    version = job.intake.mapping_version
    device_mapping, fhir_mapping = job.device_mapping, job.fhir_mapping

    messages = root | ReadMessages(slices, distribute)
    normalized = messages | Normalize(device_mapping, job.intake)
    identified = normalized.measurements | Identify(job.device_system, version)
    grouped = identified.measurements | "Group" >> GroupByShardAndSlot(
        fhir_mapping, job.shards, version
    )
    groups = grouped.readings | Store(job.parquet / "measurement")
    observed = groups | Observe(fhir_mapping, version, job.device_system)
    for number, folder in enumerate(job.fhir, 1):
        observed.observations | f"WriteFhir{number}" >> WriteFhir(folder, job.shards)
    observed.observations | WriteObservations(job.parquet / "observation")

    stages = (normalized, identified, grouped, observed)
    letters = tuple(stage.dead_letters for stage in stages)
    letters | beam.Flatten() | WriteDeadLetters(job.dead_letters)
