"""What was measured, as tables for a terminal, for Markdown and for machines."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

Cell = str | int | float | None
"""None: does not apply."""


class Sheet(NamedTuple):
    """A table; the first column names the rows."""

    title: str
    headings: tuple[str, ...]
    rows: list[tuple[Cell, ...]]

    def records(self) -> list[dict[str, Any]]:
        """The rows as documents."""
        return [dict(zip(self.headings, row, strict=True)) for row in self.rows]


def show(console: Console, sheet: Sheet) -> None:
    """Prints a sheet."""
    table = Table(title=sheet.title, box=SIMPLE)
    for number, heading in enumerate(sheet.headings):
        table.add_column(heading, justify="right" if number else "left")
    for row in sheet.rows:
        table.add_row(*map(written, row))
    console.print(table)


def to_markdown(sheet: Sheet) -> str:
    """A sheet as a table of Markdown below its title."""
    rows = [[written(cell) for cell in row] for row in sheet.rows]
    return f"## {sheet.title}\n\n{markdown(sheet.headings, rows)}\n"


def markdown(
    headings: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1
) -> str:
    """A table of Markdown.

    Args:
        headings: of the columns.
        rows: cells.
        left: how many columns, from the first, are text.
    """
    rule = ["---"] * left + ["---:"] * (len(headings) - left)
    return "\n".join(f"| {' | '.join(row)} |" for row in (headings, rule, *rows))


def written(cell: Cell) -> str:
    """A cell as people read it: three digits say all that a timing knows.

    >>> written(1234567), written(1234.5), written(12.345), written(1.2345)
    ('1,234,567', '1,234', '12.3', '1.23')
    """
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int):
        return f"{cell:,}"
    digits = 0 if abs(cell) >= 100 else 1 if abs(cell) >= 10 else 2
    return f"{cell:,.{digits}f}"
