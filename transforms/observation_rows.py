"""Rows of the observation table, from both ways in which Observations are made."""

import numpy as np
import pyarrow as pa

from transforms import schema
from transforms.observation import ValueRow
from transforms.plain_observations import Plain


def rows_in_order(
    rows: list[ValueRow], places: list[int], plain: list[Plain]
) -> pa.Table:
    """The rows of a batch of Observations, in the order of their groups.

    Args:
        rows: those of groups that are not plain.
        places: the group of each of these.
        plain: the others.

    Returns:
        Columns of `schema.OBSERVATION`.
    """
    if not plain:
        return _table(rows)
    parts = [part.rows for part in plain]
    of_parts = [part.places for part in plain]
    if rows:
        parts.append(_table(rows))
        of_parts.append(np.asarray(places, np.int64))
    together = pa.concat_tables(parts).combine_chunks()
    if len(parts) == 1:
        return together
    order = np.argsort(np.concatenate(of_parts), kind="stable")
    return together.take(pa.array(order))


def _table(rows: list[ValueRow]) -> pa.Table:
    if not rows:
        return schema.OBSERVATION.empty_table()
    arrays = []
    for field, values in zip(schema.OBSERVATION, zip(*rows, strict=True), strict=True):
        if pa.types.is_timestamp(field.type):
            arrays.append(pa.array(values, pa.int64()).cast(field.type))
        else:
            arrays.append(pa.array(values, field.type))
    return pa.Table.from_arrays(arrays, schema=schema.OBSERVATION)
