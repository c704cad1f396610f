"""Kafka as an unbounded source of Beam, in Python: no Java, no expansion service.

The element is a batch of records of one partition, so that what Beam costs per element
is paid once for many. A read begins where the group has committed; a place is committed
when the bundle that read up to it is finished, that is: stored, if the chain behind
stores within the bundle. What was read and not committed is read again.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import orjson
from apache_beam.coders import Coder
from apache_beam.io.unbounded_source import (
    CheckpointMark,
    UnboundedReader,
    UnboundedSource,
)
from apache_beam.metrics.metric import Metrics
from apache_beam.utils.timestamp import MIN_TIMESTAMP, Timestamp

from pipeline import beam_progress
from pipeline.kafka_check import check_kafka as check_kafka
from pipeline.kafka_check import partition_count
from pipeline.kafka_commits import committer_of
from pipeline.kafka_reader import EVERYTHING, KafkaReader, Share
from pipeline.kafka_records import Partition, PartitionBatch
from pipeline.kafka_settings import KafkaSettings
from transforms import batch_coder
from transforms.model import MessageBatch

STAGE = "ReadMessages"

beam_progress.steady()  # here, as workers import this and no launcher runs on them


class KafkaMark(CheckpointMark):
    """A place in some partitions.

    Args:
        settings: how to commit it.
        positions: offset to go on at, of each partition.
    """

    def __init__(
        self, settings: KafkaSettings, positions: Mapping[Partition, int]
    ) -> None:
        self._settings = settings
        self.positions = dict(positions)

    def __repr__(self) -> str:
        return f"KafkaMark({self.positions})"

    def finalize_checkpoint(self) -> None:
        """Commits the place; if that fails it is logged, and the next one repeats it.

        https://github.com/apache/beam/blob/v2.77.0/sdks/python/apache_beam/io/unbounded_source.py
        """
        committer_of(self._settings).commit(self.positions)


class KafkaMarkCoder(Coder):
    """Marks as JSON, which holds no secret: the source has the settings.

    Args:
        settings: of the source.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings

    def encode(self, value: KafkaMark) -> bytes:
        """The place as sorted JSON."""
        return orjson.dumps(
            sorted([topic, n, at] for (topic, n), at in value.positions.items())
        )

    def decode(self, encoded: bytes) -> KafkaMark:
        """The place again."""
        places = orjson.loads(encoded)
        return KafkaMark(self._settings, {(topic, n): at for topic, n, at in places})

    def is_deterministic(self) -> bool:
        """Yes."""
        return True


class _Reader(UnboundedReader):
    def __init__(self, reader: KafkaReader, settings: KafkaSettings) -> None:
        self._reader = reader
        self._settings = settings
        self._current: PartitionBatch | None = None

    def start(self) -> bool:
        return self.advance()

    def advance(self) -> bool:
        """Takes the next batch if one is here.

        Waits for a broker that is away, seconds at most.
        """
        self._current = self._reader.next_batch()
        for (topic, number), count in self._reader.backlog.items():
            Metrics.gauge(STAGE, f"Backlog {topic}/{number}").set(count)
        return self._current is not None

    def get_current(self) -> MessageBatch:
        return self._taken().batch

    def get_current_timestamp(self) -> Timestamp:
        latest = self._taken().latest
        return self.get_watermark() if latest is None else Timestamp(micros=latest)

    def _taken(self) -> PartitionBatch:
        if self._current is None:
            raise ValueError
        return self._current

    def get_watermark(self) -> Timestamp:
        watermark = self._reader.watermark()
        return MIN_TIMESTAMP if watermark is None else Timestamp(micros=watermark)

    def get_checkpoint_mark(self) -> KafkaMark:
        return KafkaMark(self._settings, self._reader.next_positions())

    def close(self) -> None:
        self._reader.close()


@dataclasses.dataclass(frozen=True)
class KafkaSource(UnboundedSource):
    """Batches of records of some topics; see `pipeline/kafka_reader.py`.

    Args:
        settings: what to read, and how.
        slack_seconds: how much older than the latest record another may be that still
            is to come.
        share: which partitions; all until it is split.
    """

    settings: KafkaSettings
    slack_seconds: float = 5.0
    share: Share = EVERYTHING

    def split(
        self, desired_num_splits: int, options: Any = None
    ) -> list[UnboundedSource]:
        """A source for each partition, or for several if there are too many.

        A topic that gets partitions later needs no restart: they belong to a share.
        """
        count = min(desired_num_splits, partition_count(self.settings))
        return [
            dataclasses.replace(self, share=Share(index, count))
            for index in range(count)
        ]

    def create_reader(
        self, options: Any, checkpoint_mark: CheckpointMark | None
    ) -> UnboundedReader:
        """A reader from a mark on, or from where the group has committed."""
        mark = checkpoint_mark
        positions = mark.positions if isinstance(mark, KafkaMark) else {}
        slack = round(self.slack_seconds * 1_000_000)
        reader = KafkaReader(self.settings, self.share, positions, slack)
        return _Reader(reader, self.settings)

    def get_checkpoint_mark_coder(self) -> Coder:
        """Of its marks."""
        return KafkaMarkCoder(self.settings)

    def default_output_coder(self) -> Coder:
        """Of batches."""
        return batch_coder.BatchCoder()
