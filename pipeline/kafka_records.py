"""Records of Kafka as batches of messages, with all that stands beside their values.

A value is the message. Headers are its `Properties`, under the names that senders gave
them; key, partition, offset and time are `SystemProperties`. What Azure's IoT Hub and
Event Hubs add is found where the MedTech service has it, so that its device mappings
read it unchanged.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pipeline.amqp_values import NotAmqpError, header_text
from transforms.instants import END_OF_INSTANTS, iso_instant
from transforms.intake import enqueued_time
from transforms.model import Attributes, MessageBatch

MOST_RECORDS = 2_000
"""Of one batch."""

MOST_BYTES = 1_000_000
"""Of the values of one batch; a larger record is one of its own."""

Partition = tuple[str, int]
"""Topic and number."""

Headers = Sequence[tuple[str, bytes | None]]


class Record(NamedTuple):
    """One record as a broker delivers it."""

    topic: str
    partition: int
    offset: int
    timestamp: int | None
    """Milliseconds since 1970: when it was sent or appended, as the topic is set."""
    key: bytes | None
    value: bytes | None
    headers: Headers


class PartitionBatch(NamedTuple):
    """Records of one partition, one after the other."""

    partition: Partition
    batch: MessageBatch
    end: int
    """Offset after the last of them."""
    latest: int | None
    """Highest time of them, in microseconds; None if none has a time."""


_APPLICATION = frozenset({"iothub-creation-time-utc"})
"""What looks like IoT Hub's own but is the device's: MedTech has it in Properties."""


def _is_system(name: str) -> bool:
    return name.startswith(("iothub-", "x-opt-")) and name not in _APPLICATION


def attributes_of(record: Record) -> Attributes:
    """What stands beside a record's value, as the envelope has it.

    Of headers of one name the last counts, as in Kafka's `Headers.lastHeader`. A header
    or key that is not text is Base64 under its name and `_base64`.
    """
    system: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
    }
    enqueued_at = _instant(record.timestamp)
    if enqueued_at is not None:
        system["timestamp"] = record.timestamp
        system["x-opt-enqueued-time"] = iso_instant(enqueued_at)
    if record.key is not None:
        name, value = _legible("key", record.key)
        system[name] = value
    if not record.headers:
        return Attributes({}, system, enqueued_at)
    properties: dict[str, Any] = {}
    brokers: dict[str, Any] = {}
    for given, raw in record.headers:
        name, value = _header(given, raw)
        (brokers if _is_system(given) else properties)[name] = value
    # An IoT Hub's time is that of the message, the record's that of its forwarding.
    own_time = enqueued_time(brokers) if brokers else None
    enqueued_at = enqueued_at if own_time is None else own_time
    return Attributes(properties, system | brokers, enqueued_at)


def _instant(timestamp: int | None) -> int | None:
    """Microseconds; None where a sender's clock shows no time that can be."""
    if timestamp is None or not 0 <= timestamp * 1000 < END_OF_INSTANTS:
        return None
    return timestamp * 1000


def _header(name: str, raw: bytes | None) -> tuple[str, Any]:
    if raw is None:
        return name, None
    try:
        return name, header_text(raw)
    except NotAmqpError:
        return f"{name}_base64", base64.b64encode(raw).decode()


def _legible(name: str, raw: bytes) -> tuple[str, str]:
    try:
        return name, raw.decode()
    except UnicodeDecodeError:
        return f"{name}_base64", base64.b64encode(raw).decode()


def batches_of(records: Iterable[Record]) -> list[PartitionBatch]:
    """Records as batches, each of one partition; order within a partition is kept."""
    by_partition: dict[Partition, list[Record]] = {}
    for record in records:
        by_partition.setdefault((record.topic, record.partition), []).append(record)
    return [
        _batch(partition, some)
        for partition, theirs in by_partition.items()
        for some in _cut(theirs)
    ]


def _cut(records: list[Record]) -> Iterator[list[Record]]:
    some: list[Record] = []
    size = 0
    for record in records:
        own = len(record.value or b"")
        if some and (size + own > MOST_BYTES or len(some) == MOST_RECORDS):
            yield some
            some, size = [], 0
        some.append(record)
        size += own
    if some:
        yield some


def _batch(partition: Partition, records: list[Record]) -> PartitionBatch:
    topic, number = partition
    batch = MessageBatch(
        f"{topic}/{number}/",
        tuple(record.offset for record in records),
        tuple(record.value for record in records),
        tuple(map(attributes_of, records)),
    )
    times = [time for each in records if (time := _instant(each.timestamp)) is not None]
    return PartitionBatch(
        partition, batch, records[-1].offset + 1, max(times, default=None)
    )
