"""SampledData of a period, many at once."""

import itertools
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from transforms.effective import effective_period
from transforms.instants import TICKS
from transforms.observation import identity_segment
from transforms.observation_value import token_of
from transforms.plain_batch import PlainBatch, PlainPart, PlainRows
from transforms.reading_columns import Mask
from transforms.sampled_data import EMPTY, is_short


class _Samples(NamedTuple):
    """Readings by group, then by value, then in time order."""

    rows: np.ndarray
    kinds: np.ndarray
    tokens: list[str]
    ticks: np.ndarray
    """Since the period began."""
    cell: np.ndarray
    """The one that each lies in."""
    size: np.ndarray
    """How many cells its grid has."""
    follows: Mask
    """Whether it is of the same grid as the one before it."""


def grids_of(batch: PlainBatch) -> PlainPart | None:
    """The plain Observations of a period; None if there are none."""
    selected = batch.columns.grids()
    while selected.any():
        samples = _samples(batch, selected)
        unfit = _unfit(samples)
        if not unfit.any():
            return _grids_of(batch, np.flatnonzero(selected), samples)
        selected[batch.columns.group_of_row[samples.rows[unfit]]] = False
    return None


def _samples(batch: PlainBatch, selected: Mask) -> _Samples:
    columns = batch.columns
    rows = columns.rows_of(selected)
    group_of_row, kinds = columns.group_of_row[rows], batch.kinds(rows)
    texts = columns["value_text"].take(pa.array(rows)).to_pylist()
    start, end = batch.periods
    ticks = columns.ticks(rows) - start[group_of_row] * TICKS
    period = batch.cells[kinds]
    last = (end - start)[group_of_row] * TICKS - 1
    follows = np.zeros(len(rows), bool)
    follows[1:] = np.diff(group_of_row * len(batch.cells) + kinds) == 0
    return _Samples(
        rows,
        kinds,
        list(map(token_of, texts)),
        ticks,
        ticks // period,
        last // period + 1,
        follows,
    )


def _unfit(samples: _Samples) -> Mask:
    """Which samples do not simply have a cell each, in a grid that is surely short."""
    _rows, _kinds, tokens, ticks, cell, size, follows = samples
    unfit = (cell < 0) | (cell >= size)
    unfit[1:] |= follows[1:] & (np.diff(ticks) == 0)
    widest = max(map(len, tokens))
    if not is_short(int(size.max()), widest):
        unfit |= [not is_short(cells, widest) for cells in size.tolist()]
    return unfit


def _grids_of(batch: PlainBatch, groups: np.ndarray, samples: _Samples) -> PlainPart:
    columns = batch.columns
    begins = np.flatnonzero(~samples.follows)
    bounds = [*begins.tolist(), len(samples.rows)]
    grids = _texts(bounds, samples.size[begins].tolist(), samples)
    issued = np.maximum.reduceat(columns.issued, columns.starts)
    start, end = batch.periods
    # All groups of a slot share few periods.
    lengths = batch.minutes[groups].tolist()
    keys = list(zip(start[groups].tolist(), lengths, strict=True))
    told = {key: _tell(*key) for key in set(keys)}
    times = [told[key] for key in keys]
    resources = batch.write(
        groups,
        [segment for segment, _effective in times],
        [effective for _segment, effective in times],
        issued[groups],
        grids,
    )
    at = samples.rows[begins]
    group_of_row = columns.group_of_row[at]
    rows = PlainRows(
        at,
        samples.kinds[begins],
        pa.array(grids, pa.string()),
        start[group_of_row],
        end[group_of_row] - 1,
        issued[group_of_row],
        np.diff(bounds),
        *_statistics(bounds, columns.value[samples.rows].tolist()),
    )
    return PlainPart(groups, resources, rows)


def _tell(start: int, minutes: int) -> tuple[str, str]:
    """The end of the identifier, and when the Observation holds."""
    segment = identity_segment(start, minutes, None, medtech=False)
    return segment, effective_period(start, minutes)[0]


def _texts(bounds: list[int], sizes: list[int], samples: _Samples) -> list[str]:
    cells, tokens = samples.cell.tolist(), samples.tokens
    texts = []
    for (begin, end), size in zip(itertools.pairwise(bounds), sizes, strict=True):
        grid = [EMPTY] * size
        for cell, token in zip(cells[begin:end], tokens[begin:end], strict=True):
            grid[cell] = token
        texts.append(" ".join(grid))
    return texts


def _statistics(bounds: list[int], numbers: list[float]) -> list[np.ndarray]:
    """Least, greatest and mean number of each grid.

    Python's own sum: NumPy adds in another order, and the last digit would differ.
    """
    parts = [numbers[begin:end] for begin, end in itertools.pairwise(bounds)]
    means = [sum(part) / len(part) if len(part) > 1 else part[0] for part in parts]
    lows, highs = list(map(min, parts)), list(map(max, parts))
    return [np.array(each, np.float64) for each in (lows, highs, means)]
