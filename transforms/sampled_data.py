"""The grid of a FHIR SampledData: one token per period, `E` where nothing was sampled.

https://hl7.org/fhir/R4/datatypes.html#SampledData
"""

from collections.abc import Iterable

EMPTY = "E"

TOKENS = frozenset({"E", "U", "L"})
"""What may stand for a number: no value, above and below the detection limit."""


def encode(
    samples: Iterable[tuple[int, str]], start: int, end: int, period: int
) -> str:
    """Writes samples into a grid over [start, end).

    Args:
        samples: instants (µs) and number texts, in time order; of several in one cell
            the last wins.
        start: first instant of the grid.
        end: first instant after the grid; a grid has at least one cell.
        period: µs per cell, positive.

    Returns:
        Tokens separated by single blanks.

    >>> encode([(0, "61"), (2_500, "63")], 0, 4_000, 1_000)
    '61 E 63 E'
    """
    cells = [EMPTY] * max(1, -(-(end - start) // period))
    for instant, text in samples:
        cells[(instant - start) // period] = text
    return " ".join(cells)
