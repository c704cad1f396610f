"""The layout of a store: claimed once, then kept."""

import json
import subprocess
import sys

import pytest

from pipeline import layout
from pipeline.layout import (
    DEFAULT_SHARDS,
    MOST_SHARDS,
    NAME,
    LayoutError,
    claim,
    is_claimed,
    suitable_shards,
)
from pipeline.upsert_files import Folder
from transforms.model import Slot
from transforms.schema import SCHEMA_VERSION


@pytest.fixture
def store(tmp_path):
    return Folder(str(tmp_path))


def recorded(store):
    return json.loads(store.read(NAME))


@pytest.mark.parametrize(("shards", "chosen"), [(None, DEFAULT_SHARDS), (3, 3), (1, 1)])
def test_a_new_store_records_its_layout(store, shards, chosen):
    assert claim(store, shards, {"hr": 0, "ecg": 60, "walk": -1}, "") == chosen
    periods = {"hr": 0, "ecg": 60, "walk": -1}
    assert recorded(store) == {
        "schema": SCHEMA_VERSION,
        "shards": chosen,
        "periods": periods,
        "rules": "",
    }


HOUR, NEXT = Slot(0, 60), Slot(3_600_000_000, 60)


def spread(slot, size, shards=MOST_SHARDS):
    return {(shard, *slot): size for shard in range(shards)}


@pytest.mark.parametrize(
    ("sizes", "chosen"),
    [
        ({}, 4),
        (spread(HOUR, 12), 4),  # eight to a file, 96 in each
        (spread(HOUR, 13), 8),
        (spread(HOUR, 26), 16),
        (spread(HOUR, 51), 32),
        (spread(HOUR, 5_000), 32),  # no more than readings are put aside by
        ({(0, *HOUR): 5_000}, 32),  # one patient: nothing helps
        # One busy hour among quiet ones, then among others like it.
        (spread(HOUR, 51) | {(0, 9 * n, 60): 60 for n in range(1, 30)}, 4),
        (spread(HOUR, 51) | {(0, 9 * n, 60): 60 for n in range(1, 20)}, 32),
        (spread(HOUR, 8) | spread(NEXT, 8), 4),
    ],
)
def test_a_new_store_gets_the_shards_that_its_readings_need(monkeypatch, sizes, chosen):
    monkeypatch.setattr(layout, "_FULL", 100)
    assert suitable_shards(sizes) == chosen


def test_a_store_is_claimed_once(store):
    assert not is_claimed(store)
    claim(store, None, {}, "")
    assert is_claimed(store)


@pytest.mark.parametrize("shards", [None, 3])
def test_a_store_keeps_its_shards_and_learns_new_types(store, shards):
    claim(store, 3, {"hr": 0}, "")
    assert claim(store, shards, {"ecg": 60}, "") == 3
    assert recorded(store)["periods"] == {"hr": 0, "ecg": 60}


@pytest.mark.parametrize(
    ("shards", "periods", "sentence"),
    [
        (
            4,
            {},
            "{} has 3 shards, not 4: leave --shards out, or choose another --out",
        ),
        (
            None,
            {"hr": 60},
            "{} holds type [hr] with a periodInterval of 0, the FHIR mapping now says"
            " 60: rename the type, or choose another --out and run the messages again",
        ),
        (
            None,
            {"hr": -1},
            "{} holds type [hr] with a periodInterval of 0, the FHIR mapping now says"
            " -1: rename the type, or choose another --out and run the messages again",
        ),
    ],
)
def test_another_layout_is_refused_and_changes_nothing(
    store, shards, periods, sentence
):
    claim(store, 3, {"hr": 0}, "")
    before = store.read(NAME)
    with pytest.raises(LayoutError) as refused:
        claim(store, shards, periods, "")
    assert str(refused.value) == sentence.format(store.uri)
    assert store.read(NAME) == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"schema":%d}' % SCHEMA_VERSION,
        b'{"schema":%d,"shards":"3","periods":{},"rules":""}' % SCHEMA_VERSION,
        b'{"schema":%d,"shards":true,"periods":{},"rules":""}' % SCHEMA_VERSION,
        b'{"schema":%d,"shards":3,"rules":""}' % SCHEMA_VERSION,
        b'{"schema":%d,"shards":3,"periods":[],"rules":""}' % SCHEMA_VERSION,
        b'{"schema":%d,"shards":3,"periods":{}}' % SCHEMA_VERSION,
        b'{"schema":%d,"shards":3,"periods":{},"rules":null}' % SCHEMA_VERSION,
    ],
)
def test_a_damaged_record_is_refused_not_guessed(store, content):
    store.update(NAME, lambda _known: content)
    with pytest.raises(LayoutError) as refused:
        claim(store, None, {}, "")
    sentence = f"{store.uri}/{NAME} is damaged: restore it, or choose another --out"
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("recorded", "now", "known", "this"),
    [
        ("", "medtech", "the usual rules", "[medtech]"),
        ("medtech", "", "[medtech]", "the usual rules"),
        ("zoneless=utc", "medtech", "[zoneless=utc]", "[medtech]"),
    ],
)
def test_other_rules_are_refused_and_change_nothing(store, recorded, now, known, this):
    claim(store, 3, {"hr": 0}, recorded)
    assert claim(store, None, {"hr": 0}, recorded) == 3
    before = store.read(NAME)
    with pytest.raises(LayoutError) as refused:
        claim(store, None, {"ecg": 0}, now)
    assert str(refused.value) == (
        f"{store.uri} was written by {known}, this run goes by {this}, under which"
        " times and ids differ: run as before, or choose another --out and run the"
        " messages again"
    )
    assert store.read(NAME) == before


@pytest.mark.parametrize("version", [1, 99, None])
def test_a_store_of_another_schema_is_refused(store, version):
    content = json.dumps({"schema": version, "shards": 3, "periods": {}}).encode()
    store.update(NAME, lambda _known: content)
    with pytest.raises(LayoutError) as refused:
        claim(store, None, {}, "")
    assert str(refused.value) == (
        f"{store.uri} was written with schema {version}, this version writes"
        f" {SCHEMA_VERSION}: choose another --out"
    )


_CLAIM = """
import sys
from pipeline.layout import claim
from pipeline.upsert_files import Folder
print("ready", flush=True)
sys.stdin.readline()
number = int(sys.argv[2])
print(claim(Folder(sys.argv[1]), None, {f"type{number}": number}, ""))
"""


def test_runs_that_begin_together_agree(store):
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", _CLAIM, store.uri, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in range(3)
    ]
    for run in runs:
        assert run.stdout.readline() == b"ready\n"
    for run in runs:
        run.stdin.write(b"go\n")
        run.stdin.flush()
    answers = [run.communicate()[0] for run in runs]
    assert answers == [b"%d\n" % DEFAULT_SHARDS] * 3
    assert recorded(store)["periods"] == {"type0": 0, "type1": 1, "type2": 2}
