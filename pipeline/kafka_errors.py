"""What stops the reading of Kafka, as sentences for whoever runs it.

No message names more of a broker than its address, and nothing of what was read.
"""

from typing import Any

REFUSALS = (
    "_AUTHENTICATION",
    "SASL_AUTHENTICATION_FAILED",
    "TOPIC_AUTHORIZATION_FAILED",
    "GROUP_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
)
"""Names of Kafka's errors that trying again does not cure."""


class KafkaRefusedError(OSError):
    """A broker will not have us, whatever is tried again: credentials or rights."""


def refusal(name: str, servers: str, group: str) -> KafkaRefusedError:
    """The sentence for one of `REFUSALS`.

    Args:
        name: of Kafka's error.
        servers: address of the brokers.
        group: our consumer group.
    """
    if name == "TOPIC_AUTHORIZATION_FAILED":
        what = "we may not read the topic: allow READ and DESCRIBE on it"
    elif name == "GROUP_AUTHORIZATION_FAILED":
        what = f"we may not use the consumer group {group}: allow READ on it"
    else:
        what = "it does not take our credentials: look at --kafka_properties"
    return KafkaRefusedError(f"kafka://{servers} refuses us ({name}): {what}")


def name_of(error: Any) -> str:
    """The name of a `KafkaError`, or of that in a `KafkaException`."""
    inner = error.args[0] if isinstance(error, Exception) and error.args else error
    return inner.name()
