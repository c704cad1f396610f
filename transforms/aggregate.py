"""One number out of the readings of a period: `aggregate` of a Quantity.

Vital signs may not be SampledData, so a period of them is told by a number
(https://hl7.org/fhir/R4/observation-vitalsigns.html). Arithmetic is decimal: what was
sent is what is counted.
"""

import decimal
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple


class Sample(NamedTuple):
    """One number of a period."""

    text: str
    """As JSON writes it, with the digits that were sent."""
    comparator: str | None
    """`<`, `<=`, `>=`, `>`, or None for the value itself."""


Aggregate = Callable[[Sequence[Sample]], Sample]
"""From the samples of a period, in time order and at least one, to what stands for
them."""

# Sums are exact as long as a worker's memory is: a text like 1E-999999999 has more
# digits than fit.
_WIDE = decimal.Context(prec=1_000, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX)
_ROUNDED = decimal.Context(
    prec=15,
    rounding=decimal.ROUND_HALF_EVEN,
    Emin=decimal.MIN_EMIN,
    Emax=decimal.MAX_EMAX,
)

_RANK = {"<": -2, "<=": -1, None: 0, ">=": 1, ">": 2}


def _numbers(samples: Sequence[Sample]) -> list[Decimal]:
    return [Decimal(sample.text) for sample in samples]


def _size(sample: Sample) -> tuple[Decimal, int]:
    """`<40` is less than 40, and 40 less than `>40`."""
    return Decimal(sample.text), _RANK[sample.comparator]


def _digits(number: Decimal) -> str:
    """A number as JSON writes it, without an exponent where that stays short."""
    short = -7 <= number.adjusted() < 21
    return format(number, "f") if short else str(number)


def _rounded(number: Decimal) -> Sample:
    # Plus makes 0 of -0.
    return Sample(_digits(_ROUNDED.normalize(_ROUNDED.plus(number))), None)


def _total(numbers: Sequence[Decimal]) -> Decimal:
    context = _WIDE.copy()
    total = numbers[0]
    for number in numbers[1:]:
        total = context.add(total, number)
    return context.normalize(total) if context.flags[decimal.Inexact] else total


def _sum(samples: Sequence[Sample]) -> Sample:
    return Sample(_digits(_total(_numbers(samples))), None)


def _mean(samples: Sequence[Sample]) -> Sample:
    total = _total(_numbers(samples))
    return _rounded(_ROUNDED.divide(total, Decimal(len(samples))))


def _median(samples: Sequence[Sample]) -> Sample:
    numbers = sorted(_numbers(samples))
    middle = len(numbers) // 2
    if len(numbers) % 2:
        return _rounded(numbers[middle])
    both = _total(numbers[middle - 1 : middle + 1])
    return _rounded(_ROUNDED.divide(both, Decimal(2)))


def _count(samples: Sequence[Sample]) -> Sample:
    return Sample(str(len(samples)), None)


def _min(samples: Sequence[Sample]) -> Sample:
    return min(samples, key=_size)


def _max(samples: Sequence[Sample]) -> Sample:
    return max(samples, key=_size)


def _first(samples: Sequence[Sample]) -> Sample:
    return samples[0]


def _last(samples: Sequence[Sample]) -> Sample:
    return samples[-1]


AGGREGATES: dict[str, Aggregate] = {
    "mean": _mean,
    "min": _min,
    "max": _max,
    "sum": _sum,
    "count": _count,
    "first": _first,
    "last": _last,
    "median": _median,
}
"""By the name in the FHIR mapping.

`min`, `max`, `first` and `last` are one of the samples, with its digits and comparator;
of equal ones the first. `sum` has the decimals of its most precise summand. `mean` and
`median` are rounded half to even to at most 15 significant digits, without trailing
zeros. What is computed has no comparator.

>>> AGGREGATES["mean"]([Sample("36.6", None), Sample("36.75", None)])
Sample(text='36.675', comparator=None)
"""
