"""Kafka to a FHIR server and Parquet on a real Flink cluster, while its parts die."""

import dataclasses
import json
import random
import re
import subprocess
import sys
import threading
import time
from datetime import date, datetime, timedelta, timezone

import pytest
import requests
from confluent_kafka import Consumer, TopicPartition
from flink_cluster import FlinkCluster
from kafka_broker import KafkaBroker
from runs import FLEET, ROOT, letters, run, table, write_lines

from benchmarks.fleet import DAY_START, generate
from pipeline import fhir_identities, fhir_shells, flink_stop, kafka_group
from pipeline.kafka_group import has_place
from pipeline.kafka_settings import kafka_settings
from pipeline.options import UsageError

PARTITIONS = 4

TOPIC = "readings"

SINCE = datetime.now(timezone.utc).date() - DAY_START.date()


def today(line):
    """Half of the patients live today: their hours are still open."""
    if not re.search(rb'patient-\d*[02468]"', line):
        return line

    def later(found):
        return str(date.fromisoformat(found[0].decode()) + SINCE).encode()

    return re.sub(rb"2026-0[23]-\d\d", later, line)


MESSAGES = [today(line.rstrip(b"\n")) for line in generate(6_000, seed=11)]


@pytest.fixture(scope="module")
def broker(java, tmp_path_factory):
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        broker.create(TOPIC, PARTITIONS)
        yield broker


@pytest.fixture(scope="module")
def flink(java, tmp_path_factory):
    with FlinkCluster(tmp_path_factory.mktemp("flink")) as cluster:
        yield cluster


@pytest.fixture
def server(hapi):
    wiped(hapi)
    return hapi


def wiped(hapi):
    hapi.wipe()
    for module in (fhir_identities, fhir_shells):  # what this process thinks is there
        module._memory_of.cache_clear()


@pytest.fixture
def whole(server, tmp_path):
    """What a run over files leaves."""
    messages = write_lines(tmp_path / "messages.ndjson", MESSAGES)
    out = tmp_path / "whole"
    assert run(messages, out, f"--fhir={server.base}", mapping=FLEET) == 1
    everything = {**in_files(out), **on_server(server)}
    wiped(server)
    return everything


def on_server(server):
    """All but the statuses: they tell when something came."""
    found = {
        kind: server.everything(kind) for kind in ("Patient", "Device", "Observation")
    }
    for observation in found["Observation"].values():
        del observation["status"]
    return found


def in_files(out):
    """All but where a message stood, and statuses: they tell when something came."""
    dead = [
        {name: value for name, value in letter.items() if name not in PLACE}
        for letter in letters(out)
    ]
    return {
        "measurement": table(out, "measurement").drop_columns(["source"]).to_pylist(),
        "observation": table(out, "observation").drop_columns(["status"]).to_pylist(),
        "dead letters": sorted(dead, key=lambda letter: letter["payload"]),
    }


def is_whole(stream, whole):
    """Whether all is there, and nothing else; the server is asked last: it is slow."""
    kept = in_files(stream.out)
    if kept != {name: whole[name] for name in kept}:
        return False
    return {**kept, **on_server(stream.server)} == whole


def hour_of(text):
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)


def misfits(observations):
    """Statuses of Observations that the clock does not allow, by hour.

    Of the hour that lasts, and the one before it, nothing is asked: when a watermark
    passes is up to the runner.

    Args:
        observations: all of them.
    """
    hour = timedelta(hours=1)
    lasting = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    wrong = set()
    for observation in observations:
        status, period = observation["status"], observation.get("effectivePeriod")
        if period is None:
            allowed = {"final"}
        else:
            start = hour_of(period["start"])
            if lasting - hour <= start <= lasting:
                continue
            allowed = {"preliminary"} if start > lasting else {"final", "amended"}
        if status not in allowed:
            wrong.add((status, str(period and start)))
    return wrong


PLACE = ("id", "source", "attributes", "enqueued_at", "first_seen", "last_seen")


