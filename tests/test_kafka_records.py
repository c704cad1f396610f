"""Records of Kafka to batches of messages."""

import pytest

from pipeline.kafka_records import (
    MOST_BYTES,
    MOST_RECORDS,
    PartitionBatch,
    Record,
    attributes_of,
    batches_of,
)
from transforms.instants import END_OF_INSTANTS, parse_instant
from transforms.model import Attributes, MessageBatch

AT_MS = 1772349295123
AT = "2026-03-01T07:14:55.123Z"


def record(**changes):
    return Record("vitals", 2, 17, AT_MS, None, b"{}", ())._replace(**changes)


SYSTEM = {
    "topic": "vitals",
    "partition": 2,
    "offset": 17,
    "timestamp": AT_MS,
    "x-opt-enqueued-time": AT,
}
BARE = {"topic": "vitals", "partition": 2, "offset": 17}


@pytest.mark.parametrize(
    ("changes", "properties", "system", "enqueued_at"),
    [
        ({}, {}, SYSTEM, AT),
        ({"key": b"watch-7"}, {}, {**SYSTEM, "key": "watch-7"}, AT),
        ({"key": b""}, {}, {**SYSTEM, "key": ""}, AT),
        ({"key": b"\xff\x00"}, {}, {**SYSTEM, "key_base64": "/wA="}, AT),
        ({"timestamp": None}, {}, BARE, None),
        ({"timestamp": -1}, {}, BARE, None),
        ({"timestamp": END_OF_INSTANTS // 1000}, {}, BARE, None),
        ({"timestamp": 2**63 - 1}, {}, BARE, None),
        (
            {"headers": [("source", b"acme"), ("no", None), ("pic", b"\xff")]},
            {"source": "acme", "no": None, "pic_base64": "/w=="},
            SYSTEM,
            AT,
        ),
        (
            {"headers": [("source", b"a"), ("source", b"b")]},
            {"source": "b"},
            SYSTEM,
            AT,
        ),
        (
            {
                "headers": [
                    ("iothub-connection-device-id", b"\xa1\x07watch-7"),
                    ("iothub-enqueuedtime", b"\xa1\x142026-03-01T07:14:50Z"),
                    ("iothub-creation-time-utc", b"2026-03-01T07:14:40Z"),
                    ("x-opt-sequence-number", b"\x55\x05"),
                    ("ward", b"\xa1\x023B"),
                ]
            },
            {"iothub-creation-time-utc": "2026-03-01T07:14:40Z", "ward": "3B"},
            {
                **SYSTEM,
                "iothub-connection-device-id": "watch-7",
                "iothub-enqueuedtime": "2026-03-01T07:14:50Z",
                "x-opt-sequence-number": 5,
            },
            "2026-03-01T07:14:50Z",
        ),
        (
            {"headers": [("x-opt-enqueued-time", b"2026-03-01T07:14:51Z")]},
            {},
            {**SYSTEM, "x-opt-enqueued-time": "2026-03-01T07:14:51Z"},
            "2026-03-01T07:14:51Z",
        ),
        (
            {"headers": [("iothub-enqueuedtime", b"yesterday")]},
            {},
            {**SYSTEM, "iothub-enqueuedtime": "yesterday"},
            AT,
        ),
    ],
)
def test_what_stands_beside_a_value_is_found_where_medtech_has_it(
    changes, properties, system, enqueued_at
):
    instant = None if enqueued_at is None else parse_instant(enqueued_at)[0]
    expected = Attributes(properties, system, instant)

    assert attributes_of(record(**changes)) == expected


def test_records_become_a_batch_for_each_partition_in_their_order():
    mixed = [
        record(offset=17, value=b"a"),
        record(partition=0, offset=4, value=None, timestamp=None),
        record(offset=19, value=b"b", timestamp=AT_MS - 5),
    ]
    first, second = batches_of(mixed)

    assert first == PartitionBatch(
        ("vitals", 2),
        MessageBatch(
            "vitals/2/",
            (17, 19),
            (b"a", b"b"),
            (attributes_of(mixed[0]), attributes_of(mixed[2])),
        ),
        20,
        AT_MS * 1000,
    )
    assert second == PartitionBatch(
        ("vitals", 0),
        MessageBatch("vitals/0/", (4,), (None,), (attributes_of(mixed[1]),)),
        5,
        None,
    )


@pytest.mark.parametrize(
    ("sizes", "batches"),
    [
        ([], []),
        ([1] * (MOST_RECORDS + 1), [MOST_RECORDS, 1]),
        ([MOST_BYTES, 1], [1, 1]),
        ([MOST_BYTES // 2] * 5, [2, 2, 1]),
        ([1, 3 * MOST_BYTES, 1], [1, 1, 1]),
    ],
)
def test_a_batch_is_small_but_never_empty(sizes, batches):
    records = [
        record(offset=offset, value=bytes(size)) for offset, size in enumerate(sizes)
    ]
    cut = batches_of(records)

    assert [len(batch.batch.payloads) for batch in cut] == batches
    assert [offset for one in cut for offset in one.batch.positions] == list(
        range(len(sizes))
    )
    assert [one.end for one in cut] == [one.batch.positions[-1] + 1 for one in cut]
