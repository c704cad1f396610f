"""Blood pressures of an Apple export: one message each, never two.

A cuff's reading is two Records, systolic and diastolic, and mostly a Correlation that
holds both. The Records of a Correlation stand at the top level of the file too, before
or after it. So each Correlation is a message, and takes its Records off those that were
seen; of what is left in the end, two halves of one source and instant are a reading.

Memory grows with the blood pressures that no Correlation has told yet, some 500 bytes a
half, and with nothing else.
"""

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.converted import Json
from pipeline.options import UsageError

PRESSURE = "HKCorrelationTypeIdentifierBloodPressure"

HALVES = {
    "HKQuantityTypeIdentifierBloodPressureSystolic": "systolic",
    "HKQuantityTypeIdentifierBloodPressureDiastolic": "diastolic",
}

_MOST = 1_000_000
"""Halves that wait for the end of the file; more are no diary of a person."""


class Half(NamedTuple):
    """One Record of a blood pressure."""

    name: str
    """`systolic` or `diastolic`."""
    source: str
    start: str
    end: str
    unit: str
    value: str
    zone: str | None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The same for the Record in a Correlation and the one at the top level."""
        return self.source, self.start, self.name, self.value


def pressure(halves: list[Half]) -> Json:
    """The body of a reading.

    Args:
        halves: usually two; of several with one name it holds a list, which is no
            value, so that the reading becomes a dead letter rather than a guess.
    """
    values: dict[str, list[str]] = {}
    for half in halves:
        values.setdefault(half.name, [])
        if half.value not in values[half.name]:
            values[half.name].append(half.value)
    units = sorted({half.unit for half in halves})
    first = halves[0]
    body: Json = {
        "type": PRESSURE,
        "unit": units[0] if len(units) == 1 else units,
        "startDate": first.start,
        "endDate": first.end,
    }
    body |= {
        name: each[0] if len(each) == 1 else each
        for name, each in sorted(values.items(), reverse=True)
    }
    zones = [half.zone for half in halves if half.zone is not None]
    if zones:
        body["metadata"] = {"HKTimeZone": zones[0]}
    return body


class Pressures:
    """The halves that no Correlation has told so far."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str, str], tuple[int, Half]] = {}

    def alone(self, half: Half) -> None:
        """Notes a Record at the top level."""
        self._count(half, 1)

    def together(self, halves: list[Half]) -> None:
        """Notes the Records of a Correlation."""
        for half in halves:
            self._count(half, -1)

    def _count(self, half: Half, step: int) -> None:
        count = self._seen.get(half.key, (0, half))[0] + step
        if count:
            self._seen[half.key] = count, half
        else:
            del self._seen[half.key]
        if len(self._seen) > _MOST:
            msg = f"more than {_MOST:,} blood pressures without a Correlation"
            raise UsageError(msg)

    def rest(self) -> Iterator[tuple[str, Json]]:
        """The readings of what is left, with their sources."""
        readings: dict[tuple[str, str], list[Half]] = {}
        for count, half in self._seen.values():
            if count > 0:
                readings.setdefault((half.source, half.start), []).append(half)
        for (source, _start), halves in readings.items():
            yield source, pressure(halves)
