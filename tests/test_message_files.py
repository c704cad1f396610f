"""Files of messages: what counts as one, where it stands, how files are cut."""

import gzip
import itertools
import json
import os
import subprocess
import sys

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import message_files
from pipeline.message_files import (
    Slice,
    file_size,
    find_files,
    read_slice,
    slices_of,
    split_array,
)
from pipeline.options import UsageError

BOM = b"\xef\xbb\xbf"
ROUGH = settings(max_examples=60)


def messages_of(path, size=1 << 20, block=1 << 20):
    """Position and payload of every message, read slice by slice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(message_files, "_BLOCK", block)
        return [
            message
            for part in slices_of(str(path), size)
            for batch in read_slice(part)
            for message in zip(batch.positions, batch.payloads, strict=True)
        ]


def sources_of(path):
    return [
        f"{batch.prefix}{position}"
        for part in slices_of(str(path), 1 << 20)
        for batch in read_slice(part)
        for position in batch.positions
    ]


def lines_with_numbers(content):
    """What an NDJSON file says, the slow and obvious way."""
    return [
        (number, line.rstrip(b"\r"))
        for number, line in enumerate(content.removeprefix(BOM).split(b"\n"), 1)
        if line.strip()
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("messages")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", [], id="empty"),
        pytest.param(b"\n \n\t\r\n", [], id="blank"),
        pytest.param(BOM, [], id="mark only"),
        pytest.param(b"{}\n", [(1, b"{}")], id="one line"),
        pytest.param(b"{}", [(1, b"{}")], id="no newline at the end"),
        pytest.param(b'{"a":1}\r\n{"a":2}\r\n', [(1, b'{"a":1}'), (2, b'{"a":2}')]),
        pytest.param(b"1\n\n \n2\n\r\n3", [(1, b"1"), (4, b"2"), (6, b"3")]),
        pytest.param(BOM + b"{}\n{}\n", [(1, b"{}"), (2, b"{}")], id="byte order mark"),
        pytest.param(BOM + b"\n{}\n", [(2, b"{}")], id="mark on a line of its own"),
        pytest.param(b"{}\n" + BOM + b"{}", [(1, b"{}"), (2, BOM + b"{}")]),
        pytest.param(b'{"a":\x0b1}\nx\xff\n', [(1, b'{"a":\x0b1}'), (2, b"x\xff")]),
    ],
)
def test_every_line_that_is_not_blank_is_a_message(tmp_path, content, expected):
    (tmp_path / "m.ndjson").write_bytes(content)
    assert messages_of(tmp_path / "m.ndjson") == expected


ONE, TWO, THREE = b'{"a":1}', b'{"a":2}', b'{"a":3}'


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"[]", [], id="empty array"),
        pytest.param(b"[\n]\n", [], id="empty array on two lines"),
        pytest.param(b'[{"a":1}, {"a":2}]\n', [ONE, TWO], id="one line"),
        pytest.param(b'\n\n [{"a":1}]\n\n', [ONE], id="blank lines around"),
        pytest.param(BOM + b'[{"a":1}]', [ONE], id="byte order mark"),
        pytest.param(b'[\r\n{"a":1},\r\n{"a":2}\r\n]', [ONE, TWO], id="CRLF"),
        pytest.param(b'[{"a":1},\n{"a":2},\n{"a":3}]', [ONE, TWO, THREE]),
        pytest.param(b'[{"a":1},\n{"a":2}]', [ONE, TWO], id="two lines"),
        pytest.param(b'[{"a":1},\n{"a":2}\n]', [ONE, TWO], id="two elements, 3 lines"),
        pytest.param(b'[{"a":1}\n,{"a":2}\n]', [ONE, TWO], id="leading commas"),
        pytest.param(b'[{"a":1}\n]', [ONE], id="one element, two lines"),
        pytest.param(
            b'[\n  {\n    "a": [1, {"b": 2}]\n  },\n  {\n    "a": {}\n  }\n]\n',
            [b'{\n    "a": [1, {"b": 2}]\n  }', b'{\n    "a": {}\n  }'],
            id="pretty-printed",
        ),
        pytest.param(
            rb'["]", "\"", "\\", "\\\"],[{", ","]',
            [rb'"]"', rb'"\""', rb'"\\"', rb'"\\\"],[{"', rb'","'],
            id="marks within strings",
        ),
        pytest.param(b"[1,null,[2,3],[]]", [b"1", b"null", b"[2,3]", b"[]"]),
        pytest.param(b'[{"a":1},{"a":2', [ONE, b'{"a":2'], id="cut off"),
        pytest.param(b'[{"a":1},{"a":"2', [ONE, b'{"a":"2'], id="cut off in a string"),
        pytest.param(b'[{"a":1},"\\', [ONE, b'"\\'], id="cut off in an escape"),
        pytest.param(b'[\n{"a":1},', [ONE], id="cut off after a comma"),
        pytest.param(b'[{"a":1},,{"a":2},]', [ONE, TWO], id="commas too many"),
        pytest.param(b'[\n{"a":1}\n]\n[\n{"a":2},{"a":3}\n]', [ONE, TWO, THREE]),
        pytest.param(b'[\n{"a":1}},\n{"a":2}\n]', [ONE, TWO], id="a brace too many"),
        pytest.param(b'[\n{"a":1}\n]\nend', [ONE, b"end"], id="something after it"),
        pytest.param(b"[\n1]2,[3,4],5", [b"1", b"2", b"[3,4]", b"5"]),
    ],
)
def test_an_array_is_a_file_of_its_elements(tmp_path, content, expected):
    (tmp_path / "m.json").write_bytes(content)
    numbered = list(enumerate(expected, 1))
    assert messages_of(tmp_path / "m.json") == numbered
    for size, block in itertools.product((1, 9, 1 << 20), (1, 2, 3, 7, 1 << 20)):
        assert messages_of(tmp_path / "m.json", size, block) == numbered


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"[1,2]\n[3,4]\n", [b"[1,2]", b"[3,4]"], id="arrays"),
        pytest.param(b"[1,2]\nnonsense\n", [b"[1,2]", b"nonsense"]),
        pytest.param(b'[{"a":1\n{"a":2}\n', [b'[{"a":1', TWO], id="first is broken"),
        pytest.param(b'[{"a":1\n{"a":2}\n{"a":3}', [b'[{"a":1', TWO, THREE]),
        pytest.param(b'[{"a":1},\n{"a":2}\n', [b'[{"a":1},', TWO], id="first cut off"),
    ],
)
def test_lines_that_begin_with_a_bracket_stay_lines(tmp_path, content, expected):
    (tmp_path / "m.ndjson").write_bytes(content)
    assert messages_of(tmp_path / "m.ndjson") == list(enumerate(expected, 1))


def test_a_first_line_longer_than_the_peek_is_an_array(tmp_path, monkeypatch):
    monkeypatch.setattr(message_files, "_PEEK", 20)
    content = b'[{"a":1},{"a":2},{"a":3}]\n'
    (tmp_path / "m.json").write_bytes(content)
    assert messages_of(tmp_path / "m.json") == [(1, ONE), (2, TWO), (3, THREE)]


def test_a_source_names_lines_by_colon_and_elements_by_hash(tmp_path):
    lines, array = tmp_path / "m.ndjson", tmp_path / "m.json"
    lines.write_bytes(b"\n{}\n{}")
    array.write_bytes(b"[{}, {}]")
    assert sources_of(lines) == [f"{lines}:2", f"{lines}:3"]
    assert sources_of(array) == [f"{array}#1", f"{array}#2"]


def test_slices_end_where_messages_end(tmp_path):
    path = str(tmp_path / "m.ndjson")
    (tmp_path / "m.ndjson").write_bytes(b"1\n22\n333\n4444\n5")
    assert list(slices_of(path, 4)) == [
        Slice(path, 0, 5, 1, is_array=False),
        Slice(path, 5, 9, 3, is_array=False),
        Slice(path, 9, 14, 4, is_array=False),
        Slice(path, 14, 15, 5, is_array=False),
    ]


def test_slices_of_an_array_begin_and_end_with_an_element(tmp_path):
    path = str(tmp_path / "m.json")
    (tmp_path / "m.json").write_bytes(b"[ 11 , 22, 33 ,44]")
    assert list(slices_of(path, 3)) == [
        Slice(path, 2, 9, 1, is_array=True),
        Slice(path, 11, 17, 3, is_array=True),
    ]


def test_one_line_of_20_mb_is_one_message(tmp_path):
    long = b'{"a":"' + b"x" * 20_000_000 + b'"}'
    (tmp_path / "m.ndjson").write_bytes(b"{}\n" + long + b"\n{}\n")
    expected = [(1, b"{}"), (2, long), (3, b"{}")]
    assert messages_of(tmp_path / "m.ndjson", size=1 << 20) == expected


def test_one_element_of_10_mb_of_escapes_is_one_message(tmp_path):
    long = b'"' + rb"\"" * 5_000_000 + b'"'
    (tmp_path / "m.json").write_bytes(b"[\n{}," + long + b",{}]")
    expected = [(1, b"{}"), (2, long), (3, b"{}")]
    assert messages_of(tmp_path / "m.json", size=1 << 20) == expected


def packed(content, kind, cut):
    """Content as a file of some kind; `cut` divides it into members or frames."""
    parts = [content[:cut], content[cut:]]
    if kind == ".gz":
        return b"".join(map(gzip.compress, parts))
    if kind in (".zst", ".zstd"):
        return b"".join(map(zstandard.compress, parts))
    return content


KINDS = st.sampled_from(["", ".gz", ".zst", ".zstd"])
SIZES = st.one_of(st.integers(1, 40), st.just(1 << 20))

LINES = st.lists(
    st.sampled_from(
        [
            *(b"\n", b"\n", b"\r\n", b"\r", b" ", b"\t", b"\x0b", b"{}", b'{"a":"]"}'),
            *(BOM, b'"', b"\\", b"\xff", b"word", b'{"long":"' + b"x" * 60 + b'"}'),
        ]
    )
).map(b"".join)


@ROUGH
@given(content=LINES, kind=KINDS, size=SIZES, block=SIZES, cut=st.integers(0, 50))
def test_slices_add_up_to_the_lines(folder, content, kind, size, block, cut):
    path = folder / f"lines.ndjson{kind}"
    path.write_bytes(packed(content, kind, cut))
    assert messages_of(path, size, block) == lines_with_numbers(content)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.sampled_from('ab"\\[]{},: \né😀'), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.sampled_from('ab"]}'), max_size=3), inner)
    ),
    max_leaves=6,
)


def _layouts(values):
    elements = [json.dumps(value, ensure_ascii=False) for value in values]
    return {
        "compact": json.dumps(values, separators=(",", ":"), ensure_ascii=False),
        "one line": json.dumps(values, ensure_ascii=False),
        "pretty": json.dumps(values, indent=2),
        "tabs": json.dumps(values, indent="\t"),
        "one a line": "[\n" + ",\n".join(elements) + "\n]\n",
        "commas lead": "[\r\n" + "\r\n,".join(elements) + "\r\n]",
    }


@ROUGH
@given(
    values=st.lists(JSON, max_size=6),
    layout=st.sampled_from(list(_layouts([]))),
    kind=KINDS,
    size=SIZES,
    block=SIZES,
    cut=st.integers(0, 50),
)
def test_slices_add_up_to_the_array(folder, values, layout, kind, size, block, cut):
    path = folder / f"array.json{kind}"
    path.write_bytes(packed(_layouts(values)[layout].encode(), kind, cut))
    read = messages_of(path, size, block)
    assert [(number, json.loads(text)) for number, text in read] == list(
        enumerate(values, 1)
    )


ROUGH_ARRAYS = st.lists(
    st.sampled_from(
        [
            *(b"[", b"]", b"{", b"}", b",", b",", b'"', b"\\", b"\n", b" ", b"1", b"a"),
            *(b'{"a":1}', b'{"a":{"b":"]"}}', b'"}"', BOM, b"],", b"[{"),
        ]
    )
).map(lambda pieces: b"[\n" + b"".join(pieces))


@settings(max_examples=150)
@given(content=ROUGH_ARRAYS, size=SIZES, block=SIZES)
def test_a_broken_array_reads_the_same_however_it_is_cut(folder, content, size, block):
    path = folder / "broken.json"
    path.write_bytes(content)
    assert messages_of(path, size, block) == messages_of(path)


@settings(max_examples=150)
@given(content=ROUGH_ARRAYS)
def test_a_broken_array_loses_nothing_but_marks(folder, content):
    path = folder / "broken.json"
    path.write_bytes(content)
    read = b"".join(text for _, text in messages_of(path))
    marks = b"[]{}, \n" + BOM
    assert read.translate(None, marks) == content.translate(None, marks)


@settings(max_examples=150)
@given(content=ROUGH_ARRAYS, block=st.integers(1, 9))
def test_offsets_of_elements_are_where_they_stand(folder, content, block):
    path = folder / "broken.json"
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch, path.open("rb") as stream:
        patch.setattr(message_files, "_BLOCK", block)
        for offset, element in split_array(stream):
            assert content[offset : offset + len(element)] == element


LINE = b'{"a":1}\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.ndjson.gz", gzip.compress(LINE * 500)[:-9]),
        ("m.ndjson.gz", gzip.compress(LINE * 500)[:30]),
        ("m.ndjson.gz", gzip.compress(LINE) + b"something else"),
        ("m.ndjson.gz", LINE),
        ("m.ndjson.zst", zstandard.compress(LINE * 500)[:-3]),
        ("m.ndjson.zst", zstandard.compress(LINE * 500)[:6]),
        ("m.ndjson.zst", zstandard.compress(LINE) + b"something else"),
        ("m.ndjson.zst", LINE),
        ("m.json.zst", zstandard.compress(b"[\n" + LINE)[:-1]),
    ],
)
def test_a_damaged_file_is_refused_not_taken_for_its_end(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        messages_of(path)
    assert str(refused.value) == (
        f"{path} cannot be decompressed: it is damaged, cut off, or not what its name"
        " says; replace it and run again"
    )


@pytest.mark.parametrize("name", ["m.gz", "m.zst", "m.zstd"])
def test_an_empty_compressed_file_holds_no_messages(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert messages_of(tmp_path / name) == []


def test_skippable_frames_are_skipped(tmp_path):
    skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
    frame = zstandard.compress(b"{}\n")
    (tmp_path / "m.zst").write_bytes(skippable + frame + skippable + frame)
    assert messages_of(tmp_path / "m.zst") == [(1, b"{}"), (2, b"{}")]


@pytest.mark.parametrize("kind", ["", ".gz", ".zst"])
def test_slices_can_be_read_in_any_order(tmp_path, kind):
    path = tmp_path / f"m.ndjson{kind}"
    content = b"".join(b'{"a":%d}\n' % number for number in range(40))
    path.write_bytes(packed(content, kind, 100))
    slices = list(slices_of(str(path), 50))
    read = [
        message
        for part in (*slices[::-1], *slices[::2])
        for batch in read_slice(part)
        for message in zip(batch.positions, batch.payloads, strict=True)
    ]
    assert len(slices) > 5
    assert sorted(set(read)) == lines_with_numbers(content)


@pytest.mark.parametrize("kind", ["", ".gz", ".zst"])
def test_a_file_that_was_replaced_is_read_anew(tmp_path, kind):
    path = tmp_path / f"m.json{kind}"
    path.write_bytes(packed(b"[1]", kind, 1))
    assert messages_of(path) == [(1, b"1")]
    path.write_bytes(packed(b"[       2]", kind, 1))
    assert messages_of(path) == [(1, b"2")]


@pytest.mark.parametrize("kind", ["", ".gz", ".zst"])
def test_a_file_that_became_shorter_is_not_half_read(tmp_path, kind):
    path = tmp_path / f"m.ndjson{kind}"
    path.write_bytes(packed(LINE * 10, kind, 1))
    slices = list(slices_of(str(path), 50))
    path.write_bytes(packed(LINE, kind, 1))
    sentence = f"{path} has become shorter while it was read"
    for part in slices:
        with pytest.raises(OSError, match="shorter") as failed:
            list(read_slice(part))
        assert str(failed.value) == sentence


def printed_by(script, path):
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, check=True
    )
    return int(done.stdout)


@pytest.mark.parametrize("kind", ["", ".gz", ".zst"])
def test_reading_leaves_one_descriptor_open_at_most(tmp_path, kind):
    path = tmp_path / f"m.ndjson{kind}"
    path.write_bytes(packed(LINE * 100, kind, 100))
    script = (
        "import os, sys\n"
        "from pipeline.message_files import read_slice, slices_of\n"
        "before = len(os.listdir('/proc/self/fd'))\n"
        "for part in slices_of(sys.argv[1], 50):\n"
        "    list(read_slice(part))\n"
        "print(len(os.listdir('/proc/self/fd')) - before)\n"
    )
    assert printed_by(script, path) == (1 if kind else 0)


@pytest.mark.parametrize("name", ["m.ndjson.zst", "m.json.zst"])
def test_memory_does_not_grow_with_the_file(tmp_path, name):
    lines = [os.urandom(500).hex().encode() for _ in range(48_000)]
    content = b"\n".join(b'"%b"' % line for line in lines)
    if name == "m.json.zst":
        content = b"[\n" + content.replace(b"\n", b",\n") + b"]"
    (tmp_path / name).write_bytes(zstandard.compress(content, level=1))
    script = (
        "import resource, sys\n"
        "from pipeline.message_files import read_slice, slices_of\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "for part in slices_of(sys.argv[1], 1 << 20):\n"
        "    for batch in read_slice(part):\n"
        "        pass\n"
        "print(peak() - before)\n"
    )
    assert len(content) > 48_000_000
    assert printed_by(script, tmp_path / name) < 24_000  # kB


def names(found):
    return [path.rpartition("/")[2] for path in found]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a.ndjson", ["a.ndjson"]),
        ("*.ndjson", ["a.ndjson", "b.ndjson"]),
        ("?.ndjson*", ["a.ndjson", "b.ndjson", "c.ndjson.gz"]),
        ("[x]/d.ndjson", ["d.ndjson"]),
        ("*/d.ndjson", ["d.ndjson"]),
    ],
)
def test_files_come_in_the_order_of_their_names(tmp_path, pattern, expected):
    for name in ("b.ndjson", "a.ndjson", "c.ndjson.gz"):
        (tmp_path / name).touch()
    (tmp_path / "[x]").mkdir()
    (tmp_path / "[x]" / "d.ndjson").write_bytes(LINE)
    found = find_files(f"{tmp_path}/{pattern}")
    assert names(found) == expected
    assert all(file_size(path) in (0, len(LINE)) for path in found)


def test_a_name_that_cannot_stand_in_any_output_is_an_error(tmp_path):
    name = os.fsencode(tmp_path / "m") + b"\xe9.ndjson"
    with open(name, "wb"):
        pass
    for pattern in (f"{tmp_path}/*", os.fsdecode(name)):
        with pytest.raises(ValueError, match="rename") as refused:
            find_files(pattern)
        assert str(refused.value) == (
            f"the name '{tmp_path}/m\\udce9.ndjson' is not UTF-8: rename the file"
        )


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        ("none.ndjson", FileNotFoundError),
        ("*.ndjson", FileNotFoundError),
        ("nowhere/*", FileNotFoundError),
        (".", IsADirectoryError),
    ],
)
def test_a_pattern_without_files_is_an_error(tmp_path, pattern, error):
    with pytest.raises(error) as missing:
        find_files(f"{tmp_path}/{pattern}")
    assert missing.value.filename == f"{tmp_path}/{pattern}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("m.json", [("#", 1, b'{"a":1}'), ("#", 2, b'{"b":2}')]),
        ("m.ndjson", [(":", 1, b'[{"a":1},{"b":2}]')]),
        ("m.jsonl", [(":", 1, b'[{"a":1},{"b":2}]')]),
    ],
)
def test_a_lone_whole_array_is_a_line_where_the_name_says_lines(
    name, expected, tmp_path
):
    """So that a part of such a file means what the whole means."""
    path = tmp_path / name
    path.write_bytes(b'[{"a":1},{"b":2}]\n')
    found = [
        (batch.prefix[-1], position, payload)
        for part in slices_of(str(path), 1 << 20)
        for batch in read_slice(part)
        for position, payload in zip(batch.positions, batch.payloads, strict=True)
    ]
    assert found == expected
