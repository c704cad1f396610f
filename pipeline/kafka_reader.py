"""Reads a share of the partitions of some topics, from a place on.

All partitions are assigned by us, never by Kafka's group protocol: every member of a
group that rebalances would stop the others, and Beam moves work by itself. So the group
only keeps our place, and nobody else may be a member of it.

A broker that is away is waited for: each call waits a few seconds at most, the log says
once that it is away, and once that it is back.
"""

import collections
import logging
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from pipeline.kafka_client import make_consumer
from pipeline.kafka_errors import REFUSALS, name_of, refusal
from pipeline.kafka_messages import record_of
from pipeline.kafka_places import Places
from pipeline.kafka_records import (
    MOST_RECORDS,
    Partition,
    PartitionBatch,
    batches_of,
)
from pipeline.kafka_settings import KafkaSettings
from pipeline.kafka_watermark import Watermark

_LOG = logging.getLogger(__name__)

_LOOK_S = 1.0
"""Between two looks at the ends of the partitions."""

_AWAY_S = 3.0
"""Until the next look at a broker that has not answered."""

_PARTITIONS_S = 60.0
"""Between two looks for partitions that a topic has got."""


class Share(NamedTuple):
    """Which partitions are read: each `step`-th, so that new ones have a place."""

    first: int
    step: int

    def owns(self, number: int) -> bool:
        """Whether a partition is one of them."""
        return number % self.step == self.first


EVERYTHING = Share(0, 1)


class KafkaReader:
    """Hands out what has arrived, batch by batch; never waits for more.

    Args:
        settings: what to read, and how.
        share: which of its partitions.
        positions: offsets to go on at; those of other partitions are asked for.
        slack: of the watermark, in microseconds.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        share: Share,
        positions: Mapping[Partition, int],
        slack: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._share = share
        self._clock = clock
        self._consumer = make_consumer(settings, self._on_error)
        self._places = Places(self._consumer, settings)
        self._watermark = Watermark(slack)
        self._ready: collections.deque[PartitionBatch] = collections.deque()
        self._refused: str | None = None
        self._look_at = self._search_at = 0.0
        self._resumed = dict(positions)
        self.positions: dict[Partition, int] = {}
        """Offset after what was handed out last, of each partition read."""
        self.backlog: dict[Partition, int] = {}
        """Offsets that are still to be read, of each partition, as last seen."""

    def next_batch(self) -> PartitionBatch | None:
        """The next records; None if none are here yet.

        Raises:
            KafkaRefusedError: a broker will not have us.
        """
        if not self._ready:
            self._look()
            self._fetch()
        if self._refused is not None:
            raise refusal(self._refused, self._settings.servers, self._settings.group)
        if not self._ready:
            return None
        batch = self._ready.popleft()
        self.positions[batch.partition] = batch.end
        self._watermark.read(batch.partition, batch.latest, self._now())
        return batch

    def watermark(self) -> int | None:
        """Microseconds: what comes is likely to have been sent later; None: unknown."""
        return self._watermark.value(self.positions)

    def next_positions(self) -> dict[Partition, int]:
        """Where to go on after what was handed out."""
        return self._resumed | self.positions

    def close(self) -> None:
        """Lets go of the brokers."""
        self._consumer.close()

    def _now(self) -> int:
        return round(self._clock() * 1_000_000)

    def _fetch(self) -> None:
        if not self.positions:
            self._consumer.poll(0)  # to hear of errors
            return
        messages = self._consumer.consume(MOST_RECORDS, 0)
        records = [record_of(message) for message in messages if not message.error()]
        self._ready += batches_of(records)
        errors = [message for message in messages if message.error()]
        ended = [record_of(each) for each in errors if self._is_end(each.error())]
        self._note_ends({(end.topic, end.partition): end.offset for end in ended})

    def _is_end(self, error: KafkaError | None) -> bool:
        if error is None:
            return False
        if error.code() == KafkaError._PARTITION_EOF:
            return True
        self._on_error(error)
        return False

    def _note_ends(self, ends: Mapping[Partition, int]) -> None:
        """An end may lie beyond the last record: behind the mark of a transaction."""
        last = {batch.partition: batch for batch in self._ready}
        for partition, end in ends.items():
            if partition not in last:
                self.positions[partition] = max(end, self.positions[partition])
        for number, batch in enumerate(self._ready):
            if batch is last[batch.partition] and batch.partition in ends:
                end = max(batch.end, ends[batch.partition])
                self._ready[number] = batch._replace(end=end)

    def _look(self) -> None:
        """Looks for new partitions, and at what there is to read, every so often."""
        started = time.monotonic()
        if started < self._look_at:
            return
        try:
            if started >= self._search_at:
                self._find_partitions()
                self._search_at = started + _PARTITIONS_S
            self._look_at_ends()
        except KafkaException as error:
            self._look_at = time.monotonic() + _AWAY_S
            self._on_error(error.args[0])
            if self._refused is None:
                _tell_away(self._settings.servers, name_of(error))
            return
        self._look_at = time.monotonic() + _LOOK_S
        _tell_back(self._settings.servers)

    def _find_partitions(self) -> None:
        owned = [each for each in self._places.all() if self._share.owns(each[1])]
        new = [each for each in owned if each not in self.positions]
        if not new:
            return
        is_first = not self.positions
        found = self._places.find(new, self._resumed, is_first=is_first)
        if not is_first:
            _LOG.info("kafka: %d partitions more to read", len(new))
        self.positions |= found
        self._consumer.assign(
            [
                TopicPartition(topic, number, offset)
                for (topic, number), offset in sorted(self.positions.items())
            ]
        )

    def _look_at_ends(self) -> None:
        for partition, position in self.positions.items():
            asked = self._now()
            first, end = self._places.range(partition)
            self.backlog[partition] = max(0, end - max(position, first))
            if self.backlog[partition] == 0:
                self._watermark.at_end(partition, asked)

    def _on_error(self, error: KafkaError) -> None:
        if error.name() in REFUSALS:
            self._refused = error.name()


_AWAY: set[str] = set()
"""Brokers that do not answer: many readers of a process wait for the same."""


def _tell_away(servers: str, name: str) -> None:
    if servers not in _AWAY:
        _AWAY.add(servers)
        _LOG.warning("kafka://%s is away (%s): waiting for it", servers, name)


def _tell_back(servers: str) -> None:
    if servers in _AWAY:
        _AWAY.discard(servers)
        _LOG.info("kafka://%s is back", servers)
