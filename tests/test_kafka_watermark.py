"""How far a reader has come."""

import pytest

from pipeline.kafka_watermark import Watermark

A, B = ("t", 0), ("t", 1)
NOW = 1_000


@pytest.mark.parametrize(
    ("steps", "value"),
    [
        ([], None),
        ([("read", A, 100)], None),
        ([("read", A, 100), ("read", B, 300)], 90),
        ([("read", A, 100), ("at_end", B, 300)], 90),
        ([("at_end", A, 250), ("at_end", B, 300)], 240),
        ([("read", A, 100), ("read", A, 50), ("read", B, 300)], 90),
        ([("read", A, 100), ("at_end", A, 700), ("read", B, 300)], 290),
        # A clock that is ahead does not carry the others along.
        ([("read", A, 9_999_999), ("at_end", B, NOW)], 990),
        ([("read", A, None), ("at_end", B, NOW)], None),
    ],
)
def test_it_is_that_of_the_slowest_partition(steps, value):
    watermark = Watermark(10)
    for how, partition, time in steps:
        if how == "read":
            watermark.read(partition, time, NOW)
        else:
            watermark.at_end(partition, time)

    assert watermark.value((A, B)) == value


def test_it_does_not_go_back_when_a_partition_is_added():
    watermark = Watermark(10)
    watermark.at_end(A, 500)
    assert watermark.value((A,)) == 490
    assert watermark.value((A, B)) == 490
    watermark.read(B, 100, NOW)
    assert watermark.value((A, B)) == 490


def test_nothing_to_read_is_no_watermark():
    assert Watermark(10).value(()) is None
