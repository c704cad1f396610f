"""A job on Flink starts where it left off, or not at all."""

import json

import pytest
from flink_stub import RESTORED, STOPPED, FlinkStub

from pipeline.flink_job import FlinkJob, Situation, decide
from pipeline.flink_rest import FlinkRest
from pipeline.flink_state import FlinkRefusedError, FlinkUnavailableError, Job, moment
from pipeline.options import UsageError
from pipeline.saved_states import State, states_in
from pipeline.upsert_files import Folder

A, B, OTHER = "a" * 32, "b" * 32, "c" * 32

CHK_7, CHK_9 = State(A, 7, "file:/s/a/chk-7"), State(A, 9, "file:/s/a/chk-9")
STOP_10 = State(A[:6], 10, "file:/s/savepoint-aaaaaa-1")
CHK_2 = State(B, 2, "file:/s/b/chk-2")
STRANGE = State(OTHER, 99, "file:/s/c/chk-99")

HEADER = bytes.fromhex("4960672d000000040000000000000019")
"""The first bytes of a `_metadata` of Flink 1.19.3: checkpoint 25."""


def job(identifier, state, started=1):
    return Job(identifier, "live", state, moment(started))


def situation(jobs=(), own=(), states=(), has_place=False):
    return Situation(
        name="live", jobs=jobs, own=own, states=states, has_place=lambda: has_place
    )


@pytest.mark.parametrize(
    ("known", "fresh_start", "start"),
    [
        pytest.param(situation(), False, None, id="the first start"),
        pytest.param(
            situation(own=[A], states=[CHK_7, CHK_9], has_place=True),
            False,
            CHK_9.path,
            id="the newest checkpoint",
        ),
        pytest.param(
            situation(own=[A], states=[STOP_10, CHK_9], has_place=True),
            False,
            STOP_10.path,
            id="a savepoint is newer than what was before it",
        ),
        pytest.param(
            situation(own=[A], states=[State(A[:6], 8, "file:/s/savepoint"), CHK_9]),
            False,
            CHK_9.path,
            id="a savepoint is older than what came after it",
        ),
        pytest.param(
            situation(own=[A, B], states=[CHK_9, CHK_2], has_place=True),
            False,
            CHK_2.path,
            id="the last job, whose checkpoints may count from one again",
        ),
        pytest.param(
            situation(own=[A, B], states=[CHK_9], has_place=True),
            False,
            CHK_9.path,
            id="the job before, if the last one never got to a checkpoint",
        ),
        pytest.param(
            situation(own=[A], states=[CHK_9, STRANGE], has_place=True),
            False,
            CHK_9.path,
            id="never the state of another job",
        ),
        pytest.param(
            situation(states=[STRANGE]), False, None, id="a first start beside others"
        ),
        pytest.param(
            situation([job(A, "FAILED"), job(B, "CANCELED")], [A, B], [CHK_9]),
            False,
            CHK_9.path,
            id="jobs that are over are no hindrance",
        ),
        pytest.param(
            situation(own=[A], states=[CHK_9], has_place=True),
            True,
            None,
            id="without state because it is asked for",
        ),
        pytest.param(
            situation(has_place=True), True, None, id="asked for, and nothing there"
        ),
    ],
)
def test_where_a_job_starts(known, fresh_start, start):
    assert decide(known, fresh_start=fresh_start) == start


@pytest.mark.parametrize(
    ("known", "fresh_start", "message"),
    [
        pytest.param(
            situation([job(A, "RESTARTING")], [A], [CHK_9]),
            False,
            "Flink has a job live that is RESTARTING: stop it first, with python -m"
            " pipeline.flink_stop, or give another --job_name",
            id="twice",
        ),
        pytest.param(
            situation([job(A, "RUNNING")]), True, "Flink has a job live", id="fresh too"
        ),
        pytest.param(
            situation(own=[A], has_place=True),
            False,
            "the consumer group of job live has been read from, but --flink_state holds"
            " no savepoint or checkpoint of it. Name one with --savepoint_path; or give"
            " --fresh_start to go on at the committed offsets: what the job had read"
            " and not stored yet is then missing, until the topic is read again under a"
            " new --kafka_group",
            id="nothing is left",
        ),
        pytest.param(
            situation(states=[STRANGE, CHK_9], has_place=True),
            False,
            "no savepoint or checkpoint of it (there are some of 2 other jobs). Name",
            id="of others only",
        ),
    ],
)
def test_what_would_lose_readings_is_refused(known, fresh_start, message):
    with pytest.raises(UsageError) as refused:
        decide(known, fresh_start=fresh_start)

    assert message in str(refused.value)


