"""Properties of Java clients in librdkafka's words."""

import pytest

from pipeline.kafka_client import client_config, make_consumer
from pipeline.kafka_jaas import Login, parse_login
from pipeline.kafka_settings import KafkaSettings, Property
from pipeline.options import UsageError

SECRET = "kQ7-secret"  # noqa: S105 - of no server

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


def settings(**properties):
    """`properties` with `_` for each dot."""
    lines = tuple(
        Property(name.replace("_", "."), value, line)
        for line, (name, value) in enumerate(properties.items(), 1)
    )
    return KafkaSettings("h:9092", ("t",), "g", lines, "c.properties")


def login(password, module=PLAIN):
    return f'{module} required username="u" password="{password}";'


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        (
            f'{PLAIN} required username="$ConnectionString" password="a=b;c";',
            Login(
                "PlainLoginModule",
                {"username": "$ConnectionString", "password": "a=b;c"},
            ),
        ),
        (
            "  ScramLoginModule required username=u\n password=p ;",
            Login("ScramLoginModule", {"username": "u", "password": "p"}),
        ),
        (
            r'a.B required password="q\"u\\o";',
            Login("B", {"password": r"q\"u\o".replace(r"\"", '"')}),
        ),
        ("a.B required", Login("B", {})),
        ("", None),
        ("a.B", None),
        ('a.B required username="u', None),
        ("a.B required username", None),
        ('a.B required username="u" ; c.D required;', None),
    ],
)
def test_a_login_is_read_as_java_reads_it(text, parsed):
    assert parse_login(text) == parsed


FIXED = {
    "auto.offset.reset": "earliest",
    "bootstrap.servers": "h:9092",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "group.id": "g",
    "log_level": 2,
    "queued.max.messages.kbytes": 16_384,
}


@pytest.mark.parametrize(
    ("properties", "config"),
    [
        ({}, {}),
        ({"auto_offset_reset": "latest"}, {"auto.offset.reset": "latest"}),
        ({"auto_offset_reset": "none"}, {"auto.offset.reset": "error"}),
        (
            {
                "enable_auto_commit": "true",
                "bootstrap_servers": "other:1",
                "group_id": "other",
                "enable_partition_eof": "false",
                "max_poll_records": "5",
                "session_timeout_ms": "5",
            },
            {},
        ),
        ({"fetch_max_wait_ms": "50"}, {"fetch.wait.max.ms": "50"}),
        ({"client_rack": "a"}, {"client.rack": "a"}),
        (
            {
                "security_protocol": "SASL_SSL",
                "sasl_mechanism": "PLAIN",
                "sasl_jaas_config": login(SECRET),
            },
            {
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "PLAIN",
                "sasl.username": "u",
                "sasl.password": SECRET,
            },
        ),
        (
            {
                "sasl_jaas_config": login("java's"),
                "sasl_username": "me",
                "sasl_password": SECRET,
            },
            {"sasl.username": "me", "sasl.password": SECRET},
        ),
        (
            {"ssl_truststore_location": "/ca.pem", "ssl_truststore_password": "x"},
            {"ssl.ca.location": "/ca.pem"},
        ),
        (
            {"ssl_truststore_location": "/ca", "ssl_truststore_type": "pem"},
            {"ssl.ca.location": "/ca"},
        ),
        (
            {"ssl_truststore_location": "/ca.jks", "ssl_ca_location": "/ca.crt"},
            {"ssl.ca.location": "/ca.crt"},
        ),
        (
            {"ssl_truststore_certificates": "PEM"},
            {"ssl.ca.pem": "PEM"},
        ),
        (
            {"ssl_keystore_location": "/me.p12", "ssl_keystore_password": SECRET},
            {"ssl.keystore.location": "/me.p12", "ssl.keystore.password": SECRET},
        ),
        (
            {"ssl_keystore_location": "/me.pem", "ssl_key_password": SECRET},
            {
                "ssl.certificate.location": "/me.pem",
                "ssl.key.location": "/me.pem",
                "ssl.key.password": SECRET,
            },
        ),
        (
            {
                "ssl_keystore_location": "/me.jks",
                "ssl_certificate_location": "/me.crt",
                "ssl_key_location": "/me.key",
            },
            {"ssl.certificate.location": "/me.crt", "ssl.key.location": "/me.key"},
        ),
        (
            {"ssl_endpoint_identification_algorithm": ""},
            {"ssl.endpoint.identification.algorithm": "none"},
        ),
    ],
)
def test_what_java_understands_is_translated(properties, config):
    assert client_config(settings(**properties)) == {**FIXED, **config}


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        (
            {"client_id": "a", "ssl_truststore_location": "/ca.jks"},
            r"c\.properties:2: .*only Java reads.*ssl\.ca\.location=FILE",
        ),
        (
            {"ssl_truststore_location": "/ca.p12"},
            r"c\.properties:1: .*ssl\.ca\.location=FILE",
        ),
        (
            {"ssl_keystore_location": "/me.jks"},
            r"c\.properties:1: .*ssl\.certificate\.location and ssl\.key\.location",
        ),
        ({"sasl_jaas_config": SECRET}, r"c\.properties:1: .*not of the form"),
        (
            {"sasl_jaas_config": f'{PLAIN} required password="{SECRET}";'},
            r"c\.properties:1: sasl\.jaas\.config has no username",
        ),
        (
            {"sasl_jaas_config": login(SECRET, "a.OAuthBearerLoginModule")},
            r"c\.properties:1: .*OAuthBearerLoginModule works in Java only",
        ),
        ({"client_id": "a", "no_such": "1"}, r"c\.properties:2: .*knows no no\.such"),
        (
            {"security_protocol": SECRET},
            r"c\.properties:1: security\.protocol does not take this value",
        ),
        (
            {"fetch_max_wait_ms": "x"},
            r"c\.properties:1: fetch\.max\.wait\.ms does not take this value",
        ),
        (
            {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN"},
            r"sasl\.username and sasl\.password must be set",
        ),
        (
            {"security_protocol": "SSL", "ssl_ca_location": "/none/ca.pem"},
            r"c\.properties:2: ssl\.ca\.location failed",
        ),
        (
            {"security_protocol": "SSL", "ssl_ca_pem": SECRET},
            r"c\.properties:2: .*ssl\.ca\.pem",
        ),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_line(properties, words):
    with pytest.raises(UsageError, match=words) as raised:
        make_consumer(settings(**properties))

    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_consumer_is_made_without_a_broker():
    consumer = make_consumer(settings(client_id="a"))

    assert consumer.assignment() == []
    consumer.close()
