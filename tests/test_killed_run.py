"""A run killed at any moment and started again ends as an undisturbed one."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from runs import FLEET, ROOT, files, run, write_lines

from benchmarks.fleet import generate


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kill")
    lines = [line.rstrip(b"\n") for line in generate(12_000, seed=3)]
    messages = write_lines(folder / "messages.ndjson", lines)
    run(messages, folder / "out", "--slice_mb=1", mapping=FLEET)
    return messages, files(folder / "out")


def command(messages, out):
    flags = [f"--messages={messages}", f"--out={out}", "--slice_mb=1"]
    return [sys.executable, "-m", "pipeline", "run", str(FLEET), *flags]


def kill_when(process, out, count):
    """Kills a run as soon as it has written so many files."""
    while process.poll() is None:
        # Folders of an earlier run go meanwhile: unlike rglob, this does not mind.
        if sum(len(names) for _folder, _folders, names in os.walk(out)) >= count:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
        time.sleep(0.002)
    return False


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_run_started_again_ends_as_an_undisturbed_one(
    seed, undisturbed, tmp_path
):
    messages, expected = undisturbed
    out = tmp_path / "out"
    out.mkdir()
    chance = random.Random(seed)
    for _ in range(2):
        process = subprocess.Popen(
            command(messages, out),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert kill_when(process, out, chance.randrange(2, len(expected) * 3 // 4))
    assert files(out) != expected, "the kills came too late to show anything"
    finished = subprocess.run(
        command(messages, out), cwd=ROOT, capture_output=True, check=False
    )
    assert finished.returncode == 1, finished.stderr.decode()
    assert files(out) == expected
