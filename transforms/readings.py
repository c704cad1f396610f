"""The measurement table: one row per reading, and which version of a reading wins.

The table is the truth from which every Observation is computed. `upsert` is
commutative, associative and idempotent, so that retries, late data, repeated runs and
shuffled input all end in the same table.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms import schema
from transforms.instants import DAY, MINUTE

KEY = (
    "patient_id",
    "type",
    "occurred_at",
    "occurred_tick",
    "device_id",
    "value_name",
    "encounter_id",
    "correlation_id",
)
"""What makes two rows the same reading; also the order of rows in a file."""

_REST = tuple(name for name in schema.MEASUREMENT.names if name not in KEY)

_BY_KEY = [(name, "ascending") for name in KEY]

_ORDER = [
    *_BY_KEY,
    # The later ingested version wins, then the greater text. The remaining columns
    # only make the rule total; the stored row wins against its exact copy.
    ("_ingested_at", "descending"),
    ("value_text", "descending"),
    *((name, "descending") for name in _REST if name != "value_text"),
    ("_incoming", "ascending"),
]


class ReadingKind(NamedTuple):
    """What all readings of one value of one type have in common."""

    type: str
    value_name: str | None
    code_system: str | None
    code: str | None
    code_display: str | None
    unit: str | None


class ReadingRow(NamedTuple):
    """What differs from reading to reading; on the hot path a plain tuple."""

    kind: int
    """Index of the reading's `ReadingKind`."""
    observation_id: str
    patient_id: str
    patient_identifier: str | None
    device_id: str
    device_identifier: str
    encounter_id: str | None
    correlation_id: str | None
    record_id: str | None
    occurred_at: int
    occurred_tick: int
    ended_at: int | None
    utc_offset_minutes: int | None
    value: float | None
    value_text: str | None
    flag: str | None
    ingested_at: int | None
    source: str


class Upserted(NamedTuple):
    """The table after an upsert, and what the incoming readings did to it."""

    table: pa.Table
    touched: pa.Table
    """All readings of the Observations that an incoming reading belongs to."""
    starts: tuple[int, ...]
    """First row of each Observation within `touched`."""
    new: int
    """Incoming readings that were not there."""
    replaced: int
    """Incoming readings that took the place of an older version."""
    repeated: int
    """Incoming readings that were there already, or older than what is there."""
    changed: pa.Array
    """Ids of the Observations whose readings are not what they were, each once."""


def to_record_batch(
    rows: Sequence[tuple[Any, ...]], kinds: Sequence[ReadingKind], mapping_version: str
) -> pa.RecordBatch:
    """Turns rows into columns of `schema.MEASUREMENT`.

    What readings have in common stays dictionary-encoded on its way through the
    shuffle, where it costs one small integer a row.

    Args:
        rows: `ReadingRow`s, at least one.
        kinds: what `ReadingRow.kind` points to.
        mapping_version: hash of the two mapping files.
    """
    lists = dict(zip(ReadingRow._fields, zip(*rows, strict=True), strict=True))
    indices = pa.array(lists.pop("kind"), pa.int32())
    columns: dict[str, Any] = {
        name: pa.DictionaryArray.from_arrays(indices, pa.array(values, pa.string()))
        for name, values in zip(
            ReadingKind._fields, zip(*kinds, strict=True), strict=True
        )
    }
    for name, values in lists.items():
        kind = schema.MEASUREMENT.field(name).type
        if kind == schema.TIMESTAMP:  # Arrow takes integers far faster than datetimes
            columns[name] = pa.array(values, pa.int64()).cast(kind)
        else:
            columns[name] = pa.array(values, kind)
    # A civil date has no offset: its midnight is as if in UTC.
    offsets = columns["utc_offset_minutes"].fill_null(0).to_numpy().astype(np.int64)
    wall = np.asarray(lists["occurred_at"], np.int64) + offsets * MINUTE
    columns["local_date"] = pa.array((wall // DAY).astype(np.int32)).cast(pa.date32())
    version = pa.array([mapping_version], pa.string())
    columns["mapping_version"] = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(len(rows), np.int32)), version
    )
    return pa.RecordBatch.from_arrays(
        [columns[name] for name in schema.MEASUREMENT.names],
        names=schema.MEASUREMENT.names,
    )


