"""Outputs on an object store end as local ones do, whoever else writes or dies.

They run against a server of the tests' own or, if the environment variable
VITALBEAM_OBJECTS names a folder (`s3://bucket/folder`, `gs://…`, `az://…`) that the
environment says how to reach, there.
"""

import os
import re
import signal
import subprocess
import sys
import time
import uuid

import pyarrow.parquet as pq
import pytest
from fhir_server import FhirStub
from object_server import BUCKET, LOSSES, LossyProxy, ObjectServer, environment
from obstore.store import from_url
from runs import FLEET, ROOT, files, run, write_lines

from benchmarks.fleet import generate
from pipeline import object_files
from pipeline.object_files import ObjectFiles
from pipeline.push import JOURNAL, TYPES
from pipeline.slot_files import slot_file
from pipeline.store import store
from pipeline.upsert_files import Folder
from transforms.instants import HOUR
from transforms.model import Slot

ELSEWHERE = os.environ.get("VITALBEAM_OBJECTS")

own_server = pytest.mark.skipif(
    ELSEWHERE is not None, reason="needs a server that can be told to fail"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = ObjectServer(tmp_path_factory.mktemp("objects"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def objects(request):
    """The address below which the tests write."""
    if ELSEWHERE is not None:
        yield ELSEWHERE.rstrip("/")
        return
    endpoint = request.getfixturevalue("server").endpoint
    with pytest.MonkeyPatch.context() as patched:
        for name, value in environment(endpoint).items():
            patched.setenv(name, value)
        yield f"s3://{BUCKET}"


@pytest.fixture
def place(objects):
    """The address of an empty folder."""
    return f"{objects}/{uuid.uuid4().hex}"


def contents(address):
    """Every file below an address, by relative path."""
    folder = Folder(address)
    return {name: folder.read(name) for name, _size in folder.files("")}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """Messages in two files, and what a local run makes of them."""
    root = tmp_path_factory.mktemp("fleet")
    lines = [line.rstrip(b"\n") for line in generate(2_000, seed=3)]
    for half in (0, 1):
        write_lines(root / f"half-{half}.ndjson", lines[half::2])
    assert run(root / "half-*.ndjson", root / "out", mapping=FLEET) == 1
    return root, files(root / "out")


def start(script, *arguments, **more):
    return subprocess.Popen(
        [sys.executable, *script, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **more},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def start_run(messages, out, **more):
    flags = (FLEET, f"--messages={messages}", f"--out={out}")
    return start(["-m", "pipeline", "run"], *flags, **more)


def finish(processes, *statuses):
    ends = [(each.communicate()[1].decode(), each.returncode) for each in processes]
    assert tuple(end[1] for end in ends) == (statuses or (0,) * len(ends)), ends


def together(*processes):
    """Lets processes go that wait for a line."""
    for process in processes:
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        process.stdin.write(b"go\n")
        process.stdin.flush()


def test_a_run_leaves_on_an_object_store_what_it_leaves_here(fleet, place):
    root, expected = fleet
    assert run(root / "half-*.ndjson", place, mapping=FLEET) == 1
    assert contents(place) == expected
    assert run(root / "half-*.ndjson", place, mapping=FLEET) == 1
    assert contents(place) == expected


def test_two_runs_at_the_same_time_leave_what_one_leaves(fleet, place):
    root, expected = fleet
    runs = [start_run(root / f"half-{half}.ndjson", place) for half in (0, 1)]
    finish(runs, 0, 1)  # all that is malformed stands in the second half
    assert contents(place) == expected


def test_a_killed_run_started_again_ends_as_an_undisturbed_one(fleet, place):
    root, expected = fleet
    enough = len(expected) // 3
    process = start_run(root / "half-*.ndjson", place)
    while len(Folder(place).files("")) < enough:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    finish([process], -signal.SIGKILL)
    found = contents(place)
    assert enough <= len(found)
    assert found != expected, "the kill came too late to show anything"
    finish([start_run(root / "half-*.ndjson", place)], 1)
    assert contents(place) == expected


_COUNT = """
import sys
from pipeline.upsert_files import Folder
folder = Folder(sys.argv[1])
folder.read("counter")
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    folder.update("counter", lambda known: b"%d" % (int(known or 0) + 1))
"""


def test_processes_that_update_one_file_lose_nothing(place):
    counters = [start(["-c", _COUNT], place, 40) for _ in range(3)]
    together(*counters)
    finish(counters)
    assert contents(place) == {"counter": b"120"}


_STORE = """
import sys
import pyarrow.parquet as pq
from pipeline.store import store
from pipeline.upsert_files import Folder
from transforms.model import Slot
rows, folder = pq.read_table(sys.argv[2]), Folder(sys.argv[1])
slot = Slot(int(sys.argv[3]), 60)
folder.read("any")
print("ready", flush=True)
sys.stdin.readline()
for number in range(rows.num_rows):
    store(folder, slot, 0, rows.slice(number, 1))
"""


def test_workers_that_fight_over_a_slot_lose_no_reading(fleet, place, tmp_path):
    root, _ = fleet
    path = max((root / "out" / "measurement").rglob("T*.parquet"), key=_size)
    rows = pq.ParquetFile(path).read().slice(0, 60)
    start_of_slot = rows["occurred_at"][0].value // HOUR * HOUR
    for worker in (0, 1):  # what is between is brought by both
        pq.write_table(rows.slice(worker * 20, 40), tmp_path / f"{worker}.parquet")
    workers = [
        start(["-c", _STORE], place, tmp_path / f"{worker}.parquet", start_of_slot)
        for worker in (0, 1)
    ]
    together(*workers)
    finish(workers)
    slot = Slot(start_of_slot, 60)
    store(Folder(f"{tmp_path}/here"), slot, 0, rows)
    assert contents(place) == files(tmp_path / "here")
    assert list(files(tmp_path / "here")) == [slot_file(slot, 0, ".parquet")]


def _size(path):
    return path.stat().st_size


def test_folders_are_pushed_from_an_object_store(fleet, place):
    root, written = fleet
    for name, content in written.items():
        Folder(place).update(name, lambda _known, content=content: content)
    pushed = []
    for address in (f"{root}/out", place):
        stub = FhirStub()
        flags = (address, f"--fhir={stub.base}")
        finish([start(["-m", "pipeline", "push"], *flags)])
        pushed.append({kind: stub.store.everything(kind) for kind in TYPES})
        stub.close()
    assert pushed[0] == pushed[1]
    assert all(pushed[0].values())
    notes = [name for name in contents(place) if name not in written]
    assert [name.rpartition("/")[0] for name in notes] == [f"fhir/{JOURNAL}"]


@own_server
def test_a_run_ends_as_ever_though_answers_get_lost(fleet, place, server):
    root, expected = fleet
    proxy = LossyProxy(server.endpoint, 1, 0.1)
    more = environment(proxy.endpoint)
    finish([start_run(root / "half-*.ndjson", place, **more)], 1)
    proxy.close()
    assert contents(place) == expected
    assert set(proxy.counts) == set(LOSSES)


@own_server
def test_no_change_is_lost_with_the_answers_to_it(place, server, objects):
    """Each change may be made twice, as those of the pipeline may."""
    proxy = LossyProxy(server.endpoint, 2, 0.5)
    lossy = from_url(objects, endpoint=proxy.endpoint)
    prefix = place.removeprefix(f"{objects}/")
    folder = ObjectFiles(lossy, prefix, place)
    names = [f"{number:02}" for number in range(40)]
    for name in names:
        folder.update("file", lambda known, new=name: _with(known, new))
    proxy.close()
    assert contents(place) == {"file": " ".join(names).encode()}
    assert set(proxy.counts) == set(LOSSES)


def _with(known, new):
    return " ".join(sorted({*(known or b"").decode().split(), new})).encode()


NO_BUCKET = "there is no such bucket: create it, or check address and endpoint"

MISTAKES = {
    "no bucket": ("s3://elsewhere/x", {}, NO_BUCKET),
    "no answer": (
        "s3://bucket/x",
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        "http://127.0.0.1:9 does not answer: check the endpoint and the network",
    ),
    "http": (
        "s3://bucket/x",
        {"AWS_ALLOW_HTTP": "false"},
        "the endpoint is not https: check it, and allow it with AWS_ALLOW_HTTP=true",
    ),
}


@own_server
@pytest.mark.usefixtures("objects", "no_connections")
@pytest.mark.parametrize("case", MISTAKES)
def test_what_is_wrong_is_said_before_anything_is_written(case, monkeypatch):
    address, changes, reason = MISTAKES[case]
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(OSError, match=f"^{re.escape(reason)}$"):
        Folder(address).prepare()


@pytest.fixture
def no_connections():
    """A process reads its environment once for each bucket; here it changes."""
    object_files._connect.cache_clear()
    yield
    object_files._connect.cache_clear()


@own_server
def test_what_is_wrong_is_said_at_launch(fleet, objects):
    process = start_run(fleet[0] / "half-0.ndjson", "s3://elsewhere/x")
    errors = process.communicate()[1].decode()
    said = f"vitalbeam: cannot write to s3://elsewhere/x: {NO_BUCKET}\n"
    assert (process.returncode, errors) == (2, said)


@own_server
def test_a_server_that_keeps_no_conditions_is_refused(place, server, objects):
    proxy = LossyProxy(server.endpoint, 0, 0, forgets=("If-Match", "If-None-Match"))
    folder = ObjectFiles(
        from_url(objects, endpoint=proxy.endpoint), place.rpartition("/")[2], place
    )
    message = "^the server does not keep the condition If-Match of a put"
    with pytest.raises(OSError, match=message):
        folder.prepare()
    proxy.close()
    assert contents(place) == {}


@own_server
@pytest.mark.usefixtures("objects", "no_connections")
def test_who_may_not_write_is_told(tmp_path, monkeypatch):
    closed = ObjectServer(tmp_path, closed=True)
    monkeypatch.setenv("AWS_ENDPOINT_URL", closed.endpoint)
    message = (
        "access is denied (403 InvalidAccessKeyId): the credentials in the environment"
        " must let us list, read and write"
    )
    with pytest.raises(OSError, match=f"^{re.escape(message)}$"):
        Folder("s3://bucket/x").prepare()
    closed.stop()
