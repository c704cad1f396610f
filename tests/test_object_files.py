"""Files on object stores: what conditional puts promise, on the library's own store."""

import random
import re

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import MemoryStore

from pipeline import object_files
from pipeline.object_files import ObjectFiles, OvertakenError


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def folder(store):
    return ObjectFiles(store, "out/store", "s3://bucket/out/store")


def put(content):
    return lambda _known: content


def everything(store):
    return {
        one["path"]: bytes(obstore.get(store, one["path"]).bytes())
        for page in obstore.list(store)
        for one in page
    }


def test_a_change_sees_the_content_and_decides_the_next(folder, store):
    seen = []

    def append(content):
        seen.append(content)
        return (content or b"") + b"x"

    for _ in range(3):
        folder.update("a/b/file", append)
    assert seen == [None, b"x", b"xx"]
    assert folder.read("a/b/file") == b"xxx"
    assert folder.read("a/b/other") is None
    assert everything(store) == {"out/store/a/b/file": b"xxx"}


@pytest.mark.parametrize("answer", [None, b"same"])
def test_a_change_to_nothing_new_puts_nothing(folder, store, answer):
    folder.update("file", put(b"same"))
    before = obstore.head(store, "out/store/file")
    folder.update("file", put(answer))
    assert obstore.head(store, "out/store/file") == before
    folder.update("none", put(None))
    assert everything(store) == {"out/store/file": b"same"}


@pytest.mark.parametrize("before", [None, b"before "])
@pytest.mark.parametrize("others", [1, 3])
def test_who_comes_second_makes_its_change_again(folder, before, others):
    folder.update("file", put(before))
    known, seen = before or b"", []

    def change(content):
        seen.append(content)
        if len(seen) <= others:
            folder.update("file", lambda content: (content or b"") + b"other ")
        return (content or b"") + b"mine"

    folder.update("file", change)
    steps = [known + b"other " * times for times in range(1, others + 1)]
    assert seen == [before, *steps]
    assert folder.read("file") == steps[-1] + b"mine"


def test_who_is_overtaken_all_the_time_gives_up(store):
    folder = ObjectFiles(store, "", "s3://bucket", longest_s=0.2)
    number = iter(range(1000))

    def change(content):
        folder.update("file", put(b"%d" % next(number)))
        return (content or b"") + b" mine"

    message = "^s3://bucket/file is being changed by others all the time$"
    with pytest.raises(OvertakenError, match=message):
        folder.update("file", change)
    assert next(number) > 2
    assert b"mine" not in folder.read("file")


def test_a_change_that_fails_leaves_the_file_as_it_was(folder):
    folder.update("file", put(b"old"))

    def fail(_content):
        raise LookupError

    with pytest.raises(LookupError):
        folder.update("file", fail)
    assert folder.read("file") == b"old"


def test_looking_whether_a_folder_can_be_written_leaves_nothing(folder, store):
    folder.prepare()
    assert everything(store) == {}


@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b c", "ä/100%"])
def test_files_are_found_below_the_folder_and_nowhere_else(store, prefix):
    folder = ObjectFiles(store, prefix, "s3://bucket/x")
    if prefix:
        obstore.put(store, f"{prefix.rstrip('/')}x/z.ndjson", b"another folder")
    for name in ("b/2.ndjson", "b/1.ndjson", "c.ndjson", "b/1.parquet"):
        folder.update(name, put(name.encode()))
    assert folder.files(".ndjson") == [
        ("b/1.ndjson", 10),
        ("b/2.ndjson", 10),
        ("c.ndjson", 8),
    ]
    assert folder.files(".csv") == []


@pytest.mark.parametrize("prefix", ["", "out"])
@pytest.mark.parametrize("small", [0, 100])
def test_the_files_of_one_name_are_opened_folder_by_folder(
    store, prefix, small, monkeypatch
):
    monkeypatch.setattr(object_files, "SMALL", small)
    folder = ObjectFiles(store, prefix, "s3://bucket/x")
    assert list(folder.open_each("a")) == []
    for name in ("date=2/a", "date=1/a", "date=1/b", "date=3/deeper/a", "a"):
        folder.update(name, put(name.encode()))
    found = [(name, file.read()) for name, file in folder.open_each("a")]
    assert found == [("date=1/a", b"date=1/a"), ("date=2/a", b"date=2/a")]


def test_a_large_file_is_read_by_its_parts(folder, store, monkeypatch):
    chance = random.Random(1)
    table = pa.table(
        {
            "id": [f"{number % 7}" for number in range(20_000)],
            "value": [chance.random() for _ in range(20_000)],
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    content = sink.getvalue().to_pybytes()
    folder.update("date=1/a", put(content))
    monkeypatch.setattr(object_files, "SMALL", 1000)
    read, get = [], obstore.get

    def watched(store, path, *, options=None):
        if options is not None:
            read.append(options["range"])
        return get(store, path, options=options)

    monkeypatch.setattr(obstore, "get", watched)
    ((name, ids),) = (
        (name, pq.ParquetFile(file).read(["id"]))
        for name, file in folder.open_each("a")
    )
    assert (name, ids) == ("date=1/a", table.select(["id"]))
    assert 0 < sum(end - start for start, end in read) < len(content) / 2


def test_no_two_versions_of_a_file_are_mixed(folder, monkeypatch):
    monkeypatch.setattr(object_files, "SMALL", 10)
    folder.update("date=1/a", put(b"one " * 10))
    ((_, file),) = opened = list(_opened(folder))
    assert opened[0][0] == "date=1/a"
    assert file.read(8) == b"one one "
    folder.update("date=1/a", put(b"two " * 10))
    message = re.escape("s3://bucket/out/store/date=1/a was changed while it was read")
    with pytest.raises(OSError, match=message):
        file.read(8)


def _opened(folder):
    for name, _file in folder.open_each("a"):
        yield name, folder._open(name)
