"""Streams on Prism, Beam's local runner: what comes late, and a runner that dies."""

import os
import signal
import subprocess
import sys
import time

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline
from kafka_broker import KafkaBroker
from prism import prism
from runs import FLEET, ROOT
from test_lanes import EIGHT, EIGHT_OCLOCK, Stream, batch, panes, pulse
from test_local_streams import (
    LONGEST,
    MESSAGES,
    PARTITIONS,
    everything,
    feed,
    wait_until_committed,
)
from test_local_streams import whole as whole

from transforms.instants import DAY, HOUR
from transforms.model import CORRELATED


@pytest.fixture(scope="module")
def program():
    return prism()


class _Keep(beam.DoFn):
    """Prism's workers are threads of this process."""

    def __init__(self, path):
        self._path = path

    def process(self, pane):
        lane, slot, timing, texts = pane
        if texts:
            with open(self._path, "a") as file:
                file.write(f"{lane} {slot[0]} {slot[1]} {timing} {texts}\n")


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (
            lambda: (
                Stream()
                .arrives(batch("1"))
                .waits(31)
                .watermark(EIGHT + HOUR)
                .arrives(batch("2"))
                .waits(31)
                .arrives(batch("3"))
                .waits(31)
            ),
            [
                ("Hours", EIGHT_OCLOCK, "EARLY", ["1"]),
                ("Hours", EIGHT_OCLOCK, "LATE", ["2"]),
                ("Hours", EIGHT_OCLOCK, "LATE", ["3"]),
            ],
        ),
        (
            lambda: (
                Stream()
                .watermark(EIGHT + DAY)
                .arrives(pulse("1", type="day"), at=EIGHT + DAY)
                .waits(31)
            ),
            [("Days", (EIGHT - 8 * HOUR, 1440), "LATE", ["1"])],
        ),
        (
            lambda: (
                Stream()
                .arrives(pulse("1", type="walk", correlation="s"))
                .waits(31)
                .watermark(EIGHT + 400 * DAY)
                .arrives(pulse("2", type="walk", correlation="s"))
                .waits(31)
            ),
            [
                ("Beside", tuple(CORRELATED), "EARLY", ["1"]),
                ("Beside", tuple(CORRELATED), "EARLY", ["2"]),
            ],
        ),
    ],
    ids=["an hour", "a day", "a session"],
)
def test_what_comes_after_the_end_of_a_slot_is_handed_on(
    program, tmp_path, stream, expected
):
    options = PipelineOptions(
        [f"--prism_location={program}", "--environment_type=LOOPBACK"],
        streaming=True,
        allow_unsafe_triggers=True,
    )
    path = tmp_path / "panes"
    with TestPipeline("PrismRunner", options, []) as root:
        seen, _ = panes(root | stream().ends())
        seen | beam.ParDo(_Keep(path))
    assert sorted(path.read_text().splitlines()) == sorted(
        f"{lane} {slot[0]} {slot[1]} {timing} {texts}"
        for lane, slot, timing, texts in expected
    )


@pytest.fixture(scope="module")
def broker(java, tmp_path_factory):
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


class Command:
    """`vitalbeam run` on Prism, in a group of processes of its own."""

    def __init__(self, broker, topic, out, program):
        self._command = [
            *(sys.executable, "-m", "pipeline", "run", str(FLEET)),
            f"--messages=kafka://{broker.servers}/{topic}",
            f"--kafka_group={topic}",
            f"--out={out}",
            "--runner=PrismRunner",
            f"--prism_location={program}",
            "--environment_type=LOOPBACK",
        ]
        self._out = out
        self._errors = out.with_suffix(".err")
        self.start()

    def start(self):
        with self._errors.open("a") as errors:
            self.process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )

    @property
    def said(self):
        return self._errors.read_text()

    def wait_for(self, count):
        ends = time.monotonic() + LONGEST
        while sum(1 for _ in (self._out / "measurement").rglob("*.parquet")) < count:
            self.check_alive()
            assert time.monotonic() < ends, "nothing more is written"
            time.sleep(0.02)

    def check_alive(self):
        assert self.process.poll() is None, self.said

    def wait_to_say(self, text):
        ends = time.monotonic() + LONGEST
        while text not in self.said:
            self.check_alive()
            assert time.monotonic() < ends, self.said
            time.sleep(0.1)

    def kill(self, *, prism_only=False):
        """Kills the runner, or all."""
        if not prism_only:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return
        for pid in self.prisms():
            os.kill(pid, signal.SIGKILL)

    def prisms(self):
        """The processes of the runner."""
        listed = ["pgrep", "-P", str(self.process.pid), "-f", "prism"]
        found = subprocess.run(listed, capture_output=True, text=True, check=True)
        return [int(pid) for pid in found.stdout.split()]

    def stop(self):
        self.process.terminate()
        self.process.wait(LONGEST)
        assert self.process.returncode in (0, 1), self.said


def test_a_prism_that_dies_is_started_again_and_nothing_is_lost(
    broker, program, whole, tmp_path
):
    topic, out = "dies", tmp_path / "out"
    broker.create(topic, PARTITIONS)
    first, then = len(MESSAGES) // 3, 2 * len(MESSAGES) // 3
    feed(broker, topic, MESSAGES[:first])
    command = Command(broker, topic, out, program)
    command.wait_for(3)
    command.kill(prism_only=True)
    command.wait_to_say("Prism has died; it is started again in 1 s\n")
    feed(broker, topic, MESSAGES[first:then])
    wait_until_committed(broker, command, topic, then)
    command.kill()
    command.start()
    feed(broker, topic, MESSAGES[then:])
    wait_until_committed(broker, command, topic)
    command.stop()
    assert everything(out) == everything(whole)


def test_a_job_that_fails_is_started_again_and_nothing_is_lost(
    broker, program, whole, tmp_path
):
    topic, out = "fails", tmp_path / "out"
    broker.create(topic, PARTITIONS)
    command = Command(broker, topic, out, program)
    command.wait_to_say("following")
    stray = out / "dead_letters"
    stray.rmdir()
    stray.write_text("where a folder should be")
    feed(broker, topic, MESSAGES)
    command.wait_to_say("its job has failed; it is started again in 1 s\n")
    stray.unlink()
    wait_until_committed(broker, command, topic)
    assert len(command.prisms()) == 1
    command.stop()
    assert everything(out) == everything(whole)
