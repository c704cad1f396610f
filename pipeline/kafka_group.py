"""Whether a consumer group has been used."""

from confluent_kafka import KafkaException, TopicPartition

from pipeline.kafka_client import make_consumer
from pipeline.kafka_errors import name_of
from pipeline.kafka_places import committed_places
from pipeline.kafka_settings import KafkaSettings
from pipeline.options import UsageError

_WAIT_S = 10.0


def has_place(settings: KafkaSettings) -> bool:
    """Whether the brokers remember a place of the group in one of the topics.

    Raises:
        UsageError: they do not say.
    """
    consumer = make_consumer(settings, lambda _error: None)
    try:
        for name in settings.topics:
            found = consumer.list_topics(name, timeout=_WAIT_S).topics[name]
            asked = [TopicPartition(name, number) for number in found.partitions]
            if any(place.offset >= 0 for place in committed_places(consumer, asked)):
                return True
    except KafkaException as error:
        msg = (
            f"kafka://{settings.servers} does not say whether the group"
            f" {settings.group} has been read from ({name_of(error)}): a first start"
            " without an answer takes --fresh_start"
        )
        raise UsageError(msg) from None
    finally:
        consumer.close()
    return False
