from datetime import datetime, timezone

import pytest
from flink_stub import RESTORED, STOPPED, FlinkStub

from pipeline.flink_rest import FlinkRest
from pipeline.flink_state import (
    Checkpoint,
    Checkpoints,
    Cluster,
    FlinkError,
    FlinkRefusedError,
    FlinkUnavailableError,
    Job,
)


def at(hour, minute, second, microsecond=0):
    return datetime(
        2026, 11, 25, hour, minute, second, microsecond, tzinfo=timezone.utc
    )


STOPPED_JOB = Job(STOPPED, "watched", "FINISHED", at(7, 3, 29, 569000))
RESTORED_JOB = Job(RESTORED, "watched", "RUNNING", at(7, 5, 4, 608000))
SAVEPOINT = "s3://state/savepoints/savepoint-3453c7-e2cbb589a3ed"


@pytest.fixture
def stub():
    server = FlinkStub()
    yield server
    server.close()


@pytest.fixture
def flink(stub):
    return FlinkRest(stub.address)


def test_jobs_come_newest_first(flink):
    assert flink.jobs() == (RESTORED_JOB, STOPPED_JOB)


def test_of_a_name_the_job_that_is_not_over_is_meant(flink, stub):
    assert flink.job("watched") == RESTORED_JOB
    assert flink.job("other") is None
    for job in stub.answers["/jobs/overview"]["jobs"]:
        job["state"] = "CANCELED"
    assert flink.job("watched").id == RESTORED
    for job in stub.answers["/jobs/overview"]["jobs"]:
        job["state"] = "RESTARTING"
    with pytest.raises(FlinkRefusedError, match="runs 2 jobs named watched: cancel"):
        flink.job("watched")


def test_checkpoints_of_a_stopped_job(flink):
    folder = f"s3://state/ckpt/{STOPPED}"
    savepoint = Checkpoint(13, SAVEPOINT, at(7, 4, 6, 864000), True, False)
    found = flink.checkpoints(STOPPED)
    assert found == Checkpoints(
        completed=(
            savepoint,
            Checkpoint(11, f"{folder}/chk-11", at(7, 4, 4, 912000), False, True),
        ),
        failed=3,
        restored_at=None,
        restored_from=None,
    )
    assert found.newest == savepoint


def test_checkpoints_of_a_job_that_went_on_from_a_savepoint(flink):
    found = flink.checkpoints(RESTORED)
    assert found == Checkpoints(
        completed=(),
        failed=2,
        restored_at=at(7, 5, 4, 665000),
        restored_from=SAVEPOINT,
    )
    assert found.newest is None


def test_a_cluster(flink, stub):
    stub.answers["/overview"] = {
        "flink-version": "1.19.3",
        "taskmanagers": 2,
        "slots-total": 4,
        "slots-available": 1,
        "jobs-running": 1,
    }
    assert flink.cluster() == Cluster("1.19.3", 2, 4, 1)


def savepoints_of(stub, job_id, *answers):
    stub.answers[f"/jobs/{job_id}/savepoints"] = {"request-id": "t"}
    stub.answers[f"/jobs/{job_id}/savepoints/t"] = list(answers)


BUSY = {"status": {"id": "IN_PROGRESS"}, "operation": None}
DONE = {"status": {"id": "COMPLETED"}, "operation": {"location": SAVEPOINT}}
FAILED = {
    "status": {"id": "COMPLETED"},
    "operation": {"failure-cause": {"class": "a.B", "stack-trace": "secret"}},
}


def test_a_savepoint_is_waited_for(flink, stub):
    savepoints_of(stub, RESTORED, BUSY, DONE)
    assert flink.savepoint(RESTORED, "s3://state/savepoints") == SAVEPOINT
    body = {"target-directory": "s3://state/savepoints", "cancel-job": False}
    poll = ("GET", f"/jobs/{RESTORED}/savepoints/t", None)
    assert stub.asked == [("POST", f"/jobs/{RESTORED}/savepoints", body), poll, poll]


