"""On which dates the readings of sessions lie."""

import pyarrow as pa
import pytest

from transforms.instants import DAY, HOUR
from transforms.model import CORRELATED, GroupBatch
from transforms.schema import TIMESTAMP
from transforms.sessions import by_first_date, later_dates


def groups(**hours):
    """Sessions, each with the hours of its readings."""
    ids = [key for key, times in hours.items() for _ in times]
    instants = [hour * HOUR for times in hours.values() for hour in times]
    starts = [ids.index(key) for key in hours]
    readings = pa.table(
        {
            "observation_id": pa.array(ids, pa.string()),
            "occurred_at": pa.array(instants, pa.int64()).cast(TIMESTAMP),
        }
    )
    return GroupBatch(CORRELATED, 3, readings, tuple(starts))


@pytest.mark.parametrize(
    ("given", "by_date", "later"),
    [
        pytest.param({}, {}, {}, id="none"),
        pytest.param({"a": [1, 2]}, {0: {"a": [1, 2]}}, {}, id="one day"),
        pytest.param(
            {"a": [23, 25, 26, 49]},
            {0: {"a": [23, 25, 26, 49]}},
            {1: ["a"], 2: ["a"]},
            id="over two midnights",
        ),
        pytest.param(
            {"a": [25], "b": [1, 99], "c": [24, 73], "d": [2]},
            {0: {"b": [1, 99], "d": [2]}, 1: {"a": [25], "c": [24, 73]}},
            {4: ["b"], 3: ["c"]},
            id="days of the next session are no days of this one",
        ),
        pytest.param(
            {"a": [-1, 0]}, {-1: {"a": [-1, 0]}}, {0: ["a"]}, id="before the epoch"
        ),
    ],
)
def test_sessions_lie_on_the_date_of_their_first_reading(given, by_date, later):
    found = dict(by_first_date(groups(**given)))
    assert found == {day * DAY: groups(**its) for day, its in by_date.items()}
    assert later_dates(groups(**given)) == {d * DAY: ids for d, ids in later.items()}
