"""Batch Bundles: what is asked of a FHIR server, and what it answers."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.bundle import (
    Entry,
    MalformedAnswerError,
    Outcome,
    batch,
    id_of,
    identified,
    issue_codes,
    outcomes,
    put,
    read,
    search,
    split,
    version_of,
)

BASE = "https://server/fhir"
BODY = b'{"resourceType":"Patient","id":"p"}'


def test_a_batch_asks_for_everything_in_the_standards_words():
    entries = [
        put("Patient", "p", BODY),
        put("Patient", "q", BODY, if_match="3"),
        put("Patient", "r", BODY, if_none_match=True),
        Entry("POST", "Patient", BODY, if_none_exist="identifier=x"),
        Entry("PUT", "Observation?identifier=s%7Cv", BODY),
        read("Device", "d"),
        search("Device", "identifier=x"),
        Entry("DELETE", "Observation/o"),
    ]
    document = json.loads(batch(entries, BASE))
    resource = json.loads(BODY)
    created, conditional = (document["entry"][n].pop("fullUrl") for n in (3, 4))
    assert created.startswith("urn:uuid:")
    assert conditional.startswith("urn:uuid:")
    assert created != conditional
    assert document == {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [
            {
                "fullUrl": f"{BASE}/Patient/p",
                "resource": resource,
                "request": {"method": "PUT", "url": "Patient/p"},
            },
            {
                "fullUrl": f"{BASE}/Patient/q",
                "resource": resource,
                "request": {"method": "PUT", "url": "Patient/q", "ifMatch": 'W/"3"'},
            },
            {
                "fullUrl": f"{BASE}/Patient/r",
                "resource": resource,
                "request": {"method": "PUT", "url": "Patient/r", "ifNoneMatch": "*"},
            },
            {
                "resource": resource,
                "request": {
                    "method": "POST",
                    "url": "Patient",
                    "ifNoneExist": "identifier=x",
                },
            },
            {
                "resource": resource,
                "request": {"method": "PUT", "url": "Observation?identifier=s%7Cv"},
            },
            {"request": {"method": "GET", "url": "Device/d"}},
            {"request": {"method": "GET", "url": "Device?identifier=x"}},
            {"request": {"method": "DELETE", "url": "Observation/o"}},
        ],
    }


def test_numbers_keep_their_digits_on_the_way_to_the_server():
    assert b'"value":98.60}' in batch([put("X", "x", b'{"value":98.60}')], BASE)


@pytest.mark.parametrize(
    ("system", "value", "query"),
    [
        ("", "ann", "identifier=ann"),
        ("urn:x", "ann", "identifier=urn%3Ax%7Cann"),
        ("", "a b&c=d", "identifier=a%20b%26c%3Dd"),
        ("", "a,b", "identifier=a%5C%2Cb"),
        ("", "a|b", "identifier=a%5C%7Cb"),
        ("", "a$b", "identifier=a%5C%24b"),
        ("", "a\\b", "identifier=a%5C%5Cb"),
        ("http://x/a|b", "é", "identifier=http%3A%2F%2Fx%2Fa%5C%7Cb%7C%C3%A9"),
    ],
)
def test_an_identifier_is_searched_for_exactly(system, value, query):
    assert identified(system, value) == query


@given(
    st.lists(st.integers(0, 50), max_size=40), st.integers(1, 9), st.integers(1, 100)
)
def test_bundles_hold_everything_once_and_no_more_than_allowed(sizes, most, most_bytes):
    entries = [put("X", str(n), b"x" * size) for n, size in enumerate(sizes)]
    parts = [entries[part] for part in split(entries, most, most_bytes)]
    assert [entry for part in parts for entry in part] == entries
    for part in parts:
        assert 1 <= len(part) <= most
        assert len(part) == 1 or sum(len(e.body) for e in part) <= most_bytes
    for part, following in itertools.pairwise(parts):
        bodies = sum(len(entry.body) for entry in part)
        fits = len(part) < most and bodies + len(following[0].body) <= most_bytes
        assert not fits, "a Bundle more than needed"


ISSUES = {"resourceType": "OperationOutcome", "issue": [{"code": "invalid"}]}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"response": {"status": "201"}}, Outcome(201)),
        ({"response": {"status": "201 Created"}}, Outcome(201)),
        (
            {
                "response": {
                    "status": "200 OK",
                    "etag": 'W/"2"',
                    "location": "Patient/p/_history/2",
                }
            },
            Outcome(200, version="2", id="p"),
        ),
        (
            {"response": {"status": "200", "etag": "2", "location": f"{BASE}/Xy/y"}},
            Outcome(200, version="2", id="y"),
        ),
        (
            {"resource": {"resourceType": "Patient"}, "response": {"status": "200"}},
            Outcome(200, resource={"resourceType": "Patient"}),
        ),
        (
            {"response": {"status": "422 Nope", "outcome": ISSUES}},
            Outcome(422, issues=ISSUES),
        ),
        (
            {"resource": ISSUES, "response": {"status": "422"}},
            Outcome(422, None, ISSUES),
        ),
        ({"response": {"status": "404", "outcome": "none"}}, Outcome(404)),
        ({"response": {"status": "200", "etag": 1, "location": 2}}, Outcome(200)),
    ],
)
def test_servers_answer_in_several_ways(entry, expected):
    document = {"resourceType": "Bundle", "entry": [entry]}
    assert outcomes(document, 1) == [expected]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "x",
        {},
        {"entry": None},
        {"entry": []},
        {"entry": [{}, {}]},
        {"entry": ["x"]},
        {"entry": [{"response": "x"}]},
        {"entry": [{"response": {}}]},
        {"entry": [{"response": {"status": "OK"}}]},
        {"entry": [{"response": {"status": "2000"}}]},
        {"entry": [{"response": {"status": None}}]},
    ],
)
def test_anything_else_is_no_answer(document):
    with pytest.raises(MalformedAnswerError):
        outcomes(document, 1)


@pytest.mark.parametrize(
    ("text", "version"),
    [('W/"3"', "3"), ('"3"', "3"), ("3", "3"), ("", None), ('W/"a-b"', "a-b")],
)
def test_versions_are_read_from_etags(text, version):
    assert version_of(text) == version


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("Patient/p", "p"),
        ("Patient/p/_history/1", "p"),
        (f"{BASE}/Patient/p", "p"),
        (f"{BASE}/Patient/p/_history/1", "p"),
        ("", None),
        ("p", None),
        (f"{BASE}/", None),
    ],
)
def test_ids_are_read_from_locations(location, name):
    assert id_of(location) == name


def test_issue_codes_quote_nothing():
    said = [
        {"code": "invalid", "diagnostics": "SECRET"},
        {"code": "SECRET"},
        {"code": "structure", "details": {"text": "SECRET"}},
        "SECRET",
        {"code": ["invalid"]},
        {"code": "invalid"},
    ]
    assert issue_codes({"issue": said}) == "invalid, structure"
    assert (
        issue_codes({"issue": "SECRET"}) == issue_codes({}) == issue_codes(None) == ""
    )