def test_a_job_is_stopped_without_ending_its_sources_and_waited_for(flink, stub):
    savepoints_of(stub, RESTORED, DONE)
    stub.answers[f"/jobs/{RESTORED}"] = [{"state": "RUNNING"}, {"state": "CANCELED"}]
    assert flink.stop(RESTORED) == SAVEPOINT
    body = {"target-directory": None, "cancel-job": True}
    assert stub.asked[0] == ("POST", f"/jobs/{RESTORED}/savepoints", body)
    assert [path for _, path, _ in stub.asked].count(f"/jobs/{RESTORED}") == 2


def test_a_job_that_is_just_being_restored_is_asked_again(flink, stub):
    trace = "CheckpointException: ... Not all required tasks are currently running."
    cause = {"class": "a.B", "stack-trace": trace}
    early = {"status": {"id": "COMPLETED"}, "operation": {"failure-cause": cause}}
    savepoints_of(stub, RESTORED, early, DONE)
    assert flink.savepoint(RESTORED) == SAVEPOINT
    assert [method for method, _, _ in stub.asked] == ["POST", "GET", "POST", "GET"]
    savepoints_of(stub, RESTORED, early)
    with pytest.raises(FlinkUnavailableError, match=r"no savepoint of .* after 0\.1 s"):
        flink.savepoint(RESTORED, wait_s=0.1)


def test_a_failed_savepoint_says_why_without_repeating_what_the_job_said(flink, stub):
    savepoints_of(stub, RESTORED, FAILED)
    with pytest.raises(FlinkRefusedError) as caught:
        flink.stop(RESTORED)
    assert "(a.B)" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("method", ["savepoint", "stop"])
def test_nobody_waits_for_a_savepoint_for_ever(flink, stub, method):
    savepoints_of(stub, RESTORED, BUSY)
    with pytest.raises(FlinkUnavailableError, match=r"no savepoint of .* after 0\.1 s"):
        getattr(flink, method)(RESTORED, wait_s=0.1)


def test_cancelling_asks_once_and_waits(flink, stub):
    stub.answers[f"/jobs/{RESTORED}?mode=cancel"] = {}
    stub.answers[f"/jobs/{RESTORED}"] = {"state": "CANCELED"}
    flink.cancel(RESTORED)
    assert stub.asked == [
        ("PATCH", f"/jobs/{RESTORED}?mode=cancel", None),
        ("GET", f"/jobs/{RESTORED}", None),
    ]


def test_questions_are_asked_again_while_the_jobmanager_changes(flink, stub):
    stub.failures = [503, 502]
    assert flink.jobs() == (RESTORED_JOB, STOPPED_JOB)


def test_orders_are_given_once(flink, stub):
    savepoints_of(stub, RESTORED, DONE)
    stub.failures = [503]
    with pytest.raises(FlinkUnavailableError, match="status 503"):
        flink.savepoint(RESTORED)
    assert len(stub.asked) == 1


@pytest.mark.parametrize(
    ("failure", "kind", "said"),
    [
        ((404, "{}"), FlinkRefusedError, "the cluster knows nothing of it"),
        ((400, "{}"), FlinkRefusedError, "status 400: is this a JobManager"),
        ((401, "{}"), FlinkRefusedError, "status 401: is this a JobManager"),
        ((500, "secret"), FlinkUnavailableError, "status 500; try again"),
        ((200, "<html>secret"), FlinkRefusedError, "the answer is no JSON"),
    ],
)
def test_bad_answers_are_sentences(flink, stub, failure, kind, said):
    stub.failures = [failure]
    with pytest.raises(kind, match=said) as caught:
        flink.checkpoints(RESTORED)
    assert f"Flink at {stub.address}: /jobs/" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_who_is_not_there_is_a_sentence(flink, stub):
    stub.close()
    with pytest.raises(FlinkUnavailableError, match="does not answer"):
        flink.jobs()


def test_a_password_in_the_address_is_not_repeated(stub):
    stub.failures = [(403, "{}")]
    flink = FlinkRest(stub.address.replace("//", "//me:secret@"))
    with pytest.raises(FlinkError) as caught:
        flink.jobs()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("address", ["jobmanager:8081", "http://", "ftp://host", ""])
def test_an_address_has_to_be_one(address):
    with pytest.raises(FlinkRefusedError, match="named as http://jobmanager:8081"):
        FlinkRest(address)
