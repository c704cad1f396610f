"""WriteFhir: Observations, Patients and Devices into a folder of NDJSON files.

Files are upserted by resource id: writing a batch again changes nothing. At least once
and idempotent is all that is asked of the runner; what comes too late is not written
(see `truth`). An Observation that moves to the date
of an earlier reading is written there first, then removed where it was: in between a
reader may see it twice, never not at all.
"""

import dataclasses
from typing import NamedTuple

import apache_beam as beam
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection

from pipeline.latency import WRITTEN, Latency
from pipeline.resource_files import Lines, Saved, save_newest, save_resources
from pipeline.slot_files import slot_file
from pipeline.truth import Truth
from pipeline.upsert_files import Folder
from transforms.group import shard_of
from transforms.model import ObservationBatch
from transforms.shells import merge_shells

STAGE = "WriteFhir"

RESOURCES = ("Observation", "Patient", "Device")


class _Place(NamedTuple):
    """Where an Observation without a slot's hour was written last."""

    date: int
    is_new: bool
    """Whether it was counted as created, and may turn out to come from elsewhere."""


def _lines(batch: ObservationBatch) -> Lines:
    resources = dict(zip(batch.ids, batch.resources, strict=True))
    return Lines(resources, batch.removed)


class _SaveBatch(beam.DoFn):
    def __init__(self, folder: Folder, shards: int, truth: Truth | None) -> None:
        self._folder = folder
        self._shards = shards
        self._truth = truth
        self._latency = Latency(WRITTEN)
        self._counters = {
            (resource, outcome): Metrics.counter(STAGE, f"{resource}{outcome.title()}")
            for resource in RESOURCES
            for outcome in Saved._fields
        }

    def start_bundle(self) -> None:
        self._shells: dict[tuple[str, str], bytes] = {}
        self._placed: dict[str, _Place] = {}

    def process(self, batch: ObservationBatch) -> None:
        # Many batches name the same patients and devices: one write a bundle will do.
        for key, shell in batch.shells.items():
            self._shells[key] = merge_shells(self._shells.get(key), shell)
        saved = save_newest(
            self._folder / "Observation",
            slot_file(batch.slot, batch.shard, ".ndjson", batch.date),
            lambda: _lines(batch if self._truth is None else self._truth.newest(batch)),
        )
        if batch.date is not None:
            saved = self._after_moves(batch.date, saved)
        self._count("Observation", saved)
        self._latency.note(batch.arrived)

    def _after_moves(self, date: int, saved: Saved) -> Saved:
        """The outcome, where what was removed stands on an earlier date now.

        The batch of that date came before, in this bundle: what was counted as created
        there was updated.
        """
        known = (*saved.updated, *saved.unchanged)
        self._placed |= dict.fromkeys(known, _Place(date, is_new=False))
        self._placed |= dict.fromkeys(saved.created, _Place(date, is_new=True))
        gone = []
        for key in saved.removed:
            place = self._placed.get(key)
            if place is None or place.date == date:
                gone.append(key)
            elif place.is_new:
                self._placed[key] = place._replace(is_new=False)
                self._counters["Observation", "created"].dec()
                self._counters["Observation", "updated"].inc()
        return saved._replace(removed=tuple(gone))

    def finish_bundle(self) -> None:
        files: dict[tuple[str, int], dict[str, bytes]] = {}
        for (resource, identifier), shell in self._shells.items():
            file = (resource, shard_of(identifier, self._shards))
            files.setdefault(file, {})[identifier] = shell
        for (resource, shard), shells in sorted(files.items()):
            saved = save_resources(
                self._folder / resource, f"{shard:03}.ndjson", shells, merge_shells
            )
            self._count(resource, saved)

    def _count(self, resource: str, saved: Saved) -> None:
        for outcome, ids in saved._asdict().items():
            self._counters[resource, outcome].inc(len(ids))


@dataclasses.dataclass
class WriteFhir(beam.PTransform):
    """Observations and the shells they refer to, to a folder.

    Args:
        folder: root of the FHIR files.
        shards: number of shards of the store.
        truth: what the Observations were made of; None if nobody else writes.
    """

    folder: Folder
    shards: int
    truth: Truth | None = None

    def expand(self, observations: PCollection[ObservationBatch]) -> PCollection[None]:
        """Wires the stage."""
        save = _SaveBatch(self.folder, self.shards, self.truth)
        return observations | beam.ParDo(save)
