"""Whether topics can be read, asked before anything is: errors for whoever launches."""

from confluent_kafka import Consumer, KafkaException, TopicPartition

from pipeline.kafka_client import make_consumer
from pipeline.kafka_errors import REFUSALS, name_of, refusal
from pipeline.kafka_places import committed_places
from pipeline.kafka_settings import KafkaSettings
from pipeline.options import UsageError

_WAIT_S = 10.0
"""Until a broker that does not answer cannot be reached."""


def check_kafka(settings: KafkaSettings) -> None:
    """Asks for the topics, and for the place of the group in them.

    Raises:
        UsageError: no broker answers, a topic is missing, or we may not read it.
    """
    errors: list[str] = []
    consumer = make_consumer(settings, lambda error: errors.append(error.name()))
    try:
        for topic in settings.topics:
            _check_topic(consumer, topic, settings)
    except KafkaException as error:
        consumer.poll(0)  # to hear why
        names = [name_of(error), *errors]
        raise UsageError(_sentence(names, settings)) from None
    finally:
        consumer.close()


def _check_topic(consumer: Consumer, topic: str, settings: KafkaSettings) -> None:
    found = consumer.list_topics(topic, timeout=_WAIT_S).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    places = [TopicPartition(topic, number) for number in found.partitions]
    committed_places(consumer, places)


def _sentence(names: list[str], settings: KafkaSettings) -> str:
    refused = [name for name in names if name in REFUSALS]
    if refused:
        return str(refusal(refused[0], settings.servers, settings.group))
    if "UNKNOWN_TOPIC_OR_PART" in names:
        topics = " or ".join(settings.topics)
        return f"kafka://{settings.servers} has no topic {topics}: create it first"
    if "_SSL" in names:
        return (
            f"kafka://{settings.servers} and we do not agree on TLS: look at"
            " security.protocol and ssl.* in --kafka_properties"
        )
    return (
        f"cannot reach kafka://{settings.servers} ({names[0]}): look at the address,"
        " and at security.protocol in --kafka_properties"
    )


def partition_count(settings: KafkaSettings) -> int:
    """The most partitions that one of the topics has.

    Raises:
        KafkaException: no broker says.
    """
    consumer = make_consumer(settings)
    try:
        counts = (
            len(consumer.list_topics(name, timeout=_WAIT_S).topics[name].partitions)
            for name in settings.topics
        )
        return max(1, *counts)
    finally:
        consumer.close()
