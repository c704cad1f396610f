"""Messages of the Kafka client as records."""

import logging
import operator

from confluent_kafka import Message

from pipeline.kafka_records import Headers, Record

_LOG = logging.getLogger(__name__)


def record_of(message: Message) -> Record:
    """The record of a message; an event of the client has what it is about."""
    kind, timestamp = message.timestamp()
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    return Record(
        topic or "",
        -1 if partition is None else partition,
        -1 if offset is None else offset,
        timestamp if kind else None,
        message.key(),
        message.value(),
        _headers(message),
    )


_HEADERS = operator.methodcaller("headers")
"""At a name that is not UTF-8 the client (2.16) returns a broken list and has an error
set. Python notices that, as a SystemError, unless it calls the method by a short cut,
as it does from a line that has run some times. This way it never does."""


def _headers(message: Message) -> Headers:
    """The headers; none of them if one has a name that is not UTF-8."""
    try:
        headers: Headers | None = _HEADERS(message)
    except SystemError:
        # No record may stop a stream. Never ask again: that gives a null pointer.
        _LOG.warning(
            "%s/%s/%s: its headers are left out, as the name of one is not UTF-8",
            message.topic(),
            message.partition(),
            message.offset(),
        )
        return ()
    return headers or ()
