"""A job is stopped so that it can go on later."""

import pytest
from flink_stub import RESTORED, FlinkStub

from pipeline.flink_stop import main

SAVEPOINT = "file:/state/savepoint-1fdc4c-000000000000"


@pytest.fixture
def stub():
    stub = FlinkStub()
    job = f"/jobs/{RESTORED}"
    stub.answers[f"{job}/savepoints"] = {"request-id": "t"}
    stub.answers[f"{job}/savepoints/t"] = {
        "status": {"id": "COMPLETED"},
        "operation": {"location": SAVEPOINT},
    }
    stub.answers[job] = {"state": "CANCELED"}
    yield stub
    stub.close()


def test_the_path_of_the_savepoint_is_printed(stub, capsys):
    assert main([f"--flink_rest={stub.address}", "--job_name=watched"]) == 0
    assert capsys.readouterr() == (f"{SAVEPOINT}\n", "")
    assert ("POST", f"/jobs/{RESTORED}/savepoints") in [
        asked[:2] for asked in stub.asked
    ]


@pytest.mark.parametrize(
    ("place", "name", "status", "message"),
    [
        ("ADDRESS", "other", 2, "flink_stop: no job other runs there\n"),
        ("http://127.0.0.1:9", "watched", 3, "is the JobManager up?\n"),
        ("127.0.0.1:9", "watched", 3, "is named as http://jobmanager:8081\n"),
    ],
)
def test_what_cannot_be_stopped_is_told(stub, capsys, place, name, status, message):
    address = stub.address if place == "ADDRESS" else place

    assert main([f"--flink_rest={address}", f"--job_name={name}"]) == status

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.endswith(message)


def test_a_job_that_is_over_is_not_stopped(stub, capsys):
    for job in stub.answers["/jobs/overview"]["jobs"]:
        job["state"] = "CANCELED"

    assert main([f"--flink_rest={stub.address}", "--job_name=watched"]) == 2
    assert capsys.readouterr().err == "flink_stop: no job watched runs there\n"
