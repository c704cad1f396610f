"""Plain Observations of a batch, column by column; byte for byte what a `Mould` fills.

One Observation after the other, most of the time would go into finding out that there
is no flag, no encounter and so on. Here the columns are asked once, and only the texts
that differ are made. What is not plain is left to `Mould.fill`.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from transforms.effective import effective_period
from transforms.instant_columns import id_segments, iso_instants, iso_instants_at
from transforms.instants import MINUTE, TICKS
from transforms.model import GroupBatch
from transforms.observation import FINAL, Mould, identity_segment
from transforms.observation_rows import Part, to_columns
from transforms.observation_value import number_of, token_of
from transforms.reading_columns import Mask, ReadingColumns, run_starts
from transforms.sampled_data import EMPTY, is_short


def plain_observations(
    groups: GroupBatch, mould_of: Callable[[str], Mould], mapping_version: str
) -> Part | None:
    """The Observations of all groups of a slot that are plain.

    Args:
        groups: at least one; none that a correlation id ties together.
        mould_of: the mould of a type.
        mapping_version: hash of the two mapping files.
    """
    batch = _Batch(groups, mould_of, mapping_version)
    parts = []
    if (instants := batch.columns.instants()).any():
        parts.append(batch.instants(instants))
    if (grids := batch.fitting(batch.columns.grids())).any():
        parts.append(batch.grids(grids))
    return batch.in_order(parts) if parts else None


class _Rows(NamedTuple):
    """Rows of the observation table, as far as they differ; columns of equal length."""

    at: np.ndarray
    """Index of a reading of the value, the first one."""
    kinds: np.ndarray
    """Index of what it has in common with others of its type and name."""
    value_text: pa.Array
    effective_start: np.ndarray
    effective_end: np.ndarray
    issued: np.ndarray
    reading_count: np.ndarray
    min: np.ndarray
    max: np.ndarray
    mean: np.ndarray


class _Plain(NamedTuple):
    """Plain Observations of one kind."""

    groups: np.ndarray
    resources: list[bytes]
    rows: _Rows


class _Frame(NamedTuple):
    """The text that the Observations of a type, patient and device share."""

    identifier: str
    subject: str
    open: str
    close: str


class _Samples(NamedTuple):
    """Readings by group, then by value, then in time order."""

    rows: np.ndarray
    kinds: np.ndarray
    """Index of each one's codes."""
    size: np.ndarray
    """How many cells its grid has."""
    cell: np.ndarray
    """The cell that it lies in."""
    follows: np.ndarray
    """Whether it is of the same grid as the one before it."""


