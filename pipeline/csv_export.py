"""Reads LibreView's CSV file of glucose readings.

A line or two stand before the header, with the patient's name: they are passed over.
Names of the columns depend on the language of the account, their order does not. The
order of day and month depends on its country: the dates of the file tell it, or the
file is refused.

A row becomes an object with the English names. Rows without glucose (insulin, food,
notes) are left out, and so are the notes beside glucose.
"""

import csv
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.converted import Advance, Json, Message, Notes, Settings
from pipeline.libreview_columns import TEXTS, columns_of
from pipeline.options import UsageError

_TITLES = 10
"""Lines in which the header must be."""

_DATE = re.compile(r"\s*(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})\b", re.ASCII)

_CREATED = re.compile(r"\d\d[-/.]\d\d[-/.]\d{4} \d\d:\d\d(?: [AP]M)? UTC", re.ASCII)

_COMMA = re.compile(r"\d+,\d+", re.ASCII)


class _Table(NamedTuple):
    """How a file is to be read."""

    delimiter: str
    header: int
    """Line of the header, from 1."""
    width: int
    columns: dict[str, int]
    """By the names that rows get."""


class _Orders:
    """What the dates of a file tell about the order of their parts."""

    def __init__(self) -> None:
        self.proofs: dict[str, int] = {}
        """The first line that can only be of an order."""
        self.dates = 0

    def see(self, text: str, line: int) -> None:
        found = _DATE.match(text)
        if found is None:
            return
        self.dates += 1
        first, second, _third = found.groups()
        if len(first) == 4:
            self.proofs.setdefault("YMD", line)
        elif int(first) > 12:
            self.proofs.setdefault("DMY", line)
        elif int(second) > 12:
            self.proofs.setdefault("MDY", line)


def read_libreview(
    path: str, settings: Settings, notes: Notes, advance: Advance
) -> Iterator[Message]:
    """The messages of a file.

    Args:
        path: the CSV file.
        settings: device, order of dates.
        notes: what is left out; rows that cannot be read.
        advance: told of progress.

    Raises:
        UsageError: it is no such file, or its dates can be read in two ways.
        OSError: it cannot be read.
    """
    table, order = _survey(path, settings.date_order)
    count = 0
    for line, row in _rows(path, table.delimiter, notes):
        if line <= table.header:
            continue
        if len(row) > table.width:
            reason = "the row has more fields than the header: a comma without quotes?"
            notes.problem(path, line, reason)
            continue
        body = _body(row, table)
        if body is None:
            notes.left_out["rows without glucose"] += 1
            continue
        count += 1
        yield Message(body, settings.device, order)
    advance(count, os.path.getsize(path))


def _body(row: list[str], table: _Table) -> Json | None:
    body: Json = {}
    glucose = False
    for name, place in table.columns.items():
        text = row[place].strip() if place < len(row) else ""
        if not text:
            continue
        if name not in TEXTS:
            glucose = True
            text = text.replace(",", ".") if _COMMA.fullmatch(text) else text
        body[name] = text
    return body if glucose else None


def _rows(
    path: str, delimiter: str, notes: Notes | None
) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, with the number of the line on which each begins."""
    line = 1
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter)
            for row in reader:
                yield line, _unwrapped(row, delimiter)
                line = reader.line_num + 1
    except UnicodeDecodeError as error:
        msg = (
            f"{path}: the file is not UTF-8: convert the file that LibreView gave, not"
            " one that another program has saved"
        )
        raise UsageError(msg) from error
    except csv.Error as error:
        if notes is not None:
            reason = f"no CSV from here on ({error}): what stands before is written"
            notes.problem(path, line, reason)


def _unwrapped(row: list[str], delimiter: str) -> list[str]:
    """Some exports put a line in quotes as a whole."""
    if len(row) == 1 and delimiter in row[0]:
        return next(csv.reader([row[0]], delimiter=delimiter))
    return row


def _survey(path: str, given: str | None) -> tuple[_Table, str | None]:
    """Finds the header, and how dates are written."""
    table = _table(path)
    orders = _Orders()
    place = table.columns["Device Timestamp"]
    for line, row in _rows(path, table.delimiter, None):
        if line < table.header:
            for text in filter(_CREATED.fullmatch, row):
                orders.see(text, line)
        elif line > table.header and place < len(row):
            orders.see(row[place], line)
    return table, _order(path, orders, given)


def _table(path: str) -> _Table:
    for delimiter in (",", ";", "\t"):
        for line, row in _rows(path, delimiter, None):
            if line > _TITLES:
                break
            columns = columns_of(row)
            if columns is not None:
                return _Table(delimiter, line, len(row), columns)
    msg = (
        f"{path} is no glucose file of LibreView: none of its first {_TITLES} lines"
        " names a time and glucose in mg/dL or mmol/L"
    )
    raise UsageError(msg)


def _order(path: str, orders: _Orders, given: str | None) -> str | None:
    """The order of the parts of all dates.

    Raises:
        UsageError: none is certain, or dates contradict each other or the flag.
    """
    proven = list(orders.proofs)
    if len(proven) > 1:
        places = " and ".join(
            f"{name} on line {line}" for name, line in orders.proofs.items()
        )
        msg = f"{path}: dates are written in two ways, {places}: split the file"
        raise UsageError(msg)
    if given is not None:
        if proven and proven != [given]:
            line = orders.proofs[proven[0]]
            msg = (
                f"{path}:{line}: --date_order={given} cannot be: this date is"
                f" {proven[0]}"
            )
            raise UsageError(msg)
        return given
    if not proven and orders.dates:
        msg = (
            f"{path}: no date tells whether the day or the month comes first, as"
            " neither is above 12: give --date_order=DMY or --date_order=MDY"
        )
        raise UsageError(msg)
    return proven[0] if proven else None
