"""A real broker is read: all of it, once, from where it was committed; faults too."""

import itertools
import logging
import time
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from confluent_kafka import Consumer, Producer, TopicPartition
from kafka import KafkaProducer
from kafka_broker import PASSWORD, USER, KafkaBroker
from prism import prism

from pipeline import kafka_commits, kafka_reader
from pipeline.kafka_check import check_kafka
from pipeline.kafka_commits import committer_of
from pipeline.kafka_errors import KafkaRefusedError
from pipeline.kafka_settings import kafka_settings
from pipeline.kafka_source import KafkaSource
from pipeline.mappings import load_mappings
from pipeline.options import UsageError
from pipeline.read_kafka import ReadKafkaHere
from pipeline.tap import ReaderTap, taps_of
from transforms.intake import Intake
from transforms.model import MessageBatch
from transforms.normalize import normalize

VITAL_MONITOR = Path(__file__).resolve().parents[2] / "templates" / "vital-monitor"
AT_MS = 1772349295123
LONGEST = 40
"""Seconds until what should come is given up."""

_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def broker(java, tmp_path_factory):
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as started:
        yield started


@pytest.fixture
def topic(broker):
    """Makes topics with names of their own."""

    def make(partitions=1, **config):
        name = f"vitals-{next(_NUMBERS)}"
        broker.create(name, partitions, **config)
        return name

    return make


@pytest.fixture
def settings(broker, tmp_path):
    """Settings of a topic, with a group of its own unless one is named."""

    def make(topic, group=None, servers=None, **properties):
        path = tmp_path / f"{next(_NUMBERS)}.properties"
        lines = (f"{n.replace('_', '.')}={v}\n" for n, v in properties.items())
        path.write_text("".join(lines))
        address = f"kafka://{servers or broker.servers}/{topic}"
        return kafka_settings(address, str(path), group or f"group-of-{topic}")

    return make


@pytest.fixture
def tap(settings):
    """Opens taps of a topic; all are closed at the end."""
    opened = []

    def make(topic, **more):
        opened.extend(taps_of(KafkaSource(settings(topic, **more))))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def draw(tap, count):
    """The next messages, by source: payload and attributes."""
    drawn = {}
    ends = time.monotonic() + LONGEST
    while len(drawn) < count and time.monotonic() < ends:
        batch = tap.draw()
        if batch is None:
            time.sleep(0.02)
            continue
        for each in zip(*batch[1:], strict=True):
            assert f"{batch.prefix}{each[0]}" not in drawn
            drawn[f"{batch.prefix}{each[0]}"] = each[1:]
    return drawn


def payloads(drawn):
    return {source: payload for source, (payload, _) in drawn.items()}


def nothing_more(tap, seconds=1.0):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        assert tap.draw() is None
        time.sleep(0.05)


def numbered(count, **more):
    return [{"value": b'{"n":%d}' % number, **more} for number in range(count)]


def wait_until(holds):
    ends = time.monotonic() + LONGEST
    while not holds():
        assert time.monotonic() < ends, "it did not come to that"
        time.sleep(0.1)


def test_a_record_is_read_with_all_that_stands_beside_it(broker, topic, tap):
    name = topic()
    large = b'{"x":"%s"}' % (b"a" * 3_000_000)
    headers = [
        ("source", b"acme"),
        ("iothub-connection-device-id", b"\xa1\x07watch-7"),
        ("x-opt-sequence-number", b"\x55\x05"),
        ("picture", b"\xff\xfe"),
        ("nothing", None),
    ]
    broker.send(
        name,
        [
            {"value": b"{}", "key": b"watch-7", "headers": headers, "timestamp": AT_MS},
            {"value": None, "key": b"\xff", "timestamp": AT_MS},
            {"value": b"\xff{", "timestamp": AT_MS + 1},
            {"value": large, "timestamp": AT_MS},
            {"value": b"", "timestamp": AT_MS},
        ],
    )
    drawn = draw(tap(name), 5)

    assert payloads(drawn) == {
        f"{name}/0/0": b"{}",
        f"{name}/0/1": None,
        f"{name}/0/2": b"\xff{",
        f"{name}/0/3": large,
        f"{name}/0/4": b"",
    }
    beside = drawn[f"{name}/0/0"][1]
    assert beside.properties == {
        "source": "acme",
        "picture_base64": "//4=",
        "nothing": None,
    }
    assert beside.system == {
        "topic": name,
        "partition": 0,
        "offset": 0,
        "timestamp": AT_MS,
        "x-opt-enqueued-time": "2026-03-01T07:14:55.123Z",
        "key": "watch-7",
        "iothub-connection-device-id": "watch-7",
        "x-opt-sequence-number": 5,
    }
    assert drawn[f"{name}/0/1"][1].system["key_base64"] == "/w=="
    assert drawn[f"{name}/0/2"][1].enqueued_at == (AT_MS + 1) * 1000


