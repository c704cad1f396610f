"""Readings as columns: which of their groups are plain, without a look at each row."""

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

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


class Runs(NamedTuple):
    """Consecutive readings of one type, device and patient, of any number of groups.

    Readings are sorted by patient and type: what is said of a run is said once for
    many of them.
    """

    starts: Indices
    """First row of each."""
    heads: pa.Table
    """Those rows, as far as they are the same for all of a run."""


_SHARED = (
    "patient_id",
    "patient_identifier",
    "device_id",
    "device_identifier",
    "type",
)


def runs_of(readings: pa.Table) -> Runs:
    """The runs of readings; of two that touch the same may be true.

    Args:
        readings: columns of `schema.MEASUREMENT`.
    """
    differs = np.zeros(readings.num_rows, bool)
    differs[:1] = True
    for name in _SHARED:
        values = column(readings, name)
        if values.null_count < len(values):
            unequal = pc.not_equal(values.slice(1), values.slice(0, len(values) - 1))
            if unequal.null_count:
                unequal = unequal.fill_null(True)
            differs[1:] |= _to_mask(unequal)
    starts = np.flatnonzero(differs)
    return Runs(starts, readings.select(list(_SHARED)).take(pa.array(starts)))


def _to_mask(values: pa.Array) -> Mask:
    return values.to_numpy(zero_copy_only=False)


def _filled(values: pa.Array, stand_in: int) -> np.ndarray:
    return (values.fill_null(stand_in) if values.null_count else values).to_numpy()


class ReadingColumns:
    """The columns of a batch of groups as far as plain Observations need them.

    Args:
        groups: at least one.
        runs: of their readings.
        shape: what plain Observations of a type look like, by its name.
    """

    def __init__(
        self, groups: GroupBatch, runs: Runs, shape: Callable[[str], Shape | None]
    ) -> None:
        self.table = groups.readings
        self.starts = np.asarray(groups.starts, np.int64)
        self.counts = np.diff(self.starts, append=self.table.num_rows)
        self.group_of_row = np.repeat(np.arange(len(self.starts)), self.counts)
        self.run_of_group = np.searchsorted(runs.starts, self.starts, "right") - 1
        occurred_at = self["occurred_at"].cast(pa.int64())
        ingested_at = self["ingested_at"].cast(pa.int64())
        self.occurred_at: np.ndarray = occurred_at.to_numpy()
        self.issued: np.ndarray = pc.coalesce(ingested_at, occurred_at).to_numpy()
        self.value: np.ndarray = self["value"].to_numpy(zero_copy_only=False)
        self.offsets = _filled(self["utc_offset_minutes"], 0)
        self.tick: np.ndarray = self["occurred_tick"].to_numpy()
        numbers: dict[str, int] = {}
        type_of_run = [
            numbers.setdefault(name, len(numbers))
            for name in runs.heads["type"].to_pylist()
        ]
        self.types = list(numbers)
        self.shapes = [shape(name) for name in self.types]
        """At the same index as `types`."""
        self.type_of_group = np.array(type_of_run)[self.run_of_group]
        self.place = self._places()
        """Index of each row's value in the shape of its group's type, or -1."""

    def __getitem__(self, name: str) -> pa.Array:
        return column(self.table, name)

    def _places(self) -> np.ndarray:
        names = self["value_name"].dictionary_encode()
        known = names.dictionary.to_pylist()
        # The last column stands for readings without a name.
        places = np.full((len(self.types), len(known) + 1), -1)
        for index, found in enumerate(self.shapes):
            if found is not None:
                for name in set(found.names).intersection(known):
                    places[index, known.index(name)] = found.names.index(name)
        name_of_row = _filled(names.indices, len(known))
        return places[self.type_of_group[self.group_of_row], name_of_row]

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
            for values in (self.occurred_at, self.issued, self.offsets):
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
