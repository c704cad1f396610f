"""The Kafka client of this process: librdkafka, given the properties of a Java client.

Most names are the same. Those that only Java knows are translated, left out where they
change nothing here, or refused with the line of the file and what to write instead.
https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
"""

import re
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaException

from pipeline.kafka_jaas import parse_login
from pipeline.kafka_settings import OURS, KafkaSettings
from pipeline.options import UsageError

_RENAMED = {
    "fetch.max.wait.ms": "fetch.wait.max.ms",
    "receive.buffer.bytes": "socket.receive.buffer.bytes",
    "send.buffer.bytes": "socket.send.buffer.bytes",
    "ssl.truststore.certificates": "ssl.ca.pem",
    "ssl.keystore.key": "ssl.key.pem",
    "ssl.keystore.certificate.chain": "ssl.certificate.pem",
}

_OF_JAVA = frozenset(
    {
        "auto.include.jmx.reporter",
        "client.dns.lookup",
        "default.api.timeout.ms",
        "exclude.internal.topics",
        "interceptor.classes",
        "max.poll.records",
        "metadata.max.idle.ms",
        "metric.reporters",
        "metrics.num.samples",
        "metrics.recording.level",
        "metrics.sample.window.ms",
        "request.timeout.ms",
        "ssl.enabled.protocols",
        "ssl.keymanager.algorithm",
        "ssl.protocol",
        "ssl.provider",
        "ssl.secure.random.implementation",
        "ssl.trustmanager.algorithm",
        # Of members of a group: we are none, we assign ourselves all partitions.
        "group.protocol",
        "group.remote.assignor",
        "heartbeat.interval.ms",
        "max.poll.interval.ms",
        "partition.assignment.strategy",
        "session.timeout.ms",
    }
)
"""What changes nothing of what is read here."""

_TRANSLATED = frozenset(
    {
        "sasl.jaas.config",
        "ssl.truststore.location",
        "ssl.truststore.password",
        "ssl.truststore.type",
        "ssl.keystore.location",
        "ssl.keystore.password",
        "ssl.keystore.type",
    }
)

_MODULES = ("PlainLoginModule", "ScramLoginModule")

_VALUES = {
    ("auto.offset.reset", "none"): "error",
    ("ssl.endpoint.identification.algorithm", ""): "none",
}
"""The same in the other's words."""

_FIXED = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    # Its own lines would say "connection refused" many times a second.
    "log_level": 2,
    # Of each reader, and there may be twenty.
    "queued.max.messages.kbytes": 16_384,
}


def client_config(settings: KafkaSettings) -> dict[str, Any]:
    """The settings in librdkafka's words.

    Raises:
        UsageError: something of them cannot be said so.
    """
    config: dict[str, Any] = {"auto.offset.reset": "earliest", **_FIXED}
    for name, value, _line in settings.properties:
        if name not in OURS | _OF_JAVA | _TRANSLATED | {"enable.partition.eof"}:
            config[_RENAMED.get(name, name)] = _VALUES.get((name, value), value)
    config |= _login(settings) | _trust(settings) | _identity(settings)
    return {
        **config,
        "bootstrap.servers": settings.servers,
        "group.id": settings.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
    }


def _login(settings: KafkaSettings) -> dict[str, str]:
    name = "sasl.jaas.config"
    text = settings.value(name)
    if text is None or settings.value("sasl.username") is not None:
        return {}
    login = parse_login(text)
    if login is None:
        problem = f'{name} is not of the form MODULE required name="value" ...;'
        raise settings.at(name, problem)
    if login.module not in _MODULES:
        problem = (
            f"{name}: {login.module} works in Java only; use PlainLoginModule or"
            " ScramLoginModule, or librdkafka's own sasl.* properties instead"
        )
        raise settings.at(name, problem)
    missing = {"username", "password"} - login.options.keys()
    if missing:
        raise settings.at(name, f"{name} has no {min(missing)}")
    return {
        "sasl.username": login.options["username"],
        "sasl.password": login.options["password"],
    }


def _trust(settings: KafkaSettings) -> dict[str, str]:
    name = "ssl.truststore.location"
    location = settings.value(name)
    if location is None or _has(settings, "ssl.ca.location", "ssl.ca.pem"):
        return {}
    if _kind(settings, "truststore", location) != "PEM":
        problem = (
            f"{name} is a key store that only Java reads: name the certificates in PEM"
            " by ssl.ca.location=FILE (keytool -exportcert -rfc writes them)"
        )
        raise settings.at(name, problem)
    return {"ssl.ca.location": location}


def _identity(settings: KafkaSettings) -> dict[str, str]:
    name = "ssl.keystore.location"
    location = settings.value(name)
    own = ("ssl.certificate.location", "ssl.certificate.pem")
    if location is None or _has(settings, *own):
        return {}
    kind = _kind(settings, "keystore", location)
    if kind == "PEM":
        return {"ssl.certificate.location": location, "ssl.key.location": location}
    if kind == "PKCS12":
        password = settings.value("ssl.keystore.password") or ""
        return {name: location, "ssl.keystore.password": password}
    problem = (
        f"{name} is a key store that only Java reads: give PKCS12 (keytool"
        " -importkeystore -deststoretype PKCS12) with ssl.keystore.type=PKCS12, or"
        " PEM by ssl.certificate.location and ssl.key.location"
    )
    raise settings.at(name, problem)


def _has(settings: KafkaSettings, *names: str) -> bool:
    return any(settings.value(name) is not None for name in names)


def _kind(settings: KafkaSettings, store: str, location: str) -> str:
    """PEM, PKCS12 or JKS, as the file says or its name."""
    given = settings.value(f"ssl.{store}.type")
    if given is not None:
        return given.upper()
    endings = {"pem": "PEM", "crt": "PEM", "p12": "PKCS12", "pfx": "PKCS12"}
    return endings.get(location.lower().rpartition(".")[2], "JKS")


def make_consumer(
    settings: KafkaSettings,
    on_error: Callable[[Any], None] | None = None,
    on_commit: Callable[[Any, Any], None] | None = None,
) -> Consumer:
    """A consumer that is not connected yet; it belongs to no group's members.

    Args:
        settings: how to read.
        on_error: takes each `KafkaError` of the client, while it is polled.
        on_commit: takes the outcome of each commit, while it is polled.

    Raises:
        UsageError: the client does not take the settings.
    """
    config = client_config(settings)
    if on_error is not None:
        config["error_cb"] = on_error
    if on_commit is not None:
        config["on_commit"] = on_commit
    try:
        return Consumer(config)
    except KafkaException as error:
        # Not chained: its words may quote a value.
        raise _refused(settings, error.args[0].str()) from None


def _refused(settings: KafkaSettings, words: str) -> UsageError:
    named = {new: old for old, new in _RENAMED.items() if settings.value(old)}
    unknown = re.search(r'No such configuration property: "([^"]*)"', words)
    if unknown:
        problem = (
            f"the Kafka client of this process knows no {unknown[1]}: correct the name,"
            " or leave it out"
        )
        return settings.at(unknown[1], problem)
    wrong = re.search(r'onfiguration property "([^"]*)"', words)
    if wrong:
        name = named.get(wrong[1], wrong[1])
        return settings.at(name, f"{name} does not take this value")
    for name, value, _line in settings.properties:
        if len(value) > 3 and ("password" in name or "jaas" in name or "pem" in name):
            words = words.replace(value, "...")
    about = [each.name for each in settings.properties if each.name in words]
    words = words.removeprefix("Failed to create consumer: ")
    return settings.at(about[0] if about else "", words)
