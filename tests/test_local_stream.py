"""A stream on this machine leaves what a run over all its messages leaves."""

import json
import signal
import subprocess
import sys
import time

import pytest
from fhir_server import Fault
from runs import FLEET, ROOT, files, letters, parse, resources, run, table, write_lines
from walks import DEVICE, PULSES, device_template, fhir_template

from benchmarks.fleet import generate
from pipeline.fhir_errors import FhirRefusedError
from pipeline.ingest_options import beam_options
from pipeline.launch import job_of
from pipeline.local_stream import LocalStream
from pipeline.mappings import load_mappings
from pipeline.options import resolve_inputs, resolve_outputs
from transforms import exact_json
from transforms.group import Limits
from transforms.instants import HOUR
from transforms.intake import Intake
from transforms.model import MessageBatch

MESSAGES = [line.rstrip(b"\n") for line in generate(600, seed=5)]
EIGHT = 1_772_352_000_000_000  # 2026-03-01T08:00:00Z


class Log:
    """A tap of a list of messages that keeps our place, as a broker does.

    Args:
        messages: all that it ever has.
        watermark: what stands at a place, from the place on.
        most: messages of one draw.
    """

    def __init__(self, messages, watermark=lambda _place: 0, most=100):
        self.messages = messages
        self.most = most
        self.at = self.committed = 0
        self.looks = 0
        self.is_open = True
        self._watermark = watermark

    def draw(self):
        first, self.at = self.at, min(self.at + self.most, len(self.messages))
        if first == self.at:
            self.looks += 1
            return None
        positions = tuple(range(first, self.at))
        return MessageBatch("log/0/", positions, tuple(self.messages[first : self.at]))

    def watermark(self):
        return self._watermark(self.at)

    def commit(self):
        self.committed = self.at

    def close(self):
        self.is_open = False

    def reopened(self):
        """The same log, as a new process finds it."""
        again = Log(self.messages, self._watermark, self.most)
        again.at = again.committed = self.committed
        return again


@pytest.fixture
def stream(tmp_path):
    """Works taps off until they have nothing more."""

    def work(*taps, mapping=FLEET, more=()):
        arguments = ["run", str(mapping), f"--out={tmp_path / 'out'}", *more]
        flags, rest = parse(arguments)
        inputs = resolve_inputs(flags.folder, flags)
        mappings = load_mappings(inputs.device_mapping, inputs.fhir_mapping)
        intake = Intake(mapping_version=mappings.version)
        job = job_of(flags, mappings, intake, resolve_outputs(flags), Limits())

        def stopped():
            return all(tap.looks > 3 for tap in taps)

        return LocalStream(job, taps, beam_options(rest), 0, stopped).run()

    return work


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    messages = write_lines(folder / "messages.ndjson", MESSAGES)
    assert run(messages, folder / "out", mapping=FLEET) == 1
    return folder / "out"


def without(document, *names):
    return {name: value for name, value in document.items() if name not in names}


def everything(out):
    """All but where a message stood, and the status: some slots are still open."""
    observations = resources(out).values()
    dead = [without(letter, "id", "source") for letter in letters(out)]
    return (
        [without(observation, "status") for observation in observations],
        table(out, "measurement").drop_columns(["source"]).to_pylist(),
        table(out, "observation").drop_columns(["status"]).to_pylist(),
        resources(out, "Patient"),
        resources(out, "Device"),
        sorted(dead, key=lambda letter: letter["payload"]),
    )


def on_server(stub):
    return json.loads(exact_json.dumps(stub.store.everything("Observation")))


def test_pieces_leave_what_one_run_leaves(stream, whole, tmp_path):
    taps = Log(MESSAGES[::2]), Log(MESSAGES[1::2], most=37)
    counts = stream(*taps)
    assert counts["DeviceEvent"] == len(MESSAGES)
    assert [(tap.committed, tap.is_open) for tap in taps] == [(300, False)] * 2
    assert everything(tmp_path / "out") == everything(whole)


def test_a_piece_that_fails_is_drawn_again_by_the_next_start(
    stream, stub, whole, tmp_path
):
    tap = Log(MESSAGES, most=150)
    more = [f"--fhir={stub.base}", f"--fhir={tmp_path}/out/fhir"]
    stub.faults.extend([None] * 9 + [Fault(status=401)])
    with pytest.raises(FhirRefusedError, match="refuses us"):
        stream(tap, more=more)
    assert not stub.faults
    assert not tap.is_open
    assert tap.committed < tap.at
    stream(tap.reopened(), more=more)
    assert everything(tmp_path / "out") == everything(whole)
    assert on_server(stub) == resources(tmp_path / "out")


