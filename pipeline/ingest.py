"""The whole dataflow on one screen; each left-hand name is an edge of the picture."""

import dataclasses
from collections.abc import Sequence

import apache_beam as beam

from pipeline.fhir_settings import FhirServer
from pipeline.message_files import Slice
from pipeline.read_messages import ReadMessages
from pipeline.store import Store
from pipeline.upsert_files import Folder
from pipeline.write_dead_letters import WriteDeadLetters
from pipeline.write_fhir import WriteFhir
from pipeline.write_fhir_server import WriteFhirServer
from pipeline.write_observations import WriteObservations
from transforms import batch_coder  # noqa: F401 - registers how batches travel
from transforms.device_mapping import DeviceMapping
from transforms.fhir_mapping import FhirMapping
from transforms.group import GroupByShardAndSlot
from transforms.identify import Identify
from transforms.identity import (
    BY_MESSAGE,
    Identification,
    Identities,
    MessageIdentities,
)
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
        servers: FHIR servers, none or several.
        identities: knows whom measurements belong to; None for what messages say.
        identification: what follows from how they are identified.
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
    identities = job.identities or MessageIdentities(job.device_system)
    identified = normalized.measurements | Identify(identities, version)
    grouped = identified.measurements | "Group" >> GroupByShardAndSlot(
        fhir_mapping, job.shards, version
    )
    groups = grouped.readings | Store(job.parquet / "measurement")
    observed = groups | Observe(
        fhir_mapping,
        version,
        job.device_system,
        job.identification,
        keep_groups=any(server.merge for server in job.servers),
    )
    for number, folder in enumerate(job.fhir, 1):
        observed.observations | f"WriteFhir{number}" >> WriteFhir(folder, job.shards)
    refused = tuple(
        observed.observations
        | f"WriteFhirServer{number}" >> WriteFhirServer(server, fhir_mapping, version)
        for number, server in enumerate(job.servers, 1)
    )
    observed.observations | WriteObservations(job.parquet / "observation")

    stages = (normalized, identified, grouped, observed)
    letters = (*(stage.dead_letters for stage in stages), *refused)
    letters | beam.Flatten() | WriteDeadLetters(job.dead_letters)