class _Batch:
    def __init__(
        self,
        groups: GroupBatch,
        mould_of: Callable[[str], Mould],
        mapping_version: str,
    ) -> None:
        self.columns = ReadingColumns(groups, lambda name: mould_of(name).shape)
        self._moulds = [mould_of(name) for name in self.columns.types]
        self._version = mapping_version
        self._statuses = groups.statuses
        heads = groups.readings.select(["observation_id", "patient_id", "device_id"])
        self._heads = heads.take(pa.array(self.columns.starts))
        self._ids = self._heads["observation_id"].to_pylist()
        self._read_frames()
        self._read_kinds()

    def _read_frames(self) -> None:
        """Groups are sorted by patient: consecutive ones have much in common."""
        types = self.columns.type_of_group
        heads = self._heads.append_column("type", pa.array(types))
        runs = run_starts(heads, ("patient_id", "device_id", "type"))
        at = pa.array(runs)
        self._frames: list[_Frame | None] = []
        for patient_id, device_id, index in zip(
            heads["patient_id"].take(at).to_pylist(),
            heads["device_id"].take(at).to_pylist(),
            types[runs].tolist(),
            strict=True,
        ):
            shape, mould = self.columns.shapes[index], self._moulds[index]
            if shape is None:
                self._frames.append(None)
                continue
            series = mould.series(patient_id, device_id)
            self._frames.append(
                _Frame(series.identifier, series.subject, shape.open, shape.close)
            )
        self._frame_of_group = np.zeros(len(types), np.int64)
        self._frame_of_group[runs[1:]] = 1
        self._frame_of_group.cumsum(out=self._frame_of_group)

    def _read_kinds(self) -> None:
        """What all readings of one value of a type have in common."""
        self._codes: list[tuple[str | None, ...]] = []
        cells: list[int] = []
        first = []
        for shape, mould in zip(self.columns.shapes, self._moulds, strict=True):
            first.append(len(self._codes))
            if shape is not None:
                self._codes += [(*mould.code, *codes) for codes in shape.columns]
                cells += shape.cells or [0] * len(shape.columns)
        self._first_kind = np.array(first)[self.columns.type_of_group]
        self._cell_of_kind = np.array(cells, np.int64)

    def instants(self, selected: Mask) -> _Plain:
        """Quantities, each group of one instant."""
        columns = self.columns
        groups = np.flatnonzero(selected)
        firsts = columns.starts[groups]
        rows = columns.rows_of(selected)
        texts = columns["value_text"].take(pa.array(rows))
        offsets = columns["utc_offset_minutes"].fill_null(0).to_numpy()[firsts]
        local = iso_instants_at(columns.occurred_at[firsts], offsets)
        resources = self._write(
            groups,
            id_segments(columns.occurred_at[firsts]),
            [f'"effectiveDateTime":"{text}"' for text in local],
            columns.issued[firsts],
            map(number_of, texts.to_pylist()),
        )
        when, value = columns.occurred_at[rows], columns.value[rows]
        table = _Rows(
            rows,
            self._kinds(rows),
            texts,
            when,
            when,
            columns.issued[rows],
            np.ones(len(rows), np.int64),
            value,
            value,
            value,
        )
        return _Plain(groups, resources, table)

    def fitting(self, candidates: Mask) -> Mask:
        """Of groups those whose samples have a cell each in grids that are short."""
        if not candidates.any():
            return candidates
        columns = self.columns
        samples = self._samples(candidates)
        rows = samples.rows
        texts = columns["value_text"].take(pa.array(rows)).unique().to_pylist()
        widest = max(len(token_of(text)) for text in texts)
        sizes = np.unique(samples.size).tolist()
        long = [size for size in sizes if not is_short(size, widest)]
        unfit = (samples.cell < 0) | (samples.cell >= samples.size)
        unfit |= np.isin(samples.size, long)
        ticks = columns.ticks(rows)
        unfit[1:] |= samples.follows[1:] & (ticks[1:] == ticks[:-1])
        fitting = candidates.copy()
        fitting[columns.group_of_row[rows[unfit]]] = False
        return fitting

    def grids(self, selected: Mask) -> _Plain:
        """SampledData, each group of one period."""
        columns = self.columns
        samples = self._samples(selected)
        groups, rows = np.flatnonzero(selected), samples.rows
        begins = np.flatnonzero(~samples.follows)
        bounds = [*begins.tolist(), len(rows)]
        texts = columns["value_text"].take(pa.array(rows)).to_pylist()
        grids = _grids(
            bounds,
            samples.size[begins].tolist(),
            samples.cell.tolist(),
            list(map(token_of, texts)),
        )
        issued = np.maximum.reduceat(columns.issued, columns.starts)
        start, end = self._periods()
        types, starts = columns.type_of_group[groups].tolist(), start[groups].tolist()
        told: dict[tuple[int, int], tuple[str, str]] = {}
        for key in dict.fromkeys(zip(types, starts, strict=True)):
            told[key] = self._tell(*key)
        times = [told[key] for key in zip(types, starts, strict=True)]
        resources = self._write(
            groups,
            [segment for segment, _effective in times],
            [effective for _segment, effective in times],
            issued[groups],
            grids,
        )
        group_of_row = columns.group_of_row[rows[begins]]
        table = _Rows(
            rows[begins],
            samples.kinds[begins],
            pa.array(grids, pa.string()),
            start[group_of_row],
            end[group_of_row] - 1,
            issued[group_of_row],
            np.diff(bounds),
            *_statistics(bounds, columns.value[rows].tolist()),
        )
        return _Plain(groups, resources, table)

    def in_order(self, parts: list[_Plain]) -> Part:
        """Instants and grids by their groups, with the rows of the table."""
        groups, resources, rows = parts[0]
        for part in parts[1:]:
            groups = np.concatenate([groups, part.groups])
            resources = resources + part.resources
            rows = _joined_rows(rows, part.rows)
        group_of_row = self.columns.group_of_row[rows.at]
        if len(parts) > 1:
            order = np.argsort(groups)
            groups, resources = groups[order], [resources[i] for i in order.tolist()]
            order = np.argsort(group_of_row, kind="stable")
            group_of_row, rows = group_of_row[order], _in_order(rows, order)
        return Part(groups, resources, self._table(rows, group_of_row), group_of_row)

    def _table(self, rows: _Rows, group_of_row: np.ndarray) -> pa.Table:
        members = rows._asdict()
        is_grid = self._cell_of_kind[rows.kinds] > 0
        return to_columns(
            self.columns.table,
            members.pop("at"),
            self._codes,
            members.pop("kinds"),
            self._version,
            # Of one reading that is a number, it is its own mean.
            value=pa.array(rows.mean, mask=is_grid, from_pandas=False),
            status=self._statuses_of(group_of_row),
            **members,
        )

    def _samples(self, selected: Mask) -> _Samples:
        columns = self.columns
        rows = columns.rows_of(selected)
        group_of_row, kinds = columns.group_of_row[rows], self._kinds(rows)
        start, end = self._periods()
        cell = self._cell_of_kind[kinds]
        since = columns.ticks(rows) - start[group_of_row] * TICKS
        length = (end - start)[group_of_row] * TICKS
        follows = np.zeros(len(rows), bool)
        follows[1:] = (np.diff(group_of_row) == 0) & (np.diff(kinds) == 0)
        return _Samples(rows, kinds, (length - 1) // cell + 1, since // cell, follows)

    def _periods(self) -> tuple[np.ndarray, np.ndarray]:
        """First instant of each group's period, and first one after it."""
        minutes = [shape.minutes if shape else 0 for shape in self.columns.shapes]
        length = np.array(minutes)[self.columns.type_of_group] * MINUTE
        instant = self.columns.occurred_at[self.columns.starts]
        start = instant - instant % np.maximum(length, 1)
        return start, start + length

    def _tell(self, type_index: int, instant: int) -> tuple[str, str]:
        shape = self.columns.shapes[type_index]
        minutes = shape.minutes if shape else 0
        segment = identity_segment(instant, minutes, None, medtech=False)
        return segment, effective_period(instant, minutes)[0]

    def _kinds(self, rows: np.ndarray) -> np.ndarray:
        columns = self.columns
        return self._first_kind[columns.group_of_row[rows]] + columns.place[rows]

    def _statuses_of(self, groups: np.ndarray) -> Any:
        if not self._statuses:
            return pa.repeat(FINAL, len(groups))
        return [self._statuses[group] for group in groups.tolist()]

    def _write(
        self,
        groups: np.ndarray,
        segments: Sequence[str],
        effectives: Sequence[str],
        issued: np.ndarray,
        values: Iterable[str],
    ) -> list[bytes]:
        """The resources of some groups; of several values of one, one by one."""
        numbers = groups.tolist()
        frames = [self._frames[run] for run in self._frame_of_group[groups].tolist()]
        statuses = self._statuses
        return [
            (
                f'{{"resourceType":"Observation","id":"{resource_id}'
                f'{identifier}{segment}"}}],"status":"{status}{subject},{effective},'
                f'"issued":"{moment}"{before}{value}{behind}'
            ).encode()
            for resource_id, (
                identifier,
                subject,
                before,
                behind,
            ), segment, status, effective, moment, value in zip(
                [self._ids[group] for group in numbers],
                frames,
                segments,
                [statuses[group] for group in numbers]
                if statuses
                else [FINAL] * len(numbers),
                effectives,
                iso_instants(issued),
                self._joined(groups, values),
                strict=True,
            )
        ]

    def _joined(self, groups: np.ndarray, values: Iterable[str]) -> Iterable[str]:
        between = [shape.between if shape else () for shape in self.columns.shapes]
        if not any(between):
            return values
        following = iter(values)
        types = self.columns.type_of_group[groups].tolist()
        return [
            "".join(
                [next(following), *[gap + next(following) for gap in between[kind]]]
            )
            if between[kind]
            else next(following)
            for kind in types
        ]


def _joined_rows(one: _Rows, other: _Rows) -> _Rows:
    joined = [
        pa.concat_arrays(both)
        if isinstance(both[0], pa.Array)
        else np.concatenate(both)
        for both in zip(one, other, strict=True)
    ]
    return _Rows._make(joined)


def _in_order(rows: _Rows, order: np.ndarray) -> _Rows:
    return _Rows._make(column.take(order) for column in rows)


def _grids(
    bounds: list[int], sizes: list[int], cells: list[int], tokens: list[str]
) -> list[str]:
    """Samples of several grids, one grid after the other, as their texts."""
    grids = []
    for begin, end, size in zip(bounds[:-1], bounds[1:], sizes, strict=True):
        grid = [EMPTY] * size
        for cell, token in zip(cells[begin:end], tokens[begin:end], strict=True):
            grid[cell] = token
        grids.append(" ".join(grid))
    return grids


def _statistics(bounds: list[int], numbers: list[float]) -> list[np.ndarray]:
    """Least, greatest and mean number of each grid.

    Python's own sum: NumPy adds in another order, and the last digit would differ.
    """
    parts = [numbers[begin:end] for begin, end in itertools.pairwise(bounds)]
    means = [sum(part) / len(part) if len(part) > 1 else part[0] for part in parts]
    return [
        np.array(column)
        for column in (list(map(min, parts)), list(map(max, parts)), means)
    ]
