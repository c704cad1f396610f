"""Records that Beam's Java reader hands over one by one, collected."""

from typing import NamedTuple

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline as Root
from apache_beam.testing.util import assert_that, equal_to

from pipeline.kafka_records import MOST_BYTES, MOST_RECORDS, Record, attributes_of
from pipeline.kafka_settings import kafka_settings
from pipeline.read_kafka import ReadKafkaHere, _CollectMessages, record_of
from transforms.model import MessageBatch

AT_MS = 1772349295123


class Header(NamedTuple):
    key: str
    value: bytes | None


class Row(NamedTuple):
    """As the row type of `ByteArrayKafkaRecord`."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[Header] | None
    timestampTypeId: int  # noqa: N815 - Java's name
    timestampTypeName: str  # noqa: N815


def row(offset=0, **changes):
    return Row("t", 1, offset, AT_MS, None, b"{}", [], 0, "CreateTime")._replace(
        **changes
    )


@pytest.mark.parametrize(
    ("given", "record"),
    [
        (row(), Record("t", 1, 0, AT_MS, None, b"{}", ())),
        (row(headers=None), Record("t", 1, 0, AT_MS, None, b"{}", ())),
        (
            row(key=b"k", value=None, headers=[Header("a", b"1"), Header("b", None)]),
            Record("t", 1, 0, AT_MS, b"k", None, (("a", b"1"), ("b", None))),
        ),
        (row(timestamp=-1), Record("t", 1, 0, None, None, b"{}", ())),
    ],
)
def test_a_row_is_a_record(given, record):
    assert record_of(given) == record


def collected(rows):
    collect = _CollectMessages()
    collect.start_bundle()
    during = [stamped for one in rows for stamped in collect.process(one)]
    return during, list(collect.finish_bundle())


def test_a_bundle_gives_what_is_large_at_once_and_the_rest_at_its_end():
    rows = [row(offset) for offset in range(MOST_RECORDS + 2)]
    rows.append(row(MOST_RECORDS + 2, value=bytes(MOST_BYTES), timestamp=AT_MS + 9))
    rows.append(row(MOST_RECORDS + 3))
    during, at_end = collected(rows)

    sizes = [len(one.value.positions) for one in during]
    assert sizes == [MOST_RECORDS, 2, 1]
    assert [one.timestamp.micros for one in during] == [
        AT_MS * 1000,
        AT_MS * 1000,
        (AT_MS + 9) * 1000,
    ]
    (last,) = at_end
    assert last.value.positions == (MOST_RECORDS + 3,)
    assert last.timestamp.micros == AT_MS * 1000


def test_an_empty_bundle_gives_nothing():
    assert collected([]) == ([], [])


def test_records_of_a_bundle_arrive_as_batches_on_a_runner():
    rows = [row(4), row(7, partition=0, headers=[Header("a", b"1")]), row(5)]
    records = [record_of(one) for one in rows]
    expected = [
        MessageBatch(
            "t/1/",
            (4, 5),
            (b"{}", b"{}"),
            (attributes_of(records[0]), attributes_of(records[2])),
        ),
        MessageBatch("t/0/", (7,), (b"{}",), (attributes_of(records[1]),)),
    ]
    with Root(runner="FnApiRunner") as root:
        batches = (
            root
            | beam.Create([rows], reshuffle=False)
            | beam.FlatMap(lambda rows: rows)
            | beam.ParDo(_CollectMessages()).with_output_types(MessageBatch)
        )
        assert_that(batches, equal_to(expected))


def test_python_reads_in_small_bundles(tmp_path):
    path = tmp_path / "client.properties"
    path.write_text("security.protocol=PLAINTEXT")
    read = ReadKafkaHere(kafka_settings("kafka://127.0.0.1:1/t", str(path)))
    root = beam.Pipeline(options=PipelineOptions(["--streaming"]))
    batches = root | read

    assert batches.element_type is not None
    assert not batches.is_bounded
    names = [
        each.unique_name for each in root.to_runner_api().components.transforms.values()
    ]
    assert "ReadKafkaHere/ReadKafka/ReadUnbounded" in names
