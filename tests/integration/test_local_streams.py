"""`vitalbeam run` on a real topic and this machine: killed, stopped, without broker."""

import random
import signal
import subprocess
import sys
import time

import pytest
from kafka_broker import KafkaBroker
from runs import FLEET, ROOT, files, letters, resources, run, table, write_lines

from benchmarks.fleet import generate

MESSAGES = [line.rstrip(b"\n") for line in generate(6_000, seed=21)]
ALL = len(MESSAGES)
PARTITIONS = 3

LONGEST = 300
"""Seconds until what is waited for will not come; a busy machine is slow."""


@pytest.fixture(scope="module")
def broker(java, tmp_path_factory):
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    messages = write_lines(folder / "messages.ndjson", MESSAGES)
    assert run(messages, folder / "out", mapping=FLEET) == 1
    return folder / "out"


class Command:
    """The command in a process of its own."""

    def __init__(self, broker, topic, out):
        self._command = [
            *(sys.executable, "-m", "pipeline", "run", str(FLEET)),
            f"--messages=kafka://{broker.servers}/{topic}",
            f"--kafka_group={topic}",
            f"--out={out}",
        ]
        self._out = out
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, count):
        """Until there are so many files of readings."""
        ends = time.monotonic() + LONGEST
        while sum(1 for _ in (self._out / "measurement").rglob("*.parquet")) < count:
            self.check_alive()
            assert time.monotonic() < ends, "nothing more is written"
            time.sleep(0.05)

    def check_alive(self):
        assert self.process.poll() is None, self.process.stderr.read()

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        said, errors = self.process.communicate(timeout=LONGEST)
        assert self.process.returncode in (0, 1), errors
        return said, errors


def wait_until_committed(broker, command, topic, expected=ALL):
    ends = time.monotonic() + LONGEST
    count = 0
    while time.monotonic() < ends:
        places = broker.committed(topic, topic, PARTITIONS)
        count = sum(max(place, 0) for place in places)
        if count == expected:
            return
        command.check_alive()
        time.sleep(0.2)
    pytest.fail(f"{count} of {expected} messages were committed")


def everything(out):
    """All but where a message stood, and statuses: they tell when something came."""
    plain = [
        {name: value for name, value in letter.items() if name not in MOVES}
        for letter in letters(out)
    ]
    observations = resources(out)
    for observation in observations.values():
        del observation["status"]
    return (
        observations,
        table(out, "measurement").drop_columns(["source"]).to_pylist(),
        table(out, "observation").drop_columns(["status"]).to_pylist(),
        files(out / "fhir" / "Patient"),
        files(out / "fhir" / "Device"),
        sorted(plain, key=lambda letter: letter["payload"]),
    )


MOVES = ("id", "source", "attributes", "enqueued_at", "first_seen", "last_seen")


def feed(broker, topic, messages):
    chance = random.Random(topic)
    broker.send(
        topic,
        [
            {"value": message, "partition": chance.randrange(PARTITIONS)}
            for message in messages
        ],
    )


def test_a_stream_that_is_killed_leaves_what_a_run_over_files_leaves(
    broker, whole, tmp_path
):
    topic, out = "killed", tmp_path / "out"
    broker.create(topic, PARTITIONS)
    half = len(MESSAGES) // 2
    feed(broker, topic, MESSAGES[:half])
    command = Command(broker, topic, out)
    for count in (3, 30):
        command.wait_for(count)
        command.kill()
        command.start()
    feed(broker, topic, MESSAGES[half:])
    wait_until_committed(broker, command, topic)
    command.stop()
    assert everything(out) == everything(whole)
    command.start()
    assert command.process.stderr.readline().startswith("following kafka://")
    time.sleep(3)
    said, _ = command.stop()
    assert said.split()[:2] == ["messages", "0"], "what was committed is read again"


def test_a_stream_outlives_its_broker(broker, whole, tmp_path):
    topic, out = "outlives", tmp_path / "out"
    broker.create(topic, PARTITIONS)
    half = len(MESSAGES) // 2
    feed(broker, topic, MESSAGES[:half])
    command = Command(broker, topic, out)
    command.wait_for(3)
    broker.kill()
    time.sleep(3)
    broker.start()
    feed(broker, topic, MESSAGES[half:])
    wait_until_committed(broker, command, topic)
    command.stop()
    assert everything(out) == everything(whole)


def test_a_topic_that_is_not_there_is_told_at_once(broker, tmp_path):
    command = Command(broker, "no.such.topic", tmp_path / "out")
    _, errors = command.process.communicate(timeout=LONGEST)
    assert command.process.returncode == 2
    assert errors.startswith("vitalbeam: ")
    assert "no.such.topic" in errors
