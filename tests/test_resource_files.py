"""NDJSON files of resources, upserted by id."""

import pytest

from pipeline.resource_files import Saved, save_resources
from pipeline.upsert_files import Folder
from transforms.shells import merge_shells


def resource(resource_id, value):
    return b'{"resourceType":"Observation","id":"%b","value":%d}' % (
        resource_id.encode(),
        value,
    )


A1, A2, B1, C1 = (
    resource("a", 1),
    resource("a", 2),
    resource("b", 1),
    resource("c", 1),
)


@pytest.mark.parametrize(
    ("steps", "saved", "content"),
    [
        ([{}], Saved(0, 0, 0), None),
        ([{"b": B1, "a": A1}], Saved(2, 0, 0), [A1, B1]),
        ([{"a": A1}, {"a": A1}], Saved(0, 0, 1), [A1]),
        ([{"a": A1}, {"a": A2}], Saved(0, 1, 0), [A2]),
        ([{"b": B1}, {}], Saved(0, 0, 0), [B1]),
        (
            [{"a": A1, "b": B1}, {"a": A2, "b": B1, "c": C1}],
            Saved(1, 1, 1),
            [A2, B1, C1],
        ),
    ],
)
def test_resources_are_upserted_by_id(tmp_path, steps, saved, content):
    folder = Folder(str(tmp_path))
    for step in steps:
        last = save_resources(folder, "file.ndjson", step)
    expected = None if content is None else b"".join(line + b"\n" for line in content)
    assert last == saved
    assert folder.read("file.ndjson") == expected


def test_what_is_unchanged_is_not_written(tmp_path):
    folder = Folder(str(tmp_path))
    save_resources(folder, "file.ndjson", {"a": A1})
    before = (tmp_path / "file.ndjson").stat().st_ino
    save_resources(folder, "file.ndjson", {"a": A1})
    assert (tmp_path / "file.ndjson").stat().st_ino == before


@pytest.mark.parametrize(
    "foreign",
    [
        b'{"id": "a", "resourceType": "Observation", "value": 0}',
        b'{"value":{"id":"b"},"id":"a"}',
        rb'{"resourceType":"Observation","id":"\u0061"}',
    ],
)
def test_lines_that_others_wrote_are_known_by_their_id(tmp_path, foreign):
    (tmp_path / "file.ndjson").write_bytes(foreign + b"\n")
    folder = Folder(str(tmp_path))
    assert save_resources(folder, "file.ndjson", {"a": A1}) == Saved(0, 1, 0)
    assert folder.read("file.ndjson") == A1 + b"\n"


def device(patient):
    link = b',"patient":{"reference":"Patient/%b"}' % patient if patient else b""
    return b'{"resourceType":"Device","id":"d"%b}' % link


@pytest.mark.parametrize(
    ("steps", "saved", "content"),
    [
        ([b"p", b"p"], Saved(0, 0, 1), b"p"),
        ([b"p", b"q"], Saved(0, 1, 0), b""),
        ([b"q", b"p"], Saved(0, 1, 0), b""),
        ([b"p", b"q", b"p"], Saved(0, 0, 1), b""),
    ],
)
def test_a_merge_decides_what_two_versions_become(tmp_path, steps, saved, content):
    folder = Folder(str(tmp_path))
    for patient in steps:
        shell = {"d": device(patient)}
        last = save_resources(folder, "file.ndjson", shell, merge_shells)
    assert last == saved
    assert folder.read("file.ndjson") == device(content) + b"\n"
