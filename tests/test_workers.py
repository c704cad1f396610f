"""Slices by several processes: the same stores, and errors that say what happened."""

import contextlib
import os
import signal
import time

import pytest
from runs import FLEET, ROOT, files, run, write_lines

from benchmarks.fleet import generate
from pipeline import local_run, workers
from pipeline.__main__ import entry, main
from pipeline.local_run import Plan, plan_for
from pipeline.options import UsageError
from pipeline.workers import (
    WORTH_A_WORKER,
    WorkerFailedError,
    run_all,
    started_ahead,
    usable_cores,
)

HERE = os.getpid()


def square(number):
    time.sleep(0.01)
    return number * number, os.getpid()


def test_every_task_is_done_once_and_several_processes_help():
    results = {}
    pids = set()

    def done(task, result):
        results[task], pid = result
        pids.add(pid)

    # As many tasks as it takes for the other process to start.
    run_all(square, [range(2_000)], 2, done)
    assert results == {number: number * number for number in range(2_000)}
    assert HERE in pids
    assert len(pids) == 2


def test_one_worker_is_this_process():
    pids = set()
    run_all(square, [range(3)], 1, lambda _task, result: pids.add(result[1]))
    assert pids == {HERE}


def test_a_process_that_was_started_ahead_does_its_share():
    pids = set()
    with started_ahead(1, "json"):
        (ahead,) = workers._ahead
        run_all(square, [range(2_000)], 2, lambda _, result: pids.add(result[1]))
        assert workers._ahead == []
    assert pids == {HERE, ahead.process.pid}
    assert ahead.process.exitcode == 0


def test_a_process_that_nobody_wants_goes():
    with started_ahead(2, "json"):
        ahead = list(workers._ahead)
        assert len(ahead) == 2
        run_all(square, [range(3)], 1, lambda *_: None)
    assert workers._ahead == []
    for process, _pipe in ahead:
        process.join(60)
        assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("megabytes", "flags", "expected"),
    [
        (15, [], 0),
        (31, [], 0),
        (32, [], 1),
        (64, [], 1),  # of two cores
        (64, ["--workers=3"], 2),
        (64, ["--workers=1"], 0),
        (15, ["--workers=3"], 0),
        (64, ["--runner=DirectRunner"], 0),
        (64, ["--fhir=http://127.0.0.1:1/fhir"], 0),
    ],
)
def test_processes_are_started_ahead_where_they_will_be_wanted(
    tmp_path, monkeypatch, megabytes, flags, expected
):
    started = []
    monkeypatch.setattr(workers, "usable_cores", lambda: 2)
    monkeypatch.setattr(
        workers,
        "started_ahead",
        lambda count, _module: started.append(count) or contextlib.nullcontext(),
    )
    monkeypatch.setattr("pipeline.__main__._run", lambda *_: 0)
    messages = tmp_path / "messages.ndjson"
    with messages.open("wb") as file:
        file.truncate(megabytes << 20)
    where = [f"--messages={messages}", f"--out={tmp_path / 'out'}"]
    assert main(["run", str(FLEET), *where, *flags]) == 0
    assert started == [expected]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_phase_is_asked_for_when_the_one_before_it_is_done(workers):
    results = []

    def phases():
        yield []
        yield range(100)
        yield [sum(number for _, (number, _pid) in results)]

    run_all(square, phases(), workers, lambda *done: results.append(done))
    squares = sum(number * number for number in range(100))
    assert sorted(task for task, _ in results) == [*range(100), squares]
    assert results[-1][0] == squares


def test_what_fails_while_tasks_are_made_is_told():
    def phases():
        yield [1]
        raise FileNotFoundError(2, "gone", "a-file")

    with pytest.raises(FileNotFoundError, match="gone"):
        run_all(square, phases(), 2, lambda *_: None)


def fails_elsewhere(kind):
    """Only in the other process: this one waits for it."""
    if os.getpid() == HERE_OF_PARENT[0]:
        time.sleep(0.05)
        return
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "file":
        raise FileNotFoundError(2, "gone", "a-file")
    if kind == "usage":
        msg = "--that is wrong"
        raise UsageError(msg)
    msg = "a patient's name"
    raise ValueError(msg)


