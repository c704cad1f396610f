"""Plain Observations of a batch, column by column; byte for byte what a `Mould` fills.

One Observation after the other, most of the time would go into finding out that there
is no flag, no encounter and so on. Here the columns are asked once, and only the texts
that differ are made. What is not plain is left to `Mould.fill`.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from transforms.model import GroupBatch
from transforms.observation import Mould
from transforms.observation_rows import Part
from transforms.plain_batch import PlainBatch, PlainPart, PlainRows
from transforms.plain_grids import grids_of
from transforms.plain_instants import instants_of
from transforms.reading_columns import Runs


def plain_observations(
    groups: GroupBatch,
    runs: Runs,
    ids: Sequence[str],
    mould_of: Callable[[str], Mould],
    mapping_version: str,
) -> list[Part]:
    """The Observations of all groups of a slot that are plain.

    Args:
        groups: at least one; none that a correlation id ties together.
        runs: of their readings.
        ids: of their Observations.
        mould_of: the mould of a type.
        mapping_version: hash of the two mapping files.

    Returns:
        One part, or none.
    """
    batch = PlainBatch(groups, runs, ids, mould_of, mapping_version)
    instants, grids = instants_of(batch), grids_of(batch)
    if instants is not None and grids is not None:
        made, resources, rows = _merged(instants, grids, batch)
    elif (found := instants or grids) is not None:
        made, resources, rows = found
    else:
        return []
    group_of_row = batch.columns.group_of_row[rows.at]
    return [Part(made, resources, batch.table(rows), group_of_row)]


def _merged(one: PlainPart, other: PlainPart, batch: PlainBatch) -> PlainPart:
    """Two parts in the order of their groups."""
    groups = np.concatenate([one.groups, other.groups])
    resources = one.resources + other.resources
    order = np.argsort(groups)
    of_rows = np.concatenate([one.rows.at, other.rows.at])
    order_of_rows = np.argsort(batch.columns.group_of_row[of_rows], kind="stable")
    columns = [
        pa.concat_arrays(both)
        if isinstance(both[0], pa.Array)
        else np.concatenate(both)
        for both in zip(one.rows, other.rows, strict=True)
    ]
    return PlainPart(
        groups[order],
        [resources[index] for index in order.tolist()],
        PlainRows._make(column.take(order_of_rows) for column in columns),
    )
