"""Following files as they grow."""

import pytest

from pipeline.options import UsageError
from pipeline.tail_files import FileTail


def drawn(tail):
    """All that is there now: source and payload of each message."""
    found = []
    while (batch := tail.draw()) is not None:
        numbered = zip(batch.positions, batch.payloads, strict=True)
        found += [(f"{batch.prefix}{position}", text) for position, text in numbered]
    return found


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.ndjson"


@pytest.fixture
def append(path):
    def write(content):
        with path.open("ab") as file:
            file.write(content)

    return write


@pytest.mark.parametrize(
    ("writes", "lines"),
    [
        ([b"{}\n"], [[(1, b"{}")]]),
        ([b"{}\n{", b"}\n"], [[(1, b"{}")], [(2, b"{}")]]),
        ([b"{", b"}", b"\n"], [[], [], [(1, b"{}")]]),
        ([b"\n  \n1\r\n"], [[(3, b"1")]]),
        (
            [b"\xef\xbb\xbf1\n", b"\xef\xbb\xbf2\n"],
            [[(1, b"1")], [(2, b"\xef\xbb\xbf2")]],
        ),
        ([b"", b"1\n", b""], [[], [(1, b"1")], []]),
    ],
)
def test_a_line_is_drawn_once_and_when_it_is_whole(path, append, writes, lines):
    tail = FileTail(str(path))
    for content, expected in zip(writes, lines, strict=True):
        append(content)
        assert drawn(tail) == [(f"{path}:{number}", text) for number, text in expected]


def test_a_line_may_be_longer_than_a_draw(path, append):
    line = b"x" * 3_000_000
    tail = FileTail(str(path))
    append(line)
    assert drawn(tail) == []
    append(b"\ny\n")
    assert drawn(tail) == [(f"{path}:1", line), (f"{path}:2", b"y")]


def test_new_files_are_followed_too(tmp_path):
    tail = FileTail(str(tmp_path / "*.ndjson"))
    assert drawn(tail) == []
    (tmp_path / "b.ndjson").write_bytes(b"1\n")
    (tmp_path / "a.ndjson").write_bytes(b"2\n")
    (tmp_path / "c.ndjson.gz").write_bytes(b"3\n")
    found = [(f"{tmp_path}/a.ndjson:1", b"2"), (f"{tmp_path}/b.ndjson:1", b"1")]
    assert drawn(tail) == found


def test_a_file_that_is_begun_anew_is_read_anew(path, append):
    tail = FileTail(str(path))
    append(b"1\n2\n")
    assert len(drawn(tail)) == 2
    path.write_bytes(b"3\n")
    assert drawn(tail) == [(f"{path}:1", b"3")]


def test_the_watermark_moves_when_all_has_been_drawn(path, append, monkeypatch):
    clock = iter([10_000_000, 20_000_000, 30_000_000])
    monkeypatch.setattr("pipeline.tail_files.now", lambda: next(clock))
    tail = FileTail(str(path))
    append(b"1\n")
    assert tail.draw() is not None
    assert tail.watermark() == 9_000_000
    assert tail.draw() is None
    assert tail.watermark() == 29_000_000


@pytest.mark.parametrize("pattern", ["a.ndjson.gz", "a.json", "s3://b/a.ndjson"])
def test_what_does_not_grow_by_lines_is_refused(pattern):
    with pytest.raises(UsageError, match="does not grow by lines"):
        FileTail(pattern)
