"""Files that are rewritten whole, whoever else writes or reads them."""

import os
import pickle
import re
import subprocess
import sys
import threading

import pytest

from pipeline.upsert_files import Folder


def put(content):
    return lambda _known: content


def mode(path):
    return path.stat().st_mode & 0o777


@pytest.fixture
def no_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_change_sees_the_content_and_decides_the_next(tmp_path):
    folder, seen = Folder(str(tmp_path)), []

    def append(content):
        seen.append(content)
        return (content or b"") + b"x"

    for _ in range(3):
        folder.update("a/b/file", append)
    assert seen == [None, b"x", b"xx"]
    assert folder.read("a/b/file") == b"xxx"
    assert os.listdir(tmp_path / "a" / "b") == ["file"]


@pytest.mark.usefixtures("no_umask")
def test_only_the_owner_can_read_what_is_made(tmp_path):
    Folder(f"{tmp_path}/out").prepare()
    Folder(f"{tmp_path}/out").update("date=1/file", put(b"x"))
    assert mode(tmp_path / "out") == 0o700
    assert mode(tmp_path / "out" / "date=1") == 0o700
    assert mode(tmp_path / "out" / "date=1" / "file") == 0o600


@pytest.mark.usefixtures("no_umask")
def test_a_folder_that_exists_keeps_its_mode(tmp_path):
    (tmp_path / "out").mkdir(mode=0o755)
    Folder(f"{tmp_path}/out").prepare()
    assert mode(tmp_path / "out") == 0o755


@pytest.mark.parametrize("answer", [None, b"same"])
def test_a_change_to_nothing_new_leaves_the_file_untouched(tmp_path, answer):
    folder = Folder(str(tmp_path))
    folder.update("file", put(b"same"))
    os.utime(tmp_path / "file", ns=(1, 1))
    before = (tmp_path / "file").stat()
    folder.update("file", put(answer))
    after = (tmp_path / "file").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert os.listdir(tmp_path) == ["file"]


def test_no_change_to_no_file_makes_no_file(tmp_path):
    Folder(str(tmp_path)).update("file", put(None))
    assert os.listdir(tmp_path) == []


def test_a_change_that_fails_leaves_the_file_as_it_was(tmp_path):
    folder = Folder(str(tmp_path))
    folder.update("file", put(b"old"))

    def fail(_content):
        raise LookupError

    with pytest.raises(LookupError):
        folder.update("file", fail)
    assert folder.read("file") == b"old"
    folder.update("file", put(b"new"))
    assert folder.read("file") == b"new"


def test_what_a_killed_run_left_is_replaced(tmp_path):
    folder = Folder(str(tmp_path))
    folder.update("file", put(b"old"))
    script = (
        "import os, signal, sys\n"
        "from pipeline.upsert_files import Folder\n"
        "def die(content):\n"
        "    with open(f'{sys.argv[1]}/.file.tmp', 'wb') as half:\n"
        "        half.write(b'half of something longer')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "Folder(sys.argv[1]).update('file', die)\n"
    )
    died = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert died.returncode == -9
    assert sorted(os.listdir(tmp_path)) == [".file.tmp", "file"]
    assert folder.read("file") == b"old"
    folder.update("file", put(b"new"))
    assert folder.read("file") == b"new"
    assert os.listdir(tmp_path) == ["file"]


_COUNT = """
import sys
from pipeline.upsert_files import Folder
print("ready", flush=True)
sys.stdin.readline()
for _ in range(200):
    Folder(sys.argv[1]).update("counter", lambda known: b"%d" % (int(known or 0) + 1))
"""


