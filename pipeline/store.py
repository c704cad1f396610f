"""Store: new readings of a slot in, complete groups of its Observations out.

The measurement table is the truth. Each firing reads the slot's Parquet file, upserts
the new readings, writes the file whole and hands on every group that an incoming
reading belongs to, changed or not: if a crash fell between the store and a sink, the
retry reaches the sink again. A repeated, late or empty firing changes nothing that it
should not.

Readings that a correlation id ties together lie in the partition of the date of each,
in files of their own. What a firing brings is upserted date by date; then the readings
of the touched Observations are gathered from all dates.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection

from pipeline.slot_files import (
    correlated_file,
    read_observations,
    read_parquet,
    slot_file,
    write_parquet,
)
from pipeline.upsert_files import Folder
from transforms import schema
from transforms.instants import DAY
from transforms.model import CORRELATED, GroupBatch, Slot, SlotReadings
from transforms.readings import Upserted, groups_of, to_table, upsert

STAGE = "Store"


class Stored(NamedTuple):
    """The complete groups that a firing touched, and what became of its readings."""

    groups: GroupBatch
    new: int
    replaced: int
    repeated: int


def store(folder: Folder, slot: Slot, shard: int, incoming: pa.Table) -> Stored:
    """Upserts the readings of one slot and shard into the measurement table.

    Args:
        folder: root of the measurement table.
        slot: of all the readings.
        shard: of all the readings.
        incoming: columns of `schema.MEASUREMENT`, at least one reading.

    Returns:
        What the upsert did; the files hold it when this returns.
    """
    if slot == CORRELATED:
        return _store_by_date(folder, shard, incoming)
    done = _upsert_file(folder, slot_file(slot, shard, ".parquet"), incoming)
    groups = GroupBatch(slot, shard, done.touched, done.starts)
    return Stored(groups, done.new, done.replaced, done.repeated)


def _upsert_file(folder: Folder, name: str, incoming: pa.Table) -> Upserted:
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


def _store_by_date(folder: Folder, shard: int, incoming: pa.Table) -> Stored:
    """Upserts correlated readings, each date on its own: any order converges.

    A crash between two dates leaves some readings stored and no Observation written;
    the retry repeats the former and gathers what the latter needs.
    """
    days = incoming["occurred_at"].cast(pa.int64()).to_numpy() // DAY
    upserted: dict[str, Upserted] = {}
    for day in np.unique(days):
        name = slot_file(CORRELATED, shard, ".parquet", int(day) * DAY)
        part = incoming.filter(pa.array(days == day))
        upserted[name] = _upsert_file(folder, name, part)
    ids = pc.unique(incoming["observation_id"])
    tables = [done.table for done in upserted.values()]
    for name, file in folder.open_each(correlated_file(shard, ".parquet")):
        if name in upserted:
            continue
        found = read_observations(folder, name, file, ids, schema.MEASUREMENT)
        if found is not None:
            tables.append(found)
    return Stored(
        GroupBatch(CORRELATED, shard, *groups_of(tables, ids)),
        sum(done.new for done in upserted.values()),
        sum(done.replaced for done in upserted.values()),
        sum(done.repeated for done in upserted.values()),
    )


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
        incoming = to_table(batch.readings for batch in batches)
        stored = store(self._folder, batches[0].slot, shard, incoming)
        self._slots.inc()
        self._new.inc(stored.new)
        self._replaced.inc(stored.replaced)
        self._repeated.inc(stored.repeated)
        yield stored.groups


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