def test_a_server_that_is_away_for_a_while_stops_nothing(
    stream, stub, tmp_path, caplog
):
    stub.faults.extend([None] * 3 + [Fault(status=503)])
    more = [f"--fhir={stub.base}", f"--fhir={tmp_path}/out/fhir", "--fhir_retry_s=0"]
    stream(Log(MESSAGES), more=more)
    assert on_server(stub) == resources(tmp_path / "out")
    assert [
        record.getMessage()
        for record in caplog.records
        if record.name == "pipeline.local_stream" and record.levelname == "WARNING"
    ] == [
        f"{stub.base} gives no proper answer (status 503), tried once: nothing is lost,"
        " try again when it does; trying again in 1 s"
    ]


@pytest.fixture
def hours(tmp_path):
    """A mapping whose Observations stand for an hour."""
    device = {**DEVICE, "template": [device_template("hour", "pulse")]}
    fhir = [fhir_template("hour", 60, PULSES)]
    (tmp_path / "device.json").write_text(json.dumps(device))
    document = {"templateType": "CollectionFhir", "template": fhir}
    (tmp_path / "fhir.json").write_text(json.dumps(document))
    return tmp_path


def pulse(minute):
    time = f"2026-03-01T{8 + minute // 60:02}:{minute % 60:02}:00Z"
    return json.dumps(
        {"device": "d", "patient": "p", "time": time, "pulse": 60}
    ).encode()


def statuses(out):
    return sorted(
        (observation["effectivePeriod"]["start"][11:16], observation["status"])
        for observation in resources(out).values()
    )


@pytest.mark.parametrize(
    ("watermarks", "expected"),
    [
        ([0, 0, 0], [("08:00", "preliminary"), ("09:00", "preliminary")]),
        ([0, HOUR, HOUR], [("08:00", "final"), ("09:00", "preliminary")]),
        ([0, HOUR, 2 * HOUR], [("08:00", "final"), ("09:00", "final")]),
        ([0, 0, 2 * HOUR], [("08:00", "final"), ("09:00", "final")]),
    ],
)
def test_hours_are_closed_as_the_watermark_passes_them(
    stream, hours, tmp_path, watermarks, expected
):
    messages = [pulse(0), pulse(61)]
    tap = Log(messages, lambda place: EIGHT + watermarks[place], most=1)
    stream(tap, mapping=hours)
    assert statuses(tmp_path / "out") == expected


def test_what_comes_after_its_hour_amends_it(stream, hours, tmp_path):
    messages = [pulse(0), pulse(61), pulse(5)]
    tap = Log(messages, lambda place: EIGHT + (place // 2) * HOUR, most=1)
    stream(tap, mapping=hours)
    assert statuses(tmp_path / "out") == [
        ("08:00", "amended"),
        ("09:00", "preliminary"),
    ]


@pytest.mark.parametrize("first", [-(10**18), EIGHT], ids=["unknown", "behind"])
def test_a_watermark_that_jumps_leaves_no_hour_open(stream, hours, tmp_path, first):
    """As after days without us: it starts where we were, or unknown, and is now now."""
    stream(Log([pulse(0)]), mapping=hours)
    later = EIGHT + 24 * 90 * HOUR
    messages = [pulse(5), pulse(6)]
    tap = Log(messages, lambda place: later if place == 2 else first, most=1)
    stream(tap, mapping=hours)
    assert statuses(tmp_path / "out") == [("08:00", "final")]


def test_hours_that_passed_while_nothing_ran_are_closed_at_the_start(
    stream, hours, tmp_path
):
    stream(Log([pulse(0)]), mapping=hours)
    assert statuses(tmp_path / "out") == [("08:00", "preliminary")]
    stream(Log([], lambda _: EIGHT + 24 * 90 * HOUR), mapping=hours)
    assert statuses(tmp_path / "out") == [("08:00", "final")]


def started(messages, out):
    flags = ["--streaming", f"--messages={messages}", f"--out={out}"]
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", str(FLEET), *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_files(process, out, count):
    while sum(1 for _ in out.rglob("*.parquet")) < count:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)


def test_a_followed_file_is_stopped_in_good_order_or_killed(whole, tmp_path):
    """The lines that were there are written, whatever ends the command."""
    messages, out = tmp_path / "messages.ndjson", tmp_path / "out"
    write_lines(messages, MESSAGES[:200])
    process = started(messages, out)
    wait_for_files(process, out, 5)
    process.kill()
    process.communicate()
    process = started(messages, out)
    wait_for_files(process, out, 5)
    with messages.open("ab") as file:
        file.write(b"".join(line + b"\n" for line in MESSAGES[200:]))
    while len(files(out / "measurement")) < len(files(whole / "measurement")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 1, errors
    assert "stopping: what has been read is written first\n" in errors
    assert said.split()[:2] == ["messages", "600"]
    assert everything(out) == everything(whole)