class Stream:
    """The job, as whoever operates it sees it."""

    def __init__(self, broker, flink, server, out, name="live", topic=TOPIC):
        self.broker, self.flink = broker, flink
        self.server, self.out = server, out
        self.name, self.topic = name, topic

    def submit(self, *more):
        """Runs the command; returns its exit status and what it says."""
        command = (
            *(sys.executable, "-m", "pipeline", "run", str(FLEET)),
            f"--messages=kafka://{self.broker.servers}/{self.topic}",
            *(f"--out={self.out}", f"--fhir={self.server.base}"),
            *("--flush_seconds=1", f"--job_name={self.name}", *self.flink.options),
            "--checkpointing_interval=2000",
        )
        done = subprocess.run(
            [*command, *more], cwd=ROOT, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr

    def start(self):
        """Hands the job in; returns the state that it went on from once it works."""
        status, said = self.submit()
        assert status == 0, said
        self.wait_for_checkpoint(after=0)
        return self.checkpoints().restored_from

    def job(self):
        return self.flink.rest.job(self.name)

    def checkpoints(self):
        return self.flink.rest.checkpoints(self.job().id)

    def wait_for_checkpoint(self, after=None):
        """Until one is complete: then all tasks, and all their workers, work."""
        before = self.newest() if after is None else after
        wait(lambda: self.newest() > before, "no checkpoint completes")

    def newest(self):
        completed = self.checkpoints().completed
        return completed[0].id if completed else 0

    def feed(self, messages, seconds):
        """Sends messages, in any order of partitions, over some time."""
        chance = random.Random(len(messages))
        for part in parts(messages, 100):
            self.broker.send(
                self.topic,
                [
                    {"value": message, "partition": chance.randrange(PARTITIONS)}
                    for message in part
                ],
            )
            time.sleep(seconds * len(part) / len(messages))

    def feeding(self, messages, seconds):
        thread = threading.Thread(target=self.feed, args=(messages, seconds))
        thread.start()
        return thread


def parts(messages, size):
    return [messages[at : at + size] for at in range(0, len(messages), size)]


def wait(reached, problem, seconds=300):
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, problem
        time.sleep(1)


@pytest.fixture
def stream(broker, flink, server, tmp_path):
    return Stream(broker, flink, server, tmp_path / "out")


def test_a_group_has_a_place_once_it_has_committed_one(broker, monkeypatch):
    broker.create("places", 2)
    settings = kafka_settings(f"kafka://{broker.servers}/places", None, "reader")
    assert not has_place(settings)
    consumer = Consumer({"bootstrap.servers": broker.servers, "group.id": "reader"})
    consumer.commit(offsets=[TopicPartition("places", 1, 0)], asynchronous=False)
    consumer.close()
    assert has_place(settings)
    assert not has_place(dataclasses.replace(settings, group="other"))
    monkeypatch.setattr(kafka_group, "_WAIT_S", 0.5)
    with pytest.raises(UsageError) as refused:
        has_place(dataclasses.replace(settings, servers="127.0.0.1:9"))
    assert str(refused.value) == (
        "kafka://127.0.0.1:9 does not say whether the group reader has been read from"
        " (_TRANSPORT): a first start without an answer takes --fresh_start"
    )


def test_a_slot_is_open_then_closed_then_amended(broker, flink, server, tmp_path):
    broker.create("slots", 2)
    stream = Stream(broker, flink, server, tmp_path / "out", "slots", "slots")
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)

    def send(partition, minute, steps):
        at = yesterday.replace(minute=minute, second=0, microsecond=0)
        message = {
            "deviceId": f"watch-{partition}",
            "patientId": f"patient-{partition}",
            "time": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "steps": steps,
        }
        value = json.dumps(message).encode()
        broker.send("slots", [{"value": value, "partition": partition}])

    def statuses():
        return [observation["status"] for observation in observed(stream)]

    # A partition that has never had a message keeps Beam's watermark from moving.
    send(0, 5, 10)
    stream.start()
    wait(lambda: statuses() == ["preliminary"], "nothing is written early")
    # Then it passes the hour, all of whose readings have been handed on.
    send(1, 10, 20)
    wait(lambda: statuses() == ["final", "final"], "the slot is not closed")
    send(0, 15, 30)
    wait(lambda: sorted(statuses()) == ["amended", "final"], "nothing is amended")
    flink.rest.cancel(stream.job().id)


def test_nothing_is_lost_or_doubled_whatever_dies(
    stream, whole, flink, tmp_path, capsys
):
    first, second, third = MESSAGES[:3_000], MESSAGES[3_000:4_500], MESSAGES[4_500:]

    assert stream.start() is None
    feeding = stream.feeding(first, seconds=25)
    time.sleep(5)
    flink.restart("taskmanager-1")
    stream.wait_for_checkpoint()
    flink.cluster.kill("python-workers")
    stream.wait_for_checkpoint()
    feeding.join()
    # Stopped while readings are under way, and resumed after more have come.
    assert flink_stop.main([f"--flink_rest={flink.address}", "--job_name=live"]) == 0
    savepoint = capsys.readouterr().out.strip()
    stream.feed(second, seconds=0)
    assert stream.start() == savepoint
    flink.cluster.kill("jobmanager")
    stream.feed(third, seconds=0)
    flink.cluster.start("jobmanager")
    wait(lambda: ready(flink), "the JobManager does not come back")
    assert "/chk-" in stream.start()
    wait(lambda: is_whole(stream, whole), "readings are missing")
    wait(lambda: not misfits(observed(stream)), "slots stay open, or are closed early")
    assert {"Normalize_DeviceEvent", "Store_ReadingStored"} <= counters(flink)
    refuses_what_would_lose_readings(stream, flink, tmp_path)
    assert {**in_files(stream.out), **on_server(stream.server)} == whole


def observed(stream):
    return list(stream.server.everything("Observation").values())


def ready(flink):
    try:
        return flink.rest.cluster().task_managers == 2
    except OSError:
        return False


def scrape(port):
    return requests.get(f"http://localhost:{port}/metrics", timeout=10).text


def counters(flink):
    """The names of our counters, as Prometheus sees them."""
    ports = flink.cluster.settings.ports
    metrics = "".join(
        scrape(ports[f"metrics-{part}"]) for part in flink.cluster.settings.parts[1:3]
    )
    found = re.findall(
        r'^flink_taskmanager_job_task_operator_(\w+)\{.*job_name="live"', metrics, re.M
    )
    return set(found)


def refuses_what_would_lose_readings(stream, flink, tmp_path):
    status, said = stream.submit()
    assert status == 2
    assert "Flink has a job live that is RUNNING: stop it first" in said
    flink.rest.cancel(stream.job().id)
    flink.state.rename(tmp_path / "elsewhere")
    status, said = stream.submit()
    assert status == 2
    assert "the consumer group of job live has been read from, but" in said
