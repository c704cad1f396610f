"""The grid of a FHIR SampledData: one token per period, `E` where nothing was sampled.

https://hl7.org/fhir/R4/datatypes.html#SampledData. Cells are filled and merged as the
Azure MedTech service does it. Instants and periods are whole numbers of any one unit.
"""

from collections.abc import Collection, Iterable, Sequence

from transforms.errors import FhirDataMappingError

EMPTY = "E"

BELOW = "L"
"""Below the detection limit."""

ABOVE = "U"
"""Above the detection limit."""

TOKENS = frozenset({EMPTY, ABOVE, BELOW})
"""What may stand for a number."""

MOST_CELLS = 10_000_000
"""Cells of one grid; beyond, a single Observation would exhaust a worker."""

MOST_CHARACTERS = 1_048_576
"""Of a text in R4 (https://hl7.org/fhir/R4/datatypes.html#string), and so of a grid."""

MOST_CELLS_IN_R4 = (MOST_CHARACTERS + 1) // 2
"""Cells of a grid whose tokens have one character each."""

Samples = list[tuple[int, str]]
"""Instants and tokens, in time order."""


def cells_of(start: int, last: int, period: int) -> int:
    """How many cells a grid has that covers [start, last]."""
    return (last - start) // period + 1


def is_too_long(
    samples: Collection[tuple[int, str]], start: int, last: int, period: int
) -> bool:
    """Whether a grid would be longer than a text of R4 may be.

    Counted is the longest token of each cell, not the one that is written: otherwise
    a further reading could make a text short enough again, and whether an Observation
    was ever refused would depend on the order of arrival.

    Args:
        samples: instants and tokens, all within the grid.
        start: first instant of the grid.
        last: last instant that the grid covers.
        period: length of a cell.

    >>> is_too_long([(0, "61"), (1, "6" * MOST_CHARACTERS), (2, "63")], 0, 9, 10)
    False
    >>> is_too_long([(0, "61"), (1, "6" * MOST_CHARACTERS), (2, "63")], 0, 10, 10)
    True
    """
    cells = cells_of(start, last, period)
    widest = max([1, *[len(token) for _instant, token in samples]])
    if is_short(cells, widest):
        return False
    longest: dict[int, int] = {}
    for instant, token in samples:
        index = (instant - start) // period
        longest[index] = max(len(token), longest.get(index, 0))
    # Between the cells stands a blank, in each of the others an E.
    return 2 * cells - 1 - len(longest) + sum(longest.values()) > MOST_CHARACTERS


def is_short(cells: int, widest: int) -> bool:
    """Whether a grid is no text too long for R4, whatever is in it.

    Args:
        cells: how many the grid has.
        widest: characters of the longest token that may be in it.
    """
    return cells * (max(1, widest) + 1) - 1 <= MOST_CHARACTERS


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


def write_grid(
    name: str,
    samples: Collection[tuple[int, str]],
    start: int,
    last: int,
    period: int,
    *,
    medtech: bool,
) -> str:
    """Writes the samples of a value into a grid, unless that would be too long.

    Args:
        name: of the value.
        samples: as for `encode`, all of them within the grid.
        start: as for `encode`.
        last: as for `encode`.
        period: as for `encode`.
        medtech: whether the grid may be longer than R4 allows, as MedTech's may.

    Raises:
        FhirDataMappingError: it would be too long.
    """
    if medtech and cells_of(start, last, period) > MOST_CELLS:
        msg = f"The readings of one correlation id span more than {MOST_CELLS} samples"
        hint = f"give each session an id of its own, or raise defaultPeriod of [{name}]"
        raise FhirDataMappingError(msg, hint)
    if not medtech and is_too_long(samples, start, last, period):
        # By how much depends on what has arrived so far; the letter must not.
        msg = (
            f"The samples of [{name}] make a text of more than {MOST_CHARACTERS}"
            " characters, which FHIR does not allow"
        )
        hint = (
            f"raise defaultPeriod of [{name}], lower periodInterval, or give each"
            " session a correlation id of its own"
        )
        raise FhirDataMappingError(msg, hint)
    return encode(samples, start, last, period)


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
