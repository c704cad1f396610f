"""The rows of a table of assignments, as a CSV or a Parquet file holds them."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.json_array import BOM
from transforms.assignments import Misassignment

TIMES = ("from", "to")
COLUMNS = ("device", "patient", *TIMES)

_DELIMITERS = ",;\t"
_LINE_END = re.compile(rb"\r\n?|\n")
_PER_SECOND = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}


class Wall(NamedTuple):
    """What a clock shows that hangs in a zone nobody names."""

    time: int
    """µs, as if the clock showed UTC."""


Cell = str | int | Wall | None
"""A text, an instant in µs, the time of a clock, or nothing."""


class Row(NamedTuple):
    """One row of the table."""

    place: int
    """The line it begins at, or its number; from 1."""
    cells: Sequence[Cell]
    """In the order of `COLUMNS`."""


class _TableError(ValueError):
    """The table cannot be read on.

    Args:
        message: why.
        place: line or row from which on; 0 for the whole.
    """

    def __init__(self, message: str, place: int = 0) -> None:
        self.problem = Misassignment(place, message)
        super().__init__(message)


def csv_rows(content: bytes, problems: list[Misassignment]) -> Iterator[Row]:
    """The rows of a CSV file (https://www.rfc-editor.org/rfc/rfc4180).

    Blanks after a delimiter belong to no field. Rows without any text are skipped.

    Args:
        content: UTF-8, the first row being the header. The delimiter is whichever of
            comma, semicolon and tab brings out most of our columns there.
        problems: where findings go.
    """
    try:
        text = _decoded(content.removeprefix(BOM))
        delimiter, header = _header(text)
        positions = _positions(header.cells, header.place)
        records = _records(text, delimiter)
        next(records)
        for record in records:
            if len(record.cells) == len(header.cells):
                yield Row(record.place, [record.cells[at] for at in positions])
                continue
            msg = (
                f"the number of fields is {len(record.cells)}, that of the header"
                f" {len(header.cells)}: put what holds a delimiter into quotes"
            )
            problems.append(Misassignment(record.place, msg))
    except _TableError as error:
        problems.append(error.problem)


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        msg = "this is not UTF-8: save the file as UTF-8"
        line = len(_LINE_END.findall(content, 0, error.start)) + 1
        raise _TableError(msg, line) from None  # what follows would hold the content


class _Record(NamedTuple):
    place: int
    cells: list[str]


def _records(text: str, delimiter: str) -> Iterator[_Record]:
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            msg = f"this is no CSV ({error}): close quotes, and double those within"
            raise _TableError(msg, line) from None
        if any(field and not field.isspace() for field in fields):
            yield _Record(line, fields)


def _header(text: str) -> tuple[str, _Record]:
    def found(candidate: tuple[str, _Record]) -> int:
        return len(set(COLUMNS).intersection(_tidy(candidate[1].cells)))

    candidates = []
    for delimiter in _DELIMITERS:
        try:
            first = next(_records(text, delimiter), _Record(1, []))
        except _TableError:
            continue  # of a wrong delimiter, quotes may stand in the wrong place
        candidates.append((delimiter, first))
    return max(candidates, key=found, default=(",", _Record(1, [])))


def _tidy(names: Sequence[str]) -> list[str]:
    return [name.strip().lower() for name in names]


def _positions(names: Sequence[str], place: int = 0) -> list[int]:
    """Where our columns stand among all.

    Raises:
        _TableError: one is missing, or is there twice.
    """
    tidy = _tidy(names)
    missing = [column for column in COLUMNS if column not in tidy]
    if missing:
        # What stands there instead may be a patient: some files have no header.
        msg = (
            f"no column is named {' or '.join(missing)}: the table needs device,"
            " patient, from and to"
        )
        raise _TableError(msg, place)
    twice = [column for column in COLUMNS if tidy.count(column) > 1]
    if twice:
        msg = f"several columns are named {' and '.join(twice)}: rename all but one"
        raise _TableError(msg, place)
    return [tidy.index(column) for column in COLUMNS]


def parquet_rows(content: bytes, problems: list[Misassignment]) -> Iterator[Row]:
    """The rows of a Parquet file.

    Args:
        content: device and patient are texts; from and to are timestamps, dates or
            texts.
        problems: where findings go.
    """
    try:
        columns = [
            _cells(name, column)
            for name, column in zip(COLUMNS, _columns(content), strict=True)
        ]
    except _TableError as error:
        problems.append(error.problem)
        return
    for number, cells in enumerate(zip(*columns, strict=True), 1):
        yield Row(number, cells)


def _columns(content: bytes) -> list[pa.ChunkedArray]:
    try:
        with pq.ParquetFile(pa.BufferReader(content)) as file:
            names = file.schema_arrow.names
            ours = [names[at] for at in _positions(names)]
            table = file.read(ours)
        table.validate(full=True)  # otherwise nobody looks whether texts are UTF-8
    except (pa.ArrowException, OSError):
        msg = "this is no Parquet file, or a damaged one: write it again"
        raise _TableError(msg) from None
    return [table.column(name) for name in ours]


def _cells(name: str, column: pa.ChunkedArray) -> list[Cell]:
    """The cells of one column.

    Raises:
        _TableError: it is of a wrong type.
    """
    kind = column.type
    if _is_text(kind):
        return column.to_pylist()
    if name in TIMES:
        if pa.types.is_date(kind):
            column = column.cast(pa.timestamp("ms"))
        if pa.types.is_timestamp(column.type):
            return _times(column)
        wanted = "a timestamp"
    else:
        wanted = "a string"
    msg = f"the column {name} is {kind}: make it {wanted}"
    raise _TableError(msg)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    # All nulls have no type of their own.
    kinds = (pa.string(), pa.large_string(), pa.string_view(), pa.null())
    return kind in kinds


def _times(column: pa.ChunkedArray) -> list[Cell]:
    per_second = _PER_SECOND[column.type.unit]
    # Integers of Python do not overflow, whatever the year.
    times = [
        None if time is None else time * 1_000_000 // per_second
        for time in column.cast(pa.int64()).to_pylist()
    ]
    if column.type.tz is not None:
        return times
    return [None if time is None else Wall(time) for time in times]
