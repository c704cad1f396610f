"""The grid of a SampledData."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.sampled_data import TOKENS, cells_of, decode, encode, merge

HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("samples", "start", "last", "period", "grid"),
    [
        ([], 0, 3_999, 1_000, "E E E E"),
        ([(0, "61"), (2_500, "63")], 0, 3_999, 1_000, "61 E 63 E"),
        ([(0, "61"), (999, "62")], 0, 999, 1_000, "62"),
        ([(3_999, "9")], 0, 3_999, 1_000, "E E E 9"),
        ([(1_000, "9")], 0, 3_999, 1_000, "E 9 E E"),
        ([(10_500, "a"), (10_600, "b")], 10_000, 11_999, 500, "E b E E"),
        ([(5, "61")], 5, 5, 1_000, "61"),
        ([], 5, 5, 1_000, "E"),
        ([(1_000, "9")], 0, 1_000, 1_000, "E 9"),
        ([(2_400, "9")], 0, 2_499, 1_000, "E E 9"),
        ([(-1_500, "9")], -2_000, -1, 1_000, "9 E"),
        ([(0, "E"), (1_000, "U"), (2_000, "L")], 0, 2_999, 1_000, "E U L"),
        ([(0, "-1.50"), (1_000, "1E-5")], 0, 1_999, 1_000, "-1.50 1E-5"),
        # What lies outside is left out, and stands in no one's way.
        ([(-1, "8"), (0, "9")], 0, 1_999, 1_000, "9 E"),
        ([(-1_000, "8"), (1_500, "9"), (2_000, "7")], 0, 1_999, 1_000, "E 9"),
    ],
)
def test_each_cell_holds_its_last_sample_or_e(samples, start, last, period, grid):
    assert encode(samples, start, last, period) == grid


@pytest.mark.parametrize(
    ("length", "period", "cells"),
    [(HOUR, 5_000_000, 720), (24 * HOUR, 1_000_000, 86_400), (HOUR, 7_000_000, 515)],
)
def test_a_period_has_as_many_cells_as_it_takes_to_cover_it(length, period, cells):
    assert encode([], 0, length - 1, period) == " ".join(["E"] * cells)
    assert cells_of(0, length - 1, period) == cells


def test_only_these_tokens_stand_for_a_number():
    assert {"E", "U", "L"} == TOKENS


def medtechs_grid(samples, start, end, period):
    """MedTech's algorithm, step by step; its end is the last instant inside."""
    out = []
    slot, index = start, 0
    while slot <= end:
        text = None
        while index < len(samples) and slot <= samples[index][0] < slot + period:
            text = samples[index][1]
            index += 1
        out.append(text or "E")
        slot += period
    return " ".join(out)


@given(st.data(), st.integers(-HOUR, HOUR), st.integers(1, 5_000), st.integers(1, 900))
def test_the_grid_is_medtechs(data, start, length, period):
    last = start + length - 1
    instants = st.integers(start, last + 2 * period)
    samples = sorted(
        data.draw(st.dictionaries(instants, st.sampled_from("1234"))).items()
    )

    inside = [sample for sample in samples if sample[0] <= last]
    grid = encode(iter(inside), start, last, period)
    assert grid == medtechs_grid(inside, start, last, period)


@pytest.mark.parametrize(
    ("text", "start", "period", "samples"),
    [
        ("61 E 63", 0, 1_000, [(0, "61"), (2_000, "63")]),
        ("E E", 0, 1_000, []),
        ("", 0, 1_000, []),
        ("U L 1.50", -500, 250, [(-500, "U"), (-250, "L"), (0, "1.50")]),
        # An empty value of MedTech's leaves two blanks, and the grid as it was.
        ("61  63", 0, 1_000, [(0, "61"), (2_000, "63")]),
    ],
)
def test_a_grid_is_read_from_its_start(text, start, period, samples):
    assert decode(text, start, period) == samples


@pytest.mark.parametrize(
    ("existing", "new", "merged"),
    [
        ([], [], []),
        ([(0, "a")], [], [(0, "a")]),
        ([], [(0, "a")], [(0, "a")]),
        ([(0, "a"), (9, "b")], [(5, "c")], [(0, "a"), (5, "c"), (9, "b")]),
        ([(0, "a"), (5, "b")], [(0, "c"), (5, "E")], [(0, "c"), (5, "E")]),
    ],
)
def test_at_equal_times_the_new_sample_wins(existing, new, merged):
    assert merge(existing, new) == merged


_SAMPLES = st.dictionaries(
    st.integers(0, 40), st.sampled_from(["1", "2.50", "U", "L"]), max_size=20
).map(lambda samples: sorted(samples.items()))


@given(_SAMPLES, st.integers(-5, 5), st.integers(1, 9))
def test_what_was_written_is_read_at_the_start_of_its_cell(samples, start, period):
    shifted = [(start + instant, token) for instant, token in samples]
    last_of_cell = {
        start + (instant - start) // period * period: token
        for instant, token in shifted
    }

    grid = encode(shifted, start, start + 40, period)
    assert decode(grid, start, period) == sorted(last_of_cell.items())


@given(_SAMPLES, st.integers(1, 9))
def test_writing_what_was_read_changes_nothing(samples, period):
    grid = encode(samples, 0, 40, period)

    assert encode(decode(grid, 0, period), 0, 40, period) == grid


@given(_SAMPLES, _SAMPLES, _SAMPLES)
def test_merging_is_idempotent_and_associative(one, two, three):
    assert merge(one, one) == one
    assert merge(merge(one, two), two) == merge(one, two)
    assert merge(merge(one, two), three) == merge(one, merge(two, three))


@given(_SAMPLES, _SAMPLES)
def test_a_merge_knows_the_samples_of_both_and_no_others(existing, new):
    assert dict(merge(existing, new)) == {**dict(existing), **dict(new)}
