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
        ([{}], Saved(), None),
        ([{"b": B1, "a": A1}], Saved(created=("b", "a")), [A1, B1]),
        ([{"a": A1}, {"a": A1}], Saved(unchanged=("a",)), [A1]),
        ([{"a": A1}, {"a": A2}], Saved(updated=("a",)), [A2]),
        ([{"b": B1}, {}], Saved(), [B1]),
        (
            [{"a": A1, "b": B1}, {"a": A2, "b": B1, "c": C1}],
            Saved(("c",), ("a",), ("b",)),
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
    assert save_resources(folder, "file.ndjson", {"a": A1}) == Saved(updated=("a",))
    assert folder.read("file.ndjson") == A1 + b"\n"


@pytest.mark.parametrize(
    ("resources", "removed", "saved", "content"),
    [
        ({}, ["a"], Saved(removed=("a",)), [B1]),
        ({}, ["x", "b", "a"], Saved(removed=("b", "a")), []),
        ({}, ["x"], Saved(), [A1, B1]),
        (
            {"a": A2, "c": C1},
            ["b"],
            Saved(("c",), ("a",), removed=("b",)),
            [A2, C1],
        ),
    ],
)
def test_what_is_removed_stands_there_no_more(
    tmp_path, resources, removed, saved, content
):
    folder = Folder(str(tmp_path))
    save_resources(folder, "file.ndjson", {"a": A1, "b": B1})
    for expected in (saved, Saved(unchanged=tuple(resources))):
        assert (
            save_resources(folder, "file.ndjson", resources, removed=removed)
            == expected
        )
        lines = b"".join(line + b"\n" for line in content)
        assert folder.read("file.ndjson") == lines


def test_a_file_of_which_nothing_is_left_does_not_tell_what_it_held(tmp_path):
    folder = Folder(str(tmp_path))
    save_resources(folder, "emptied.ndjson", {"a": A1})
    for name in ("emptied.ndjson", "never-filled.ndjson"):
        save_resources(folder, name, {}, removed=["a"])
        assert folder.read(name) == b""


def device(patient):
    link = b',"patient":{"reference":"Patient/%b"}' % patient if patient else b""
    return b'{"resourceType":"Device","id":"d"%b}' % link


@pytest.mark.parametrize(
    ("steps", "saved", "content"),
    [
        ([b"p", b"p"], Saved(unchanged=("d",)), b"p"),
        ([b"p", b"q"], Saved(updated=("d",)), b""),
        ([b"q", b"p"], Saved(updated=("d",)), b""),
        ([b"p", b"q", b"p"], Saved(unchanged=("d",)), b""),
    ],
)
def test_a_merge_decides_what_two_versions_become(tmp_path, steps, saved, content):
    folder = Folder(str(tmp_path))
    for patient in steps:
        shell = {"d": device(patient)}
        last = save_resources(folder, "file.ndjson", shell, merge_shells)
    assert last == saved
    assert folder.read("file.ndjson") == device(content) + b"\n"
