"""The grid of a SampledData."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.errors import FhirDataMappingError
from transforms.sampled_data import (
    MOST_CHARACTERS,
    TOKENS,
    cells_of,
    decode,
    encode,
    is_too_long,
    merge,
    write_grid,
)

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


MANY = "7" * (MOST_CHARACTERS // 2)


@pytest.mark.parametrize(
    ("samples", "last", "expected"),
    [
        ([], 0, False),
        ([], 2 * 524_288 - 1, False),
        ([], 2 * 524_288, True),
        ([(0, MANY)], 1, False),
        # Two texts of half the length and a blank.
        ([(0, MANY), (2, MANY)], 3, True),
        ([(0, MANY), (2, MANY[2:])], 3, False),
        ([(0, MANY), (2, MANY[1:])], 3, False),
        ([(0, MANY), (1, MANY)], 1, False),
        # What another sample of its cell hides counts, or it would count for some time.
        ([(0, MANY), (1, "1"), (2, MANY)], 3, True),
        ([(0, MANY), (1, "1"), (2, "1"), (3, MANY)], 3, True),
        ([(0, "1"), (1, "11"), (2, "1" * (MOST_CHARACTERS - 3))], 3, False),
        ([(0, "1"), (1, "111"), (2, "1" * (MOST_CHARACTERS - 3))], 3, True),
    ],
)
def test_a_grid_is_no_longer_than_a_text_of_r4(samples, last, expected):
    assert is_too_long(samples, 0, last, 2) is expected

    grid = encode(samples, 0, last, 2)
    assert write_grid("v", samples, 0, last, 2, medtech=True) == grid
    if not expected:
        assert len(grid) <= MOST_CHARACTERS
        assert write_grid("v", samples, 0, last, 2, medtech=False) == grid
        return
    with pytest.raises(FhirDataMappingError) as caught:
        write_grid("v", samples, 0, last, 2, medtech=False)
    assert "7" not in caught.value.message.replace("1048576", "")


def test_a_grid_that_would_fill_the_memory_is_refused_whatever_the_rules():
    ends = [(0, "1"), (10_000_000, "1")]
    for medtech in (True, False):
        with pytest.raises(FhirDataMappingError):
            write_grid("v", ends, 0, 10_000_000, 1, medtech=medtech)


_TEXTS = st.dictionaries(
    st.integers(0, 20), st.integers(1, 12).map("1".__mul__), max_size=12
).map(lambda samples: sorted(samples.items()))


@given(_TEXTS, _TEXTS, st.integers(1, 9))
def test_what_is_too_long_stays_so_whatever_else_arrives(before, more, period):
    """So that no Observation is refused in one order of arrival, and not in another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transforms.sampled_data.MOST_CHARACTERS", 30)
        after = sorted({**dict(more), **dict(before)}.items())
        if before and is_too_long(before, 0, before[-1][0], period):
            assert is_too_long(after, 0, after[-1][0], period)
        if after and not is_too_long(after, 0, after[-1][0], period):
            assert len(encode(after, 0, after[-1][0], period)) <= 30
