"""Patients and Devices as the messages know them."""

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.shells import merge_shells, shells_of

_COLUMNS = ("patient_id", "patient_identifier", "device_id", "device_identifier")


def readings(*rows):
    columns = zip(*rows, strict=True) if rows else ([] for _ in _COLUMNS)
    named = dict(zip(_COLUMNS, columns, strict=True))
    named["value"] = [0.0] * len(rows)
    return pa.table({name: pa.array(list(column)) for name, column in named.items()})


def resources(shells):
    return {key: orjson.loads(content) for key, content in shells.items()}


def patient(patient_id, identifier):
    return {
        "resourceType": "Patient",
        "id": patient_id,
        "identifier": [{"value": identifier}],
    }


def device(device_id, identifier, link):
    linked = {} if link is None else {"patient": {"reference": f"Patient/{link}"}}
    return {
        "resourceType": "Device",
        "id": device_id,
        "identifier": [identifier],
        **linked,
    }


@pytest.mark.parametrize(
    ("rows", "system", "expected"),
    [
        ([], "", {}),
        (
            [("p1", "Ada", "d1", "watch"), ("p1", "Ada", "d1", "watch")],
            "",
            {
                ("Patient", "p1"): patient("p1", "Ada"),
                ("Device", "d1"): device("d1", {"value": "watch"}, "p1"),
            },
        ),
        (
            [("p1", "Ada", "d1", "watch"), ("p1", "Ada", "d2", "cuff")],
            "urn:d",
            {
                ("Patient", "p1"): patient("p1", "Ada"),
                ("Device", "d1"): device(
                    "d1", {"system": "urn:d", "value": "watch"}, "p1"
                ),
                ("Device", "d2"): device(
                    "d2", {"system": "urn:d", "value": "cuff"}, "p1"
                ),
            },
        ),
        (
            [
                ("p1", "Ada", "d1", "watch"),
                ("p2", "Bob", "d1", "watch"),
                ("p1", "Ada", "d1", "watch"),
            ],
            "",
            {
                ("Patient", "p1"): patient("p1", "Ada"),
                ("Patient", "p2"): patient("p2", "Bob"),
                ("Device", "d1"): device("d1", {"value": "watch"}, None),
            },
        ),
    ],
)
def test_readings_name_patients_and_devices_once(rows, system, expected):
    assert resources(shells_of(readings(*rows), system)) == expected


def shell(*links):
    """The device as readings of these patients make it."""
    rows = [(link, f"name of {link}", "d1", "watch") for link in links]
    return shells_of(readings(*rows), "")["Device", "d1"]


_SHELLS = st.lists(st.sampled_from(["p1", "p2", "p3"]), min_size=1).map(
    lambda links: shell(*links)
)


@given(_SHELLS, _SHELLS, _SHELLS)
def test_merging_is_commutative_associative_and_idempotent(one, two, three):
    both = merge_shells(one, two)

    assert both == merge_shells(two, one)
    assert merge_shells(both, three) == merge_shells(one, merge_shells(two, three))
    assert merge_shells(one, one) == one
    assert merge_shells(None, one) == one
    assert merge_shells(both, one) == both


@given(st.lists(st.sampled_from(["p1", "p2"]), min_size=1), st.data())
def test_however_readings_are_split_the_device_is_the_same(links, data):
    split = data.draw(st.integers(0, len(links) - 1))
    parts = [part for part in (links[:split], links[split:]) if part]
    merged = None
    for part in parts:
        merged = merge_shells(merged, shell(*part))

    assert merged == shell(*links)


def test_a_device_of_two_patients_is_linked_to_none():
    assert orjson.loads(merge_shells(shell("p1"), shell("p2"))) == device(
        "d1", {"value": "watch"}, None
    )
    assert orjson.loads(merge_shells(shell("p1"), shell("p1"))) == device(
        "d1", {"value": "watch"}, "p1"
    )
