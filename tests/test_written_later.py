"""Files whose last step is done while the run goes on: no reader sees the old one."""

import os
import threading

import pytest

from pipeline.local_files import LocalFiles
from pipeline.written_later import WrittenLater, written


def append(more):
    return lambda content: (content or b"") + more


@pytest.fixture
def slow_disk(monkeypatch):
    """A disk that has nothing until it is let go."""
    go = threading.Event()
    sync = os.fsync

    def fsync(descriptor):
        assert go.wait(60)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return go


def test_a_run_goes_on_while_the_disk_works(tmp_path, slow_disk):
    files = LocalFiles(tmp_path)
    with written.allowed():
        files.update("d/a", append(b"1"))
        files.update("d/b", append(b"2"))
        assert not (tmp_path / "d" / "a").exists()
        slow_disk.set()
    assert (tmp_path / "d" / "a").read_bytes() == b"1"
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == ["a", "b"]


def later(event):
    threading.Timer(0.05, event.set).start()


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (lambda files: files.read("d/a"), b"1"),
        (lambda files: files.files("a"), [("d/a", 1)]),
        (lambda files: [name for name, _ in files.open_each("a")], ["d/a"]),
        (lambda files: files.update("d/a", append(b"2")) or files.read("d/a"), b"12"),
    ],
)
def test_whoever_looks_waits_for_the_new_file(tmp_path, slow_disk, look, expected):
    files = LocalFiles(tmp_path)
    with written.allowed():
        files.update("d/a", append(b"1"))
        later(slow_disk)
        assert look(files) == expected


def test_without_leave_a_file_is_there_at_once(tmp_path):
    LocalFiles(tmp_path).update("a", append(b"1"))
    assert (tmp_path / "a").read_bytes() == b"1"


def test_a_disk_that_fails_is_told(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"), written.allowed():
        LocalFiles(tmp_path).update("a", append(b"1"))
    assert not (tmp_path / "a").exists()
    monkeypatch.undo()
    with written.allowed():  # nothing of it is left
        LocalFiles(tmp_path).update("a", append(b"1"))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_files_are_written_though_the_run_fails(tmp_path):
    def run():
        with written.allowed():
            LocalFiles(tmp_path).update("a", append(b"1"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert (tmp_path / "a").read_bytes() == b"1"


def test_only_the_outermost_waits(tmp_path):
    done = []
    later = WrittenLater()
    with later.allowed():
        with later.allowed():
            later.do(tmp_path, lambda: done.append(1))
        later.do(tmp_path / "other", lambda: done.append(2))
    assert sorted(done) == [1, 2]
