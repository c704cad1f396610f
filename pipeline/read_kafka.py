"""ReadKafka: records of topics in, batches of messages out, on every kind of runner.

On this machine and on Prism a source in Python reads. On Flink and Dataflow Beam's own
reader does, which is a Java program: it takes Beam's expansion service where the
pipeline is built and a Java worker where it runs. It hands over record by record, so
those of a bundle are collected into batches before anything else is done with them.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.io.kafka import ReadFromKafka
from apache_beam.io.unbounded_source import ReadFromUnboundedSource
from apache_beam.pvalue import PBegin, PCollection
from apache_beam.transforms.window import GlobalWindow, TimestampedValue
from apache_beam.utils.timestamp import MIN_TIMESTAMP, Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from pipeline.kafka_records import (
    MOST_BYTES,
    MOST_RECORDS,
    PartitionBatch,
    Record,
    batches_of,
)
from pipeline.kafka_settings import KafkaSettings, java_config
from transforms import batch_coder  # noqa: F401 - registers how batches travel
from transforms.model import MessageBatch

_MOST_BATCHES = 20
"""Of a bundle that Python reads: 20 MB, or 40,000 records."""


@dataclasses.dataclass
class ReadKafkaHere(beam.PTransform):
    """Reads topics in this process and its Python workers.

    Order within a partition is kept. At least once: a place is committed after its
    bundle, so what is read must be stored within the bundle.

    Args:
        settings: what to read, and how.
        poll_seconds: between two looks at a topic that has nothing new.
        bundle_seconds: how long a bundle reads from a topic that has.
    """

    settings: KafkaSettings
    poll_seconds: float = 0.5
    bundle_seconds: float = 2.0

    def expand(self, root: PBegin) -> PCollection[MessageBatch]:
        """Wires the stage."""
        from pipeline.kafka_source import KafkaSource  # workers of a cluster lack it

        return root | "ReadKafka" >> ReadFromUnboundedSource(
            KafkaSource(self.settings),
            poll_interval=self.poll_seconds,
            max_records_per_bundle=_MOST_BATCHES,
            max_read_time_seconds=self.bundle_seconds,
        )


def record_of(row: Any) -> Record:
    """A record as Beam's Java reader hands it over with its metadata.

    https://github.com/apache/beam/blob/v2.77.0/sdks/java/io/kafka/src/main/java/org/apache/beam/sdk/io/kafka/KafkaIO.java
    (`ByteArrayKafkaRecord`)
    """
    headers = tuple((header.key, header.value) for header in row.headers or ())
    timestamp = row.timestamp if row.timestamp >= 0 else None
    return Record(
        row.topic, row.partition, row.offset, timestamp, row.key, row.value, headers
    )


class _CollectMessages(beam.DoFn):
    """Records one by one to batches, at the latest when their bundle ends."""

    def start_bundle(self) -> None:
        self._records: list[Record] = []
        self._size = 0

    def process(self, row: Any) -> Iterator[TimestampedValue]:
        record = record_of(row)
        self._records.append(record)
        self._size += len(record.value or b"")
        if len(self._records) >= MOST_RECORDS or self._size >= MOST_BYTES:
            for batch in self._taken():
                yield TimestampedValue(batch.batch, _timestamp(batch))

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for batch in self._taken():
            yield WindowedValue(batch.batch, _timestamp(batch), (GlobalWindow(),))

    def _taken(self) -> list[PartitionBatch]:
        batches = batches_of(self._records)
        self._records, self._size = [], 0
        return batches


def _timestamp(batch: PartitionBatch) -> Timestamp:
    return MIN_TIMESTAMP if batch.latest is None else Timestamp(micros=batch.latest)


@dataclasses.dataclass
class ReadKafka(beam.PTransform):
    """Reads topics by Beam's Java reader.

    Order within a partition is kept within a bundle. At least once: offsets are
    committed with the runner's checkpoints, so a job that is started anew goes on where
    the last checkpoint was; one that is resumed from a checkpoint or savepoint loses
    nothing that was under way either. On Flink give `--experiments=use_deprecated_read`
    to the job and to the expansion service: without it no window fires.

    Args:
        settings: what to read, and how.
        expansion_service: `host:port` of it; None: Beam starts one, with Java.
        commit: whether to commit at all; some runners cannot.
    """

    settings: KafkaSettings
    expansion_service: str | None = None
    commit: bool = True

    def expand(self, root: PBegin) -> PCollection[MessageBatch]:
        """Wires the stage."""
        records = root | "ReadKafka" >> ReadFromKafka(
            java_config(self.settings),
            list(self.settings.topics),
            with_metadata=True,
            commit_offset_in_finalize=self.commit,
            timestamp_policy=ReadFromKafka.create_time_policy,
            expansion_service=self.expansion_service,
        )
        return records | "Collect" >> beam.ParDo(_CollectMessages()).with_output_types(
            MessageBatch
        )