def test_processes_that_update_one_file_lose_nothing(tmp_path):
    counters = [
        subprocess.Popen(
            [sys.executable, "-c", _COUNT, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for counter in counters:
        assert counter.stdout.readline() == b"ready\n"
    for counter in counters:
        counter.stdin.write(b"go\n")
        counter.stdin.flush()
    for counter in counters:
        counter.communicate()
    assert [counter.returncode for counter in counters] == [0, 0, 0]
    assert (tmp_path / "counter").read_bytes() == b"600"
    assert os.listdir(tmp_path) == ["counter"]


def test_a_reader_sees_the_old_or_the_new_file_never_half(tmp_path):
    folder = Folder(str(tmp_path))
    versions = [letter * 300_000 for letter in (b"a", b"b", b"c")]
    folder.update("file", put(versions[0]))
    seen, finished = [], threading.Event()

    def watch():
        while not finished.is_set():
            seen.append(folder.read("file"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(300):
        folder.update("file", put(versions[number % 3]))
    finished.set()
    watcher.join()
    assert set(seen) <= set(versions)
    assert len(set(seen)) > 1


@pytest.mark.parametrize("address", ["{}", "file://{}", "{}/", "file://{}/"])
def test_a_local_folder_may_be_a_path_or_an_address(tmp_path, address):
    folder = Folder(address.format(tmp_path / "out"))
    folder.prepare()
    (folder / "deep").update("file", put(b"x"))
    assert folder.local == tmp_path / "out"
    assert (tmp_path / "out" / "deep" / "file").read_bytes() == b"x"
    assert folder.read("deep/file") == b"x"


def test_a_relative_folder_is_below_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Folder("out").update("file", put(b"x"))
    assert (tmp_path / "out" / "file").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["file", "file.gz", "file.parquet"])
def test_content_is_read_as_it_was_written_whatever_the_name(tmp_path, name):
    folder = Folder(str(tmp_path))
    assert folder.read(name) is None
    folder.update(name, put(b"\x1f\x8b not packed"))
    assert folder.read(name) == b"\x1f\x8b not packed"


@pytest.mark.parametrize("used", [False, True])
def test_a_folder_travels_to_workers(tmp_path, used):
    folder = Folder(str(tmp_path))
    if used:
        folder.prepare()
    revived = pickle.loads(pickle.dumps(folder))  # noqa: S301 - our own bytes
    assert repr(revived) == f"Folder({str(tmp_path)!r})"
    revived.update("file", put(b"x"))
    assert folder.read("file") == b"x"


@pytest.mark.parametrize(
    ("below", "error"),
    [("", NotADirectoryError), ("/x", NotADirectoryError), ("/x/y", OSError)],
)
@pytest.mark.parametrize("permissions", [0o644, 0o755])
def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path, below, error, permissions
):
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "file").chmod(permissions)
    with pytest.raises(error):
        Folder(f"{tmp_path}/file{below}").prepare()
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path):
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(PermissionError):
        Folder(f"{tmp_path}/out").prepare()


@pytest.mark.parametrize("address", ["nonsense://x/y", "http://host/x", "hdfs://h/x"])
def test_an_unknown_kind_of_address_is_refused(address):
    kind = address.partition("://")[0]
    with pytest.raises(ValueError, match=f"^{kind}:// is no place for files: name a"):
        Folder(address).prepare()


@pytest.mark.parametrize(
    "address",
    ["s3://AKIA7:hush/hush@bucket/x", "s3://AKIA7:hush@bucket", "gs://hush@bucket/x"],
)
def test_keys_in_an_address_are_refused_and_not_shown(address):
    folder = pickle.loads(pickle.dumps(Folder(address)))  # noqa: S301 - our own bytes
    message = "^keys do not belong in an address: set them in the environment$"
    with pytest.raises(ValueError, match=message):
        folder.prepare()
    assert "hush" not in f"{folder!r} {folder.uri} {(folder / 'x').uri}"


@pytest.mark.parametrize(
    "address", ["s3://", "s3:///x", "s3://b/x?region=y", "gs://b#x"]
)
def test_an_address_without_a_bucket_or_with_more_is_refused(address):
    kind = address.partition("://")[0]
    message = f"^this is no address of a folder, which is {kind}://BUCKET/FOLDER$"
    with pytest.raises(ValueError, match=message):
        Folder(address).prepare()


def test_object_stores_need_an_extra_and_say_so(monkeypatch):
    monkeypatch.delitem(sys.modules, "pipeline.object_files", raising=False)
    monkeypatch.setitem(sys.modules, "obstore", None)  # as if it were not installed
    with pytest.raises(OSError, match=re.escape("pip install 'vitalbeam[cloud]'")):
        Folder("s3://bucket/x").prepare()


def test_local_folders_do_not_load_what_object_stores_need(tmp_path):
    code = (
        "import sys\nfrom pipeline.upsert_files import Folder\n"
        "Folder(sys.argv[1]).prepare()\nsys.exit('obstore' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == 0


def test_the_files_of_one_name_are_opened_folder_by_folder(tmp_path):
    folder = Folder(f"{tmp_path}/store")
    assert list(folder.open_each("a")) == []
    for name in ("date=2/a", "date=1/a", "date=1/b", "date=3/deeper/a", "a"):
        folder.update(name, put(name.encode()))
    found = [(name, file.read()) for name, file in folder.open_each("a")]
    assert found == [("date=1/a", b"date=1/a"), ("date=2/a", b"date=2/a")]
