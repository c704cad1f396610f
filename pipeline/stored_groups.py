"""Complete groups of readings, as the measurement table holds them."""

import hashlib
from collections.abc import Mapping

import pyarrow as pa

from pipeline.slot_files import correlated_file, read_observations
from pipeline.upsert_files import Folder
from transforms import schema
from transforms.model import CORRELATED, GroupBatch
from transforms.readings import groups_of
from transforms.slot_state import SlotState


def version_of(content: bytes | None) -> bytes:
    """Tells contents of a slot's file apart: it never holds again what it once held."""
    return hashlib.blake2b(content or b"", digest_size=16).digest()


def statuses_of(
    touched: pa.Table,
    starts: tuple[int, ...],
    state: SlotState,
    periods: frozenset[str],
) -> tuple[str, ...]:
    """The status of each group's Observation; empty if all are final.

    Args:
        touched: readings, one group after the other.
        starts: first row of each group.
        state: of their slot.
        periods: lower-case types whose Observations stand for a period.
    """
    if state == SlotState():
        return ()
    first = touched.select(["observation_id", "type"]).take(
        pa.array(starts, pa.int64())
    )
    return tuple(
        state.status_of(resource_id) if type_name.lower() in periods else "final"
        for resource_id, type_name in zip(
            first["observation_id"].to_pylist(), first["type"].to_pylist(), strict=True
        )
    )


def gather(
    folder: Folder, shard: int, ids: pa.Array, known: Mapping[str, pa.Table]
) -> GroupBatch:
    """Sessions with their readings of all dates.

    Args:
        folder: root of the measurement table.
        shard: of the sessions.
        ids: of their Observations.
        known: tables that need not be read again, by file.
    """
    tables = list(known.values())
    for name, file in folder.open_each(correlated_file(shard, ".parquet")):
        if name in known:
            continue
        found = read_observations(folder, name, file, ids, schema.MEASUREMENT)
        if found is not None:
            tables.append(found)
    empty = schema.MEASUREMENT.empty_table()
    touched, starts = groups_of(tables or [empty], ids)
    return GroupBatch(CORRELATED, shard, touched, starts, version=_version(touched))


def _version(readings: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, readings.schema) as stream:
        stream.write_table(readings.combine_chunks())
    return version_of(sink.getvalue())