def test_poison_becomes_dead_letters_and_the_stream_goes_on(broker, topic, tap):
    name = topic()
    good = (VITAL_MONITOR / "messages.ndjson").read_bytes().splitlines()[0]
    poison = [None, b"\xff", b"{", b'{"a":"%s"}' % (b"a" * 2_000)]
    values = [good, *poison, good]
    broker.send(
        name, [{"value": value, "headers": [("ward", b"3B")]} for value in values]
    )
    files = (VITAL_MONITOR / file for file in ("device.json", "fhir.json"))
    mapping = load_mappings(*files).device
    drawn = draw(tap(name), len(values))
    positions = tuple(int(source.rpartition("/")[2]) for source in drawn)
    batch = MessageBatch(f"{name}/0/", positions, *zip(*drawn.values(), strict=True))
    found = normalize(batch, mapping, Intake(largest=1_000))

    assert {one.source for one in found.measurements} == {f"{name}/0/0", f"{name}/0/5"}
    letters = {letter.source: letter for letter in found.dead_letters}
    assert {source: letter.error for source, letter in letters.items()} == {
        f"{name}/0/1": "InvalidDataFormatException",
        f"{name}/0/2": "InvalidDataFormatException",
        f"{name}/0/3": "InvalidDataFormatException",
        f"{name}/0/4": "MessageTooLarge",
    }
    assert letters[f"{name}/0/2"].payload_base64 == "/w=="
    assert letters[f"{name}/0/4"].payload.encode() == poison[3]
    assert letters[f"{name}/0/3"].attributes["Properties"] == {"ward": "3B"}


class _Bytes(str):
    """A name as a careless sender encodes it."""

    def encode(self, *_):
        return b"\xff"


def test_a_header_whose_name_is_no_text_stops_nothing(broker, topic, tap, caplog):
    name = topic()
    sender = KafkaProducer(bootstrap_servers=broker.servers)
    for header in (_Bytes("x"), "ward"):
        sender.send(name, b"{}", headers=[(header, b"3B"), ("room", b"7")]).get(30)
    sender.close()
    with caplog.at_level(logging.WARNING):
        drawn = draw(tap(name), 2)

    assert {source: beside.properties for source, (_, beside) in drawn.items()} == {
        f"{name}/0/0": {},
        f"{name}/0/1": {"ward": "3B", "room": "7"},
    }
    assert f"{name}/0/0: its headers are left out" in caplog.text


def test_a_start_begins_where_the_last_one_committed(broker, topic, tap):
    name = topic()
    broker.send(name, numbered(10))
    first = tap(name)
    draw(first, 10)
    first.commit()
    broker.send(name, numbered(5))
    uncommitted = draw(first, 5)
    first.close()

    assert broker.committed(f"group-of-{name}", name, 1) == [10]
    again = tap(name)
    assert payloads(draw(again, 5)) == payloads(uncommitted)
    nothing_more(again)
    assert payloads(draw(tap(name, group=f"other-of-{name}"), 15)).keys() == {
        f"{name}/0/{offset}" for offset in range(15)
    }


