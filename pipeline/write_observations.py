"""WriteObservations: the observation table, one row per value or component.

A batch replaces all rows of its Observations, and removes those that it says are gone;
the file is written whole. A repeated batch changes nothing, and one that comes too late
is not written (see `truth`).
"""

import dataclasses
from collections.abc import Callable, Sequence

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection

from pipeline.slot_files import read_parquet, slot_file, write_parquet
from pipeline.truth import Truth
from pipeline.upsert_files import Folder
from transforms import schema
from transforms.key_codes import sorted_rows
from transforms.model import ObservationBatch

STAGE = "WriteObservations"

_ORDER = ("patient_id", "type", "effective_start")
"""Tells most Observations apart; the rest of the order is `_TIES`."""

_TIES = ("observation_id", "component_code_system", "component_code", "value_text")


def replace_rows(
    stored: pa.Table, rows: pa.Table, removed: Sequence[str] = ()
) -> pa.Table:
    """The table with all rows of the Observations in `rows` replaced by them.

    Args:
        stored: the table as it is.
        rows: all rows of some Observations.
        removed: ids of Observations that must have none.
    """
    if stored.num_rows:
        kept = stored.filter(pc.invert(_is_of(stored, rows, removed)))
        rows = pa.concat_tables([kept, rows])
    return _sorted(rows.combine_chunks())


def _is_of(stored: pa.Table, rows: pa.Table, removed: Sequence[str]) -> pa.Array:
    ids = stored["observation_id"]
    known = pc.is_in(ids, value_set=pc.unique(rows["observation_id"]))
    if not removed:
        return known
    return pc.or_(known, pc.is_in(ids, value_set=pa.array(removed, pa.string())))


def _sorted(rows: pa.Table) -> pa.Table:
    order = sorted_rows(rows, _ORDER, _TIES)
    if (order[1:] > order[:-1]).all():  # as the groups of a slot mostly come
        return rows
    return rows.take(pa.array(order))


def write_rows(
    folder: Folder, name: str, rows: pa.Table, removed: Sequence[str] = ()
) -> None:
    """Replaces and removes the rows of some Observations in one file of the table.

    A file of which nothing is left has no rows: whether it ever had any is nothing that
    files should tell.
    """
    _write_newest(folder, name, lambda: (rows, removed))


def _write_newest(
    folder: Folder, name: str, newest: Callable[[], tuple[pa.Table, Sequence[str]]]
) -> None:
    def change(content: bytes | None) -> bytes:
        rows, removed = newest()
        stored = (
            schema.OBSERVATION.empty_table()
            if content is None
            else read_parquet(folder, name, content, schema.OBSERVATION)
        )
        return write_parquet(replace_rows(stored, rows, removed))

    folder.update(name, change)


class _WriteRows(beam.DoFn):
    def __init__(self, folder: Folder, truth: Truth | None) -> None:
        self._folder = folder
        self._truth = truth
        self._files = Metrics.counter(STAGE, "FileWritten")

    def process(self, batch: ObservationBatch) -> None:
        name = slot_file(batch.slot, batch.shard, ".parquet", batch.date)
        _write_newest(self._folder, name, lambda: self._newest(batch))
        self._files.inc()

    def _newest(self, batch: ObservationBatch) -> tuple[pa.Table, Sequence[str]]:
        newest = batch if self._truth is None else self._truth.newest(batch)
        return newest.rows, newest.removed


@dataclasses.dataclass
class WriteObservations(beam.PTransform):
    """Observations to the observation table.

    Args:
        folder: root of the observation table.
        truth: what the Observations were made of; None if nobody else writes.
    """

    folder: Folder
    truth: Truth | None = None

    def expand(self, observations: PCollection[ObservationBatch]) -> PCollection[None]:
        """Wires the stage."""
        return observations | beam.ParDo(_WriteRows(self.folder, self.truth))