def test_the_brokers_are_asked_only_if_it_matters():
    def never():
        raise AssertionError

    known = Situation(name="live", jobs=(), own=[A], states=[CHK_9], has_place=never)

    assert decide(known, fresh_start=False) == CHK_9.path
    assert decide(known, fresh_start=True) is None


def write_state(folder, place, content=HEADER):
    path = folder / place
    path.mkdir(parents=True)
    (path / "_metadata").write_bytes(content)
    return path.as_uri()


def test_states_are_found_however_deep(tmp_path):
    chk = write_state(tmp_path, f"state/checkpoints/{A}/chk-25")
    stop = write_state(tmp_path, "state/savepoint-bbbbbb-12ab34cd56ef")
    (tmp_path / f"state/checkpoints/{A}/chk-26").mkdir()  # not complete
    write_state(tmp_path, f"state/checkpoints/{A}/shared/other")

    assert sorted(states_in(Folder(str(tmp_path))), key=str) == [
        State(A, 25, chk),
        State("bbbbbb", 25, stop),
    ]


def test_a_folder_that_is_not_there_has_no_states(tmp_path):
    assert states_in(Folder(str(tmp_path / "none"))) == ()


@pytest.mark.parametrize("content", [b"", b"\x00" * 16, HEADER[:15]])
def test_what_is_no_state_is_not_started_from(tmp_path, content):
    path = write_state(tmp_path, f"{A}/chk-1", content)

    with pytest.raises(FlinkRefusedError) as refused:
        states_in(Folder(str(tmp_path)))

    assert str(refused.value) == (
        f"{path} is no state of Flink as we know it: give --savepoint_path"
    )


@pytest.fixture
def stub():
    stub = FlinkStub()
    yield stub
    stub.close()


@pytest.fixture
def flink_job(stub, tmp_path):
    """The job of the recorded cluster; one was stopped, its successor runs."""
    listed = stub.answers["/jobs/overview"]["jobs"]
    name = next(each["name"] for each in listed if each["jid"] == RESTORED)
    return FlinkJob(FlinkRest(stub.address), name, Folder(str(tmp_path)))


def remembered(flink_job):
    (name,) = (flink_job.state / "jobs").files(".json")
    return json.loads((flink_job.state / "jobs").read(name[0]))


def only(stub, *ids):
    """Has the cluster forget all other jobs."""
    overview = stub.answers["/jobs/overview"]
    overview["jobs"] = [each for each in overview["jobs"] if each["jid"] in ids]


def test_ids_are_remembered_though_the_cluster_forgets_them(stub, flink_job, tmp_path):
    path = write_state(tmp_path, f"checkpoints/{STOPPED}/chk-25")
    only(stub, STOPPED)
    assert flink_job.starting_point(lambda: True) == path
    only(stub)

    assert flink_job.starting_point(lambda: True) == path
    assert remembered(flink_job) == [STOPPED]


def test_what_was_handed_in_is_remembered_once_it_is_listed(stub, flink_job):
    later = stub.answers["/jobs/overview"]
    stub.answers["/jobs/overview"] = [{"jobs": []}, later]

    assert flink_job.follow(lambda: False).id == RESTORED
    assert remembered(flink_job) == [RESTORED]


def test_what_was_handed_in_and_failed_is_not_waited_for(stub, flink_job):
    only(stub)

    with pytest.raises(FlinkUnavailableError) as failed:
        flink_job.follow(lambda: True)

    name = flink_job.name
    assert str(failed.value) == f"Flink did not start job {name}: its logs say why"


def test_a_job_that_runs_is_not_started_again(flink_job):
    with pytest.raises(UsageError, match="is RUNNING: stop it first"):
        flink_job.starting_point(lambda: False)
