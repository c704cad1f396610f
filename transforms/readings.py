"""The measurement table: one row per reading, and which version of a reading wins.

The table is the truth from which every Observation is computed. `upsert` is
commutative, associative and idempotent, so that retries, late data, repeated runs and
shuffled input all end in the same table.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from transforms import schema
from transforms.instants import DAY, MINUTE
from transforms.key_codes import Codes, key_codes

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

_BEST_FIRST = [
    ("_key", "ascending"),
    # The later ingested version wins, then the greater text. The remaining columns
    # only make the rule total; the stored row wins against its exact copy.
    ("_ingested_at", "descending"),
    ("value_text", "descending"),
    *((name, "descending") for name in _REST if name != "value_text"),
    ("_incoming", "ascending"),
]

Rows = npt.NDArray[np.signedinteger[Any]]
"""Numbers of rows, or one number for each row."""

Groups = tuple[pa.Table, tuple[int, ...]]
"""Rows of Observations, one Observation after the other, and the first row of each."""


class ReadingKind(NamedTuple):
    """What all readings of one value of one type have in common."""

    type: str
    value_name: str | None
    code_system: str | None
    code: str | None
    code_display: str | None
    unit: str | None


class ReadingColumns(NamedTuple):
    """What differs from reading to reading: a value of each for every reading."""

    kind: Sequence[int]
    """Index of the reading's `ReadingKind`."""
    observation_id: Sequence[str]
    patient_id: Sequence[str]
    patient_identifier: Sequence[str | None]
    device_id: Sequence[str]
    device_identifier: Sequence[str]
    encounter_id: Sequence[str | None]
    correlation_id: Sequence[str | None]
    record_id: Sequence[str | None]
    occurred_at: Sequence[int]
    occurred_tick: Sequence[int]
    ended_at: Sequence[int | None]
    utc_offset_minutes: Sequence[int | None]
    value: Sequence[float | None]
    value_text: Sequence[str | None]
    flag: Sequence[str | None]
    ingested_at: Sequence[int | None]
    source: Sequence[str]


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
    readings: ReadingColumns, kinds: Sequence[ReadingKind], mapping_version: str
) -> pa.RecordBatch:
    """Turns readings into columns of `schema.MEASUREMENT`.

    What readings have in common stays dictionary-encoded on its way through the
    shuffle, where it costs one small integer a row.

    Args:
        readings: at least one.
        kinds: what `ReadingColumns.kind` points to.
        mapping_version: hash of the two mapping files.
    """
    lists = readings._asdict()
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
    wall = columns["occurred_at"].cast(pa.int64()).to_numpy() + offsets * MINUTE
    columns["local_date"] = pa.array((wall // DAY).astype(np.int32)).cast(pa.date32())
    version = pa.array([mapping_version], pa.string())
    columns["mapping_version"] = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(len(indices), np.int32)), version
    )
    return pa.RecordBatch.from_arrays(
        [columns[name] for name in schema.MEASUREMENT.names],
        names=schema.MEASUREMENT.names,
    )


