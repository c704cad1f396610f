"""The grid of a SampledData."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.sampled_data import TOKENS, encode

HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("samples", "start", "end", "period", "grid"),
    [
        ([], 0, 4_000, 1_000, "E E E E"),
        ([(0, "61"), (2_500, "63")], 0, 4_000, 1_000, "61 E 63 E"),
        ([(0, "61"), (999, "62")], 0, 1_000, 1_000, "62"),
        ([(3_999, "9")], 0, 4_000, 1_000, "E E E 9"),
        ([(1_000, "9")], 0, 4_000, 1_000, "E 9 E E"),
        ([(10_500, "a"), (10_600, "b")], 10_000, 12_000, 500, "E b E E"),
        ([(5, "61")], 5, 5, 1_000, "61"),
        ([], 5, 5, 1_000, "E"),
        ([(2_400, "9")], 0, 2_500, 1_000, "E E 9"),
        ([(-1_500, "9")], -2_000, 0, 1_000, "9 E"),
        ([(0, "E"), (1_000, "U"), (2_000, "L")], 0, 3_000, 1_000, "E U L"),
        ([(0, "-1.50"), (1_000, "1E-5")], 0, 2_000, 1_000, "-1.50 1E-5"),
    ],
)
def test_each_cell_holds_its_last_sample_or_e(samples, start, end, period, grid):
    assert encode(samples, start, end, period) == grid


@pytest.mark.parametrize(
    ("length", "period", "cells"),
    [(HOUR, 5_000_000, 720), (24 * HOUR, 1_000_000, 86_400), (HOUR, 7_000_000, 515)],
)
def test_a_period_has_as_many_cells_as_it_takes_to_cover_it(length, period, cells):
    assert encode([], 0, length, period) == " ".join(["E"] * cells)


def test_only_these_tokens_stand_for_a_number():
    assert {"E", "U", "L"} == TOKENS


def medtechs_grid(samples, start, end, period):
    """MedTech's algorithm, step by step; its end is the last instant inside."""
    out = []
    slot, index = start, 0
    while slot <= end - 1:
        text = None
        while index < len(samples) and slot <= samples[index][0] < slot + period:
            text = samples[index][1]
            index += 1
        out.append(text or "E")
        slot += period
    return " ".join(out)


@given(st.data(), st.integers(-HOUR, HOUR), st.integers(1, 5_000), st.integers(1, 900))
def test_the_grid_is_medtechs(data, start, length, period):
    instants = st.integers(start, start + length - 1)
    samples = sorted(
        data.draw(st.dictionaries(instants, st.sampled_from("1234"))).items()
    )

    grid = encode(iter(samples), start, start + length, period)
    assert grid == medtechs_grid(samples, start, start + length, period)
