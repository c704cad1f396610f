"""Groups that a correlation id ties together: on which dates their readings lie.

An Observation lies on the date of its first reading. When an earlier reading arrives,
it moves; where it was, it must be removed. Where it may have been are the dates of all
its readings: readings are never taken back.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from transforms.instants import DAY
from transforms.model import GroupBatch


def by_first_date(groups: GroupBatch) -> Iterator[tuple[int, GroupBatch]]:
    """Groups by the first instant of the UTC day of their first reading."""
    days = _days(groups.readings)
    starts = np.asarray(groups.starts, np.int64)
    first_days = days[starts]
    lengths = np.diff(starts, append=len(days))
    day_of_group = np.repeat(first_days, lengths)
    for day in np.unique(first_days):
        part = groups.readings.filter(pa.array(day_of_group == day))
        its = lengths[first_days == day]
        its_starts = tuple((np.cumsum(its) - its).tolist())
        yield int(day) * DAY, groups._replace(readings=part, starts=its_starts)


def later_dates(groups: GroupBatch) -> dict[int, list[str]]:
    """Ids of the groups that have readings on a date, but begin on an earlier one."""
    days = _days(groups.readings)
    is_later = np.diff(days, prepend=days[:1]) != 0
    is_later[list(groups.starts)] = False
    later = np.flatnonzero(is_later)
    ids = groups.readings["observation_id"].take(pa.array(later)).to_pylist()
    found: dict[int, list[str]] = {}
    for day, resource_id in zip(days[later].tolist(), ids, strict=True):
        found.setdefault(day * DAY, []).append(resource_id)
    return found


def _days(readings: pa.Table) -> np.ndarray:
    return readings["occurred_at"].cast(pa.int64()).to_numpy() // DAY
