import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from flink_stub import RESTORED, FlinkStub

from pipeline.flink_rest import FlinkRest
from pipeline.flink_state import Checkpoint, Checkpoints, Job
from pipeline.flink_watch import Verdict, Watch, judge

ROOT = Path(__file__).parent.parent
START = datetime(2026, 3, 1, tzinfo=timezone.utc)
LIMIT = timedelta(seconds=100)


def after(seconds):
    return START + timedelta(seconds=seconds)


def checkpoints(*completed, restored=None):
    return Checkpoints(
        completed=tuple(
            Checkpoint(number, None, after(second), False, False)
            for number, second in enumerate(completed)
        ),
        failed=0,
        restored_at=None if restored is None else after(restored),
        restored_from=None,
    )


@pytest.mark.parametrize(
    ("state", "found", "since", "now", "expected"),
    [
        ("RUNNING", checkpoints(50), 0, 60, "the last checkpoint is 10 s old"),
        ("RUNNING", checkpoints(50), 0, 150, "the last checkpoint is 100 s old"),
        (
            "RUNNING",
            checkpoints(50, 40),
            0,
            151,
            "the last checkpoint is 101 s old, and 100 s are allowed: stuck",
        ),
        ("RUNNING", checkpoints(), 0, 100, "no checkpoint yet"),
        (
            "RUNNING",
            checkpoints(),
            0,
            101,
            "no checkpoint yet, and 100 s are allowed: stuck",
        ),
        # Workers were restarted, or the cluster was away, until 200.
        ("RUNNING", checkpoints(50), 200, 300, "the last checkpoint is 250 s old"),
        (
            "RESTARTING",
            checkpoints(50, restored=290),
            0,
            300,
            "the last checkpoint is 250 s old, and 100 s are allowed: stuck",
        ),
    ],
)
def test_what_counts_is_the_age_of_the_last_checkpoint(
    state, found, since, now, expected
):
    job = Job("1", "j", state, START)
    verdict = judge(job, found, after(since), after(now), LIMIT)
    stuck = expected.endswith("stuck")
    assert verdict == Verdict(stuck, state, f"job j is {state}, {expected}")


def test_a_job_that_began_late_has_its_full_time():
    job = Job("1", "j", "RUNNING", after(500))
    assert not judge(job, checkpoints(), START, after(600), LIMIT).stuck
    assert judge(job, checkpoints(), START, after(601), LIMIT).stuck


@pytest.mark.parametrize("state", ["FINISHED", "CANCELED", "FAILED", "SUSPENDED"])
def test_a_job_that_is_over_is_not_stuck(state):
    job = Job("1", "j", state, START)
    verdict = judge(job, checkpoints(1), START, after(10_000), LIMIT)
    assert verdict == Verdict(False, state, f"job j is {state}")


@pytest.fixture
def stub():
    server = FlinkStub()
    yield server
    server.close()


@pytest.fixture
def clock():
    """Just before the recorded job began."""
    return [datetime(2026, 11, 25, 7, 5, 4, tzinfo=timezone.utc)]


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def watch(stub, clock, name="watched"):
    return Watch(FlinkRest(stub.address), name, LIMIT, lambda: clock[0])


def test_a_job_without_a_checkpoint_becomes_stuck_and_is_forgiven(stub, clock):
    watching = watch(stub, clock)
    assert not watching.look().stuck
    clock[0] += timedelta(seconds=102)
    assert watching.look().stuck
    watching.forgive()
    assert not watching.look().stuck
    clock[0] += timedelta(seconds=102)
    assert watching.look().stuck


def test_an_outage_of_the_cluster_is_not_the_workers_fault(stub, clock):
    watching = watch(stub, clock)
    clock[0] += timedelta(seconds=102)
    stub.failures = [(400, "{}")]
    assert watching.look().state == "no answer"
    assert not watching.look().stuck
    clock[0] += timedelta(seconds=101)
    assert watching.look().stuck


def test_no_job_is_not_the_workers_fault(stub, clock):
    verdict = watch(stub, clock, "other").look()
    assert verdict == Verdict(False, "no job", "there is no job other")


def started(stub, *flags):
    """The program; the recorded job began an hour ago."""
    for job in stub.answers["/jobs/overview"]["jobs"]:
        job["start-time"] = int((time.time() - 3600) * 1000)
    command = [sys.executable, "-m", "pipeline.flink_watch"]
    command += [f"--flink_rest={stub.address}", "--job_name=watched", "--every_s=0.05"]
    return subprocess.Popen(
        [*command, *flags], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )


def until(question):
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        if question():
            return
        time.sleep(0.05)
    pytest.fail("it took too long")


def test_the_command_runs_again_and_again_while_the_job_is_stuck(stub, tmp_path):
    note = tmp_path / "restarted"
    write = f"open({str(note)!r}, 'a').write('x')"
    program = started(stub, "--max_age_s=0.3", "--", sys.executable, "-c", write)
    try:
        until(lambda: note.exists() and len(note.read_text()) == 2)
    finally:
        program.terminate()
    told = program.stderr.read()
    assert re.search("no checkpoint yet, and 0 s are allowed: stuck", told)
    assert f"{sys.executable}: exit status 0" in told


def live(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/live") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return None, ""


def test_probes_are_answered(stub, free_port):
    program = started(stub, "--max_age_s=2", f"--port={free_port}")
    try:
        until(lambda: live(free_port)[0] == 200)
        until(lambda: live(free_port)[0] == 503)
        assert live(free_port)[1].endswith("stuck\n")
        # A checkpoint is completed now.
        good = json.loads(json.dumps(stub.answers[f"/jobs/{RESTORED}/checkpoints"]))
        good["latest"]["completed"] = {
            "id": 14,
            "status": "COMPLETED",
            "is_savepoint": False,
            "latest_ack_timestamp": int(time.time() * 1000),
            "external_path": "s3://state/chk-14",
        }
        stub.answers[f"/jobs/{RESTORED}/checkpoints"] = good
        until(lambda: live(free_port)[0] == 200)
    finally:
        program.terminate()
        program.communicate()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "give --port=N or, after --, a command to run"),
        (("--port=1", "--max_age_s=0"), "must be positive"),
        (("--port=1", "--flink_rest=here"), "named as http://jobmanager:8081"),
    ],
)
def test_usage_errors_are_sentences(stub, flags, said):
    program = started(stub, *flags)
    told = program.communicate()[1]
    assert program.returncode == 2
    assert said in told
