"""The measurement table, looked at again by sinks: the truth may have moved on.

Two workers may touch one Observation at a time: two partitions of a stream, two lanes,
two runs, a worker that was taken for dead and its successor. The store sorts them; but
the one that stored first may be the last to write the Observation, and then it would
write what was true before.

So a sink asks for what is true while nobody else can write its file. What it writes
then is never older than what it replaces, however long it was held up. A server cannot
be locked: there the sink asks after it has written, and writes again if it came too
late. Left over is a worker that was taken for dead, overwrites what its successor has
written, and really dies before it asks: the next reading of that Observation mends it.
"""

import dataclasses
from functools import cached_property

import pyarrow as pa

from pipeline.slot_files import read_parquet, slot_file, state_in
from pipeline.stored_groups import gather, statuses_of, version_of
from pipeline.upsert_files import Folder
from transforms import schema
from transforms.fhir_mapping import FhirMapping
from transforms.identity import BY_MESSAGE, Identification
from transforms.model import CORRELATED, GroupBatch, ObservationBatch
from transforms.observe import Observer
from transforms.readings import groups_of
from transforms.slot_state import SlotState


@dataclasses.dataclass(frozen=True)
class Truth:
    """What Observations are made of.

    Args:
        folder: root of the measurement table.
        periods: lower-case types whose Observations stand for a period.
        mapping: the compiled FHIR mapping.
        mapping_version: hash of the two mapping files.
        device_system: system of device identifiers; empty for none.
        identification: how the readings were identified.
        keep_groups: whether a sink needs the readings too.
    """

    folder: Folder
    periods: frozenset[str]
    mapping: FhirMapping
    mapping_version: str
    device_system: str
    identification: Identification = BY_MESSAGE
    keep_groups: bool = False

    def newest(self, batch: ObservationBatch) -> ObservationBatch:
        """A batch as it would be made now, for the same files."""
        for newer in self.newer(batch):
            if newer.date == batch.date:
                return newer
        return batch

    def newer(self, batch: ObservationBatch) -> list[ObservationBatch]:
        """The Observations of a batch as they would be made now, by date.

        Their dead letters are left to whoever has stored what they are made of.

        Returns:
            Nothing if the store holds what the batch was made of.
        """
        groups = self._look(batch)
        return [] if groups is None else self._observer.observe(groups)[0]

    def _look(self, batch: ObservationBatch) -> GroupBatch | None:
        slot, shard = batch.slot, batch.shard
        ids = pa.array((*batch.ids, *batch.removed), pa.string())
        if slot == CORRELATED:
            # To gather them is all the work: whether they changed shows afterwards.
            return gather(self.folder, shard, ids, {})
        name = slot_file(slot, shard, ".parquet")
        content = self.folder.read(name)
        if content is None or (version := version_of(content)) == batch.version:
            return None
        table = read_parquet(self.folder, name, content, schema.MEASUREMENT)
        state = SlotState()
        if self.periods:
            state = state_in(self.folder, name, content)
        touched, starts = groups_of([table], ids)
        statuses = statuses_of(touched, starts, state, self.periods)
        return GroupBatch(slot, shard, touched, starts, statuses, version)

    @cached_property
    def _observer(self) -> Observer:
        return Observer(
            self.mapping,
            self.mapping_version,
            self.device_system,
            self.identification,
            keep_groups=self.keep_groups,
        )
