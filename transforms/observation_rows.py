"""The observation table: rows of single Observations, and columns of many."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from transforms import schema

_CODES = (
    "code_system",
    "code",
    "component_code_system",
    "component_code",
    "unit",
)

_WHOSE = ["observation_id", "patient_id", "device_id", "type"]


class ValueRow(NamedTuple):
    """One row of the observation table: a value or component of an Observation."""

    observation_id: str
    patient_id: str
    device_id: str
    encounter_id: str | None
    type: str
    code_system: str | None
    code: str | None
    component_code_system: str | None
    component_code: str | None
    status: str
    effective_start: int
    effective_end: int
    value: float | None
    value_text: str | None
    unit: str | None
    reading_count: int
    min: float | None
    max: float | None
    mean: float | None
    issued: int
    mapping_version: str


class Part(NamedTuple):
    """Some Observations of a batch."""

    groups: np.ndarray
    """Numbers of the groups they are made of, int64, ascending."""
    resources: list[bytes]
    """At the same index."""
    rows: pa.Table
    """Columns of `schema.OBSERVATION`, one Observation after the other."""
    group_of_row: np.ndarray
    """The number of the group that each row is of, int64."""


def to_table(rows: Sequence[ValueRow]) -> pa.Table:
    """Rows as columns of `schema.OBSERVATION`."""
    if not rows:
        return schema.OBSERVATION.empty_table()
    return _table(dict(zip(ValueRow._fields, zip(*rows, strict=True), strict=True)))


def to_columns(
    readings: pa.Table,
    at: np.ndarray,
    codes: Sequence[tuple[str | None, ...]],
    code_of_row: np.ndarray,
    mapping_version: str,
    **columns: Any,
) -> pa.Table:
    """Rows without an encounter, by what they have in common with readings.

    Args:
        readings: columns of `schema.MEASUREMENT`.
        at: index of a reading of each row's group, int64.
        codes: system and code of a type, of a component, and unit.
        code_of_row: index of each row's codes.
        mapping_version: hash of the two mapping files.
        columns: the other columns; times are microseconds since 1970, int64.
    """
    count = len(at)
    taken = readings.select(_WHOSE).take(pa.array(at))
    of_type = pa.array(code_of_row)
    for name, values in zip(_CODES, zip(*codes, strict=True), strict=True):
        columns[name] = pa.array(values, pa.string()).take(of_type)
    for name in _WHOSE:
        columns[name] = taken[name]
    columns["encounter_id"] = pa.nulls(count, pa.string())
    columns["mapping_version"] = pa.repeat(mapping_version, count)
    return _table(columns)


def _table(columns: dict[str, Any]) -> pa.Table:
    arrays = [_array(columns[field.name], field.type) for field in schema.OBSERVATION]
    return pa.Table.from_arrays(arrays, schema=schema.OBSERVATION)


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    if pa.types.is_timestamp(kind):  # Arrow takes integers faster than datetimes
        return pa.array(values, pa.int64()).cast(kind)
    return pa.array(values, kind)


def in_order(parts: Sequence[Part]) -> tuple[list[int], list[bytes], pa.Table]:
    """Observations of several parts in the order of their groups.

    Args:
        parts: no group has an Observation in two of them.

    Returns:
        The numbers of the groups, the resource of each, and all rows.
    """
    filled = [part for part in parts if part.resources]
    if not filled:
        return [], [], schema.OBSERVATION.empty_table()
    if len(filled) == 1:
        ((groups, resources, rows, _),) = filled
        return groups.tolist(), resources, rows
    groups = np.concatenate([part.groups for part in filled])
    resources = [resource for part in filled for resource in part.resources]
    order = np.argsort(groups)
    rows = pa.concat_tables([part.rows for part in filled]).combine_chunks()
    group_of_row = np.concatenate([part.group_of_row for part in filled])
    return (
        groups[order].tolist(),
        [resources[index] for index in order.tolist()],
        rows.take(pa.array(np.argsort(group_of_row, kind="stable"))),
    )
