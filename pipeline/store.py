"""Store: new readings of a slot in, complete groups of its Observations out.

The measurement table is the truth. Each firing reads the slot's Parquet file, upserts
the new readings, writes the file whole and hands on every group that an incoming
reading belongs to, changed or not: if a crash fell between the store and a sink, the
retry reaches the sink again. A repeated, late or empty firing changes nothing that it
should not.
"""

import dataclasses
from collections.abc import Iterable, Iterator

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection

from pipeline.slot_files import read_parquet, slot_file, write_parquet
from pipeline.upsert_files import Folder
from transforms import schema
from transforms.model import GroupBatch, SlotReadings
from transforms.readings import Upserted, to_table, upsert

STAGE = "Store"


def store(folder: Folder, name: str, incoming: pa.Table) -> Upserted:
    """Upserts readings into one file of the measurement table.

    Args:
        folder: root of the measurement table.
        name: the slot's file.
        incoming: columns of `schema.MEASUREMENT`.

    Returns:
        What the upsert did; the file holds its table when this returns.
    """
    done: list[Upserted] = []

    def change(content: bytes | None) -> bytes | None:
        table = (
            schema.MEASUREMENT.empty_table()
            if content is None
            else read_parquet(folder, name, content, schema.MEASUREMENT)
        )
        done.append(upsert(table, incoming))
        if not done[-1].new and not done[-1].replaced:
            return None
        return write_parquet(done[-1].table)

    folder.update(name, change)
    return done[-1]


class _UpsertSlots(beam.DoFn):
    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._new = Metrics.counter(STAGE, "ReadingStored")
        self._replaced = Metrics.counter(STAGE, "ReadingReplaced")
        self._repeated = Metrics.counter(STAGE, "ReadingRepeated")
        self._slots = Metrics.counter(STAGE, "SlotTouched")

    def process(
        self, element: tuple[int, Iterable[SlotReadings]]
    ) -> Iterator[GroupBatch]:
        shard, arrived = element
        batches = list(arrived)
        if not batches:
            return
        slot = batches[0].slot
        incoming = to_table(batch.readings for batch in batches)
        upserted = store(self._folder, slot_file(slot, shard, ".parquet"), incoming)
        self._slots.inc()
        self._new.inc(upserted.new)
        self._replaced.inc(upserted.replaced)
        self._repeated.inc(upserted.repeated)
        yield GroupBatch(slot, shard, upserted.touched, upserted.starts)


@dataclasses.dataclass
class Store(beam.PTransform):
    """Readings to complete groups, through the measurement table.

    Args:
        folder: root of the measurement table.
    """

    folder: Folder

    def expand(
        self, readings: PCollection[tuple[int, Iterable[SlotReadings]]]
    ) -> PCollection[GroupBatch]:
        """Wires the stage."""
        return readings | beam.ParDo(_UpsertSlots(self.folder)).with_output_types(
            GroupBatch
        )