def test_a_reader_goes_on_after_a_mark_whatever_was_committed(broker, topic, settings):
    name = topic(2)
    broker.send(name, [*numbered(6, partition=0), *numbered(4, partition=1)])
    source = KafkaSource(settings(name))
    first = source.create_reader(None, None)
    draw(ReaderTap(first), 10)
    coder = source.get_checkpoint_mark_coder()
    encoded = coder.encode(first.get_checkpoint_mark())
    first.close()
    broker.send(name, numbered(1, partition=1))

    mark = coder.decode(encoded)
    assert mark.positions == {(name, 0): 6, (name, 1): 4}
    second = source.create_reader(None, mark)
    assert coder.encode(second.get_checkpoint_mark()) == encoded
    resumed = ReaderTap(second)
    assert payloads(draw(resumed, 1)) == {f"{name}/1/4": b'{"n":0}'}
    nothing_more(resumed)
    resumed.close()


@pytest.mark.parametrize("partitions", [1, 3, 25])
def test_splits_share_all_partitions(broker, topic, settings, partitions):
    name = topic(partitions)
    broker.send(name, [{"value": b"%d" % n, "partition": n} for n in range(partitions)])
    taps = taps_of(KafkaSource(settings(name)))
    drawn = {}
    for each in taps:
        numbers = [n for n in range(partitions) if n % len(taps) == taps.index(each)]
        found = payloads(draw(each, len(numbers)))
        assert found == {f"{name}/{n}/0": b"%d" % n for n in numbers}
        drawn |= found
        each.close()

    assert len(taps) == min(partitions, 20)
    assert len(drawn) == partitions


def test_several_topics_are_read(broker, topic, settings):
    one, other = topic(2), topic()
    broker.send(one, [{"value": b"1", "partition": n} for n in (0, 1)])
    broker.send(other, [{"value": b"2"}])
    both = settings(f"{one},{other}")
    check_kafka(both)
    taps = taps_of(KafkaSource(both))
    drawn = [
        payloads(draw(each, count)) for each, count in zip(taps, (2, 1), strict=True)
    ]
    for each in taps:
        each.close()

    assert drawn == [{f"{one}/0/0": b"1", f"{other}/0/0": b"2"}, {f"{one}/1/0": b"1"}]


def test_partitions_that_a_topic_gets_are_read_from_their_first_record(
    broker, topic, tap, monkeypatch
):
    monkeypatch.setattr(kafka_reader, "_PARTITIONS_S", 0.5)
    name = topic()
    broker.send(name, numbered(1))
    reading = tap(name, auto_offset_reset="latest")
    nothing_more(reading)
    broker.widen(name, 3)
    broker.send(name, [{"value": b"new", "partition": n} for n in (0, 1, 2)])

    assert payloads(draw(reading, 3)) == {
        f"{name}/0/1": b"new",
        f"{name}/1/0": b"new",
        f"{name}/2/0": b"new",
    }


def test_a_broker_that_is_killed_is_waited_for(broker, topic, tap, caplog, monkeypatch):
    monkeypatch.setattr(kafka_commits, "_LONGEST_S", 2.0)
    name = topic()
    broker.send(name, numbered(3))
    reading = tap(name)
    draw(reading, 3)
    broker.kill()
    longest = 0.0
    with caplog.at_level(logging.INFO):
        reading.commit()  # in vain
        ends = time.monotonic() + 4
        while time.monotonic() < ends:
            started = time.monotonic()
            assert reading.draw() is None
            longest = max(longest, time.monotonic() - started)
            time.sleep(0.05)
        broker.start()
        broker.send(name, numbered(2))
        assert payloads(draw(reading, 2)) == {
            f"{name}/0/3": b'{"n":0}',
            f"{name}/0/4": b'{"n":1}',
        }
        reading.commit()

    ours = [r for r in caplog.records if r.name.startswith("pipeline.kafka")]
    said = [record.getMessage() for record in ours]
    assert [line for line in said if "is away" in line and "waiting for it" in line]
    assert [line for line in said if line.endswith("is back")]
    assert [line for line in said if "could not be committed" in line]
    assert sum("is away" in line for line in said) == 1
    assert longest < 20
    assert broker.committed(f"group-of-{name}", name, 1) == [5]


