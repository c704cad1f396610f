"""Which topics are read, on which brokers, and as whom.

An address says where: `kafka://host:9092,host2:9092/topic`. A file says how, in the
syntax that every Kafka client of Java has, so that a user brings the one there is.
Secrets stand in that file only: they are in no repr, log line or error of ours.
"""

import dataclasses
import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.options import UsageError

SCHEME = "kafka://"

DEFAULT_GROUP = "vitalbeam"

_FORM = f"{SCHEME}host:9092/topic, or {SCHEME}host:9092,host2:9092/topic1,topic2"

_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
"""What a topic may be called: `Topic.java` of Apache Kafka."""


_LIBRARIES = ("confluent_kafka", "javaproperties")


class Property(NamedTuple):
    """One line of a file of properties."""

    name: str
    value: str
    line: int
    """1-based; 0: from no file."""

    def __repr__(self) -> str:
        return f"Property({self.name!r})"


@dataclasses.dataclass(frozen=True)
class KafkaSettings:
    """How topics are read.

    Args:
        servers: `host:port` of some brokers, as Kafka's `bootstrap.servers`.
        topics: what to read.
        group: consumer group that our place in the topics is kept under.
        properties: what the file says.
        file: its path, for errors; empty if there is none.
    """

    servers: str
    topics: tuple[str, ...]
    group: str = DEFAULT_GROUP
    properties: tuple[Property, ...] = dataclasses.field(default=(), repr=False)
    file: str = ""

    def value(self, name: str) -> str | None:
        """What the file says of a property."""
        return {each.name: each.value for each in self.properties}.get(name)

    def at(self, name: str, problem: str) -> UsageError:
        """The error of a property, with its file and line.

        Args:
            name: of the property.
            problem: a sentence that holds no value of the file.
        """
        lines = {each.name: each.line for each in self.properties}
        if name not in lines:
            return UsageError(f"{self.file or '--kafka_properties'}: {problem}")
        return UsageError(f"{self.file}:{lines[name]}: {problem}")


def kafka_settings(
    address: str, properties_file: str | None = None, group: str | None = None
) -> KafkaSettings:
    """Reads an address and what goes with it.

    Args:
        address: `kafka://host:9092/topic`.
        properties_file: consumer properties in Java's syntax.
        group: consumer group; without it the file's `group.id`, or `vitalbeam`.

    Raises:
        UsageError: something of it cannot be used.
    """
    if not all(map(importlib.util.find_spec, _LIBRARIES)):
        msg = "reading Kafka takes some libraries: pip install 'vitalbeam[kafka]'"
        raise UsageError(msg)
    servers, _slash, topics = address.removeprefix(SCHEME).partition("/")
    _check_servers(servers)
    names = tuple(topics.split(","))
    for name in names:
        if not _TOPIC.fullmatch(name) or name in (".", ".."):
            msg = f"--messages: {name!r} is no name of a topic; give {_FORM}"
            raise UsageError(msg)
    if len(set(names)) < len(names):
        msg = f"--messages: {address} names a topic twice"
        raise UsageError(msg)
    properties = tuple(_read(properties_file) if properties_file else ())
    theirs = {each.name: each.value for each in properties}.get("group.id")
    return KafkaSettings(
        servers,
        names,
        group or theirs or DEFAULT_GROUP,
        properties,
        properties_file or "",
    )


def _check_servers(servers: str) -> None:
    if "@" in servers:
        msg = "--messages: credentials belong into --kafka_properties, not the address"
        raise UsageError(msg)
    for server in servers.split(","):
        match = _SERVER.fullmatch(server)
        if match is None or not 0 < int(match[2]) < 65536:
            msg = f"--messages: {server!r} is no host:port; give {_FORM}"
            raise UsageError(msg)


def _read(path: str) -> Iterator[Property]:
    import javaproperties

    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        msg = f"--kafka_properties: cannot read {path}: {error.strerror}"
        raise UsageError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"--kafka_properties: {path} is not UTF-8"
        raise UsageError(msg) from error
    line = 1
    found: dict[str, Property] = {}
    try:
        for element in javaproperties.parse(text):
            if isinstance(element, javaproperties.KeyValue):
                name = element.key.strip()
                found[name] = _property(path, name, element.value.strip(), line)
            line += len(element.source.splitlines())
    except javaproperties.InvalidUEscapeError as error:
        msg = f"{path}:{line}: \\u wants four hexadecimal digits; write \\\\ for one \\"
        raise UsageError(msg) from error
    yield from found.values()


def _property(path: str, name: str, value: str, line: int) -> Property:
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        # Not quoted: a broken continuation may make a secret look like a name.
        msg = f"{path}:{line}: this is no line of the form name=value"
        raise UsageError(msg)
    return Property(name, value, line)


OURS = frozenset(
    {
        "bootstrap.servers",
        "group.id",
        "enable.auto.commit",
        "key.deserializer",
        "value.deserializer",
    }
)
"""What is not for the file to say."""


def java_config(settings: KafkaSettings) -> dict[str, str]:
    """The properties of a Java consumer: the file's as they are, and ours.

    Offsets are committed by us when what was read is stored, never by a clock.
    """
    return {
        "auto.offset.reset": "earliest",
        **_without(settings.properties, OURS),
        "bootstrap.servers": settings.servers,
        "group.id": settings.group,
        "enable.auto.commit": "false",
    }


def _without(properties: Iterable[Property], names: frozenset[str]) -> Mapping:
    return {each.name: each.value for each in properties if each.name not in names}
