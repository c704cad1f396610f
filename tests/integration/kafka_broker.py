"""A real Kafka broker for the integration tests: Apache Kafka from Maven Central.

It is a Maven project of ours, `tests/kafka`, built when it is first needed.
"""

import contextlib
import socket
import subprocess
import time
from pathlib import Path

from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)
from servers import LONGEST_START, ServerProcess, java_command

USER, PASSWORD = "reader", 'se"cret-7;x'
"""Of the listener that wants to know who we are."""

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl},\
CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,\
CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{user}="{password}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true
log.dirs={data}
auto.create.topics.enable=true
num.partitions=1
message.max.bytes=20000000
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
"""


class KafkaBroker(ServerProcess):
    """A broker in a process of its own, and what a test does with it.

    It ends with `stop` or `kill`, at the end of a `with`, and in any case with this
    process: the broker ends when its standard input does, whose other end is held here.

    Attributes:
        servers: where it answers, e.g. `127.0.0.1:40213`.
        guarded: where it wants `USER` and `PASSWORD` first.
    """

    def __init__(self, folder):
        self._folder = Path(folder)
        plain, sasl, controller = _free_ports(3)
        self.servers, self.guarded = f"127.0.0.1:{plain}", f"127.0.0.1:{sasl}"
        self._file = self._folder / "server.properties"
        written = PASSWORD.replace('"', r"\\\"")  # once for the file, once for JAAS
        self._file.write_text(
            _PROPERTIES.format(
                plain=plain,
                sasl=sasl,
                controller=controller,
                user=USER,
                password=written,
                data=self._folder / "data",
            )
        )
        self._process = None
        self.admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 2})
        self._launch()

    def start(self):
        """Starts it again, at the same address and with what it held."""
        self._launch()

    def _launch(self):
        command = java_command(
            "../kafka",
            "KafkaBroker",
            self._file,
            properties=[("org.slf4j.simpleLogger.defaultLogLevel", "warn")],
        )
        out, err = self._folder / "broker.out", self._folder / "broker.err"
        with out.open("w") as stdout, err.open("w") as stderr:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=stdout, stderr=stderr
            )
        deadline = time.monotonic() + LONGEST_START
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(KafkaException):
                if self.admin.list_topics(timeout=1).brokers:
                    return
        self.kill()
        msg = f"the Kafka broker did not start:\n{err.read_text()[-4000:]}"
        raise RuntimeError(msg)

    def create(self, topic, partitions=1, **config):
        """Makes a topic; `config` in Kafka's words, with `_` for each dot."""
        named = {name.replace("_", "."): str(value) for name, value in config.items()}
        new = NewTopic(topic, partitions, 1, config=named)
        _done(self.admin.create_topics([new], operation_timeout=30))

    def widen(self, topic, partitions):
        """Gives a topic more partitions."""
        _done(self.admin.create_partitions([NewPartitions(topic, partitions)]))

    def forget(self, topic, partition, before):
        """Removes the records of a partition before an offset, as retention does."""
        _done(self.admin.delete_records([TopicPartition(topic, partition, before)]))

    def close_to_strangers(self, topic):
        """Lets nobody but a user that does not exist read a topic."""
        rule = AclBinding(
            ResourceType.TOPIC,
            topic,
            ResourcePatternType.LITERAL,
            "User:nobody",
            "*",
            AclOperation.READ,
            AclPermissionType.ALLOW,
        )
        _done(self.admin.create_acls([rule]))

    def send(self, topic, records):
        """Sends records and waits until the broker has them.

        Args:
            topic: where to.
            records: dicts of `value`, and `key`, `headers`, `partition`, `timestamp`.
        """
        failures = []
        producer = Producer(
            {
                "bootstrap.servers": self.servers,
                "log_level": 2,
                "message.max.bytes": 20_000_000,
                "linger.ms": 5,
                "enable.idempotence": True,  # keeps the order, whatever is tried again
                "on_delivery": lambda error, _message: error and failures.append(error),
            }
        )
        for record in records:
            producer.produce(topic, **record)
            producer.poll(0)
        assert producer.flush(30) == 0
        assert failures == []

    def committed(self, group, topic, partitions):
        """The offsets that a group has committed; below 0 where there is none."""
        from confluent_kafka import Consumer

        consumer = Consumer(
            {"bootstrap.servers": self.servers, "group.id": group, "log_level": 2}
        )
        asked = [TopicPartition(topic, number) for number in range(partitions)]
        try:
            return [place.offset for place in consumer.committed(asked, timeout=20)]
        finally:
            consumer.close()


def _done(futures):
    for future in futures.values():
        future.result(30)


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