def test_the_watermark_moves_when_nothing_comes(broker, topic, tap):
    name = topic(2)
    reading = tap(name)
    wait_until(lambda: reading.draw() is None and reading.watermark() > 0)
    first = reading.watermark()
    wait_until(lambda: reading.draw() is None and reading.watermark() > first)

    assert -20 < reading.watermark() / 1e6 - time.time() < -4


def test_a_watermark_waits_for_what_is_still_to_be_read(broker, topic, settings):
    name = topic()
    old = [{"value": bytes(900_000), "timestamp": AT_MS + n} for n in range(6)]
    broker.send(name, old)
    (reading,) = taps_of(KafkaSource(settings(name), slack_seconds=1.0))
    draw(reading, 1)

    assert reading.watermark() == (AT_MS - 1000) * 1000
    draw(reading, 5)
    recent = (time.time() - 60) * 1e6
    wait_until(lambda: reading.draw() is None and reading.watermark() > recent)
    reading.close()


def test_marks_of_transactions_are_no_records_to_wait_for(broker, topic, tap):
    name = topic()
    producer = Producer(
        {"bootstrap.servers": broker.servers, "transactional.id": name, "log_level": 2}
    )
    producer.init_transactions(30)
    for value, ends in ((b"kept", True), (b"taken back", False)):
        producer.begin_transaction()
        producer.produce(name, value)
        producer.flush(30)
        (producer.commit_transaction if ends else producer.abort_transaction)(30)
    reading = tap(name)

    assert payloads(draw(reading, 1)) == {f"{name}/0/0": b"kept"}
    started = time.time() * 1e6
    wait_until(lambda: reading.draw() is None and reading.watermark() > started)
    reading.commit()
    assert broker.committed(f"group-of-{name}", name, 1) == [4]


def test_what_retention_took_is_told(broker, topic, tap, caplog):
    name = topic()
    broker.send(name, numbered(8))
    first = tap(name)
    draw(first, 8)
    first.commit()
    broker.send(name, numbered(4))
    broker.forget(name, 0, before=10)

    with caplog.at_level(logging.WARNING):
        assert payloads(draw(tap(name), 2)).keys() == {f"{name}/0/10", f"{name}/0/11"}
    assert f"{name}/0: 2 records were removed by the broker before they were read" in [
        record.getMessage() for record in caplog.records
    ]


def test_without_a_place_reading_begins_as_the_file_says(broker, topic, tap):
    name = topic()
    broker.send(name, numbered(2))

    assert len(draw(tap(name, group="a"), 2)) == 2
    at_end = tap(name, group="b", auto_offset_reset="latest")
    nothing_more(at_end)
    broker.send(name, numbered(1))
    assert payloads(draw(at_end, 1)).keys() == {f"{name}/0/2"}
    with pytest.raises(KafkaRefusedError, match=r"auto\.offset\.reset is none"):
        tap(name, group="c", auto_offset_reset="none").draw()


def test_a_group_with_other_members_is_named(broker, topic, settings, tap, caplog):
    name = topic()
    broker.send(name, numbered(1))
    member = Consumer(
        {"bootstrap.servers": broker.servers, "group.id": "shared", "log_level": 2}
    )
    member.subscribe([name])
    wait_until(lambda: member.poll(0.2) is None and member.assignment())
    reading = tap(name, group="shared")
    draw(reading, 1)
    with caplog.at_level(logging.WARNING):
        reading.commit()
    member.close()

    (said,) = [r.getMessage() for r in caplog.records if "committed" in r.getMessage()]
    assert "the group shared has other members; give us one of our own" in said
    reading.commit()
    assert broker.committed("shared", name, 1) == [1]


def guarded(password):
    written = password.replace('"', r"\\\"")
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_jaas_config": (
            f'{module} required username="{USER}" password="{written}";'
        ),
    }


def test_javas_login_opens_the_door(broker, topic, tap):
    name = topic()
    broker.send(name, numbered(3))
    reading = tap(name, servers=broker.guarded, **guarded(PASSWORD))

    assert len(draw(reading, 3)) == 3
    reading.commit()
    assert broker.committed(f"group-of-{name}", name, 1) == [3]


