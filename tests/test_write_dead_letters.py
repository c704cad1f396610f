"""Dead letters in their files."""

import hashlib
import itertools
import json
import random

import apache_beam as beam
import pytest

from pipeline.upsert_files import Folder
from pipeline.write_dead_letters import WriteDeadLetters, letter_file, save_letters
from transforms.dead_letters import dead_letter
from transforms.errors import IncompatibleDataError
from transforms.model import LetterBatch


def letter(position, payload=b"{}", enqueued_at=None, version="v", source="in/m:"):
    error = IncompatibleDataError("no value", "send one")
    place = f"{source}{position}"
    return dead_letter("Normalize", error, payload, place, enqueued_at, version)


@pytest.mark.parametrize(
    ("source", "stem", "origin", "stretch"),
    [
        ("in/day.ndjson:1", "day.ndjson", "in/day.ndjson", "00000"),
        ("in/day.ndjson#1", "day.ndjson", "in/day.ndjson", "00000"),
        ("in/day.ndjson:99999", "day.ndjson", "in/day.ndjson", "00000"),
        ("in/day.ndjson:100000", "day.ndjson", "in/day.ndjson", "00001"),
        ("in/day.ndjson:12345678901", "day.ndjson", "in/day.ndjson", "123456"),
        ("other/day.ndjson:1", "day.ndjson", "other/day.ndjson", "00000"),
        ("in/9:30#2:1", "9_30_2", "in/9:30#2", "00000"),
        ("topic/3/17", "topic-3", "topic/3", "00000"),
        ("a.topic_2/12/100000", "a.topic_2-12", "a.topic_2/12", "00001"),
        ("project/sub/10000000000017", "sub", "project/sub", "4a"),
        ("project/sub/10000000000018", "sub", "project/sub", "2b"),
        ("a b/ü:ber 1:2", "_ber_1", "a b/ü:ber 1", "00000"),
        ("two\nlines:3", "two_lines", "two\nlines", "00000"),
        ("dir/:7", "source", "dir/", "00000"),
        ("standard input", "standard_input", "standard input", "00000"),
        (f"in/{'x' * 250}:1", "x" * 100, f"in/{'x' * 250}", "00000"),
    ],
)
def test_a_file_is_named_by_its_source_and_stretch(source, stem, origin, stretch):
    digest = hashlib.sha256(origin.encode()).hexdigest()[:8]
    assert letter_file(source) == f"{stem}-{digest}-{stretch}.ndjson"


def saved(folder, *steps):
    for letters in steps:
        save_letters(Folder(str(folder)), "file.ndjson", letters)
    return (folder / "file.ndjson").read_bytes()


def test_a_letter_is_a_line_with_all_its_fields(tmp_path):
    one = letter(7, b"\xff", enqueued_at=1_772_349_295_000_000)
    assert json.loads(saved(tmp_path, [one])) == {
        "id": one.id,
        "stage": "Normalize",
        "error": "IncompatibleDataException",
        "message": "no value",
        "suggestion": "send one",
        "type": None,
        "template": None,
        "expression": None,
        "payload": "\ufffd",
        "payload_base64": "/w==",
        "source": "in/m:7",
        "enqueued_at": "2026-03-01T07:14:55Z",
        "first_seen": "2026-03-01T07:14:55Z",
        "last_seen": "2026-03-01T07:14:55Z",
        "count": 1,
        "mapping_version": "v",
    }


def test_letters_stand_in_the_order_of_their_positions(tmp_path):
    letters = [letter(position) for position in (*range(95, 105), *range(5, 15))]
    lines = saved(tmp_path, letters[1::2], letters[::2]).splitlines()
    sources = [json.loads(line)["source"] for line in lines]
    assert sources == [f"in/m:{n}" for n in (*range(5, 15), *range(95, 105))]


def test_letters_saved_again_change_nothing(tmp_path):
    letters = [letter(1), letter(2, "é\u2028\r\n".encode())]
    once = saved(tmp_path, letters)
    before = (tmp_path / "file.ndjson").stat().st_ino
    assert saved(tmp_path, letters, letters[:1]) == once
    assert (tmp_path / "file.ndjson").stat().st_ino == before


def test_the_file_is_the_same_in_whatever_parts_and_order_letters_come(tmp_path):
    letters = [
        letter(position, enqueued_at=enqueued_at, version=version)
        for position, enqueued_at, version in itertools.product(
            (1, 2), (None, 1_000_000, 1_500_000), ("a", "b")
        )
    ]
    contents = set()
    for seed in range(12):
        mixed = random.Random(seed).sample(letters, len(letters))
        folder = tmp_path / str(seed)
        contents.add(saved(folder, mixed[:seed], mixed[seed:], mixed[:3]))
    (content,) = contents
    lines = [json.loads(line) for line in content.splitlines()]
    assert [
        (line["first_seen"], line["last_seen"], line["count"], line["mapping_version"])
        for line in lines
    ] == [("1970-01-01T00:00:01Z", "1970-01-01T00:00:01.5Z", 1, "b")] * 2


def test_the_stage_puts_each_letter_into_its_file(tmp_path):
    batches = [
        LetterBatch([letter(1), letter(2, source="in/n:")]),
        LetterBatch([letter(1), letter(100_000)]),
    ]
    with beam.Pipeline(runner="FnApiRunner") as root:
        letters = root | beam.Create(batches, reshuffle=False)
        letters | WriteDeadLetters(Folder(str(tmp_path)))
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    expected = [letter(1), letter(2, source="in/n:"), letter(100_000)]
    assert files == {
        letter_file(one.source): json.dumps(
            one.document(), separators=(",", ":")
        ).encode()
        + b"\n"
        for one in expected
    }
