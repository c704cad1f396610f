"""Aggregates: exact decimals, one rounding, the digits that were sent."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.aggregate import AGGREGATES, Sample
from transforms.conversions import json_number


def samples(*texts):
    """Numbers, with a comparator before those that have one."""
    found = []
    for text in texts:
        digits = text.lstrip("<>=")
        found.append(Sample(digits, text[: len(text) - len(digits)] or None))
    return found


@pytest.mark.parametrize(
    ("name", "texts", "expected"),
    [
        ("mean", ["36.6", "36.8"], "36.7"),
        ("mean", ["70.0", "70.00"], "70"),
        ("mean", ["1", "2", "2"], "1.66666666666667"),
        ("mean", ["0.1", "0.2"], "0.15"),
        ("mean", ["-1", "1"], "0"),
        ("mean", ["-0.0"], "0"),
        ("mean", ["1000000", "1000001"], "1000000.5"),
        ("mean", ["1E+300", "3E+300"], "2E+300"),
        ("mean", ["1E-9", "2E-9"], "1.5E-9"),
        # Half to even, and once: 0.5 units of the fifteenth digit.
        ("mean", ["100000000000000", "100000000000001"], "100000000000000"),
        ("mean", ["100000000000001", "100000000000002"], "100000000000002"),
        ("mean", ["<40", "50"], "45"),
        ("median", ["3"], "3"),
        ("median", ["9", "1.50", "4"], "4"),
        ("median", ["9", "1.50", "4", "2"], "3"),
        ("median", ["98.60"], "98.6"),
        ("median", ["0.1", "0.2"], "0.15"),
        ("median", ["1234567890.123456789"], "1234567890.12346"),
        ("sum", ["0.1", "0.2"], "0.3"),
        ("sum", ["1.50", "2.5"], "4.00"),
        ("sum", ["1E+3", "1"], "1001"),
        ("sum", ["99999999999999999999", "1"], "100000000000000000000"),
        ("sum", [">40", "2"], "42"),
        ("sum", ["1E-999999999", "1.50"], "1.5"),
        ("count", ["7"], "1"),
        ("count", ["7", "<7", "0"], "3"),
        ("min", ["61.0", "61", "99"], "61.0"),
        ("min", ["40", "<40", "<=40"], "<40"),
        ("min", [">40", "41"], ">40"),
        ("max", ["61.0", "99.90", "99.9"], "99.90"),
        ("max", ["400", ">=400", ">400", "399"], ">400"),
        ("max", ["-2", "-10"], "-2"),
        ("first", ["<98.60", "1", "2"], "<98.60"),
        ("last", ["1", "2", ">=98.60"], ">=98.60"),
    ],
)
def test_an_aggregate_stands_for_the_samples_of_a_period(name, texts, expected):
    assert AGGREGATES[name](samples(*texts)) == samples(expected)[0]


_NUMBERS = st.lists(
    st.decimals(-10_000, 10_000, places=3).map(lambda number: format(number, "f")),
    min_size=1,
    max_size=12,
)


@given(_NUMBERS)
def test_sums_and_means_are_exact_before_they_are_rounded(texts):
    total = sum(Fraction(text) for text in texts)

    assert Fraction(AGGREGATES["sum"](samples(*texts)).text) == total
    mean = Fraction(AGGREGATES["mean"](samples(*texts)).text)
    assert abs(mean - total / len(texts)) <= abs(mean) / 10**14


@given(_NUMBERS, st.sampled_from(sorted(AGGREGATES)))
def test_every_aggregate_is_a_number_as_json_writes_it(texts, name):
    text = AGGREGATES[name](samples(*texts)).text

    assert json_number(text) == text


@given(
    _NUMBERS.flatmap(lambda texts: st.tuples(st.just(texts), st.permutations(texts)))
)
def test_the_order_matters_for_first_and_last_only(both):
    one, other = (samples(*texts) for texts in both)

    for name in ("mean", "median", "count", "sum"):
        assert AGGREGATES[name](one) == AGGREGATES[name](other)
    for name in ("min", "max"):
        found = [Decimal(AGGREGATES[name](each).text) for each in (one, other)]
        assert found[0] == found[1]