def to_table(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """Batches as one table of `schema.MEASUREMENT`, dictionaries resolved."""
    tables = [
        pa.Table.from_batches([batch]).cast(schema.MEASUREMENT) for batch in batches
    ]
    return pa.concat_tables(tables) if tables else schema.MEASUREMENT.empty_table()


def upsert(stored: pa.Table, incoming: pa.Table) -> Upserted:
    """Merges readings into a table by reading key.

    Of two versions of one reading the one ingested later wins (where the broker's time
    is unknown, the time of the reading stands in); at equal ingestion the greater
    value text, then the remaining columns: a fixed rule, never arrival order.

    Args:
        stored: the table as it is, columns of `schema.MEASUREMENT`, each key once.
        incoming: any readings, in any order, with repetitions.

    Returns:
        The new table in key order, and what was touched.
    """
    both = pa.concat_tables([stored, incoming]).combine_chunks()
    flags = np.zeros(both.num_rows, np.int8)
    flags[stored.num_rows :] = 1
    ranked = both.append_column(
        "_ingested_at", pc.coalesce(both["ingested_at"], both["occurred_at"])
    ).append_column("_incoming", pa.array(flags))
    order = pc.sort_indices(ranked, sort_keys=_ORDER)
    first = _first_of_each(both.select(KEY).take(order))
    winners = order.to_numpy()[first]
    table = both.take(pa.array(winners))
    arrived = winners[flags[winners] == 1]
    new = table.num_rows - stored.num_rows
    touched, starts = _groups(table, pc.unique(incoming["observation_id"]))
    changed = pc.unique(both["observation_id"].take(pa.array(arrived)))
    replaced, repeated = len(arrived) - new, incoming.num_rows - len(arrived)
    return Upserted(table, touched, starts, new, replaced, repeated, changed)


def groups_of(
    tables: Iterable[pa.Table], ids: pa.Array
) -> tuple[pa.Table, tuple[int, ...]]:
    """All readings of some Observations, out of several tables.

    Args:
        tables: columns of `schema.MEASUREMENT`; no reading stands in two of them.
        ids: of the Observations.

    Returns:
        Their readings, one Observation after the other, by time within, and the first
        row of each.
    """
    parts = [_rows_of(table, ids) for table in tables]
    return _groups(pa.concat_tables(parts).sort_by(_BY_KEY), ids)


def _rows_of(table: pa.Table, ids: pa.Array) -> pa.Table:
    wanted = pc.is_in(table["observation_id"], value_set=ids)
    return table if pc.all(wanted).as_py() else table.filter(wanted)


def _first_of_each(keys: pa.Table) -> np.ndarray:
    """For sorted keys: True where a row differs from the one before."""
    differs = np.zeros(keys.num_rows, bool)
    if not keys.num_rows:
        return differs
    differs[0] = True
    for name in KEY:
        column = keys[name].combine_chunks()
        left, right = column.slice(1), column.slice(0, len(column) - 1)
        unequal = pc.if_else(
            pc.and_(pc.is_valid(left), pc.is_valid(right)),
            pc.not_equal(left, right),
            pc.not_equal(pc.is_valid(left), pc.is_valid(right)),
        )
        differs[1:] |= unequal.to_numpy(zero_copy_only=False).astype(bool)
    return differs


def _groups(table: pa.Table, ids: pa.Array) -> tuple[pa.Table, tuple[int, ...]]:
    """The rows of some Observations, one Observation after the other."""
    touched = _rows_of(table, ids)
    codes = (
        touched["observation_id"]
        .combine_chunks()
        .dictionary_encode()
        .indices.to_numpy()
    )
    if (np.diff(codes) < 0).any():
        order = np.argsort(codes, kind="stable")
        touched, codes = touched.take(pa.array(order)), codes[order]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    return touched, tuple(starts.tolist())
