"""A run into a FHIR server that is killed half way and started again.

It ends with the same store, on the server and in files, as a run that nobody disturbed.
"""

import signal
import subprocess
import sys
import time

import pytest
from runs import FLEET, ROOT, files

from benchmarks.fleet import generate

MESSAGES = 50_000
KINDS = ("Patient", "Device", "Observation")


@pytest.fixture
def messages(tmp_path):
    path = tmp_path / "fleet.ndjson"
    path.write_bytes(b"".join(generate(MESSAGES, seed=7)))
    return path


def started(messages, out, server):
    command = ["-m", "pipeline", "run", str(FLEET), f"--messages={messages}"]
    return subprocess.Popen(
        [sys.executable, *command, f"--out={out}", f"--fhir={server.base}"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    _, said = process.communicate()
    assert process.returncode == 1, said  # the fleet sends malformed messages


def count(server):
    return server.get("Observation", _summary="count").json()["total"]


def everything(server):
    return {kind: server.everything(kind) for kind in KINDS}


def test_a_run_killed_half_way_ends_as_an_undisturbed_one(
    start_hapi, messages, tmp_path
):
    server = start_hapi(lasting=True)
    finish(started(messages, tmp_path / "undisturbed", server))
    expected = everything(server)
    total = len(expected["Observation"])
    assert total > MESSAGES / 2
    server.stop()

    server = start_hapi(lasting=True)
    process = started(messages, tmp_path / "out", server)
    while (written := count(server)) < total / 2:
        assert process.poll() is None, "the run was over before it was killed"
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert written < total
    finish(started(messages, tmp_path / "out", server))
    assert everything(server) == expected
    assert files(tmp_path / "out") == files(tmp_path / "undisturbed")