def to_table(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """Batches as one table of `schema.MEASUREMENT`, dictionaries resolved."""
    # All in one go: what Arrow does costs little beside the call.
    tables = [
        pa.Table.from_batches(list(alike)).cast(schema.MEASUREMENT)
        for _schema, alike in itertools.groupby(batches, lambda batch: batch.schema)
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
    both = pa.concat_tables([stored, incoming]) if stored.num_rows else incoming
    both = both.combine_chunks()
    winners = _winners(both, stored.num_rows)
    table = both.take(pa.array(winners))
    ids = both["observation_id"].combine_chunks().dictionary_encode()
    codes = ids.indices.to_numpy()
    touched, starts = _groups(table, codes[winners], codes[stored.num_rows :])
    arrived = winners[winners >= stored.num_rows]
    is_changed = np.zeros(len(ids.dictionary), bool)
    is_changed[codes[arrived]] = True
    changed = ids.dictionary
    if not is_changed.all():
        changed = changed.filter(pa.array(is_changed))
    new = table.num_rows - stored.num_rows
    replaced, repeated = len(arrived) - new, incoming.num_rows - len(arrived)
    return Upserted(table, touched, starts, new, replaced, repeated, changed)


def _winners(both: pa.Table, stored: int) -> Rows:
    """The row of each reading that counts, in key order.

    Args:
        both: rows that are stored, then those that come in.
        stored: how many are stored.
    """
    codes = key_codes(both, KEY)
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    is_first = np.ones(len(order), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    winners = order[is_first]
    if len(winners) < len(order):
        # Of most readings there is one version: only the others are compared in full.
        is_one_of_several = ~is_first
        is_one_of_several[:-1] |= ~is_first[1:]
        several = order[is_one_of_several]
        best = _best_versions(both, codes, several, stored)
        winners[is_one_of_several[is_first]] = best
    return winners


def _best_versions(both: pa.Table, codes: Codes, rows: Rows, stored: int) -> Rows:
    """Of some rows the one that wins of each key, in key order."""
    # What is null throughout tells nothing: of most tables that is half of the columns.
    telling = {name for name in _REST if both[name].null_count < both.num_rows}
    versions = both.select([*telling, "occurred_at"]).take(pa.array(rows))
    at = versions["occurred_at"]
    if "ingested_at" in telling:
        at = pc.coalesce(versions["ingested_at"], at)
    ranked = (
        versions.append_column("_key", pa.array(codes[rows]))
        .append_column("_ingested_at", at)
        .append_column("_incoming", pa.array((rows >= stored).astype(np.int8)))
    )
    untold = set(_REST) - telling
    best_first = [(name, order) for name, order in _BEST_FIRST if name not in untold]
    ordered = rows[pc.sort_indices(ranked, sort_keys=best_first).to_numpy()]
    keys = codes[ordered]
    return ordered[np.diff(keys, prepend=keys[0] - 1) != 0]


def groups_of(tables: Iterable[pa.Table], ids: pa.Array) -> Groups:
    """All readings of some Observations, out of several tables.

    Args:
        tables: columns of `schema.MEASUREMENT`; no reading stands in two of them.
        ids: of the Observations.

    Returns:
        Their readings, one Observation after the other, by time within, and the first
        row of each.
    """
    parts = [_rows_of(table, ids) for table in tables]
    found = pa.concat_tables(parts).combine_chunks()
    found = found.take(pa.array(np.argsort(key_codes(found, KEY), kind="stable")))
    codes = found["observation_id"].combine_chunks().dictionary_encode().indices
    return _one_after_the_other(found, codes.to_numpy())


def _rows_of(table: pa.Table, ids: pa.Array) -> pa.Table:
    wanted = pc.is_in(table["observation_id"], value_set=ids)
    return table if pc.all(wanted).as_py() else table.filter(wanted)


def _groups(table: pa.Table, codes: Rows, wanted: Rows) -> Groups:
    """The rows of some Observations.

    Args:
        table: readings in key order.
        codes: a number from 0 for the Observation of each.
        wanted: numbers of Observations, some of which may not stand in the table.
    """
    is_wanted = np.zeros(max(codes.max(initial=-1), wanted.max(initial=-1)) + 1, bool)
    is_wanted[wanted] = True
    is_touched = is_wanted[codes]
    if not is_touched.all():
        table, codes = table.filter(pa.array(is_touched)), codes[is_touched]
    return _one_after_the_other(table, codes)


def _one_after_the_other(table: pa.Table, codes: Rows) -> Groups:
    """The rows of each Observation together, in order of the first of each.

    Args:
        table: readings in key order.
        codes: a number for the Observation of each.
    """
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    if np.count_nonzero(np.bincount(codes)) < len(starts):
        _, first, groups = np.unique(codes, return_index=True, return_inverse=True)
        order = np.argsort(first[groups], kind="stable")
        table = table.take(pa.array(order))
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    return table, tuple(starts.tolist())
