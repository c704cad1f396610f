"""Readings as columns: which of their groups are plain, without a look at each row."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.instants import TICKS
from transforms.model import GroupBatch
from transforms.plain_shape import Shape

Indices = np.ndarray
"""Rows of a table or numbers of groups, int64."""
Mask = np.ndarray
"""Of bool, one per row or group."""


def column(table: pa.Table, name: str) -> pa.Array:
    """A column in one piece."""
    chunked = table[name]
    return chunked.chunk(0) if chunked.num_chunks == 1 else chunked.combine_chunks()


def run_starts(table: pa.Table, names: tuple[str, ...]) -> Indices:
    """Where rows differ from the row before them in some columns.

    Rows that are null in one of them may count as different.
    """
    starts = np.zeros(table.num_rows, bool)
    starts[:1] = True
    for name in names:
        values = column(table, name)
        if values.null_count < len(values):
            differs = pc.not_equal(values.slice(1), values.slice(0, len(values) - 1))
            if differs.null_count:
                differs = differs.fill_null(True)
            starts[1:] |= _to_mask(differs)
    return np.flatnonzero(starts)


def _to_mask(values: pa.Array) -> Mask:
    return values.to_numpy(zero_copy_only=False)


class ReadingColumns:
    """The columns of a batch of groups as far as plain Observations need them.

    Args:
        groups: at least one.
        shape: what plain Observations of a type look like, by its name.
    """

    def __init__(
        self, groups: GroupBatch, shape: Callable[[str], Shape | None]
    ) -> None:
        self.table = groups.readings
        self.starts = np.asarray(groups.starts, np.int64)
        self.counts = np.diff(self.starts, append=self.table.num_rows)
        self.group_of_row = np.repeat(np.arange(len(self.starts)), self.counts)
        occurred_at = self["occurred_at"].cast(pa.int64())
        ingested_at = self["ingested_at"].cast(pa.int64())
        self.occurred_at: np.ndarray = occurred_at.to_numpy()
        self.issued: np.ndarray = pc.coalesce(ingested_at, occurred_at).to_numpy()
        self.value: np.ndarray = self["value"].to_numpy(zero_copy_only=False)
        self.tick: np.ndarray = self["occurred_tick"].to_numpy()
        self._read_types(shape)

    def __getitem__(self, name: str) -> pa.Array:
        return column(self.table, name)

    def _read_types(self, shape: Callable[[str], Shape | None]) -> None:
        types = self["type"].dictionary_encode()
        names = self["value_name"].dictionary_encode()
        self.types: list[str] = types.dictionary.to_pylist()
        self.shapes = [shape(name) for name in self.types]
        """At the same index as `types`."""
        type_of_row = types.indices.to_numpy()
        self.type_of_group: np.ndarray = type_of_row[self.starts]
        known = names.dictionary.to_pylist()
        # The last column stands for readings without a name.
        places = np.full((len(self.types), len(known) + 1), -1)
        for index, found in enumerate(self.shapes):
            if found is not None:
                for name in set(found.names).intersection(known):
                    places[index, known.index(name)] = found.names.index(name)
        name_of_row = names.indices.fill_null(len(known)).to_numpy()
        self.place: np.ndarray = places[
            self.type_of_group[self.group_of_row], name_of_row
        ]
        """Index of each row's value in the shape of its group's type, or -1."""

    def _is_null(self, name: str) -> Mask | bool:
        values = self[name]
        if not values.null_count:
            return False
        return values.null_count == len(values) or _to_mask(values.is_null())

    def _is_valid(self, name: str) -> Mask | bool:
        values = self[name]
        if not values.null_count:
            return True
        return values.null_count < len(values) and _to_mask(values.is_valid())

    def instants(self) -> Mask:
        """Which groups are plain Quantities of an instant: each value once."""
        size = self._sizes(of_instant=True)
        if not size.any():
            return size > 0
        row_is_plain = (
            self._is_ordinary
            & self._is_null("record_id")
            & self._is_null("ended_at")
            # Without an offset it is a civil date.
            & self._is_valid("utc_offset_minutes")
            & (self.tick == 0)
        )
        if len(self.starts) < len(row_is_plain):
            offsets = self["utc_offset_minutes"].fill_null(0).to_numpy()
            for values in (self.occurred_at, self.issued, offsets):
                row_is_plain &= values == np.repeat(values[self.starts], self.counts)
        return (self.counts == size) & self._is_complete(row_is_plain)

    def grids(self) -> Mask:
        """Which groups are plain grids of a period, if no two samples coincide."""
        size = self._sizes(of_instant=False)
        if not size.any():
            return size > 0
        return (size > 0) & self._is_complete(self._is_ordinary)

    @cached_property
    def _is_ordinary(self) -> Mask:
        return (
            (self.place >= 0)
            & self._is_null("flag")
            & self._is_null("encounter_id")
            & self._is_valid("value")
        )

    def _sizes(self, *, of_instant: bool) -> np.ndarray:
        """How many values each group's shape of an instant, or a period, has; or 0."""
        sizes = [
            len(shape.names)
            if shape is not None and (shape.minutes == 0) == of_instant
            else 0
            for shape in self.shapes
        ]
        return np.array(sizes)[self.type_of_group]

    def _is_complete(self, row_is_plain: Mask) -> Mask:
        """Which groups have plain rows only, and among them one of each value."""
        if len(self.starts) == len(row_is_plain):
            return row_is_plain & (self._whole == 1)
        present = np.bitwise_or.reduceat(1 << np.maximum(self.place, 0), self.starts)
        plain = np.logical_and.reduceat(row_is_plain, self.starts)
        return plain & (present == self._whole)

    @cached_property
    def _whole(self) -> np.ndarray:
        """The set of all values of each group's shape, as bits."""
        sets = [(1 << len(shape.names)) - 1 if shape else 0 for shape in self.shapes]
        return np.array(sets)[self.type_of_group]

    def rows_of(self, selected: Mask) -> Indices:
        """The rows of some groups: by group, by value as in the resource, by time."""
        rows = np.flatnonzero(selected[self.group_of_row])
        places = self.place[rows]
        if not places.any():
            return rows
        return rows[np.lexsort((places, self.group_of_row[rows]))]

    def ticks(self, rows: Indices) -> np.ndarray:
        """When readings occurred, in 100 ns since 1970."""
        return self.occurred_at[rows] * TICKS + self.tick[rows]
