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
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection

from pipeline.firings import WHOLE, FiringRule
from pipeline.latency import STORED, Latency
from pipeline.slot_files import (
    read_parquet,
    slot_file,
    state_in,
    write_parquet,
)
from pipeline.stored_groups import gather, statuses_of, version_of
from pipeline.upsert_files import Folder
from transforms import schema
from transforms.instants import DAY
from transforms.lanes import SlotKey
from transforms.model import CORRELATED, GroupBatch, Slot, SlotReadings
from transforms.readings import Upserted, groups_of, to_table, upsert
from transforms.slot_state import Firing, SlotState, first_state

STAGE = "Store"


class Stored(NamedTuple):
    """The complete groups that a firing touched, and what became of its readings."""

    groups: GroupBatch
    new: int
    replaced: int
    repeated: int


def store(
    folder: Folder,
    slot: Slot,
    shard: int,
    incoming: pa.Table,
    firing: Firing = Firing.WHOLE,
    periods: frozenset[str] = frozenset(),
) -> Stored:
    """Upserts the readings of one slot and shard into the measurement table.

    Args:
        folder: root of the measurement table.
        slot: of all the readings.
        shard: of all the readings.
        incoming: columns of `schema.MEASUREMENT`; none only if a firing brings none.
        firing: what hands them on.
        periods: lower-case types whose Observations stand for a period.

    Returns:
        What the upsert did; the files hold it when this returns. A session has no end
        that anybody knows: its Observation is final from the first.
    """
    if slot == CORRELATED:
        return _store_by_date(folder, shard, incoming)
    name = slot_file(slot, shard, ".parquet")
    done, state, version = _upsert_file(folder, name, incoming, firing, periods)
    touched, starts = done.touched, done.starts
    if periods and state.tells_all(firing):
        ids = pa.concat_arrays(
            [
                pc.unique(incoming["observation_id"]),
                _of_periods(done.table, periods),
            ]
        )
        touched, starts = groups_of([done.table], ids)
    statuses = statuses_of(touched, starts, state, periods)
    groups = GroupBatch(slot, shard, touched, starts, statuses, version)
    return Stored(groups, done.new, done.replaced, done.repeated)


def _upsert_file(
    folder: Folder,
    name: str,
    incoming: pa.Table,
    firing: Firing = Firing.WHOLE,
    periods: frozenset[str] = frozenset(),
) -> tuple[Upserted, SlotState, bytes]:
    """What was done to a file, the state of its slot and the version of its content."""
    done: list[tuple[Upserted, SlotState, bytes]] = []

    def change(content: bytes | None) -> bytes | None:
        table = schema.MEASUREMENT.empty_table()
        before = first_state(firing) if periods else SlotState()
        if content is not None:
            table = read_parquet(folder, name, content, schema.MEASUREMENT)
            before = state_in(folder, name, content) if periods else SlotState()
        upserted = upsert(table, incoming)
        state = before.after(firing, _changed(upserted, table, periods))
        is_same = not upserted.new and not upserted.replaced and state == before
        new = None
        if not is_same and upserted.table.num_rows:
            new = write_parquet(upserted.table, state.to_note())
        done.append((upserted, state, version_of(new or content)))
        return new

    folder.update(name, change)
    return done[-1]


def _changed(
    done: Upserted, stored: pa.Table, periods: frozenset[str]
) -> frozenset[str]:
    """Ids of the periods' Observations that were there and are not what they were."""
    if not periods or not len(done.changed) or not stored.num_rows:
        return frozenset()
    known = _of_periods(stored, periods)
    return frozenset(known.filter(pc.is_in(known, value_set=done.changed)).to_pylist())


def _of_periods(table: pa.Table, periods: frozenset[str]) -> pa.Array:
    """Ids of the Observations that stand for a period, each once."""
    lower = pc.utf8_lower(table["type"])
    wanted = pc.is_in(lower, value_set=pa.array(sorted(periods), pa.string()))
    return pc.unique(table["observation_id"].filter(wanted))


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
        upserted[name], _, _ = _upsert_file(folder, name, part)
    ids = pc.unique(incoming["observation_id"])
    known = {name: done.table for name, done in upserted.items()}
    return Stored(
        gather(folder, shard, ids, known),
        sum(done.new for done in upserted.values()),
        sum(done.replaced for done in upserted.values()),
        sum(done.repeated for done in upserted.values()),
    )


class _UpsertSlots(beam.DoFn):
    def __init__(
        self, folder: Folder, periods: frozenset[str], rule: FiringRule
    ) -> None:
        self._folder = folder
        self._periods = periods
        self._rule = rule
        self._late = Metrics.counter(STAGE, "LateReading")
        self._latency = Latency(STORED)
        self._new = Metrics.counter(STAGE, "ReadingStored")
        self._replaced = Metrics.counter(STAGE, "ReadingReplaced")
        self._repeated = Metrics.counter(STAGE, "ReadingRepeated")
        self._slots = Metrics.counter(STAGE, "SlotTouched")

    def process(
        self,
        element: tuple[SlotKey, Iterable[SlotReadings]],
        pane: Any = beam.DoFn.PaneInfoParam,
    ) -> Iterator[GroupBatch]:
        (shard, *slot), arrived = element
        own = Slot(*slot)
        by_slot: dict[Slot, list[pa.RecordBatch]] = {}
        for batch in arrived:
            by_slot.setdefault(batch.slot, []).append(batch.readings)
        if own != CORRELATED and self._rule.firing(own, own, pane) in _CLOSING:
            by_slot.setdefault(own, [])  # to be closed, whether this brings more or not
        for each, batches in by_slot.items():
            firing = self._rule.firing(each, own, pane)
            yield from self._store(each, shard, to_table(batches), firing)

    def _store(
        self, slot: Slot, shard: int, incoming: pa.Table, firing: Firing
    ) -> Iterator[GroupBatch]:
        if not incoming.num_rows and not self._periods:
            return
        stored = store(self._folder, slot, shard, incoming, firing, self._periods)
        self._slots.inc()
        self._new.inc(stored.new)
        self._replaced.inc(stored.replaced)
        self._repeated.inc(stored.repeated)
        if firing is Firing.LATE:
            self._late.inc(incoming.num_rows)
        if not stored.groups.starts:
            return
        if firing is Firing.WHOLE:
            yield stored.groups
            return
        arrived = tuple(_ingested(incoming))
        self._latency.note(arrived)
        yield stored.groups._replace(arrived=arrived)


def _ingested(readings: pa.Table) -> list[int]:
    times = readings["ingested_at"].cast(pa.int64()).unique()
    return [time for time in times.to_pylist() if time is not None]


_CLOSING = (Firing.ON_TIME, Firing.LATE)


@dataclasses.dataclass
class Store(beam.PTransform):
    """Readings to complete groups, through the measurement table.

    On a stream, repeated panes and panes in any order leave the same files: readings
    are upserted by key, and a slot that was closed stays closed.

    Args:
        folder: root of the measurement table.
        periods: lower-case types whose Observations stand for a period.
        rule: what hands the readings on.
    """

    folder: Folder
    periods: frozenset[str] = frozenset()
    rule: FiringRule = WHOLE

    def expand(
        self, readings: PCollection[tuple[SlotKey, Iterable[SlotReadings]]]
    ) -> PCollection[GroupBatch]:
        """Wires the stage."""
        upsert_slots = _UpsertSlots(self.folder, self.periods, self.rule)
        return readings | beam.ParDo(upsert_slots).with_output_types(GroupBatch)