HERE_OF_PARENT = [int(os.environ.setdefault("VITALBEAM_TEST_PARENT", str(HERE)))]


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("file", OSError, "[Errno 2] gone: 'a-file'"),
        ("usage", UsageError, "--that is wrong"),
        ("bug", WorkerFailedError, "ValueError"),
        (
            "killed",
            OSError,
            "a worker process ended (exit code -9), perhaps for want of memory; run"
            " again with fewer --workers or a smaller --slice_mb to go on",
        ),
    ],
)
def test_what_fails_in_a_worker_is_told_here(kind, error, said):
    with pytest.raises(error) as raised:
        run_all(fails_elsewhere, [[kind] * 10_000], 2, lambda *_: None)
    assert str(raised.value) == said
    if kind == "bug":
        assert "raise ValueError(msg)" in raised.value.frames
        assert "patient" not in str(raised.value)


def sleeps(seconds):
    if os.getpid() == HERE_OF_PARENT[0]:
        raise KeyboardInterrupt
    time.sleep(seconds)


def test_whoever_interrupts_does_not_wait_for_workers():
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_all(sleeps, [[600, 600]], 2, lambda *_: None)
    assert time.monotonic() - started < 300


def test_a_bug_in_a_worker_is_told_by_where_it_is(monkeypatch, capsys):
    error = WorkerFailedError("ValueError", "  File x, line 1\n")

    def fails():
        raise error

    monkeypatch.setattr("pipeline.__main__.main", fails)
    assert entry() == 3
    told = capsys.readouterr().err
    assert told == "  File x, line 1\nvitalbeam: ValueError: a bug, please report it\n"


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    lines = [line.rstrip(b"\n") for line in generate(6_000, seed=5)]
    return write_lines(tmp_path_factory.mktemp("messages") / "m.ndjson", lines)


def test_stores_are_the_same_whoever_works(messages, tmp_path, monkeypatch):
    monkeypatch.setattr(local_run, "_LEAST", 100_000)
    assert run(messages, tmp_path / "one", "--workers=1", mapping=FLEET) == 1
    assert run(messages, tmp_path / "three", "--workers=3", mapping=FLEET) == 1
    assert files(tmp_path / "three") == files(tmp_path / "one")


@pytest.mark.parametrize(
    ("size", "cores", "expected"),
    [
        (10, 8, 1),
        (WORTH_A_WORKER * 2, 8, 2),
        (WORTH_A_WORKER * 100, 8, 8),
        (WORTH_A_WORKER * 100, 1, 1),
    ],
)
def test_workers_are_as_many_as_the_input_is_worth(size, cores, expected, monkeypatch):
    monkeypatch.setattr(workers, "usable_cores", lambda: cores)
    assert plan_for(size, None, None).workers == expected


@pytest.mark.parametrize(
    ("size_mb", "slice_mb", "workers", "expected_mb", "settled_mb"),
    [
        (10, None, 1, 64, 128),
        (10_000, None, 1, 64, 128),
        (10_000, None, 4, 64, 64),
        (10_000, None, 16, 16, 16),  # many share one memory
        (10_000, None, 100, 8, 8),
        (120, 8, 2, 8, 8),
        (120, 100, 1, 100, 100),
    ],
)
def test_slices_suit_the_input_and_the_workers(
    size_mb, slice_mb, workers, expected_mb, settled_mb
):
    wanted = None if slice_mb is None else slice_mb << 20
    plan = plan_for(size_mb << 20, wanted, workers)
    assert plan == (expected_mb << 20, settled_mb << 20, workers)


@pytest.mark.parametrize(
    ("workers", "left_mb", "expected_mb"),
    [
        (1, 1_000, 64),
        (1, 1, 64),
        (2, 1_000, 64),
        (2, 120, 60),
        (2, 20, 10),
        (2, 1, 8),
        (4, 120, 30),
    ],
)
def test_parts_become_smaller_towards_the_end(workers, left_mb, expected_mb):
    left, expected = left_mb << 20, expected_mb << 20
    assert Plan(64 << 20, 0, workers).next_slice(left) == expected
    assert Plan(0, 64 << 20, workers).next_settled(left) == expected


def test_cores_are_those_that_may_be_used():
    assert 1 <= usable_cores() <= os.cpu_count()


def test_the_readme_tells_the_default():
    assert "| `--workers=N` |" in (ROOT / "README.md").read_text()
