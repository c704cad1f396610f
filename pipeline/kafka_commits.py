"""Our place in the topics, as the brokers remember it for our consumer group.

Offsets are absolute: a commit that failed is made good by the next one, and a commit
that is repeated changes nothing. What was read but not committed is read again.
"""

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaException, TopicPartition

from pipeline.kafka_client import make_consumer
from pipeline.kafka_errors import name_of
from pipeline.kafka_records import Partition
from pipeline.kafka_settings import KafkaSettings

_LOG = logging.getLogger(__name__)

_LONGEST_S = 10.0
"""Seconds until a commit without answer counts as failed."""

_REFRESH_S = 3600.0
"""Seconds after which a place is committed again though it is the same: brokers forget
what was not committed for days (`offsets.retention.minutes`)."""

_STRANGERS = ("UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "FENCED_INSTANCE_ID")


class Committer:
    """Commits for one group; safe for many threads.

    It is no member of the group, and so commits only while the group has none.

    Args:
        settings: how to reach the brokers.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._group = settings.group
        self._lock = threading.Lock()
        self._awaited: dict[Partition, int] = {}
        self._answer: tuple[Any, Any] | None = None
        self._known: dict[Partition, tuple[int, float]] = {}
        self._consumer = make_consumer(settings, lambda _error: None, self._on_commit)

    def _on_commit(self, error: Any, places: Any) -> None:
        answered = {(each.topic, each.partition): each.offset for each in places}
        if answered == self._awaited:  # not one that came too late to be waited for
            self._answer = (error, places)

    def commit(self, positions: Mapping[Partition, int]) -> bool:
        """Commits the offsets to go on at; waits for the answer, some seconds at most.

        Returns:
            Whether the brokers know them now. If not, that is logged.
        """
        with self._lock:
            new = {
                partition: offset
                for partition, offset in positions.items()
                if not self._is_known(partition, offset)
            }
            if not new:
                return True
            problem = self._send(new)
            if problem is None:
                now = time.monotonic()
                self._known |= {each: (offset, now) for each, offset in new.items()}
                return True
        _LOG.warning(
            "the place in %s could not be committed (%s): the next commit makes up for"
            " it",
            ", ".join(f"{topic}/{number}" for topic, number in sorted(new)),
            problem,
        )
        return False

    def _is_known(self, partition: Partition, offset: int) -> bool:
        known, when = self._known.get(partition, (None, 0.0))
        return known == offset and time.monotonic() < when + _REFRESH_S

    def _send(self, offsets: Mapping[Partition, int]) -> str | None:
        """What went wrong, None if nothing did."""
        places = [
            TopicPartition(topic, number, offset)
            for (topic, number), offset in offsets.items()
        ]
        # Not the call that waits: without a broker that one takes three quarters of a
        # minute.
        self._awaited, self._answer = dict(offsets), None
        try:
            self._consumer.commit(offsets=places, asynchronous=True)
        except KafkaException as error:
            return name_of(error)
        ends = time.monotonic() + _LONGEST_S
        while time.monotonic() < ends:
            self._consumer.poll(0.05)
            if self._answer is not None:
                return self._judge(*self._answer)
        return "no answer"

    def _judge(self, error: Any, places: Any) -> str | None:
        errors = [error, *(place.error for place in places or ())]
        names = [name_of(each) for each in errors if each is not None]
        if not names:
            return None
        if names[0] in _STRANGERS:
            return (
                f"{names[0]}: the group {self._group} has other members; give us one of"
                " our own with --kafka_group"
            )
        return names[0]

    def close(self) -> None:
        """Lets go of the brokers."""
        self._consumer.close()


_COMMITTERS: dict[KafkaSettings, Committer] = {}
_LOCK = threading.Lock()


def committer_of(settings: KafkaSettings) -> Committer:
    """The committer of this process for a group."""
    with _LOCK:
        if settings not in _COMMITTERS:
            _COMMITTERS[settings] = Committer(settings)
        return _COMMITTERS[settings]
