"""Reads the table that says who wore a device when, for a launch.

All mistakes are found in one pass. No message holds a device or a patient: they are
health data.
"""

import datetime
from pathlib import Path

from pipeline.assignment_rows import (
    COLUMNS,
    TIMES,
    Cell,
    Row,
    Wall,
    csv_rows,
    parquet_rows,
)
from pipeline.options import UsageError
from transforms.assignments import (
    Assignment,
    Assignments,
    AssignmentsError,
    Misassignment,
)
from transforms.instants import (
    END_OF_INSTANTS,
    FIRST_INSTANT,
    InstantError,
    parse_date,
    parse_instant,
)
from transforms.rules import Rules, zone_of
from transforms.time_zones import localized

MOST_SHOWN = 20
"""Findings that a message lists: of a column misread there is one for every row."""

_MAGIC = b"PAR1"
"""How a Parquet file begins (https://parquet.apache.org/docs/file-format/)."""

_ISO = "write it like 2026-03-01T12:00:00+01:00"
_OUTSIDE = "lies outside the years 1 to 9999: leave it empty if there is no limit"


class _CellError(ValueError):
    """What is wrong with a cell, as it is said after the name of its column."""


def read_assignments(path: str, rules: Rules) -> Assignments:
    """Reads and checks a table of assignments.

    Its columns are device, patient, from and to. An empty from is since ever, an empty
    to an open end; a date without time is its midnight.

    Args:
        path: a local file: Parquet; or CSV in UTF-8, with a header, the delimiter being
            a comma, a semicolon or a tab.
        rules: they say what a time without a zone is.

    Raises:
        UsageError: it cannot be read, or has mistakes, each told with its line or row.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        msg = f"the assignments {path} cannot be read: {error.strerror}"
        raise UsageError(msg) from error
    is_parquet = content.startswith(_MAGIC) or path.endswith(".parquet")
    unit = "row" if is_parquet else "line"
    zone = zone_of(rules.zoneless_policy)
    problems: list[Misassignment] = []
    rows = (parquet_rows if is_parquet else csv_rows)(content, problems)
    found = [_assignment(row, zone, problems) for row in rows]
    if not found and not problems:
        problems.append(Misassignment(0, f"there is no assignment: add a {unit}"))
    try:
        assignments = Assignments.of((row for row in found if row is not None), unit)
    except AssignmentsError as error:
        problems += error.problems
    if problems:
        raise UsageError(_message(path, is_parquet, problems))
    return assignments


def _message(path: str, is_parquet: bool, problems: list[Misassignment]) -> str:
    lines = []
    for place, message in sorted(problems)[:MOST_SHOWN]:
        where = f"{path}: row {place}" if is_parquet else f"{path}:{place}"
        lines.append(f"{where if place else path}: {message}")
    rest = len(problems) - len(lines)
    if rest:
        lines.append(f"{path}: {rest} more {'mistake' if rest == 1 else 'mistakes'}")
    return "\n".join(lines)


def _assignment(
    row: Row, zone: datetime.tzinfo | None, problems: list[Misassignment]
) -> Assignment | None:
    """The assignment of a row; None, and findings, if any of its cells is wrong."""
    names = []
    times = []
    for column, cell in zip(COLUMNS, row.cells, strict=True):
        try:
            if column in TIMES:
                times.append(_instant(cell, zone))
            else:
                names.append(_identifier(cell))
        except _CellError as error:
            problems.append(Misassignment(row.place, f"{column} {error}"))
    if len(names) < 2 or len(times) < 2:
        return None
    device, patient = names
    start, end = times
    return Assignment(
        device,
        patient,
        FIRST_INSTANT if start is None else start,
        END_OF_INSTANTS if end is None else end,
        row.place,
    )


def _identifier(cell: Cell) -> str:
    text = cell if isinstance(cell, str) else ""
    if not text.strip():
        msg = "is empty: fill it in"
        raise _CellError(msg)
    if text != text.strip():
        # To keep the blanks and to drop them were both a guess, and of a patient the
        # wrong one would make another patient.
        msg = "begins or ends with a blank: remove it"
        raise _CellError(msg)
    return text


def _instant(cell: Cell, zone: datetime.tzinfo | None) -> int | None:
    """The instant of a cell; None if it is empty."""
    time = _written(cell.strip()) if isinstance(cell, str) else cell
    if isinstance(time, Wall):
        if zone is None:
            msg = f"has no zone: {_ISO}, or say with --zoneless_time what it is"
            raise _CellError(msg)
        return _localized(time.time, zone)
    if time is not None and not FIRST_INSTANT <= time < END_OF_INSTANTS:
        raise _CellError(_OUTSIDE)
    return time


def _localized(wall: int, zone: datetime.tzinfo) -> int:
    if not FIRST_INSTANT <= wall < END_OF_INSTANTS:
        raise _CellError(_OUTSIDE)
    try:
        return localized(wall, zone)[0]
    except InstantError:
        raise _CellError(_OUTSIDE) from None


def _written(text: str) -> int | Wall | None:
    if not text:
        return None
    try:
        instant, offset = parse_instant(text)
    except InstantError as error:
        try:
            return Wall(parse_date(text))
        except InstantError:
            msg = f"is no time ({error}): {_ISO}"
            raise _CellError(msg) from None
    return Wall(instant) if offset is None else instant
