"""What the readings of one Observation say together."""

import pyarrow as pa

from transforms.observation_value import Reading, to_json


def readings_of(table: pa.Table) -> list[Reading]:
    """The rows of a table with the columns of `schema.MEASUREMENT`."""
    lists = []
    for name in Reading._fields:
        column = table[name]
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())  # datetimes cost 20 times as much
        lists.append(column.to_pylist())
    return list(map(Reading._make, zip(*lists, strict=True)))


def ingestion_of(reading: Reading) -> int:
    """When a reading was ingested; where unknown, when it occurred stands in."""
    ingested = reading.ingested_at
    return reading.occurred_at if ingested is None else ingested


def latest_ingestion(readings: list[Reading]) -> int:
    """When the last of the readings was ingested."""
    return max(
        [
            reading.occurred_at if reading.ingested_at is None else reading.ingested_at
            for reading in readings
        ]
    )


def encounter_of(readings: list[Reading]) -> str | None:
    """The encounter of the reading ingested last among those that name one."""
    for reading in readings:
        if reading.encounter_id is not None:
            break
    else:
        return None
    named = [reading for reading in readings if reading.encounter_id is not None]
    return max(named, key=lambda r: (ingestion_of(r), r.encounter_id)).encounter_id


def records_of(readings: list[Reading]) -> str:
    """The sender's own ids of the records as further identifiers, in JSON."""
    for reading in readings:
        if reading.record_id is not None:
            break
    else:
        return ""
    ids = {reading.record_id for reading in readings if reading.record_id is not None}
    return "".join(f',{{"value":{to_json(record)}}}' for record in sorted(ids))


def spokesman(readings: list[Reading]) -> Reading:
    """The reading that says when an instant is: the last ingested, of these the first.

    Readings of one instant may differ in offset and end when they were sent apart.
    """
    first = readings[0]
    tick, ingested_at = first.occurred_tick, first.ingested_at
    for reading in readings:
        if reading.ingested_at != ingested_at or reading.occurred_tick != tick:
            return max(readings, key=_lateness)
    return first


def _lateness(reading: Reading) -> tuple[int, int]:
    return reading.occurred_tick, ingestion_of(reading)


def one_per_instant(readings: list[Reading]) -> list[Reading]:
    """Readings that differ in encounter or correlation only: the last ingested one.

    Args:
        readings: of one value, in time order; at least one.
    """
    chosen = readings[:1]
    at, tick = chosen[0].occurred_at, chosen[0].occurred_tick
    for reading in readings[1:]:
        if reading.occurred_at != at or reading.occurred_tick != tick:
            chosen.append(reading)
            at, tick = reading.occurred_at, reading.occurred_tick
        elif _rank(reading) > _rank(chosen[-1]):
            chosen[-1] = reading
    return chosen


def _rank(reading: Reading) -> tuple[int, str, str, str]:
    return (
        ingestion_of(reading),
        reading.value_text or "",
        reading.encounter_id or "",
        reading.flag or "",
    )


def statistics(
    readings: list[Reading],
) -> tuple[int, float | None, float | None, float | None]:
    """How many readings there are, their least, greatest and mean number."""
    if len(readings) == 1:
        return 1, (value := readings[0].value), value, value
    numbers = [reading.value for reading in readings if reading.value is not None]
    if not numbers:
        return len(readings), None, None, None
    mean = sum(numbers) / len(numbers)
    return len(readings), min(numbers), max(numbers), mean
