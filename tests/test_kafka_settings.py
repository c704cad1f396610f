"""Addresses of topics, and files of consumer properties."""

import pickle

import pytest

from pipeline.kafka_settings import KafkaSettings, Property, java_config, kafka_settings
from pipeline.options import UsageError

SECRET = "kQ7-secret"  # noqa: S105 - of no server

EVENT_HUBS = f"""\
# as Azure's portal shows it
security.protocol=SASL_SSL
sasl.mechanism = PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
    username="$ConnectionString" \\
    password="Endpoint=sb://n.servicebus.windows.net/;SharedAccessKey={SECRET}=";

! the rest
max.poll.records: 500
group.id from-file
"""


def written(tmp_path, text):
    path = tmp_path / "client.properties"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


@pytest.mark.parametrize(
    ("address", "servers", "topics"),
    [
        ("kafka://host:9092/vitals", "host:9092", ("vitals",)),
        ("kafka://a.b-c:1,d_e:65535/x", "a.b-c:1,d_e:65535", ("x",)),
        ("kafka://[::1]:9092/x", "[::1]:9092", ("x",)),
        ("kafka://h:9093/a,b.c_D-1", "h:9093", ("a", "b.c_D-1")),
    ],
)
def test_an_address_names_brokers_and_topics(address, servers, topics):
    assert kafka_settings(address) == KafkaSettings(servers, topics, "vitalbeam")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("kafka://", "'' is no host:port"),
        ("kafka://host/vitals", "'host' is no host:port"),
        ("kafka://host:0/vitals", "'host:0' is no host:port"),
        ("kafka://host:65536/vitals", "'host:65536' is no host:port"),
        ("kafka://host:9092,/vitals", "'' is no host:port"),
        ("kafka://host:9092", "'' is no name of a topic"),
        ("kafka://host:9092/", "'' is no name of a topic"),
        ("kafka://host:9092/a/b", "'a/b' is no name of a topic"),
        ("kafka://host:9092/..", "'..' is no name of a topic"),
        ("kafka://host:9092/a,", "'' is no name of a topic"),
        ("kafka://host:9092/a,a", "names a topic twice"),
        (f"kafka://user:{SECRET}@host:9092/a", "credentials belong into"),
    ],
)
def test_an_address_that_cannot_be_is_refused(address, words):
    with pytest.raises(UsageError, match=words) as raised:
        kafka_settings(address)

    assert SECRET not in str(raised.value)


def test_a_file_is_read_as_java_reads_it(tmp_path):
    path = written(tmp_path, EVENT_HUBS)
    settings = kafka_settings("kafka://h:9093/t", path)

    assert [(each.name, each.line) for each in settings.properties] == [
        ("security.protocol", 2),
        ("sasl.mechanism", 3),
        ("sasl.jaas.config", 4),
        ("max.poll.records", 9),
        ("group.id", 10),
    ]
    assert settings.value("sasl.jaas.config") == (
        "org.apache.kafka.common.security.plain.PlainLoginModule required"
        ' username="$ConnectionString" password="Endpoint=sb://n.servicebus.windows.net/'
        f';SharedAccessKey={SECRET}=";'
    )
    assert settings.group == "from-file"
    assert settings.file == path


def test_the_last_line_of_a_name_counts(tmp_path):
    path = written(tmp_path, "client.id=a\r\n\r\nclient.id=b\r\n")
    settings = kafka_settings("kafka://h:9093/t", path)

    assert [tuple(each) for each in settings.properties] == [("client.id", "b", 3)]


@pytest.mark.parametrize(
    ("given", "in_file", "group"),
    [
        (None, "", "vitalbeam"),
        (None, "group.id=f", "f"),
        ("g", "group.id=f", "g"),
        ("g", "", "g"),
    ],
)
def test_the_group_is_that_of_the_flag_then_of_the_file(
    tmp_path, given, in_file, group
):
    path = written(tmp_path, in_file)

    assert kafka_settings("kafka://h:9093/t", path, given).group == group


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a=1\nb=\xff", "is not UTF-8"),
        ("a=1\nb=\\u12\n", r"client\.properties:\d+: \\u wants four"),
        (f"a=1\n\nx y\npass {SECRET}\n;{SECRET}\n", r"properties:5: this is no line"),
        (f'a=\\\n 1\n{SECRET}";\n', r"properties:3: this is no line"),
    ],
)
def test_a_file_that_cannot_be_is_refused_with_its_line(tmp_path, text, words):
    with pytest.raises(UsageError, match=words) as raised:
        kafka_settings("kafka://h:9093/t", written(tmp_path, text))

    assert SECRET not in str(raised.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*none: No such file"):
        kafka_settings("kafka://h:9093/t", str(tmp_path / "none"))


def test_no_secret_is_shown(tmp_path):
    settings = kafka_settings("kafka://h:9093/t", written(tmp_path, EVENT_HUBS))
    shown = f"{settings!r} {settings} {settings.properties} {settings.properties[2]!r}"

    assert SECRET not in shown
    assert repr(Property("ssl.key.password", SECRET, 1)) == (
        "Property('ssl.key.password')"
    )
    assert SECRET not in str(settings.at("sasl.jaas.config", "it is wrong"))


def test_java_gets_the_file_as_it_is_but_for_what_is_ours(tmp_path):
    text = EVENT_HUBS + (
        "enable.auto.commit=true\nbootstrap.servers=other:1\n"
        "value.deserializer=a.b.C\nssl.truststore.location=/t.jks\n"
    )
    settings = kafka_settings("kafka://h:9093/t", written(tmp_path, text))

    assert java_config(settings) == {
        "auto.offset.reset": "earliest",
        "bootstrap.servers": "h:9093",
        "enable.auto.commit": "false",
        "group.id": "from-file",
        "max.poll.records": "500",
        "sasl.jaas.config": settings.value("sasl.jaas.config"),
        "sasl.mechanism": "PLAIN",
        "security.protocol": "SASL_SSL",
        "ssl.truststore.location": "/t.jks",
    }


def test_java_may_begin_at_the_end(tmp_path):
    path = written(tmp_path, "auto.offset.reset=latest")

    assert java_config(kafka_settings("kafka://h:9093/t", path)) == {
        "auto.offset.reset": "latest",
        "bootstrap.servers": "h:9093",
        "enable.auto.commit": "false",
        "group.id": "vitalbeam",
    }


def test_settings_travel_and_are_keys():
    settings = kafka_settings("kafka://h:9093/t")

    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own
    assert {settings: 1}[kafka_settings("kafka://h:9093/t")] == 1
