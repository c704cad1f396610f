"""What plain Observations of a batch share, and how their texts are put together."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from transforms.instant_columns import iso_instants
from transforms.instants import MINUTE
from transforms.model import GroupBatch
from transforms.observation import FINAL, Mould
from transforms.observation_rows import to_columns
from transforms.reading_columns import ReadingColumns, Runs


class PlainRows(NamedTuple):
    """Rows of the observation table, as far as they differ; columns of equal length."""

    at: np.ndarray
    """Index of a reading of the value."""
    kinds: np.ndarray
    """Index of what it has in common with others of its type and name."""
    value_text: pa.Array
    effective_start: np.ndarray
    """µs since 1970, int64, as the other times."""
    effective_end: np.ndarray
    issued: np.ndarray
    reading_count: np.ndarray
    min: np.ndarray
    max: np.ndarray
    mean: np.ndarray


class PlainPart(NamedTuple):
    """Plain Observations of one shape of values."""

    groups: np.ndarray
    """Numbers of the groups they are made of, ascending."""
    resources: list[bytes]
    """At the same index."""
    rows: PlainRows
    """By group, and by value as in the resource."""


class _Frame(NamedTuple):
    """The text that the Observations of a type, patient and device share."""

    identifier: str
    subject: str
    open: str
    close: str


class PlainBatch:
    """A batch of groups, and what is the same for many of them.

    Args:
        groups: at least one.
        runs: of their readings.
        ids: of their Observations.
        mould_of: the mould of a type.
        mapping_version: hash of the two mapping files.
    """

    def __init__(
        self,
        groups: GroupBatch,
        runs: Runs,
        ids: Sequence[str],
        mould_of: Callable[[str], Mould],
        mapping_version: str,
    ) -> None:
        self.columns = ReadingColumns(groups, runs, lambda name: mould_of(name).shape)
        self._ids = ids
        self._moulds = [mould_of(name) for name in self.columns.types]
        self._version = mapping_version
        self._statuses = groups.statuses
        self._frames = self._frames_of(runs.heads)
        self._codes: list[tuple[str | None, ...]] = []
        cells: list[int] = []
        first_kinds = []
        for shape, mould in zip(self.columns.shapes, self._moulds, strict=True):
            first_kinds.append(len(self._codes))
            if shape is not None:
                self._codes += [(*mould.code, *codes) for codes in shape.columns]
                cells += shape.cells or [0] * len(shape.columns)
        self._first_kinds = np.array(first_kinds)
        self.cells = np.array(cells, np.int64)
        """Ticks per cell of each kind; 0 of Quantities."""

    def _frames_of(self, heads: pa.Table) -> list[_Frame | None]:
        patients, devices, types = (
            heads[name].to_pylist() for name in ("patient_id", "device_id", "type")
        )
        known = zip(self.columns.shapes, self._moulds, strict=True)
        by_type = dict(zip(self.columns.types, known, strict=True))
        frames: list[_Frame | None] = []
        for patient_id, device_id, name in zip(patients, devices, types, strict=True):
            shape, mould = by_type[name]
            if shape is None:
                frames.append(None)
                continue
            before, subject = mould.series(patient_id, device_id)
            frames.append(_Frame(before, subject, shape.open, shape.close))
        return frames

    def kinds(self, rows: np.ndarray) -> np.ndarray:
        """Index of what readings have in common with others of their type and name.

        Args:
            rows: of plain groups.
        """
        types = self.columns.type_of_group[self.columns.group_of_row[rows]]
        return self._first_kinds[types] + self.columns.place[rows]

    @cached_property
    def minutes(self) -> np.ndarray:
        """Length of each group's period; 0 of an instant, or without a shape."""
        lengths = [shape.minutes if shape else 0 for shape in self.columns.shapes]
        return np.array(lengths)[self.columns.type_of_group]

    @cached_property
    def periods(self) -> tuple[np.ndarray, np.ndarray]:
        """First instant of each group's period, and first one after it, in µs."""
        length = self.minutes * MINUTE
        instant = self.columns.occurred_at[self.columns.starts]
        start = instant - instant % np.maximum(length, 1)
        return start, start + length

    def write(
        self,
        groups: np.ndarray,
        segments: Iterable[str],
        effectives: Iterable[str],
        issued: np.ndarray,
        values: Iterable[str],
    ) -> list[bytes]:
        """The resources of some groups.

        Args:
            groups: their numbers.
            segments: what their identifiers end with.
            effectives: when they hold, as members of the resource.
            issued: µs since 1970.
            values: the numbers or grids, of a group one after the other.
        """
        numbers = groups.tolist()
        runs = self.columns.run_of_group[groups].tolist()
        return [
            (
                f'{{"resourceType":"Observation","id":"{resource_id}{before}{segment}'
                f'"}}],"status":"{status}{subject},{effective},'
                f'"issued":"{moment}"{opened}{value}{close}'
            ).encode()
            for resource_id, (
                before,
                subject,
                opened,
                close,
            ), segment, status, effective, moment, value in zip(
                [self._ids[number] for number in numbers],
                [self._frames[run] for run in runs],
                segments,
                self._statuses_of(numbers),
                effectives,
                iso_instants(issued),
                self._together(groups, values),
                strict=True,
            )
        ]

    def _statuses_of(self, numbers: list[int]) -> list[str]:
        if not self._statuses:
            return [FINAL] * len(numbers)
        return [self._statuses[number] for number in numbers]

    def _together(self, groups: np.ndarray, values: Iterable[str]) -> Iterable[str]:
        """The values of each group with the text between them."""
        between = [shape.between if shape else () for shape in self.columns.shapes]
        if not any(between):
            return values
        rest = iter(values)
        gaps = [between[kind] for kind in self.columns.type_of_group[groups].tolist()]
        return [
            "".join([next(rest), *[gap + next(rest) for gap in each]])
            if each
            else next(rest)
            for each in gaps
        ]

    def table(self, rows: PlainRows) -> pa.Table:
        """Rows with all the columns of `schema.OBSERVATION`."""
        columns: dict[str, Any] = rows._asdict()
        numbers = self.columns.group_of_row[rows.at].tolist()
        return to_columns(
            self.columns.table,
            columns.pop("at"),
            self._codes,
            columns.pop("kinds"),
            self._version,
            # One reading is its own mean; a grid has no value.
            value=pa.array(
                rows.mean, mask=self.cells[rows.kinds] > 0, from_pandas=False
            ),
            status=self._statuses_of(numbers)
            if self._statuses
            else pa.repeat(FINAL, len(numbers)),
            **columns,
        )
