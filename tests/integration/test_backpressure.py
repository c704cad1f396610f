"""A FHIR server that is slow slows the reading down, and memory stays bounded.

What is in the store and not committed has been read ahead; the store knows where each
message stood. However large the backlog, that is one piece, and so is what memory
holds.
"""

import contextlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from confluent_kafka import KafkaException
from fhir_server import Fault, FhirStub
from kafka_broker import KafkaBroker
from runs import FLEET, ROOT, run, write_lines
from test_flink import in_files
from test_local_streams import LONGEST

from benchmarks.fleet import generate
from transforms import exact_json

PARTITIONS = 3

SIZE = 40_000
"""Bytes of a message: a large backlog of few readings."""

COUNT = 6_000

PIECE = 37_000_000 // SIZE
"""Messages of one piece: 32 MiB, and then a megabyte more of each partition."""

MEMORY = 1200 << 20
"""Bytes. Piece by piece it takes 900 MiB at most, however much there is to read; all
of this backlog at once takes 1,600."""


def heavy(line):
    """A message with a long note."""
    filling = b"." * (SIZE - len(line) - len(b'"note":"",'))
    return line.replace(b'{"deviceId"', b'{"note":"%b","deviceId"' % filling, 1)


def messages():
    for line in generate(COUNT, seed=31):
        yield heavy(line.rstrip(b"\n"))


class Slowness:
    """The faults of a FHIR stub whose every answer takes its time."""

    wait_s = 0.5

    def popleft(self):
        return Fault(wait_s=self.wait_s)


@pytest.fixture(scope="module")
def broker(java, tmp_path_factory):
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="module")
def backlog(broker):
    broker.create("heavy", PARTITIONS)
    records = (
        {"value": message, "partition": number % PARTITIONS}
        for number, message in enumerate(messages())
    )
    broker.send("heavy", records)
    # A new broker cannot tell at once what groups have committed.
    ends = time.monotonic() + LONGEST
    while time.monotonic() < ends:
        with contextlib.suppress(KafkaException):
            broker.committed("nobody", "heavy", PARTITIONS)
            return "heavy"
        time.sleep(0.2)
    pytest.fail("the broker knows of no groups")


def everything(out, stub):
    """All but where a message stood, and statuses: they tell when something came."""
    on_server = {
        kind: json.loads(exact_json.dumps(stub.store.everything(kind)))
        for kind in ("Patient", "Device", "Observation")
    }
    for observation in on_server["Observation"].values():
        del observation["status"]
    return {**in_files(out), **on_server}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a run over files leaves."""
    folder = tmp_path_factory.mktemp("whole")
    lines = write_lines(folder / "messages.ndjson", list(messages()))
    stub = FhirStub()
    assert run(lines, folder / "out", f"--fhir={stub.base}", mapping=FLEET) == 1
    yield everything(folder / "out", stub)
    stub.close()


@pytest.fixture
def server():
    stub = FhirStub()
    stub.faults = Slowness()
    yield stub
    stub.close()


class Command:
    """`vitalbeam run` in a process of its own, in the middle of a large backlog."""

    def __init__(self, broker, topic, server, out):
        self._broker, self._topic, self._group = broker, topic, out.parent.name
        self._out, self._errors = out, out.with_suffix(".err")
        command = [
            *(sys.executable, "-m", "pipeline", "run", str(FLEET)),
            *(f"--messages=kafka://{broker.servers}/{topic}", f"--out={out}"),
            *(f"--kafka_group={self._group}", f"--fhir={server.base}"),
            "--flush_seconds=10",  # the size shall end a piece, and not the time
        ]
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors
            )

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def work_up_to(self, count):
        """Until so many messages are committed; returns how far it ever read ahead."""
        furthest, ends = 0, time.monotonic() + LONGEST
        while True:
            stored = self._stored()  # before what is committed, which only grows
            committed = self._committed()
            furthest = max(furthest, stored - committed)
            assert furthest <= PIECE, "it reads ahead of what the server takes"
            assert self._process.poll() is None, self._errors.read_text()
            assert self._memory() <= MEMORY, "it fills its memory"
            if committed >= count:
                return furthest
            assert time.monotonic() < ends, "nothing more is committed"
            time.sleep(0.2)

    def stop(self):
        self._process.terminate()
        assert self._process.wait(LONGEST) in (0, 1), self._errors.read_text()

    def _stored(self):
        """Messages up to the last of each partition that the store has a reading of."""
        ends = {}
        for path in (self._out / "measurement").rglob("*.parquet"):
            sources = pq.ParquetFile(path).read(["source"])["source"].unique()
            for source in sources.to_pylist():
                _, partition, offset = source.rsplit("/", 2)
                ends[partition] = max(ends.get(partition, 0), int(offset) + 1)
        return sum(ends.values())

    def _committed(self):
        places = self._broker.committed(self._group, self._topic, PARTITIONS)
        return sum(max(place, 0) for place in places)

    def _memory(self):
        """The most that it has ever held, in bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks into /proc")
def test_a_slow_server_slows_the_reading(broker, backlog, whole, server, tmp_path):
    out = tmp_path / "out"
    with Command(broker, backlog, server, out) as command:
        assert command.work_up_to(COUNT // 3) > 0
        server.faults.wait_s = 0
        command.work_up_to(COUNT)
        command.stop()
    assert everything(out, server) == whole
