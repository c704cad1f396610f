"""A SampledData on a server, and how samples of ours get into it.

Time is counted in ticks of 100 ns, the finest that MedTech writes.
"""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from transforms.errors import FhirDataMappingError
from transforms.merge_span import Span
from transforms.sampled_data import (
    MOST_CELLS,
    MOST_CELLS_IN_R4,
    MOST_CHARACTERS,
    Samples,
    cells_of,
    decode,
    encode,
    merge,
)

_HINT = "give the type another typeName, or remove the old Observation"


class Grid(NamedTuple):
    """A SampledData and where its first cell begins."""

    content: dict[str, Any]
    """The SampledData as it is on the server."""
    start: int
    period: int
    """Ticks per cell."""

    @classmethod
    def of(cls, content: dict[str, Any], start: int) -> "Grid":
        """Reads a SampledData.

        Args:
            content: the SampledData.
            start: the first tick of its Observation.

        Raises:
            FhirDataMappingError: it is not of the kind that MedTech writes.
        """
        try:
            period = Decimal(str(content.get("period"))) * 10_000
            plain = content.get("dimensions") == 1 and period >= 1 and not period % 1
        except InvalidOperation:
            plain = False
        shift = content.get("origin", {}).get("value", 0)
        if not plain or shift != 0 or content.get("factor", 1) != 1:
            msg = "The SampledData on the server is scaled, or not of one dimension"
            raise FhirDataMappingError(msg, _HINT)
        return cls(content, start, int(period))

    @property
    def unit(self) -> str | None:
        """The unit as the origin has it."""
        return self.content.get("origin", {}).get("unit")

    def samples(self) -> Samples:
        """Its samples, each at the start of its cell."""
        return decode(self.content.get("data", ""), self.start, self.period)


def merged_grid(
    known: Grid | None, ours: Grid, samples: Samples, span: Span, *, medtech: bool
) -> dict[str, Any]:
    """A SampledData of the samples on the server and of ours.

    What we know of a cell of the server replaces it: of one instant both tell, and
    ours is the true one.

    Args:
        known: on the server; None if there is none.
        ours: of our Observation.
        samples: of ours, at their true times.
        span: what the Observation covers.
        medtech: whether the text may be longer than R4 allows.

    Raises:
        FhirDataMappingError: the two cannot be united, or would be too long.
    """
    if known is None:
        return _laid(ours.content, samples, span, ours.period, medtech)
    if known.unit != ours.unit:
        msg = "The SampledData on the server has another unit than ours"
        raise FhirDataMappingError(msg, _HINT)
    replaced = {(instant - known.start) // known.period for instant, _ in samples}
    kept = [
        (instant, token)
        for instant, token in known.samples()
        if (instant - known.start) // known.period not in replaced
    ]
    finer = min(known, ours, key=lambda grid: grid.period)
    content = {**known.content, "period": finer.content["period"]}
    return _laid(content, merge(kept, samples), span, finer.period, medtech)


def moved_grid(grid: Grid, span: Span, *, medtech: bool) -> dict[str, Any]:
    """A SampledData whose first cell begins at another instant."""
    return _laid(grid.content, grid.samples(), span, grid.period, medtech)


def _laid(
    content: dict[str, Any],
    samples: Sequence[tuple[int, str]],
    span: Span,
    period: int,
    medtech: bool,
) -> dict[str, Any]:
    last = max((span.last, *(instant for instant, _token in samples)))
    cells = cells_of(span.start, last, period)
    if cells > MOST_CELLS or (cells > MOST_CELLS_IN_R4 and not medtech):
        raise _too_long(medtech)
    data = encode(samples, span.start, last, period)
    if len(data) > MOST_CHARACTERS and not medtech:
        raise _too_long(medtech)
    return {**content, "data": data}


def _too_long(medtech: bool) -> FhirDataMappingError:
    msg = f"The Observation would span more than {MOST_CELLS} samples"
    if not medtech:
        msg = (
            f"The samples on the server and ours make a text of more than"
            f" {MOST_CHARACTERS} characters, which FHIR does not allow"
        )
    return FhirDataMappingError(msg, "give each session a correlation id of its own")