def test_a_launch_is_told_what_is_wrong(broker, topic, settings, monkeypatch):
    monkeypatch.setattr("pipeline.kafka_check._WAIT_S", 3.0)
    name, closed = topic(), topic()
    broker.close_to_strangers(closed)
    door = {"servers": broker.guarded}
    cases = [
        (settings(name), None),
        (settings(name, **door, **guarded(PASSWORD)), None),
        (settings("no-such"), "has no topic no-such: create it first"),
        (settings(name, servers="127.0.0.1:9"), "cannot reach kafka://127.0.0.1:9"),
        (settings(name, **door), "cannot reach"),
        (
            settings(name, **door, **guarded("wrong-9Xq")),
            r"refuses us \(_AUTHENTICATION\).*look at --kafka_properties",
        ),
        (
            settings(closed, **door, **guarded(PASSWORD)),
            r"refuses us \(TOPIC_AUTHORIZATION_FAILED\).*we may not read the topic",
        ),
    ]
    for given, words in cases:
        if words is None:
            check_kafka(given)
            continue
        with pytest.raises(UsageError, match=words) as raised:
            check_kafka(given)
        assert "9Xq" not in str(raised.value)


def test_a_password_that_is_wrong_stops_the_reading(broker, topic, settings):
    given = settings(topic(), servers=broker.guarded, **guarded("wrong-9Xq"))
    reader = KafkaSource(given).create_reader(None, None)
    with pytest.raises(KafkaRefusedError, match="refuses us") as raised:
        wait_until(reader.advance)
    reader.close()

    assert "9Xq" not in str(raised.value)


class _Note(beam.DoFn):
    """Writes down a bundle before it ends, as the chain behind a stream stores it."""

    def __init__(self, path):
        self._path = path

    def start_bundle(self):
        self._lines = []

    def process(self, batch):
        pairs = zip(batch.positions, batch.payloads, strict=True)
        self._lines += [f"{batch.prefix}{p} {v.decode()}\n" for p, v in pairs]

    def finish_bundle(self):
        if self._lines:
            with open(self._path, "a") as file:
                file.write("".join(self._lines))


@pytest.fixture
def on_prism(settings, tmp_path):
    """Reads a topic on Prism until some lines are there; gives them, and the gauges."""
    program = prism()

    def run(topic, until):
        path = tmp_path / f"read-{next(_NUMBERS)}"
        path.touch()
        options = PipelineOptions(
            [
                "--runner=PrismRunner",
                f"--prism_location={program}",
                "--environment_type=LOOPBACK",
                "--streaming",
            ]
        )
        root = beam.Pipeline(options=options)
        _ = root | ReadKafkaHere(settings(topic), 0.2, 1.0) | beam.ParDo(_Note(path))
        result = root.run()
        wait_until(lambda: until(path.read_text().splitlines()))
        gauges = {each.key.metric.name for each in result.metrics().query()["gauges"]}
        result.cancel()
        return path.read_text().splitlines(), gauges

    return run


def test_prism_reads_all_once_and_goes_on_where_it_was(broker, topic, on_prism):
    name = topic(2)
    values = [{"value": b"%d" % n, "partition": n % 2} for n in range(20_000)]
    broker.send(name, values[:10_000])

    def is_committed(offsets):
        return broker.committed(f"group-of-{name}", name, 2) == offsets

    def lines(numbers):
        return sorted(f"{name}/{n % 2}/{n // 2} {n}" for n in numbers)

    read, gauges = on_prism(
        name, lambda found: len(found) >= 10_000 and is_committed([5_000, 5_000])
    )
    assert sorted(read) == lines(range(10_000))
    assert gauges == {f"Backlog {name}/0", f"Backlog {name}/1"}
    broker.send(name, values[10_000:])
    read, _ = on_prism(
        name, lambda found: len(found) >= 10_000 and is_committed([10_000, 10_000])
    )
    assert sorted(read) == lines(range(10_000, 20_000))


def test_one_committer_serves_a_group(settings):
    one, other = settings("t", group="a"), settings("t", group="b")

    assert committer_of(one) is committer_of(one)
    assert committer_of(one) is not committer_of(other)
    assert TopicPartition("t", 0) not in committer_of(one)._known
