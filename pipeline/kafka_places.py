"""Where to begin in each partition: where we were, or as `auto.offset.reset` says."""

import logging
from collections.abc import Mapping, Sequence

import tenacity
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from pipeline.kafka_errors import KafkaRefusedError, name_of
from pipeline.kafka_records import Partition
from pipeline.kafka_settings import KafkaSettings

_LOG = logging.getLogger(__name__)

_WAIT_S = 5.0
"""Until a broker that does not answer counts as away."""


_STARTING = (
    "COORDINATOR_LOAD_IN_PROGRESS",
    "COORDINATOR_NOT_AVAILABLE",
    "NOT_COORDINATOR",
)
"""Errors of a broker that is about to know of a group."""


def _is_starting(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and name_of(error) in _STARTING


@tenacity.retry(
    retry=tenacity.retry_if_exception(_is_starting),
    stop=tenacity.stop_after_delay(_WAIT_S),
    wait=tenacity.wait_fixed(0.2),
    reraise=True,
)
def committed_places(
    consumer: Consumer, asked: list[TopicPartition]
) -> list[TopicPartition]:
    """Where the group of a consumer is; an offset below 0 where it has not been.

    Raises:
        KafkaException: the broker does not say.
    """
    places = consumer.committed(asked, timeout=_WAIT_S)
    for place in places:
        if place.error is not None:
            raise KafkaException(place.error)
    return places


class Places:
    """Asks the brokers.

    Args:
        consumer: connected to them.
        settings: topics, group and `auto.offset.reset`.
    """

    def __init__(self, consumer: Consumer, settings: KafkaSettings) -> None:
        self._consumer = consumer
        self._settings = settings

    def all(self) -> list[Partition]:
        """All partitions of the topics.

        Raises:
            KafkaException: the broker does not say.
        """
        found: list[Partition] = []
        for name in self._settings.topics:
            topic = self._consumer.list_topics(name, timeout=_WAIT_S).topics[name]
            if topic.error is not None:
                raise KafkaException(topic.error)
            found += [(name, number) for number in sorted(topic.partitions)]
        return found

    def range(self, partition: Partition) -> tuple[int, int]:
        """The first offset of a partition, and the one after its last.

        Raises:
            KafkaException: the broker does not say.
        """
        asked = TopicPartition(*partition)
        found = self._consumer.get_watermark_offsets(asked, timeout=_WAIT_S)
        if found is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return found

    def find(
        self,
        partitions: Sequence[Partition],
        resumed: Mapping[Partition, int],
        *,
        is_first: bool,
    ) -> dict[Partition, int]:
        """The offset to begin at, of each partition.

        Args:
            partitions: what to find it for.
            resumed: offsets to go on at, where they are known already.
            is_first: whether this is the start. A partition that a topic gets later is
                read from its first record, whatever `auto.offset.reset` says.

        Raises:
            KafkaException: the broker does not say.
            KafkaRefusedError: there is no place, and `auto.offset.reset` is `none`.
        """
        asked = [TopicPartition(*each) for each in partitions if each not in resumed]
        known = dict(resumed)
        for place in committed_places(self._consumer, asked) if asked else ():
            if place.offset >= 0:
                known[place.topic, place.partition] = place.offset
        return {
            each: self._begin(each, known.get(each), is_first) for each in partitions
        }

    def _begin(self, partition: Partition, known: int | None, is_first: bool) -> int:
        first, end = self.range(partition)
        topic, number = partition
        if known is None:
            return self._reset(partition, first, end) if is_first else first
        if known < first:
            _LOG.warning(
                "%s/%d: %d records were removed by the broker before they were read",
                topic,
                number,
                first - known,
            )
            return first
        if known > end:
            _LOG.warning(
                "%s/%d ends before our place in it: it was made anew, and is read from"
                " its first record",
                topic,
                number,
            )
            return first
        return known

    def _reset(self, partition: Partition, first: int, end: int) -> int:
        given = self._settings.value("auto.offset.reset") or "earliest"
        if given in ("latest", "largest", "end"):
            return end
        if given in ("none", "error"):
            topic, number = partition
            msg = (
                f"{topic}/{number}: the group {self._settings.group} has no place in"
                f" it, and auto.offset.reset is {given}: set it to earliest or latest"
            )
            raise KafkaRefusedError(msg)
        return first
