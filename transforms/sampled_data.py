"""The grid of a FHIR SampledData: one token per period, `E` where nothing was sampled.

https://hl7.org/fhir/R4/datatypes.html#SampledData. Cells are filled and merged as the
Azure MedTech service does it. Instants and periods are whole numbers of any one unit.
"""

from collections.abc import Iterable, Sequence

EMPTY = "E"

BELOW = "L"
"""Below the detection limit."""

ABOVE = "U"
"""Above the detection limit."""

TOKENS = frozenset({EMPTY, ABOVE, BELOW})
"""What may stand for a number."""

MOST_CELLS = 10_000_000
"""Cells of one grid; beyond, a single Observation would exhaust a worker."""

Samples = list[tuple[int, str]]
"""Instants and tokens, in time order."""


def cells_of(start: int, last: int, period: int) -> int:
    """How many cells a grid has that covers [start, last]."""
    return (last - start) // period + 1


def encode(
    samples: Iterable[tuple[int, str]], start: int, last: int, period: int
) -> str:
    """Writes samples into a grid over [start, last].

    Args:
        samples: instants and tokens, in time order; of several in one cell the last
            wins. What lies outside the grid is left out.
        start: first instant of the grid.
        last: last instant that the grid covers; a grid has at least one cell.
        period: length of a cell, positive.

    Returns:
        Tokens separated by single blanks.

    >>> encode([(0, "61"), (2_500, "63")], 0, 3_999, 1_000)
    '61 E 63 E'
    """
    cells = [EMPTY] * cells_of(start, last, period)
    count = len(cells)
    for instant, token in samples:
        index = (instant - start) // period
        if 0 <= index < count:
            cells[index] = token
    return " ".join(cells)


def decode(text: str, start: int, period: int) -> Samples:
    """Reads the samples of a grid; the instant of each is the start of its cell.

    Args:
        text: tokens separated by single blanks; neither `E` nor nothing between two
            blanks (MedTech writes an empty value so) is a sample.
        start: first instant of the grid.
        period: length of a cell.

    >>> decode("61 E 63", 0, 1_000)
    [(0, '61'), (2000, '63')]
    """
    return [
        (start + index * period, token)
        for index, token in enumerate(text.split(" "))
        if token not in ("", EMPTY)
    ]


def merge(
    existing: Sequence[tuple[int, str]], new: Sequence[tuple[int, str]]
) -> Samples:
    """Brings two lists of samples together; of two at one instant the new one wins.

    >>> merge([(0, "61"), (5, "62")], [(5, "70")])
    [(0, '61'), (5, '70')]
    """
    return sorted({**dict(existing), **dict(new)}.items())
