"""Quantities of an instant, many at once."""

import numpy as np
import pyarrow as pa

from transforms.instant_columns import id_segments, iso_instants_at
from transforms.observation_value import number_of
from transforms.plain_batch import PlainBatch, PlainPart, PlainRows


def instants_of(batch: PlainBatch) -> PlainPart | None:
    """The plain Observations of an instant; None if there are none."""
    columns = batch.columns
    selected = columns.instants()
    if not selected.any():
        return None
    groups, rows = np.flatnonzero(selected), columns.rows_of(selected)
    firsts = columns.starts[groups]
    occurred_at = columns.occurred_at[firsts]
    texts = columns["value_text"].take(pa.array(rows))
    resources = batch.write(
        groups,
        id_segments(occurred_at),
        [
            f'"effectiveDateTime":"{text}"'
            for text in iso_instants_at(occurred_at, columns.offsets[firsts])
        ],
        columns.issued[firsts],
        map(number_of, texts.to_pylist()),
    )
    when, value = columns.occurred_at[rows], columns.value[rows]
    statistics = (np.ones(len(rows), np.int64), value, value, value)
    kinds, issued = batch.kinds(rows), columns.issued[rows]
    return PlainPart(
        groups,
        resources,
        PlainRows(rows, kinds, texts, when, when, issued, *statistics),
    )
